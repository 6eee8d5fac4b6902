//! A unit's card: all that was measured about it, each part with what it was measured on.

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use solution03::top_examples;

use crate::optimum::{Made, Optima};
use crate::own::Panel;
use crate::picture::Picture;
use crate::scope::Microscope;
use crate::silence::Silence;
use crate::subject::{STAGES, Site};
use crate::survey::{Standing, Survey};
use crate::tuning::Curve;
use crate::weights;

/// How many of the strongest and of the weakest images are shown.
pub const EXAMPLES: (usize, usize) = (8, 4);
/// How many weights in and out are shown.
pub const WIRES: usize = 6;
/// The side of the small pictures, in pixels.
const THUMBNAIL: u32 = 64;

/// An image that a unit answers to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The image; where the unit is off it is dark.
    pub picture: Picture,
    /// What it is.
    pub name: String,
    /// The unit's mean over the map.
    pub value: f32,
}

/// The images of a class, and how the unit answers to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfClass {
    /// The class.
    pub class: String,
    /// How many images.
    pub images: usize,
    /// Minimum, lower quartile, median, upper quartile and maximum of the mean over the map.
    pub quartiles: [f32; 5],
}

/// How often a unit is silent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Zeros {
    /// Share of places that are exactly zero (2.4).
    pub share: f64,
    /// Whether it was above zero nowhere (2.5).
    pub is_dead: bool,
}

/// How a unit's values are distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Mean, over images, of the mean over the map.
    pub mean: f32,
    /// Its standard deviation.
    pub deviation: f32,
    /// Its smallest and its largest value.
    pub range: (f32, f32),
    /// The same before the ReLU.
    pub before: (f32, f32),
    /// How often it is silent; `None` where the learner's function gave nothing that can be shown.
    pub zeros: Option<Zeros>,
    /// Whether the site lies behind a ReLU: elsewhere sparsity says nothing.
    pub is_rectified: bool,
    /// Above it the unit is on: in the highest 0.5 % of all places.
    pub threshold: f32,
}

/// A weight between this unit and another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wire {
    /// The other unit's site.
    pub site: String,
    /// Its number.
    pub unit: usize,
    /// By how much the one that is fed rises if the other rises by one everywhere.
    pub weight: f64,
    /// The same for a standard deviation, over the images, of the one that feeds.
    pub strength: f64,
    /// What the other unit wants.
    pub thumbnail: Option<Picture>,
}

/// All that was measured about a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitCard {
    /// The network in words.
    pub network: String,
    /// The network's name in addresses.
    pub slug: String,
    /// The hash of its weights.
    pub hash: String,
    /// The site.
    pub site: String,
    /// The unit.
    pub unit: usize,
    /// How many units the site has.
    pub units: usize,
    /// Height and width of its map.
    pub map: (usize, usize),
    /// What it was looked at with.
    pub images: String,
    /// Statistics over these images.
    pub statistics: Statistics,
    /// The filter, for a unit of the first convolution.
    pub filter: Option<Picture>,
    /// What was made for it; `None` if it has no gradient.
    pub optima: Option<Optima>,
    /// The images it answers to most.
    pub strongest: Vec<Example>,
    /// The images it answers to least.
    pub weakest: Vec<Example>,
    /// By class, where the images' classes are known.
    pub by_class: Option<Vec<OfClass>>,
    /// Its tuning curves.
    pub tuning: Option<Vec<Curve>>,
    /// The concepts it stands for.
    pub standing: Option<Standing>,
    /// What happens without it.
    pub silence: Silence,
    /// The strongest weights in.
    pub inputs: Vec<Wire>,
    /// The strongest weights out.
    pub outputs: Vec<Wire>,
    /// What it says for and against each class, at the last layer: the weight of its mean.
    pub classes: Option<Vec<(String, f64)>>,
    /// The classes that were asked for, by name.
    pub wanted: Vec<String>,
    /// Whose functions made which part; empty where all is by the reference.
    pub panels: Vec<Panel>,
    /// What is not there, and why.
    pub left_out: Vec<String>,
}

