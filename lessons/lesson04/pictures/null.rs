//! 4.8: what chance and other axes give.

use anyhow::Result;
use draw::{Chart, Figure, Series, palette};
use lesson04::best_concepts;
use scenes::Concept;
use studio::{Material, statistics};

use super::dissected::{ABOVE, Asked, DISSECTED, Layer, dissect};
use super::images::networks;

const ASKED: Asked = Asked {
    shifts: 200,
    rotations: 50,
};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let mut figure = Figure::new("Is 0.04 much? What chance and other axes give").columns(2);
    for (name, network) in &networks(material)? {
        for layer in &dissect(network, &["layer3", "layer4"], &concepts, ASKED)? {
            figure = figure.panel(chart(name, layer)?);
            compared(material, name, layer)?;
        }
    }
    Ok(figure.width(1200).caption(format!(
        "Best IoU of each unit, largest first, by your dissection (4.8) of ResNet-18 “scenes” (ordinary) and “robust” on \
         {DISSECTED} {}. Random axes: the same activations along the axes of {} random rotations; at each rank the median of the \
         rotations, and what 5 and 95 % of them do not exceed. Chance: with the masks of other scenes, moved {} times; for \
         each unit what {:.0} % of these do not exceed, largest first.",
        material.data_name(),
        ASKED.rotations,
        ASKED.shifts,
        100.0 * ABOVE,
    )))
}

fn falling(mut best: Vec<f64>) -> Vec<f64> {
    best.sort_by(|a, b| b.total_cmp(a));
    best
}

fn best(layer: &Layer) -> Result<Vec<f64>> {
    Ok(best_concepts(&layer.real)?.iter().map(|one| one.1).collect())
}

fn chart(name: &str, layer: &Layer) -> Result<Chart> {
    let turned: Vec<Vec<f64>> = layer.turned.iter().map(|best| falling(best.clone())).collect();
    let at = |share: f64| -> Vec<f64> {
        let of = |rank: usize| -> Vec<f64> { turned.iter().map(|best| best[rank]).collect() };
        (0..layer.on.len())
            .map(|rank| statistics::quantile(&of(rank), share))
            .collect()
    };
    let random = |name: &str, values| Series::over_index(name, values).color(palette::VERMILLION);
    Ok(Chart::new()
        .title(format!("{name}: {}", layer.site))
        .x_label("units, best first")
        .y_label("IoU with the best concept")
        .series(Series::over_index("units", falling(best(layer)?)))
        .series(random("random axes, median", at(0.5)))
        .series(random("5 and 95 %", at(0.05)).dashed())
        .series(random("", at(0.95)).dashed())
        .series(Series::over_index("chance", falling(layer.cuts())).color(palette::GREEN))
        .level("0.04", 0.04))
}

/// The units of a layer against the rotations, in the terminal: mean best IoU, and how many axes are above chance.
fn compared(material: &Material, name: &str, layer: &Layer) -> Result<()> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let units = best(layer)?;
    for (what, of) in [
        ("mean best IoU", &mean as &dyn Fn(&[f64]) -> f64),
        ("largest", &|values| values.iter().copied().fold(0.0, f64::max)),
        ("axes above 0.04", &|values| {
            values.iter().filter(|value| **value > 0.04).count() as f64
        }),
    ] {
        let turned: Vec<f64> = layer.turned.iter().map(|values| of(values)).collect();
        let below = turned.iter().filter(|turned| **turned < of(&units)).count();
        material.remark(format!(
            "{name:8} {} {what}: units {:.3}; {} rotations: mean {:.3}, {:.3} to {:.3}; {below} of them below the units",
            layer.site,
            of(&units),
            turned.len(),
            mean(&turned),
            statistics::quantile(&turned, 0.0),
            statistics::quantile(&turned, 1.0),
        ));
    }
    Ok(())
}
