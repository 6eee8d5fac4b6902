//! Makes images by a recipe.

use std::cell::RefCell;

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson03::{Function, Problem, blur, from_spectrum, into_ball, l2, maximize, mix_colours, paint, total_variation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use studio::{Material, progress};

use super::recipe::Recipe;

/// What the optimum is made for: objectives of a batch of images, `[batch]`.
pub struct Wish<'a> {
    pub objective: &'a Function<'a>,
    /// The spread of the objective over images; penalties are multiples of it.
    pub scale: f64,
}

/// Makes `batch` images by a recipe, in the colours that the network knows; returns them and the objective's mean before each
/// step.
pub fn make(
    material: &Material,
    wish: &Wish,
    recipe: &Recipe,
    batch: usize,
    side: usize,
    what: String,
) -> Result<(Tensor, Vec<f64>)> {
    let random = RefCell::new(ChaCha8Rng::seed_from_u64(1));
    let bar = progress(recipe.settings.steps as u64, what);
    let values = RefCell::new(vec![]);
    let watched = |images: &Tensor| {
        let value = (wish.objective)(images)?;
        let mean = f64::from(value.mean_all()?.to_scalar::<f32>()?);
        values.borrow_mut().push(mean);
        bar.set_message(format!("objective {mean:.3}"));
        bar.inc(1);
        Ok(value)
    };
    let axes = Tensor::new(material.colour_axes(), &Device::Cpu)?;
    let painted = |spectrum: &Tensor| paint(spectrum, side, &axes);
    let moved = |images: &Tensor| recipe.wobble.apply(images, &mut random.borrow_mut());
    let penalty = |images: &Tensor| {
        let mut sum = Tensor::zeros(images.dim(0)?, images.dtype(), images.device())?;
        if recipe.total_variation > 0.0 {
            // Waves go on beyond the edge, and `roll` carries one side to the other: there, too, noise has its price.
            let images = if recipe.waves { &closed(images)? } else { images };
            sum = (sum + (total_variation(images)? * (recipe.total_variation * wish.scale))?)?;
        }
        if recipe.l2 > 0.0 {
            sum = (sum + (l2(images)? * (recipe.l2 * wish.scale))?)?;
        }
        Ok(sum)
    };
    let radius = recipe.contrast * ((3 * side * side) as f64).sqrt();
    let within = |pixels: &Tensor| {
        let mut pixels = pixels.clamp(0.0, 1.0)?;
        if recipe.blur > 0.0 {
            pixels = blur(&pixels, recipe.blur)?;
        }
        if recipe.contrast > 0.0 {
            pixels = (into_ball(&(pixels - 0.5)?, radius)? + 0.5)?;
        }
        Ok(pixels)
    };
    // What the sigmoid is given is a sum of the waves: to scale it, one scales them.
    let calmed = |spectrum: &Tensor| {
        if recipe.contrast == 0.0 {
            return Ok(spectrum.clone());
        }
        let sum = mix_colours(&from_spectrum(spectrum, side)?, &axes)?;
        let length = sum.sqr()?.flatten_from(1)?.sum_keepdim(1)?.sqrt()?;
        let factor = (length.maximum(radius)?.recip()? * radius)?;
        factor.reshape((batch, 1, 1, 1, 1))?.broadcast_mul(spectrum)
    };
    let mut problem = Problem {
        transform: &moved,
        penalty: &penalty,
        project: &within,
        ..Problem::new(&watched)
    };
    let start = if recipe.waves {
        (problem.image, problem.project) = (&painted, &calmed);
        let waves = [batch, 3, side, side / 2 + 1, 2];
        uniform(&mut random.borrow_mut(), &waves, 0.0, recipe.start)?
    } else {
        clouds(&mut random.borrow_mut(), batch, side, recipe.cells, recipe.start)?
    };
    let images = maximize(&start, &problem, &recipe.settings)?;
    Ok((images, values.take()))
}

/// The images with their first row once more below the last one, and their first column on the right.
fn closed(images: &Tensor) -> candle_core::Result<Tensor> {
    let images = Tensor::cat(&[images, &images.narrow(2, 0, 1)?], 2)?;
    Tensor::cat(&[&images, &images.narrow(3, 0, 1)?], 3)
}

/// Clouds in a row, where nothing else is said.
pub const CELLS: usize = 4;

/// Grey with faint clouds of colour, at most `spread` from grey, `cells` in a row: from plain grey the ascent often ends in a flat
/// field, for there is nothing to begin with.
pub fn clouds(
    random: &mut ChaCha8Rng,
    count: usize,
    side: usize,
    cells: usize,
    spread: f32,
) -> candle_core::Result<Tensor> {
    uniform(random, &[count, 3, cells, cells], 0.5, spread)?.upsample_bilinear2d(side, side, false)
}

/// Random numbers between `middle` − `spread` and `middle` + `spread`.
pub fn uniform(random: &mut ChaCha8Rng, shape: &[usize], middle: f32, spread: f32) -> candle_core::Result<Tensor> {
    let count = shape.iter().product();
    let numbers = (0..count).map(|_| middle + spread * random.random_range(-1.0f32..1.0));
    Tensor::from_vec(numbers.collect(), shape, &Device::Cpu)
}
