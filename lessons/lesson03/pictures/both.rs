//! The two shipped networks beside each other: the ordinary one, and the one that was trained against an adversary.

use anyhow::Result;
use candle_core::Tensor;
use lesson03::{Function, ascent_step, into_ball};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use studio::{LeftOut, Material};

use super::making::{CELLS, clouds};

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

/// The robust network beside the ordinary one, before the same images, for pictures that draw any network alone; none where the
/// run is about another network.
pub fn robust_beside(material: &Material) -> Result<Option<Material>> {
    match material.beside("robust") {
        Ok(robust) => Ok(Some(robust).filter(|robust| robust.network_name() != material.network_name())),
        Err(error) if error.is::<LeftOut>() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is drawn in the same way: the run's network, and the robust one if it is beside it; each with what its panels' titles
/// begin with.
pub fn in_turn<'a>(material: &'a Material, robust: &'a Option<Material>) -> Vec<(&'static str, &'a Material)> {
    match robust {
        Some(robust) => vec![("ordinary: ", material), ("robust: ", robust)],
        None => vec![("", material)],
    }
}

/// The networks of a picture, for its caption.
pub fn names(networks: &[(&'static str, &Material)]) -> String {
    match networks {
        [(_, only)] => only.network_name().to_string(),
        _ => "ResNet-18 “scenes” (ordinary) and “robust”".to_string(),
    }
}

/// Steps of the ascent in a ball.
pub const STEPS: usize = 60;
/// Largest distance from grey, which is about that of a scene.
pub const RADIUS: f64 = 40.0;

/// Plain ascent (3.2) from `count` starts, grey with faint clouds of colour, in a ball around grey.
pub fn from_clouds(objective: &Function, count: usize, side: usize) -> Result<Tensor> {
    let start = clouds(&mut ChaCha8Rng::seed_from_u64(1), count, side, CELLS, 0.2)?;
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
