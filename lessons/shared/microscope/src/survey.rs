//! All units of some sites on the same images, in two passes for all of them: how strongly each answers, how often it is
//! silent, and which concept it stands for.

use anyhow::{Context, Result};
use candle_core::Tensor;
use rayon::prelude::*;
use resnet::Trace;
use scenes::Concept;
use serde::{Deserialize, Serialize};
use solution02::{Peaks, sparsity};
use solution04::{Dissection, Thresholds, shuffled};
use studio::scenery::masks;

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
    /// Shows all images to the network and looks at some sites, all in the same passes.
    ///
    /// `step` is called with the number of images after each batch; there are two passes where the truth is known.
    ///
    /// **Errors** if an image cannot be made or the network cannot run.
    pub fn measure(subject: &Subject, sites: &[Site], images: &Images, step: &dyn Fn(usize)) -> Result<Vec<Self>> {
        let mut firsts: Vec<_> = sites.iter().map(|site| FirstPass::new(site, images)).collect();
        let names = |site: &Site| [site.name.clone(), site.before.clone()];
        let wanted: Vec<String> = sites.iter().flat_map(names).collect();
        for (start, end) in images.ranges() {
            let trace = capture(subject, &images.batch(start, end)?.pixels, &wanted)?;
            let taken = firsts.par_iter_mut().zip(sites);
            taken.try_for_each(|(first, site)| {
                first.take(trace.activation(&site.name)?, trace.activation(&site.before)?)
            })?;
            step(end - start);
        }
        let thresholds = firsts.iter().map(FirstPass::thresholds).collect::<Result<Vec<_>>>()?;
        let concepts = if images.have_truth() {
            dissect(subject, sites, images, &thresholds, step)?
        } else {
            vec![vec![]; sites.len()]
        };
        let all = sites.iter().zip(firsts).zip(thresholds).zip(concepts);
        all.map(|(((site, first), thresholds), concepts)| first.survey(site, images, &thresholds, concepts))
            .collect()
    }
}

/// The activations at some sites.
fn capture(subject: &Subject, pixels: &Tensor, sites: &[String]) -> Result<Trace> {
    let names: Vec<&str> = sites.iter().map(String::as_str).collect();
    Ok(subject.network.capture(&resnet::normalize(pixels)?, &names)?)
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

    fn take(&mut self, activations: &Tensor, before: &Tensor) -> Result<()> {
        let (batch, _, height, width) = activations.dims4()?;
        self.map = (height, width);
        let by_unit = |maps: &Tensor| maps.flatten_from(2)?.mean(2)?.t()?.to_vec2::<f32>();
        for (all, new) in self.means.iter_mut().zip(by_unit(activations)?) {
            all.extend(new);
        }
        for (range, new) in self.before.iter_mut().zip(by_unit(before)?) {
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

    fn thresholds(&self) -> Result<Tensor> {
        let thresholds = self.thresholds.as_ref().context("expected images, got none")?;
        Ok(thresholds.finish()?)
    }

    fn survey(self, site: &Site, images: &Images, thresholds: &Tensor, concepts: Vec<Standing>) -> Result<Survey> {
        let count = images.len() as f64;
        Ok(Survey {
            site: site.name.clone(),
            images: images.words(),
            map: self.map,
            means: self.means,
            before: self.before,
            sparsity: self.zeros.iter().map(|zeros| zeros / count).collect(),
            dead: self.peaks.dead()?,
            thresholds: thresholds.to_vec1()?,
            concepts,
        })
    }
}

/// What each unit of each site stands for.
fn dissect(
    subject: &Subject,
    sites: &[Site],
    images: &Images,
    thresholds: &[Tensor],
    step: &dyn Fn(usize),
) -> Result<Vec<Vec<Standing>>> {
    let concepts = Concept::all();
    // The masks of other scenes count as further concepts: one pass serves both. Each part of a batch has counts of its own.
    let parts = rayon::current_num_threads().max(1);
    let nothing = || {
        thresholds
            .iter()
            .map(|of_site| Dissection::new(of_site, 2 * concepts.len()))
    };
    let mut counts = (0..parts)
        .map(|_| nothing().collect::<candle_core::Result<Vec<_>>>())
        .collect::<candle_core::Result<Vec<_>>>()?;
    let names: Vec<String> = sites.iter().map(|site| site.name.clone()).collect();
    for (start, end) in images.ranges() {
        let batch = images.batch(start, end)?;
        let masks = masks(&batch.rendered, &concepts)?;
        let both = Tensor::cat(&[&masks, &shuffled(&masks)?], 1)?;
        let trace = capture(subject, &batch.pixels, &names)?;
        let size = (end - start).div_ceil(parts);
        counts.par_iter_mut().enumerate().try_for_each(|(part, counts)| {
            let first = (part * size).min(end - start);
            let length = size.min(end - start - first);
            if length == 0 {
                return anyhow::Ok(());
            }
            let of_part = |all: &Tensor| all.narrow(0, first, length)?.force_contiguous();
            let both = of_part(&both)?;
            for (counts, site) in counts.iter_mut().zip(sites) {
                counts.update(&of_part(trace.activation(&site.name)?)?, &both)?;
            }
            Ok(())
        })?;
        step(end - start);
    }
    let mut counts = counts.into_iter();
    let mut all = counts.next().context("at least one part")?;
    for part in counts {
        for (all, part) in all.iter_mut().zip(part) {
            all.both = (&all.both + part.both)?;
            all.unit = (&all.unit + part.unit)?;
            all.concept = (&all.concept + part.concept)?;
        }
    }
    let of_site = |counts: &Dissection| -> Result<Vec<Standing>> {
        let iou = counts.iou()?.to_vec2::<f64>()?;
        Ok(iou.iter().map(|row| Standing::of(row, &concepts)).collect())
    };
    all.iter().map(of_site).collect()
}

impl Standing {
    /// From the IoU with each concept, then with each concept's masks of other scenes.
    pub(crate) fn of(row: &[f64], concepts: &[Concept]) -> Self {
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
