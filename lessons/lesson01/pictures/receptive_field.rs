//! 1.8: what one unit in the middle sees.

use anyhow::Result;
use draw::{Chart, Figure, ImagePanel, Region, palette};
use lesson01::receptive_field;
use resnet::{Block, Config, Window};
use scenes::{Sampler, Scene};
use studio::Material;

use super::input::smooth;

pub fn draw(_: &Material) -> Result<Figure> {
    const SIDE: f32 = 224.0;
    const TWO_FIGURES: (u64, u64) = (7, 11);
    let (seed, index) = TWO_FIGURES;
    let image = smooth(&Scene::sample(&Sampler::two_figures(), seed, index)?)?;
    let mut windows = vec![];
    let mut fields = vec![];
    let config = Config::resnet18();
    windows.push(config.stem.convolution());
    fields.push(("conv1".to_string(), receptive_field(&windows)));
    windows.extend(config.stem.pool());
    fields.push(("maxpool".to_string(), receptive_field(&windows)));
    for (stage, blocks) in config.blocks.into_iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            windows.extend([Window::new(3).stride(stride).padding(1), Window::new(3).padding(1)]);
        }
        fields.push((format!("layer{}", stage + 1), receptive_field(&windows)));
    }
    assert_eq!(config.block, Block::Basic);

    let mut panel = ImagePanel::new(&image)?.title("one unit in the middle of each layer");
    for (index, (_, field)) in fields.iter().enumerate() {
        let size = (field.size as f32).min(SIDE);
        let corner = (SIDE - size) / 2.0;
        panel = panel.mark(
            Region {
                x: corner,
                y: corner,
                width: size,
                height: size,
            },
            palette::series(index),
        );
    }
    let names = |fits: fn(f32) -> bool| -> Vec<String> {
        let those = fields.iter().filter(|(_, field)| fits(field.size as f32));
        those.map(|(name, field)| format!("{name} ({})", field.size)).collect()
    };
    let beyond = names(|size| size > SIDE);
    Ok(Figure::new("How much of the image a unit sees")
        .caption(format!(
            "{} on {SIDE}×{SIDE}, by your receptive_field (1.8). The squares, from the inside: {}.{}",
            config.name(),
            names(|size| size <= SIDE).join(", "),
            beyond
                .iter()
                .map(|name| format!(" The field of {name} reaches beyond the image."))
                .collect::<String>(),
        ))
        .panel(panel)
        .panel(
            Chart::over(fields.iter().map(|(name, _)| name.as_str()))
                .bars("size", fields.iter().map(|(_, field)| field.size as f64))
                .bars("stride", fields.iter().map(|(_, field)| field.stride as f64))
                .y_label("pixels of the image")
                .with_numbers()
                .title("size and stride of the receptive field"),
        )
        .width(1100))
}
