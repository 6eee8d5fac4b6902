//! 4.7 with two grids: what averaging over the map hides.

use anyhow::Result;
use draw::Figure;
use studio::{Material, Parts};

use super::images::{IMAGES, networks, scenes_of, untrained};
use super::probes::{curve, line, over_depth, properties, sides};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it asks where the figure was drawn")?;
    let scenes = scenes_of(material, IMAGES)?;
    let tasks = &properties(&scenes)[4..];
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let mut parts = Parts::default();
    let sides = sides(&mut parts, &rows, 1)?;
    let mut figure = Figure::new("In which quarter of the picture is the figure?");
    let [ordinary, robust] = networks(material)?.map(|(title, network)| (title, network.network().clone()));
    for (title, network) in [ordinary, robust, ("untrained", untrained(material)?)] {
        let mut chart = over_depth(title);
        for (grid, name) in [(1, "mean of the map"), (2, "means of its quarters")] {
            let curve = curve(&mut parts, (title, material, &network), grid, tasks, &sides)?;
            let found = curve[0]
                .iter()
                .map(|at| format!("{:.2} ({:.2} to {:.2})", at.accuracy, at.low, at.high));
            let found: Vec<String> = found.collect();
            material.remark(format!("{title:9} {name:20} {}", found.join("  ")));
            chart = chart.series(line(name, &curve[0]));
        }
        figure = figure.panel(chart.level("chance", 0.25));
    }
    Ok(figure.columns(3).width(1350).caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”, and one draw of first weights. Your depth_curve (4.7) for position, with a grid of 1 (the mean of each map) and of 2 (the means of its quarters); \
         {} scenes to test, 95 % intervals. Chance is .25. {}",
        sides[1].len(),
        parts.told(material),
    )))
}
