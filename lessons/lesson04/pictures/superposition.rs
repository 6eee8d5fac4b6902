//! 4.11: when more features than units are kept, in toys.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, Heatmap, Series, palette};
use lesson04::{Toy, learn_toy};
use rayon::prelude::*;
use studio::Material;

/// Steps of learning of each toy.
const STEPS: usize = 1000;
/// How often a feature is present.
const PRESENT: [f64; 6] = [1.0, 0.5, 0.25, 0.12, 0.06, 0.03];
/// Units of the toys in the map, and the numbers of features.
const UNITS: usize = 4;
const FEATURES: [usize; 5] = [4, 6, 8, 12, 16];
/// The toys whose directions are drawn: five features in two units.
const DRAWN: [f64; 3] = [1.0, 0.2, 0.05];

pub fn draw(_material: &Material) -> Result<Figure> {
    let bar = studio::progress((DRAWN.len() + PRESENT.len() * FEATURES.len()) as u64, "toys");
    let toy = |(units, features, present): (usize, usize, f64)| {
        let toy = learn_toy(units, features, present, STEPS, 1);
        bar.inc(1);
        toy
    };
    let drawn = DRAWN.map(|present| (2, 5, present));
    let drawn: candle_core::Result<Vec<Toy>> = drawn.into_par_iter().map(toy).collect();
    let mut figure = Figure::new("When does a unit stand for more than one thing?")
        .columns(4)
        .width(1500);
    for (toy, present) in drawn?.iter().zip(DRAWN) {
        figure = figure.panel(directions(toy, present)?);
    }
    let all = FEATURES
        .iter()
        .flat_map(|&features| PRESENT.map(|present| (UNITS, features, present)));
    let all: candle_core::Result<Vec<Toy>> = all.collect::<Vec<_>>().into_par_iter().map(toy).collect();
    let kept = all?.iter().map(stored).collect::<Result<Vec<f32>>>()?;
    let map = Tensor::from_vec(kept, (FEATURES.len(), PRESENT.len()), &Device::Cpu)?;
    bar.finish_and_clear();
    Ok(figure
        .panel(
            Heatmap::new(&map)?
                .title(format!("features kept in {UNITS} units"))
                .quantity("sum of squared lengths, each at most 1")
                .with_numbers(),
        )
        .caption(format!(
            "Toys of your toy_output (4.11), {STEPS} steps each, one start. Left three: the directions of five features in two units; \
             a feature is present with the probability above. Right: rows are {FEATURES:?} features, from above; columns are the \
             probabilities {PRESENT:?}, from the left. A feature counts by the squared length of its direction, at most as one."
        )))
}

/// Σ min(1, ‖W_i‖²) of a toy: about the number of features that it keeps.
fn stored(toy: &Toy) -> Result<f32> {
    let lengths = toy.weights.sqr()?.sum(0)?.minimum(1.0)?;
    Ok(lengths.sum_all()?.to_scalar::<f32>()?)
}

/// Each feature as a line from the origin to its column of W.
fn directions(toy: &Toy, present: f64) -> Result<Chart> {
    let [across, up] = [0, 1].map(|unit| toy.weights.get(unit).and_then(|row| row.to_vec1::<f32>()));
    let mut chart = Chart::new()
        .title(format!("present with {present}: {:.1} kept", stored(toy)?))
        .x_label("unit 0")
        .y_label("unit 1")
        .y_range(-1.3..=1.3);
    // The corners keep both axes alike.
    let corners = Series::new("", [(-1.3, 0.0), (1.3, 0.0)]).color(palette::GRAY).dashed();
    chart = chart.series(corners);
    for (x, y) in across?.into_iter().zip(up?) {
        let line = Series::new("", [(0.0, 0.0), (f64::from(x), f64::from(y))]);
        chart = chart.series(line.markers().color(palette::VERMILLION));
    }
    Ok(chart)
}
