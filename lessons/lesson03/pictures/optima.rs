//! 3.6: what channels of each layer want, or those that were asked for.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use studio::Material;

use super::both::{in_turn, names, robust_beside};
use super::images::{side, width_of_four};
use super::recipe::Recipe;
use super::unit::{STARTS, chosen, optimum, spread_over};

const UNITS: [(&str, usize); 8] = [
    ("layer1", 3),
    ("layer2", 26),
    ("layer3", 5),
    ("layer4", 3),
    ("layer1", 13),
    ("layer2", 17),
    ("layer3", 20),
    ("layer4", 40),
];
const COLUMNS: usize = 4;

pub fn draw(material: &Material) -> Result<Figure> {
    let recipe = Recipe::best(material);
    let robust = robust_beside(material)?;
    let networks = in_turn(material, &robust);
    let mut figure = Figure::new("What channels want, from layer to layer").columns(COLUMNS);
    for (prefix, material) in &networks {
        for (title, unit) in chosen(material, &UNITS)? {
            let (image, _) = optimum(material, &unit, &recipe)?;
            figure = figure.panel(ImagePanel::new(&image.get(0)?)?.title(format!("{prefix}{title}")));
        }
    }
    let what = if material.units().is_empty() {
        "two channels of each layer, before the last ReLU"
    } else {
        "the units that were asked for"
    };
    Ok(figure.width(width_of_four(material)).caption(format!(
        "{}: {what}. Your maximize on {}; the best of {STARTS} starts, {side}×{side} pixels. Penalties are multiples of the unit's \
         spread over {}.",
        names(&networks),
        recipe.words(),
        spread_over(material),
        side = side(material)
    )))
}
