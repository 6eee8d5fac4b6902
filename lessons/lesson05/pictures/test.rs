//! The scenes of the case's test.

use anyhow::Result;
use lesson05::test_scenes;
use scenes::{Rendered, Scene, Shape};
use studio::Material;

/// The scenes of the case's test, `count` of each class.
pub fn test(material: &Material, count: usize) -> Result<Vec<(Shape, Vec<Rendered>)>> {
    material.needs_scenes("the case has a network and scenes of its own")?;
    let scenes = test_scenes()?;
    let of = |shape: Shape| {
        let own = scenes.iter().filter(|scene| scene.class() == shape);
        (shape, own.take(count).map(Scene::render).collect())
    };
    Ok(Shape::ALL.map(of).into())
}
