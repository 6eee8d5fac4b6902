//! The images that a unit likes most and least, by the maximize of exercise 3.5.

use std::cell::RefCell;

use anyhow::Result;
use candle_core::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use solution03::{
    Function, Optimizer, Problem, Settings, Target, Wobble, blur, into_ball, maximize, objective, score, similarity,
};
use studio::optimum::clouds;

use crate::picture::Picture;
use crate::subject::{Site, Subject};

/// How images are made for a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Steps of ascent.
    pub steps: usize,
    /// How far a typical pixel moves in a step.
    pub step_size: f64,
    /// Width in pixels of the blur between what is optimized and the image.
    pub blur: f64,
    /// Largest shift before each step, in pixels.
    pub jitter: i32,
    /// Largest distance from grey over all pixels and colours of a 128×128 image.
    pub radius: f64,
    /// Independent starts, of which the best is shown; so many images make up the diverse set as well.
    pub starts: usize,
    /// Starts of the minimum.
    pub minima: usize,
    /// How much alikeness (3.8) costs in the diverse set, in spreads of the unit's value over the starts.
    pub diversity: f64,
}

/// That of the cards.
pub const CARD: Recipe = Recipe {
    steps: 32,
    step_size: 0.05,
    blur: 1.0,
    jitter: 6,
    radius: 40.0,
    starts: 3,
    minima: 1,
    diversity: 2.0,
};

/// An image that was made for a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// The image.
    pub picture: Picture,
    /// The unit's mean over the map, before the ReLU, when it is shown the image as it is.
    pub value: f32,
}

/// What was made for a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optima {
    /// From each start, best first.
    pub starts: Vec<Made>,
    /// Made together, so that they differ, best first.
    pub diverse: Vec<Made>,
    /// Mean alikeness of the starts, and of the diverse set (3.8): 1 if all look the same to the site.
    pub alike: (f32, f32),
    /// Driven down, the lowest first.
    pub minima: Vec<Made>,
    /// How they were made, in words.
    pub recipe: String,
}

/// Makes all images for a unit; `None` if it has no gradient at the starts, as a dead one.
///
/// **Errors** if the network cannot run.
pub fn optima(subject: &Subject, site: &Site, unit: usize, recipe: &Recipe) -> Result<Option<Optima>> {
    let one = Unit { subject, site, unit };
    let up = |images: &Tensor| score(&subject.network, images, &site.before, Target::Channel(unit));
    let down = |images: &Tensor| up(images)?.neg();
    let Some(starts) = one.make_each(&up, recipe.starts, recipe)? else {
        return Ok(None);
    };
    let spread = f64::from(one.spread(recipe)?);
    let apart = |images: &Tensor| {
        let trace = subject
            .network
            .capture(&resnet::normalize(images)?, &[&site.before, &site.name])?;
        let value = objective(trace.activation(&site.before)?, Target::Channel(unit))?;
        value.broadcast_sub(&(similarity(trace.activation(&site.name)?)? * (recipe.diversity * spread))?)
    };
    let together = clouds(recipe.starts, subject.side, 1)?;
    let diverse = one.make(&apart, &together, recipe)?.unwrap_or_else(|| starts.clone());
    let minima = one.make_each(&down, recipe.minima, recipe)?;
    Ok(Some(Optima {
        alike: (one.alike(&starts)?, one.alike(&diverse)?),
        starts: one.ranked(&starts, false)?,
        diverse: one.ranked(&diverse, false)?,
        minima: minima
            .map(|images| one.ranked(&images, true))
            .transpose()?
            .unwrap_or_default(),
        recipe: recipe.words(site),
    }))
}

struct Unit<'a> {
    subject: &'a Subject,
    site: &'a Site,
    unit: usize,
}

impl Unit<'_> {
    /// From each start by itself, which is faster than all at once; a start without a gradient is passed over. `None` if none
    /// has one.
    fn make_each(&self, objective: &Function, count: usize, recipe: &Recipe) -> Result<Option<Tensor>> {
        let starts = clouds(count, self.subject.side, 1)?;
        let mut made = vec![];
        for index in 0..count {
            let start = starts.narrow(0, index, 1)?.force_contiguous()?;
            made.extend(self.make(objective, &start, recipe)?);
        }
        Ok(match made.is_empty() {
            true => None,
            false => Some(Tensor::cat(&made, 0)?),
        })
    }

    /// Images from `starts`, `[count, 3, side, side]`; `None` if the first gradient of one is zero.
    fn make(&self, objective: &Function, starts: &Tensor, recipe: &Recipe) -> Result<Option<Tensor>> {
        let side = self.subject.side;
        let random = RefCell::new(ChaCha8Rng::seed_from_u64(1));
        let wobble = Wobble {
            jitter: recipe.jitter,
            ..Wobble::default()
        };
        let blurred = |pixels: &Tensor| blur(pixels, recipe.blur);
        let moved = |images: &Tensor| wobble.apply(images, &mut random.borrow_mut());
        let radius = recipe.radius * side as f64 / 128.0;
        let into_range = |pixels: &Tensor| {
            let from_grey = into_ball(&(pixels.clamp(0.0, 1.0)? - 0.5)?, radius)?;
            from_grey + 0.5
        };
        let problem = Problem {
            image: &blurred,
            transform: &moved,
            project: &into_range,
            ..Problem::new(objective)
        };
        let settings = Settings {
            steps: recipe.steps,
            step_size: recipe.step_size,
            optimizer: Optimizer::Ascent,
        };
        match maximize(starts, &problem, &settings) {
            Ok(images) => Ok(Some(images)),
            Err(error) if error.to_string().contains("dead") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn values(&self, images: &Tensor) -> Result<Vec<f32>> {
        let scores = score(
            &self.subject.network,
            images,
            &self.site.before,
            Target::Channel(self.unit),
        )?;
        Ok(scores.to_vec1()?)
    }

    /// The standard deviation of the unit's value over the starts' clouds, and never 0.
    fn spread(&self, recipe: &Recipe) -> Result<f32> {
        let values = self.values(&clouds(recipe.starts.max(4), self.subject.side, 2)?)?;
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / values.len() as f32;
        Ok(variance.sqrt().max(1e-6))
    }

    /// 1 for a single image: it is like itself.
    fn alike(&self, images: &Tensor) -> Result<f32> {
        if images.dim(0)? < 2 {
            return Ok(1.0);
        }
        let trace = self
            .subject
            .network
            .capture(&resnet::normalize(images)?, &[&self.site.name])?;
        Ok(similarity(trace.activation(&self.site.name)?)?.to_scalar()?)
    }

    /// The images with their values, the largest first; or the smallest.
    fn ranked(&self, images: &Tensor, rising: bool) -> Result<Vec<Made>> {
        let made = |(index, value): (usize, f32)| {
            Ok(Made {
                picture: Picture::new(&images.get(index)?)?,
                value,
            })
        };
        let values = self.values(images)?;
        let mut all = values.into_iter().enumerate().map(made).collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| {
            if rising {
                a.value.total_cmp(&b.value)
            } else {
                b.value.total_cmp(&a.value)
            }
        });
        Ok(all)
    }
}

impl Recipe {
    fn words(&self, site: &Site) -> String {
        format!(
            "maximize (3.5) of the mean over the map of {}, {} steps of {} from faint clouds of colour, in a ball of radius {} \
             around grey, the image blurred by {} px and shifted by up to {} px before each step",
            site.before, self.steps, self.step_size, self.radius, self.blur, self.jitter
        )
    }
}
