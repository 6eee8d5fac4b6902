//! Pieces of the course's work, as the solutions do them, for `cargo run -p resnet --example speed -- --lessons`.
//!
//! `course_work PIECE FILE` draws the scenes, writes them to FILE for the other side, and does the piece on request.
//! The same pieces in PyTorch: `lessons/shared/resnet/examples/speed/course_work.py`.

#[path = "../../lessons/shared/resnet/examples/speed/serving.rs"]
mod serving;

use std::cell::RefCell;
use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use lesson02::Statistics;
use lesson03::{Optimizer, Problem, Settings, Target, Wobble, maximize, paint, score, total_variation};
use lesson04::features;
use lesson05::{grad_cam, saliency};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use resnet::{Config, ResNet};
use scenes::{COLOUR_AXES, Canvas, Sampler, Scene, Shape};
use train::{Folders, Measured, Stage, Task};

const SITES: [&str; 5] = ["conv1", "layer1", "layer2", "layer3", "layer4"];
const CLASSES: usize = Shape::ALL.len();

fn main() -> Result<()> {
    writing::end_with_the_reader();
    resnet::keep_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [piece, file] = &arguments[..] else {
        bail!("expected a piece of work and a file for its scenes; started by the benchmark `speed` of package resnet");
    };
    let network = resnet::checkpoints::scenes()?;
    let scenes = |count, side| Scenes::draw(count, side, Path::new(file));
    match piece.as_str() {
        "statistics" => {
            let scenes = scenes(2000, 128)?;
            serving::serve(|| statistics(&network, &scenes).map(Some))
        }
        "maximization" => serving::serve(|| maximization(&network).map(Some)),
        "attribution" => {
            let scenes = scenes(500, 224)?;
            serving::serve(|| attribution(&network, &scenes).map(Some))
        }
        "features" => {
            let scenes = scenes(1500, 128)?;
            serving::serve(|| all_features(&network, &scenes).map(Some))
        }
        "training" => {
            let stage = Stage {
                epochs: 2, // the first twenty steps are those of the first epoch
                scenes_per_epoch: 640,
                batch: 32,
                peak_learning_rate: 4e-3,
                weight_decay: 0.02,
                attack_rise: 0.0,
            };
            let lesson = Training {
                scenes: scenes(640, 128)?,
                stages: [stage],
            };
            serving::serve(|| lesson.run().map(|()| None))
        }
        other => bail!("no piece of work is called {other}"),
    }
}

/// The last layer's mean (2.3).
fn statistics(network: &ResNet, scenes: &Scenes) -> Result<f64> {
    const BATCH: usize = 8; // the lesson's
    let mut all = vec![Statistics::new(); SITES.len()];
    let traces = scenes.batches(BATCH).map(|batch| {
        let images = resnet::normalize(&scenes.pixels(batch)?)?;
        network.capture(&images, &SITES)
    });
    resnet::one_ahead(traces, |trace| {
        let mut sites = all.iter_mut().zip(SITES);
        sites.try_for_each(|(statistics, site)| statistics.update(trace.activation(site)?))
    })?;
    Ok(all[SITES.len() - 1].summary()?.mean)
}

/// The objective of what was made (3.1 to 3.6).
fn maximization(network: &ResNet) -> Result<f64> {
    const SIDE: usize = 128;
    let random = RefCell::new(ChaCha8Rng::seed_from_u64(1));
    let wobble = Wobble {
        jitter: 8,
        angle: 0.15,
        scale: 0.1,
    };
    let axes = Tensor::new(&COLOUR_AXES, &Device::Cpu)?;
    let objective = |images: &Tensor| score(network, images, "layer4", Target::Channel(3));
    let problem = Problem {
        image: &|spectrum| paint(spectrum, SIDE, &axes),
        transform: &|images| wobble.apply(images, &mut random.borrow_mut()),
        penalty: &|images| total_variation(images)? * 2.0,
        project: &|spectrum| Ok(spectrum.clone()),
        ..Problem::new(&objective)
    };
    let shape = [1, 3, SIDE, SIDE / 2 + 1, 2];
    let count = shape.iter().product();
    let numbers: Vec<f32> = (0..count)
        .map(|_| random.borrow_mut().random_range(-0.02..0.02))
        .collect();
    let start = Tensor::from_vec(numbers, &shape, &Device::Cpu)?;
    let settings = Settings {
        steps: 256,
        step_size: 0.05,
        optimizer: Optimizer::Adam,
    };
    let images = maximize(&start, &problem, &settings)?;
    mean(&objective(&images)?)
}

