//! What a trained network is measured by before it ships.

use candle_core::{D, DType, Device, Result, Tensor};
use indicatif::ProgressBar;
use rayon::prelude::*;
use resnet::ResNet;
use scenes::{Mask, Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};

use crate::{Attack, Recipe};

/// Images per forward pass when nothing is learned.
pub(crate) const BATCH: usize = 50;

/// The predicted class of each normalized image.
pub fn predictions(network: &ResNet, images: &Tensor) -> Result<Vec<u32>> {
    network.forward(images)?.argmax(D::Minus1)?.to_vec1()
}

/// Predicted and true class of each held-out scene of a recipe.
fn held_out(network: &ResNet, recipe: &Recipe, change: impl Fn(Scene) -> Scene + Sync) -> Result<Vec<(u32, u32)>> {
    let mut pairs = Vec::new();
    for start in (0..recipe.held_out_count).step_by(BATCH) {
        let end = recipe.held_out_count.min(start + BATCH);
        let rendered = (start..end)
            .into_par_iter()
            .map(|i| Ok(change(recipe.held_out.scene(recipe.held_out_seed(), i as u64)?).render()))
            .collect::<Result<Vec<_>>>()?;
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let labels = scenes::labels(&rendered, &Device::Cpu)?
            .to_dtype(DType::U32)?
            .to_vec1::<u32>()?;
        pairs.extend(predictions(network, &images)?.into_iter().zip(labels));
    }
    Ok(pairs)
}

/// How often the predictions are right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Share of images classified rightly.
    pub accuracy: f64,
    /// The same for the images of each class.
    pub recall: Vec<f64>,
    /// Share of the images of other classes that are taken for each class.
    pub false_alarms: Vec<f64>,
}

impl Scores {
    /// From the predicted and the true class of each image.
    pub(crate) fn new(pairs: &[(u32, u32)], classes: usize) -> Self {
        let share = |of: &dyn Fn(u32, u32) -> bool, among: &dyn Fn(u32) -> bool| {
            let chosen: Vec<_> = pairs.iter().filter(|(_, truth)| among(*truth)).collect();
            chosen.iter().filter(|(guess, truth)| of(*guess, *truth)).count() as f64 / chosen.len().max(1) as f64
        };
        let classes = 0..classes as u32;
        Self {
            accuracy: share(&|guess, truth| guess == truth, &|_| true),
            recall: classes
                .clone()
                .map(|c| share(&|guess, _| guess == c, &|truth| truth == c))
                .collect(),
            false_alarms: classes
                .map(|c| share(&|guess, _| guess == c, &|truth| truth != c))
                .collect(),
        }
    }
}

/// Scores on a recipe's held-out scenes, each changed by `change` first.
pub fn accuracy(network: &ResNet, recipe: &Recipe, change: impl Fn(Scene) -> Scene + Sync) -> Result<Scores> {
    let pairs = held_out(network, recipe, change)?;
    Ok(Scores::new(&pairs, Shape::ALL.len()))
}

/// What a trained network is measured by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Scores on images that it was not trained on.
    pub held_out: Scores,
    /// The same under attack, if it was trained against one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_attack: Option<UnderAttack>,
    /// The pointing game on scenes with two figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pointing: Vec<Pointing>,
}

impl Measured {
    /// Scores alone.
    pub fn new(held_out: Scores) -> Self {
        Self {
            held_out,
            under_attack: None,
            pointing: vec![],
        }
    }
}

/// How often a network is right about images that an adversary has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnderAttack {
    /// The adversary.
    pub attack: Attack,
    /// Held-out scenes.
    pub scenes: usize,
    /// Share of them that are classified rightly.
    pub accuracy: f64,
}

impl UnderAttack {
    /// Attacks each held-out scene of a recipe.
    pub fn measure(network: &ResNet, recipe: &Recipe, attack: Attack, progress: &ProgressBar) -> Result<Self> {
        let is_right = |index: usize| {
            let scene = recipe.held_out.scene(recipe.held_out_seed(), index as u64)?;
            let class = scene.class().index();
            let pixels = scene.render().image.to_tensor(&Device::Cpu)?;
            let (_, height, width) = pixels.dims3()?;
            let image = pixels.flatten_all()?.to_vec1::<f32>()?;
            let mut target = vec![0f32; Shape::COUNT];
            target[class] = 1.0;
            let changed = attack.on(network, &image, (height, width), &target, index as u64)?;
            let changed = Tensor::from_vec(changed, (1, 3, height, width), &Device::Cpu)?;
            progress.inc(1);
            Ok(predictions(network, &resnet::normalize(&changed)?)? == [class as u32])
        };
        let right = (0..recipe.held_out_count)
            .into_par_iter()
            .map(is_right)
            .collect::<Result<Vec<bool>>>()?;
        Ok(Self {
            attack,
            scenes: right.len(),
            accuracy: right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64,
        })
    }
}

/// How well class activation maps tell two figures apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointing {
    /// Site the maps come from.
    pub site: String,
    /// Share of maps whose largest cell has its centre within [`TOLERANCE`] of the figure of their class: the pointing
    /// game. A ring and a crescent are hollow, so that a map centred on one hits nothing without tolerance.
    pub hits: f64,
    /// The share of cells that would count as a hit.
    pub chance: f64,
    /// The same two shares without tolerance: the centre of the largest cell lies on the figure itself.
    pub strict_hits: f64,
    /// See `strict_hits`.
    pub strict_chance: f64,
    /// Share of scenes whose two classes are the network's first two.
    pub both_in_top_two: f64,
}

