//! 5.8: the cascade, and one module at a time.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, Series};
use lesson05::{TOP_DOWN, cascade, edges, randomized, rank_correlation, upsample};
use studio::Material;

use super::methods::{all_maps, asked};

pub fn draw(material: &Material) -> Result<Figure> {
    const SEED: u64 = 3;
    let network = material.network();
    // Each image passes eleven networks, forward and back: fewer where that takes long.
    let wanted = if network.config().width > 32 { 5 } else { 20 };
    let count = material.image_count().map_or(wanted, |there| there.min(wanted));
    let batch = material.batches(0..count, count as usize).next();
    let batch = batch.ok_or_else(|| anyhow::anyhow!("no images"))??;
    let images = resnet::normalize(&batch.pixels)?;
    let (classes, which) = asked(material, &images, &batch.labels)?;
    let reference = all_maps(network, &images, &classes)?;
    let networks = cascade(network, SEED)?;
    let progress = studio::progress(2 * networks.len() as u64 - 1, "randomizing");
    let mut down = vec![];
    for network in networks {
        down.push(alikeness(&reference, &all_maps(&network, &images, &classes)?)?);
        progress.inc(1);
    }
    let mut alone = vec![];
    for module in TOP_DOWN {
        let network = randomized(network, &[module], SEED)?;
        alone.push(alikeness(&reference, &all_maps(&network, &images, &classes)?)?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    let names = || reference.iter().map(|(name, _)| *name);
    let to_edges: Vec<f64> = {
        let (_, _, height, width) = images.dims4()?;
        let edges = edges(&images)?;
        let like = |(name, map): &(&'static str, Tensor)| {
            let map = upsample(map, height, width)?;
            Ok(alikeness(&[(name, edges.clone())], &[(name, map)])?[0])
        };
        reference.iter().map(like).collect::<Result<_>>()?
    };
    for (method, name) in names().enumerate() {
        let row = |steps: &[Vec<f64>]| {
            steps
                .iter()
                .map(|step| format!("{:6.2}", step[method]))
                .collect::<String>()
        };
        material.remark(format!(
            "{name:18} cascade {}  alone {}  edges {:5.2}",
            row(&down),
            row(&alone),
            to_edges[method]
        ));
    }
    let chart = |title: &str, steps: &[Vec<f64>], labels: Vec<String>| {
        let mut chart = Chart::over(labels)
            .title(title)
            .y_label("rank correlation with the trained map")
            .y_range(-0.4..=1.05);
        for (method, name) in names().enumerate() {
            chart = chart.series(Series::over_index(name, steps.iter().map(|step| step[method])).markers());
        }
        chart.level("no relation", 0.0)
    };
    let from = |prefix: &str| TOP_DOWN.map(|module| format!("{prefix}{module}"));
    let steps = std::iter::once("trained".into()).chain(from("+")).collect();
    Ok(Figure::new("Would an untrained network give the same map?")
        .caption(format!(
            "{}, {} images of {}. Spearman's ρ (5.8) between the map of the trained network and that of one with \
             random modules, mean over images. Left: your cascade, from the top down. Right: one module at a time. Class: \
             {which}{}.",
            material.network_name(),
            batch.len(),
            material.data_name(),
            material.wanted().first().map(|&class| format!(", {}", material.class_name(class))).unwrap_or_default(),
        ))
        .panel(chart("cascading", &down, steps))
        .panel(chart("one module at random", &alone, from("").to_vec()))
        .width(1250))
}

/// The mean rank correlation of each method's maps with those of the trained network.
fn alikeness(reference: &[(&'static str, Tensor)], maps: &[(&'static str, Tensor)]) -> Result<Vec<f64>> {
    let pairs = reference.iter().zip(maps);
    pairs
        .map(|((_, a), (_, b))| {
            let count = a.dims()[0];
            let each = (0..count).map(|i| rank_correlation(&a.get(i)?, &b.get(i)?));
            let each = each.collect::<candle_core::Result<Vec<_>>>()?;
            Ok(each.iter().sum::<f64>() / count as f64)
        })
        .collect()
}
