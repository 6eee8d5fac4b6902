//! The images of the pictures, one by one and many at a time.

use anyhow::Result;
use candle_core::Tensor;
use resnet::ResNet;
use studio::Material;

/// The image in the pictures.
pub const IMAGE: u64 = 7;

/// Images that go through the network together.
pub const BATCH: usize = 8;

/// How many images the statistics are of: fewer for a network that takes long.
pub fn many(material: &Material) -> u64 {
    let wanted = match material.network().config().width {
        ..=32 => 2000,
        _ => 200,
    };
    material.image_count().unwrap_or(wanted).min(wanted)
}

/// The part of them that a slower picture takes; of few all.
pub fn some(material: &Material, part: u64) -> u64 {
    const FEW: u64 = 32;
    let all = many(material);
    (all / part).max(all.min(FEW))
}

/// Sends images through the network, batch by batch, and shows `look` the place in `sites` and the activation there.
pub fn each_batch(
    material: &Material,
    network: &ResNet,
    images: u64,
    sites: &[&str],
    mut look: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<()> {
    let bar = studio::progress(images, "images");
    let traces = material.batches(0..images, BATCH).map(|batch| {
        let pixels = batch?.pixels;
        Ok((network.capture(&resnet::normalize(&pixels)?, sites)?, pixels.dim(0)?))
    });
    resnet::one_ahead(traces, |(trace, images)| {
        for (index, site) in sites.iter().enumerate() {
            look(index, trace.activation(site)?)?;
        }
        bar.inc(images as u64);
        Ok(())
    })
}
