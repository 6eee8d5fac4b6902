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
    let shape = maps.dims3()?;
    let (_, height, width) = shape;
    let values = maps.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    let group = if scaling.per_map { height * width } else { values.len() };
    let shown = values.chunks(group.max(1));
    let shown: Vec<f32> = shown.flat_map(|group| scaled(group, scaling.symmetric)).collect();
    Tensor::from_vec(shown, shape, &Device::Cpu)
}

/// Values that share one scale.
fn scaled(values: &[f32], symmetric: bool) -> Vec<f32> {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = if symmetric {
        let largest = finite().map(f32::abs).fold(0.0, f32::max);
        (-largest, largest)
    } else {
        (
            finite().fold(f32::INFINITY, f32::min),
            finite().fold(f32::NEG_INFINITY, f32::max),
        )
    };
    let constant = if symmetric { 0.5 } else { 0.0 };
    let place = |&value: &f32| match value {
        _ if value.is_nan() => value,
        _ if value.is_infinite() => f32::from(value > 0.0),
        _ if low == high => constant,
        _ => (value - low) / (high - low),
    };
    values.iter().map(place).collect()
}
