//! A right answer to 4.10, written independently of the solution, with flaws.

use candle_core::{Device, Result, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use scenes::{Colour, Scene, Shape, Texture};

use super::Tuning;
use crate::keep;

pub(super) const SHAPE: usize = 0;

pub(super) const COLOUR: usize = 1;

pub(super) const TEXTURE: usize = 2;

/// A right answer, written independently of the solution, in parts that may be wrong.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) values: Values,
    pub(super) normalize: fn(&Tensor) -> Result<Tensor>,
    pub(super) pool: Pool,
    pub(super) transposed: bool,
    pub(super) spread: Spread,
    /// Of the means, the largest first.
    pub(super) index: fn(&[f64]) -> f64,
    pub(super) shuffle: Shuffle,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Values {
    All,
    OthersOnly,
    OwnFirst,
    ShapeToo,
    AllFigures,
    LastFigure,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pool {
    Mean,
    Largest,
    Sum,
    Middle,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Spread {
    Right,
    OfOneScene,
    Population,
    OneError,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shuffle {
    EachScene,
    OneOrder,
    WholeTable,
    WithReplacement,
    SameEachTime,
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn ratio(best: f64, others: f64) -> f64 {
    if best + others > 0.0 {
        (best - others) / (best + others)
    } else {
        0.0
    }
}

pub(super) const RIGHT: Parts = Parts {
    values: Values::All,
    normalize: resnet::normalize,
    pool: Pool::Mean,
    transposed: false,
    spread: Spread::Right,
    index: |sorted| ratio(sorted[0], mean(&sorted[1..])),
    shuffle: Shuffle::EachScene,
};

pub(super) fn variants(scene: &Scene, factor: usize, values: Values) -> Result<Vec<Scene>> {
    let count = [Shape::COUNT, Colour::COUNT, Texture::COUNT][factor];
    let mut found = vec![];
    for value in 0..count {
        let mut variant = scene.clone();
        let figures = &mut variant.figures;
        let which = match values {
            Values::AllFigures => 0..figures.len(),
            Values::LastFigure => figures.len() - 1..figures.len(),
            _ => 0..1,
        };
        for figure in &mut figures[which] {
            match factor {
                SHAPE => figure.shape = Shape::ALL[value],
                COLOUR => figure.colour = Colour::ALL[value],
                _ => figure.texture = Texture::ALL[value],
            }
            if values == Values::ShapeToo && factor != SHAPE {
                figure.shape = Shape::ALL[value];
            }
        }
        variant.check()?;
        found.push(variant);
    }
    match values {
        Values::OthersOnly => found.retain(|variant| variant != scene),
        Values::OwnFirst => {
            found.retain(|variant| variant != scene);
            found.insert(0, scene.clone());
        }
        _ => {}
    }
    Ok(found)
}

pub(super) fn responses(
    network: &ResNet,
    site: &str,
    unit: usize,
    scenes: &[Scene],
    factor: usize,
    parts: Parts,
) -> Result<Tensor> {
    let mut rows = vec![];
    for scene in scenes {
        let mut row = vec![];
        for variant in variants(scene, factor, parts.values)? {
            let image = variant.render().image.to_tensor(&Device::Cpu)?.unsqueeze(0)?;
            let mut map = None;
            network.forward_visit(&(parts.normalize)(&image)?, &mut |name, activation| {
                if name == site {
                    map = Some(activation.get(0)?.get(unit)?);
                }
                Ok(None)
            })?;
            let Some(map) = map else { bail!("no site {site}") };
            let (height, width) = map.dims2()?;
            let values = map.flatten_all()?.to_vec1::<f32>()?;
            let sum: f32 = values.iter().sum();
            row.push(match parts.pool {
                Pool::Mean => sum / values.len() as f32,
                Pool::Largest => values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                Pool::Sum => sum,
                Pool::Middle => values[height / 2 * width + width / 2],
            });
        }
        rows.push(row);
    }
    let table = Tensor::new(rows, &Device::Cpu)?;
    if parts.transposed {
        table.t()?.contiguous()
    } else {
        Ok(table)
    }
}

pub(super) fn curve(table: &Tensor, parts: Parts) -> Result<(Vec<f64>, Vec<f64>)> {
    let (scenes, _) = table.dims2()?;
    let columns = table.t()?.to_vec2::<f32>()?;
    let n = scenes as f64;
    let of = |column: &Vec<f32>| {
        let mean = column.iter().map(|&r| f64::from(r)).sum::<f64>() / n;
        let squares: f64 = column.iter().map(|&r| (f64::from(r) - mean).powi(2)).sum();
        let half = match parts.spread {
            Spread::Right => 1.96 * (squares / (n - 1.0) / n).sqrt(),
            Spread::OfOneScene => 1.96 * (squares / (n - 1.0)).sqrt(),
            Spread::Population => 1.96 * (squares / n / n).sqrt(),
            Spread::OneError => (squares / (n - 1.0) / n).sqrt(),
        };
        (mean, half)
    };
    Ok(columns.iter().map(of).unzip())
}

pub(super) fn index(means: &[f64], parts: Parts) -> Result<f64> {
    let mut sorted = means.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    Ok((parts.index)(&sorted))
}

pub(super) fn shuffled(table: &Tensor, count: usize, seed: u64, parts: Parts) -> Result<Vec<f64>> {
    let rows = table.to_vec2::<f32>()?;
    let values = table.dims2()?.1;
    // Sorted by random keys, and not with the solution's generator in the solution's order.
    let generator = || ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let mut random = generator();
    let mut one = || -> Result<f64> {
        if parts.shuffle == Shuffle::SameEachTime {
            random = generator();
        }
        let mut order = |count: usize| {
            let mut keyed: Vec<(u64, usize)> = (0..count).map(|i| (random.random(), i)).collect();
            keyed.sort_unstable();
            keyed.into_iter().map(|(_, i)| i).collect::<Vec<_>>()
        };
        let dealt: Vec<Vec<f32>> = match parts.shuffle {
            Shuffle::WithReplacement => rows
                .iter()
                .map(|row| row.iter().map(|_| row[random.random_range(0..values)]).collect())
                .collect(),
            Shuffle::EachScene | Shuffle::SameEachTime => rows
                .iter()
                .map(|row| order(values).iter().map(|&i| row[i]).collect())
                .collect(),
            Shuffle::OneOrder => {
                let order = order(values);
                rows.iter().map(|row| order.iter().map(|&i| row[i]).collect()).collect()
            }
            Shuffle::WholeTable => {
                let all = rows.concat();
                let all: Vec<f32> = order(all.len()).iter().map(|&i| all[i]).collect();
                all.chunks(values).map(<[f32]>::to_vec).collect()
            }
        };
        index(&curve(&Tensor::new(dealt, &Device::Cpu)?, parts)?.0, parts)
    };
    (0..count).map(|_| one()).collect()
}

pub(super) fn answer(parts: Parts) -> Tuning {
    Tuning {
        counterfactuals: keep(Box::new(move |scene: &Scene, factor: usize| {
            variants(scene, factor, parts.values)
        })),
        responses: keep(Box::new(
            move |network: &ResNet, site: &str, unit: usize, scenes: &[Scene], factor: usize| {
                responses(network, site, unit, scenes, factor, parts)
            },
        )),
        curve: keep(Box::new(move |table: &Tensor| curve(table, parts))),
        index: keep(Box::new(move |means: &[f64]| index(means, parts))),
        shuffled: keep(Box::new(move |table: &Tensor, count: usize, seed: u64| {
            shuffled(table, count, seed, parts)
        })),
    }
}
