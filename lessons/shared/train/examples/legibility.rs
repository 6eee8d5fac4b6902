//! How well one can read a network's units off their optima, without asking a person.
//!
//! ```text
//! cargo run -p train --example legibility
//! ```
//!
//! Images are made for each class of network A from several starts, once by plain ascent and once by the careful recipe of
//! `studio::optimum`. Two shares of them are printed:
//!
//! - *named*: those that network B, which knows nothing of A's weights, calls by that class;
//! - *wanted*: those to which A itself gives a higher score than to each of 1,000 scenes. It says whether the ascent has
//!   worked; that alone makes nothing legible.
//!
//! The same for units of the last two layers whose best concept, by dissection, is a shape: B is to name that shape.
//!
//! A is the ordinary and the robust network in turn, B the other one; `--judge FILE` takes a third network for B.

mod dissection;

use std::path::PathBuf;

use candle_core::{Device, Result, Tensor};
use clap::Parser;
use dissection::Truth;
use resnet::ResNet;
use scenes::{Concept, Rendered, Sampler, Scene, Shape};
use studio::optimum::{Recipe, clouds};

/// Measures how legible the optima of the shipped networks are
#[derive(Debug, Parser)]
struct Arguments {
    /// Images that are begun for each class
    #[arg(long, default_value_t = 10)]
    starts: usize,
    /// Images that are begun for each unit
    #[arg(long, default_value_t = 3)]
    unit_starts: usize,
    /// Units of each layer: those that overlap best with a shape
    #[arg(long, default_value_t = 10)]
    units: usize,
    /// Who names the images, instead of the other network
    #[arg(long, value_name = "FILE")]
    judge: Option<PathBuf>,
}

/// Where classes and units are: before the last ReLU, so that a unit at rest has a gradient.
const SITES: [&str; 3] = ["fc", "layer4.1.add", "layer3.1.add"];
/// Scenes that an optimum has to beat, of the seed of the lessons' pictures.
const SCENES: u64 = 1000;
const SCENE_SEED: u64 = 7;
/// Scenes by which units get their concepts.
const DISSECTED: u64 = 400;
const DISSECTION_SEED: u64 = 77;
const SIDE: usize = 128;
const START_SEED: u64 = 1;

fn main() -> anyhow::Result<()> {
    writing::end_with_the_reader();
    resnet::keep_memory();
    let arguments = Arguments::parse();
    let networks = checkpoints::NAMES
        .into_iter()
        .map(|name| Ok((name, resnet::checkpoints::shipped(name)?)))
        .collect::<Result<Vec<_>>>()?;
    let judge = arguments.judge.as_ref().map(ResNet::load).transpose()?;
    let truth = Truth::new(render(DISSECTION_SEED, 0..DISSECTED)?);
    println!("| network | what | recipe | images | named | wanted |\n|---|---|---|---|---|---|");
    for (index, (name, network)) in networks.iter().enumerate() {
        let judge = judge.as_ref().unwrap_or(&networks[1 - index].1);
        let best = best_of_scenes(network)?;
        let print = |what: &str, recipe: Recipe, counts: Counts| {
            let recipe = if recipe.careful { "careful" } else { "plain" };
            let Counts { images, named, wanted } = counts;
            println!("| {name} | {what} | {recipe} | {images} | {named} | {wanted} |");
        };
        for recipe in [Recipe::PLAIN, Recipe::CAREFUL] {
            let mut counts = Counts::default();
            for shape in Shape::ALL {
                let channel = shape.index();
                let unit = Unit {
                    network,
                    site: 0,
                    channel,
                };
                counts.add(&unit, shape, recipe, arguments.starts, judge, best[0][channel])?;
            }
            print("classes", recipe, counts);
        }
        for (site, layer) in [(1, "layer4"), (2, "layer3")] {
            let mut units: Vec<(f64, Shape, usize)> = truth
                .dissect(network, layer)?
                .into_iter()
                .enumerate()
                .filter_map(|(channel, found)| match found {
                    (iou, Concept::Shape(shape)) => Some((iou, shape, channel)),
                    _ => None,
                })
                .collect();
            units.sort_by(|a, b| b.0.total_cmp(&a.0));
            units.truncate(arguments.units);
            let mut counts = Counts::default();
            for &(_, shape, channel) in &units {
                let unit = Unit { network, site, channel };
                let recipe = Recipe::CAREFUL;
                counts.add(&unit, shape, recipe, arguments.unit_starts, judge, best[site][channel])?;
            }
            print(&format!("{} units of {layer}", units.len()), Recipe::CAREFUL, counts);
        }
    }
    Ok(())
}

/// A class, or a channel of a layer.
struct Unit<'a> {
    network: &'a ResNet,
    site: usize,
    channel: usize,
}

impl Unit<'_> {
    /// The unit's mean over its map, or the class score, `[batch]`.
    fn value(&self, images: &Tensor) -> Result<Tensor> {
        let site = SITES[self.site];
        let trace = self.network.capture(&resnet::normalize(images)?, &[site])?;
        let channel = trace.activation(site)?.narrow(1, self.channel, 1)?;
        channel.flatten_from(1)?.mean(1)
    }
}

/// What became of the images of several units.
#[derive(Default)]
struct Counts {
    images: usize,
    named: usize,
    wanted: usize,
}

impl Counts {
    fn add(
        &mut self,
        unit: &Unit,
        shape: Shape,
        recipe: Recipe,
        starts: usize,
        judge: &ResNet,
        best: f32,
    ) -> Result<()> {
        let images = recipe.make(&clouds(starts, SIDE, START_SEED)?, |image| unit.value(image))?;
        let names = train::predictions(judge, &resnet::normalize(&images)?)?;
        self.images += names.len();
        self.named += names.into_iter().filter(|&name| name == shape.index() as u32).count();
        let values = unit.value(&images)?.to_vec1::<f32>()?;
        self.wanted += values.into_iter().filter(|&value| value > best).count();
        Ok(())
    }
}

fn render(seed: u64, range: std::ops::Range<u64>) -> Result<Vec<Rendered>> {
    range
        .map(|index| Ok(Scene::sample(&Sampler::default(), seed, index)?.render()))
        .collect()
}

/// For each site and channel, the largest value among the scenes.
fn best_of_scenes(network: &ResNet) -> Result<Vec<Vec<f32>>> {
    let mut best: Vec<Vec<f32>> = vec![vec![]; SITES.len()];
    for first in (0..SCENES).step_by(50) {
        let images = scenes::batch(&render(SCENE_SEED, first..first + 50)?, &Device::Cpu)?;
        let trace = network.capture(&resnet::normalize(&images)?, &SITES)?;
        for (site, best) in SITES.into_iter().zip(&mut best) {
            let activation = trace.activation(site)?;
            let (batch, channels) = (activation.dim(0)?, activation.dim(1)?);
            let means = activation.reshape((batch, channels, ()))?.mean(2)?.to_vec2::<f32>()?;
            best.resize(channels, f32::NEG_INFINITY);
            for image in means {
                for (best, value) in best.iter_mut().zip(image) {
                    *best = best.max(value);
                }
            }
        }
    }
    Ok(best)
}
