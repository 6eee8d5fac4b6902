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
    replace(network, images, site, |activation| {
        let channels = activation.dim(1)?;
        if let Some(unit) = units.iter().find(|&&unit| unit >= channels) {
            bail!("expected units below {channels}, got {unit}")
        }
        let kept: Vec<f32> = (0..channels)
            .map(|channel| f32::from(u8::from(!units.contains(&channel))))
            .collect();
        let mut shape = vec![1; activation.rank()];
        shape[1] = channels;
        activation.broadcast_mul(&Tensor::from_vec(kept, shape, &Device::Cpu)?)
    })
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
    let direction = (direction / f64::from(length))?;
    replace(network, images, site, |activation| {
        let channels = activation.dim(1)?;
        let mut shape = vec![1; activation.rank()];
        shape[1] = channels;
        let direction = direction.reshape(shape)?;
        let along = activation.broadcast_mul(&direction)?.sum_keepdim(1)?;
        activation - along.broadcast_mul(&direction)?
    })
}

/// The logits when `change` is applied to the activation at `site`.
///
/// **Errors** if there is no such site, or as `change` does.
fn replace(
    network: &ResNet,
    images: &Tensor,
    site: &str,
    change: impl Fn(&Tensor) -> Result<Tensor> + Sync,
) -> Result<Tensor> {
    if !network.sites().iter().any(|name| name == site) {
        bail!("expected a site of the network, got {site:?}")
    }
    resnet::by_image(images, |image| {
        network.forward_visit(image, &mut |name, activation| {
            (name == site).then(|| change(activation)).transpose()
        })
    })
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
    let class = |logits: &Tensor| logits.argmax(D::Minus1);
    let flipped = class(before)?.ne(&class(after)?)?.to_dtype(DType::F64)?;
    let change = (after - before)?.abs()?.to_dtype(DType::F64)?;
    Ok(Effect {
        logit_change: change.mean_all()?.to_scalar()?,
        flipped: flipped.mean_all()?.to_scalar()?,
    })
}
