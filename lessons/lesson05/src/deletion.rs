//! Exercise 5.12: take the pixels away in the order of a map.

use candle_core::{D, Result, Tensor, bail};
use resnet::ResNet;

/// The pixels from the largest value of a map to the smallest. Part of exercise 5.12.
///
/// - `map`: `[height, width]`
/// - returns their numbers, row·width + column; of equal values the first in reading order comes first
pub fn pixel_order(map: &Tensor) -> Result<Vec<u32>> {
    todo!("exercise 5.12: sort the numbers of the pixels by their values")
}

/// One image with some pixels of another. Part of exercise 5.12.
///
/// - `image`, `other`: `[1, 3, height, width]`
/// - `pixels`: the numbers of those that come from `other`, in all three colours
/// - returns `[1, 3, height, width]`
pub fn exchanged(image: &Tensor, other: &Tensor, pixels: &[u32]) -> Result<Tensor> {
    todo!("exercise 5.12: a mask of the pixels, and where_cond")
}

/// ## 5.12 Does the score follow the map?
///
/// If a map says what the answer rests on, the answer must go when the best pixels go, and come when they come: *deletion*
/// exchanges an image's pixels for those of a blank one, largest value first, and *insertion* the blank one's for those of
/// the image. Both are this function; only `from` and `to` change places. Write the two parts above first, and
/// [`area_under`] below; the checks begin with them.
///
/// ```math
/// p_k = softmax(logits of `from` with the first ⌊k·pixels/steps⌋ of the order taken from `to`)[class],    k = 0 … steps
/// ```
/// - `from`, `to`: normalized, `[1, 3, height, width]`
/// - `order`: every pixel once, as [`pixel_order`] gives them
/// - returns the `steps` + 1 probabilities
///
/// **Errors** if there is no step, the order has not each pixel once, or there is no such class.
/// **Trap** Here the score is the probability: curves of different images are averaged, and logits have no common scale.
/// **Source** Petsiuk, Das and Saenko 2018, "RISE", section 4.2.
/// **Accepted by** `cargo test -p lesson05 -- ex5_12`
pub fn exchange_curve(
    network: &ResNet,
    from: &Tensor,
    to: &Tensor,
    class: u32,
    order: &[u32],
    steps: usize,
) -> Result<Vec<f64>> {
    let (_, _, height, width) = from.dims4()?;
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if steps == 0 || sorted.iter().ne(&(0..(height * width) as u32).collect::<Vec<_>>()) {
        bail!(
            "expected a step and each of {} pixels once, got {steps} and {}",
            height * width,
            order.len()
        );
    }
    todo!("exercise 5.12: more and more of the order, the network on each, softmax")
}

/// The area under a curve over [0, 1] with equal steps, by trapezoids. Part of exercise 5.12.
///
/// ```math
/// area = 1/steps · Σ_k (p_{k−1} + p_k) / 2,    k = 1 … steps
/// ```
/// - `curve`: the `steps` + 1 values; returns their mean height. Of deletion low is good, of insertion high
///
/// **Errors** if there are fewer than two values.
pub fn area_under(curve: &[f64]) -> Result<f64> {
    if curve.len() < 2 {
        bail!("expected at least two values, got {}", curve.len());
    }
    todo!("exercise 5.12: the mean of each neighbouring pair, added up")
}
