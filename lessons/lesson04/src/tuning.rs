//! Exercise 4.10: what a unit is tuned to.

use candle_core::{Device, Result, Tensor, bail};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use scenes::{Colour, Scene, Shape, Texture};

/// A property of the first figure that can be changed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// Its outline: ten values.
    Shape,
    /// Its hue: eight.
    Colour,
    /// Its pattern: six.
    Texture,
}

impl Factor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Shape, Self::Colour, Self::Texture];

    /// The names of its values, in their order.
    pub fn values(self) -> Vec<&'static str> {
        match self {
            Self::Shape => Shape::ALL.map(Shape::name).to_vec(),
            Self::Colour => Colour::ALL.map(Colour::name).to_vec(),
            Self::Texture => Texture::ALL.map(Texture::name).to_vec(),
        }
    }
}

/// ## 4.10 What is a unit tuned to?
///
/// Dissection gives a unit one name. A tuning curve shows the whole answer: set one property to each of its values in turn,
/// leave *everything else* as it is, and read the unit. First the scenes for it:
///
/// ```math
/// variant_v = the scene, with the factor of its first figure at its v-th value
/// ```
/// - `scene`: where to start
/// - `factor`: what to change; a second figure stays as it is
/// - returns one scene per value, in the order of `Shape::ALL`, `Colour::ALL` or `Texture::ALL`; one of them is the scene
///   as it was
///
/// `scene.with_shape(0, shape)?` and its like change one thing and keep the rest, grain included.
///
/// **Errors** as these do.
/// **Trap** Scenes sorted by their own colour do differ in colour, and also in shape, size, place and background. Their
/// means mix the unit's tuning with the luck of the draw.
/// **Source** Hubel and Wiesel 1959, "Receptive fields of single neurones in the cat's striate cortex", for tuning curves.
/// **Accepted by** `cargo test -p lesson04 -- ex4_10`
pub fn counterfactuals(scene: &Scene, factor: Factor) -> Result<Vec<Scene>> {
    todo!("exercise 4.10: one scene per value of the factor, by with_shape, with_colour or with_texture")
}

/// What the unit answers to each variant of each scene: the mean of its map.
///
/// - `site`: where the unit is, `unit`: its channel
/// - `scenes`: where to start; `factor`: what to change
/// - returns f32, `[scenes, values]`
///
/// `scene.render()` draws, `scenes::batch(&rendered, &Device::Cpu)?` makes images in [0, 1] of what was drawn, and the
/// network takes normalized ones: `resnet::normalize`. One scene's variants at a time are enough to hold in memory.
///
/// **Errors** if there is no such site or unit, or no scene.
pub fn responses(network: &ResNet, site: &str, unit: usize, scenes: &[Scene], factor: Factor) -> Result<Tensor> {
    todo!("exercise 4.10: for each scene render its variants, capture the site, and average the unit's map")
}

/// A mean response for each value of a factor.
#[derive(Debug, Clone, PartialEq)]
pub struct TuningCurve {
    /// Over the scenes, one for each value.
    pub mean: Vec<f64>,
    /// Half the width of the 95 % interval of each mean.
    pub half: Vec<f64>,
}

/// The tuning curve, with intervals.
///
/// ```math
/// mean_v = 1/n · Σ_i r_iv
/// half_v = 1.96 · s_v / √n,    s_v² = 1/(n − 1) · Σ_i (r_iv − mean_v)²
/// ```
/// - `responses`: r, f32, `[n, values]`, from [`responses`]
///
/// **Errors** if there are fewer than two scenes: one says nothing about the spread.
/// **Trap** The scenes are the observations, n of them. The variants of one scene are not further ones.
pub fn tuning_curve(responses: &Tensor) -> Result<TuningCurve> {
    let (scenes, values) = responses.dims2()?;
    if scenes < 2 {
        bail!("expected two scenes or more, got {scenes}")
    }
    todo!("exercise 4.10: mean and 1.96·s/√n of each column")
}

/// How selective is the unit for one value? One number for a curve.
///
/// ```math
/// index = (best − others) / (best + others),    0 if both are 0
/// ```
/// where best is the largest mean, and others the mean of all other means.
///
/// - `curve`: the means, at least two, none below 0
/// - returns a number from 0, the same for all values, to 1, nothing but one value drives it; a value that drives the unit
///   *less* than the others hardly shows in it
///
/// **Errors** if there are fewer than two means, or one is negative: the index means something behind a ReLU only.
/// **Source** Morcos et al. 2018, "On the importance of single directions for generalization", section 2.3.
pub fn tuning_index(curve: &[f64]) -> Result<f64> {
    if curve.len() < 2 || curve.iter().any(|&mean| mean < 0.0) {
        bail!("expected two means or more, none negative, got {curve:?}")
    }
    todo!("exercise 4.10: the largest mean against the mean of the others")
}

/// What index would chance give? In each scene the responses are dealt out to the values anew, and the index is taken of the
/// curve that comes out; `count` times.
///
/// - `responses`: f32, `[scenes, values]`; `seed`: the same seed gives the same numbers
/// - returns `count` indices
///
/// One generator for all, `ChaCha8Rng::seed_from_u64(seed)`; `row.shuffle(&mut random)` shuffles a `Vec`. Each response of a
/// scene is dealt out once: nothing is drawn twice.
///
/// **Errors** as [`tuning_curve`] and [`tuning_index`] do.
/// **Trap** Each scene gets an order of its own. One order for all scenes only renames the values, and the index stays
/// what it was. And nothing may leave its scene: scenes differ for reasons that have nothing to do with the factor.
pub fn shuffled_indices(responses: &Tensor, count: usize, seed: u64) -> Result<Vec<f64>> {
    todo!("exercise 4.10: shuffle each row by itself, then curve and index")
}
