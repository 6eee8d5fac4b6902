//! 5.9: what the test looks like.

use anyhow::Result;
use candle_core::Device;
use draw::{Figure, MapGrid};
use resnet::checkpoints;
use scenes::{Rendered, Shape};
use studio::Material;

use super::test::test;

pub fn draw(material: &Material) -> Result<Figure> {
    const EACH: usize = 10;
    let test = test(material, EACH)?;
    let all: Vec<Rendered> = test.iter().flat_map(|(_, rendered)| rendered.clone()).collect();
    let images = scenes::batch(&all, &Device::Cpu)?;
    let predicted = checkpoints::case()?.forward(&resnet::normalize(&images)?)?.argmax(1)?;
    let predicted = predicted.to_vec1::<u32>()?;
    let right = all.iter().zip(&predicted);
    let right = right
        .filter(|(one, class)| one.scene.class().index() as u32 == **class)
        .count();
    let labels = predicted.iter().map(|&class| Shape::ALL[class as usize].name());
    Ok(Figure::new("The test of the case")
        .caption(format!(
            "Ten scenes of each class from test_scenes (5.9), a row for each class; below each the answer of the network \
             `case`. {right} of {} are right.",
            all.len()
        ))
        .panel(MapGrid::images(&images)?.columns(EACH).labels(labels))
        .width(800))
}
