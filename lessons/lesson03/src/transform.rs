//! Exercise 3.4: looking at the image a little differently each time.

use candle_core::{DType, Result, Tensor, bail};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// ## 3.4 Does it still work if you move it?
///
/// A pattern of noise excites a unit at exactly one place. If the image is shifted, turned and scaled a little before each
/// step, only what survives all of that can grow. The first is jitter:
///
/// ```math
/// rolled[i, j] = x[(i − down) mod height, (j − right) mod width]
/// ```
/// - `images`: `[batch, channels, height, width]`; `down`, `right`: in pixels, negative for up and left
/// - returns the same shape. What leaves at one side comes back at the other, so `roll(-down, -right)` undoes it
///
/// **Errors** if `images` is not of rank 4.
/// **Source** Mordvintsev, Olah and Tyka 2015, "Inceptionism"; Olah et al. 2017, section "Transformation robustness".
/// **Accepted by** `cargo test -p lesson03 -- ex3_4`
pub fn roll(images: &Tensor, down: i32, right: i32) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    todo!("exercise 3.4: take the last `down` rows off with narrow and put them on top with cat; the columns likewise")
}

/// Turns and scales around the middle of the image, by looking up where each pixel comes from.
///
/// ```math
/// u = j − (width − 1)/2,    v = i − (height − 1)/2
/// column = (cos θ · u − sin θ · v) / scale + (width − 1)/2     clamped to [0, width − 1]
/// row    = (sin θ · u + cos θ · v) / scale + (height − 1)/2    clamped to [0, height − 1]
/// turned[i, j] = x at (row, column), bilinear between the four pixels around it
/// ```
/// - `images`: `[batch, channels, height, width]`
/// - `angle`: θ in radians, counter-clockwise as one sees it; `scale`: above 1 enlarges
/// - returns the same shape, differentiable. What lies beyond the border is the border's colour
///
/// Bilinear: with row = r + a and column = c + b (r, c whole, a, b from 0 to 1) the pixels (r, c), (r, c+1), (r+1, c),
/// (r+1, c+1) weigh (1−a)(1−b), (1−a)b, a(1−b), ab. `index_select` on the flattened images picks all pixels of one corner
/// at once, and passes gradients back.
///
/// **Errors** if `images` is not of rank 4 or `scale` is not positive.
/// **Trap** Not where each pixel goes to: then some pixels of the result would get nothing.
/// **Source** Jaderberg et al. 2015, "Spatial transformer networks", section 3.3.
pub fn turn(images: &Tensor, angle: f64, scale: f64) -> Result<Tensor> {
    let (batch, channels, height, width) = images.dims4()?;
    if scale.is_nan() || scale <= 0.0 {
        bail!("expected a positive scale, got {scale}");
    }
    todo!("exercise 3.4: first the row and the column that each pixel comes from, as [height, width] tensors")
}

/// How much an image is moved before each step; the default not at all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Wobble {
    /// The largest shift in each direction, in pixels.
    pub jitter: i32,
    /// The largest turn either way, in radians.
    pub angle: f64,
    /// The largest relative change of size either way: 0.1 scales by 0.9 to 1.1.
    pub scale: f64,
}

impl Wobble {
    /// Moves all images of a batch in one random way, by [`roll`] and [`turn`].
    pub fn apply(&self, images: &Tensor, random: &mut ChaCha8Rng) -> Result<Tensor> {
        let mut moved = images.clone();
        if self.angle > 0.0 || self.scale > 0.0 {
            let angle = self.angle * random.random_range(-1.0..=1.0);
            let scale = 1.0 + self.scale * random.random_range(-1.0..=1.0);
            moved = turn(&moved, angle, scale)?;
        }
        if self.jitter > 0 {
            let mut shift = || random.random_range(-self.jitter..=self.jitter);
            moved = roll(&moved, shift(), shift())?;
        }
        Ok(moved)
    }
}
