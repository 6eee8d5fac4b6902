//! 2.7: the same maps with a scale each, and with one for all.

use anyhow::Result;
use draw::{Colormap, Figure, ImagePanel, MapGrid, Scale, Share};
use lesson02::{Scaling, for_display};
use studio::Material;

use super::images::IMAGE;

pub fn draw(material: &Material) -> Result<Figure> {
    const SHOWN: usize = 16;
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &["bn1", "relu"])?;
    let mut figure = Figure::new("The same maps, four scales").caption(format!(
        "{} on {}; the first {SHOWN} channels of bn1 (before the ReLU) and relu (after it), scaled by your for_display \
         (2.7). The colour bars show what it returns: 0 is the lower end of the scale, 1 the upper; with the symmetric \
         scale 0.5 is zero.",
        material.network_name(),
        sample.name,
    ));
    figure = figure.panel(ImagePanel::new(&sample.pixels)?.title("input"));
    for (site, symmetric) in [("relu", false), ("bn1", true)] {
        let maps = trace.activation(site)?.squeeze(0)?;
        let maps = maps.narrow(0, 0, SHOWN.min(maps.dim(0)?))?;
        for per_map in [true, false] {
            let shown = for_display(&maps, Scaling { per_map, symmetric })?;
            let title = if per_map { "a scale per map" } else { "one scale" };
            figure = figure.panel(
                MapGrid::maps(&shown)?
                    .columns(4)
                    .share(Share::All)
                    .scale(Scale::Range { min: 0.0, max: 1.0 })
                    .colormap(if symmetric {
                        Colormap::Diverging
                    } else {
                        Colormap::Viridis
                    })
                    .title(format!("{site}: {title}")),
            );
        }
    }
    Ok(figure.columns(5).width(1500))
}
