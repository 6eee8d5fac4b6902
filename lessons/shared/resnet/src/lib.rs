//! The network that all lessons look into: a ResNet whose every activation has a name, can be read, replaced and
//! differentiated with respect to.
//!
//! ```
//! use resnet::{Config, ResNet};
//! # fn main() -> candle_core::Result<()> {
//! let network = ResNet::untrained(&Config::resnet18().width(8).classes(10), 1)?;
//! let images = candle_core::Tensor::zeros((2, 3, 64, 64), candle_core::DType::F32, &candle_core::Device::Cpu)?;
//! let trace = network.tap(&resnet::normalize(&images)?, &["layer3"])?;
//! assert_eq!(trace.logits.dims(), [2, 10]);
//! assert_eq!(trace.activation("layer3")?.dims(), [2, 32, 4, 4]);
//!
//! let class_score = trace.logits.narrow(1, 7, 1)?.sum_all()?;
//! assert_eq!(trace.gradients(&class_score)?.at("layer3")?.dims(), [2, 32, 4, 4]);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod ahead;
pub mod checkpoints;
mod config;
mod files;
mod fused;
mod layers;
mod memory;
mod network;
pub mod ops;
pub mod parameters;
mod plan;
mod sites;
mod threads;
mod units;

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};
use rayon::prelude::*;

pub use ahead::one_ahead;
pub use config::{Block, Config, Shortcut, Stem};
pub use layers::Mode;
pub use memory::keep_memory;
pub use network::ResNet;
pub use ops::Window;
pub use parameters::Parameters;
pub use sites::{Gradients, Trace, Visitor};
pub use threads::{with_told_processors, without_threads_of_candle};

/// Mean of ImageNet's pixels per channel (red, green, blue), for values in [0, 1].
pub const PIXEL_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Standard deviation of ImageNet's pixels per channel, for values in [0, 1].
pub const PIXEL_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Turns images with values in [0, 1], `[batch, 3, height, width]`, into what the network takes:
/// `(image − mean) / deviation` per channel, with ImageNet's constants.
///
/// **Errors** if the shape is another, or the numbers are neither `f32` nor `f64`.
pub fn normalize(images: &Tensor) -> Result<Tensor> {
    check_images(images)?;
    ops::standardize(images, PIXEL_MEAN, PIXEL_DEVIATION)
}

/// The inverse of [`normalize`].
///
/// **Errors** if the shape is not `[batch, 3, height, width]`.
pub fn denormalize(images: &Tensor) -> Result<Tensor> {
    let (mean, deviation) = pixel_constants(images)?;
    images.broadcast_mul(&deviation)?.broadcast_add(&mean)
}

/// Calls `f` with each image of a batch, `[1, channels, height, width]`, on all cores, and joins what it returns along
/// the first dimension.
///
/// Faster than one call with the whole batch where images do not depend on each other: the activations of one image
/// stay in a core's cache, those of a batch do not. Gradients are computed inside `f`.
///
/// ```
/// # fn main() -> candle_core::Result<()> {
/// # use candle_core::{DType, Device, Tensor, Var};
/// # let network = resnet::ResNet::untrained(&resnet::Config::resnet18().width(4).classes(3), 1)?;
/// # let images = Tensor::zeros((2, 3, 32, 32), DType::F32, &Device::Cpu)?;
/// let input_gradients = resnet::by_image(&images, |image| {
///     let image = Var::from_tensor(image)?;
///     let score = network.forward(&image)?.narrow(1, 0, 1)?.sum_all()?;
///     Ok(score.backward()?.remove(&image).expect("the score depends on the image"))
/// })?;
/// assert_eq!(input_gradients.dims(), images.dims());
/// # Ok(())
/// # }
/// ```
///
/// **Errors** if the batch is empty, or as `f` does.
pub fn by_image(images: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor> + Sync) -> Result<Tensor> {
    match images.dims().first() {
        None | Some(0) => bail!("expected at least one image, got shape {:?}", images.dims()),
        Some(1) => f(images),
        Some(&batch) => {
            let part = |index| f(&images.narrow(0, index, 1)?);
            let parts = (0..batch).into_par_iter().map(part).collect::<Result<Vec<_>>>()?;
            Tensor::cat(&parts, 0)
        }
    }
}

pub(crate) fn check_images(images: &Tensor) -> Result<()> {
    match images.dims() {
        [_, 3, _, _] => Ok(()),
        other => bail!("expected images of shape [batch, 3, height, width], got {other:?}"),
    }
}

/// What the network is to run on: at least one image, of its own type, without NaN.
pub(crate) fn check_batch(images: &Tensor, dtype: DType) -> Result<()> {
    check_images(images)?;
    if images.elem_count() == 0 {
        bail!("expected at least one image with pixels, got shape {:?}", images.dims())
    }
    if images.dtype() != dtype {
        bail!(
            "expected images of {dtype:?} as the network's weights, got {:?}",
            images.dtype()
        )
    }
    if let Some(index) = first_nan(images)? {
        bail!("expected pixels that are numbers, got NaN in image {index}")
    }
    Ok(())
}

/// The first image that holds NaN.
fn first_nan(images: &Tensor) -> Result<Option<usize>> {
    let pixels = images.elem_count() / images.dim(0)?;
    let images = images.contiguous()?;
    let (storage, layout) = images.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        return Ok(None);
    };
    // Piece by piece, and without a way out inside a piece, so that the compiler can compare many at once.
    let nan = match storage {
        CpuStorage::F32(values) => values[start..end]
            .chunks(pixels)
            .position(|image| image.iter().fold(false, |nan, v| nan | v.is_nan())),
        CpuStorage::F64(values) => values[start..end]
            .chunks(pixels)
            .position(|image| image.iter().fold(false, |nan, v| nan | v.is_nan())),
        _ => None,
    };
    Ok(nan)
}

fn pixel_constants(images: &Tensor) -> Result<(Tensor, Tensor)> {
    check_images(images)?;
    let constant = |values: [f32; 3]| {
        Tensor::new(&values, images.device())?
            .to_dtype(images.dtype())?
            .reshape((1, 3, 1, 1))
    };
    Ok((constant(PIXEL_MEAN)?, constant(PIXEL_DEVIATION)?))
}
