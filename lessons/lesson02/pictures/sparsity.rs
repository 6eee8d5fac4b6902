//! 2.4: are early layers denser?

use anyhow::Result;
use draw::{Chart, Figure, Series, Table, grouped};
use lesson02::sparsity;
use resnet::ResNet;
use studio::{Material, statistics};

use super::images::{each_batch, some};
use super::sites::{relus, short};

/// Draws of first weights.
const UNTRAINED: std::ops::RangeInclusive<u64> = 0..=4;

pub fn draw(material: &Material) -> Result<Figure> {
    let images = some(material, 4);
    let seen = grouped(images as usize);
    let network = material.network();
    let relus = relus(network);
    let outputs: Vec<&str> = relus.iter().map(|(_, after)| after.as_str()).collect();
    // The stem has one ReLU, which begins both curves; a block has its first ReLU inside.
    let inside = outputs.iter().map(|site| match *site {
        "relu" => site.to_string(),
        block => format!("{block}.relu"),
    });
    let inside: Vec<String> = inside.collect();
    let sites: Vec<&str> = outputs
        .iter()
        .copied()
        .chain(inside.iter().map(String::as_str))
        .collect();
    let trained = shares(material, network, images, &sites)?;
    let draws = UNTRAINED.map(|seed| {
        let untrained = ResNet::untrained(network.config(), seed)?;
        shares(material, &untrained, images, &sites)
    });
    let draws = draws.collect::<Result<Vec<_>>>()?;

    let names = || outputs.iter().map(|site| short(site));
    let mut table = Table::new(std::iter::once("% zeros".to_string()).chain(names()));
    let mut charts = vec![];
    let blocks = outputs.len();
    for (place, from) in [("after the block", 0), ("inside the block", blocks)] {
        let mut chart = Chart::over(names())
            .title(place)
            .x_label("block, from the image to the answer")
            .y_label("share of zeros")
            .y_range(0.0..=1.0);
        let shares = trained[from..from + blocks].iter().map(|(layer, _)| *layer);
        let percent = shares.clone().map(|share| format!("{:.1}", 100.0 * share));
        table = table.row(std::iter::once(format!("trained, {place}")).chain(percent));
        chart = chart.series(Series::over_index("trained", shares).markers());
        let of_draws = |site: usize| -> Vec<f64> { draws.iter().map(|found| found[from + site].0).collect() };
        let of_draws: Vec<Vec<f64>> = (0..blocks).map(of_draws).collect();
        let mean = |shares: &Vec<f64>| shares.iter().sum::<f64>() / shares.len() as f64;
        let ends = of_draws
            .iter()
            .map(|shares| (statistics::quantile(shares, 0.0), statistics::quantile(shares, 1.0)));
        let cells = of_draws.iter().zip(ends.clone()).map(|(shares, (low, high))| {
            let [mean, low, high] = [mean(shares), low, high].map(|share| 100.0 * share);
            format!("{mean:.1} ({low:.1} to {high:.1})")
        });
        let cells: Vec<String> = cells.collect();
        material.remark(format!(
            "untrained, {place}, {} draws: {}",
            draws.len(),
            cells.join(", ")
        ));
        let percent = of_draws.iter().map(|shares| format!("{:.1}", 100.0 * mean(shares)));
        table = table.row(std::iter::once(format!("untrained, {place}")).chain(percent));
        let curve = Series::over_index("untrained", of_draws.iter().map(mean)).intervals(ends);
        chart = chart.series(curve.dashed());
        charts.push(chart);
    }
    let mut ranks = Chart::new()
        .title("trained: channels of a site, sorted")
        .x_label("share of the site's channels")
        .y_label("sparsity of the channel")
        .y_range(0.0..=1.0);
    for name in ["relu", "layer2.1", "layer4.1"] {
        let Some(index) = sites.iter().position(|site| *site == name) else {
            continue;
        };
        let mut channels = trained[index].1.clone();
        channels.sort_by(f64::total_cmp);
        let last = (channels.len() - 1).max(1) as f64;
        let points = channels
            .iter()
            .enumerate()
            .map(|(rank, &share)| (rank as f64 / last, share));
        ranks = ranks.series(Series::new(name, points));
    }
    Ok(Figure::new("How much of each layer is zero")
        .caption(format!(
            "{}, {seen} {}; exact zeros after the ReLU of the stem and after both ReLUs of each block, by your sparsity \
             (2.4). The untrained networks have the same architecture and random weights: means of {} draws, from the lowest to \
             the highest.",
            material.network_name(),
            material.data_name(),
            UNTRAINED.count(),
        ))
        .panels(charts)
        .panel(ranks)
        .next_row()
        .panel(table)
        .columns(3)
        .width(1300))
}

/// Share of zeros at each site over images, and per channel: 2.4 on batches.
fn shares(material: &Material, network: &ResNet, images: u64, sites: &[&str]) -> Result<Vec<(f64, Vec<f64>)>> {
    let mut sums: Vec<(f64, Vec<f64>)> = vec![(0.0, vec![]); sites.len()];
    each_batch(material, network, images, sites, |index, activation| {
        let found = sparsity(activation)?;
        let weight = activation.dim(0)? as f64 / images as f64; // batches of unequal size
        let (layer, channels) = &mut sums[index];
        *layer += weight * found.layer;
        channels.resize(found.by_channel.len(), 0.0);
        for (sum, share) in channels.iter_mut().zip(&found.by_channel) {
            *sum += weight * share;
        }
        Ok(())
    })?;
    Ok(sums)
}
