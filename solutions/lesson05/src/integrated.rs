//! Exercise 5.11: gradients on the way from nothing to the image.

use crate::class_logits;
use candle_core::{Error, Result, Tensor, Var, bail};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use resnet::ResNet;

/// ## 5.11 A sum that comes out
///
/// Saliency says what the next small change would do, and not how the logit came to be what it is. Walk from an image in
/// which nothing is, the baseline, straight to the image, and add up what each pixel does on the way. Then the sum over
/// all pixels is the difference of the two logits: what the network says of the image and does not say of nothing.
///
/// ```math
/// a_i = (x_i − b_i) · 1/m · Σ_k ∂y/∂x_i at b + (k − ½)/m · (x − b),    k = 1 … m
/// ```
/// - `images`: x, normalized, `[batch, 3, height, width]`
/// - `classes`: the class to explain for each image; y is its logit, [`class_logits`]
/// - `baseline`: b, normalized, `[1, 3, height, width]`, one for all images
/// - `steps`: m. Each step is looked at in its middle
/// - returns a, `[batch, 3, height, width]`, signed, in units of the logit
///
/// **Errors** if there is no step, or as [`class_logits`] does.
/// **Trap** A pixel that looks like the baseline gets 0, whatever it means to the network.
/// **Source** Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", section 3 and equation 3.
/// **Accepted by** `cargo test -p lesson05 -- ex5_11`
pub fn integrated_gradients(
    network: &ResNet,
    images: &Tensor,
    classes: &[u32],
    baseline: &Tensor,
    steps: usize,
) -> Result<Tensor> {
    if steps == 0 {
        bail!("expected at least one step, got 0");
    }
    let way = images.broadcast_sub(baseline)?;
    let mut sum = way.zeros_like()?;
    for k in 0..steps {
        let place = (&way * ((k as f64 + 0.5) / steps as f64))?.broadcast_add(baseline)?;
        sum = (sum + gradient(network, &place, classes)?)?;
    }
    way * (sum / steps as f64)?
}

/// ∂y/∂x of the classes' logits at some images, of their shape.
fn gradient(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let images = Var::from_tensor(images)?;
    let gradients = class_logits(network, &images, classes)?.backward()?;
    gradients
        .get(&images)
        .cloned()
        .ok_or_else(|| Error::Msg("expected logits that depend on the images, got constants".into()))
}

/// By how much the sum misses what it should be, for each image. Part of exercise 5.11.
///
/// ```math
/// gap = | Σ_i a_i − (y(x) − y(b)) |
/// ```
/// - `attributions`: a, `[batch, 3, height, width]`; the other arguments as for [`integrated_gradients`]. `class_logits` wants an
///   image for each class: repeat the baseline
/// - returns `[batch]`, in units of the logit. It shrinks as the steps become more, and shows when they were too few
///
/// **Errors** as [`class_logits`] does.
pub fn completeness_gap(
    network: &ResNet,
    images: &Tensor,
    classes: &[u32],
    baseline: &Tensor,
    attributions: &Tensor,
) -> Result<Tensor> {
    let from_nothing = class_logits(network, &baseline.broadcast_as(images.shape())?.contiguous()?, classes)?;
    let difference = (class_logits(network, images, classes)? - from_nothing)?;
    (attributions.sum((1, 2, 3))? - difference)?.abs()
}

/// Normally distributed noise for some images, `[samples, batch, 3, height, width]`, the same for the same seed. Given.
///
/// - `deviation`: in the units of the images
pub fn noise(images: &Tensor, samples: usize, deviation: f64, seed: u64) -> Result<Tensor> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let numbers = (0..samples * images.elem_count()).map(|_| {
        let number: f64 = StandardNormal.sample(&mut random);
        (deviation * number) as f32
    });
    let shape = [&[samples], images.dims()].concat();
    Tensor::from_vec(numbers.collect(), shape, images.device())
}

/// Saliency without its flicker: the gradient, averaged over copies of the image with noise. Part of exercise 5.11.
///
/// ```math
/// S_ij = max over colours of | 1/n · Σ_s ∂y/∂x_cij at x + noise_s |
/// ```
/// - `noise`: what to add, `[samples, batch, 3, height, width]`, n samples
/// - the other arguments as for [`saliency`](crate::saliency); returns S, `[batch, height, width]`
///
/// **Errors** if there is no sample, if the shapes do not fit, or as [`class_logits`] does.
/// **Trap** The mean first, the magnitude after it. The other way round nothing cancels, and noise in the gradient adds up.
/// **Source** Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", section 3.
pub fn smooth_grad(network: &ResNet, images: &Tensor, classes: &[u32], noise: &Tensor) -> Result<Tensor> {
    let samples = noise.dims()[0];
    if samples == 0 {
        bail!("expected at least one sample, got none");
    }
    let mut sum = images.zeros_like()?;
    for sample in 0..samples {
        sum = (sum + gradient(network, &(images + noise.get(sample)?)?, classes)?)?;
    }
    (sum / samples as f64)?.abs()?.max(1)
}
