use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use indicatif::ProgressBar;
use resnet::{Config, ResNet};
use scenes::{Rendered, Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};

use crate::{Attack, Measured, Task, UnderAttack, accuracy, pointing};

/// The class that a scene is labelled with.
type Label = dyn Fn(&Scene) -> Shape + Send + Sync;

/// Draws scenes: number `index` of a seed.
#[derive(Clone)]
pub struct Draw {
    scene: Arc<dyn Fn(u64, u64) -> Result<Scene> + Send + Sync>,
    label: Option<Arc<Label>>,
}

impl Draw {
    /// Draws by a function of seed and index.
    pub fn new(draw: impl Fn(u64, u64) -> Result<Scene> + Send + Sync + 'static) -> Self {
        Self {
            scene: Arc::new(draw),
            label: None,
        }
    }

    /// The same scenes with the class that `label` gives instead of that of their figures.
    pub fn labelled(self, label: impl Fn(&Scene) -> Shape + Send + Sync + 'static) -> Self {
        Self {
            label: Some(Arc::new(label)),
            ..self
        }
    }

    /// Draws what a sampler draws.
    pub fn from_sampler(sampler: Sampler) -> Self {
        Self::new(move |seed, index| Scene::sample(&sampler, seed, index))
    }

    /// Scene `index` of `seed`.
    pub fn scene(&self, seed: u64, index: u64) -> Result<Scene> {
        (self.scene)(seed, index)
    }

    /// What the network should say about scenes: one class each, or that of the figures in equal shares,
    /// `[scenes, classes]`.
    fn targets(&self, rendered: &[Rendered]) -> Result<Tensor> {
        let mut shares = vec![0f32; rendered.len() * Shape::ALL.len()];
        for (rendered, shares) in rendered.iter().zip(shares.chunks_exact_mut(Shape::ALL.len())) {
            let scene = &rendered.scene;
            if let Some(label) = &self.label {
                shares[label(scene).index()] = 1.0;
                continue;
            }
            for figure in &scene.figures {
                shares[figure.shape.index()] += 1.0 / scene.figures.len() as f32;
            }
        }
        Tensor::from_vec(shares, (rendered.len(), Shape::ALL.len()), &Device::Cpu)
    }
}

impl fmt::Debug for Draw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Draw")
    }
}

/// Training on generated scenes.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The checkpoint's name, without extension.
    pub name: String,
    /// One sentence about the data for the model card.
    pub data: String,
    /// The stages, one after the other; the optimizer starts afresh with each.
    pub stages: Vec<Stage>,
    /// Where the scenes of each stage come from: its steps take these in turn. Scenes of one step have one canvas.
    pub draws: Vec<Vec<Draw>>,
    /// Where the held-out scenes come from.
    pub held_out: Draw,
    /// How many of them there are.
    pub held_out_count: usize,
    /// Seeds the weights and the data.
    pub seed: u64,
    /// The adversary, if there is one.
    pub attack: Option<Attack>,
}

