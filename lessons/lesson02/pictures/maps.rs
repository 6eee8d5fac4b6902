//! 2.7 and 2.8: one image on its way through the network.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use lesson02::{Scaling, VIRIDIS, for_display, map_grid};
use studio::Material;

use super::images::IMAGE;
use super::sites::LAYERS;

pub fn draw(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &LAYERS)?;
    let mut figure = Figure::new("What one image leaves in each layer")
        .caption(format!(
            "{} on {}. All channels of five sites, by your for_display (2.7) and map_grid (2.8): viridis, each map with \
             its own scale, dark where the channel is lowest, yellow where it is highest.",
            material.network_name(),
            sample.name,
        ))
        .panel(ImagePanel::new(&sample.pixels)?.title("input"));
    for site in LAYERS {
        let activation = trace.activation(site)?.squeeze(0)?;
        let (channels, height, width) = activation.dims3()?;
        let columns = (channels as f64).sqrt().ceil() as usize;
        let scaling = Scaling {
            per_map: true,
            symmetric: false,
        };
        let grid = map_grid(&for_display(&activation, scaling)?, columns, &VIRIDIS)?;
        let title = format!("{site}: {channels} maps of {height}×{width}");
        figure = figure.panel(ImagePanel::new(&grid)?.title(title));
    }
    Ok(figure.columns(3).width(860))
}
