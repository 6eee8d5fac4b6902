//! All units of a site on the same images, in two passes: how strongly each answers, how often it is silent, and which
//! concept it stands for.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use scenes::{Concept, Rendered};
use serde::{Deserialize, Serialize};
use solution02::{Peaks, sparsity};
use solution04::{Dissection, Thresholds, shuffled};

use crate::images::Images;
use crate::subject::{Site, Subject};

/// Share of a unit's activations that counts as on (4.8).
pub const ON: f64 = 0.005;

/// What is known of all units of a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The site.
    pub site: String,
    /// What it was measured on.
    pub images: String,
    /// Height and width of its maps.
    pub map: (usize, usize),
    /// Mean over the map, by unit and image.
    pub means: Vec<Vec<f32>>,
    /// The same before the ReLU, the smallest and the largest over the images.
    pub before: Vec<(f32, f32)>,
    /// Share of zeros over all images and places, by unit (2.4).
    pub sparsity: Vec<f64>,
    /// Units that were above zero nowhere (2.5).
    pub dead: Vec<usize>,
    /// Above it a unit is on (4.8), by unit.
    pub thresholds: Vec<f32>,
    /// What each unit stands for; empty where the images have no truth.
    pub concepts: Vec<Standing>,
}

/// The concepts that overlap best with where a unit is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Names and IoU, best first.
    pub best: Vec<(String, f64)>,
    /// The best of the same unit with the masks of other scenes.
    pub null: f64,
}

/// How many concepts are kept for each unit.
const KEPT: usize = 5;

impl Survey {
    /// Shows all images to the network and looks at one site.
    ///
    /// `step` is called with the number of images after each batch; there are two passes where the truth is known.
    ///
    /// **Errors** if an image cannot be made or the network cannot run.
    pub fn measure(subject: &Subject, site: &Site, images: &Images, step: &dyn Fn(usize)) -> Result<Self> {
        let mut first = FirstPass::new(site, images);
        for (start, end) in images.ranges() {
            let pixels = images.batch(start, end)?.pixels;
            first.take(subject, site, &pixels)?;
            step(end - start);
        }
        let dead = first.peaks.dead()?;
        let thresholds = first.thresholds.as_ref().map(Thresholds::finish).transpose()?;
        let concepts = match (&thresholds, images.have_truth()) {
            (Some(thresholds), true) => dissect(subject, site, images, thresholds, step)?,
            _ => vec![],
        };
        let count = images.len() as f64;
        Ok(Self {
            site: site.name.clone(),
            images: images.words(),
            map: first.map,
            means: first.means,
            before: first.before,
            sparsity: first.zeros.iter().map(|zeros| zeros / count).collect(),
            dead,
            thresholds: thresholds.map(|t| t.to_vec1()).transpose()?.unwrap_or_default(),
            concepts,
        })
    }
}

/// What the first pass adds up.
struct FirstPass {
    map: (usize, usize),
    means: Vec<Vec<f32>>,
    before: Vec<(f32, f32)>,
    /// Share of zeros by unit, times images.
    zeros: Vec<f64>,
    peaks: Peaks,
    thresholds: Option<Thresholds>,
    images: usize,
}

impl FirstPass {
    fn new(site: &Site, images: &Images) -> Self {
        Self {
            map: (0, 0),
            means: vec![vec![]; site.units],
            before: vec![(f32::INFINITY, f32::NEG_INFINITY); site.units],
            zeros: vec![0.0; site.units],
            peaks: Peaks::new(),
            thresholds: None,
            images: images.len(),
        }
    }

    fn take(&mut self, subject: &Subject, site: &Site, pixels: &Tensor) -> Result<()> {
        let input = resnet::normalize(pixels)?;
        let trace = subject.network.capture(&input, &[&site.name, &site.before])?;
        let activations = trace.activation(&site.name)?;
        let (batch, _, height, width) = activations.dims4()?;
        self.map = (height, width);
        let by_unit = |maps: &Tensor| maps.flatten_from(2)?.mean(2)?.t()?.to_vec2::<f32>();
        for (all, new) in self.means.iter_mut().zip(by_unit(activations)?) {
            all.extend(new);
        }
        for (range, new) in self.before.iter_mut().zip(by_unit(trace.activation(&site.before)?)?) {
            for value in new {
                *range = (range.0.min(value), range.1.max(value));
            }
        }
        for (sum, share) in self.zeros.iter_mut().zip(sparsity(activations)?.by_channel) {
            *sum += share * batch as f64;
        }
        self.peaks.update(activations)?;
        let images = self.images;
        let thresholds = match &mut self.thresholds {
            Some(thresholds) => thresholds,
            none => none.insert(Thresholds::new(images * height * width, ON)?),
        };
        thresholds.update(activations)?;
        Ok(())
    }
}

/// The masks of some scenes, `[batch, concepts, rows, columns]`.
fn masks(rendered: &[Rendered], concepts: &[Concept]) -> Result<Tensor> {
    let of = |one: &Rendered| {
        let masks = concepts
            .iter()
            .map(|&concept| one.masks.get(concept).to_tensor(&Device::Cpu));
        Tensor::stack(&masks.collect::<candle_core::Result<Vec<_>>>()?, 0)
    };
    let masks = rendered.iter().map(of).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::stack(&masks, 0)?)
}

fn dissect(
    subject: &Subject,
    site: &Site,
    images: &Images,
    thresholds: &Tensor,
    step: &dyn Fn(usize),
) -> Result<Vec<Standing>> {
    let concepts = Concept::all();
    // The masks of other scenes count as further concepts: one pass serves both. Each part of a batch has counts of its own.
    let parts = rayon::current_num_threads().max(1);
    let mut counts = vec![Dissection::new(thresholds, 2 * concepts.len())?; parts];
    for (start, end) in images.ranges() {
        let batch = images.batch(start, end)?;
        let masks = masks(&batch.rendered, &concepts)?;
        let both = Tensor::cat(&[&masks, &shuffled(&masks)?], 1)?;
        let trace = subject
            .network
            .capture(&resnet::normalize(&batch.pixels)?, &[&site.name])?;
        let activations = trace.activation(&site.name)?;
        let size = (end - start).div_ceil(parts);
        counts.par_iter_mut().enumerate().try_for_each(|(part, counts)| {
            let first = part * size;
            let length = size.min((end - start).saturating_sub(first));
            match length {
                0 => Ok(()),
                _ => counts.update(
                    &activations.narrow(0, first, length)?.force_contiguous()?,
                    &both.narrow(0, first, length)?.force_contiguous()?,
                ),
            }
        })?;
        step(end - start);
    }
    let mut all = counts.pop().expect("at least one part");
    for part in counts {
        all.both = (all.both + part.both)?;
        all.unit = (all.unit + part.unit)?;
        all.concept = (all.concept + part.concept)?;
    }
    let iou = all.iou()?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    Ok(iou.iter().map(|row| Standing::of(row, &concepts)).collect())
}

impl Standing {
    /// From the IoU with each concept, then with each concept's masks of other scenes.
    fn of(row: &[f64], concepts: &[Concept]) -> Self {
        let (real, null) = row.split_at(concepts.len());
        let mut best: Vec<(String, f64)> = concepts
            .iter()
            .map(ToString::to_string)
            .zip(real.iter().copied())
            .collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1));
        best.truncate(KEPT);
        Self {
            best,
            null: null.iter().copied().fold(0.0, f64::max),
        }
    }
}
