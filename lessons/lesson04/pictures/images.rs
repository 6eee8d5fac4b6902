//! Images, scenes and features of many images.

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson04::features;
use resnet::ResNet;
use scenes::Scene;
use studio::{Batch, Material};

/// From the image to the class.
pub const SITES: [&str; 5] = ["conv1", "layer1", "layer2", "layer3", "layer4"];

/// Images for probes, and the share that tests them.
pub const IMAGES: u64 = 1500;

/// Images at a time: what the memory has to hold.
pub const BATCH: usize = 25;

/// The untrained network beside the trained one: the same architecture, first weights.
pub fn untrained(material: &Material) -> Result<ResNet> {
    first_weights(material, 1)
}

/// The same from another draw.
pub fn first_weights(material: &Material, seed: u64) -> Result<ResNet> {
    Ok(ResNet::untrained(material.network().config(), seed)?)
}

/// The two shipped networks that know scenes, each with the word for it in the pictures: the ordinary one, and the one that
/// was trained against an adversary.
///
/// **Errors** if the pictures are asked for with another network or other images than the course's own.
pub fn networks(material: &Material) -> Result<[(&'static str, Material); 2]> {
    Ok([
        ("ordinary", material.beside("scenes")?),
        ("robust", material.beside("robust")?),
    ])
}

/// As many images as a picture asks for, or as there are.
pub fn count(material: &Material, wanted: u64) -> u64 {
    material.image_count().map_or(wanted, |there| there.min(wanted))
}

/// Normalized batches with a progress bar; `see` gets each batch as it comes.
pub fn normalized<'a>(
    material: &'a Material,
    images: u64,
    what: &'static str,
    mut see: impl FnMut(&Batch) + 'a,
) -> impl Iterator<Item = candle_core::Result<Tensor>> + 'a {
    let bar = studio::progress(images, what);
    material.batches(0..images, BATCH).map(move |batch| {
        let batch = batch.map_err(candle_core::Error::wrap)?;
        see(&batch);
        bar.inc(batch.len() as u64);
        resnet::normalize(&batch.pixels)
    })
}

/// The scenes behind the first images.
pub fn scenes_of(material: &Material, images: u64) -> Result<Vec<Scene>> {
    let mut scenes = vec![];
    for batch in material.batches(0..images, BATCH) {
        scenes.extend(batch?.rendered.into_iter().map(|one| one.scene));
    }
    Ok(scenes)
}

/// The features (4.1) of the first images at the sites, and what `label` says of each batch.
pub fn gather<T>(
    material: &Material,
    network: &ResNet,
    images: u64,
    sites: &[&str],
    grid: usize,
    label: impl Fn(&Batch) -> Vec<T>,
) -> Result<(Vec<Tensor>, Vec<T>)> {
    let mut labels = vec![];
    let mut parts = vec![vec![]; sites.len()];
    let batches = normalized(material, images, "features", |batch| labels.extend(label(batch)));
    for images in batches {
        let rows = features(network, &images?, sites, grid)?;
        parts.iter_mut().zip(rows).for_each(|(part, rows)| part.push(rows));
    }
    let joined = parts.iter().map(|parts| Tensor::cat(parts, 0));
    Ok((joined.collect::<candle_core::Result<_>>()?, labels))
}

/// The rows with these numbers.
pub fn select(features: &Tensor, rows: &[usize]) -> Result<Tensor> {
    let numbers: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    Ok(features
        .contiguous()?
        .index_select(&Tensor::new(numbers, &Device::Cpu)?, 0)?)
}