impl UnitCard {
    /// Measures a unit, or reads what was measured.
    ///
    /// **Errors** if there is no such site or unit, or the network cannot run.
    pub fn measure(scope: &Microscope, site: &str, unit: usize) -> Result<Self> {
        let site = scope.site(site)?;
        if unit >= site.units {
            bail!("{} has units 0 to {}, got {unit}", site.name, site.units - 1)
        }
        let before = weights::previous(&site.name).map(|name| scope.site(name)).transpose()?;
        scope.measure_surveys(&before.into_iter().chain([site.clone()]).collect::<Vec<_>>())?;
        let survey = scope.survey(&site)?;
        let (strongest, weakest) = examples(scope, &site, &survey, unit)?;
        let mut left_out = vec![];
        let has_truth = scope.images.have_truth();
        if !has_truth {
            let classes_are_known = !scope.images.label_names().is_empty();
            let by_class =
                (!classes_are_known).then_some(("the distribution by class", "the photos' classes are not known"));
            for (part, why) in by_class.into_iter().chain([
                ("tuning curves", "they need scenes in which one factor is changed"),
                ("the concept", "it needs the masks of what was drawn"),
            ]) {
                left_out.push(format!("{part}: {why}"));
            }
        }
        if !scope.images.are_of_classes_of(&scope.subject) {
            left_out.push("recall without the unit: it needs images whose class is one of the network's".into());
        }
        // In an atlas all of them are made before.
        let bar = if scope.has_optima(&site, unit) {
            ProgressBar::hidden()
        } else {
            studio::progress((scope.recipe.images() + 2 * WIRES) as u64, "images made")
        };
        let optima = scope.optima(&site, unit)?;
        bar.inc(scope.recipe.images() as u64);
        let wiring = Wiring::new(scope, &site, &survey, unit, &mut left_out, &bar)?;
        bar.finish_and_clear();
        Ok(Self {
            network: scope.subject.name.clone(),
            slug: scope.subject.slug.clone(),
            hash: scope.subject.hash.clone(),
            units: site.units,
            map: survey.map,
            images: survey.images.clone(),
            statistics: statistics(&survey, &site, unit),
            filter: filter(scope, &site, unit)?,
            optima,
            strongest,
            weakest,
            by_class: by_class(scope, &survey, unit)?,
            tuning: if has_truth {
                scope.curves(&site)?.get(unit).cloned()
            } else {
                None
            },
            standing: survey.concepts.get(unit).cloned(),
            silence: scope.silence(&site, unit)?,
            inputs: wiring.inputs,
            outputs: wiring.outputs,
            classes: wiring.classes,
            wanted: scope
                .subject
                .wanted
                .iter()
                .map(|&class| scope.subject.class_name(class).into())
                .collect(),
            panels: vec![],
            left_out,
            site: site.name,
            unit,
        })
    }

    /// "layer4 66"
    pub fn name(&self) -> String {
        format!("{} {}", self.site, self.unit)
    }

    /// The concept, if its IoU is above the null.
    pub fn concept(&self) -> Option<(&str, f64)> {
        let standing = self.standing.as_ref()?;
        let (concept, iou) = standing.best.first()?;
        (*iou > standing.null).then_some((concept.as_str(), *iou))
    }

    /// The small picture that stands for it elsewhere.
    pub fn thumbnail(&self) -> Option<&Picture> {
        self.optima.as_ref()?.starts.first().map(|made| &made.picture)
    }
}

/// The file of a unit's card, without a folder.
pub fn file_name(site: &str, unit: usize) -> String {
    format!("{site}-{unit}.html")
}

fn statistics(survey: &Survey, site: &Site, unit: usize) -> Statistics {
    let values = &survey.means[unit];
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    let deviation = deviation(values);
    let fold = |f: fn(f32, f32) -> f32, start: f32| values.iter().copied().fold(start, f);
    Statistics {
        mean,
        deviation,
        range: (fold(f32::min, f32::INFINITY), fold(f32::max, f32::NEG_INFINITY)),
        before: survey.before[unit],
        zeros: Some(Zeros {
            share: survey.sparsity[unit],
            is_dead: survey.dead.contains(&unit),
        }),
        is_rectified: site.is_rectified,
        threshold: survey.thresholds.get(unit).copied().unwrap_or(0.0),
    }
}

fn deviation(values: &[f32]) -> f32 {
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count).sqrt()
}

/// The images with the largest and with the smallest mean over the map.
fn examples(scope: &Microscope, site: &Site, survey: &Survey, unit: usize) -> Result<(Vec<Example>, Vec<Example>)> {
    let values = &survey.means[unit];
    let strongest = top_examples(values, EXAMPLES.0);
    let negative: Vec<f32> = values.iter().map(|value| -value).collect();
    let weakest = top_examples(&negative, EXAMPLES.1);
    let example = |&index: &usize| -> Result<Example> {
        let pixels = scope.images.batch(index, index + 1)?.pixels;
        Ok(Example {
            picture: Picture::new(&lit(scope, site, unit, &pixels, survey.thresholds[unit])?)?,
            name: scope.images.name(index)?,
            value: values[index],
        })
    };
    let of = |indices: &[usize]| indices.iter().map(example).collect::<Result<Vec<_>>>();
    Ok((of(&strongest)?, of(&weakest)?))
}

/// An image, `[1, 3, height, width]`, dark where the enlarged activation is not above the threshold; `[3, height, width]`.
fn lit(scope: &Microscope, site: &Site, unit: usize, pixels: &Tensor, threshold: f32) -> Result<Tensor> {
    let (_, _, height, width) = pixels.dims4()?;
    let activation = scope
        .subject
        .network
        .activation(&resnet::normalize(pixels)?, &site.name)?;
    let map = activation.narrow(1, unit, 1)?.force_contiguous()?;
    let on = map
        .upsample_bilinear2d(height, width, false)?
        .gt(threshold)?
        .to_dtype(DType::F32)?;
    Ok(pixels.broadcast_mul(&on.affine(0.7, 0.3)?)?.squeeze(0)?)
}

