//! 1.6: an image on its way: fewer places, more features.

use anyhow::Result;
use draw::{Chart, Figure, Series};
use lesson01::shape_table;
use resnet::Config;
use studio::Material;

pub fn draw(_: &Material) -> Result<Figure> {
    let rows = shape_table(&Config::resnet18(), [1, 3, 224, 224])?;
    let maps: Vec<_> = rows.iter().filter(|(_, shape)| shape.len() == 4).collect();
    let series = |name: &str, of: fn(&[usize]) -> usize| {
        Series::over_index(name, maps.iter().map(|(_, shape)| of(shape) as f64)).markers()
    };
    Ok(Figure::new("From places to features")
        .caption(
            "ResNet-18 on one image of 224×224, by your shape_table (1.6): how many features there are, at how many \
             places along a side, and how many numbers that makes.",
        )
        .panel(
            Chart::over(maps.iter().map(|(name, _)| name.as_str()))
                .x_label("layer")
                .y_label("count")
                .log_y()
                .series(series("numbers in the activation", |shape| shape.iter().product()))
                .series(series("features (channels)", |shape| shape[1]))
                .series(series("places along a side", |shape| shape[2])),
        )
        .width(900))
}
