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
    match factor {
        Factor::Shape => Shape::ALL.iter().map(|&shape| scene.with_shape(0, shape)).collect(),
        Factor::Colour => Colour::ALL.iter().map(|&colour| scene.with_colour(0, colour)).collect(),
        Factor::Texture => Texture::ALL
            .iter()
            .map(|&texture| scene.with_texture(0, texture))
            .collect(),
    }
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
    let row = |scene| {
        let rendered: Vec<_> = counterfactuals(scene, factor)?.iter().map(Scene::render).collect();
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let trace = network.capture(&images, &[site])?;
        let map = trace.activation(site)?.narrow(1, unit, 1)?;
        map.flatten_from(1)?.mean(1) // [values]
    };
    let rows: Vec<_> = scenes.iter().map(row).collect::<Result<_>>()?;
    Tensor::stack(&rows, 0)
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
    let rows = responses.to_vec2::<f32>()?;
    let n = scenes as f64;
    let of = |value: usize| {
        let column = || rows.iter().map(|row| f64::from(row[value]));
        let mean = column().sum::<f64>() / n;
        let variance = column().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, 1.96 * (variance / n).sqrt())
    };
    let (mean, half) = (0..values).map(of).unzip();
    Ok(TuningCurve { mean, half })
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
    let best = curve.iter().copied().fold(0.0, f64::max);
    let others = (curve.iter().sum::<f64>() - best) / (curve.len() - 1) as f64;
    let both = best + others;
    Ok(if both > 0.0 { (best - others) / both } else { 0.0 })
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
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rows = responses.to_vec2::<f32>()?;
    let mut index = || {
        let mut dealt = rows.clone();
        dealt.iter_mut().for_each(|row| row.shuffle(&mut random));
        tuning_index(&tuning_curve(&Tensor::new(dealt, &Device::Cpu)?)?.mean)
    };
    (0..count).map(|_| index()).collect()
}
