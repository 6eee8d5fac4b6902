//! Methods, scored on scenes with two figures, one of them asked for.

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson05::{
    Localization, channel_weights, class_score, edges, localization, plus_plus_weights, saliency, upsample,
    weighted_map,
};
use studio::statistics::{self, Estimate};
use studio::{Material, Parts};

use super::methods::SITES;
use super::view::pairs;

pub const SCENES: u64 = 500;

/// The scores of a method's maps, one for each scene.
pub struct Scored {
    pub method: &'static str,
    /// The layer; none for a map of pixels.
    pub site: Option<&'static str>,
    each: Vec<Localization>,
    /// Maps with nothing above 0: they point nowhere, and count as misses.
    pub empty: usize,
}

impl Scored {
    pub fn name(&self) -> String {
        match self.site {
            Some(site) => format!("{}, {site}", self.method),
            None => self.method.into(),
        }
    }

    fn hits(&self) -> Vec<bool> {
        self.each.iter().map(|one| one.pointing > 0.5).collect()
    }

    /// The share of maps that point inside.
    pub fn pointing(&self) -> Estimate {
        statistics::share(&self.hits(), &numbers(self.each.len()))
    }

    /// The same, averaged over the classes asked for, as the published game does.
    pub fn pointing_by_class(&self, classes: &[u32]) -> f64 {
        let hits = self.hits();
        let mut asked = classes.to_vec();
        asked.sort_unstable();
        asked.dedup();
        let share = |class: &u32| {
            let of: Vec<bool> = (0..hits.len())
                .filter(|&i| classes[i] == *class)
                .map(|i| hits[i])
                .collect();
            of.iter().filter(|&&hit| hit).count() as f64 / of.len() as f64
        };
        asked.iter().map(share).sum::<f64>() / asked.len() as f64
    }

    /// The mean energy inside.
    pub fn energy(&self) -> Estimate {
        mean(self.each.iter().map(|one| one.energy))
    }

    /// The mean share of the image that the figure covers.
    pub fn area(&self) -> f64 {
        self.each.iter().map(|one| one.area).sum::<f64>() / self.each.len() as f64
    }

    /// How much more often this one points inside than another, scene by scene.
    pub fn more_hits(&self, other: &Self) -> Estimate {
        let pairs = self.each.iter().zip(&other.each);
        mean(pairs.map(|(a, b)| a.pointing - b.pointing))
    }

    /// How much more energy it has inside.
    pub fn more_energy(&self, other: &Self) -> Estimate {
        let pairs = self.each.iter().zip(&other.each);
        mean(pairs.map(|(a, b)| a.energy - b.energy))
    }
}

/// Each scene by itself: they have nothing to do with each other.
fn numbers(count: usize) -> Vec<usize> {
    (0..count).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> Estimate {
    let values: Vec<f64> = values.collect();
    statistics::mean(&values, &numbers(values.len()))
}

/// Scores every method on the first scenes with two figures; also the classes asked for: that of the first figure of one
/// scene, of the second of the next.
pub fn scored(material: &Material, parts: &mut Parts) -> Result<(Vec<Scored>, Vec<u32>)> {
    const BATCH: u64 = 10;
    let progress = studio::progress(SCENES, format!("scoring maps of {}", material.network_name()));
    let (mut all, mut asked_for) = (Vec::<Scored>::new(), vec![]);
    for first in (0..SCENES).step_by(BATCH as usize) {
        let rendered = pairs(first..first + BATCH)?;
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let (_, _, height, width) = images.dims4()?;
        let asked = |scene: usize| (first as usize + scene) % 2;
        let classes: Vec<u32> = (0..rendered.len())
            .map(|i| rendered[i].scene.figures[asked(i)].shape.index() as u32)
            .collect();
        let masks = (0..rendered.len()).map(|i| rendered[i].masks.figure(asked(i)).to_tensor(&Device::Cpu));
        let masks = masks.collect::<candle_core::Result<Vec<_>>>()?;
        for (place, (method, site, maps)) in maps(material, parts, &images, &classes)?.into_iter().enumerate() {
            if all.len() == place {
                all.push(Scored {
                    method,
                    site,
                    each: vec![],
                    empty: 0,
                });
            }
            let maps = upsample(&maps, height, width)?;
            for (i, mask) in masks.iter().enumerate() {
                let map = maps.get(i)?;
                all[place].empty += usize::from(map.max_all()?.to_scalar::<f32>()? <= 0.0);
                all[place]
                    .each
                    .push(localization(&map.unsqueeze(0)?, &mask.unsqueeze(0)?)?);
            }
        }
        asked_for.extend(classes);
        progress.inc(BATCH);
    }
    progress.finish_and_clear();
    Ok((all, asked_for))
}

type Maps = (&'static str, Option<&'static str>, Tensor);

/// The maps of some images by every method that is done. One pass forward and back serves all layers: a map is what
/// grad_cam (5.3) and grad_cam_plus_plus (5.5) put together of the same parts.
fn maps(material: &Material, parts: &mut Parts, images: &Tensor, classes: &[u32]) -> Result<Vec<Maps>> {
    let network = material.network();
    let trace = network.tap(images, &SITES)?;
    let gradients = trace.gradients(&class_score(&trace.logits, classes)?)?;
    let mut found: Vec<Maps> = vec![];
    for site in SITES {
        let activations = trace.activation(site)?.detach();
        let weights = channel_weights(&gradients.at(site)?)?;
        found.push(("Grad-CAM", Some(site), weighted_map(&activations, &weights)?));
    }
    for site in SITES {
        let activations = trace.activation(site)?.detach();
        let weights = parts.make("Grad-CAM++", || {
            Ok(plus_plus_weights(&activations, &gradients.at(site)?)?)
        })?;
        if let Some(weights) = weights {
            found.push(("Grad-CAM++", Some(site), weighted_map(&activations, &weights)?));
        }
    }
    if let Some(map) = parts.make("saliency", || Ok(saliency(network, images, classes)?))? {
        found.push(("saliency", None, map));
    }
    found.push(("edges", None, edges(images)?));
    Ok(found)
}
