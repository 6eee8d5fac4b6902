//! 3.5 for the cards of the microscope.

use std::cell::RefCell;

use candle_core::{Device, Result, Tensor};
use lesson03::{Optimizer, Problem, Settings, maximize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use studio::Instrument;
use studio::instruments::{Asked, Function};
use studio::smoothing::{Smoother, in_ball};

/// The functions that a card can use.
pub const ALL: [Instrument; 1] = [Instrument {
    name: "optimum",
    function: Function::OfUnit(optimum),
}];

/// How an image is made for a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Steps of ascent.
    pub steps: usize,
    /// How far a typical pixel moves in a step.
    pub step_size: f64,
    /// Width in pixels of the blur between what is optimized and the image.
    pub blur: f64,
    /// Largest shift before each step, in pixels.
    pub jitter: i32,
    /// Largest distance from grey over all pixels and colours.
    pub radius: f64,
}

/// Images from starts by `maximize`, all together: `[count, 3, side, side]` with values in [0, 1]. What is optimized is blurred
/// and shifted before the network sees it, and brought back into the ball after each step.
///
/// **Errors** as `maximize` does.
pub fn ascend(starts: &Tensor, objective: &dyn Fn(&Tensor) -> Result<Tensor>, recipe: &Recipe) -> Result<Tensor> {
    let (.., height, width) = starts.dims4()?;
    let smoother = Smoother::new(height, width, recipe.blur)?;
    let random = RefCell::new(ChaCha8Rng::seed_from_u64(1));
    let shift = || random.borrow_mut().random_range(-recipe.jitter..=recipe.jitter);
    let moved = |image: &Tensor| image.roll(shift(), 2)?.roll(shift(), 3);
    let problem = Problem {
        image: &|pixels| smoother.blur(pixels),
        transform: &moved,
        project: &|pixels| in_ball(pixels, recipe.radius),
        ..Problem::new(objective)
    };
    let settings = Settings {
        steps: recipe.steps,
        step_size: recipe.step_size,
        optimizer: Optimizer::Ascent,
    };
    maximize(starts, &problem, &settings)
}

/// The mean of a unit's map, `[batch]`, of images in [0, 1].
pub fn mean_of_map(asked: &Asked, images: &Tensor) -> Result<Tensor> {
    let activation = asked.network()?.activation(&resnet::normalize(images)?, asked.site)?;
    activation.narrow(1, asked.unit, 1)?.flatten_from(1)?.mean(1)
}

/// Recipe, 1 or −1 for the largest or the smallest mean of the unit's map, the side, and starts: the images, each made by
/// itself. Nothing for a start from which there is no gradient.
fn optimum(asked: &Asked) -> Result<Vec<f32>> {
    let ([steps, step_size, blur, jitter, radius, sign, side], starts) = asked.split()?;
    let recipe = Recipe {
        steps: steps as usize,
        step_size: f64::from(step_size),
        blur: f64::from(blur),
        jitter: jitter as i32,
        radius: f64::from(radius),
    };
    let side = side as usize;
    let starts = Tensor::from_vec(starts.to_vec(), ((), 3, side, side), &Device::Cpu)?;
    let objective = |images: &Tensor| mean_of_map(asked, images)? * f64::from(sign);
    let mut all = vec![];
    for index in 0..starts.dim(0)? {
        let start = starts.narrow(0, index, 1)?.force_contiguous()?;
        match ascend(&start, &objective, &recipe) {
            Ok(image) => all.extend(image.flatten_all()?.to_vec1::<f32>()?),
            Err(error) if error.to_string().contains("dead") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}
