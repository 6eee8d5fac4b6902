//! 3.3 to 3.6: what each remedy does.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use lesson03::Wobble;
use studio::Material;

use super::images::side;
use super::recipe::{ASCENT, CAREFUL, PLAIN, Recipe, STILL, WAVES};
use super::unit::{before_relu, optimum, value, within};

pub fn draw(material: &Material) -> Result<Figure> {
    let penalized = Recipe {
        total_variation: 100.0,
        ..PLAIN
    };
    let blurred = Recipe { blur: 0.5, ..PLAIN };
    let jitter = Recipe {
        wobble: Wobble { jitter: 8, ..STILL },
        ..PLAIN
    };
    let recipes = [
        ("none", PLAIN),
        ("total variation", penalized),
        ("blur", blurred),
        ("jitter", jitter),
        ("all, with l2 and turns", CAREFUL),
        ("waves", WAVES),
    ];
    let site = before_relu(material.network(), "layer3")?;
    let channel = within(material, &site, 20)?;
    let mut figure = Figure::new("From noise to a picture").columns(3).width(876);
    for (name, recipe) in recipes.iter().filter(|(_, recipe)| recipe.can_be_made()) {
        let (image, _) = optimum(material, &site, channel, recipe, side(material))?;
        let reached = value(material, &image, &site, channel)?;
        let panel = ImagePanel::new(&image.get(0)?)?.title(*name);
        figure = figure.panel(panel.note(format!("objective {reached:.2}")));
    }
    Ok(figure.caption(format!(
        "{}, {site}, channel {channel}, {} steps each. Plain ascent on pixels with nothing against noise; total variation or \
         blur (3.3); jitter (3.4); all of it with l2, rotation and scale; waves and decorrelated colours (3.6) with Adam, \
         moved, total variation. {side}×{side} pixels.",
        material.network_name(),
        ASCENT.steps,
        side = side(material)
    )))
}
