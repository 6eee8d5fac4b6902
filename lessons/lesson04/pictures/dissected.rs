//! Layers, dissected (4.8).

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use lesson04::{Dissection, Thresholds, best_concepts, random_rotation, rotated};
use rayon::prelude::*;
use scenes::Concept;
use studio::scenery::masks;
use studio::{Material, statistics};

use super::counting::{Enlarged, bits, iou, shown, threshold};
use super::images::BATCH;

/// Images for dissection, and the share of activations that counts as on.
pub const DISSECTED: u64 = 1000;

pub const ON: f64 = 0.005;

/// A unit is above chance if its best IoU is above this share of its best IoUs with the masks of other scenes.
pub const ABOVE: f64 = 0.99;

/// What else a dissection is asked for.
#[derive(Clone, Copy, Default)]
pub struct Asked {
    /// How often the masks are moved on to other scenes.
    pub shifts: usize,
    /// How many random rotations of the units are dissected as well.
    pub rotations: usize,
}

/// A layer, dissected.
pub struct Layer {
    pub site: String,
    /// Per unit.
    pub thresholds: Tensor,
    /// IoU of each unit with each concept.
    pub real: Tensor,
    /// The share of all pixels, after enlarging, where each unit is on.
    pub on: Vec<f64>,
    /// The IoU of each unit with its concept if one of the two lay inside the other.
    pub ceilings: Vec<f64>,
    /// The best IoU of each unit with the masks of other scenes, for each shift.
    pub chance: Vec<Vec<f64>>,
    /// The best IoU of each axis, for each rotation.
    pub turned: Vec<Vec<f64>>,
}

impl Layer {
    /// What each unit's best IoU has to exceed.
    pub fn cuts(&self) -> Vec<f64> {
        let of = |unit: usize| -> Vec<f64> { self.chance.iter().map(|best| best[unit]).collect() };
        (0..self.on.len())
            .map(|unit| statistics::quantile(&of(unit), ABOVE))
            .collect()
    }
}

/// The activations of one site over all scenes: units in the order of the network, each as its maps in a row.
pub struct Maps {
    size: [usize; 2],
    pub values: Vec<Vec<f32>>,
}

/// For each unit, the pixels of each scene where it is on.
pub type Lit = Vec<Vec<Vec<u16>>>;

impl Maps {
    /// None yet, of `[height, width]`.
    pub fn new(size: [usize; 2]) -> Self {
        Self { size, values: vec![] }
    }

    /// Takes in a batch of activations, `[batch, units, height, width]`.
    pub fn add(&mut self, activations: &Tensor) -> candle_core::Result<()> {
        let by_unit = activations.transpose(0, 1)?.flatten_from(1)?.to_vec2::<f32>()?;
        self.values.resize(by_unit.len(), vec![]);
        let each = self.values.iter_mut().zip(by_unit);
        each.for_each(|(all, more)| all.extend(more));
        Ok(())
    }

    /// `[scenes, units, height, width]`
    fn tensor(&self) -> candle_core::Result<Tensor> {
        let (units, [height, width]) = (self.values.len(), self.size);
        let all = Tensor::from_vec(self.values.concat(), (units, (), height, width), &Device::Cpu)?;
        all.transpose(0, 1)?.contiguous()
    }

    /// The pixels of each scene where each unit is on.
    pub fn lit(&self, thresholds: &[f32], large: [usize; 2]) -> Lit {
        let places = self.size.iter().product();
        let enlarged = Enlarged::new(self.size, large);
        let of = |(values, &threshold): (&Vec<f32>, &f32)| {
            let map = |map: &[f32]| {
                let above: Vec<f32> = map.iter().map(|value| value - threshold).collect();
                enlarged.lit(&above)
            };
            values.chunks(places).map(map).collect()
        };
        self.values.par_iter().zip(thresholds).map(of).collect()
    }
}

