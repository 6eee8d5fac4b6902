use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use resnet::{ResNet, parameters};
use serde::{Deserialize, Serialize};

use crate::state::StateFile;
use crate::training::Training;
use crate::{Measured, Stage, Task};

/// What is written beside a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// What it is worth on images that it was not trained on.
    #[serde(flatten)]
    pub measured: Measured,
    /// SHA-256 of the checkpoint.
    pub sha256: String,
}

/// Where a run leaves its files.
#[derive(Debug, Clone)]
pub struct Folders {
    /// For `NAME.safetensors`.
    pub out: PathBuf,
    /// For `NAME.card.json`.
    pub card: PathBuf,
    /// For `NAME.state.safetensors`, with which an interrupted run goes on.
    pub state: PathBuf,
}

impl Folders {
    /// One folder for both.
    pub fn one(folder: &Path) -> Self {
        Self {
            out: folder.into(),
            card: folder.into(),
            state: folder.into(),
        }
    }
}

/// Time between two states: what a killed run loses at most, and one step.
const STATE_EVERY: Duration = Duration::from_secs(30);
/// Steps that tell how long the whole run will take.
const TIMED: usize = 5;
/// Time between two lines of progress where there is no terminal for the bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Trains by a recipe, say [`crate::Recipe`], and writes `NAME.safetensors` and `NAME.card.json`.
///
/// Every half a minute the state goes to `NAME.state.safetensors`, where an interrupted run goes on; it is removed at
/// the end. `stop_after` ends the run early, after so many steps of this call, and returns `None`.
///
/// **Errors** if there is a state that was begun by another recipe.
pub fn run(recipe: &impl Task, folders: &Folders, command: &str, stop_after: Option<usize>) -> Result<Option<Card>> {
    for folder in [&folders.out, &folders.card] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let file = StateFile::new(&folders.state, recipe)?;
    let mut training = Training::new(recipe)?;
    let mut done = 0;
    if let Some((state, steps)) = file.read()? {
        let afresh = || {
            format!(
                "{} cannot be gone on with; remove it to start afresh",
                file.path().display()
            )
        };
        training.restore(&state).with_context(afresh)?;
        done = steps;
        println!("going on after step {done}");
    }
    let steps: Vec<(usize, usize)> = (0..)
        .zip(recipe.stages())
        .flat_map(|(stage, plan)| (0..plan.steps()).map(move |step| (stage, step)))
        .collect();
    let progress = bar(steps.len() as u64);
    progress.set_position(done as u64);
    progress.reset_eta();
    let begun = Instant::now();
    let (mut saved, mut told) = (begun, begun);
    for (index, &(stage, step)) in steps.iter().enumerate().skip(done) {
        if stop_after.is_some_and(|most| index - done >= most) {
            file.write(training.state()?, index)?;
            return Ok(None);
        }
        training.step(stage, step)?;
        progress.set_message(training.summary());
        progress.inc(1);
        if index + 1 == done + TIMED {
            let each = begun.elapsed() / TIMED as u32;
            let left = each * (steps.len() - index - 1) as u32;
            progress.suspend(|| {
                println!(
                    "{} steps of {} ms: about {} here, if nothing else is at work",
                    steps.len() - done,
                    each.as_millis(),
                    in_words(left)
                )
            });
        }
        if saved.elapsed() >= STATE_EVERY {
            file.write(training.state()?, index + 1)?;
            saved = Instant::now();
        }
        if progress.is_hidden() && told.elapsed() >= LINE_EVERY {
            told = Instant::now();
            let each = begun.elapsed().as_secs_f64() / (index + 1 - done) as f64;
            println!(
                "step {} of {}: {}; {:.0} ms a step, about {:.1} min left",
                index + 1,
                steps.len(),
                training.summary(),
                1e3 * each,
                each * (steps.len() - index - 1) as f64 / 60.0
            );
        }
    }
    file.write(training.state()?, steps.len())?;
    progress.finish_and_clear();

    let name = recipe.name();
    let path = folders.out.join(format!("{name}.safetensors"));
    parameters::save(&training.parameters()?, &path)?;
    println!(
        "{}: trained in {:.0} s; measuring",
        path.display(),
        begun.elapsed().as_secs_f64()
    );
    let card = card(recipe, &path, command)?;
    write_json(&folders.card.join(format!("{name}.card.json")), &card)?;
    file.remove();
    Ok(Some(card))
}

/// `55 min`, `3 h 20 min`
fn in_words(time: Duration) -> String {
    match time.as_secs().div_ceil(60) {
        minutes @ 0..90 => format!("{minutes} min"),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// Measures a trained network.
fn card(recipe: &impl Task, path: &Path, command: &str) -> Result<Card> {
    let network = ResNet::load(path)?;
    let measuring = ProgressBar::new(0).with_message("measuring");
    let measured = recipe.measure(&network, &measuring)?;
    measuring.finish_and_clear();
    Ok(Card {
        name: recipe.name().into(),
        network: format!("{}, width {}", network.config().name(), network.config().width),
        parameters: network.config().parameter_count(),
        command: command.into(),
        data: recipe.data().into(),
        stages: recipe.stages().to_vec(),
        seed: recipe.seed(),
        measured,
        sha256: checkpoints::checksum(&std::fs::read(path)?),
    })
}

/// Writes a value as indented JSON.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    writing::whole(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

fn bar(steps: u64) -> ProgressBar {
    let template = "{bar:30} step {pos}/{len}  {msg}  {elapsed} so far, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps).with_style(style);
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}
