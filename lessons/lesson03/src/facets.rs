//! Exercise 3.8: is one image the whole answer?

use candle_core::{Result, Tensor, bail};

/// ## 3.8 Is one image the whole answer?
///
/// A unit can want several things, and from one start the ascent finds one of them. To find several at once, maximize a batch
/// and subtract how alike its images are to the layer. Two images are alike if the same channels are active *together* in
/// both, wherever that is; the Gram matrix says so:
///
/// ```math
/// G_n[k, l] = Σ_yx A[n, k, y, x] · A[n, l, y, x]
/// similarity = mean over all pairs n ≠ m of  ⟨G_n, G_m⟩ / (‖G_n‖·‖G_m‖ + 1e-8)
/// ```
/// where ⟨ , ⟩ multiplies two matrices number by number and sums, and ‖G‖ = √⟨G, G⟩.
///
/// - `activations`: A, `[batch, channels, height, width]`
/// - returns a scalar: 1 if all images look the same to the layer, 0 if they have nothing in common. Differentiable
///
/// **Errors** if `activations` is not of rank 4, or there are fewer than two images.
/// **Trap** An image is always like itself: pairs with n = m do not count.
/// **Source** Olah et al. 2017, section "Diversity"; they take the sum over pairs.
/// **Accepted by** `cargo test -p lesson03 -- ex3_8`
pub fn similarity(activations: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = activations.dims4()?;
    if batch < 2 {
        bail!("expected at least two images, got {batch}");
    }
    todo!("exercise 3.8: flatten the places; the Gram matrices are one batched matmul")
}

/// The optimum says what a unit *could* respond to. What it does respond to, in the world it lives in, only data can say.
///
/// - `scores`: one number per image of a data set, by the objective of 3.1
/// - `count`: how many images to name
/// - returns the indices of the images with the highest scores, highest first; of equal ones the earlier first; all of
///   them if there are fewer than `count`
///
/// **Trap** `sort` does not work on f32, because NaN has no place in an order; `total_cmp` gives it one, and puts it above
/// everything else. An image whose score is NaN does not belong into the answer. Nor does `total_cmp` take 0.0 and −0.0
/// for equal; `partial_cmp` does.
pub fn top_examples(scores: &[f32], count: usize) -> Vec<usize> {
    todo!("exercise 3.8: sort the indices by their scores")
}
