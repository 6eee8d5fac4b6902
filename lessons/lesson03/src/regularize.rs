//! Exercise 3.3: what speaks against noise.

use candle_core::{Result, Tensor, bail};

/// Softens the corner of the total variation at 0, in units of pixel value.
const SOFTNESS: f64 = 1e-3;

/// ## 3.3 What does noise have that a picture has not?
///
/// Neighbouring pixels of a photograph are alike; those of the images that plain ascent finds are not. The total variation
/// measures it: how far a pixel is from its right and its lower neighbour, on average.
///
/// ```math
/// dx = x[c, i, j+1] − x[c, i, j],    dy = x[c, i+1, j] − x[c, i, j]
/// tv = mean over c, i, j of ( √(dx² + dy² + s²) − s ),    s = 0.001
/// ```
/// - `images`: `[batch, channels, height, width]`; the mean goes over the pixels that have both neighbours,
///   (height − 1)·(width − 1) in each channel
/// - returns `[batch]`, in units of pixel value; 0 for a flat image. Its gradient is finite everywhere
///
/// **Errors** if `images` is not of rank 4 or has a side below 2.
/// **Trap** Without s the root has an infinite slope at 0, and candle's gradient there is NaN. A flat grey image, the
/// natural start, is such a place.
/// **Source** Mahendran and Vedaldi 2015, "Understanding deep image representations by inverting them", section 2.1; they
/// take the sum of a power of the same expression.
/// **Accepted by** `cargo test -p lesson03 -- ex3_3`
pub fn total_variation(images: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    if height < 2 || width < 2 {
        bail!("expected sides of at least 2, got {height}×{width}");
    }
    todo!("exercise 3.3: four shifted views of the images, by narrow")
}

/// How far an image is from plain grey: a price on contrast.
///
/// ```math
/// l2 = mean over the image of (x − ½)²
/// ```
/// - `images`: `[batch, …]`, values in [0, 1]; returns `[batch]`
///
/// **Trap** Around ½, not around 0: the second would prefer black images to grey ones.
pub fn l2(images: &Tensor) -> Result<Tensor> {
    todo!("exercise 3.3: the mean square of the distance from ½")
}

/// Replaces each pixel by a weighted mean of its surroundings: high frequencies go, low ones stay.
///
/// ```math
/// blurred[i, j] = Σ_kl K_h[i, k] · x[k, l] · K_w[j, l]
/// K_n[i, k] = exp(−(i − k)² / (2σ²)) / Σ_m exp(−(i − m)² / (2σ²)),    K_n is n×n
/// ```
/// - `images`: `[batch, channels, height, width]`; `sigma`: σ > 0 in pixels
/// - returns the same shape; differentiable
///
/// Each row of K sums to 1, at the borders too, so a flat image stays as it is. As two matrix products this needs no
/// loop: `K_h.broadcast_matmul(images)?.broadcast_matmul(&K_w.t()?)`.
///
/// **Errors** if `images` is not of rank 4 or σ is not positive.
/// **Trap** With zeros beyond the border the rows there sum to less than 1, and a dark frame appears and grows with each
/// step.
pub fn blur(images: &Tensor, sigma: f64) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    if sigma.is_nan() || sigma <= 0.0 {
        bail!("expected a positive sigma, got {sigma}");
    }
    todo!("exercise 3.3: build the matrix K of one side, then two matrix products")
}
