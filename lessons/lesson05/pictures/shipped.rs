//! The two shipped networks, and blank images.

use anyhow::Result;
use candle_core::{Device, Tensor};
use resnet::ResNet;
use studio::Material;

use super::methods::for_networks;

/// `scenes` and `robust`, each with the word for it in the pictures.
///
/// **Errors** if the pictures are asked for with another network or another image than the course's own.
pub fn networks(material: &Material) -> Result<[(&'static str, ResNet); 2]> {
    material.needs_scenes("it compares the two networks that know scenes")?;
    Ok([
        ("ordinary", resnet::checkpoints::scenes()?),
        ("robust", resnet::checkpoints::robust()?),
    ])
}

/// Those of [`for_networks`], each with a title for its input.
pub fn compared(material: &Material) -> Result<Vec<(&'static str, ResNet)>> {
    let mut all = vec![];
    for_networks(material, |name, of| {
        all.push((if name.is_empty() { "input" } else { name }, of.network().clone()));
        Ok(())
    })?;
    Ok(all)
}

/// A normalized image of one colour, RGB in [0, 1]: `[1, 3, height, width]`.
pub fn one_colour(colour: [f32; 3], height: usize, width: usize) -> Result<Tensor> {
    let colour = Tensor::new(&colour, &Device::Cpu)?.reshape((1, 3, 1, 1))?;
    Ok(resnet::normalize(&colour)?
        .broadcast_as((1, 3, height, width))?
        .contiguous()?)
}

/// Each image's mean colour everywhere: what is left of it when nothing is shown.
pub fn blank(images: &Tensor) -> Result<Tensor> {
    Ok(images
        .mean_keepdim((2, 3))?
        .broadcast_as(images.shape())?
        .contiguous()?)
}
