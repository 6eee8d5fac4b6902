//! The methods that are compared.

use anyhow::Result;
use candle_core::Tensor;
use lesson05::{edges, grad_cam, grad_cam_plus_plus, guided_backprop, saliency};
use resnet::ResNet;
use studio::{LeftOut, Material, Parts};

pub const SITES: [&str; 4] = ["layer1", "layer2", "layer3", "layer4"];

pub type Cam = fn(&ResNet, &Tensor, &[u32], &str) -> candle_core::Result<Tensor>;

pub const METHODS: [(&str, Cam); 2] = [("Grad-CAM", grad_cam), ("Grad-CAM++", grad_cam_plus_plus)];

/// Maps of a batch, `[batch, height, width]`, by method.
pub type Maps = [(&'static str, Tensor)];

/// The map that knows nothing of the network.
pub const EDGES: &str = "edges";

/// Maps by every method that is done.
///
/// A few images at a time: guided backpropagation looks at every site, and the graph below a gradient holds all it has
/// seen, for a ResNet-50 about 200 MB for an image.
pub fn all_maps(
    parts: &mut Parts,
    network: &ResNet,
    images: &Tensor,
    classes: &[u32],
) -> Result<Vec<(&'static str, Tensor)>> {
    /// Pixels times the stem's width.
    const AT_ONCE: usize = 1 << 22;
    let (batch, _, height, width) = images.dims4()?;
    let few = (AT_ONCE / (network.config().width * height * width)).clamp(1, batch);
    let mut all: Vec<(&'static str, Vec<Tensor>)> = vec![];
    for first in (0..batch).step_by(few) {
        let few = few.min(batch - first);
        let maps = maps_of(
            parts,
            network,
            &images.narrow(0, first, few)?,
            &classes[first..first + few],
        )?;
        for (method, (name, maps)) in maps.into_iter().enumerate() {
            match all.get_mut(method) {
                Some((_, all)) => all.push(maps),
                None => all.push((name, vec![maps])),
            }
        }
    }
    all.into_iter()
        .map(|(name, maps)| Ok((name, Tensor::cat(&maps, 0)?)))
        .collect()
}

fn maps_of(
    parts: &mut Parts,
    network: &ResNet,
    images: &Tensor,
    classes: &[u32],
) -> Result<Vec<(&'static str, Tensor)>> {
    let mut maps = vec![
        ("Grad-CAM, layer4", grad_cam(network, images, classes, "layer4")?),
        ("Grad-CAM, layer3", grad_cam(network, images, classes, "layer3")?),
    ];
    let of_pixels = parts.make("saliency", || Ok(saliency(network, images, classes)?))?;
    maps.extend(of_pixels.map(|map| ("saliency", map)));
    let guided = parts.make("guided backpropagation", || {
        Ok(guided_backprop(network, images, classes)?.abs()?.max(1)?)
    })?;
    maps.extend(guided.map(|map| ("guided backprop", map)));
    maps.push((EDGES, edges(images)?));
    Ok(maps)
}

/// Does something with both shipped networks, each with the word for it, and the same images; or with one of the learner's own.
pub fn for_networks(material: &Material, mut see: impl FnMut(&'static str, &Material) -> Result<()>) -> Result<()> {
    match material.beside("scenes") {
        Ok(ordinary) => {
            see("ordinary", &ordinary)?;
            see("robust", &material.beside("robust")?)
        }
        Err(error) if error.is::<LeftOut>() => see("", material),
        Err(error) => Err(error),
    }
}

/// What a caption says of them.
pub fn named(material: &Material) -> String {
    match material.beside("scenes") {
        Ok(_) => "ResNet-18 “scenes” (ordinary) and “robust”".into(),
        Err(_) => material.network_name().into(),
    }
}

/// The classes that a picture asks about, one for each image, and which they are, for its caption: the first of `--class`, else
/// those of the data if the network knows them, else those it finds most probable.
pub fn asked(material: &Material, images: &Tensor, labels: &[usize]) -> Result<(Vec<u32>, &'static str)> {
    if let [class, ..] = material.wanted() {
        return Ok((vec![*class as u32; images.dim(0)?], "the one asked for"));
    }
    if material.knows_labels() && labels.len() == images.dim(0)? {
        return Ok((labels.iter().map(|&label| label as u32).collect(), "the true one"));
    }
    Ok((
        material.network().forward(images)?.argmax(1)?.to_vec1()?,
        "the most probable one",
    ))
}
