use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use candle_core::{D, DType, Device, Tensor, Var};
use indicatif::{ProgressBar, ProgressStyle};
use resnet::{Parameters, ResNet, parameters};
use serde::Serialize;

use crate::{AdamW, Pointing, Scores, Stage, Task};

/// What is written beside a checkpoint.
#[derive(Debug, Clone, Serialize)]
pub struct Card {
    /// The checkpoint's name.
    pub name: String,
    /// The architecture.
    pub network: String,
    /// Trainable parameters.
    pub parameters: usize,
    /// The command that makes it again.
    pub command: String,
    /// What it was trained on.
    pub data: String,
    /// The training's stages; steps of the second take its kinds of scene in turn.
    pub stages: Vec<Stage>,
    /// Seeds the weights and the data.
    pub seed: u64,
    /// Scores on images that it was not trained on.
    pub held_out: Scores,
    /// The pointing game on scenes with two figures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pointing: Vec<Pointing>,
    /// SHA-256 of the checkpoint.
    pub sha256: String,
}

/// Trains by a recipe, say [`crate::Recipe`], and writes `NAME.safetensors` and `NAME.card.json` into `folder`.
///
/// After each epoch the state goes to `NAME.state.safetensors`, where an interrupted run goes on; it is removed at the
/// end. `stop_after` ends the run early, after so many epochs of this call, and returns `None`.
pub fn run(recipe: &impl Task, folder: &Path, command: &str, stop_after: Option<usize>) -> Result<Option<Card>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let state_path = folder.join(format!("{}.state.safetensors", recipe.name()));
    let mut training = Training::new(recipe)?;
    let mut done = 0;
    if state_path.is_file() {
        done = training.resume(&state_path).with_context(|| {
            format!(
                "{} does not fit this recipe; remove it to start afresh",
                state_path.display()
            )
        })?;
        println!("going on after epoch {done}");
    }
    let epochs: Vec<(usize, usize)> = recipe
        .stages()
        .iter()
        .enumerate()
        .flat_map(|(stage, plan)| (0..plan.epochs).map(move |epoch| (stage, epoch)))
        .collect();
    let steps = |epochs: &[(usize, usize)]| -> usize {
        epochs
            .iter()
            .map(|(stage, _)| recipe.stages()[*stage].steps_per_epoch())
            .sum()
    };
    let progress = bar(steps(&epochs) as u64);
    progress.set_position(steps(&epochs[..done]) as u64);
    progress.reset_eta();
    for (index, &(stage, epoch)) in epochs.iter().enumerate().skip(done) {
        if stop_after.is_some_and(|most| index - done >= most) {
            return Ok(None);
        }
        training.epoch(stage, epoch, &progress)?;
        training.save(&state_path, index + 1)?;
        progress.suspend(|| println!("epoch {} of {}: {}", index + 1, epochs.len(), training.summary()));
    }
    progress.finish_and_clear();

    let path = folder.join(format!("{}.safetensors", recipe.name()));
    parameters::save(&training.parameters()?, &path)?;
    let network = ResNet::load(&path)?;
    let measuring = ProgressBar::new(0).with_message("measuring");
    let (held_out, pointing) = recipe.measure(&network, &measuring)?;
    measuring.finish_and_clear();
    let card = Card {
        name: recipe.name().into(),
        network: format!("{}, width {}", network.config().name(), network.config().width),
        parameters: network.config().parameter_count(),
        command: command.into(),
        data: recipe.data().into(),
        stages: recipe.stages().to_vec(),
        seed: recipe.seed(),
        held_out,
        pointing,
        sha256: checkpoints::checksum(&std::fs::read(&path)?),
    };
    let card_path: PathBuf = folder.join(format!("{}.card.json", recipe.name()));
    std::fs::write(&card_path, serde_json::to_string_pretty(&card)? + "\n")
        .with_context(|| format!("cannot write {}", card_path.display()))?;
    std::fs::remove_file(&state_path).ok();
    Ok(Some(card))
}

/// Steps between two lines of progress where there is no terminal for the bar.
const LINE_EVERY: usize = 50;

