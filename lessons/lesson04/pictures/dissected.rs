//! Layers, dissected (4.8).

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson04::{Dissection, Thresholds, best_concepts, random_rotation, rotated, shuffled};
use rayon::prelude::*;
use scenes::{Concept, Rendered};
use studio::Material;

use super::images::BATCH;

/// Images for dissection, and the share of activations that counts as on.
pub const DISSECTED: u64 = 1000;

pub const ON: f64 = 0.005;

/// A layer, dissected.
pub struct Layer {
    pub site: String,
    /// Per unit.
    pub thresholds: Tensor,
    /// IoU of each unit with each concept, with the true masks and with those of other scenes.
    pub real: Tensor,
    pub shuffled: Tensor,
    /// The same as `real` along random axes, for each rotation.
    pub rotated: Vec<Tensor>,
}

impl Layer {
    /// The cut above which an IoU is not chance: no unit reaches it with the masks of other scenes.
    pub fn cut(&self) -> Result<f64> {
        let by_chance = best_concepts(&self.shuffled)?;
        Ok(by_chance.iter().map(|one| one.1).fold(0.0, f64::max))
    }
}

/// The masks of some scenes, `[batch, concepts, rows, columns]`.
pub fn masks(rendered: &[Rendered], concepts: &[Concept]) -> Result<Tensor> {
    let of = |one: &Rendered| {
        let masks: candle_core::Result<Vec<_>> = concepts
            .iter()
            .map(|&concept| one.masks.get(concept).to_tensor(&Device::Cpu))
            .collect();
        Tensor::stack(&masks?, 0)
    };
    let masks: candle_core::Result<Vec<_>> = rendered.iter().map(of).collect();
    Ok(Tensor::stack(&masks?, 0)?)
}

/// Dissects layers (4.8) in two passes over the scenes: thresholds, then counts; along the axes of `rotations` random
/// rotations as well.
pub fn dissect(material: &Material, sites: &[&str], concepts: &[Concept], rotations: usize) -> Result<Vec<Layer>> {
    let network = material.network();
    let side = material.sample(0)?.pixels.dim(1)?;
    let image = Tensor::zeros((1, 3, side, side), candle_core::DType::F32, &Device::Cpu)?;
    let shapes = network.capture(&image, sites)?;
    let mut thresholds = vec![];
    for (index, site) in sites.iter().enumerate() {
        let (_, units, height, width) = shapes.activation(site)?.dims4()?;
        let streaming = || Thresholds::new(height * width * DISSECTED as usize, ON);
        let seeds = (0..rotations).map(|rotation| (index + sites.len() * rotation) as u64);
        let turned = seeds.map(|seed| Ok((streaming()?, random_rotation(units, seed)?)));
        thresholds.push((streaming()?, turned.collect::<Result<Vec<_>>>()?));
    }
    let bar = studio::progress(2 * DISSECTED, "dissection");
    for batch in material.batches(0..DISSECTED, BATCH) {
        let trace = network.capture(&resnet::normalize(&batch?.pixels)?, sites)?;
        for (site, (straight, turned)) in sites.iter().zip(&mut thresholds) {
            straight.update(trace.activation(site)?)?;
            for (turned, axes) in turned {
                turned.update(&rotated(trace.activation(site)?, axes)?)?;
            }
        }
        bar.inc(BATCH as u64);
    }
    // The masks of other scenes count as further concepts: one pass serves both.
    let mut counts = vec![];
    for (straight, turned) in thresholds {
        let turned = turned.into_iter().map(|(thresholds, axes)| {
            let counts = Dissection::new(&thresholds.finish()?, concepts.len())?;
            Ok((counts, axes))
        });
        let straight = Dissection::new(&straight.finish()?, 2 * concepts.len())?;
        counts.push((straight, turned.collect::<Result<Vec<_>>>()?));
    }
    for batch in material.batches(0..DISSECTED, BATCH) {
        let batch = batch?;
        let masks = masks(&batch.rendered, concepts)?;
        let both = Tensor::cat(&[&masks, &shuffled(&masks)?], 1)?;
        let trace = network.capture(&resnet::normalize(&batch.pixels)?, sites)?;
        let each = counts.par_iter_mut().zip(sites);
        each.try_for_each(|((straight, turned), site)| {
            let activations = trace.activation(site)?;
            let count_turned = || {
                let each = turned.par_iter_mut();
                each.try_for_each(|(counts, axes)| counts.update(&rotated(activations, axes)?, &masks))
            };
            let (straight, turned) = rayon::join(|| straight.update(activations, &both), count_turned);
            straight.and(turned)
        })?;
        bar.inc(BATCH as u64);
    }
    let mut layers = vec![];
    for (site, (straight, turned)) in sites.iter().zip(&counts) {
        let iou = straight.iou()?;
        layers.push(Layer {
            site: site.to_string(),
            thresholds: straight.thresholds.clone(),
            real: iou.narrow(1, 0, concepts.len())?,
            shuffled: iou.narrow(1, concepts.len(), concepts.len())?,
            rotated: turned
                .iter()
                .map(|(counts, _)| counts.iou())
                .collect::<candle_core::Result<_>>()?,
        });
    }
    Ok(layers)
}
