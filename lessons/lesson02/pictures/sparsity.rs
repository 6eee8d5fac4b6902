//! 2.4: are early layers denser?

use anyhow::Result;
use draw::{Chart, Figure, Series, Table, grouped};
use lesson02::sparsity;
use resnet::ResNet;
use studio::Material;

use super::images::{each_batch, some};
use super::sites::{relus, short};

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
    let untrained = ResNet::untrained(network.config(), 0)?;
    let untrained = shares(material, &untrained, images, &sites)?;

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
        for (network, found) in [("trained", &trained), ("untrained", &untrained)] {
            let shares = || found[from..from + blocks].iter().map(|(layer, _)| *layer);
            let curve = Series::over_index(network, shares());
            chart = chart.series(if network == "trained" {
                curve.markers()
            } else {
                curve.dashed()
            });
            let percent = shares().map(|share| format!("{:.1}", 100.0 * share));
            table = table.row(std::iter::once(format!("{network}, {place}")).chain(percent));
        }
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
             (2.4). The untrained network has the same architecture and random weights.",
            material.network_name(),
            material.data_name(),
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
