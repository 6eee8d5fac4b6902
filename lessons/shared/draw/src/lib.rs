//! Figures for the lessons: images, heatmaps, grids of maps, charts and diagrams, as PNG.
//!
//! A [`Figure`] has a title, panels and a caption; a panel is made from a candle tensor or from numbers. The picture
//! is drawn with plotters, charts by its chart API, on a bitmap and with a font that ships with the crate, so it looks the
//! same on every machine; on light or dark paper ([`Theme`]), and as SVG where it shows no pictures.
//!
//! | panel | shows |
//! |---|---|
//! | [`ImagePanel`] | an RGB image, `[3, height, width]` in [0, 1] |
//! | [`Heatmap`] | numbers in colour, `[height, width]`, with a colour bar |
//! | [`MapGrid`] | feature maps `[channels, height, width]`, filters `[out, 3, k, k]`, images `[batch, 3, height, width]` |
//! | [`Chart`] | named [`Series`]: lines, bars, histograms; linear or logarithmic axes |
//! | [`Table`] | words and numbers in rows and columns |
//! | [`Diagram`] | boxes, arrows, nested areas |
//! | [`PixelGrid`] | regions over a grid of pixels, e.g. receptive fields |
//!
//! Every constructor checks shapes once and says "expected …, got …". NaN is drawn in [`Colormap::NAN`] and counted
//! under the panel; constant maps get the middle colour. Write a [`Panel`] to draw anything else.
//!
//! `cargo run -p draw --example gallery -- DIR` draws one of each.

#![warn(missing_docs)]

mod axis;
mod canvas;
mod chart;
mod coloring;
mod colormap;
mod colormap_tables;
mod diagram;
mod figure;
mod font;
mod heatmap;
mod image_panel;
mod legend;
mod map_grid;
mod panel;
mod paper;
mod pixel_grid;
mod plot;
mod series;
mod table;
mod theme;
mod values;

pub use canvas::{Align, Canvas, Margin, Rect, TextStyle, Upscale};
pub use chart::Chart;
pub use colormap::{Colormap, Rgb, palette};
pub use diagram::{Area, Arrow, Diagram, Node};
pub use figure::Figure;
pub use font::{Weight, measure, wrap};
pub use heatmap::Heatmap;
pub use image;
pub use image_panel::{ImagePanel, Region};
pub use map_grid::{MapGrid, Share};
pub use panel::{Furniture, Panel};
pub use pixel_grid::PixelGrid;
pub use series::Series;
pub use table::Table;
pub use theme::Theme;
pub use values::{Scale, grouped};
