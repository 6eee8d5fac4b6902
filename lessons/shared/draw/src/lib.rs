//! Figures for the lessons: images, heatmaps, grids of maps, charts and diagrams, as PNG.
//!
//! A [`Figure`] has a title, panels and a caption; a panel is made from a candle tensor or from numbers. The picture
//! is drawn with plotters on a bitmap, with a font that ships with the crate, so it looks the same on every machine.
//!
//! | panel | shows |
//! |---|---|
//! | [`ImagePanel`] | an RGB image, `[3, height, width]` in [0, 1] |
//! | [`Heatmap`] | numbers in colour, `[height, width]`, with a colour bar |
//! | [`MapGrid`] | feature maps `[channels, height, width]`, filters `[out, 3, k, k]`, images `[batch, 3, height, width]` |
//! | [`LineChart`] | named series, linear or logarithmic axes |
//! | [`BarChart`] | named bars, in groups |
//! | [`Histogram`] | how values are distributed |
//! | [`Table`] | words and numbers in rows and columns |
//! | [`Diagram`] | boxes, arrows, nested areas |
//! | [`PixelGrid`] | regions over a grid of pixels, e.g. receptive fields |
//!
//! Every constructor checks shapes once and says "expected …, got …". NaN is drawn in [`Colormap::NAN`] and counted
//! under the panel; constant maps get the middle colour. Write a [`Panel`] to draw anything else.
//!
//! `cargo run -p draw --example gallery -- DIR` draws one of each.

mod axes;
mod bar_chart;
mod canvas;
mod colormap;
mod colormap_tables;
mod diagram;
mod figure;
mod font;
mod heatmap;
mod image_panel;
mod line_chart;
mod map_grid;
mod panel;
mod pixel_grid;
mod table;
mod values;

pub use bar_chart::{BarChart, Histogram};
pub use canvas::{Align, Canvas, Margin, Rect, TextStyle, Upscale};
pub use colormap::{Colormap, Rgb, palette};
pub use diagram::{Area, Arrow, Diagram, Node};
pub use figure::Figure;
pub use font::{Weight, measure, wrap};
pub use heatmap::Heatmap;
pub use image;
pub use image_panel::{ImagePanel, Region};
pub use line_chart::{LineChart, Series};
pub use map_grid::{MapGrid, Share};
pub use panel::{Furniture, Panel};
pub use pixel_grid::PixelGrid;
pub use table::Table;
pub use values::Scale;
