//! Which units of the site before feed a unit, and which of the next it feeds.
//!
//! Between two layers lie several convolutions, batch norms and ReLUs, and a shortcut around each block. All paths are
//! multiplied out:
//!
//! ```math
//! block  = shortcut + S_2·K_2·diag(o_1)·S_1·K_1         K: kernels, each summed over its positions
//! weight = last block · diag(o) · … · first block        S: the factor of a batch norm, γ / √(variance + ε)
//! ```
//! A ReLU on the way counts with o, the share of places where it is open. Summed over positions, a kernel says what happens if
//! its input rises everywhere by one. So a weight says how much the unit would rise, before its own ReLU, if the other rose by
//! one everywhere: exactly where every ReLU on the way is open everywhere and nothing lies beyond the border; elsewhere as a
//! first guess.

use anyhow::{Context, Result, bail};
use candle_core::{DType, Tensor};
use resnet::ResNet;

use crate::images::Images;
use crate::subject::{STAGES, Subject};

/// What the network's batch norms add to the variance.
const EPSILON: f64 = 1e-5;
/// Images on which it is measured how often a ReLU is open.
pub const IMAGES: usize = 100;

/// A matrix `[to][from]`.
pub type Matrix = Vec<Vec<f64>>;

/// The site before one of an atlas's sites, if it is one and not the first.
pub fn previous(site: &str) -> Option<&'static str> {
    let place = STAGES.iter().position(|stage| *stage == site)?;
    place.checked_sub(1).map(|before| STAGES[before])
}

/// The weights from the units of the site before to those of `site`, `[to][from]`.
///
/// **Errors** if the network's blocks are of a kind that this cannot multiply out: with groups, or with a shortcut without
/// weights.
pub fn between(subject: &Subject, images: &Images, site: &str) -> Result<Matrix> {
    let network = &subject.network;
    let before = previous(site).with_context(|| format!("no site of the atlas lies before {site}"))?;
    let blocks: Vec<String> = (0..)
        .map(|block| format!("{site}.{block}"))
        .take_while(|block| network.parameters().contains_key(&format!("{block}.conv1.weight")))
        .collect();
    let Some(last) = blocks.last() else {
        bail!("{site} has no blocks")
    };
    let mut gates: Vec<String> = vec![];
    if before == "conv1" {
        gates.push("relu".into());
    }
    for block in &blocks {
        gates.extend((0..convolutions(network, block) - 1).map(|index| relu(block, index)));
        if block != last {
            gates.push(block.clone());
        }
    }
    let open = open(subject, images, &gates)?;
    let share = |site: &str| -> Result<&Vec<f64>> {
        let place = gates
            .iter()
            .position(|gate| gate == site)
            .context("a gate that was measured")?;
        Ok(&open[place])
    };
    let mut whole: Option<Matrix> = None;
    if before == "conv1" {
        whole = Some(diagonal(&times(&scale(network, "bn1")?, share("relu")?)));
    }
    for block in &blocks {
        let mut through = block_matrix(network, block, &share)?;
        if let Some(whole) = whole {
            through = product(&through, &whole)?;
        }
        if block != last {
            through = rows_times(&through, share(block)?);
        }
        whole = Some(through);
    }
    whole.context("at least one block")
}

