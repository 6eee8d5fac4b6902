//! Exercise 3.5: the whole maximization.

use candle_core::{Result, Tensor, bail};

use crate::ascent::{Function, direction, value_and_gradient};

/// What is maximized, and within which limits. [`Problem::new`] fills in what does nothing.
pub struct Problem<'a> {
    /// From what is optimized to an image. Pixels are their own image; exercise 3.6 brings another way.
    pub image: &'a Function<'a>,
    /// From the image to what the network is shown, another way each time: 3.4.
    pub transform: &'a Function<'a>,
    /// From what the network is shown to `[batch]`: 3.1.
    pub objective: &'a Function<'a>,
    /// From the image to `[batch]`, taken off the objective: 3.3.
    pub penalty: &'a Function<'a>,
    /// Applied after each step to what is optimized: a clamp, a blur, a ball. Not differentiated.
    pub project: &'a Function<'a>,
}

impl<'a> Problem<'a> {
    /// Pixels in [0, 1], shown as they are, without a penalty.
    pub fn new(objective: &'a Function<'a>) -> Self {
        Self {
            image: &|pixels| Ok(pixels.clone()),
            transform: &|image| Ok(image.clone()),
            objective,
            penalty: &|image| Tensor::zeros(image.dim(0)?, image.dtype(), image.device()),
            project: &|pixels| pixels.clamp(0.0, 1.0),
        }
    }
}

/// How a step follows from the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimizer {
    /// The normalized gradient of 3.2.
    Ascent,
    /// Adam, with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    Adam,
}

/// How long and how far to go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Number of steps.
    pub steps: usize,
    /// How far a typical number moves in a step.
    pub step_size: f64,
    /// How a step follows from the gradient.
    pub optimizer: Optimizer,
}

/// ## 3.5 Which image does the unit want most?
///
/// Everything so far, in a loop. With p for what is optimized, `start` at first:
///
/// ```math
/// f(p) = objective(transform(image(p))) − penalty(image(p))
/// g = ∂f / ∂p
/// p ← project(p + step_size · d),    d = direction(g), or Adam's
/// ```
/// Adam keeps two running means per number, both 0 at first; t counts steps from 1:
///
/// ```math
/// m ← 0.9·m + 0.1·g,    v ← 0.999·v + 0.001·g²
/// d = m̂ / (√v̂ + 1e-8),    m̂ = m / (1 − 0.9ᵗ),    v̂ = v / (1 − 0.999ᵗ)
/// ```
/// - `start`: `[batch, …]`, what `problem.image` takes
/// - returns the images, `image(p)` after the last step, without the transformation; not connected to the graph
///
/// **Errors** if the first gradient is 0 everywhere in one of the images: the unit is dead there, and no step would ever
/// change that. Start elsewhere, or aim at a site before the ReLU.
/// **Trap** Clamping inside of what is differentiated: a pixel beyond the range has gradient 0 and never comes back. The
/// projection comes after the step.
/// **Source** Erhan et al. 2009, "Visualizing higher-layer features of a deep network"; Kingma and Ba 2015, algorithm 1,
/// with the sign turned.
/// **Accepted by** `cargo test -p lesson03 -- ex3_5`
pub fn maximize(start: &Tensor, problem: &Problem, settings: &Settings) -> Result<Tensor> {
    todo!("exercise 3.5: write f, then the loop with the normalized gradient; Adam comes last")
}
