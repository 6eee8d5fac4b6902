//! The methods that are compared.

use anyhow::Result;
use candle_core::Tensor;
use lesson05::{edges, grad_cam, grad_cam_plus_plus, guided_backprop, saliency};
use resnet::ResNet;
use studio::Material;

pub const SITES: [&str; 4] = ["layer1", "layer2", "layer3", "layer4"];

pub type Cam = fn(&ResNet, &Tensor, &[u32], &str) -> candle_core::Result<Tensor>;

pub const METHODS: [(&str, Cam); 2] = [("Grad-CAM", grad_cam), ("Grad-CAM++", grad_cam_plus_plus)];

/// Maps of a batch, `[batch, height, width]`, by method.
///
/// A few images at a time: guided backpropagation looks at every site, and the graph below a gradient holds all it has
/// seen, for a ResNet-50 about 200 MB for an image.
pub fn all_maps(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Vec<(&'static str, Tensor)>> {
    /// Pixels times the stem's width.
    const AT_ONCE: usize = 1 << 22;
    let (batch, _, height, width) = images.dims4()?;
    let few = (AT_ONCE / (network.config().width * height * width)).clamp(1, batch);
    let mut all: Vec<(_, Vec<Tensor>)> = vec![];
    for first in (0..batch).step_by(few) {
        let few = few.min(batch - first);
        let maps = maps_of(network, &images.narrow(0, first, few)?, &classes[first..first + few])?;
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

fn maps_of(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<[(&'static str, Tensor); 5]> {
    Ok([
        ("Grad-CAM, layer4", grad_cam(network, images, classes, "layer4")?),
        ("Grad-CAM, layer3", grad_cam(network, images, classes, "layer3")?),
        ("saliency", saliency(network, images, classes)?),
        (
            "guided backprop",
            guided_backprop(network, images, classes)?.abs()?.max(1)?,
        ),
        ("edges", edges(images)?),
    ])
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
