//! Exercise 5.2: how much each channel matters for a class.

use candle_core::{Result, Tensor};

/// ## 5.2 How much does each channel matter?
///
/// A channel matters for a class if nudging it moves the class score. The gradient says by how much at each place;
/// average it over the map.
///
/// ```math
/// alpha_k = 1/(H·W) · Σ_ij ∂y/∂A_kij
/// ```
/// - `gradients`: ∂y/∂A, `[batch, channels, height, width]`
/// - returns α, `[batch, channels, 1, 1]`, in units of class score per unit of activation
///
/// **Errors** if `gradients` is not of rank 4.
/// **Source** Selvaraju et al. 2017, "Grad-CAM", equation 1.
/// **Accepted by** `cargo test -p lesson05 -- ex5_2`
pub fn channel_weights(gradients: &Tensor) -> Result<Tensor> {
    gradients.dims4()?;
    todo!("exercise 5.2: average over height and width")
}
