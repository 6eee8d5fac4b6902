//! 5.8: the maps themselves on their way down.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Figure, MapGrid, Scale};
use lesson05::{TOP_DOWN, cascade, rank_correlation, upsample};
use resnet::ResNet;
use studio::{Material, Parts};

use super::methods::{all_maps, asked};

pub fn draw(material: &Material) -> Result<Figure> {
    const SEED: u64 = 3;
    let sample = material.image(7)?;
    let images = sample.input()?;
    let network = material.network();
    let mut parts = Parts::default();
    let steps = parts.make("the steps between", || Ok(cascade(network, SEED)?))?;
    let (steps, names): (Vec<ResNet>, Vec<String>) = match steps {
        Some(steps) => {
            let names = TOP_DOWN.map(|module| format!("+{module}"));
            (steps, std::iter::once("trained".into()).chain(names).collect())
        }
        None => {
            let untrained = ResNet::untrained(network.config(), SEED)?;
            (vec![network.clone(), untrained], vec!["trained".into(), "all".into()])
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
    let mut figure = Figure::new("The maps on the way to a random network");
    for (name, maps) in rows {
        let mut labels = names.clone();
        for (label, map) in labels.iter_mut().zip(&maps).skip(1) {
            let alike = parts.make("ρ", || Ok(rank_correlation(&maps[0].get(0)?, &map.get(0)?)?))?;
            if let Some(alike) = alike {
                *label = format!("{label} {alike:.2}");
            }
        }
        let shown = maps
            .iter()
            .map(|map| lesson05::relative(&upsample(map, height, width)?)?.get(0));
        let shown = shown.collect::<candle_core::Result<Vec<_>>>()?;
        figure = figure.panel(
            MapGrid::maps(&Tensor::stack(&shown, 0)?)?
                .columns(labels.len())
                .colormap(Colormap::Magma)
                .scale(Scale::Range { min: 0.0, max: 1.0 }) // as 5.4's relative leaves them
                .labels(labels)
                .title(name),
        );
    }
    Ok(figure.columns(1).width(100 * names.len().max(4) as u32).caption(format!(
        "{}, {}, class {} ({which}). From left to right your cascade (5.8): nothing at random, then {}, each with all before \
         it. Magma, each map from 0 to its own maximum. Below each: Spearman's ρ with the trained network's map, over the map's own \
         places. {}",
        material.network_name(),
        sample.name,
        material.class_name(classes[0] as usize),
        TOP_DOWN.join(", "),
        parts.told(material),
    )))
}
