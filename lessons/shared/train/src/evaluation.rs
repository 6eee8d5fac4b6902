//! What a trained network is measured by before it ships.

use candle_core::{D, DType, Device, Result, Tensor};
use indicatif::ProgressBar;
use rayon::prelude::*;
use resnet::ResNet;
use scenes::{Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};

use crate::Recipe;

/// Images per forward pass when nothing is learned.
const BATCH: usize = 50;

/// The predicted class of each normalized image.
pub fn predictions(network: &ResNet, images: &Tensor) -> Result<Vec<u32>> {
    network.forward(images)?.argmax(D::Minus1)?.to_vec1()
}

/// Predicted and true class of each held-out scene of a recipe.
fn held_out(
    network: &ResNet,
    recipe: &Recipe,
    change: impl Fn(Scene) -> Scene + Sync,
) -> Result<Vec<(u32, u32)>> {
    let mut pairs = Vec::new();
    for start in (0..recipe.held_out_count).step_by(BATCH) {
        let end = recipe.held_out_count.min(start + BATCH);
        let rendered = (start..end)
            .into_par_iter()
            .map(|i| Ok(change((recipe.held_out)(recipe.held_out_seed(), i as u64)?).render()))
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
    /// Share of scenes classified rightly.
    pub accuracy: f64,
    /// The same for the scenes of each class.
    pub recall: Vec<f64>,
    /// Share of the scenes of other classes that are taken for each class.
    pub false_alarms: Vec<f64>,
}

/// Scores on a recipe's held-out scenes, each changed by `change` first.
pub fn accuracy(
    network: &ResNet,
    recipe: &Recipe,
    change: impl Fn(Scene) -> Scene + Sync,
) -> Result<Scores> {
    let pairs = held_out(network, recipe, change)?;
    let share = |of: &dyn Fn(u32, u32) -> bool, among: &dyn Fn(u32) -> bool| {
        let chosen: Vec<_> = pairs.iter().filter(|(_, truth)| among(*truth)).collect();
        chosen
            .iter()
            .filter(|(guess, truth)| of(*guess, *truth))
            .count() as f64
            / chosen.len().max(1) as f64
    };
    let classes = 0..Shape::ALL.len() as u32;
    Ok(Scores {
        accuracy: share(&|guess, truth| guess == truth, &|_| true),
        recall: classes
            .clone()
            .map(|c| share(&|guess, _| guess == c, &|truth| truth == c))
            .collect(),
        false_alarms: classes
            .map(|c| share(&|guess, _| guess == c, &|truth| truth != c))
            .collect(),
    })
}

/// How well class activation maps tell two figures apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointing {
    /// Site the maps come from.
    pub site: String,
    /// Share of maps whose largest value lies on the figure of their class.
    pub hits: f64,
    /// The same if the maximum fell anywhere with equal chance: the mean share of the canvas a figure covers.
    pub chance: f64,
    /// Share of scenes whose two classes are the network's first two.
    pub both_in_top_two: f64,
}

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
        trace
            .activation(site)?
            .detach()
            .broadcast_mul(&weights)?
            .sum(1)?
            .relu()
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
    let (mut hits, mut maps, mut area, mut top_two) =
        (vec![0usize; sites.len()], 0usize, 0.0, 0usize);
    for start in (0..count).step_by(BATCH) {
        let scenes = (start..count.min(start + BATCH))
            .into_par_iter()
            .map(|index| Scene::sample(&sampler, seed, index as u64))
            .collect::<Result<Vec<_>>>()?;
        let rendered: Vec<_> = scenes.par_iter().map(Scene::render).collect();
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let logits = network.forward(&images)?.to_vec2::<f32>()?;
        for (scene, logits) in scenes.iter().zip(&logits) {
            let mut order: Vec<_> = (0..logits.len()).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let both = scene
                .figures
                .iter()
                .all(|figure| order[..2].contains(&(figure.shape as usize)));
            top_two += both as usize;
        }
        for figure in 0..2 {
            let classes: Vec<u32> = scenes
                .iter()
                .map(|scene| scene.figures[figure].shape as u32)
                .collect();
            for (hits, maps) in hits
                .iter_mut()
                .zip(class_activation_maps(network, &images, &classes, sites)?)
            {
                for (i, rendered) in rendered.iter().enumerate() {
                    *hits += points_into(
                        &maps.get(i)?.to_vec2()?,
                        &rendered.masks.figure(figure),
                        &scenes[i],
                    ) as usize;
                }
            }
            area += rendered
                .iter()
                .map(|r| r.masks.figure(figure).share())
                .sum::<f64>();
            maps += rendered.len();
        }
        progress.inc(scenes.len() as u64);
    }
    let share = |n: usize| n as f64 / maps.max(1) as f64;
    Ok(sites
        .iter()
        .zip(hits)
        .map(|(site, hits)| Pointing {
            site: site.to_string(),
            hits: share(hits),
            chance: area / maps.max(1) as f64,
            both_in_top_two: 2.0 * share(top_two),
        })
        .collect())
}

/// Whether the centre of the map's largest cell lies on the figure.
fn points_into(map: &[Vec<f32>], figure: &scenes::Mask, scene: &Scene) -> bool {
    let (rows, columns) = (map.len(), map[0].len());
    let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (map[y][x], x, y)));
    let Some((value, x, y)) = cells.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return false;
    };
    let centre = |cell: usize, cells: usize, pixels: usize| (2 * cell + 1) * pixels / (2 * cells);
    value > 0.0
        && figure.contains(
            centre(x, columns, scene.canvas.width),
            centre(y, rows, scene.canvas.height),
        )
}
