//! 4.8: what chance and other axes give.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, Series, palette};
use lesson04::best_concepts;
use scenes::Concept;
use studio::Material;

use super::dissected::{DISSECTED, dissect};

/// Random rotations: one alone may be an odd one.
const ROTATIONS: usize = 5;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let layers = dissect(material, &["layer3", "layer4"], &concepts, ROTATIONS)?;
    let mut figure = Figure::new("Is 0.04 much? What chance and other axes give").caption(format!(
        "Best IoU of each unit, largest first, by your dissection (4.8) of {} on {DISSECTED} {}. Shuffled: with the masks \
         of other scenes. Random axes: the same activations along the axes of {ROTATIONS} random rotations; at each rank the lowest and the \
         highest of them.",
        material.network_name(),
        material.data_name(),
    ));
    for layer in &layers {
        let falling = |iou: &Tensor| -> Result<Vec<f64>> {
            let mut best: Vec<f64> = best_concepts(iou)?.iter().map(|one| one.1).collect();
            best.sort_by(|a, b| b.total_cmp(a));
            Ok(best)
        };
        let turned = layer.rotated.iter().map(falling).collect::<Result<Vec<_>>>()?;
        // At each rank the lowest or the highest of all rotations.
        let extreme = |of: fn(f64, f64) -> f64| {
            let all = turned.iter().cloned();
            let both = all.reduce(|a, b| a.into_iter().zip(b).map(|(a, b)| of(a, b)).collect());
            both.unwrap_or_default()
        };
        let random = |name: &str, values| Series::over_index(name, values).color(palette::VERMILLION);
        let chart = Chart::new()
            .title(&layer.site)
            .x_label("units, best first")
            .y_label("IoU with the best concept")
            .series(Series::over_index("units", falling(&layer.real)?))
            .series(random("random axes, highest", extreme(f64::max)))
            .series(random("lowest", extreme(f64::min)).dashed())
            .series(Series::over_index("shuffled masks", falling(&layer.shuffled)?).color(palette::GREEN));
        figure = figure.panel(chart.level("0.04", 0.04));
    }
    Ok(figure.width(1200))
}
