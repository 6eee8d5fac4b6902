//! Exercise 5.5: Grad-CAM++.

use crate::{class_score, weighted_map};
use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

/// ## 5.5 Weigh places before averaging them
///
/// Grad-CAM averages a channel's gradient over the map: a small figure has few places, and so little weight.
/// Grad-CAM++ gives each place a coefficient of its own, chosen so that a channel's weight depends little on how many
/// places it is active at. It takes the exponential of the logit for the score, so that second and third derivatives are
/// powers of the first, g = ∂logit/∂A. Only places whose gradient is positive count.
///
/// ```math
/// alpha_kij = g_kij² / ( 2·g_kij² + g_kij³ · Σ_ab A_kab )        where g > 0
/// weight_k  = Σ_ij alpha_kij · relu(g_kij)
/// ```
/// - `activations`: A, at least 0, `[batch, channels, height, width]`
/// - `gradients`: g, the same shape
/// - returns `[batch, channels, 1, 1]`
///
/// The paper's weights are these times e^logit. It is the same for all channels, so the map has the same shape, and it
/// overflows.
///
/// **Errors** if the ranks are not 4 or the shapes differ.
/// **Trap** Where g is 0, α is 0/0. Divide both by g² on paper first.
/// **Source** Chattopadhay et al. 2018, "Grad-CAM++", section 3.
/// **Accepted by** `cargo test -p lesson05 -- ex5_5`
pub fn plus_plus_weights(activations: &Tensor, gradients: &Tensor) -> Result<Tensor> {
    gradients.dims4()?;
    if activations.dims() != gradients.dims() {
        bail!(
            "expected activations and gradients of one shape, got {:?} and {:?}",
            activations.dims(),
            gradients.dims()
        );
    }
    todo!("exercise 5.5: cancel g² in alpha, then weigh and add up")
}

/// The map: as 5.3, with the weights of Grad-CAM++. Part of exercise 5.5.
///
/// - arguments and result as [`grad_cam`](crate::grad_cam)
pub fn grad_cam_plus_plus(network: &ResNet, images: &Tensor, classes: &[u32], site: &str) -> Result<Tensor> {
    todo!("exercise 5.5: as grad_cam, with the other weights")
}
