//! 4.11: how pure units, features of dictionaries and random directions are.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use draw::{Chart, Figure, Series, palette};
use lesson04::{Dictionary, Learning, best_concepts, codes, dead, learn, price, random_rotation, rotated, unit_rows};
use rayon::prelude::*;
use scenes::Concept;
use studio::{Material, statistics};

use super::counting::{bits, iou, shown, threshold};
use super::dissected::{DISSECTED, Maps, ON};
use super::images::{BATCH, networks};

const SITE: &str = "layer4";
/// Scenes that dictionaries are learned on; they are others than those that judge.
const LEARNED_ON: u64 = 2000;
/// Dictionaries, each from another start, and as many sets of directions taken from the activations.
const STARTS: u64 = 3;
const ROTATIONS: u64 = 20;
/// Features that a place may use, of as many as there are units.
const KEEP: usize = 8;

/// What axes are judged on.
struct Judge {
    /// `[scenes, units, height, width]`
    activations: Tensor,
    masks: Vec<Vec<u32>>,
    shown: Vec<u32>,
    side: usize,
}

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
        let sets = judge.sets(material, network, name)?;
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

impl Judge {
    fn new(material: &Material) -> Result<Self> {
        let (activations, masks) = gather(material, 0..DISSECTED)?;
        Ok(Self {
            activations,
            shown: shown(&masks, Concept::all().len()),
            masks,
            side: material.sample(0)?.pixels.dim(1)?,
        })
    }

    /// Four kinds of axes, judged.
    fn sets(&self, remarks: &Material, material: &Material, name: &str) -> Result<[(&'static str, Vec<Fit>); 4]> {
        let units = self.activations.dim(1)?;
        let turned = (0..ROTATIONS).map(|seed| self.fit(&rotated(&self.activations, &random_rotation(units, seed)?)?));
        let turned = turned.collect::<Result<Vec<_>>>()?;
        let (learned_on, _) = gather(material, DISSECTED..DISSECTED + LEARNED_ON)?;
        let (here, there) = (rows(&self.activations)?, rows(&learned_on)?);
        let bar = studio::progress(STARTS, format!("dictionaries of {name}"));
        let found = (0..STARTS).into_par_iter().map(|seed| {
            let learning = Learning {
                features: units,
                keep: KEEP,
                weight: 0.0,
                steps: 1000,
                rate: 3e-3,
                seed,
            };
            let found = learn(&there, learning)?;
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
            learned.push(self.fit(&self.maps(&z)?)?);
            single.push(self.fit(&self.maps(&codes(&places(&there, units, seed)?, &here, KEEP)?)?)?);
        }
        Ok([
            ("units", vec![self.fit(&self.activations)?]),
            ("rotations", turned),
            ("dictionaries", learned),
            ("single places", single),
        ])
    }

    /// Codes of all places as maps.
    fn maps(&self, rows: &Tensor) -> Result<Tensor> {
        let (scenes, _, height, width) = self.activations.dims4()?;
        let maps = rows.reshape((scenes, height, width, ()))?;
        Ok(maps.permute((0, 3, 1, 2))?.contiguous()?)
    }

    fn fit(&self, maps: &Tensor) -> Result<Fit> {
        let (_, axes, height, width) = maps.dims4()?;
        let mut found = Maps::new([height, width]);
        found.add(maps)?;
        let cuts: Vec<f32> = found.values.par_iter().map(|all| threshold(all.clone(), ON)).collect();
        let lit = found.lit(&cuts, [self.side, self.side]);
        let of = |on: &Vec<Vec<u16>>| iou(on, &self.masks, &self.shown, 0);
        let all: Vec<f64> = lit.par_iter().map(of).collect::<Vec<_>>().concat();
        let iou = Tensor::from_vec(all, (axes, self.shown.len()), &Device::Cpu)?;
        let best = |iou: &Tensor| -> Result<Vec<f64>> { Ok(best_concepts(iou)?.iter().map(|one| one.1).collect()) };
        let mut axes = best(&iou)?;
        axes.sort_by(|a, b| b.total_cmp(a));
        Ok(Fit {
            axes,
            concepts: mean(&best(&iou.t()?.contiguous()?)?),
        })
    }
}

/// Activations of some scenes, and the masks of what they show.
fn gather(material: &Material, scenes: std::ops::Range<u64>) -> Result<(Tensor, Vec<Vec<u32>>)> {
    let concepts = Concept::all();
    let count = scenes.end - scenes.start;
    let bar = studio::progress(count, format!("activations of {}", material.network_name()));
    let (mut parts, mut masks) = (vec![], vec![]);
    for batch in material.batches(scenes, BATCH) {
        let batch = batch?;
        let trace = material
            .network()
            .capture(&resnet::normalize(&batch.pixels)?, &[SITE])?;
        parts.push(trace.activation(SITE)?.detach());
        masks.extend(batch.rendered.iter().map(|one| {
            let of: Vec<Vec<bool>> = concepts.iter().map(|&concept| one.masks.get(concept).pixels).collect();
            bits(of.iter().map(Vec::as_slice))
        }));
        bar.inc(BATCH as u64);
    }
    Ok((Tensor::cat(&parts, 0)?, masks))
}

/// A row per place.
fn rows(activations: &Tensor) -> Result<Tensor> {
    let units = activations.dim(1)?;
    Ok(activations.permute((0, 2, 3, 1))?.reshape(((), units))?.contiguous()?)
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
