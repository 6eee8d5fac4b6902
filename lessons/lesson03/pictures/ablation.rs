//! 3.3 to 3.6: what each remedy does.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use lesson03::Wobble;
use studio::Material;

use super::both::{in_turn, names, robust_beside};
use super::images::{WIDTH_OF_SIX, side};
use super::recipe::{ASCENT, CAREFUL, PLAIN, Recipe, STILL, WAVES};
use super::unit::{STARTS, one, optimum, spread_over, value};

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
    // Title, the words of the caption, the recipe.
    let recipes = [
        ("none", "plain ascent on pixels with nothing against noise", PLAIN),
        ("total variation", "total variation taken off (3.3)", penalized),
        ("blur", "blurred after each step (3.3)", blurred),
        ("jitter", "rolled before each step (3.4)", jitter),
        ("all", "all of it with l2, rotation and scale (3.3, 3.4)", CAREFUL),
        (
            "waves",
            "waves and decorrelated colours (3.6) with Adam, moved, total variation",
            WAVES,
        ),
    ];
    let (drawn, waiting): (Vec<_>, Vec<_>) = recipes.into_iter().partition(|(_, _, recipe)| recipe.can_be_made());
    let robust = robust_beside(material)?;
    let networks = in_turn(material, &robust);
    let mut figure = Figure::new("From noise to a picture")
        .columns(drawn.len())
        .width(WIDTH_OF_SIX);
    for (prefix, material) in &networks {
        let unit = one(material, "layer3", 20)?;
        for (name, _, recipe) in &drawn {
            let (image, _) = optimum(material, &unit, recipe)?;
            let reached = value(material, &image, &unit)?;
            let panel = ImagePanel::new(&image.get(0)?)?.title(*name);
            figure = figure.panel(panel.note(format!("{prefix}{reached:.2}")));
        }
    }
    let list = |recipes: &[(&str, &str, Recipe)]| -> String {
        let words = recipes.iter().map(|(name, words, _)| format!("{name}: {words}"));
        words.collect::<Vec<_>>().join("; ")
    };
    let unit = one(material, "layer3", 20)?;
    let mut caption = format!(
        "{}, {}, channel {}, {} steps each, {side}×{side} pixels, the best of {STARTS} starts; below each the objective. {}.",
        names(&networks),
        unit.site,
        unit.channel,
        ASCENT.steps,
        upper(&list(&drawn)),
        side = side(material)
    );
    if material.needs_images().is_err() {
        caption += &format!(" Penalties are multiples of the spread over {}.", spread_over(material));
    }
    if !waiting.is_empty() {
        let names: Vec<_> = waiting.iter().map(|(name, _, _)| *name).collect();
        let waits = format!("waiting for 3.4 or 3.6: {}", names.join(", "));
        caption += &format!(" {}.", upper(&waits));
        material.remark(waits);
    }
    Ok(figure.caption(caption))
}

/// With a capital letter.
fn upper(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
