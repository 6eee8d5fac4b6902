//! 2.6: the distribution of the values before and after the ReLU.

use anyhow::{Result, bail};
use candle_core::DType;
use draw::{Chart, Figure, Series, grouped};
use lesson02::Histogram;
use studio::Material;

use super::images::{each_batch, some};
use super::sites::relus;

pub fn draw(material: &Material) -> Result<Figure> {
    const BINS: usize = 48;
    let images = some(material, 8);
    let seen = grouped(images as usize);
    let relus = relus(material.network());
    let shown: Vec<_> = relus
        .iter()
        .enumerate()
        .filter(|(index, _)| *index == 0 || index % 2 == 0)
        .map(|(_, pair)| pair)
        .take(5)
        .collect();
    let sites: Vec<&str> = shown
        .iter()
        .flat_map(|(before, after)| [before.as_str(), after.as_str()])
        .collect();
    let mut counted: Vec<Option<Histogram>> = vec![None; sites.len()];
    each_batch(material, material.network(), images, &sites, |index, activation| {
        if counted[index].is_none() {
            // The bins are fixed on the first batch: four standard deviations to both sides of zero.
            let before = activation.to_dtype(DType::F64)?;
            let width = 4.0 * before.sqr()?.mean_all()?.sqrt()?.to_scalar::<f64>()?;
            let width = if width > 0.0 { width } else { 1.0 };
            counted[index] = Some(match counted.get(index.wrapping_sub(1)) {
                Some(Some(pair)) if index % 2 == 1 => Histogram::new(pair.low, pair.high, BINS)?,
                _ => Histogram::new(-width, width, BINS)?,
            });
        }
        match &mut counted[index] {
            Some(histogram) => Ok(histogram.update(activation)?),
            None => Ok(()),
        }
    })?;
    let panel = |index: usize| -> Result<Chart> {
        let Some(h) = &counted[index] else {
            bail!("expected at least one batch, got none");
        };
        let all = (h.counts.iter().sum::<usize>() + h.below + h.above + h.nan) as f64;
        let edges = (0..=BINS).map(|bin| h.low + (h.high - h.low) * bin as f64 / BINS as f64);
        let percent = h.counts.iter().map(|&count| 100.0 * count as f64 / all);
        let outside = 100.0 * (h.below + h.above) as f64 / all;
        Ok(Chart::new()
            .title(sites[index])
            .x_label(format!("activation; {outside:.1} % outside"))
            .y_label("% of the values")
            .series(Series::histogram("values", edges, percent)?))
    };
    let mut figure = Figure::new("Before and after the ReLU").caption(format!(
        "{}, {seen} {}; {BINS} bins, by your Histogram (2.6). Upper row: before the last ReLU of the stem and of each \
         layer; lower row: after it. Everything below zero has moved into the one bin that begins at 0.",
        material.network_name(),
        material.data_name(),
    ));
    for row in 0..2 {
        for column in 0..shown.len() {
            figure = figure.panel(panel(2 * column + row)?);
        }
    }
    Ok(figure.columns(shown.len()).width(1500))
}
