//! Exercise 3.7: DeepDream.

use candle_core::{Result, Tensor, bail};

use crate::ascent::{Function, ascent_step};
use crate::transform::roll;

/// How to dream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dream {
    /// Number of sizes, 1 or more.
    pub octaves: usize,
    /// How much larger each size is than the one before; above 1, 1.4 for example.
    pub ratio: f64,
    /// Steps at each size.
    pub steps: usize,
    /// How far a typical pixel moves in a step.
    pub step_size: f64,
}

/// ## 3.7 What does a layer see in a picture?
///
/// DeepDream does not ask for one unit. It shows the network a picture and amplifies whatever a layer finds there. It works
/// at several sizes: a unit's receptive field is always as large, so in a small copy it finds large things.
///
/// First the sizes, smallest first. Octave o of O is
///
/// ```math
/// side_o = round( side / ratio^(O−1−o) ),    o = 0 … O−1
/// ```
/// - `height`, `width`: of the picture; `octaves`: O
/// - returns (height, width) of each octave; the last one is the picture's own
///
/// **Errors** if `octaves` is 0, `ratio` is not above 1, or a side comes out as 0.
/// **Trap** An octave is a ratio, not a difference: each size follows from the picture's own, without rounding twice.
/// **Accepted by** `cargo test -p lesson03 -- ex3_7`
pub fn octave_sizes(height: usize, width: usize, octaves: usize, ratio: f64) -> Result<Vec<(usize, usize)>> {
    if octaves == 0 || ratio.is_nan() || ratio <= 1.0 {
        bail!("expected at least one octave and a ratio above 1, got {octaves} and {ratio}");
    }
    todo!("exercise 3.7: divide both sides by ratio to the power of octaves − 1 − octave, and round")
}

/// Resizes images bilinearly, each side by a matrix product; differentiable. Pixel centres lie at halves, as in PyTorch's
/// `interpolate` with `align_corners=False`.
///
/// - `images`: `[batch, channels, height, width]`; returns `[batch, channels, rows, columns]`
///
/// **Errors** if `images` is not of rank 4.
pub fn resize(images: &Tensor, rows: usize, columns: usize) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    let matrix = |to: usize, from: usize| {
        let step = from as f64 / to as f64;
        let source = ((Tensor::arange(0f64, to as f64, images.device())? + 0.5)? * step)?;
        let source = (source - 0.5)?.clamp(0.0, from as f64 - 1.0)?.unsqueeze(1)?;
        let place = Tensor::arange(0f64, from as f64, images.device())?;
        let share = (1.0 - source.broadcast_sub(&place)?.abs()?)?.maximum(0.0)?; // a tent of width 2
        share.to_dtype(images.dtype())
    };
    matrix(rows, height)?
        .broadcast_matmul(images)?
        .broadcast_matmul(&matrix(columns, width)?.t()?)
}

/// The dream itself. The picture is carried through the sizes together with the *detail* that has been dreamt, so that what
/// a small copy lacks is taken from the picture again at each size:
///
/// ```math
/// detail = 0, at the smallest size
/// for each size, smallest first:
///     base = resize(picture, size),    x = base + resize(detail, size)
///     steps times:  x ← clamp₀₁( roll⁻¹( ascent_step( roll(x) ) ) ),    rolled another way each time
///     detail = x − base
/// the dream is x at the last size
/// ```
/// - `picture`: `[batch, 3, height, width]` in [0, 1]
/// - `objective`: `[batch]` from images of any size: `Target::Layer` at some site
/// - `shift`: (down, right) for the next roll
/// - returns the shape of `picture`
///
/// Here the roll happens outside of what is differentiated, and has to be undone; in 3.5 it was part of the function.
///
/// **Errors** as [`octave_sizes`] and [`ascent_step`] do.
/// **Trap** Enlarging the dream alone from size to size blurs the picture away. With `step_size` 0 the picture must come
/// back as it was.
/// **Source** Mordvintsev, Olah and Tyka 2015, "Inceptionism: going deeper into neural networks", and its notebook.
pub fn dream(
    picture: &Tensor,
    objective: &Function,
    settings: &Dream,
    shift: &mut dyn FnMut() -> (i32, i32),
) -> Result<Tensor> {
    todo!("exercise 3.7: start with one octave and no roll")
}
