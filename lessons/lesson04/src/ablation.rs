//! Exercise 4.9: does the network use what can be read?

use candle_core::{D, DType, Device, Result, Tensor, bail};
use resnet::ResNet;

/// ## 4.9 Does it matter?
///
/// A probe shows what *can* be read from a layer. Whether the network reads it shows when it is taken away: set some units
/// to 0 at every place, let the rest of the network go on, and look at the logits.
///
/// - `images`: normalized, `[batch, 3, height, width]`
/// - `site`: where; `units`: which channels
/// - returns the logits, `[batch, classes]`
///
/// `network.forward_visit(images, &mut |name, activation| …)` calls the closure at every site, and goes on with the
/// activation that it returns: `Ok(Some(other))`, or `Ok(None)` to leave it as it is. `network.sites()` lists the names of all
/// sites.
///
/// **Errors** if there is no such site, or a unit is not below the number of channels.
/// **Trap** A site whose name is misspelt never comes by. Nothing is removed, nothing changes, and "the network does not
/// use it" is the wrong conclusion.
/// **Accepted by** `cargo test -p lesson04 -- ex4_9`
pub fn without_units(network: &ResNet, images: &Tensor, site: &str, units: &[usize]) -> Result<Tensor> {
    todo!("exercise 4.9: check the site, then forward_visit with a closure that changes one activation")
}

/// The same for a direction in the space of units, such as a probe's weights: what lies along it is taken out at every
/// place, what is perpendicular to it stays.
///
/// ```math
/// a′ = a − (a·d/‖d‖²)·d        a: the vector of all units at one place
/// ```
/// - `direction`: d, f32, `[channels]`, of any length but 0
/// - the rest as in [`without_units`]
///
/// **Errors** if there is no such site, the number of channels differs, or d is 0.
pub fn without_direction(network: &ResNet, images: &Tensor, site: &str, direction: &Tensor) -> Result<Tensor> {
    let length = direction.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
    if length == 0.0 {
        bail!("expected a direction, got zeros")
    }
    todo!("exercise 4.9: the same visit; a·d is a sum over dimension 1")
}

/// What a change did to the network's answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Mean over images and classes of |logit after − logit before|.
    pub logit_change: f64,
    /// Share of images whose predicted class is another one.
    pub flipped: f64,
}

/// Compares logits before and after a change, both `[batch, classes]`.
///
/// **Errors** if the shapes differ.
pub fn effect(before: &Tensor, after: &Tensor) -> Result<Effect> {
    if before.dims2()? != after.dims2()? {
        bail!(
            "expected logits of one shape, got {:?} and {:?}",
            before.dims(),
            after.dims()
        )
    }
    todo!("exercise 4.9: mean absolute difference, and the share of rows whose argmax differs")
}
