//! Axes of a site's channel space, judged by concepts; and dictionaries of it.

use std::ops::Range;

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson04::{Dictionary, Learning, learn};
use rayon::prelude::*;
use scenes::Concept;
use studio::Material;

use super::counting::{bits, iou, shown, threshold};
use super::dissected::{DISSECTED, Maps, ON};
use super::images::BATCH;

pub const SITE: &str = "layer4";
/// Scenes that dictionaries are learned on; they are others than those that judge.
pub const LEARNED_ON: u64 = 2000;
/// Features that a place may use, of as many as there are units.
pub const KEEP: usize = 8;

/// What axes are judged on.
pub struct Judge {
    /// `[scenes, units, height, width]`
    pub activations: Tensor,
    masks: Vec<Vec<u32>>,
    shown: Vec<u32>,
    side: usize,
}

impl Judge {
    pub fn new(material: &Material) -> Result<Self> {
        let (activations, masks) = gather(material, 0..DISSECTED)?;
        Ok(Self {
            activations,
            shown: shown(&masks, Concept::all().len()),
            masks,
            side: material.sample(0)?.pixels.dim(1)?,
        })
    }

    /// Codes of all places as maps.
    pub fn maps(&self, rows: &Tensor) -> Result<Tensor> {
        let (scenes, _, height, width) = self.activations.dims4()?;
        let maps = rows.reshape((scenes, height, width, ()))?;
        Ok(maps.permute((0, 3, 1, 2))?.contiguous()?)
    }

    /// Pooled IoU (4.8) of maps, `[scenes, axes, height, width]`, with all concepts: `[axes, concepts]`.
    pub fn iou(&self, maps: &Tensor) -> Result<Tensor> {
        let (_, axes, height, width) = maps.dims4()?;
        let mut found = Maps::new([height, width]);
        found.add(maps)?;
        let cuts: Vec<f32> = found.values.par_iter().map(|all| threshold(all.clone(), ON)).collect();
        let lit = found.lit(&cuts, [self.side, self.side]);
        let of = |on: &Vec<Vec<u16>>| iou(on, &self.masks, &self.shown, 0);
        let all: Vec<f64> = lit.par_iter().map(of).collect::<Vec<_>>().concat();
        Ok(Tensor::from_vec(all, (axes, self.shown.len()), &Device::Cpu)?)
    }
}

/// The places that dictionaries are learned on, a row each.
pub fn to_learn_on(material: &Material) -> Result<Tensor> {
    rows(&gather(material, DISSECTED..DISSECTED + LEARNED_ON)?.0)
}

/// A dictionary of as many features as there are units.
pub fn learned(rows: &Tensor, seed: u64) -> candle_core::Result<Dictionary> {
    let learning = Learning {
        features: rows.dim(1)?,
        keep: KEEP,
        weight: 0.0,
        steps: 1000,
        rate: 3e-3,
        seed,
    };
    learn(rows, learning)
}

/// A row per place.
pub fn rows(activations: &Tensor) -> Result<Tensor> {
    let units = activations.dim(1)?;
    Ok(activations.permute((0, 2, 3, 1))?.reshape(((), units))?.contiguous()?)
}

/// Activations of some scenes, and the masks of what they show.
fn gather(material: &Material, scenes: Range<u64>) -> Result<(Tensor, Vec<Vec<u32>>)> {
    let concepts = Concept::all();
    let count = scenes.end - scenes.start;
    let bar = studio::progress(count, format!("activations of {}", material.network_name()));
    let (mut parts, mut masks) = (vec![], vec![]);
    for batch in material.batches(scenes, BATCH) {
        let batch = batch?;
        let trace = material
            .network()
            .capture(&resnet::normalize(&batch.pixels)?, &[SITE])?;
        parts.push(trace.activation(SITE)?.detach());
        masks.extend(batch.rendered.iter().map(|one| {
            let of: Vec<Vec<bool>> = concepts.iter().map(|&concept| one.masks.get(concept).pixels).collect();
            bits(of.iter().map(Vec::as_slice))
        }));
        bar.inc(BATCH as u64);
    }
    Ok((Tensor::cat(&parts, 0)?, masks))
}
