//! 5.8: the maps themselves on their way down.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Figure, MapGrid};
use lesson05::{TOP_DOWN, cascade, upsample};
use studio::Material;

use super::methods::all_maps;

pub fn draw(material: &Material) -> Result<Figure> {
    const SEED: u64 = 3;
    let sample = material.image(7)?;
    let images = sample.input()?;
    let networks = cascade(material.network(), SEED)?;
    let class = match sample.label {
        Some(label) => label as u32,
        None => material
            .network()
            .forward(&images)?
            .get(0)?
            .argmax(0)?
            .to_scalar::<u32>()?,
    };
    let (_, _, height, width) = images.dims4()?;
    let mut rows: Vec<(&str, Vec<Tensor>)> = vec![];
    for network in &networks {
        for (row, (name, map)) in all_maps(network, &images, &[class])?.into_iter().enumerate() {
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
        "{}, {}, class {}. From left to right your cascade (5.8): nothing at random, fc, fc and layer4, …, everything. Magma, \
         each map from 0 to its own maximum.",
        material.network_name(),
        sample.name,
        material.class_name(class as usize)
    ));
    for (name, maps) in rows {
        figure = figure.panel(
            MapGrid::maps(&Tensor::stack(&maps, 0)?)?
                .columns(labels.len())
                .colormap(Colormap::Magma)
                .labels(labels.iter())
                .title(name),
        );
    }
    Ok(figure.columns(1).width(660))
}