fn by_class(scope: &Microscope, survey: &Survey, unit: usize) -> Result<Option<Vec<OfClass>>> {
    let Some(labels) = scope.images.labels()? else {
        return Ok(None);
    };
    let names = scope.images.label_names();
    let of_class = |(class, name): (usize, &String)| {
        let images = labels.iter().zip(&survey.means[unit]);
        let mut values: Vec<f32> = images.filter(|(label, _)| **label == class).map(|(_, v)| *v).collect();
        values.sort_by(f32::total_cmp);
        let at = |share: f64| values.get(((values.len().max(1) - 1) as f64 * share).round() as usize);
        OfClass {
            class: name.clone(),
            images: values.len(),
            quartiles: [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| at(share).copied().unwrap_or(f32::NAN)),
        }
    };
    let all = names.iter().enumerate().map(of_class);
    Ok(Some(all.filter(|of_class| of_class.images > 0).collect()))
}

/// The filter of a unit of the first convolution: grey is 0.
fn filter(scope: &Microscope, site: &Site, unit: usize) -> Result<Option<Picture>> {
    const CELL: usize = 16;
    let weights = match scope.subject.network.parameter("conv1.weight") {
        Ok(weights) if site.name == "conv1" => weights.get(unit)?,
        _ => return Ok(None),
    };
    let (_, height, width) = weights.dims3()?;
    let largest = weights.abs()?.max_all()?.to_scalar::<f32>()?.max(1e-12);
    let picture = weights.affine(0.5 / f64::from(largest), 0.5)?.unsqueeze(0)?;
    let picture = picture.upsample_nearest2d(height * CELL, width * CELL)?;
    Ok(Some(Picture::new(&picture.squeeze(0)?)?))
}

#[derive(Default)]
struct Wiring {
    inputs: Vec<Wire>,
    outputs: Vec<Wire>,
    classes: Option<Vec<(String, f64)>>,
}

impl Wiring {
    fn new(
        scope: &Microscope,
        site: &Site,
        survey: &Survey,
        unit: usize,
        left_out: &mut Vec<String>,
        bar: &ProgressBar,
    ) -> Result<Self> {
        let mut wiring = Self::default();
        let Some(place) = STAGES.iter().position(|stage| *stage == site.name) else {
            left_out.push(format!("weights: {} is not one of {}", site.name, STAGES.join(", ")));
            return Ok(wiring);
        };
        let known = scope.subject.stages()?;
        if let Some(before) = weights::previous(&site.name) {
            match scope.weights(&site.name) {
                Ok(matrix) => {
                    let from = scope.site(before)?;
                    let deviations: Vec<f32> = scope.survey(&from)?.means.iter().map(|v| deviation(v)).collect();
                    let row = &matrix[unit];
                    let wires = row.iter().zip(&deviations).map(|(w, d)| (*w, w * f64::from(*d)));
                    wiring.inputs = wires_of(scope, &from, wires.collect(), bar)?;
                }
                Err(error) => left_out.push(format!("weights in: {error}")),
            }
        }
        match STAGES
            .get(place + 1)
            .filter(|next| known.iter().any(|site| site.name == **next))
        {
            Some(next) => match scope.weights(next) {
                Ok(matrix) => {
                    let own = f64::from(deviation(&survey.means[unit]));
                    let wires = matrix.iter().map(|row| (row[unit], row[unit] * own)).collect();
                    wiring.outputs = wires_of(scope, &scope.site(next)?, wires, bar)?;
                }
                Err(error) => left_out.push(format!("weights out: {error}")),
            },
            None => {
                let weights = scope.subject.network.parameter("fc.weight")?.narrow(1, unit, 1)?;
                let weights = weights.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
                let named = weights.into_iter().enumerate();
                let named = named.map(|(class, w)| (scope.subject.class_name(class).to_string(), f64::from(w)));
                wiring.classes = Some(named.collect());
            }
        }
        Ok(wiring)
    }
}

/// The strongest of (weight, strength), with pictures of the units.
fn wires_of(scope: &Microscope, site: &Site, all: Vec<(f64, f64)>, bar: &ProgressBar) -> Result<Vec<Wire>> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&a, &b| all[b].1.abs().total_cmp(&all[a].1.abs()));
    order.truncate(WIRES);
    let wire = |unit: usize| -> Result<Wire> {
        let best = scope.thumbnail(site, unit)?;
        bar.inc(1);
        let small = |made: &Made| Picture::small(&made.picture.pixels()?, THUMBNAIL);
        Ok(Wire {
            site: site.name.clone(),
            unit,
            weight: all[unit].0,
            strength: all[unit].1,
            thumbnail: best.as_ref().map(small).transpose()?,
        })
    };
    order.into_iter().map(wire).collect()
}
