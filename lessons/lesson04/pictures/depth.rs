//! 4.7: what can be read at which depth, and from a network that has learned nothing.

use anyhow::Result;
use draw::{Figure, Table};
use lesson04::{depth_curve, split};
use studio::Material;

use super::images::{IMAGES, SITES, normalized, scenes_of, untrained};
use super::probes::{TEST_SHARE, line, over_depth, properties};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it reads the properties that the scenes were drawn with")?;
    let scenes = scenes_of(material, IMAGES)?;
    let tasks = properties(&scenes);
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let (train, test) = split(&rows, TEST_SHARE, 1)?;
    let mut figure = Figure::new("What can be read at which depth").caption(format!(
        "Your depth_curve (4.7): linear probes on averaged activations, {} scenes to train and {} to test, with 95 % \
         intervals. Left: {}. Right: the same architecture with its first, random weights. Below: the numbers, and what \
         naming the commonest value reaches.",
        train.len(),
        test.len(),
        material.network_name(),
    ));
    let mut table = Table::new([&["network", "property"][..], &SITES, &["majority"]].concat());
    for (title, network) in [
        ("trained", material.network().clone()),
        ("untrained", untrained(material)?),
    ] {
        let mut batches = normalized(material, IMAGES, title, |_| {});
        let curve = depth_curve(&network, &mut batches, &SITES, 1, &tasks, [&train, &test])?;
        let mut chart = over_depth(title);
        for (task, scores) in tasks.iter().zip(&curve) {
            chart = chart.series(line(&task.name, scores));
            let numbers = scores.iter().map(|score| score.accuracy).chain([scores[0].majority]);
            let cells = [title.to_string(), task.name.clone()]
                .into_iter()
                .chain(numbers.map(|number| format!("{number:.2}")));
            table = table.row(cells);
        }
        figure = figure.panel(chart);
    }
    Ok(figure.next_row().panel(table).width(1200))
}
