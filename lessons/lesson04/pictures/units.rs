//! 4.8: how many units stand for which concept.

use std::collections::BTreeMap;

use anyhow::Result;
use draw::{Chart, Figure, Table};
use lesson04::best_concepts;
use scenes::Concept;
use studio::{Material, statistics};

use super::dissected::{ABOVE, Asked, DISSECTED, Layer, ON, dissect};
use super::images::{SITES, networks};

/// Moves of the masks to other scenes, of which each gives every unit a best IoU by chance.
const SHIFTS: usize = 200;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let asked = Asked {
        shifts: SHIFTS,
        rotations: 0,
    };
    let mut summary = Table::new([
        "network",
        "layer",
        "units",
        "on, of all pixels",
        "ceiling",
        "best IoU",
        "by chance",
        "above it",
        "above .04",
    ]);
    let (mut charts, mut tables) = (vec![], vec![]);
    let mut highest = 0f64;
    for (name, network) in &networks(material)? {
        let layers = dissect(network, &SITES, &concepts, asked)?;
        for layer in &layers {
            summary = summary.row(row(name, layer)?);
        }
        let (chart, table, most) = counted(name, &layers, &concepts)?;
        highest = highest.max(most);
        charts.push(chart);
        tables.push(table);
    }
    let mut figure = Figure::new("Which units stand for which concept").columns(2);
    for chart in charts {
        figure = figure.panel(chart.y_range(0.0..=1.12 * highest).with_numbers());
    }
    figure = figure.next_row().panel(summary).next_row();
    for table in tables {
        figure = figure.panel(table);
    }
    Ok(figure.width(1300).caption(format!(
        "Your dissection (4.8) of ResNet-18 “scenes” (ordinary) and “robust” on {DISSECTED} {}: a unit is on in its highest {} % \
         before its map is enlarged, and its concept is the one with the largest IoU. By chance: the masks are moved on to \
         other scenes, {SHIFTS} times; counted are units whose IoU is above {:.0} % of what this gives the same unit, so of 100 \
         units without a concept about one is counted. Ceiling: the IoU of a unit with its concept if the smaller of both lay \
         inside the other. In the middle table medians over the units, and the largest; a dot in the lower ones: none.",
        material.data_name(),
        100.0 * ON,
        100.0 * ABOVE,
    )))
}

/// A layer in numbers: medians over its units, and the largest.
fn row(name: &str, layer: &Layer) -> Result<Vec<String>> {
    let best: Vec<f64> = best_concepts(&layer.real)?.iter().map(|one| one.1).collect();
    let cuts = layer.cuts();
    let above = best.iter().zip(&cuts).filter(|(best, cut)| best > cut);
    let both = |values: &[f64]| {
        let [median, largest] = [0.5, 1.0].map(|share| statistics::quantile(values, share));
        format!("{median:.3} / {largest:.3}")
    };
    let percent: Vec<f64> = layer.on.iter().map(|on| 100.0 * on).collect();
    let mean = percent.iter().sum::<f64>() / percent.len() as f64;
    Ok(vec![
        name.into(),
        layer.site.clone(),
        best.len().to_string(),
        format!("{mean:.2} %"),
        both(&layer.ceilings),
        both(&best),
        both(&cuts),
        above.count().to_string(),
        best.iter().filter(|best| **best > 0.04).count().to_string(),
    ])
}

/// Units above chance by kind of concept, by concept, and the most of one kind in a layer.
fn counted(name: &str, layers: &[Layer], concepts: &[Concept]) -> Result<(Chart, Table, f64)> {
    let mut by_concept: BTreeMap<Concept, Vec<usize>> = BTreeMap::new();
    for (place, layer) in layers.iter().enumerate() {
        let best = best_concepts(&layer.real)?;
        let above = best.iter().zip(layer.cuts()).filter(|(best, cut)| best.1 > *cut);
        for ((concept, _), _) in above {
            by_concept
                .entry(concepts[*concept])
                .or_insert_with(|| vec![0; layers.len()])[place] += 1;
        }
    }
    let mut chart = Chart::over(SITES)
        .title(format!("{name}: units by kind of concept"))
        .y_label("units");
    let mut most = 0f64;
    for factor in ["shape", "colour", "texture", "badge", "background"] {
        let mut heights = vec![0.0; SITES.len()];
        for (_, counts) in by_concept.iter().filter(|(concept, _)| concept.factor() == factor) {
            heights
                .iter_mut()
                .zip(counts)
                .for_each(|(height, &count)| *height += count as f64);
        }
        most = heights.iter().copied().fold(most, f64::max);
        if heights.iter().any(|height| *height > 0.0) {
            chart = chart.bars(factor, heights);
        }
    }
    let row = |(concept, counts): (&Concept, &Vec<usize>)| {
        // A dot is easier to pass over than a 0.
        let number = |&count: &usize| {
            if count == 0 {
                "·".to_string()
            } else {
                count.to_string()
            }
        };
        [vec![concept.to_string()], counts.iter().map(number).collect()].concat()
    };
    let heads = [&[name][..], &SITES].concat();
    let table = by_concept
        .iter()
        .fold(Table::new(heads), |table, one| table.row(row(one)));
    Ok((chart, table, most))
}
