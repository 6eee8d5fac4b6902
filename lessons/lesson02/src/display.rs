//! Exercise 2.7: from activations to numbers a colormap takes.

use candle_core::{DType, Device, Result, Tensor};

/// What is black and what is white.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// Each map has its own scale, or all maps of the layer have one.
    pub per_map: bool,
    /// The scale goes from −m to m, or from the smallest to the largest value.
    pub symmetric: bool,
}

/// ## 2.7 Where does the colour scale begin and end?
///
/// A colormap takes numbers between 0 and 1; an activation may be anything. How one becomes the other decides what the
/// picture says. With one scale *per map* the structure of every map shows, and a whisper looks as bright as a shout.
/// With one scale for the whole *layer* sizes can be compared, and most maps are nearly black.
///
/// ```math
/// shown = (x − low) / (high − low)
/// low, high = min x, max x                          for activations after a ReLU
/// low, high = −m, m   with m = max |x|              if symmetric: zero is in the middle
/// ```
/// - `maps`: f32, `[channels, height, width]`
/// - returns f32, the same shape, in [0, 1]
///
/// A map without contrast, low = high, has no scale: it becomes 0 everywhere, or 0.5 if symmetric (then all of it is 0). NaN stays NaN, and
/// low and high are those of the finite values; +∞ becomes 1 and −∞ becomes 0.
///
/// **Errors** if `maps` is not of rank 3.
/// **Trap** The map of a dead unit is 0 everywhere, and 0/0 is NaN.
/// **Trap** Subtract before you divide: x / (high − low) − low / (high − low) is the same on paper, and where the level
/// is high and the contrast small it is rounding.
/// **Accepted by** `cargo test -p lesson02 -- ex2_7`
pub fn for_display(maps: &Tensor, scaling: Scaling) -> Result<Tensor> {
    let (channels, height, width) = maps.dims3()?;
    todo!("exercise 2.7: low and high of one map or of all, then (x − low) / (high − low)")
}