/// Shortcut and branch of a block.
fn block_matrix<'a>(network: &ResNet, block: &str, share: &dyn Fn(&str) -> Result<&'a Vec<f64>>) -> Result<Matrix> {
    let mut branch: Option<Matrix> = None;
    let count = convolutions(network, block);
    for index in 0..count {
        let mut step = kernel(network, &format!("{block}.conv{}", index + 1))?;
        step = rows_times(&step, &scale(network, &format!("{block}.bn{}", index + 1))?);
        if let Some(branch) = &branch {
            step = product(&step, branch)?;
        }
        if index + 1 < count {
            step = rows_times(&step, share(&relu(block, index))?);
        }
        branch = Some(step);
    }
    let branch = branch.with_context(|| format!("{block} has no convolutions"))?;
    let projection = ["0", "1"].map(|part| format!("{block}.downsample.{part}"));
    let has = |name: &str| network.parameters().contains_key(&format!("{name}.weight"));
    let shortcut = match projection {
        [convolution, norm] if has(&convolution) && has(&norm) => {
            Some(rows_times(&kernel(network, &convolution)?, &scale(network, &norm)?))
        }
        [_, norm] if has(&norm) => bail!("{block} averages pixels on its shortcut"),
        _ if branch.len() == branch[0].len() => Some(diagonal(&vec![1.0; branch.len()])),
        _ => bail!("{block} has a shortcut without weights between channels of different number"),
    };
    let sum = |(a, b): (Vec<f64>, Vec<f64>)| a.into_iter().zip(b).map(|(a, b)| a + b).collect();
    Ok(match shortcut {
        Some(shortcut) => branch.into_iter().zip(shortcut).map(sum).collect(),
        None => branch,
    })
}

fn convolutions(network: &ResNet, block: &str) -> usize {
    let has = |index: &usize| {
        network
            .parameters()
            .contains_key(&format!("{block}.conv{index}.weight"))
    };
    (1..).take_while(has).count()
}

fn relu(block: &str, index: usize) -> String {
    match index {
        0 => format!("{block}.relu"),
        index => format!("{block}.relu_{index}"),
    }
}

/// The share of places where each channel of each site is above zero.
fn open(subject: &Subject, images: &Images, sites: &[String]) -> Result<Vec<Vec<f64>>> {
    let count = images.len().min(IMAGES);
    let names: Vec<&str> = sites.iter().map(String::as_str).collect();
    let trace = subject
        .network
        .capture(&resnet::normalize(&images.batch(0, count)?.pixels)?, &names)?;
    let share = |site: &&str| -> Result<Vec<f64>> {
        let above = trace.activation(site)?.gt(0f32)?.to_dtype(DType::F64)?;
        Ok(above.mean((0, 2, 3))?.to_vec1()?)
    };
    names.iter().map(share).collect()
}

/// A convolution's kernels, each summed over its positions, `[out][in]`.
fn kernel(network: &ResNet, name: &str) -> Result<Matrix> {
    let kernels = network.parameter(&format!("{name}.weight"))?;
    if network.config().groups != 1 {
        bail!("{name} has groups")
    }
    Ok(values(kernels)?.sum((2, 3))?.to_vec2()?)
}

/// The factor by which a batch norm multiplies each channel.
fn scale(network: &ResNet, name: &str) -> Result<Vec<f64>> {
    let part =
        |part: &str| -> Result<Vec<f64>> { Ok(values(network.parameter(&format!("{name}.{part}"))?)?.to_vec1()?) };
    let factors = part("weight")?.into_iter().zip(part("running_var")?);
    Ok(factors
        .map(|(gamma, variance)| gamma / (variance + EPSILON).sqrt())
        .collect())
}

fn values(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F64)?)
}

fn diagonal(values: &[f64]) -> Matrix {
    let row = |row: usize| {
        (0..values.len())
            .map(|column| if row == column { values[row] } else { 0.0 })
            .collect()
    };
    (0..values.len()).map(row).collect()
}

fn times(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

fn rows_times(matrix: &[Vec<f64>], factors: &[f64]) -> Matrix {
    let row = |(row, factor): (&Vec<f64>, &f64)| row.iter().map(|value| value * factor).collect();
    matrix.iter().zip(factors).map(row).collect()
}

fn product(left: &[Vec<f64>], right: &[Vec<f64>]) -> Result<Matrix> {
    let inner = right.len();
    if left.iter().any(|row| row.len() != inner) {
        bail!("expected {inner} columns, got {}", left.first().map_or(0, Vec::len))
    }
    let columns = right.first().map_or(0, Vec::len);
    let entry = |row: &Vec<f64>, column: usize| (0..inner).map(|at| row[at] * right[at][column]).sum();
    Ok(left
        .iter()
        .map(|row| (0..columns).map(|column| entry(row, column)).collect())
        .collect())
}
