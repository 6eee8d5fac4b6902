//! Exercise 5.4: from a small map to a picture over the image.

use candle_core::{Result, Tensor, bail};
use draw::Colormap;

/// Enlarges maps smoothly. Part of exercise 5.4.
///
/// A cell covers a square of the image, and its value belongs to the square's middle. Output pixel i lies at
/// (i + ½)·from/to − ½ among the cells; between two middles the values mix in proportion, beyond the outermost middle
/// they stay. This is PyTorch's `align_corners=False`.
///
/// ```math
/// s = clamp((i + 1/2)·from/to − 1/2, 0, from − 1),   low = ⌊s⌋,   t = s − low
/// output_i = (1 − t)·input_low + t·input_min(low + 1, from − 1)        along the rows, and along the columns
/// ```
/// - `maps`: `[batch, from_height, from_width]`
/// - returns `[batch, height, width]`
///
/// Along one side this is a matrix `[to, from]` with two weights in each row; along both it is rows · map · columnsᵀ.
///
/// **Errors** if `maps` is not of rank 3, or a side is 0.
/// **Trap** Height comes first, in tensors as in this function's arguments; a square map hides a swap.
pub fn upsample(maps: &Tensor, height: usize, width: usize) -> Result<Tensor> {
    let (_, from_height, from_width) = maps.dims3()?;
    if [from_height, from_width, height, width].contains(&0) {
        bail!(
            "expected at least one cell and one pixel, got {:?} and {height}×{width}",
            maps.dims()
        );
    }
    todo!("exercise 5.4: two weights for each output row, two for each output column")
}

/// Each map on a scale from 0 to 1. Part of exercise 5.4.
///
/// ```math
/// relative_ij = relu(map_ij) / max_ij(map),    zeros if no value is above 0
/// ```
/// - `maps`: `[batch, height, width]`; returns the same shape, each map divided by its own maximum
///
/// **Errors** if `maps` is not of rank 3.
/// **Trap** A map without a positive value has nothing to show: zeros, not NaN. Stretching from the minimum to the
/// maximum would show its least negative place as the warmest.
pub fn relative(maps: &Tensor) -> Result<Tensor> {
    maps.dims3()?;
    todo!("exercise 5.4: cut at zero, divide each map by its maximum")
}

/// ## 5.4 Lay the map over the image
///
/// A map of 4×4 numbers beside an image says little. Enlarged to the image's size, coloured and laid over it, it shows
/// what it is about. Write the two parts above first; the checks begin with them.
///
/// ```math
/// overlay = (1 − opacity)·image + opacity·magma(relative(upsample(map)))
/// ```
/// - `image`: `[3, height, width]`, RGB in [0, 1]
/// - `map`: `[map_height, map_width]`, of any size and range
/// - `opacity`: 0 shows the image only, 1 the colours only
/// - returns `[3, height, width]` in [0, 1]
///
/// `Colormap::Magma.rgb(t)` of the crate `draw` gives three bytes for t from 0 to 1; a byte b is the value b / 255.
///
/// **Errors** if a rank does not fit.
/// **Accepted by** `cargo test -p lesson05 -- ex5_4`
pub fn overlay(image: &Tensor, map: &Tensor, opacity: f64) -> Result<Tensor> {
    let (_, height, width) = image.dims3()?;
    map.dims2()?;
    todo!("exercise 5.4: enlarge, make relative, colour, mix")
}
