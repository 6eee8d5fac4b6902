//! 4.8: how many units stand for which concept.

use std::collections::BTreeMap;

use anyhow::Result;
use draw::{Chart, Figure, Table};
use lesson04::best_concepts;
use scenes::Concept;
use studio::Material;

use super::dissected::{DISSECTED, ON, dissect};
use super::images::SITES;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let layers = dissect(material, &SITES, &concepts, 0)?;
    let mut summary = Table::new(["layer", "units", "best by chance", "above it", "above 0.04"]);
    let mut by_concept: BTreeMap<Concept, Vec<usize>> = BTreeMap::new();
    for (place, layer) in layers.iter().enumerate() {
        let (best, cut) = (best_concepts(&layer.real)?, layer.cut()?);
        let above = |cut: f64| best.iter().filter(|one| one.1 > cut).count();
        summary = summary.row([
            layer.site.clone(),
            best.len().to_string(),
            format!("{cut:.3}"),
            above(cut).to_string(),
            above(0.04).to_string(),
        ]);
        for (concept, _) in best.iter().filter(|one| one.1 > cut) {
            by_concept
                .entry(concepts[*concept])
                .or_insert_with(|| vec![0; layers.len()])[place] += 1;
        }
    }
    let mut chart = Chart::over(SITES).title("units by kind of concept").y_label("units");
    let mut nobody = vec![];
    for factor in ["shape", "colour", "texture", "badge", "background"] {
        let of_factor = by_concept.iter().filter(|(concept, _)| concept.factor() == factor);
        let mut heights = vec![0.0; SITES.len()];
        for (_, counts) in of_factor {
            heights
                .iter_mut()
                .zip(counts)
                .for_each(|(height, &count)| *height += count as f64);
        }
        if heights.iter().any(|height| *height > 0.0) {
            chart = chart.bars(factor, heights);
        }
    }
    for concept in &concepts {
        if !by_concept.contains_key(concept) {
            nobody.push(concept.to_string());
        }
    }
    let heads = || Table::new([&["concept"][..], &SITES].concat());
    let row = |(concept, counts): (&Concept, &Vec<usize>)| {
        // A dot is easier to pass over than a 0.
        let number = |count: &usize| {
            if *count == 0 {
                "·".to_string()
            } else {
                count.to_string()
            }
        };
        [vec![concept.to_string()], counts.iter().map(number).collect()].concat()
    };
    let half = by_concept.len().div_ceil(2);
    let left = by_concept
        .iter()
        .take(half)
        .fold(heads(), |table, one| table.row(row(one)));
    let right = by_concept
        .iter()
        .skip(half)
        .fold(heads(), |table, one| table.row(row(one)));
    Ok(Figure::new("Which units stand for which concept")
        .caption(format!(
            "Your dissection (4.8) of {} on {DISSECTED} {}: a unit is on in its highest {} %; its concept is the one with \
             the largest IoU. Counted are units whose IoU is above the best that any unit of the layer reaches with the \
             masks of other scenes; a dot: none. {}",
            material.network_name(),
            material.data_name(),
            100.0 * ON,
            match nobody.len() {
                0 => "Each concept has its unit.".to_string(),
                _ => format!("No unit in any of these layers stands for {}.", nobody.join(", ")),
            },
        ))
        .panel(chart.with_numbers())
        .next_row()
        .panel(summary)
        .next_row()
        .panel(left)
        .panel(right)
        .width(1200))
}
