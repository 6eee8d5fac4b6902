//! 4.6: tasks and control tasks over depth.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, Series};
use lesson04::{Task, control_labels};
use scenes::{Colour, Scene};
use studio::{Batch, Material, Parts};

use super::images::{IMAGES, SITES, gather, networks};
use super::probes::{answers, over_depth, properties, share, sides, told};

/// Each seed draws other control labels and other test scenes.
const SEEDS: u64 = 5;

/// The accuracies of one probe, one for each seed.
type Seeds = Vec<f64>;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("its types are made of what the scenes were drawn with")?;
    let scene = |batch: &Batch| batch.rendered.iter().map(|one| one.scene.clone()).collect();
    let mut parts = Parts::default();
    let mut figure = Figure::new("What the layer knows, and what the probe could learn by itself");
    for (name, network) in &networks(material)? {
        let (found, scenes) = gather(material, network.network(), IMAGES, &SITES, 1, scene)?;
        let tasks = properties(&scenes);
        for task in &tasks[..2] {
            let at = |rows: &Tensor, parts: &mut Parts| both(parts, rows, task, &scenes);
            let both = found
                .iter()
                .map(|rows| at(rows, &mut parts))
                .collect::<Result<Vec<_>>>()?;
            let mut chart = over_depth(&format!("{name}: {}, {} classes", task.name, task.classes))
                .series(series(&task.name, both.iter().map(|(real, _)| real)));
            for ((real, control), site) in both.iter().zip(SITES) {
                let difference: Seeds = real.iter().zip(control).map(|(a, b)| a - b).collect();
                let said = |numbers: &Seeds| {
                    if numbers.is_empty() {
                        "–".into()
                    } else {
                        words(numbers)
                    }
                };
                material.remark(format!(
                    "{name:8} {:6} {site}: task {}  control {}  selectivity {}",
                    task.name,
                    said(real),
                    said(control),
                    said(&difference)
                ));
            }
            if both.iter().all(|(_, control)| !control.is_empty()) {
                chart = chart.series(series("control", both.iter().map(|(_, control)| control)));
                // What the control itself can be solved from: the answer depends on no network.
                for factor in &tasks[..2] {
                    let knows = told(&factor.labels, factor.classes)?;
                    let (_, control) = at(&knows, &mut parts)?;
                    let name = format!("from the true {} alone: {:.2}", factor.name, mean(&control));
                    chart = chart.level(name, mean(&control));
                    material.remark(format!(
                        "control of {} from the true {}: {}",
                        task.name,
                        factor.name,
                        words(&control)
                    ));
                }
            }
            figure = figure.panel(chart);
        }
    }
    Ok(figure.columns(2).width(1200).caption(format!(
        "Probes on averaged activations of ResNet-18 “scenes” (ordinary) and “robust”. Control (4.6): each of the 80 \
         combinations of shape and colour has a random label of its own, with as many classes as the task. {SEEDS} seeds, each \
         with its own control labels and its own {:.0} test scenes: means, and from the lowest to the highest. Dashed: the \
         control read from the true shape or colour alone. {}",
        super::probes::TEST_SHARE * IMAGES as f64,
        parts.told(material),
    )))
}

/// Accuracies on a task and on its control task, which is empty until 4.6 is done.
fn both(parts: &mut Parts, rows: &Tensor, task: &Task, scenes: &[Scene]) -> Result<(Seeds, Seeds)> {
    let types: Vec<usize> = scenes
        .iter()
        .map(|scene| scene.class().index() * Colour::COUNT + scene.figures[0].colour.index())
        .collect();
    let every: Vec<usize> = (0..types.len()).collect();
    let (mut real, mut control) = (vec![], vec![]);
    for seed in 1..=SEEDS {
        let sides = sides(parts, &every, seed)?;
        let of = |labels: &[usize]| Ok::<_, anyhow::Error>(share(&answers(rows, labels, task.classes, &sides)?).value);
        real.push(of(&task.labels)?);
        let labels = parts.make("the control task", || Ok(control_labels(&types, task.classes, seed)?))?;
        control.extend(labels.map(|labels| of(&labels)).transpose()?);
    }
    Ok((real, control))
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn ends(numbers: &[f64]) -> (f64, f64) {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    (low, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// ".29 (.27 to .31)": the mean, and from the lowest to the highest.
fn words(numbers: &[f64]) -> String {
    let (low, high) = ends(numbers);
    format!("{:.2} ({low:.2} to {high:.2})", mean(numbers))
}

/// A line of means, and how far seeds lie apart.
fn series<'a>(name: &str, sites: impl Iterator<Item = &'a Seeds> + Clone) -> Series {
    Series::over_index(name, sites.clone().map(|numbers| mean(numbers)))
        .intervals(sites.map(|numbers| ends(numbers)))
        .markers()
}
