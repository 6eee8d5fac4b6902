//! Exercise 5.3: Grad-CAM.

use crate::channel_weights;
use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

/// The score to differentiate: each image's logit of its own class, added up. Part of exercise 5.3.
///
/// ```math
/// y = Σ_b logits[b, classes[b]]
/// ```
/// - `logits`: `[batch, classes]`, before the softmax
/// - `classes`: the class to explain for each image, whatever the network predicts
/// - returns a scalar. Images do not influence each other, so its gradient holds each image's own
///
/// `logits.gather(&indices, 1)?` takes from each row what `indices`, `[batch, 1]` of u32, names.
///
/// **Errors** if there is not one class per image, or no such class.
pub fn class_score(logits: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let (batch, count) = logits.dims2()?;
    if classes.len() != batch || classes.iter().any(|&class| class as usize >= count) {
        bail!("expected {batch} classes below {count}, got {classes:?}");
    }
    todo!("exercise 5.3: pick one logit per image, add them up")
}

/// The map of weighted channels. Part of exercise 5.3.
///
/// ```math
/// L_ij = relu( Σ_k alpha_k · A_kij )
/// ```
/// - `activations`: A, `[batch, channels, height, width]`
/// - `weights`: α, `[batch, channels, 1, 1]`
/// - returns L, `[batch, height, width]`, at least 0; all zeros where no place speaks for the class
///
/// **Errors** if the shapes do not fit.
pub fn weighted_map(activations: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let (batch, channels, _, _) = activations.dims4()?;
    if weights.dims() != [batch, channels, 1, 1] {
        bail!(
            "expected a weight for each channel of {:?}, got {:?}",
            activations.dims(),
            weights.dims()
        );
    }
    todo!("exercise 5.3: weigh, add up, cut at zero")
}

/// ## 5.3 Where did the network look?
///
/// The class activation map of 5.1 needs a network that ends in an average and one linear layer. Gradients give weights
/// for the channels of *any* layer, and where there are such an average and such a layer, the same weights up to a
/// constant. Write the two parts above first; the checks begin with them.
///
/// ```math
/// y     = class_score(logits, classes)
/// alpha = channel_weights(∂y/∂A)
/// L     = weighted_map(A, alpha)
/// ```
/// - `images`: normalized, `[batch, 3, height, width]`
/// - `classes`: the class to explain for each image
/// - `site`: where A comes from, e.g. `layer4`: a site behind a ReLU
/// - returns L, `[batch, site's height, site's width]`
///
/// `let trace = network.tap(images, &[site])?` runs the network and keeps what is needed: `trace.logits`;
/// `trace.activation(site)?`, a reference to a tensor that still leads back into the network (`.detach()` cuts that, and
/// returns a tensor, no `Result`); and with `let gradients = trace.gradients(&y)?`, `gradients.at(site)?`, a tensor of your own.
///
/// **Errors** if there is no such site or class.
/// **Trap** The score is the logit. The probability saturates: at p = 0.999 its gradient is a thousandth of the logit's,
/// and it also asks what speaks against the other classes.
/// **Source** Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2.
/// **Accepted by** `cargo test -p lesson05 -- ex5_3`
pub fn grad_cam(network: &ResNet, images: &Tensor, classes: &[u32], site: &str) -> Result<Tensor> {
    todo!("exercise 5.3: tap the site, differentiate the score, weigh the activation")
}