fn bar(steps: u64) -> ProgressBar {
    let template = "{bar:30} step {pos}/{len}  {msg}  {elapsed} so far, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps).with_style(style);
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

/// Fresh moments for all that is trained: weights and biases, not batch norm's stored statistics.
fn optimizer(variables: &[(String, Var)]) -> Result<AdamW> {
    let trainable = variables
        .iter()
        .filter(|(name, _)| parameters::is_trained(name))
        .cloned();
    Ok(AdamW::new(trainable)?)
}

/// A network under training: its variables, its optimizer, and how it has done lately.
struct Training<'a, T> {
    recipe: &'a T,
    variables: Vec<(String, Var)>,
    network: ResNet,
    optimizer: AdamW,
    loss: f64,
    accuracy: f64,
}

impl<'a, T: Task> Training<'a, T> {
    fn new(recipe: &'a T) -> Result<Self> {
        let config = recipe.config();
        let fresh = parameters::initialize(&config, recipe.seed())?;
        // Everything is a `Var`, so that the network and this list share it; only weights and biases are optimized.
        let variables = config
            .tensors()
            .into_iter()
            .map(|(name, _)| Ok((name.clone(), Var::from_tensor(&fresh[&name])?)))
            .collect::<Result<Vec<_>>>()?;
        let tensors = variables
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        Ok(Self {
            recipe,
            network: ResNet::new(&config, &tensors)?,
            optimizer: optimizer(&variables)?,
            variables,
            loss: f64::NAN,
            accuracy: f64::NAN,
        })
    }

    fn epoch(&mut self, stage: usize, epoch: usize, progress: &ProgressBar) -> Result<()> {
        let plan = &self.recipe.stages()[stage];
        if epoch == 0 {
            self.optimizer = optimizer(&self.variables)?;
        }
        for index in 0..plan.steps_per_epoch() {
            let step = epoch * plan.steps_per_epoch() + index;
            let (images, targets) = self.recipe.examples(stage, step)?;
            let logits = self.network.forward_training(&images)?;
            let scores = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
            let loss = ((scores * &targets)?.sum_all()? * (-1.0 / plan.batch as f64))?; // cross entropy
            self.optimizer
                .step(&loss.backward()?, plan.learning_rate(step), plan.weight_decay)?;
            // Right is the class of any figure in the scene.
            let guesses = logits.argmax_keepdim(D::Minus1)?;
            let right = targets
                .gather(&guesses, 1)?
                .gt(0f32)?
                .to_dtype(DType::F32)?
                .mean_all()?;
            self.remember(loss.to_scalar::<f32>()?.into(), right.to_scalar::<f32>()?.into());
            progress.set_message(self.summary());
            progress.inc(1);
            if progress.is_hidden() && (index + 1) % LINE_EVERY == 0 {
                let left = progress.eta().as_secs() / 60;
                println!(
                    "step {}: {}, about {left} min left",
                    progress.position(),
                    self.summary()
                );
            }
        }
        Ok(())
    }

    /// Running means over about the last fifty steps.
    fn remember(&mut self, loss: f64, accuracy: f64) {
        let blend = |old: f64, new: f64| {
            if old.is_nan() { new } else { 0.98 * old + 0.02 * new }
        };
        (self.loss, self.accuracy) = (blend(self.loss, loss), blend(self.accuracy, accuracy));
    }

    fn summary(&self) -> String {
        format!("loss {:.3}, accuracy {:.1} %", self.loss, 100.0 * self.accuracy)
    }

    fn parameters(&self) -> Result<Parameters> {
        let copies = self.variables.iter().map(|(name, var)| Ok((name.clone(), var.copy()?)));
        copies.collect()
    }

    fn save(&self, path: &Path, epochs_done: usize) -> Result<()> {
        let mut state = self.optimizer.state()?;
        state.extend(self.parameters()?);
        state.insert("epochs".into(), Tensor::new(epochs_done as u32, &Device::Cpu)?);
        Ok(parameters::save(&state, path)?)
    }

    /// Takes up a saved state; returns the epochs it has behind it.
    fn resume(&mut self, path: &Path) -> Result<usize> {
        let state = parameters::read(path)?;
        for (name, variable) in &self.variables {
            variable.set(state.get(name).with_context(|| format!("{name} is missing"))?)?;
        }
        self.optimizer.restore(&state)?;
        Ok(state
            .get("epochs")
            .context("the number of epochs is missing")?
            .to_scalar::<u32>()? as usize)
    }
}
