//! The scenes of the league, and what changing them does to the answer.

use anyhow::Result;
use candle_core::{Device, Tensor};
use lesson05::class_logits;
use resnet::ResNet;
use scenes::{Canvas, Colour, Grain, Rendered, Sampler, Scene, Shape, Texture};
use std::ops::Range;

/// Seed of the scenes.
const SEED: u64 = 12;
/// The figure asked for, the other one, and the rest of the image.
pub const REGIONS: usize = 3;

/// Some scenes with two figures, one of them asked for.
pub struct Scenes {
    pub images: Tensor,
    pub classes: Vec<u32>,
    /// By region: `[batch, height, width]`.
    pub regions: [Tensor; REGIONS],
    /// Each is all scenes with one thing changed.
    changed: Vec<Tensor>,
}

/// Two figures, as large as those of training, on images of training's size.
fn sampler() -> Sampler {
    Sampler {
        canvas: Canvas::square(128),
        figures: 2,
        radius: (20.0, 25.0),
        ..Sampler::default()
    }
}

/// The first figure is asked for in one scene, the second in the next.
fn asked(index: u64) -> usize {
    (index % 2) as usize
}

/// The value behind this one; behind the last the first.
fn next<T: Copy + PartialEq>(all: &[T], value: T) -> T {
    let place = all.iter().position(|other| *other == value).unwrap_or(0);
    all[(place + 1) % all.len()]
}

/// The region of each of [`changes`].
const CHANGED: [usize; 8] = [0, 0, 0, 1, 1, 1, 2, 2];

/// Each by itself: shape, colour and texture of the figure asked for, and of the other one; the background, the grain.
fn changes(scene: &Scene, index: u64) -> candle_core::Result<Vec<Scene>> {
    let mut changed = vec![];
    for figure in [asked(index), 1 - asked(index)] {
        let one = scene.figures[figure];
        let mut shape = next(&Shape::ALL, one.shape);
        if scene.figures.iter().any(|other| other.shape == shape) {
            shape = next(&Shape::ALL, shape);
        }
        changed.push(scene.with_shape(figure, shape)?);
        changed.push(scene.with_colour(figure, next(&Colour::ALL, one.colour))?);
        changed.push(scene.with_texture(figure, next(&Texture::ALL, one.texture))?);
    }
    let other = Scene::sample(&sampler(), SEED + 1, index)?;
    changed.push(scene.with_background(other.background));
    let seed = other.grain.seed;
    changed.push(scene.with_grain(Grain { seed, ..scene.grain }));
    Ok(changed)
}

impl Scenes {
    pub fn new(indices: Range<u64>) -> Result<Self> {
        let scenes = indices.clone().map(|index| Scene::sample(&sampler(), SEED, index));
        let scenes = scenes.collect::<candle_core::Result<Vec<_>>>()?;
        let rendered: Vec<Rendered> = scenes.iter().map(Scene::render).collect();
        let mut classes = vec![];
        let mut regions = [vec![], vec![], vec![]];
        for (index, one) in indices.clone().zip(&rendered) {
            let figure = asked(index);
            classes.push(one.scene.figures[figure].shape.index() as u32);
            let here = one.masks.figure(figure).to_tensor(&Device::Cpu)?;
            let there = one.masks.figure(1 - figure).to_tensor(&Device::Cpu)?;
            regions[2].push((1.0 - (&here + &there)?)?);
            regions[0].push(here);
            regions[1].push(there);
        }
        let each = indices.zip(&scenes).map(|(index, scene)| changes(scene, index));
        let each = each.collect::<candle_core::Result<Vec<_>>>()?;
        let mut changed = vec![];
        for change in 0..CHANGED.len() {
            let rendered: Vec<Rendered> = each.iter().map(|changes| changes[change].render()).collect();
            changed.push(normalized(&rendered)?);
        }
        let [here, there, rest] = regions.map(|masks| Tensor::stack(&masks, 0));
        Ok(Self {
            images: normalized(&rendered)?,
            classes,
            regions: [here?, there?, rest?],
            changed,
        })
    }

    /// One of them by itself, without its changes.
    pub fn only(&self, scene: usize) -> Result<Self> {
        let one = |tensor: &Tensor| tensor.narrow(0, scene, 1);
        let [here, there, rest] = &self.regions;
        Ok(Self {
            images: one(&self.images)?,
            classes: vec![self.classes[scene]],
            regions: [one(here)?, one(there)?, one(rest)?],
            changed: vec![],
        })
    }

    /// Which share of what moves the logit lies in which region, for each scene: the mean |change of the logit| over the
    /// changes of a region, divided by the sum over the regions.
    pub fn effects(&self, network: &ResNet) -> Result<Vec<[f64; REGIONS]>> {
        let before = class_logits(network, &self.images, &self.classes)?;
        let mut moved = vec![[0.0; REGIONS]; self.classes.len()];
        for (region, images) in CHANGED.into_iter().zip(&self.changed) {
            let changes = CHANGED.iter().filter(|other| **other == region).count() as f64;
            let after = class_logits(network, images, &self.classes)?;
            for (moved, by) in moved.iter_mut().zip((after - &before)?.abs()?.to_vec1::<f32>()?) {
                moved[region] += f64::from(by) / changes;
            }
        }
        Ok(moved.into_iter().map(shares).collect())
    }
}

fn normalized(rendered: &[Rendered]) -> Result<Tensor> {
    Ok(resnet::normalize(&scenes::batch(rendered, &Device::Cpu)?)?)
}

/// Divided by their sum; nothing is made of nothing.
pub fn shares(parts: [f64; REGIONS]) -> [f64; REGIONS] {
    let sum: f64 = parts.iter().sum();
    parts.map(|part| if sum > 0.0 { part / sum } else { 0.0 })
}
