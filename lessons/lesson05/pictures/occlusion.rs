//! 5.10: a patch over the image, in both networks.

use anyhow::Result;
use draw::{Figure, Heatmap, Scale};
use lesson05::{Patch, class_logits, occlusion};
use scenes::Shape;
use studio::Material;

use super::methods::named;
use super::shipped::compared;
use super::view::View;

const GREY: [f32; 3] = [0.5; 3];
const BLACK: [f32; 3] = [0.0; 3];

/// A patch over a seventh of the image's width, moved by half of that.
fn small(width: usize) -> Patch {
    Patch {
        side: width / 7,
        stride: width / 14,
        colour: GREY,
    }
}

pub fn draw(material: &Material) -> Result<Figure> {
    let view = View::new(material, 2)?;
    let input = view.input()?;
    let asked_for = |place: usize| {
        let guess = view.question(material, place);
        (guess.class as u32, guess.name.clone())
    };
    let ((first, first_name), (second, second_name)) = (asked_for(0), asked_for(1));
    let small = small(input.dim(3)?);
    let large = Patch {
        side: 2 * small.side,
        ..small
    };
    let black = Patch { colour: BLACK, ..small };
    let title = |name: &str, patch: &Patch| {
        let colour = if patch.colour == GREY { "grey" } else { "black" };
        format!("{name}, {colour} {}", patch.side)
    };
    let mut asked = vec![
        (first, first_name.as_str(), small),
        (second, second_name.as_str(), small),
        (first, first_name.as_str(), large),
        (first, first_name.as_str(), black),
    ];
    if material.needs_scenes("").is_ok() {
        asked.push((Shape::Square.index() as u32, Shape::Square.name(), black));
    }
    let mut figure = Figure::new("What the logit loses where a patch lies")
        .columns(asked.len() + 1)
        .width(1250);
    for (name, network) in &compared(material)? {
        figure = figure.panel(view.image()?.title(*name));
        for (class, class_name, patch) in &asked {
            let title = title(class_name, patch);
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
        "{}, {}. Your occlusion (5.10): patches of {} and {} pixels, stride {}; the class asked for and the patch's colour stand \
         above each map. Blue–red around 0, each map with its own bar: red where the logit falls when the place is covered.",
        named(material),
        view.name,
        small.side,
        large.side,
        small.stride,
    )))
}
