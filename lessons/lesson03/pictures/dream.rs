//! 3.7: one picture, amplified by three layers.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson03::{Dream, Target, dream, score};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use studio::{Material, progress};

use super::images::PICTURE;

pub fn draw(material: &Material) -> Result<Figure> {
    const SHIFT: i32 = 16;
    let image = material.image(PICTURE)?;
    let network = material.network();
    let settings = Dream {
        octaves: 4,
        ratio: 1.4,
        steps: 12,
        step_size: 0.01,
    };
    let mut figure = Figure::new("What layers see in a picture")
        .columns(2)
        .width(594)
        .panel(ImagePanel::new(&image.pixels)?.title("the picture"));
    for layer in ["layer1", "layer2", "layer3"] {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let bar = progress((settings.octaves * settings.steps) as u64, layer);
        let watched = |images: &Tensor| {
            let value = score(network, images, layer, Target::Layer)?;
            let mean = value.mean_all()?.to_scalar::<f32>()?;
            bar.set_message(format!("objective {mean:.3}"));
            bar.inc(1);
            Ok(value)
        };
        let mut shift = || {
            let mut one = || random.random_range(-SHIFT..=SHIFT);
            (one(), one())
        };
        let picture = image.pixels.unsqueeze(0)?;
        let dreamt = dream(&picture, &watched, &settings, &mut shift)?;
        figure = figure.panel(ImagePanel::new(&dreamt.get(0)?)?.title(layer));
    }
    Ok(figure.caption(format!(
        "{}: your dream (3.7) of {}. {} octaves of {}, {} steps of {} each, rolled by up to {SHIFT} pixels; objective: the \
         mean square of all activations at the layer.",
        material.network_name(),
        image.name,
        settings.octaves,
        settings.ratio,
        settings.steps,
        settings.step_size
    )))
}
