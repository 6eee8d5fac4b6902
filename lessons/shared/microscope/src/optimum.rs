//! The images that a unit likes most and least, by the maximize of exercise 3.5.

use anyhow::Result;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use solution03::similarity;
use studio::instruments::Asked;
use studio::optimum::clouds;

pub use crate::maximizing::Recipe as Way;
use crate::maximizing::{ascend, mean_of_map};
use crate::picture::Picture;
use crate::subject::{Site, Subject};

/// What is made for a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// How an image of 128×128 is made. For images of another side the radius grows with it.
    pub way: Way,
    /// Independent starts, of which the best is shown; so many images make up the diverse set as well.
    pub starts: usize,
    /// Starts of the minimum.
    pub minima: usize,
    /// How much alikeness (3.8) costs in the diverse set, in units of what the ascent gains.
    pub diversity: f64,
}

impl Recipe {
    /// Images that are made for one unit.
    pub fn images(&self) -> usize {
        2 * self.starts + self.minima
    }
}

/// That of the cards.
pub const CARD: Recipe = Recipe {
    way: Way {
        steps: 32,
        step_size: 0.05,
        blur: 1.0,
        jitter: 6,
        radius: 40.0,
    },
    starts: 3,
    minima: 1,
    diversity: 0.3,
};

/// Seeds of the clouds from which images are made: each by itself, and the diverse set.
const SEED: u64 = 1;

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
    let Some(starts) = one.make_each(1.0, recipe.starts, recipe)? else {
        return Ok(None);
    };
    let diverse = one.diverse(&starts, recipe)?.unwrap_or_else(|| starts.clone());
    let minima = one.make_each(-1.0, recipe.minima, recipe)?;
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

/// The image from the first start alone, which stands for a unit on the cards of others; `None` as for [`optima`].
///
/// **Errors** if the network cannot run.
pub fn first(subject: &Subject, site: &Site, unit: usize, recipe: &Recipe) -> Result<Option<Made>> {
    let one = Unit { subject, site, unit };
    let Some(image) = one.make_each(1.0, 1, recipe)? else {
        return Ok(None);
    };
    Ok(one.ranked(&image, false)?.into_iter().next())
}

/// A unit of a site, of which images are made.
pub(crate) struct Unit<'a> {
    pub subject: &'a Subject,
    pub site: &'a Site,
    pub unit: usize,
}

impl Unit<'_> {
    fn asked(&self) -> Asked<'_> {
        Asked::new(Some(&self.subject.network), &self.site.before, self.unit, &[])
    }

    /// From each start by itself, which is faster than all at once; a start without a gradient is passed over. `None` if none
    /// has one.
    fn make_each(&self, sign: f64, count: usize, recipe: &Recipe) -> Result<Option<Tensor>> {
        let asked = self.asked();
        let objective = |images: &Tensor| mean_of_map(&asked, images)? * sign;
        let starts = clouds(count, self.subject.side, SEED)?;
        let mut made = vec![];
        for index in 0..count {
            let start = starts.narrow(0, index, 1)?.force_contiguous()?;
            made.extend(self.make(&objective, &start, recipe)?);
        }
        if made.is_empty() {
            return Ok(None);
        }
        Ok(Some(Tensor::cat(&made, 0)?))
    }

    /// As many images as there are of `alone`, made together: what the ascent gains is weighed against how alike they are to
    /// the site.
    fn diverse(&self, alone: &Tensor, recipe: &Recipe) -> Result<Option<Tensor>> {
        let count = alone.dim(0)?;
        if count < 2 {
            return Ok(None);
        }
        let starts = clouds(count, self.subject.side, SEED)?;
        let best = self.values(alone)?.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let begin = self.values(&starts)?.iter().sum::<f32>() / count as f32;
        let cost = recipe.diversity * f64::from(best - begin).max(0.0);
        let apart = |images: &Tensor| {
            let input = resnet::normalize(images)?;
            let before = self.subject.network.activation(&input, &self.site.before)?;
            let value = before.narrow(1, self.unit, 1)?.flatten_from(1)?.mean(1)?;
            let seen = if self.site.is_rectified {
                resnet::ops::relu(&before)?
            } else {
                before
            };
            value.broadcast_sub(&(similarity(&seen)? * cost)?)
        };
        self.make(&apart, &starts, recipe)
    }

    /// Images from `starts`, `[count, 3, side, side]`; `None` if the first gradient of one is zero.
    fn make(
        &self,
        objective: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>,
        starts: &Tensor,
        recipe: &Recipe,
    ) -> Result<Option<Tensor>> {
        match ascend(starts, objective, &recipe.way_at(self.subject.side)) {
            Ok(images) => Ok(Some(images)),
            Err(error) if error.to_string().contains("dead") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn values(&self, images: &Tensor) -> Result<Vec<f32>> {
        Ok(mean_of_map(&self.asked(), images)?.to_vec1()?)
    }

    /// 1 for a single image: it is like itself.
    fn alike(&self, images: &Tensor) -> Result<f32> {
        if images.dim(0)? < 2 {
            return Ok(1.0);
        }
        let activation = self
            .subject
            .network
            .activation(&resnet::normalize(images)?, &self.site.name)?;
        Ok(similarity(&activation)?.to_scalar()?)
    }

    /// The images with their values, the largest first; or the smallest.
    pub fn ranked(&self, images: &Tensor, rising: bool) -> Result<Vec<Made>> {
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
    /// For images of this side.
    pub fn way_at(&self, side: usize) -> Way {
        Way {
            radius: self.way.radius * side as f64 / 128.0,
            ..self.way
        }
    }

    /// What a program is asked that makes the optima, or with −1 the minima: the recipe, the sign, the side and the starts.
    ///
    /// **Errors** if the starts cannot be made.
    pub fn question(&self, side: usize, sign: f32) -> Result<Vec<f32>> {
        let count = if sign > 0.0 { self.starts } else { self.minima };
        let Way {
            steps,
            step_size,
            blur,
            jitter,
            radius,
        } = self.way_at(side);
        let mut numbers = vec![
            steps as f32,
            step_size as f32,
            blur as f32,
            jitter as f32,
            radius as f32,
        ];
        numbers.extend([sign, side as f32]);
        numbers.extend(clouds(count, side, SEED)?.flatten_all()?.to_vec1::<f32>()?);
        Ok(numbers)
    }

    fn words(&self, site: &Site) -> String {
        format!(
            "maximize (3.5) of the mean over the map of {}, {} steps of {} from faint clouds of colour, in a ball of radius {} \
             around grey, the image blurred by {} px and shifted by up to {} px before each step",
            site.before, self.way.steps, self.way.step_size, self.way.radius, self.way.blur, self.way.jitter
        )
    }
}