/// Dissects layers (4.8) in two passes over the scenes: your thresholds, then counts.
pub fn dissect(material: &Material, sites: &[&str], concepts: &[Concept], asked: Asked) -> Result<Vec<Layer>> {
    let network = material.network();
    let side = material.sample(0)?.pixels.dim(1)?;
    let large = [side, side];
    let image = Tensor::zeros((1, 3, side, side), candle_core::DType::F32, &Device::Cpu)?;
    let shapes = network.capture(&image, sites)?;
    let (mut thresholds, mut maps) = (vec![], vec![]);
    for site in sites {
        let (_, _, height, width) = shapes.activation(site)?.dims4()?;
        thresholds.push(Thresholds::new(height * width * DISSECTED as usize, ON)?);
        maps.push(Maps::new([height, width]));
    }
    let bar = studio::progress(2 * DISSECTED, format!("dissection of {}", material.network_name()));
    for batch in material.batches(0..DISSECTED, BATCH) {
        let trace = network.capture(&resnet::normalize(&batch?.pixels)?, sites)?;
        for ((site, thresholds), maps) in sites.iter().zip(&mut thresholds).zip(&mut maps) {
            thresholds.update(trace.activation(site)?)?;
            if asked.rotations > 0 {
                maps.add(trace.activation(site)?)?;
            }
        }
        bar.inc(BATCH as u64);
    }
    let thresholds = thresholds.iter().map(Thresholds::finish);
    let thresholds = thresholds.collect::<candle_core::Result<Vec<_>>>()?;
    let mut lit: Vec<Lit> = vec![vec![]; sites.len()];
    let mut shows = vec![];
    for batch in material.batches(0..DISSECTED, BATCH) {
        let batch = batch?;
        shows.extend(batch.rendered.iter().map(|one| {
            let of: Vec<Vec<bool>> = concepts.iter().map(|&concept| one.masks.get(concept).pixels).collect();
            bits(of.iter().map(Vec::as_slice))
        }));
        let trace = network.capture(&resnet::normalize(&batch.pixels)?, sites)?;
        let first = shows.len() == batch.rendered.len();
        for ((site, thresholds), (maps, lit)) in sites.iter().zip(&thresholds).zip(maps.iter().zip(&mut lit)) {
            let activations = trace.activation(site)?;
            let mut here = Maps::new(maps.size);
            here.add(activations)?;
            let here = here.lit(&thresholds.to_vec1()?, large);
            if first {
                let masks = masks(&batch.rendered, concepts)?;
                check(thresholds, activations, &masks, &here, &shows)?;
            }
            lit.resize(here.len(), vec![]);
            lit.iter_mut().zip(here).for_each(|(all, more)| all.extend(more));
        }
        bar.inc(BATCH as u64);
    }
    drop(bar);
    let each = sites.iter().zip(thresholds).zip(maps.iter().zip(lit)).enumerate();
    each.map(|(place, ((site, thresholds), (maps, lit)))| {
        let found = Found {
            site,
            thresholds,
            lit,
            maps,
            shows: &shows,
            shown: shown(&shows, concepts.len()),
            large,
        };
        found.layer(asked, place as u64)
    })
    .collect()
}

/// The counts of all scenes are made in a sparse way, which takes seconds instead of minutes. Your Dissection (4.8) has to give
/// the same on the first scenes.
fn check(thresholds: &Tensor, activations: &Tensor, masks: &Tensor, lit: &Lit, shows: &[Vec<u32>]) -> Result<()> {
    let mut yours = Dissection::new(thresholds, masks.dim(1)?)?;
    yours.update(activations, masks)?;
    let areas = shown(shows, masks.dim(1)?);
    for (unit, (yours, on)) in yours.iou()?.to_vec2::<f64>()?.iter().zip(lit).enumerate() {
        let ours = iou(on, shows, &areas, 0);
        if yours.iter().zip(&ours).any(|(yours, ours)| (yours - ours).abs() > 1e-3) {
            bail!("your Dissection gives unit {unit} other IoUs than a count pixel by pixel; grade 4.8");
        }
    }
    Ok(())
}

/// What two passes found of a site.
struct Found<'a> {
    site: &'a str,
    thresholds: Tensor,
    lit: Lit,
    maps: &'a Maps,
    shows: &'a [Vec<u32>],
    /// Pixels of each concept.
    shown: Vec<u32>,
    large: [usize; 2],
}

impl Found<'_> {
    fn layer(self, asked: Asked, seed: u64) -> Result<Layer> {
        let units = self.lit.len();
        let of = |on: &Vec<Vec<u16>>| iou(on, self.shows, &self.shown, 0);
        let real: Vec<f64> = self.lit.par_iter().map(of).collect::<Vec<_>>().concat();
        let real = Tensor::from_vec(real, (units, self.shown.len()), &Device::Cpu)?;
        let on: Vec<usize> = self.lit.iter().map(|on| on.iter().map(Vec::len).sum()).collect();
        let ceiling = |(&on, (best, _)): (&usize, (usize, f64))| {
            let (on, shown) = (on as f64, f64::from(self.shown[best]));
            on.min(shown) / on.max(shown).max(1.0)
        };
        let pixels = self.large[0] * self.large[1] * self.shows.len();
        let step = self.shows.len() / (asked.shifts + 1);
        let shifts = (1..=asked.shifts).into_par_iter();
        let chance = shifts.map(|shift| self.best(&self.lit, shift * step)).collect();
        let mut turned = vec![];
        for rotation in 0..asked.rotations as u64 {
            let axes = random_rotation(units, 100 * seed + rotation)?;
            let mut maps = Maps::new(self.maps.size);
            maps.add(&rotated(&self.maps.tensor()?, &axes)?)?;
            let cuts: Vec<f32> = maps.values.par_iter().map(|all| threshold(all.clone(), ON)).collect();
            turned.push(self.best(&maps.lit(&cuts, self.large), 0));
        }
        Ok(Layer {
            site: self.site.into(),
            on: on.iter().map(|&on| on as f64 / pixels as f64).collect(),
            ceilings: on.iter().zip(best_concepts(&real)?).map(ceiling).collect(),
            chance,
            turned,
            real,
            thresholds: self.thresholds,
        })
    }

    /// The best IoU of each unit with the masks of the scene `shift` before.
    fn best(&self, lit: &Lit, shift: usize) -> Vec<f64> {
        let of = |on: &Vec<Vec<u16>>| iou(on, self.shows, &self.shown, shift).into_iter().fold(0.0, f64::max);
        lit.par_iter().map(of).collect()
    }
}
