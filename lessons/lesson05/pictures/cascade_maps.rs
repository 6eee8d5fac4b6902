//! 5.8: the maps themselves on their way down.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Figure, MapGrid, Scale};
use lesson05::{TOP_DOWN, cascade, upsample};
use studio::Material;

use super::methods::{all_maps, asked};

pub fn draw(material: &Material) -> Result<Figure> {
    const SEED: u64 = 3;
    let sample = material.image(7)?;
    let images = sample.input()?;
    let networks = cascade(material.network(), SEED)?;
    let (classes, which) = asked(material, &images, sample.label.as_slice())?;
    let (_, _, height, width) = images.dims4()?;
    let mut rows: Vec<(&str, Vec<Tensor>)> = vec![];
    for network in networks {
        for (row, (name, map)) in all_maps(&network, &images, &classes)?.into_iter().enumerate() {
            let map = lesson05::relative(&upsample(&map, height, width)?)?.get(0)?;
            match rows.get_mut(row) {
                Some((_, maps)) => maps.push(map),
                None => rows.push((name, vec![map])),
            }
        }
    }
    let labels: Vec<String> = std::iter::once("trained".to_string())
        .chain(TOP_DOWN.map(|module| format!("+ {module}")))
        .collect();
    let mut figure = Figure::new("The maps on the way to a random network").caption(format!(
        "{}, {}, class {} ({which}). From left to right your cascade (5.8): nothing at random, then {}, each with all before \
         it. Magma, each map from 0 to its own maximum.",
        material.network_name(),
        sample.name,
        material.class_name(classes[0] as usize),
        TOP_DOWN.join(", "),
    ));
    for (name, maps) in rows {
        figure = figure.panel(
            MapGrid::maps(&Tensor::stack(&maps, 0)?)?
                .columns(labels.len())
                .colormap(Colormap::Magma)
                .scale(Scale::Range { min: 0.0, max: 1.0 }) // as 5.4's relative leaves them
                .labels(labels.iter())
                .title(name),
        );
    }
    Ok(figure.columns(1).width(660))
}
