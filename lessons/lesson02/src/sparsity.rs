//! Exercise 2.4: how much of a layer is silent.

use candle_core::{DType, Result, Tensor, bail};

/// The share of zeros, between 0 and 1, counted in three ways.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsity {
    /// Of all values.
    pub layer: f64,
    /// Of each image's values: how much of the layer one image leaves silent. One per image.
    pub by_image: Vec<f64>,
    /// Of each channel's values, over all images and places: how selective the channel is. One per channel.
    pub by_channel: Vec<f64>,
}

/// ## 2.4 What does it mean that a layer is 50 % sparse?
///
/// That half of its values are zero: exactly zero, as a ReLU makes them, not small and not negative. Before the ReLU
/// hardly a value is exactly 0, so measure behind it.
///
/// ```math
/// sparsity = number of zeros / number of values
/// ```
/// - `activations`: after a ReLU, `[batch, channels, height, width]`
/// - returns the three shares. All three have the same mean: it is the same zeros, sorted differently
///
/// **Errors** if the rank is not 4, if there is no value, or if a value is NaN: NaN is neither zero nor active, and
/// candle's own `relu` would turn it into a 0.
/// **Source** the guide's topic 2.3; Willmore and Tolhurst 2001 for the two ways, "population" (by image) and
/// "lifetime" (by channel).
/// **Accepted by** `cargo test -p lesson02 -- ex2_4`
pub fn sparsity(activations: &Tensor) -> Result<Sparsity> {
    activations.dims4()?;
    if activations.elem_count() == 0 {
        bail!("expected at least one value, got {:?}", activations.dims());
    }
    todo!("exercise 2.4: refuse NaN; then a mask of zeros, and its mean in three ways")
}
