//! A right answer to 5.8, written independently of the solution, with flaws.

use std::cmp::Ordering;

use candle_core::{Result, Tensor, bail};
use resnet::{Parameters, ResNet, parameters};

/// Which parameter belongs to which module.
type Belongs = fn(name: &str, module: &str) -> bool;

pub(super) fn below(name: &str, module: &str) -> bool {
    name.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
}

pub(super) fn exchange(network: &ResNet, modules: &[&str], seed: u64, belongs: Belongs) -> Result<ResNet> {
    let fresh = parameters::initialize(network.config(), seed)?;
    for module in modules {
        if !fresh.keys().any(|name| belongs(name, module)) {
            bail!("no module {module}");
        }
    }
    let weights: Parameters = network
        .parameters()
        .iter()
        .map(|(name, weight)| {
            let is_fresh = modules.iter().any(|module| belongs(name, module));
            let weight = if is_fresh { &fresh[name] } else { weight };
            (name.clone(), weight.clone())
        })
        .collect();
    ResNet::new(network.config(), &weights)
}

/// Everything replaced by zeros instead of fresh weights.
pub(super) fn zeroed(network: &ResNet, modules: &[&str]) -> Result<ResNet> {
    let mut weights = network.parameters().clone();
    for (name, weight) in &mut weights {
        if modules.iter().any(|module| below(name, module)) {
            *weight = weight.zeros_like()?;
        }
    }
    ResNet::new(network.config(), &weights)
}

/// Ranks by counting: how many values are smaller, plus half of the equal ones.
pub(super) fn counted_ranks(values: &[f32]) -> Vec<f64> {
    let rank = |x: &f32| {
        let smaller = values.iter().filter(|y| *y < x).count() as f64;
        let equal = values.iter().filter(|y| *y == x).count() as f64;
        smaller + (equal + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

pub(super) fn ordinal_ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].partial_cmp(&values[j]).unwrap_or(Ordering::Equal));
    let mut ranks = vec![0.0; values.len()];
    for (rank, &index) in order.iter().enumerate() {
        ranks[index] = rank as f64 + 1.0;
    }
    ranks
}

pub(super) fn own_values(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// Pearson's correlation of something made from the values; `constant` where it is not defined.
pub(super) fn correlate(a: &Tensor, b: &Tensor, of: fn(&[f32]) -> Vec<f64>, constant: f64) -> Result<f64> {
    let values = |t: &Tensor| Ok::<_, candle_core::Error>(of(&t.flatten_all()?.to_vec1::<f32>()?));
    let (a, b) = (values(a)?, values(b)?);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b) {
        ab += (x - mean_a) * (y - mean_b);
        aa += (x - mean_a) * (x - mean_a);
        bb += (y - mean_b) * (y - mean_b);
    }
    Ok(if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { constant })
}

/// 1 − 6 Σ d² / (n (n² − 1)): right only where no two values are equal.
pub(super) fn short_formula(a: &Tensor, b: &Tensor) -> Result<f64> {
    let a = counted_ranks(&a.flatten_all()?.to_vec1::<f32>()?);
    let b = counted_ranks(&b.flatten_all()?.to_vec1::<f32>()?);
    let n = a.len() as f64;
    let squares: f64 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
    Ok(1.0 - 6.0 * squares / (n * (n * n - 1.0)))
}
