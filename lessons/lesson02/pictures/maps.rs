//! 2.7 and 2.8: one image on its way through the network.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson02::{PAPER, Scaling, VIRIDIS, for_display, map_grid};
use studio::Material;

use super::images::IMAGE;
use super::scaling::words;
use super::sites::LAYERS;

const SCALING: Scaling = Scaling {
    per_map: true,
    symmetric: false,
};
/// Least side of a map in pixels, where a line between maps has one.
const SMALLEST: usize = 16;

pub fn draw(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &LAYERS)?;
    let mut figure = Figure::new("What one image leaves in each layer")
        .caption(format!(
            "{} on {}. All channels of {} sites, by your for_display (2.7) and map_grid (2.8): viridis, {}.",
            material.network_name(),
            sample.name,
            LAYERS.len(),
            words(SCALING),
        ))
        .panel(ImagePanel::new(&sample.pixels)?.title("input"));
    for site in LAYERS {
        let activation = trace.activation(site)?.squeeze(0)?;
        let (channels, height, width) = activation.dims3()?;
        let columns = (channels as f64).sqrt().ceil() as usize;
        // Enlarged first, so that the line between maps is thin beside the smallest of them.
        let enlarged = (SMALLEST / height).max(1);
        let shown = for_display(&activation, SCALING)?.unsqueeze(0)?;
        let shown = shown
            .upsample_nearest2d(height * enlarged, width * enlarged)?
            .squeeze(0)?;
        let grid = square(&map_grid(&shown, columns, &VIRIDIS)?)?;
        let title = format!("{site}: {channels} maps of {height}×{width}");
        figure = figure.panel(ImagePanel::new(&grid)?.title(title));
    }
    Ok(figure.columns(3).width(860))
}

/// An image, `[3, height, width]`, with paper below it until it is square: all grids become equally wide.
fn square(image: &Tensor) -> Result<Tensor> {
    let (_, height, width) = image.dims3()?;
    if height >= width {
        return Ok(image.clone());
    }
    let paper = Tensor::new(&PAPER, image.device())?.reshape((3, 1, 1))?;
    Ok(Tensor::cat(
        &[image, &paper.broadcast_as((3, width - height, width))?],
        1,
    )?)
}
