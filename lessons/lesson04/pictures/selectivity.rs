//! 4.6: tasks and control tasks over depth.

use anyhow::Result;
use draw::Figure;
use lesson04::{Score, selectivity, split};
use scenes::Colour;
use studio::{Batch, Material};

use super::images::{IMAGES, SITES, gather};
use super::probes::{TEST_SHARE, line, over_depth, properties};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("its types are made of what the scenes were drawn with")?;
    let scene = |batch: &Batch| batch.rendered.iter().map(|one| one.scene.clone()).collect();
    let (found, scenes) = gather(material, material.network(), IMAGES, &SITES, 1, scene)?;
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let (train, test) = split(&rows, TEST_SHARE, 1)?;
    let types: Vec<usize> = scenes
        .iter()
        .map(|scene| scene.class().index() * Colour::COUNT + scene.figures[0].colour.index())
        .collect();
    let mut figure = Figure::new("What the layer knows, and what the probe could learn by itself").caption(format!(
        "Your selectivity (4.6) on averaged activations of {}, {} scenes to test. Control: each of the 80 combinations of \
         shape and colour has a random label of its own, with as many classes as the task. Intervals 95 %.",
        material.network_name(),
        test.len(),
    ));
    for task in &properties(&scenes)[..2] {
        let both = found
            .iter()
            .map(|rows| selectivity(rows, &task.labels, &types, task.classes, [&train, &test], 1))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let of = |which: fn(&lesson04::Selectivity) -> Score| both.iter().map(which).collect::<Vec<_>>();
        figure = figure.panel(
            over_depth(&format!("{}, {} classes", task.name, task.classes))
                .series(line(&task.name, &of(|one| one.task)))
                .series(line("control", &of(|one| one.control))),
        );
    }
    Ok(figure.width(1200))
}
