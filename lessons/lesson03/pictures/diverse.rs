//! 3.8: four optima of one unit, each for itself and together.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson03::{Target, objective, similarity};
use studio::Material;

use super::images::{WIDTH_OF_FOUR, side};
use super::making::{Wish, make};
use super::recipe::Recipe;
use super::unit::{before_relu, spread, value, within};

pub fn draw(material: &Material) -> Result<Figure> {
    const DIVERSITY: f64 = 20.0;
    let recipe = Recipe::best(material);
    let network = material.network();
    let site = before_relu(network, "layer3")?;
    let channel = within(material, &site, 5)?;
    let scale = spread(material, &site, channel)?;
    let mut figure = Figure::new("One unit, several answers")
        .columns(4)
        .width(WIDTH_OF_FOUR)
        .caption(format!(
            "{}, {site}, channel {channel}: four optima from four starts, your maximize on {}. Upper row: each for itself. Lower \
             row: the similarity (3.8) of their activations at layer3, times {DIVERSITY} spreads of the unit, taken off. \
             Below each image: the objective that was reached.",
            material.network_name(),
            recipe.words()
        ));
    for weight in [0.0, DIVERSITY] {
        let together = |images: &Tensor| {
            let trace = network.capture(&resnet::normalize(images)?, &[&site, "layer3"])?;
            let value = objective(trace.activation(&site)?, Target::Channel(channel))?;
            let alike = similarity(trace.activation("layer3")?)?;
            value.broadcast_sub(&(alike * (weight * scale))?)
        };
        let wish = Wish {
            objective: &together,
            scale,
        };
        let (images, _) = make(&wish, &recipe, 4, side(material), format!("{site} {channel}"))?;
        for n in 0..4 {
            let reached = value(material, &images.narrow(0, n, 1)?, &site, channel)?;
            let panel = ImagePanel::new(&images.get(n)?)?;
            figure = figure.panel(panel.note(format!("{reached:.2}")));
        }
    }
    Ok(figure)
}
