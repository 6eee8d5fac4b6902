//! 4.8: what chance and other axes give.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, Series};
use lesson04::best_concepts;
use scenes::Concept;
use studio::Material;

use super::dissected::{DISSECTED, dissect};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let layers = dissect(material, &["layer3", "layer4"], &concepts, true)?;
    let mut figure = Figure::new("Is 0.04 much? What chance and other axes give").caption(format!(
        "Best IoU of each unit, largest first, by your dissection (4.8) of {} on {DISSECTED} {}. Shuffled: with the masks \
         of other scenes. Random axes: the same activations along the axes of a random rotation.",
        material.network_name(),
        material.data_name(),
    ));
    for layer in &layers {
        let falling = |name: &str, iou: &Tensor| -> Result<Series> {
            let mut best: Vec<f64> = best_concepts(iou)?.iter().map(|one| one.1).collect();
            best.sort_by(|a, b| b.total_cmp(a));
            Ok(Series::over_index(name, best))
        };
        let mut chart = Chart::new()
            .title(&layer.site)
            .x_label("units, best first")
            .y_label("IoU with the best concept")
            .series(falling("units", &layer.real)?);
        if let Some(turned) = &layer.rotated {
            chart = chart.series(falling("random axes", turned)?);
        }
        chart = chart.series(falling("shuffled masks", &layer.shuffled)?);
        figure = figure.panel(chart.level("0.04", 0.04));
    }
    Ok(figure.width(1200))
}
