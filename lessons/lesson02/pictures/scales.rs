//! 2.7: the same maps with a scale each, and with one for all.

use anyhow::Result;
use draw::{Colormap, Figure, ImagePanel, MapGrid, Scale, Share};
use lesson02::{Scaling, for_display};
use studio::Material;

use super::images::IMAGE;

/// Most channels of a site.
const SHOWN: usize = 16;

pub fn draw(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &["bn1", "relu"])?;
    let shown = SHOWN.min(trace.activation("relu")?.dim(1)?);
    let mut figure = Figure::new("The same maps, four scales").caption(format!(
        "{} on {}; the first {shown} channels of relu (after the ReLU) and bn1 (before it), scaled by your for_display \
         (2.7). Below each map: its largest absolute value. With a scale per map each of these gets the strongest colour; \
         with one scale for all, the bar says what colours stand for.",
        material.network_name(),
        sample.name,
    ));
    figure = figure.panel(ImagePanel::new(&sample.pixels)?.title("input"));
    for (site, symmetric) in [("relu", false), ("bn1", true)] {
        let maps = trace.activation(site)?.squeeze(0)?;
        let maps = maps.narrow(0, 0, SHOWN.min(maps.dim(0)?))?;
        let largest = maps.abs()?.flatten_from(1)?.max(1)?.to_vec1::<f32>()?;
        let top = largest.iter().copied().fold(0.0, f32::max);
        let bottom = maps.min_all()?.to_scalar::<f32>()?;
        for per_map in [true, false] {
            let shown = for_display(&maps, Scaling { per_map, symmetric })?;
            let title = if per_map { "a scale per map" } else { "one scale" };
            let grid = MapGrid::maps(&shown)?
                .columns(4)
                .scale(Scale::Range { min: 0.0, max: 1.0 })
                .colormap(if symmetric {
                    Colormap::Diverging
                } else {
                    Colormap::Viridis
                })
                .labels(largest.iter().map(|value| format!("{value:.2}")))
                .title(format!("{site}: {title}"));
            figure = figure.panel(match (per_map, symmetric) {
                (true, _) => grid,
                (false, true) => grid.share(Share::All).stands_for(-top, top),
                (false, false) => grid.share(Share::All).stands_for(bottom, top),
            });
        }
    }
    Ok(figure.columns(5).width(1500))
}