/// A part of the training with a length and a learning rate of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stage {
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
    /// Share of the steps over which an adversary's reach grows from nothing to all of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attack_rise: f64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Stage {
    /// The long first stage: every scene is seen once.
    pub fn from_scratch(epochs: usize, scenes_per_epoch: usize) -> Self {
        Self {
            epochs,
            scenes_per_epoch,
            batch: 32,
            peak_learning_rate: 4e-3,
            weight_decay: 0.02,
            attack_rise: 0.0,
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

    /// The share of an adversary's reach that it has in a step.
    pub fn reach(&self, step: usize) -> f64 {
        match self.attack_rise * self.steps() as f64 {
            0.0 => 1.0,
            rise => (step as f64 / rise).min(1.0),
        }
    }

    /// One cycle: up to the peak over the first quarter, down to nearly zero along a cosine.
    ///
    /// **Source** Smith and Topin 2018; the cosine as in PyTorch's `OneCycleLR`.
    pub fn learning_rate(&self, step: usize) -> f64 {
        let progress = step as f64 / self.steps().max(1) as f64;
        let rise = 0.25;
        let between = |from: f64, to: f64, t: f64| to + (from - to) * (1.0 + (std::f64::consts::PI * t).cos()) / 2.0;
        if progress < rise {
            between(self.peak_learning_rate / 25.0, self.peak_learning_rate, progress / rise)
        } else {
            between(self.peak_learning_rate, 0.0, (progress - rise) / (1.0 - rise))
        }
    }
}

impl Recipe {
    /// The network of the lessons. First one figure per scene; then, for a short while, also pairs on a larger canvas,
    /// so that the evidence for a class comes from where its figure is.
    pub fn scenes(epochs: usize, scenes_per_epoch: usize, seed: u64) -> Self {
        let [single, pair] = [Sampler::default(), Sampler::two_figures()].map(Draw::from_sampler);
        let first = Stage::from_scratch(epochs, scenes_per_epoch);
        let pairs = Stage {
            epochs: 1,
            batch: 16,
            peak_learning_rate: 1e-3,
            ..first.clone()
        };
        Self {
            name: "scenes".into(),
            data: "scenes with all factors independent: one figure on 128×128 pixels, then also two on 224×224".into(),
            stages: vec![first, pairs],
            draws: vec![vec![single.clone()], vec![single.clone(), pair]],
            held_out: single,
            held_out_count: 1000,
            seed,
            attack: None,
        }
    }

    /// The same network and data, trained against an adversary that may move an image by `epsilon`. Its reach grows from
    /// nothing over the first 30 % of the first stage.
    ///
    /// Larger batches than without an adversary, whose changes are noise to the gradient; and a second stage as short as
    /// the pairs need. Then both once more, three fifths as long, at half the rate and with all of the adversary's reach;
    /// and single figures a last time, two thirds as long as at first, at a quarter of the rate.
    pub fn robust(epochs: usize, scenes_per_epoch: usize, seed: u64, epsilon: f64) -> Self {
        let mut recipe = Self::scenes(epochs, scenes_per_epoch, seed);
        recipe.name = "robust".into();
        recipe.data += ", each changed by an adversary";
        recipe.attack = Some(Attack { epsilon, steps: 3 });
        recipe.stages[0].batch = 128;
        recipe.stages[0].attack_rise = 0.3;
        recipe.stages[1].batch = 64;
        let [mut singles, pairs] = [recipe.stages[0].clone(), recipe.stages[1].clone()];
        singles.epochs = epochs * 3 / 5;
        singles.peak_learning_rate /= 2.0;
        singles.attack_rise = 0.0;
        let last = Stage {
            epochs: epochs * 2 / 3,
            peak_learning_rate: recipe.stages[0].peak_learning_rate / 4.0,
            ..singles.clone()
        };
        recipe.stages.extend([singles, pairs, last]);
        let [single, with_pairs] = [recipe.draws[0].clone(), recipe.draws[1].clone()];
        recipe.draws.extend([single.clone(), with_pairs, single]);
        recipe
    }

    /// The architecture: ResNet-18 of width 16 with the ImageNet stem.
    pub fn config(&self) -> Config {
        Config::resnet18().width(16).classes(Shape::ALL.len())
    }

    /// Steps of the adversary that a trained network is measured by: more than it was trained against.
    pub const MEASURED_STEPS: usize = 10;

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

    fn attack(&self) -> Option<Attack> {
        self.attack
    }

    fn examples(&self, stage: usize, step: usize, images: Range<usize>) -> Result<(Tensor, Tensor)> {
        let plan = &self.stages[stage];
        let draws = &self.draws[stage];
        let draw = &draws[step % draws.len()];
        let seed = self.seed + stage as u64;
        let scene = |position| Ok(draw.scene(seed, (step * plan.batch + position) as u64)?.render());
        let rendered = images.map(scene).collect::<Result<Vec<_>>>()?;
        Ok((scenes::batch(&rendered, &Device::Cpu)?, draw.targets(&rendered)?))
    }

    fn measure(&self, network: &ResNet, progress: &ProgressBar) -> Result<Measured> {
        let count = self.held_out_count as u64;
        progress.set_length(count * if self.attack.is_some() { 3 } else { 2 });
        let mut measured = Measured::new(accuracy(network, self, |scene| scene)?);
        progress.inc(count);
        if let Some(attack) = self.attack {
            let attack = Attack {
                steps: Self::MEASURED_STEPS,
                ..attack
            };
            measured.under_attack = Some(UnderAttack::measure(network, self, attack, progress)?);
        }
        let sites = ["layer2", "layer3", "layer4"];
        measured.pointing = pointing(network, self.held_out_seed(), self.held_out_count, &sites, progress)?;
        Ok(measured)
    }
}
