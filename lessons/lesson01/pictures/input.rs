//! The image of the pictures.

use anyhow::Result;
use candle_core::{Device, Tensor};
use scenes::{Grain, Scene};
use studio::Material;

/// The image in the pictures.
pub const IMAGE: u64 = 7;

/// The image of the pictures, `[3, height, width]` in [0, 1], and its name; a scene without its grain.
pub fn image(material: &Material) -> Result<(Tensor, String)> {
    let sample = material.image(IMAGE)?;
    let pixels = match &sample.rendered {
        Some(rendered) => smooth(&rendered.scene)?,
        None => sample.pixels,
    };
    Ok((pixels, sample.name))
}

/// A scene without its grain, `[3, height, width]` in [0, 1].
pub fn smooth(scene: &Scene) -> Result<Tensor> {
    let none = Grain { strength: 0.0, seed: 0 };
    Ok(scene.with_grain(none).render().image.to_tensor(&Device::Cpu)?)
}

/// Brightness, `[1, height, width]`.
pub fn grey(image: &Tensor) -> Result<Tensor> {
    Ok(image.mean_keepdim(0)?)
}
