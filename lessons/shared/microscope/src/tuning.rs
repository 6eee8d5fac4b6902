//! Tuning curves from exact counterfactuals: the same base scenes, in which one factor of the figure takes each of its values
//! and nothing else changes, grain included.
//!
//! ```math
//! mean_l  = 1/B · Σ_b r_bl          r_bl: the unit's mean over its map for base scene b with value l
//! d_bl    = r_bl − mean of r_b over all values
//! index   = B · Σ_l (mean_b d_bl)² / Σ_bl d_bl²,    0 if nothing changes
//! ```
//! The index is the share of what the factor changes within base scenes that does not depend on which base scene it is: 1 if
//! the unit prefers the same values in the same way everywhere, near 1/B if each base scene has its own order. The null
//! shuffles the values within each base scene.
//!
//! Behind a ReLU there is the index of exercise 4.10 beside it, with the same null: how far the largest mean stands above the
//! others, against their sum.

use std::f64::consts::TAU;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use scenes::{Colour, Point, Scene, Shape, Texture};
use serde::{Deserialize, Serialize};
use solution04::tuning_index;
use studio::scenery;

use crate::subject::{Site, Subject};

/// How many base scenes there are.
pub const BASES: usize = 64;
/// Their seed.
pub const SEED: u64 = scenery::BASE_SEED;
/// How often values are shuffled for the null.
pub(crate) const SHUFFLES: usize = 200;
/// Radii in pixels.
const SIZES: [f64; 5] = [20.0, 25.0, 30.0, 35.0, 40.0];
/// Turns of an eighth.
const TURNS: usize = 8;
/// Columns and rows of places: every figure fits there, whatever its size.
const PLACES: [f64; 3] = [42.0, 64.0, 86.0];

/// What is changed in a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// The figure's shape.
    Shape,
    /// Its colour.
    Colour,
    /// Its texture.
    Texture,
    /// Its radius.
    Size,
    /// Its turn.
    Rotation,
    /// Where it is.
    Place,
}

impl Factor {
    /// Every factor.
    pub const ALL: [Self; 6] = [
        Self::Shape,
        Self::Colour,
        Self::Texture,
        Self::Size,
        Self::Rotation,
        Self::Place,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Colour => "colour",
            Self::Texture => "texture",
            Self::Size => "size",
            Self::Rotation => "rotation",
            Self::Place => "place",
        }
    }

    /// The names of its values, in order.
    pub fn levels(self) -> Vec<String> {
        let names = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        match self {
            Self::Shape => names(&Shape::ALL.map(Shape::name)),
            Self::Colour => names(&Colour::ALL.map(Colour::name)),
            Self::Texture => names(&Texture::ALL.map(Texture::name)),
            Self::Size => SIZES.iter().map(|size| format!("{size:.0} px")).collect(),
            Self::Rotation => (0..TURNS).map(|turn| format!("{}°", turn * 360 / TURNS)).collect(),
            Self::Place => {
                let rows = ["top", "middle", "bottom"];
                let columns = ["left", "centre", "right"];
                rows.iter()
                    .flat_map(|row| columns.map(|column| format!("{row} {column}")))
                    .collect()
            }
        }
    }

    /// The scene with the value of this index, and nothing else changed.
    ///
    /// **Errors** if there is no such value or the figure does not fit.
    pub fn vary(self, scene: &Scene, level: usize) -> Result<Scene> {
        let none = || format!("{} has no value {level}", self.name());
        Ok(match self {
            Self::Shape => scene.with_shape(0, Shape::from_index(level).with_context(none)?)?,
            Self::Colour => scene.with_colour(0, Colour::from_index(level).with_context(none)?)?,
            Self::Texture => scene.with_texture(0, Texture::from_index(level).with_context(none)?)?,
            Self::Size => scene.with_size(0, *SIZES.get(level).with_context(none)?)?,
            Self::Rotation => scene.with_rotation(0, TAU * level as f64 / TURNS as f64)?,
            Self::Place => {
                let (row, column) = (PLACES.get(level / 3).with_context(none)?, PLACES[level % 3]);
                scene.with_place(0, Point::new(column, *row))?
            }
        })
    }
}

