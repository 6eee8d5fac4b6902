//! 4.9: units and directions taken away, and a unit that can be read and is not used.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, Series};
use lesson04::{Effect, PENALTY, Standardizer, effect, fit_probe, random_rotation, without_direction, without_units};
use resnet::ResNet;
use scenes::Colour;
use studio::{Batch, Material};

use super::images::{SITES, gather, normalized, select};
use super::probes::{TEST_SHARE, accuracy, bars, properties, share_of_commonest};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it knows what was drawn")?;
    let (unit, class) = strongest_unit(material)?;
    let [read, used] = read_and_used(material, unit, class)?;
    let caption = format!(
        "{}, layer4. Left: unit {unit} answers most to the class {name}. Its outgoing weights in fc were set to 0 in a copy \
         of the network: a probe (4.4) on this one unit tells {name} from the others equally well, but taking the unit out \
         (4.9) no longer changes a logit. Right: one direction taken out at each site, {REMOVED_ON} scenes: that of your \
         probe for {name}, that of your probe for red, and {RANDOM} random ones: their mean, and from the least to the most \
         effective.",
        material.network_name(),
        name = material.class_name(class),
    );
    Ok(Figure::new("Decodable is not used")
        .caption(caption)
        .panel(read)
        .panel(used)
        .panel(directions(material, class)?)
        .columns(3)
        .width(1300))
}

/// Scenes on which something is taken out.
const REMOVED_ON: u64 = 200;
/// Random directions at each site: one alone may be an odd one.
const RANDOM: usize = 10;

/// The unit of layer4 whose mean activation differs most, in its own deviations, between one class and all others.
fn strongest_unit(material: &Material) -> Result<(usize, usize)> {
    let of = |batch: &Batch| batch.labels.clone();
    let (rows, labels) = gather(material, material.network(), 500, &["layer4"], 1, of)?;
    let rows = Standardizer::fit(&rows[0])?.apply(&rows[0])?;
    let mut strongest = (0, 0, 0.0);
    for class in 0..material.network().config().classes {
        let of_class: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        if of_class.is_empty() {
            continue;
        }
        for (unit, &mean) in select(&rows, &of_class)?.mean(0)?.to_vec1::<f32>()?.iter().enumerate() {
            if mean > strongest.2 {
                strongest = (unit, class, mean);
            }
        }
    }
    Ok((strongest.0, strongest.1))
}

/// How well one unit of layer4 tells a class, and what taking it out does: in the network, and in a copy where the unit's
/// outgoing weights are 0.
fn read_and_used(material: &Material, unit: usize, class: usize) -> Result<[Chart; 2]> {
    let network = material.network();
    let mut weights = network.parameters().clone();
    let mut fc = weights["fc.weight"].to_vec2::<f32>()?;
    fc.iter_mut().for_each(|row| row[unit] = 0.0);
    let shape = weights["fc.weight"].shape().clone();
    weights.insert("fc.weight".into(), Tensor::from_vec(fc.concat(), shape, &Device::Cpu)?);
    let planted = ResNet::new(network.config(), &weights)?;

    let (mut read, mut used, mut share) = (vec![], vec![], 0.0);
    for network in [network, &planted] {
        let of = |batch: &Batch| batch.labels.clone();
        let (rows, labels) = gather(material, network, 600, &["layer4"], 1, of)?;
        let yes: Vec<usize> = labels.iter().map(|&label| usize::from(label == class)).collect();
        read.push(accuracy(&rows[0].narrow(1, unit, 1)?, &yes, 2)?);
        let trained = yes.len() - (TEST_SHARE * yes.len() as f64) as usize;
        share = share_of_commonest(&yes[..trained], &yes[trained..]);
        let changes = effects(material, network, |images| {
            without_units(network, images, "layer4", &[unit])
        })?;
        used.push(changes.logit_change);
    }
    let names = ["the network", "outgoing weights 0"];
    Ok([
        Chart::over(names)
            .title(format!("can be read from unit {unit}"))
            .series(bars("accuracy", &read))
            .level("majority", share)
            .y_label("accuracy of a probe")
            .with_numbers(),
        Chart::over(names)
            .title("changes when it is taken out")
            .bars("change", used)
            .y_label("mean |change| of a logit")
            .with_numbers(),
    ])
}

/// The mean effect (4.9) of a change over some scenes.
fn effects(
    material: &Material,
    network: &ResNet,
    without: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> Result<Effect> {
    let (mut before, mut after) = (vec![], vec![]);
    for images in normalized(material, REMOVED_ON, "ablation", |_| {}) {
        let images = images?;
        before.push(network.forward(&images)?);
        after.push(without(&images)?);
    }
    Ok(effect(&Tensor::cat(&before, 0)?, &Tensor::cat(&after, 0)?)?)
}

/// How much the logits change when a direction is taken out at each site.
fn directions(material: &Material, class: usize) -> Result<Chart> {
    let network = material.network();
    let scene = |batch: &Batch| batch.rendered.iter().map(|one| one.scene.clone()).collect();
    let (rows, scenes) = gather(material, network, 1000, &SITES, 1, scene)?;
    let tasks = properties(&scenes);
    let change = |site: &str, direction: &Tensor| -> Result<f64> {
        let without = |images: &Tensor| without_direction(network, images, site, direction);
        Ok(effects(material, network, without)?.logit_change)
    };
    let mut chart = Chart::over(SITES).title("one direction taken out");
    for (name, task, label) in [
        (material.class_name(class), &tasks[0], class),
        ("red", &tasks[1], Colour::Red.index()),
    ] {
        let mut heights = vec![];
        for (site, rows) in SITES.iter().zip(&rows) {
            let scale = Standardizer::fit(rows)?;
            let probe = fit_probe(&scale.apply(rows)?, &task.labels, task.classes, PENALTY)?;
            // A probe reads x/σ, so the direction among the activations is w/σ.
            heights.push(change(site, &(probe.weights.get(label)? / &scale.deviation)?)?);
        }
        chart = chart.bars(name, heights);
    }
    let (mut means, mut spreads) = (vec![], vec![]);
    for (site, rows) in SITES.iter().zip(&rows) {
        // The rows of a random rotation are random directions.
        let axes = random_rotation(rows.dim(1)?, 7)?;
        let changes = (0..RANDOM)
            .map(|axis| change(site, &axes.get(axis)?))
            .collect::<Result<Vec<_>>>()?;
        means.push(changes.iter().sum::<f64>() / RANDOM as f64);
        let (least, most) = (
            changes.iter().copied().reduce(f64::min),
            changes.iter().copied().reduce(f64::max),
        );
        spreads.push((least.unwrap_or(0.0), most.unwrap_or(0.0)));
    }
    chart = chart.series(Series::bars("random", means).intervals(spreads));
    Ok(chart.y_label("mean |change| of a logit"))
}
