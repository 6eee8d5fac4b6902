//! The checks of lesson 03: feature visualization.

mod ascent;
mod dream;
mod facets;
mod fool;
mod fourier;
mod maximize;
mod objective;
mod regularize;
mod transform;

pub use ascent::{Ascent, ascent};
pub use dream::{Dream, Dreaming, Dreams, OctaveSizes, exam as dream};
pub use facets::{Facets, facets};
pub use fool::{Fool, Fooling, Goal, Margin, SmallestChange, fooling};
pub use fourier::{Fourier, fourier};
pub use maximize::{Maximize, Optimizer, Problem, Settings, exam as maximize};
pub use objective::{Objectives, Target, objectives};
pub use regularize::{Regularizers, regularizers};
pub use transform::{Transformations, transformations};

use crate::AnyExam;
use candle_core::{Result, Tensor, Var};

/// The exams of the lesson, in the order of its exercises.
pub fn catalogue(seed: u64) -> Vec<Box<dyn AnyExam>> {
    vec![
        Box::new(objectives(seed)),
        Box::new(ascent(seed)),
        Box::new(regularizers(seed)),
        Box::new(transformations(seed)),
        Box::new(maximize(seed)),
        Box::new(fourier(seed)),
        Box::new(dream(seed)),
        Box::new(facets(seed)),
        Box::new(fooling(seed)),
    ]
}

/// `solution03::Function`
pub type Function<'a> = dyn Fn(&Tensor) -> Result<Tensor> + 'a;

/// ∂(Σ f(x))/∂x; zeros where f does not depend on x.
fn slope(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let variable = Var::from_tensor(&x.detach())?;
    let gradient = f(variable.as_tensor())?.sum_all()?.backward()?.remove(&variable);
    gradient.map_or_else(|| x.zeros_like(), Ok)
}

/// Multiplies each image by its own number; `factors` is `[batch]`.
fn per_image(factors: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; x.rank()];
    shape[0] = x.dim(0)?;
    x.broadcast_mul(&factors.reshape(shape)?)
}

/// Σ over each image of a·b, `[batch]`.
fn dot(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.broadcast_mul(b)?.flatten_from(1)?.sum(1)
}

/// The cosine of the angle between two tensors of one shape.
fn cosine(a: &Tensor, b: &Tensor) -> Result<f32> {
    let product = |a: &Tensor, b: &Tensor| (a * b)?.sum_all()?.to_scalar::<f32>();
    Ok(product(a, b)? / (product(a, a)? * product(b, b)?).sqrt())
}

/// A [`Function`] of `weights`: w·x for each image, the simplest unit there is.
fn linear(weights: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let weights = weights.clone();
    move |x| dot(x, &weights)
}

/// Numbers of PyTorch, made by `tests/fixtures/make_lesson03.py`.
fn fixture() -> serde_json::Value {
    serde_json::from_str(include_str!("../../fixtures/lesson03.json")).expect("a readable fixture")
}

/// A list of numbers in the fixture as a tensor.
fn numbers(values: &serde_json::Value, shape: &serde_json::Value) -> Tensor {
    let list = |value: &serde_json::Value| -> Vec<f64> {
        let list = value.as_array().expect("a list");
        list.iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    let values: Vec<f32> = list(values).iter().map(|&value| value as f32).collect();
    let shape: Vec<usize> = list(shape).iter().map(|&side| side as usize).collect();
    crate::inputs::tensor(&values, shape)
}
