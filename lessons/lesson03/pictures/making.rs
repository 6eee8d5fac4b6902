//! Makes images by a recipe.

use std::cell::RefCell;

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson03::{Function, Problem, blur, l2, maximize, paint, total_variation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenes::COLOUR_AXES;
use studio::progress;

use super::recipe::Recipe;

/// What the optimum is made for: objectives of a batch of images, `[batch]`.
pub struct Wish<'a> {
    pub objective: &'a Function<'a>,
    /// The spread of the objective over images; penalties are multiples of it.
    pub scale: f64,
}

/// Makes `batch` images by a recipe; returns them and the objective's mean before each step.
pub fn make(wish: &Wish, recipe: &Recipe, batch: usize, side: usize, what: String) -> Result<(Tensor, Vec<f64>)> {
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
    let axes = Tensor::new(&COLOUR_AXES, &Device::Cpu)?;
    let painted = |spectrum: &Tensor| paint(spectrum, side, &axes);
    let same = |x: &Tensor| Ok(x.clone());
    let moved = |images: &Tensor| recipe.wobble.apply(images, &mut random.borrow_mut());
    let penalty = |images: &Tensor| {
        let mut sum = Tensor::zeros(images.dim(0)?, images.dtype(), images.device())?;
        if recipe.total_variation > 0.0 {
            sum = (sum + (total_variation(images)? * (recipe.total_variation * wish.scale))?)?;
        }
        if recipe.l2 > 0.0 {
            sum = (sum + (l2(images)? * (recipe.l2 * wish.scale))?)?;
        }
        Ok(sum)
    };
    let softened = |pixels: &Tensor| blur(&pixels.clamp(0.0, 1.0)?, recipe.blur);
    let mut problem = Problem {
        transform: &moved,
        penalty: &penalty,
        ..Problem::new(&watched)
    };
    if recipe.blur > 0.0 {
        problem.project = &softened;
    }
    let start = if recipe.waves {
        (problem.image, problem.project) = (&painted, &same);
        let waves = [batch, 3, side, side / 2 + 1, 2];
        uniform(&mut random.borrow_mut(), &waves, 0.0, recipe.start)?
    } else {
        uniform(&mut random.borrow_mut(), &[batch, 3, side, side], 0.5, recipe.start)?
    };
    let images = maximize(&start, &problem, &recipe.settings)?;
    Ok((images, values.take()))
}

/// Random numbers between `middle` − `spread` and `middle` + `spread`.
pub fn uniform(random: &mut ChaCha8Rng, shape: &[usize], middle: f32, spread: f32) -> candle_core::Result<Tensor> {
    let count = shape.iter().product();
    let numbers = (0..count).map(|_| middle + spread * random.random_range(-1.0f32..1.0));
    Tensor::from_vec(numbers.collect(), shape, &Device::Cpu)
}
