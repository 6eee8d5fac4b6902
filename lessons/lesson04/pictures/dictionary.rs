//! 4.11: how pure units, features of dictionaries and random directions are.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use draw::{Chart, Figure, Series, palette};
use lesson04::{Dictionary, best_concepts, codes, dead, price, random_rotation, rotated, unit_rows};
use rayon::prelude::*;
use scenes::Concept;
use studio::{Material, statistics};

use super::axes::{Judge, KEEP, LEARNED_ON, SITE, learned, rows, to_learn_on};
use super::dissected::{DISSECTED, ON};
use super::images::networks;

/// Dictionaries, each from another start, and as many sets of directions taken from the activations.
const STARTS: u64 = 3;
const ROTATIONS: u64 = 20;

/// How well a set of axes fits the concepts.
struct Fit {
    /// The best IoU of each axis, falling.
    axes: Vec<f64>,
    /// The mean over the concepts of the best IoU of any axis.
    concepts: f64,
}

impl Fit {
    fn mean(&self) -> f64 {
        mean(&self.axes)
    }
}

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let mut figure = Figure::new("Are the features of a dictionary purer than units?").columns(2);
    let mut bars = vec![];
    for (name, network) in &networks(material)? {
        let judge = Judge::new(network)?;
        let sets = sets(&judge, material, network, name)?;
        let mut curves = Chart::new()
            .title(format!("{name}: {SITE}"))
            .x_label("axes, best first")
            .y_label("IoU with the best concept");
        for ((what, fits), color) in
            sets.iter()
                .zip([palette::BLUE, palette::VERMILLION, palette::GREEN, palette::GRAY])
        {
            let at = |rank: usize| -> Vec<f64> { fits.iter().map(|fit| fit.axes[rank]).collect() };
            let median = (0..fits[0].axes.len()).map(|rank| statistics::quantile(&at(rank), 0.5));
            curves = curves.series(Series::over_index(*what, median).color(color));
            for (of, all) in [
                ("mean over the axes", fits.iter().map(Fit::mean).collect::<Vec<_>>()),
                (
                    "mean over the concepts",
                    fits.iter().map(|fit| fit.concepts).collect::<Vec<_>>(),
                ),
            ] {
                let (low, high) = (statistics::quantile(&all, 0.0), statistics::quantile(&all, 1.0));
                material.remark(format!(
                    "{name:8} {what:14} {of:22} of the best IoU: {:.4}, {low:.4} to {high:.4} in {}",
                    mean(&all),
                    all.len(),
                ));
            }
        }
        figure = figure.panel(curves);
        bars.push(means(name, &sets));
    }
    Ok(figure.panels(bars).width(1200).caption(format!(
        "Pooled IoU (4.8, on in {} % of the places) with {} concepts in {DISSECTED} scenes. Axes, as many of each kind as {SITE} has \
         units: the units; {ROTATIONS} random rotations; {STARTS} dictionaries by your codes, price and unit_rows (4.11), {KEEP} \
         features kept at a place, learned on {LEARNED_ON} other scenes; and, with nothing learned, {STARTS} sets of directions of \
         single places of those scenes, encoded alike. Above: the median at each rank. Below: means, and the smallest and the largest of each kind.",
        100.0 * ON,
        Concept::all().len(),
    )))
}

/// Bars with the range over rotations and starts.
fn means(name: &str, sets: &[(&'static str, Vec<Fit>)]) -> Chart {
    let mut chart = Chart::over(["per axis", "per concept"])
        .title(format!("{name}: mean of the best IoU"))
        .y_label("IoU")
        .with_numbers();
    for ((what, fits), color) in sets
        .iter()
        .zip([palette::BLUE, palette::VERMILLION, palette::GREEN, palette::GRAY])
    {
        let all: [Vec<f64>; 2] = [
            fits.iter().map(Fit::mean).collect(),
            fits.iter().map(|fit| fit.concepts).collect(),
        ];
        let range = |all: &Vec<f64>| (statistics::quantile(all, 0.0), statistics::quantile(all, 1.0));
        let series = Series::bars(*what, all.iter().map(|all| mean(all)));
        chart = chart.series(series.intervals(all.iter().map(range)).color(color));
    }
    chart
}

/// Four kinds of axes, judged.
fn sets(judge: &Judge, remarks: &Material, material: &Material, name: &str) -> Result<[(&'static str, Vec<Fit>); 4]> {
    let units = judge.activations.dim(1)?;
    let turned = (0..ROTATIONS).map(|seed| fit(judge, &rotated(&judge.activations, &random_rotation(units, seed)?)?));
    let turned = turned.collect::<Result<Vec<_>>>()?;
    let (here, there) = (rows(&judge.activations)?, to_learn_on(material)?);
    let bar = studio::progress(STARTS, format!("dictionaries of {name}"));
    let found = (0..STARTS).into_par_iter().map(|seed| {
        let found = learned(&there, seed)?;
        bar.inc(1);
        Ok::<_, candle_core::Error>(found)
    });
    let found = found.collect::<candle_core::Result<Vec<_>>>()?;
    drop(bar);
    let variance = here.broadcast_sub(&here.mean(0)?)?.sqr()?.sum(1)?.mean_all()?;
    let (mut learned, mut single) = (vec![], vec![]);
    for (seed, found) in found.iter().enumerate() {
        let z = codes(found, &here, KEEP)?;
        remarks.remark(format!(
            "{name:8} dictionary {seed}: {:.1} % of the variance missed, {} of {units} features dead",
            100.0 * price(found, &here, KEEP, 0.0)?.to_scalar::<f32>()? / variance.to_scalar::<f32>()?,
            dead(&z)?.len(),
        ));
        learned.push(fit(judge, &judge.maps(&z)?)?);
        single.push(fit(
            judge,
            &judge.maps(&codes(&places(&there, units, seed)?, &here, KEEP)?)?,
        )?);
    }
    Ok([
        ("units", vec![fit(judge, &judge.activations)?]),
        ("rotations", turned),
        ("dictionaries", learned),
        ("single places", single),
    ])
}

fn fit(judge: &Judge, maps: &Tensor) -> Result<Fit> {
    let iou = judge.iou(maps)?;
    let best = |iou: &Tensor| -> Result<Vec<f64>> { Ok(best_concepts(iou)?.iter().map(|one| one.1).collect()) };
    let mut axes = best(&iou)?;
    axes.sort_by(|a, b| b.total_cmp(a));
    Ok(Fit {
        axes,
        concepts: mean(&best(&iou.t()?.contiguous()?)?),
    })
}

/// A dictionary of which nothing was learned: the directions, from the mean, of places here and there.
fn places(rows: &Tensor, features: usize, number: usize) -> Result<Dictionary> {
    let step = rows.dim(0)? / features;
    let chosen: Vec<u32> = (0..features).map(|place| (place * step + 37 * number) as u32).collect();
    let middle = rows.mean(0)?;
    let chosen = rows.index_select(&Tensor::new(chosen, &Device::Cpu)?, 0)?;
    let directions = unit_rows(&chosen.broadcast_sub(&middle)?)?;
    Ok(Dictionary {
        encoder: directions.clone(),
        encoder_bias: Tensor::zeros(features, DType::F32, &Device::Cpu)?,
        decoder: directions,
        decoder_bias: middle,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
