//! Directions and spaces of directions, taken out at a site.

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson04::{Effect, PENALTY, Standardizer, effect, fit_probe, random_rotation, without_direction};
use resnet::ResNet;
use studio::Material;
use studio::statistics::Estimate;

use super::images::{normalized, select};
use super::probes::accuracy;

/// Some images and what the network says of them.
pub struct Answered<'a> {
    network: &'a ResNet,
    batches: Vec<Tensor>,
    logits: Tensor,
}

impl<'a> Answered<'a> {
    pub fn new(material: &Material, network: &'a ResNet, images: u64) -> Result<Self> {
        let batches = normalized(material, images, "ablation", |_| {}).collect::<candle_core::Result<Vec<_>>>()?;
        let logits = batches.iter().map(|images| network.forward(images));
        let logits = logits.collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Self {
            network,
            logits: Tensor::cat(&logits, 0)?,
            batches,
        })
    }

    /// The mean effect (4.9) of a change.
    pub fn effect(&self, without: impl Fn(&Tensor) -> candle_core::Result<Tensor>) -> Result<Effect> {
        let after = self.batches.iter().map(without);
        let after = after.collect::<candle_core::Result<Vec<_>>>()?;
        Ok(effect(&self.logits, &Tensor::cat(&after, 0)?)?)
    }

    /// How much a logit changes when a direction is taken out at a site (4.9).
    pub fn without_direction(&self, site: &str, direction: &Tensor) -> Result<f64> {
        let change = self.effect(|images| without_direction(self.network, images, site, direction))?;
        Ok(change.logit_change)
    }

    /// The same for all directions of a space at once.
    pub fn without_space(&self, site: &str, space: &Tensor) -> Result<f64> {
        let change = self.effect(|images| {
            resnet::by_image(images, |image| {
                self.network.forward_visit(image, &mut |name, activation| {
                    (name == site).then(|| taken_out(activation, space)).transpose()
                })
            })
        })?;
        Ok(change.logit_change)
    }
}

/// What is left at every place of `[1, channels, height, width]` without its part in a space.
fn taken_out(activation: &Tensor, space: &Tensor) -> candle_core::Result<Tensor> {
    let flat = activation.squeeze(0)?.flatten_from(1)?; // [channels, places]
    let along = space.t()?.matmul(&space.matmul(&flat)?)?;
    (flat - along)?.reshape(activation.shape())
}

/// The directions among the activations along which a probe (4.4) tells each label, `[classes, channels]`.
pub fn read_along(rows: &Tensor, labels: &[usize], classes: usize) -> Result<Tensor> {
    let scale = Standardizer::fit(rows)?;
    let probe = fit_probe(&scale.apply(rows)?, labels, classes, PENALTY)?;
    // A probe reads x/σ, so the direction among the activations is w/σ.
    Ok(probe.weights.broadcast_div(&scale.deviation)?)
}

/// The direction in which images with a label differ from the others on average: what the label does to the activations.
pub fn pattern(rows: &Tensor, labels: &[usize], label: usize) -> Result<Tensor> {
    let (of, others): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&row| labels[row] == label);
    Ok((select(rows, &of)?.mean(0)? - select(rows, &others)?.mean(0)?)?)
}

/// Rows without their part in a space, `[directions, channels]` of length 1 and perpendicular to each other. The mean over
/// places is linear, so rows of means lose what each place would lose.
pub fn without(rows: &Tensor, space: &Tensor) -> Result<Tensor> {
    Ok((rows - rows.matmul(&space.t()?)?.matmul(space)?)?)
}

/// Directions as rows of length 1, perpendicular to each other; those that add nothing are left out.
pub fn perpendicular(directions: &[Vec<f32>]) -> Result<Tensor> {
    let mut rows: Vec<Vec<f64>> = vec![];
    for direction in directions {
        let mut row: Vec<f64> = direction.iter().map(|&value| f64::from(value)).collect();
        let length = |row: &[f64]| row.iter().map(|value| value * value).sum::<f64>().sqrt();
        let before = length(&row);
        // Twice, against rounding.
        for other in rows.iter().chain(&rows) {
            let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
        }
        let after = length(&row);
        if after > 1e-3 * before {
            rows.push(row.iter().map(|value| value / after).collect());
        }
    }
    let values: Vec<f32> = rows.concat().iter().map(|&value| value as f32).collect();
    Ok(Tensor::from_vec(values, (rows.len(), ()), &Device::Cpu)?)
}

/// Iterative null-space projection (Ravfogel et al. 2020): take out what a probe reads along, train another one on what is
/// left, and so on, until `rounds` are done or no direction is left.
pub fn null_space(rows: &Tensor, labels: &[usize], classes: usize, rounds: usize) -> Result<Tensor> {
    let (mut space, mut left) = (vec![], rows.clone());
    for _ in 0..rounds {
        space.extend(read_along(&left, labels, classes)?.to_vec2::<f32>()?);
        let basis = perpendicular(&space)?;
        left = without(rows, &basis)?;
        space = basis.to_vec2()?;
        if space.len() >= rows.dim(1)? {
            break;
        }
    }
    perpendicular(&space)
}

/// Independent random directions.
pub fn random_directions(channels: usize, count: u64) -> Result<Vec<Tensor>> {
    (1..=count)
        .map(|seed| Ok(random_rotation(channels, seed)?.get(0)?))
        .collect()
}

/// Independent random spaces.
pub fn random_spaces(channels: usize, directions: usize, count: u64) -> Result<Vec<Tensor>> {
    let of = |seed| Ok(random_rotation(channels, seed)?.narrow(0, 0, directions)?);
    (1..=count).map(of).collect()
}

/// How well another probe reads the labels from what is left.
pub fn read_again(rows: &Tensor, space: &Tensor, labels: &[usize], classes: usize) -> Result<Estimate> {
    accuracy(&without(rows, space)?, labels, classes)
}
