//! 4.12: which units of a block excite or inhibit one unit of its output, by their weights.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, MapGrid, Scale, Series, Share};
use lesson04::{connection, measured_change, predicted_change, share_let_through};
use scenes::Shape;
use studio::Material;

use super::images::BATCH;

/// Scenes for mean activations and for the examples.
const SCENES: u64 = 300;
/// Scenes on which a unit is silenced.
const SILENCED_ON: u64 = 50;
/// Units shown.
const SHOWN: usize = 6;
/// The last block, and the class whose strongest unit is looked at.
const BLOCK: &str = "layer4.1";
const CLASS: Shape = Shape::Star;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it asks for the unit of a shape")?;
    let beside = material.beside("robust")?;
    let mut figure = Figure::new("What the units of a block say to one unit")
        .caption(format!(
            "Your connections (4.12) in {BLOCK}, from those {SHOWN} units behind its first ReLU that say most (weights times mean \
             activation over {SCENES} scenes) to the unit of the output with the largest weight for the class {}. Left: the scene \
             that drives each unit most, lit where it is above half its largest value. Middle: the connection; one scale for each \
             network, red excites, blue inhibits. Right: mean change if the unit is set to 0, over {SILENCED_ON} scenes: predicted from the \
             weights, measured before the block's last ReLU, and measured behind it.",
            CLASS.name(),
        ))
        .columns(3)
        .width(1300);
    for material in [material, &beside] {
        let (scenes, kernels, changes) = row(material)?;
        figure = figure.panel(scenes).panel(kernels).panel(changes);
    }
    Ok(figure)
}

/// The six units that say most: where they are driven, their kernels, and what silencing them does.
fn row(material: &Material) -> Result<(MapGrid, MapGrid, Chart)> {
    let network = material.network();
    let to = strongest(&network.parameter("fc.weight")?.get(CLASS.index())?.to_vec1::<f32>()?);
    let (inside, convolution, norm) = (
        format!("{BLOCK}.relu"),
        format!("{BLOCK}.conv2"),
        format!("{BLOCK}.bn2"),
    );
    let driven = drive(material, &inside)?;
    let mut said = vec![];
    for (from, one) in driven.iter().enumerate() {
        let kernel = connection(network, &convolution, &norm, from, to)?;
        let mean = f64::from(kernel.mean_all()?.to_scalar::<f32>()?) * one.mean;
        said.push((from, mean));
    }
    said.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let shown: Vec<usize> = said[..SHOWN].iter().map(|one| one.0).collect();
    let names = || shown.iter().map(|unit| format!("unit {unit}"));

    let lit = shown
        .iter()
        .map(|&unit| lit(material, &inside, unit, driven[unit].best));
    let kernels = shown
        .iter()
        .map(|&from| connection(network, &convolution, &norm, from, to));
    let scenes = MapGrid::images(&Tensor::stack(&lit.collect::<Result<Vec<_>>>()?, 0)?)?
        .columns(3)
        .labels(names())
        .title(format!("{}: what drives units of {inside}", material.network_name()));
    let kernels = MapGrid::maps(&Tensor::stack(&kernels.collect::<candle_core::Result<Vec<_>>>()?, 0)?)?
        .columns(3)
        .labels(names())
        .scale(Scale::Symmetric)
        .share(Share::All)
        .title(format!("their connections to unit {to} of {BLOCK}"));

    let images = images(material)?;
    let mut changes = [vec![], vec![], vec![]];
    let mut shares = vec![];
    for &from in &shown {
        let map = network
            .capture(&images, &[&inside])?
            .activation(&inside)?
            .narrow(1, from, 1)?
            .squeeze(1)?;
        let predicted = predicted_change(&map, &connection(network, &convolution, &norm, from, to)?, 1)?;
        let before = measured_change(network, &images, (&inside, from), (&format!("{BLOCK}.add"), to))?;
        let behind = measured_change(network, &images, (&inside, from), (BLOCK, to))?;
        shares.push(share_let_through(&predicted, &behind)?);
        for (list, change) in changes.iter_mut().zip([&predicted, &before, &behind]) {
            list.push(f64::from(change.mean_all()?.to_scalar::<f32>()?));
        }
    }
    let [predicted, before, behind] = changes;
    let through = shares.iter().sum::<f64>() / shares.len() as f64;
    let chart = Chart::over(shown.iter().map(usize::to_string))
        .x_label("unit set to 0")
        .title(format!(
            "silencing each: {:.0} % of the change comes through",
            100.0 * through
        ))
        .y_label(format!("mean change of unit {to}"))
        .series(Series::bars("predicted", predicted))
        .series(Series::bars("before the ReLU", before))
        .series(Series::bars("behind it", behind));
    Ok((scenes, kernels, chart))
}

/// A unit's mean activation, and the scene that drives it most.
struct Driven {
    mean: f64,
    best: u64,
}

/// All units of a site.
fn drive(material: &Material, site: &str) -> Result<Vec<Driven>> {
    let mut found: Vec<(f64, u64, f32)> = vec![];
    let mut number = 0;
    for batch in material.batches(0..SCENES, BATCH) {
        let trace = material
            .network()
            .capture(&resnet::normalize(&batch?.pixels)?, &[site])?;
        let maps = trace.activation(site)?.flatten_from(2)?;
        let (means, largest) = (maps.mean(2)?.to_vec2::<f32>()?, maps.max(2)?.to_vec2::<f32>()?);
        for (means, largest) in means.iter().zip(&largest) {
            found.resize(means.len(), (0.0, 0, f32::NEG_INFINITY));
            for ((sum, best, value), (mean, largest)) in found.iter_mut().zip(means.iter().zip(largest)) {
                *sum += f64::from(*mean) / SCENES as f64;
                if largest > value {
                    (*best, *value) = (number, *largest);
                }
            }
            number += 1;
        }
    }
    Ok(found.into_iter().map(|(mean, best, _)| Driven { mean, best }).collect())
}

/// A scene, dark where the unit is below half of its largest value there.
fn lit(material: &Material, site: &str, unit: usize, scene: u64) -> Result<Tensor> {
    let pixels = material.sample(scene)?.pixels;
    let (_, height, width) = pixels.dims3()?;
    let trace = material
        .network()
        .capture(&resnet::normalize(&pixels.unsqueeze(0)?)?, &[site])?;
    let map = trace
        .activation(site)?
        .narrow(1, unit, 1)?
        .upsample_bilinear2d(height, width, false)?;
    let half = f64::from(map.max_all()?.to_scalar::<f32>()?) / 2.0;
    let on = map.gt(half)?.to_dtype(candle_core::DType::F32)?.squeeze(0)?;
    Ok(pixels.broadcast_mul(&on.affine(0.75, 0.25)?)?)
}

/// The scenes on which units are silenced, normalized.
fn images(material: &Material) -> Result<Tensor> {
    let batches = material
        .batches(0..SILENCED_ON, BATCH)
        .map(|batch| Ok(resnet::normalize(&batch?.pixels)?));
    Ok(Tensor::cat(&batches.collect::<Result<Vec<_>>>()?, 0)?)
}

/// The place of the largest number.
fn strongest(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
