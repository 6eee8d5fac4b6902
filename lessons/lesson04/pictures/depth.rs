//! 4.7: what can be read at which depth, and from a network that has learned nothing.

use anyhow::Result;
use draw::{Chart, Figure, Table};
use lesson04::Score;
use resnet::ResNet;
use studio::{Material, Parts, statistics};

use super::images::{IMAGES, SITES, first_weights, networks, scenes_of};
use super::probes::{curve, line, over_depth, properties, sides};

/// Draws of first weights; what an untrained network has depends on them.
const UNTRAINED: std::ops::RangeInclusive<u64> = 1..=5;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it reads the properties that the scenes were drawn with")?;
    let scenes = scenes_of(material, IMAGES)?;
    let tasks = properties(&scenes);
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let mut parts = Parts::default();
    let sides = sides(&mut parts, &rows, 1)?;
    let mut of = |title, network: &ResNet| curve(&mut parts, (title, material, network), 1, &tasks, &sides);
    let mut curves = vec![];
    for (title, network) in &networks(material)? {
        curves.push((*title, of(*title, network.network())?));
    }
    let untrained = UNTRAINED.map(|seed| of("untrained", &first_weights(material, seed)?));
    curves.push(("untrained", together(&untrained.collect::<Result<Vec<_>>>()?)));

    let mut figure = Figure::new("What can be read at which depth").columns(3);
    for (title, curve) in &curves {
        let lines = tasks.iter().zip(curve).map(|(task, scores)| line(&task.name, scores));
        figure = figure.panel(lines.fold(over_depth(title), Chart::series));
    }
    let mut table = Table::new([&["property", "network"][..], &SITES, &["majority"]].concat());
    for (place, task) in tasks.iter().enumerate() {
        for (title, curve) in &curves {
            let scores = &curve[place];
            let numbers = scores.iter().map(|score| score.accuracy).chain([scores[0].majority]);
            let cells = [task.name.clone(), title.to_string()].into_iter();
            let cells: Vec<String> = cells.chain(numbers.map(|number| format!("{number:.2}"))).collect();
            let ends = scores
                .iter()
                .map(|score| format!("{:.2} to {:.2}", score.low, score.high));
            let ends: Vec<String> = ends.collect();
            material.remark(format!("{}; {}", cells.join(" | "), ends.join(", ")));
            table = table.row(cells);
        }
    }
    Ok(figure.next_row().panel(table).width(1350).caption(format!(
        "Your depth_curve (4.7): linear probes on averaged activations, {} scenes to train and {} others to test. Left: ResNet-18 \
         “scenes”. Middle: “robust”; both with 95 % intervals, which at .50 are ±.05. Right: the same architecture with its first, \
         random weights: means of {} draws, from the lowest to the highest. Below: the numbers, and what naming the commonest \
         value reaches. {}",
        sides[0].len(),
        sides[1].len(),
        UNTRAINED.count(),
        parts.told(material),
    )))
}

/// Means over several networks, with the lowest and the highest in place of an interval.
fn together(curves: &[Vec<Vec<Score>>]) -> Vec<Vec<Score>> {
    let at = |task: usize, site: usize| {
        let all: Vec<f64> = curves.iter().map(|curve| curve[task][site].accuracy).collect();
        Score {
            accuracy: all.iter().sum::<f64>() / all.len() as f64,
            low: statistics::quantile(&all, 0.0),
            high: statistics::quantile(&all, 1.0),
            majority: curves[0][task][site].majority,
        }
    };
    let tasks = 0..curves[0].len();
    tasks
        .map(|task| (0..SITES.len()).map(|site| at(task, site)).collect())
        .collect()
}
