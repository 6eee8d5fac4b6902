//! Exercise 2.8: a colormap, and a grid of feature maps.

use candle_core::{Device, Result, Tensor, bail};

/// Red, green and blue in [0, 1].
pub type Rgb = [f32; 3];

/// Dark violet to yellow; equal steps look equally large. **Source** Smith, van der Walt and Firing 2015 (matplotlib),
/// every 32nd of its 256 colours.
pub const VIRIDIS: [Rgb; 9] = [
    [0.267, 0.005, 0.329],
    [0.279, 0.175, 0.483],
    [0.230, 0.322, 0.546],
    [0.173, 0.449, 0.558],
    [0.128, 0.567, 0.551],
    [0.158, 0.684, 0.502],
    [0.369, 0.789, 0.383],
    [0.678, 0.864, 0.190],
    [0.993, 0.906, 0.144],
];

/// Blue, light grey, red, for values around zero. **Source** Moreland 2009, "Diverging color maps for scientific
/// visualization" (matplotlib's `coolwarm`), every 32nd of its 256 colours.
pub const DIVERGING: [Rgb; 9] = [
    [0.230, 0.299, 0.754],
    [0.384, 0.510, 0.918],
    [0.554, 0.690, 0.996],
    [0.724, 0.815, 0.976],
    [0.867, 0.864, 0.863],
    [0.960, 0.767, 0.674],
    [0.957, 0.598, 0.477],
    [0.865, 0.371, 0.296],
    [0.706, 0.016, 0.150],
];

/// The rainbow of old MATLAB. Here to be looked at, not to be used.
pub const JET: [Rgb; 9] = [
    [0.0, 0.0, 0.5],
    [0.0, 0.0, 1.0],
    [0.0, 0.5, 1.0],
    [0.0, 1.0, 1.0],
    [0.5, 1.0, 0.5],
    [1.0, 1.0, 0.0],
    [1.0, 0.5, 0.0],
    [1.0, 0.0, 0.0],
    [0.5, 0.0, 0.0],
];

/// NaN: cyan, which viridis does not contain.
pub const NAN: Rgb = [0.0, 1.0, 1.0];

/// What lies between the maps of a grid.
pub const PAPER: Rgb = [1.0, 1.0, 1.0];

/// ## 2.8 How do numbers become a picture?
///
/// A colormap is a list of colours, the first for 0 and the last for 1. Between two of them lies their mixture:
///
/// ```math
/// place = v · (n − 1),    i = ⌊place⌋,    t = place − i
/// colour = (1 − t) · colors[i] + t · colors[i + 1]
/// ```
/// - `map`: f32, `[height, width]`; v < 0 has the first colour, v > 1 the last, NaN has [`NAN`]
/// - `colors`: n ≥ 2 of them
/// - returns an RGB image, f32, `[3, height, width]`: three planes, not one pixel after the other
///
/// **Errors** if `map` is not of rank 2 or there are fewer than two colours.
/// **Trap** At v = 1 there is no colour i + 1.
/// **Accepted by** `cargo test -p lesson02 -- ex2_8`
pub fn colorize(map: &Tensor, colors: &[Rgb]) -> Result<Tensor> {
    let (height, width) = map.dims2()?;
    if colors.len() < 2 {
        bail!("expected at least two colours, got {}", colors.len());
    }
    todo!("exercise 2.8: a colour for each value, then red plane, green plane, blue plane")
}

/// All maps of a layer in one picture: map 0 at the upper left, then row by row, with a pixel of [`PAPER`] between
/// neighbours and none around.
///
/// ```math
/// rows = ⌈channels / columns⌉
/// height of the picture = rows · (height + 1) − 1,    width likewise with columns
/// ```
/// - `maps`: f32, `[channels, height, width]` in [0, 1], as [`for_display`](crate::for_display) makes them
/// - `columns`: maps per row; places of the last row that no map fills are [`PAPER`]
/// - returns an RGB image, f32, `[3, rows·(height + 1) − 1, columns·(width + 1) − 1]`
///
/// **Errors** if `maps` is not of rank 3, if there is no map or no column, or as [`colorize`] does.
/// **Trap** Row and column of map c are c / columns and c % columns.
pub fn map_grid(maps: &Tensor, columns: usize, colors: &[Rgb]) -> Result<Tensor> {
    let (channels, height, width) = maps.dims3()?;
    if channels == 0 || columns == 0 {
        bail!("expected at least one map and one column, got {channels} and {columns}");
    }
    todo!("exercise 2.8: begin with paper, and put each map in its place")
}