/// The means of the maps, added (5.3, 5.6).
fn attribution(network: &ResNet, scenes: &Scenes) -> Result<f64> {
    const BATCH: usize = 10; // the lesson's
    let mut sum = 0.0;
    for batch in scenes.batches(BATCH) {
        let images = resnet::normalize(&scenes.pixels(batch.clone())?)?;
        let classes = &scenes.labels[batch];
        sum += mean(&grad_cam(network, &images, classes, "layer4")?)?;
        sum += mean(&saliency(network, &images, classes)?)?;
    }
    Ok(sum)
}

/// The mean of the last layer's (4.1).
fn all_features(network: &ResNet, scenes: &Scenes) -> Result<f64> {
    const BATCH: usize = 25; // the lesson's
    let mut last = vec![];
    let batches = scenes
        .batches(BATCH)
        .map(|batch| resnet::normalize(&scenes.pixels(batch)?));
    resnet::one_ahead(batches, |images| {
        last.extend(features(network, &images, &SITES, 1)?.pop());
        Ok(())
    })?;
    mean(&Tensor::cat(&last, 0)?)
}

fn mean(values: &Tensor) -> Result<f64> {
    Ok(values.to_dtype(DType::F64)?.mean_all()?.to_scalar()?)
}

/// Scenes that were drawn beforehand.
struct Scenes {
    side: usize,
    /// `[scenes, 3, side, side]`
    bytes: Vec<u8>,
    labels: Vec<u32>,
}

impl Scenes {
    /// Draws scenes, and writes pixels and then classes to `file`, a byte each.
    fn draw(count: u64, side: usize, file: &Path) -> Result<Self> {
        let sampler = Sampler {
            canvas: Canvas::square(side),
            ..Sampler::default()
        };
        let drawn: Vec<_> = (0..count)
            .into_par_iter()
            .map(|index| {
                let scene = Scene::sample(&sampler, 1, index)?.render();
                let planes = (0..3).flat_map(|channel| scene.image.pixels.iter().skip(channel).step_by(3).copied());
                Ok((planes.collect::<Vec<u8>>(), scene.scene.class().index() as u32))
            })
            .collect::<Result<_>>()?;
        let labels: Vec<u32> = drawn.iter().map(|(_, label)| *label).collect();
        let bytes: Vec<u8> = drawn.into_iter().flat_map(|(planes, _)| planes).collect();
        let mut both = bytes.clone();
        both.extend(labels.iter().map(|&label| label as u8));
        fs::write(file, both).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { side, bytes, labels })
    }

    fn batches(&self, size: usize) -> impl Iterator<Item = Range<usize>> {
        let count = self.labels.len();
        (0..count)
            .step_by(size)
            .map(move |first| first..count.min(first + size))
    }

    /// Some of them, in [0, 1].
    fn pixels(&self, scenes: Range<usize>) -> candle_core::Result<Tensor> {
        let (side, each) = (self.side, 3 * self.side * self.side);
        let bytes = &self.bytes[scenes.start * each..scenes.end * each];
        let values = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Tensor::from_vec(values, (scenes.len(), 3, side, side), &Device::Cpu)
    }
}

/// Training as `cargo run -p train` does it, for twenty steps.
struct Training {
    scenes: Scenes,
    stages: [Stage; 1],
}

impl Training {
    fn run(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        train::run(self, &Folders::one(folder.path()), "", Some(20))?;
        Ok(())
    }
}

impl Task for Training {
    fn name(&self) -> &str {
        "benchmark"
    }

    fn data(&self) -> &str {
        "scenes"
    }

    fn config(&self) -> Config {
        Config::resnet18().width(16).classes(CLASSES)
    }

    fn stages(&self) -> &[Stage] {
        &self.stages
    }

    fn seed(&self) -> u64 {
        1
    }

    fn examples(&self, _stage: usize, step: usize, images: Range<usize>) -> candle_core::Result<(Tensor, Tensor)> {
        let first = step * self.stages[0].batch;
        let images = first + images.start..first + images.end;
        let classes = Tensor::new(&self.scenes.labels[images.clone()], &Device::Cpu)?;
        let targets = candle_nn::encoding::one_hot(classes, CLASSES, 1f32, 0f32)?;
        Ok((self.scenes.pixels(images)?, targets))
    }

    fn measure(&self, _network: &ResNet, _progress: &indicatif::ProgressBar) -> candle_core::Result<Measured> {
        candle_core::bail!("the benchmark ends before the network is measured")
    }
}
