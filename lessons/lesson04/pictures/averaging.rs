//! 4.7 with two grids: what averaging over the map hides.

use anyhow::Result;
use draw::Figure;
use lesson04::{depth_curve, split};
use studio::Material;

use super::images::{IMAGES, SITES, normalized, scenes_of, untrained};
use super::probes::{TEST_SHARE, line, over_depth, properties};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it asks where the figure was drawn")?;
    let scenes = scenes_of(material, IMAGES)?;
    let tasks = &properties(&scenes)[4..];
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let (train, test) = split(&rows, TEST_SHARE, 1)?;
    let mut figure = Figure::new("In which quarter of the picture is the figure?").caption(format!(
        "Your depth_curve (4.7) for position, with a grid of 1 (the mean of each map) and of 2 (the means of its quarters); \
         {} scenes to test, 95 % intervals. Chance is .25.",
        test.len(),
    ));
    for (title, network) in [
        ("trained", material.network().clone()),
        ("untrained", untrained(material)?),
    ] {
        let mut chart = over_depth(title);
        for (grid, name) in [(1, "mean of the map"), (2, "means of its quarters")] {
            let mut batches = normalized(material, IMAGES, title, |_| {});
            let curve = depth_curve(&network, &mut batches, &SITES, grid, tasks, [&train, &test])?;
            chart = chart.series(line(name, &curve[0]));
        }
        figure = figure.panel(chart.level("chance", 0.25));
    }
    Ok(figure.width(1200))
}
