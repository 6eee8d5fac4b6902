//! 5.8: the maps themselves on their way down.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Figure, MapGrid, Scale};
use lesson05::{TOP_DOWN, cascade, rank_correlation, upsample};
use resnet::ResNet;
use studio::{Material, Parts};

use super::methods::{all_maps, asked};
use super::view::{BRIGHTEST, brightest};

pub fn draw(material: &Material) -> Result<Figure> {
    const SEED: u64 = 3;
    let sample = material.image(7)?;
    let images = sample.input()?;
    let network = material.network();
    let mut parts = Parts::default();
    let steps = parts.make("the steps between", || Ok(cascade(network, SEED)?))?;
    let (steps, names, order): (Vec<ResNet>, Vec<String>, String) = match steps {
        Some(steps) => {
            let names = TOP_DOWN.map(|module| format!("+{module}"));
            let order = format!(
                "From left to right your cascade (5.8): nothing at random, then {}, each with all before it",
                TOP_DOWN.join(", ")
            );
            (steps, std::iter::once("trained".into()).chain(names).collect(), order)
        }
        None => {
            let untrained = ResNet::untrained(network.config(), SEED)?;
            let names = vec!["trained".into(), "all".into()];
            let order = "Left: trained; right: all weights at random".into();
            (vec![network.clone(), untrained], names, order)
        }
    };
    let (classes, which) = asked(material, &images, sample.label.as_slice())?;
    let (_, _, height, width) = images.dims4()?;
    let mut rows: Vec<(&str, Vec<Tensor>)> = vec![];
    for step in steps {
        for (row, (name, map)) in all_maps(&mut parts, &step, &images, &classes)?.into_iter().enumerate() {
            match rows.get_mut(row) {
                Some((_, maps)) => maps.push(map),
                None => rows.push((name, vec![map])),
            }
        }
    }
    let mut below = "";
    let mut figure = Figure::new("The maps on the way to a random network");
    for (name, maps) in rows {
        let mut labels = names.clone();
        for (label, map) in labels.iter_mut().zip(&maps).skip(1) {
            let alike = parts.make("ρ", || Ok(rank_correlation(&maps[0].get(0)?, &map.get(0)?)?))?;
            if let Some(alike) = alike {
                below = " Below each: Spearman's ρ with the trained network's map, over the map's own places.";
                *label = format!("{label} {alike:.2}");
            }
        }
        let shown = maps.iter().map(|map| clipped(&upsample(map, height, width)?.get(0)?));
        let shown = shown.collect::<Result<Vec<_>>>()?;
        figure = figure.panel(
            MapGrid::maps(&Tensor::stack(&shown, 0)?)?
                .columns(labels.len())
                .colormap(Colormap::Magma)
                .scale(Scale::Range { min: 0.0, max: 1.0 })
                .labels(labels)
                .title(name),
        );
    }
    Ok(figure.columns(1).width(100 * names.len().max(4) as u32).caption(format!(
        "{}, {}, class {} ({which}). {order}; one draw of fresh weights. Magma, each map from 0 to its own {:.1}th percentile, \
         above which everything is as bright.{below} {}",
        material.network_name(),
        sample.name,
        material.class_name(classes[0] as usize),
        100.0 * BRIGHTEST,
        parts.told(material),
    )))
}

/// From 0 to 1, where 1 is the brightest that is not clipped; an empty map stays 0.
fn clipped(map: &Tensor) -> Result<Tensor> {
    let most = f64::from(brightest(map)?);
    let scale = if most > 0.0 { 1.0 / most } else { 0.0 };
    Ok((map * scale)?.clamp(0.0, 1.0)?)
}
