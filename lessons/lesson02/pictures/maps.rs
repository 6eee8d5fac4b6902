//! 2.7 and 2.8: one image on its way through the network.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Figure, ImagePanel, grouped};
use lesson02::{PAPER, Scaling, VIRIDIS, for_display, map_grid};
use studio::Material;

use super::images::IMAGE;
use super::scaling::words;
use super::sites::LAYERS;

const SCALING: Scaling = Scaling {
    per_map: true,
    symmetric: false,
};
/// Most channels of a site; of more the strongest.
const MOST: usize = 144;
/// Least side of a map in pixels, where a line between maps has one.
const SMALLEST: usize = 16;

pub fn draw(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &LAYERS)?;
    let mut figure =
        Figure::new("What one image leaves in each layer").panel(ImagePanel::new(&sample.pixels)?.title("input"));
    let mut are_all = true;
    for site in LAYERS {
        let activation = trace.activation(site)?.squeeze(0)?;
        let (channels, height, width) = activation.dims3()?;
        let activation = strongest(&activation, MOST)?;
        let shown = activation.dim(0)?;
        are_all &= shown == channels;
        let columns = (shown as f64).sqrt().ceil() as usize;
        let title = if shown == channels {
            format!("{site}: {channels} maps of {height}×{width}")
        } else {
            format!("{site}: {shown} of {} maps of {height}×{width}", grouped(channels))
        };
        // Enlarged first, so that the line between maps is thin beside the smallest of them.
        let enlarged = (SMALLEST / height).max(1);
        let shown = for_display(&activation, SCALING)?.unsqueeze(0)?;
        let shown = shown
            .upsample_nearest2d(height * enlarged, width * enlarged)?
            .squeeze(0)?;
        let grid = square(&map_grid(&shown, columns, &VIRIDIS)?)?;
        figure = figure.panel(ImagePanel::new(&grid)?.title(title));
    }
    let which = if are_all {
        "All channels"
    } else {
        "All channels, or those with the highest mean and in this order,"
    };
    let caption = format!(
        "{} on {}. {which} of {} sites, by your for_display (2.7) and map_grid (2.8): viridis, {}.",
        material.network_name(),
        sample.name,
        LAYERS.len(),
        words(SCALING),
    );
    Ok(figure.caption(caption).columns(3).width(860))
}

/// All channels of `[channels, height, width]` if they are not too many, else those with the highest mean, highest first.
fn strongest(activation: &Tensor, most: usize) -> Result<Tensor> {
    if activation.dim(0)? <= most {
        return Ok(activation.clone());
    }
    let means = activation.flatten_from(1)?.mean(1)?.to_vec1::<f32>()?;
    let mut order: Vec<u32> = (0..means.len() as u32).collect();
    order.sort_by(|&a, &b| means[b as usize].total_cmp(&means[a as usize]));
    order.truncate(most);
    Ok(activation.index_select(&Tensor::new(order, &Device::Cpu)?, 0)?)
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
