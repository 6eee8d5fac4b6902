//! Exercise 5.6: gradients down to the pixels, and activation against importance.

use crate::class_score;
use candle_core::{CpuStorage, CustomOp1, Error, Layout, Result, Shape, Tensor, Var, bail};
use resnet::ResNet;

/// Which pixels would move the class score if they changed a little? Part of exercise 5.6.
///
/// ```math
/// S_ij = max over colours of |∂y/∂x_cij|
/// ```
/// - `images`: x, normalized, `[batch, 3, height, width]`
/// - `classes`: the class of each image; y is [`class_score`](crate::class_score)
/// - returns S, `[batch, height, width]`
///
/// **Errors** as `class_score` does.
/// **Source** Simonyan et al. 2013, "Deep inside convolutional networks", section 3.
pub fn saliency(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    todo!("exercise 5.6: make the images a Var, differentiate the score")
}

/// Changes nothing on the way forward and lets only positive gradients through on the way back. Part of exercise 5.6.
///
/// Write `bwd`; candle calls it with the gradient that arrives. `x.apply_op1(Guide)?` puts it behind x.
pub struct Guide;

impl CustomOp1 for Guide {
    fn name(&self) -> &'static str {
        "guide"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("expected a contiguous tensor, got {layout:?}");
        };
        let copy = match x {
            CpuStorage::F32(x) => CpuStorage::F32(x[start..end].to_vec()),
            CpuStorage::F64(x) => CpuStorage::F64(x[start..end].to_vec()),
            _ => bail!("expected f32 or f64, got another type"),
        };
        Ok((copy, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        todo!("exercise 5.6: what of this gradient may pass?")
    }
}

/// The gradient of the class score with a harder rule at every ReLU: what is negative on the way back is dropped too.
/// Part of exercise 5.6.
///
/// ```math
/// relu, backward:     g · [x > 0]
/// guided, backward:   g · [x > 0] · [g > 0]
/// ```
/// - arguments as [`saliency`]; returns a signed image, `[batch, 3, height, width]`
///
/// `network.forward_visit(images, &mut |site, activation| …)` shows every activation and goes on with what you return:
/// `Ok(Some(other))`, or `Ok(None)` for no change. Sites are called `relu`, `layer1.0.relu`, `layer1.0.relu_1`, …;
/// `network.sites()` lists them.
///
/// **Errors** as `class_score` does.
/// **Trap** The first ReLU is called `relu`, without a dot.
/// **Source** Springenberg et al. 2014, "Striving for simplicity", section 3.4.
pub fn guided_backprop(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    todo!("exercise 5.6: put a Guide behind every ReLU")
}

/// ## 5.6 Active is not important
///
/// A channel can be strongly active and mean nothing to the class, or speak against it. How much it contributes is
/// what it is worth (the gradient) times how much of it there is. Write [`saliency`] and [`guided_backprop`] above too;
/// the checks begin with this one.
///
/// ```math
/// contribution_k = Σ_ij A_kij · ∂y/∂A_kij
/// ```
/// - `activations`: A, and `gradients`: ∂y/∂A, both `[batch, channels, height, width]`
/// - returns `[batch, channels]`, signed. At `layer4` of a ResNet they add up to the logit without its bias
///
/// **Errors** if the shapes differ or are not of rank 4.
/// **Accepted by** `cargo test -p lesson05 -- ex5_6`
pub fn contributions(activations: &Tensor, gradients: &Tensor) -> Result<Tensor> {
    if activations.dims4()? != gradients.dims4()? {
        bail!(
            "expected activations and gradients of one shape, got {:?} and {:?}",
            activations.dims(),
            gradients.dims()
        );
    }
    todo!("exercise 5.6: activation times gradient, added up over the map")
}
