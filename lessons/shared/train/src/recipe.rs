use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;
use resnet::Config;
use scenes::{Rendered, Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};

/// Scene `index` of a seed.
pub type Draw = fn(seed: u64, index: u64) -> Result<Scene>;

/// Everything that decides what a training run produces.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The checkpoint's name, without extension.
    pub name: String,
    /// Where the training and held-out scenes come from.
    pub draw: Draw,
    /// One sentence about them for the model card.
    pub data: String,
    /// How long and how fast.
    pub schedule: Schedule,
}

/// The numbers of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Scenes per epoch; every epoch draws new ones.
    pub scenes_per_epoch: usize,
    /// Epochs.
    pub epochs: usize,
    /// Scenes per step.
    pub batch: usize,
    /// Held-out scenes, drawn from another seed.
    pub held_out: usize,
    /// Largest learning rate of the one-cycle schedule.
    pub peak_learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Seeds the weights and the data.
    pub seed: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            scenes_per_epoch: 8000,
            epochs: 8,
            batch: 32,
            held_out: 1000,
            peak_learning_rate: 4e-3,
            weight_decay: 0.02,
            seed: 1,
        }
    }
}

impl Schedule {
    /// Steps per epoch; the last, smaller batch is left out.
    pub fn steps_per_epoch(&self) -> usize {
        self.scenes_per_epoch / self.batch
    }

    /// One cycle: up to the peak over the first quarter, down to nearly zero along a cosine.
    ///
    /// **Source** Smith and Topin 2018; the cosine as in PyTorch's `OneCycleLR`.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let progress = step as f64 / (self.epochs * self.steps_per_epoch()).max(1) as f64;
        let rise = 0.25;
        let between = |from: f64, to: f64, t: f64| {
            to + (from - to) * (1.0 + (std::f64::consts::PI * t).cos()) / 2.0
        };
        match progress < rise {
            true => between(
                self.peak_learning_rate / 25.0,
                self.peak_learning_rate,
                progress / rise,
            ),
            false => between(
                self.peak_learning_rate,
                0.0,
                (progress - rise) / (1.0 - rise),
            ),
        }
    }
}

impl Recipe {
    /// The network of the lessons: one figure per scene, all factors independent.
    pub fn scenes(schedule: Schedule) -> Self {
        Self {
            name: "scenes".into(),
            draw: |seed, index| Scene::sample(&Sampler::default(), seed, index),
            data: "scenes with one figure on 128×128 pixels, all factors independent".into(),
            schedule,
        }
    }

    /// The architecture: ResNet-18 of width 16 with the ImageNet stem.
    pub fn config(&self) -> Config {
        Config::resnet18().width(16).classes(Shape::ALL.len())
    }

    /// The seed of the held-out scenes.
    pub fn held_out_seed(&self) -> u64 {
        self.schedule.seed + 1_000_000
    }

    /// Draws and renders scenes on all cores: normalized images `[n, 3, height, width]`, and the renderings.
    pub fn batch(
        &self,
        seed: u64,
        indices: std::ops::Range<u64>,
    ) -> Result<(Tensor, Vec<Rendered>)> {
        let rendered = indices
            .into_par_iter()
            .map(|index| Ok((self.draw)(seed, index)?.render()))
            .collect::<Result<Vec<_>>>()?;
        Ok((
            resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?,
            rendered,
        ))
    }
}
