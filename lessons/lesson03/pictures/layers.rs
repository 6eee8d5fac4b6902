//! 3.2: one unit of each layer, of the same index in the ordinary and in the robust network.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson03::{Target, score};
use studio::Material;

use super::both::{RADIUS, STEPS, from_clouds, networks};
use super::images::WIDTH_OF_FOUR;
use super::unit::before_relu;

const UNITS: [(&str, usize); 4] = [("layer1", 7), ("layer2", 26), ("layer3", 20), ("layer4", 3)];

pub fn draw(material: &Material) -> Result<Figure> {
    let mut figure = Figure::new("One unit of each layer, in both networks")
        .columns(UNITS.len())
        .width(WIDTH_OF_FOUR);
    for (name, network) in &networks(material)? {
        for (layer, channel) in UNITS {
            let site = before_relu(network, layer)?;
            let wish = |images: &Tensor| score(network, images, &site, Target::Channel(channel));
            let image = from_clouds(&wish, 1, material.side())?;
            let reached = wish(&image)?.to_vec1::<f32>()?[0];
            let panel = ImagePanel::new(&image.get(0)?)?.title(format!("{name}: {layer}, {channel}"));
            figure = figure.panel(panel.note(format!("objective {reached:.2}")));
        }
    }
    Ok(figure.caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”: one channel of each layer before its last ReLU, made by your ascent_step and \
         into_ball (3.2) from grey with faint clouds, {STEPS} steps, at most {RADIUS} from grey. The two networks have \
         architecture and data in common, and the weights that training began with: a channel of one may be another thing than \
         the channel of this index of the other."
    )))
}
