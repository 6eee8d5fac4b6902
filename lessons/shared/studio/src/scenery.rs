//! Scenes that several programs look at in the same way.

use candle_core::{Device, Result, Tensor};
use scenes::{Concept, Point, Rendered, Sampler, Scene};

/// Seed of the base scenes of tuning curves.
pub const BASE_SEED: u64 = 210;

/// A scene to change one thing in: one figure, no badge, and the place that is kept for a badge in a corner.
///
/// **Errors** if the figure of this index reaches into that corner.
pub fn base_scene(index: u64) -> Result<Scene> {
    let sampler = Sampler {
        badge_probability: 0.0,
        ..Sampler::default()
    };
    Scene::sample(&sampler, BASE_SEED, index)?.with_badge_place(Point::new(7.0, 7.0))
}

/// The masks of some scenes, `[batch, concepts, rows, columns]`: 1 where the concept was drawn.
///
/// **Errors** if there is no scene or no concept.
pub fn masks(rendered: &[Rendered], concepts: &[Concept]) -> Result<Tensor> {
    let of = |one: &Rendered| {
        let masks = concepts
            .iter()
            .map(|&concept| one.masks.get(concept).to_tensor(&Device::Cpu));
        Tensor::stack(&masks.collect::<Result<Vec<_>>>()?, 0)
    };
    Tensor::stack(&rendered.iter().map(of).collect::<Result<Vec<_>>>()?, 0)
}
