//! 5.3 and 5.5 at all depths.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use studio::{Material, Parts};

use super::methods::{METHODS, SITES};
use super::view::{View, class};

pub fn draw(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 5)?;
    // Of two figures the second; on a photo the second most probable class need not be there at all.
    let guess = view.question(material, usize::from(material.needs_scenes("two figures").is_ok()));
    let mut figure = Figure::new("The same question to four layers");
    let mut parts = Parts::default();
    for (method, map) in METHODS {
        let row = || -> Result<Vec<ImagePanel>> {
            let panel = |site| {
                let map = map(network, &view.input()?, &class(guess), site)?.get(0)?;
                view.under(&map, format!("{method}, {site}"))
            };
            SITES.into_iter().map(panel).collect()
        };
        // Without the core's own there is nothing to see.
        let row = match method {
            "Grad-CAM" => Some(row()?),
            _ => parts.make(method, row)?,
        };
        figure = figure.panels(row.unwrap_or_default());
    }
    Ok(figure.columns(4).width(960).caption(format!(
        "{}, {}, class {}, probability {}. Upper row: your grad_cam (5.3), lower row: your grad_cam_plus_plus (5.5). Magma, each map \
         from 0 to its own maximum; a dark picture has nothing above 0. {}",
        material.network_name(),
        view.name,
        guess.short_name(),
        guess.percent(),
        parts.told(material),
    )))
}
