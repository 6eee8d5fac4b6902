//! 3.8: four optima of one unit, each for itself and together.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson03::{Target, objective, score, similarity};
use studio::{Material, Unit};

use super::both::{in_turn, names, robust_beside};
use super::images::{side, width_of_four};
use super::making::{Wish, make};
use super::recipe::Recipe;
use super::unit::{one, spread, value};

/// Images that are made at once.
const COUNT: usize = 4;
/// The weight of their similarity, in spreads of the unit.
const DIVERSITY: f64 = 20.0;

pub fn draw(material: &Material) -> Result<Figure> {
    let recipe = Recipe::best(material);
    let robust = robust_beside(material)?;
    let networks = in_turn(material, &robust);
    let mut figure = Figure::new("One unit, several answers")
        .columns(COUNT)
        .width(width_of_four(material));
    let (mut what, mut layer) = (String::new(), String::new());
    for (prefix, material) in &networks {
        let unit = one(material, "layer3", 5)?;
        what = format!("{}, channel {}", unit.site, unit.channel);
        layer = compared_at(&unit.site).into();
        for weight in [0.0, DIVERSITY] {
            let images = several(material, &unit, weight, &recipe)?;
            for n in 0..COUNT {
                let reached = value(material, &images.narrow(0, n, 1)?, &unit)?;
                let way = if weight > 0.0 { "together" } else { "alone" };
                let panel = ImagePanel::new(&images.get(n)?)?.title(format!("{prefix}{way}"));
                figure = figure.panel(panel.note(format!("{reached:.2}")));
            }
        }
    }
    Ok(figure.caption(format!(
        "{}, {what}: four optima from four starts, your maximize on {}. Alone: each for itself. Together: the similarity \
         (3.8) of their activations at {layer}, times {DIVERSITY} spreads of the unit, taken off. Below each image: the \
         objective that was reached.",
        names(&networks),
        recipe.words()
    )))
}

/// Where images are compared: after the ReLU, where there is one, a map of what is found; class scores have no map.
fn compared_at(site: &str) -> &str {
    match site {
        "fc" | "avgpool" => "layer4",
        _ => site.strip_suffix(".add").unwrap_or(site),
    }
}

/// Optima of a unit, from whose objective `weight` spreads of it times their similarity are taken off.
fn several(material: &Material, unit: &Unit, weight: f64, recipe: &Recipe) -> Result<Tensor> {
    let network = material.network();
    let Unit { site, channel } = unit;
    let layer = compared_at(site);
    let alone = |images: &Tensor| score(network, images, site, Target::Channel(*channel));
    let scale = spread(material, &alone)?;
    let together = |images: &Tensor| {
        let trace = network.capture(&resnet::normalize(images)?, &[site, layer])?;
        let value = objective(trace.activation(site)?, Target::Channel(*channel))?;
        let alike = similarity(trace.activation(layer)?)?;
        value.broadcast_sub(&(alike * (weight * scale))?)
    };
    let wish = Wish {
        objective: if weight > 0.0 { &together } else { &alone },
        scale,
    };
    let (images, _) = make(
        material,
        &wish,
        recipe,
        COUNT,
        side(material),
        format!("{site} {channel}"),
    )?;
    Ok(images)
}
