//! 5.9: where it looks.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Figure, MapGrid};
use lesson05::{grad_cam, overlay};
use resnet::checkpoints;
use studio::Material;

use super::test::test;
use super::view::OPACITY;

pub fn draw(material: &Material) -> Result<Figure> {
    const EACH: usize = 5;
    let network = checkpoints::case()?;
    let mut overlays = vec![];
    let mut labels = vec![];
    for (shape, rendered) in test(material, EACH)? {
        let pixels = scenes::batch(&rendered, &Device::Cpu)?;
        let classes = vec![shape.index() as u32; rendered.len()];
        let maps = grad_cam(&network, &resnet::normalize(&pixels)?, &classes, "layer3")?;
        for i in 0..rendered.len() {
            overlays.push(pixels.get(i)?);
            overlays.push(overlay(&pixels.get(i)?, &maps.get(i)?, OPACITY)?);
            labels.extend([shape.name(), ""]);
        }
    }
    Ok(Figure::new("Where the network of the case looks")
        .caption(
            "Five scenes of each class from test_scenes (5.9), and beside each your grad_cam (5.3) of the network `case` at \
             layer3 for the scene's class, by your overlay (5.4). Magma, each map from 0 to its own maximum.",
        )
        .panel(MapGrid::images(&Tensor::stack(&overlays, 0)?)?.columns(2 * EACH).labels(labels))
        .width(800))
}
