//! 5.10: a patch over the image, in both networks.

use anyhow::Result;
use draw::{Figure, Heatmap, Scale};
use lesson05::{Patch, class_logits, occlusion};
use scenes::Shape;
use studio::Material;

use super::shipped::networks;
use super::view::View;

const GREY: [f32; 3] = [0.5; 3];
const BLACK: [f32; 3] = [0.0; 3];

const SMALL: Patch = Patch {
    side: 32,
    stride: 16,
    colour: GREY,
};
const LARGE: Patch = Patch { side: 64, ..SMALL };

pub fn draw(material: &Material) -> Result<Figure> {
    let view = View::new(material, 2)?;
    let input = view.input()?;
    let asked_for = |place: usize| {
        let guess = view.question(material, place);
        (guess.class as u32, guess.name.clone())
    };
    let ((first, first_name), (second, second_name)) = (asked_for(0), asked_for(1));
    let black = Patch { colour: BLACK, ..SMALL };
    let asked = [
        (first, format!("{first_name}, grey 32"), SMALL),
        (second, format!("{second_name}, grey 32"), SMALL),
        (first, format!("{first_name}, grey 64"), LARGE),
        (first, format!("{first_name}, black 32"), black),
        (Shape::Square.index() as u32, "square, black 32".to_string(), black),
    ];
    let mut figure = Figure::new("What the logit loses where a patch lies")
        .columns(asked.len() + 1)
        .width(1250);
    for (name, network) in &networks(material)? {
        figure = figure.panel(view.image()?.title(*name));
        for (class, title, patch) in &asked {
            let map = occlusion(network, &input, &[*class], patch)?.get(0)?;
            let logit = class_logits(network, &input, &[*class])?.to_vec1::<f32>()?[0];
            let (least, most) = (map.min_all()?.to_scalar::<f32>()?, map.max_all()?.to_scalar::<f32>()?);
            material.remark(format!(
                "{name:8} {title:20} logit {logit:6.2}, drops from {least:6.2} to {most:6.2}"
            ));
            let panel = Heatmap::new(&map)?.title(title).scale(Scale::Symmetric);
            figure = figure.panel(panel.quantity(format!("logit {logit:.2}")));
        }
    }
    Ok(figure.caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”, {}. Your occlusion (5.10): patches of 32 and 64 pixels, stride 16; the class \
         asked for and the patch's colour stand above each map. Blue–red around 0, each map with its own bar: red where the logit \
         falls when the place is covered.",
        view.name
    )))
}
