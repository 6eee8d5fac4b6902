//! The two shipped networks beside each other: the ordinary one, and the one that was trained against an adversary.

use anyhow::Result;
use candle_core::Tensor;
use lesson03::{Function, ascent_step, into_ball};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use studio::Material;

use super::making::uniform;

/// `scenes` and `robust`, each with the word for it in the pictures.
///
/// **Errors** if the pictures are asked for with another network or another image than the course's own.
pub fn networks(material: &Material) -> Result<[(&'static str, ResNet); 2]> {
    material.needs_scenes("it compares the two networks that know scenes")?;
    Ok([
        ("ordinary", resnet::checkpoints::scenes()?),
        ("robust", resnet::checkpoints::robust()?),
    ])
}

/// Steps of the ascent in a ball.
pub const STEPS: usize = 60;
/// Largest distance from grey, which is about that of a scene.
pub const RADIUS: f64 = 40.0;

/// Plain ascent (3.2) from `count` starts, in a ball around grey. A start is grey with faint clouds of colour: from plain grey
/// the ascent often ends in a flat field, for there is nothing to begin with.
pub fn from_clouds(objective: &Function, count: usize, side: usize) -> Result<Tensor> {
    const CELLS: usize = 4;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let clouds = uniform(&mut random, &[count, 3, CELLS, CELLS], 0.5, 0.2)?;
    let start = clouds.upsample_bilinear2d(side, side, false)?;
    let grey = Tensor::full(0.5f32, start.shape(), start.device())?;
    ascend(&start, &grey, objective, RADIUS, STEPS)
}

/// Plain ascent (3.2) that stays within a distance of `centre`.
pub fn ascend(start: &Tensor, centre: &Tensor, objective: &Function, radius: f64, steps: usize) -> Result<Tensor> {
    let pixels = start.elem_count() / start.dim(0)?;
    // All steps together are half as long again as the radius; `ascent_step` counts per pixel.
    let step = 1.5 * radius / steps as f64 / (pixels as f64).sqrt();
    let mut images = start.clone();
    for _ in 0..steps {
        let moved = ascent_step(&images, objective, step)?.clamp(0f32, 1f32)?;
        images = (into_ball(&(moved - centre)?, radius)? + centre)?;
    }
    Ok(images)
}
