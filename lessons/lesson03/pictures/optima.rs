//! 3.6: what channels of each layer want.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use studio::Material;

use super::images::{WIDTH_OF_FOUR, side};
use super::recipe::Recipe;
use super::unit::{before_relu, optimum, within};

pub fn draw(material: &Material) -> Result<Figure> {
    const CHANNELS: [(&str, [usize; 2]); 4] = [
        ("layer1", [3, 7]),
        ("layer2", [26, 17]),
        ("layer3", [5, 20]),
        ("layer4", [3, 40]),
    ];
    let recipe = Recipe::best(material);
    let mut figure = Figure::new("What channels want, from layer to layer")
        .columns(4)
        .width(WIDTH_OF_FOUR);
    for row in 0..2 {
        for (layer, channels) in CHANNELS {
            let site = before_relu(material.network(), layer)?;
            let channel = within(material, &site, channels[row])?;
            let (image, _) = optimum(material, &site, channel, &recipe, side(material))?;
            let title = format!("{layer}, {channel}");
            figure = figure.panel(ImagePanel::new(&image.get(0)?)?.title(title));
        }
    }
    Ok(figure.caption(format!(
        "{}: two channels of each layer, before the last ReLU. Your maximize on {}. {side}×{side} pixels.",
        material.network_name(),
        recipe.words(),
        side = side(material)
    )))
}
