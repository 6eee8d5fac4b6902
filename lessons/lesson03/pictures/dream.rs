//! 3.7: one picture, amplified by three layers.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson03::{Dream, Target, dream, score};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use studio::{Material, progress};

use super::both::{in_turn, names, robust_beside};
use super::images::{PICTURE, width_of_four};

const LAYERS: [&str; 3] = ["layer1", "layer2", "layer3"];
const SETTINGS: Dream = Dream {
    octaves: 4,
    ratio: 1.4,
    steps: 12,
    step_size: 0.008,
};
/// Pixels by which the picture is rolled at most.
const SHIFT: i32 = 16;

pub fn draw(material: &Material) -> Result<Figure> {
    let image = material.image(PICTURE)?;
    let robust = robust_beside(material)?;
    let networks = in_turn(material, &robust);
    let mut figure = Figure::new("What layers see in a picture").columns(1 + LAYERS.len());
    for (prefix, material) in &networks {
        figure = figure.panel(ImagePanel::new(&image.pixels)?.title("the picture"));
        for layer in LAYERS {
            let dreamt = dreamt(material, &image.pixels, layer)?;
            figure = figure.panel(ImagePanel::new(&dreamt)?.title(format!("{prefix}{layer}")));
        }
    }
    Ok(figure.width(width_of_four(material)).caption(format!(
        "{}: your dream (3.7) of {}. {} octaves of {}, {} steps of {} each, rolled by up to {SHIFT} pixels; objective: the \
         mean square of all activations at the layer.",
        names(&networks),
        image.name,
        SETTINGS.octaves,
        SETTINGS.ratio,
        SETTINGS.steps,
        SETTINGS.step_size
    )))
}

/// The picture as a layer amplifies it.
fn dreamt(material: &Material, picture: &Tensor, layer: &'static str) -> Result<Tensor> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let bar = progress((SETTINGS.octaves * SETTINGS.steps) as u64, layer);
    let watched = |images: &Tensor| {
        let value = score(material.network(), images, layer, Target::Layer)?;
        let mean = value.mean_all()?.to_scalar::<f32>()?;
        bar.set_message(format!("objective {mean:.3}"));
        bar.inc(1);
        Ok(value)
    };
    let mut shift = || {
        let mut one = || random.random_range(-SHIFT..=SHIFT);
        (one(), one())
    };
    Ok(dream(&picture.unsqueeze(0)?, &watched, &SETTINGS, &mut shift)?.get(0)?)
}
