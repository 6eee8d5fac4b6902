//! A unit, and its optimum.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use lesson03::{Function, Target, score};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use studio::{Material, Unit};

use super::images::side;
use super::making::{Wish, make, uniform};
use super::recipe::Recipe;

/// Images that are begun, of which the best is shown.
pub const STARTS: usize = 2;
/// Images over which a unit's spread is taken.
const SPREAD_OVER: usize = 32;

/// The last place of a layer before its ReLU: a unit that is at rest still has a gradient there.
pub fn before_relu(network: &ResNet, layer: &str) -> Result<String> {
    let sites = network.sites();
    let last = sites.iter().rev();
    let site = last
        .into_iter()
        .find(|site| site.starts_with(layer) && site.ends_with(".add"));
    Ok(site.with_context(|| format!("expected a sum in {layer}"))?.clone())
}

/// The channel with this index before the last ReLU of a layer, or another one where there are not so many.
fn unit(material: &Material, layer: &str, channel: usize) -> Result<Unit> {
    let network = material.network();
    let site = before_relu(network, layer)?;
    let blank = Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu)?;
    let channels = network.activation(&blank, &site)?.dim(1)?;
    Ok(Unit {
        site,
        channel: channel % channels,
    })
}

/// The units of `--unit`, or these; each with its title.
pub fn chosen(material: &Material, usual: &[(&str, usize)]) -> Result<Vec<(String, Unit)>> {
    if !material.units().is_empty() {
        let named = |unit: &Unit| (format!("{}, {}", unit.site, unit.channel), unit.clone());
        return Ok(material.units().iter().map(named).collect());
    }
    let one = |&(layer, channel): &(&str, usize)| {
        let unit = unit(material, layer, channel)?;
        Ok((format!("{layer}, {}", unit.channel), unit))
    };
    usual.iter().map(one).collect()
}

/// The one unit of a picture: the first of `--unit`, or this.
pub fn one(material: &Material, layer: &str, channel: usize) -> Result<Unit> {
    match material.units().first() {
        Some(asked) => Ok(asked.clone()),
        None => unit(material, layer, channel),
    }
}

/// The standard deviation of an objective over 32 images of the data: what penalties are measured in. Where it is not known what
/// the network knows, over images of [`octaves`].
pub fn spread(material: &Material, objective: &Function) -> Result<f64> {
    const BATCH: usize = 8;
    let mut values = vec![];
    if material.needs_images().is_ok() {
        for batch in material.batches(0..SPREAD_OVER as u64, BATCH) {
            values.extend(objective(&batch?.pixels)?.to_vec1::<f32>()?);
        }
    } else {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..SPREAD_OVER / BATCH {
            values.extend(objective(&octaves(material, &mut random, BATCH)?)?.to_vec1::<f32>()?);
        }
    }
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
    Ok(f64::from(variance.sqrt().max(1e-6)))
}

/// What [`spread`] was taken over, for captions.
pub fn spread_over(material: &Material) -> String {
    match material.needs_images() {
        Ok(()) => format!("{SPREAD_OVER} images ({})", material.data_name()),
        Err(_) => format!("{SPREAD_OVER} images of random clouds, for want of `--images FOLDER`"),
    }
}

/// Random clouds of all sizes, each size as strong as the others, in the colours that the network knows: as smooth and as
/// colourful as photos are, and of nothing.
fn octaves(material: &Material, random: &mut ChaCha8Rng, batch: usize) -> candle_core::Result<Tensor> {
    const STRENGTH: f64 = 0.25;
    let side = material.side();
    let mut sum = Tensor::zeros((batch, 3, side, side), DType::F32, &Device::Cpu)?;
    let mut cells = 2;
    while cells <= side {
        let clouds = uniform(random, &[batch, 3, cells, cells], 0.0, 1.0)?;
        sum = (sum + clouds.upsample_bilinear2d(side, side, false)?)?;
        cells *= 2;
    }
    let axes = Tensor::new(material.colour_axes(), &Device::Cpu)?;
    let colours = axes.broadcast_matmul(&sum.flatten_from(2)?)?.reshape(sum.shape())?;
    ((colours * STRENGTH)? + 0.5)?.clamp(0.0, 1.0)
}

/// The best of a few optima of a channel, `[1, 3, side, side]`, and the objective's mean over them before each step.
pub fn optimum(material: &Material, unit: &Unit, recipe: &Recipe) -> Result<(Tensor, Vec<f64>)> {
    let Unit { site, channel } = unit;
    let objective = |images: &Tensor| score(material.network(), images, site, Target::Channel(*channel));
    best(material, &objective, recipe, format!("{site} {channel}"))
}

/// The best of a few images for an objective, and the objective's mean over them before each step.
pub fn best(material: &Material, objective: &Function, recipe: &Recipe, what: String) -> Result<(Tensor, Vec<f64>)> {
    let wish = Wish {
        objective,
        scale: spread(material, objective)?,
    };
    let (images, values) = make(material, &wish, recipe, STARTS, side(material), what)?;
    let reached = objective(&images)?.to_vec1::<f32>()?;
    let best = (0..STARTS).max_by(|&a, &b| reached[a].total_cmp(&reached[b]));
    Ok((images.narrow(0, best.unwrap_or_default(), 1)?, values))
}

/// The objective of an image as it is, unmoved.
pub fn value(material: &Material, image: &Tensor, unit: &Unit) -> Result<f32> {
    let scores = score(material.network(), image, &unit.site, Target::Channel(unit.channel))?;
    Ok(scores.to_vec1::<f32>()?[0])
}