/// Base scenes in which every value of every factor fits, and their indices (see [`scenery::base_scene`]).
///
/// **Errors** if a scene cannot be drawn.
pub fn bases(count: usize) -> Result<Vec<(u64, Scene)>> {
    let fits = |scene: &Scene| {
        let all = |factor: Factor| (0..factor.levels().len()).all(|level| factor.vary(scene, level).is_ok());
        Factor::ALL.into_iter().all(all)
    };
    let drawn = (0..).filter_map(|index| Some((index, scenery::base_scene(index).ok()?)));
    Ok(drawn.filter(|(_, scene)| fits(scene)).take(count).collect())
}

/// The answers of all units to all counterfactuals: for each factor `[unit][base][level]`.
pub type Responses = Vec<Vec<Vec<Vec<f64>>>>;

/// Shows all counterfactuals of all base scenes to the network, each once, for all units of some sites; one entry per site.
///
/// **Errors** if the network cannot run.
pub fn responses(
    subject: &Subject,
    sites: &[Site],
    bases: &[Scene],
    step: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Responses>> {
    let of_base = |scene: &Scene| -> Result<Vec<Vec<Vec<f32>>>> {
        let mut rendered = vec![];
        for factor in Factor::ALL {
            for level in 0..factor.levels().len() {
                rendered.push(factor.vary(scene, level)?.render());
            }
        }
        let input = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let means = means(subject, sites, &input)?;
        step(rendered.len());
        Ok(means)
    };
    let by_base = bases.par_iter().map(of_base).collect::<Result<Vec<_>>>()?; // [base][site][unit][variant]
    let of_site = |(at, site): (usize, &Site)| {
        let mut first = 0;
        let mut all = vec![];
        for factor in Factor::ALL {
            let variants = first..first + factor.levels().len();
            let of_unit = |unit: usize| {
                let levels = |base: &Vec<Vec<Vec<f32>>>| {
                    base[at][unit][variants.clone()].iter().map(|&r| f64::from(r)).collect()
                };
                by_base.iter().map(levels).collect()
            };
            all.push((0..site.units).map(of_unit).collect());
            first = variants.end;
        }
        all
    };
    Ok(sites.iter().enumerate().map(of_site).collect())
}

/// Means over the map, `[site][unit][image]`.
fn means(subject: &Subject, sites: &[Site], input: &Tensor) -> Result<Vec<Vec<Vec<f32>>>> {
    let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    let trace = subject.network.capture(input, &names)?;
    let means = |name: &&str| {
        let means = trace.activation(name)?.flatten_from(2)?.mean(2)?;
        Ok(means.t()?.to_vec2()?)
    };
    names.iter().map(means).collect()
}

/// The selectivity index of exercise 4.10, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selectivity {
    /// The index.
    pub index: f64,
    /// The same with values shuffled within base scenes: mean, and the 95th percentile.
    pub null: (f64, f64),
}

/// How a unit answers to the values of one factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The factor.
    pub factor: Factor,
    /// The names of its values.
    pub levels: Vec<String>,
    /// Mean over the base scenes, by value.
    pub mean: Vec<f64>,
    /// 95 % intervals of these means over base scenes (Student's t).
    pub interval: Vec<(f64, f64)>,
    /// The share of the changes within base scenes that does not depend on the base scene, 0 to 1.
    pub index: f64,
    /// The same with values shuffled within base scenes: mean, and the 95th percentile.
    pub null: (f64, f64),
    /// The index of exercise 4.10; `None` where a mean is negative.
    pub selectivity: Option<Selectivity>,
    /// How many base scenes there were.
    pub bases: usize,
}

impl Curve {
    /// From answers `[base][level]`.
    pub fn new(factor: Factor, answers: &[Vec<f64>], seed: u64) -> Self {
        let levels = factor.levels();
        let column = |level: usize| answers.iter().map(move |base| base[level]).collect::<Vec<_>>();
        let estimates: Vec<_> = (0..levels.len()).map(|level| estimate(&column(level))).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut shuffled = answers.to_vec();
        let mut null = || {
            shuffled.iter_mut().for_each(|base| base.shuffle(&mut random));
            (index(&shuffled), selectivity(&shuffled).unwrap_or_default())
        };
        let (nulls, of_selectivity) = (0..SHUFFLES).map(|_| null()).unzip();
        Self {
            factor,
            levels,
            mean: estimates.iter().map(|one| one.0).collect(),
            interval: estimates
                .iter()
                .map(|&(mean, half)| (mean - half, mean + half))
                .collect(),
            index: index(answers),
            null: mean_and_95th(nulls),
            selectivity: selectivity(answers).map(|index| Selectivity {
                index,
                null: mean_and_95th(of_selectivity),
            }),
            bases: answers.len(),
        }
    }