/// Pixels around a figure that still count as pointing at it.
///
/// **Source** Zhang et al. 2016, "Top-down neural attention by excitation backprop", section 4.1.
pub const TOLERANCE: usize = 15;

/// The Grad-CAM of each image for its own class at each site, `[batch, height, width]` in the site's resolution: the
/// activation's channels, weighed by their mean gradient, summed, and cut at zero.
pub fn class_activation_maps(
    network: &ResNet,
    images: &Tensor,
    classes: &[u32],
    sites: &[&str],
) -> Result<Vec<Tensor>> {
    let trace = network.tap(images, sites)?;
    let classes = Tensor::new(classes, images.device())?.unsqueeze(1)?;
    let scores = trace.logits.gather(&classes, 1)?.sum_all()?; // images do not influence each other: one pass for all
    let gradients = trace.gradients(&scores)?;
    let map = |site: &&str| {
        let weights = gradients.at(site)?.mean_keepdim((2, 3))?;
        trace.activation(site)?.detach().broadcast_mul(&weights)?.sum(1)?.relu()
    };
    sites.iter().map(map).collect()
}

/// The pointing game on scenes with two figures, both classes of each scene, for each site.
///
/// A map with no positive value points nowhere and misses.
pub fn pointing(
    network: &ResNet,
    seed: u64,
    count: usize,
    sites: &[&str],
    progress: &ProgressBar,
) -> Result<Vec<Pointing>> {
    let sampler = Sampler::two_figures();
    let mut scores = vec![Hits::default(); sites.len()];
    let (mut drawn, mut top_two) = (0, 0);
    for start in (0..count).step_by(BATCH) {
        let end = count.min(start + BATCH);
        let draw = |index| Ok(Scene::sample(&sampler, seed, index as u64)?.render());
        let rendered = (start..end).into_par_iter().map(draw).collect::<Result<Vec<_>>>()?;
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        for (rendered, logits) in rendered.iter().zip(network.forward(&images)?.to_vec2::<f32>()?) {
            let mut order: Vec<_> = (0..logits.len()).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let is_first = |class: usize| order[..2].contains(&class);
            top_two += rendered.scene.figures.iter().all(|f| is_first(f.shape.index())) as usize;
        }
        for figure in 0..2 {
            let classes: Vec<u32> = rendered
                .iter()
                .map(|r| r.scene.figures[figure].shape.index() as u32)
                .collect();
            for (hits, maps) in scores
                .iter_mut()
                .zip(class_activation_maps(network, &images, &classes, sites)?)
            {
                for (map, rendered) in maps.to_vec3::<f32>()?.iter().zip(&rendered) {
                    hits.add(map, &rendered.masks.figure(figure));
                }
            }
        }
        drawn += rendered.len();
        progress.inc(rendered.len() as u64);
    }
    let share = |n: f64, of: usize| n / of.max(1) as f64;
    Ok(sites
        .iter()
        .zip(scores)
        .map(|(site, hits)| Pointing {
            site: site.to_string(),
            hits: share(hits.near, hits.maps),
            chance: share(hits.near_chance, hits.maps),
            strict_hits: share(hits.on, hits.maps),
            strict_chance: share(hits.on_chance, hits.maps),
            both_in_top_two: share(top_two as f64, drawn),
        })
        .collect())
}

/// Counts of the pointing game over some maps.
#[derive(Clone, Default)]
struct Hits {
    maps: usize,
    near: f64,
    near_chance: f64,
    on: f64,
    on_chance: f64,
}

impl Hits {
    fn add(&mut self, map: &[Vec<f32>], figure: &Mask) {
        let (rows, columns) = (map.len(), map[0].len());
        let centre = |cell: usize, cells: usize, pixels: usize| (2 * cell + 1) * pixels / (2 * cells);
        let (mut near, mut on, mut best) = (0, 0, (0.0, false, false));
        for (y, row) in map.iter().enumerate() {
            for (x, &value) in row.iter().enumerate() {
                let (column, line) = (centre(x, columns, figure.width), centre(y, rows, figure.height));
                let is_on = figure.contains(column, line);
                let is_near = is_on || is_within(figure, column, line);
                near += is_near as usize;
                on += is_on as usize;
                if value > best.0 {
                    best = (value, is_near, is_on);
                }
            }
        }
        self.maps += 1;
        self.near += best.1 as usize as f64;
        self.on += best.2 as usize as f64;
        self.near_chance += near as f64 / (rows * columns) as f64;
        self.on_chance += on as f64 / (rows * columns) as f64;
    }
}

/// Whether some pixel of the figure is at most [`TOLERANCE`] away.
fn is_within(figure: &Mask, column: usize, row: usize) -> bool {
    let reach = |at: usize, size: usize| at.saturating_sub(TOLERANCE)..size.min(at + TOLERANCE + 1);
    reach(row, figure.height).any(|y| {
        reach(column, figure.width).any(|x| {
            let (dx, dy) = (x.abs_diff(column), y.abs_diff(row));
            dx * dx + dy * dy <= TOLERANCE * TOLERANCE && figure.contains(x, y)
        })
    })
}
