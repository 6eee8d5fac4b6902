//! Exercise 5.1: class activation maps of a network that ends in an average and one linear layer.

use candle_core::{Result, Tensor, bail};

/// ## 5.1 Which places speak for a class?
///
/// A ResNet averages each channel of `layer4` over all places and adds the averages up with the class's weights. Sums
/// may change places: weigh first, average last. What is averaged last is a map that says how much each place speaks for
/// the class, or against it.
///
/// ```math
/// logit_c = bias_c + Σ_k w_ck · mean_ij(A_kij) = bias_c + mean_ij(M_ij)
/// M_ij = Σ_k w_ck · A_kij
/// ```
/// - `activations`: A, the last feature maps, `[batch, channels, height, width]`
/// - `fc_weight`: w, `[classes, channels]`, a row for each class
/// - `class`: c
/// - returns M, `[batch, height, width]`, in units of the logit; its mean is the logit without the bias
///
/// **Errors** if a rank or the number of channels does not fit, or there is no such class.
/// **Trap** The map has a sign. Cut at zero it would no longer add up to the logit.
/// **Source** Zhou et al. 2016, "Learning deep features for discriminative localization", section 2.
/// **Accepted by** `cargo test -p lesson05 -- ex5_1`
pub fn class_activation_map(activations: &Tensor, fc_weight: &Tensor, class: usize) -> Result<Tensor> {
    let (_, channels, _, _) = activations.dims4()?;
    let (classes, features) = fc_weight.dims2()?;
    if features != channels || class >= classes {
        bail!("expected a class below {classes} and {features} channels, got class {class} and {channels} channels");
    }
    todo!("exercise 5.1: multiply each channel by its weight for the class, add the channels up")
}