    /// Whether the index is above what shuffled values give in 95 of 100 cases.
    pub fn is_tuned(&self) -> bool {
        self.index > self.null.1
    }

    /// The value with the largest mean.
    pub fn preferred(&self) -> &str {
        let best = (0..self.mean.len()).max_by(|&a, &b| self.mean[a].total_cmp(&self.mean[b]));
        best.map_or("", |best| &self.levels[best])
    }
}

/// Mean and 95th percentile.
pub(crate) fn mean_and_95th(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values[values.len() * 95 / 100])
}

/// The index of exercise 4.10 of answers `[base][level]`; `None` where a mean is negative, for which it means nothing.
pub fn selectivity(answers: &[Vec<f64>]) -> Option<f64> {
    let levels = answers.first().map_or(0, Vec::len);
    let mean = |level: usize| answers.iter().map(|base| base[level]).sum::<f64>() / answers.len() as f64;
    tuning_index(&(0..levels).map(mean).collect::<Vec<_>>()).ok()
}

/// The share of the changes within base scenes, of answers `[base][level]`, that does not depend on the base scene.
pub fn index(answers: &[Vec<f64>]) -> f64 {
    let levels = answers.first().map_or(0, Vec::len);
    let centred = answers.iter().map(|base| {
        let mean = base.iter().sum::<f64>() / levels as f64;
        base.iter().map(move |answer| answer - mean)
    });
    let mut sums = vec![0.0; levels];
    let mut squares = 0.0;
    for base in centred {
        for (sum, difference) in sums.iter_mut().zip(base) {
            *sum += difference;
            squares += difference * difference;
        }
    }
    let between = sums.iter().map(|sum| sum * sum).sum::<f64>() / answers.len() as f64;
    if squares > 0.0 { between / squares } else { 0.0 }
}

/// The mean, and half the width of its 95 % interval.
fn estimate(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, student(count - 1.0) * (variance / count).sqrt())
}

/// The 97.5th percentile of Student's t, by its expansion around the normal one: right to 0.001 from 10 degrees of freedom.
fn student(freedom: f64) -> f64 {
    let z: f64 = 1.959_963_985;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentile_is_students() {
        // From a table of the distribution.
        for (freedom, expected) in [(10.0, 2.228), (30.0, 2.042), (63.0, 1.998), (1e9, 1.960)] {
            assert!(
                (student(freedom) - expected).abs() < 1e-3,
                "{freedom}: {}",
                student(freedom)
            );
        }
    }

    #[test]
    fn an_index_is_one_for_the_same_preference_everywhere_and_near_zero_for_none() {
        let same: Vec<Vec<f64>> = (0..20)
            .map(|base| vec![base as f64, base as f64 + 1.0, base as f64 - 2.0])
            .collect();
        assert!(
            (index(&same) - 1.0).abs() < 1e-12,
            "whatever else differs between base scenes"
        );
        let own: Vec<Vec<f64>> = (0..20)
            .map(|base| (0..4).map(|l| f64::from(l == base % 4)).collect())
            .collect();
        assert!(index(&own) < 1e-12, "each value is preferred equally often");
        assert_eq!(index(&vec![vec![3.0; 5]; 4]), 0.0, "nothing changes");
    }

    #[test]
    fn the_null_of_noise_holds_its_index() {
        let noise: Vec<Vec<f64>> = (0..64)
            .map(|b| (0..10).map(|l| ((b * 31 + l * 17) as f64).sin()).collect())
            .collect();
        let planted: Vec<Vec<f64>> = noise
            .iter()
            .map(|base| {
                base.iter()
                    .enumerate()
                    .map(|(l, n)| n + 3.0 * f64::from(l == 4))
                    .collect()
            })
            .collect();
        let (flat, tuned) = (
            Curve::new(Factor::Shape, &noise, 1),
            Curve::new(Factor::Shape, &planted, 1),
        );
        assert!(
            flat.null.0 < 0.05 && (flat.null.0 - 1.0 / 64.0).abs() < 0.01,
            "{:?}",
            flat.null
        );
        assert!(
            tuned.is_tuned() && tuned.index > 0.5 && tuned.preferred() == "star",
            "{tuned:?}"
        );
    }
}
