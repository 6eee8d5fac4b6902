use candle_core::{Device, Result, Tensor};
use indicatif::ProgressBar;
use rayon::prelude::*;
use resnet::{Config, ResNet};
use scenes::{Rendered, Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};

use crate::{Pointing, Scores, Task, accuracy, pointing};

/// Scene `index` of a seed.
pub type Draw = fn(seed: u64, index: u64) -> Result<Scene>;

/// Training on generated scenes.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The checkpoint's name, without extension.
    pub name: String,
    /// One sentence about the data for the model card.
    pub data: String,
    /// What the network is trained on, one stage after the other; the optimizer starts afresh with each.
    pub stages: Vec<Stage>,
    /// Where the held-out scenes come from.
    pub held_out: Draw,
    /// How many of them there are.
    pub held_out_count: usize,
    /// Seeds the weights and the data.
    pub seed: u64,
}

/// A part of the training with data and a learning rate of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stage {
    /// Where the scenes come from, if they are drawn; steps take them in turn. Scenes of one step have one canvas.
    #[serde(skip)]
    pub draws: Vec<Draw>,
    /// Epochs.
    pub epochs: usize,
    /// Scenes, or images, per epoch; every epoch draws new scenes. A last, smaller batch is left out.
    pub scenes_per_epoch: usize,
    /// Scenes or images per step.
    pub batch: usize,
    /// Largest learning rate of the one-cycle schedule.
    pub peak_learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Stage {
    /// The long first stage: every scene is seen once.
    pub fn from_scratch(draw: Draw, epochs: usize, scenes_per_epoch: usize) -> Self {
        Self {
            draws: vec![draw],
            epochs,
            scenes_per_epoch,
            batch: 32,
            peak_learning_rate: 4e-3,
            weight_decay: 0.02,
        }
    }

    /// Steps per epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.scenes_per_epoch / self.batch
    }

    /// Steps of the whole stage.
    pub fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch()
    }

    /// One cycle: up to the peak over the first quarter, down to nearly zero along a cosine.
    ///
    /// **Source** Smith and Topin 2018; the cosine as in PyTorch's `OneCycleLR`.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let progress = step as f64 / self.steps().max(1) as f64;
        let rise = 0.25;
        let between = |from: f64, to: f64, t: f64| to + (from - to) * (1.0 + (std::f64::consts::PI * t).cos()) / 2.0;
        match progress < rise {
            true => between(self.peak_learning_rate / 25.0, self.peak_learning_rate, progress / rise),
            false => between(self.peak_learning_rate, 0.0, (progress - rise) / (1.0 - rise)),
        }
    }
}

impl Recipe {
    /// The network of the lessons. First one figure per scene; then, for a short while, also pairs on a larger canvas,
    /// so that the evidence for a class comes from where its figure is.
    pub fn scenes(epochs: usize, scenes_per_epoch: usize, seed: u64) -> Self {
        let single: Draw = |seed, index| Scene::sample(&Sampler::default(), seed, index);
        let pair: Draw = |seed, index| Scene::sample(&Sampler::two_figures(), seed, index);
        let pairs = Stage {
            draws: vec![single, pair],
            epochs: 1,
            batch: 16,
            peak_learning_rate: 1e-3,
            ..Stage::from_scratch(single, epochs, scenes_per_epoch)
        };
        Self {
            name: "scenes".into(),
            data: "scenes with all factors independent: one figure on 128×128 pixels, then also two on 224×224".into(),
            stages: vec![Stage::from_scratch(single, epochs, scenes_per_epoch), pairs],
            held_out: single,
            held_out_count: 1000,
            seed,
        }
    }

    /// The architecture: ResNet-18 of width 16 with the ImageNet stem.
    pub fn config(&self) -> Config {
        Config::resnet18().width(16).classes(Shape::ALL.len())
    }

    /// The seed of the held-out scenes.
    pub fn held_out_seed(&self) -> u64 {
        self.seed + 1_000_000
    }
}

impl Task for Recipe {
    fn name(&self) -> &str {
        &self.name
    }

    fn data(&self) -> &str {
        &self.data
    }

    fn config(&self) -> Config {
        self.config()
    }

    fn stages(&self) -> &[Stage] {
        &self.stages
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn examples(&self, stage: usize, step: usize) -> Result<(Tensor, Tensor)> {
        let plan = &self.stages[stage];
        let draw = plan.draws[step % plan.draws.len()];
        let first = (step * plan.batch) as u64;
        let scenes = first..first + plan.batch as u64;
        let rendered = render(draw, self.seed + stage as u64, scenes)?;
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        Ok((images, targets(&rendered)?))
    }

    fn measure(&self, network: &ResNet, progress: &ProgressBar) -> Result<(Scores, Vec<Pointing>)> {
        progress.set_length(self.held_out_count as u64);
        let scores = accuracy(network, self, |scene| scene)?;
        let sites = ["layer2", "layer3", "layer4"];
        let seed = self.held_out_seed();
        let pointing = pointing(network, seed, self.held_out_count, &sites, progress)?;
        Ok((scores, pointing))
    }
}

/// Scenes drawn and rendered on all cores.
fn render(draw: Draw, seed: u64, indices: std::ops::Range<u64>) -> Result<Vec<Rendered>> {
    indices
        .into_par_iter()
        .map(|index| Ok(draw(seed, index)?.render()))
        .collect()
}

/// What the network should say about each scene: the classes of its figures in equal shares, `[scenes, classes]`.
fn targets(rendered: &[Rendered]) -> Result<Tensor> {
    let mut shares = vec![0f32; rendered.len() * Shape::ALL.len()];
    for (scene, shares) in rendered.iter().zip(shares.chunks_exact_mut(Shape::ALL.len())) {
        for figure in &scene.scene.figures {
            shares[figure.shape.index()] += 1.0 / scene.scene.figures.len() as f32;
        }
    }
    Tensor::from_vec(shares, (rendered.len(), Shape::ALL.len()), &Device::Cpu)
}
