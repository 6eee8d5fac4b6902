//! What the network loses without a unit (4.9): by class, how many scenes it still gets right, and how far the logit moves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use candle_core::{D, Device, Tensor};
use serde::{Deserialize, Serialize};
use solution04::{Effect, effect, without_units};

use crate::images::Images;
use crate::subject::{Site, Subject};

/// How many images a unit is silenced on: the first ones.
pub const IMAGES: usize = 200;

/// What happens to one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfClass {
    /// Its name.
    pub class: String,
    /// How many of the images are of this class, and how many of them are recognised, before and after; `None` where the
    /// images' classes are not known.
    pub recognised: Option<(usize, usize, usize)>,
    /// Mean over the images of its logit afterwards minus before: over those of the class where it is known, else over all.
    pub logit: f64,
}

/// What happens without a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// By class.
    pub classes: Vec<OfClass>,
    /// Share of images whose predicted class is another one.
    pub flipped: f64,
    /// Mean over images and classes of how far a logit moves.
    pub logit_change: f64,
    /// On how many images.
    pub images: usize,
}

/// The images and what the whole network says about them: the same for all units.
pub struct Untouched {
    input: Tensor,
    logits: Tensor,
    labels: Option<Vec<usize>>,
    /// The activations at the sites that were asked for.
    activations: Mutex<HashMap<String, Arc<Tensor>>>,
}

impl Untouched {
    /// Runs the network on the first images.
    ///
    /// **Errors** if it cannot run.
    pub fn new(subject: &Subject, images: &Images) -> Result<Self> {
        let count = images.len().min(IMAGES);
        let input = resnet::normalize(&images.batch(0, count)?.pixels)?;
        let labels = images.labels()?.filter(|_| images.are_of_classes_of(subject));
        Ok(Self {
            logits: subject.network.forward(&input)?,
            labels: labels.map(|labels| labels[..count].to_vec()),
            input,
            activations: Mutex::default(),
        })
    }

    /// Silences a unit: sets it to zero at every place. Behind a layer only what follows is run again.
    ///
    /// **Errors** if there is no such unit.
    pub fn without(&self, subject: &Subject, site: &Site, unit: usize) -> Result<Silence> {
        if !site.name.starts_with("layer") || !site.is_rectified {
            let after = without_units(&subject.network, &self.input, &site.name, &[unit])?;
            return self.compare(subject, &after);
        }
        let activation = self.activation(subject, site)?;
        let kept: Vec<f32> = (0..site.units)
            .map(|other| f32::from(u8::from(other != unit)))
            .collect();
        let kept = Tensor::from_vec(kept, (1, site.units, 1, 1), &Device::Cpu)?;
        let after = resnet::by_image(&activation, |image| {
            subject.network.forward_from(&site.name, &image.broadcast_mul(&kept)?)
        })?;
        self.compare(subject, &after)
    }

    fn activation(&self, subject: &Subject, site: &Site) -> Result<Arc<Tensor>> {
        let mut known = self.activations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&site.name) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(subject.network.activation(&self.input, &site.name)?);
        known.clear(); // one site after the other
        known.insert(site.name.clone(), Arc::clone(&new));
        Ok(new)
    }

    /// The same for all units of the last layer, without running the network again: what follows is an average and one
    /// linear layer, so a unit's part of each logit is its mean times a weight.
    ///
    /// **Errors** if the site is not the one before `avgpool`.
    pub fn without_each_of_last(&self, subject: &Subject, site: &Site) -> Result<Vec<Silence>> {
        let means = self.activation(subject, site)?.flatten_from(2)?.mean(2)?; // [batch, units]
        let weights = subject.network.parameter("fc.weight")?; // [classes, units]
        let without = |unit: usize| {
            let part = means.narrow(1, unit, 1)?.matmul(&weights.narrow(1, unit, 1)?.t()?)?;
            self.compare(subject, &(&self.logits - part)?)
        };
        (0..site.units).map(without).collect()
    }

    fn compare(&self, subject: &Subject, after: &Tensor) -> Result<Silence> {
        let Effect { logit_change, flipped } = effect(&self.logits, after)?;
        let says = |logits: &Tensor| -> Result<Vec<u32>> { Ok(logits.argmax(D::Minus1)?.to_vec1()?) };
        let (said, says) = (says(&self.logits)?, says(after)?);
        let moved = (after - &self.logits)?.to_vec2::<f32>()?; // [batch][class]
        let of_class = |class: usize| {
            let belongs = |image: &usize| self.labels.as_ref().is_none_or(|labels| labels[*image] == class);
            let images: Vec<usize> = (0..moved.len()).filter(belongs).collect();
            let right = |said: &[u32]| images.iter().filter(|&&image| said[image] as usize == class).count();
            let sum: f64 = images.iter().map(|&image| f64::from(moved[image][class])).sum();
            OfClass {
                class: subject.class_name(class).to_string(),
                recognised: self.labels.as_ref().map(|_| (images.len(), right(&said), right(&says))),
                logit: sum / images.len().max(1) as f64,
            }
        };
        Ok(Silence {
            classes: (0..subject.network.config().classes).map(of_class).collect(),
            flipped,
            logit_change,
            images: moved.len(),
        })
    }
}
