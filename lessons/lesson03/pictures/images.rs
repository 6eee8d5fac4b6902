//! Sizes, and images as they are shown.

use anyhow::Result;
use candle_core::{Device, Tensor};
use scenes::Grain;
use studio::{Material, Sample};

/// Side of the images that are made: as the network knows them.
pub fn side(material: &Material) -> usize {
    material.side()
}

/// The image that is dreamt of.
pub const PICTURE: u64 = 7;

/// Widths at which 128 pixels of an image are 128 of the figure, so that nothing is resampled.
pub const WIDTH_OF_FOUR: u32 = 646;

pub const WIDTH_OF_SIX: u32 = 954;

/// A scene without its grain, any other image as it is.
pub fn shown(sample: &Sample) -> Result<Tensor> {
    let none = Grain { strength: 0.0, seed: 0 };
    match &sample.rendered {
        Some(rendered) => {
            let image = rendered.scene.with_grain(none).render().image;
            Ok(image.to_tensor(&Device::Cpu)?)
        }
        None => Ok(sample.pixels.clone()),
    }
}

/// [`WIDTH_OF_FOUR`] for images as the network knows them.
pub fn width_of_four(material: &Material) -> u32 {
    WIDTH_OF_FOUR + 4 * (material.side().max(128) - 128) as u32
}
