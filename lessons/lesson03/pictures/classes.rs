//! 3.2: what the ordinary and the robust network would call by each class's name most.

use anyhow::Result;
use candle_core::D;
use draw::{Figure, ImagePanel};
use lesson03::{Target, score};
use scenes::Shape;
use studio::{Material, progress};

use super::both::{RADIUS, STEPS, from_clouds, networks};

/// Images that are begun for each class, of which the best is shown.
const STARTS: usize = 3;
const COLUMNS: usize = 5;
/// At this width 128 pixels of an image are 128 of the figure.
const WIDTH: u32 = 800;

pub fn draw(material: &Material) -> Result<Figure> {
    let networks = networks(material)?;
    let bar = progress(2 * Shape::COUNT as u64, "classes");
    let mut panels = vec![];
    for (index, (name, network)) in networks.iter().enumerate() {
        let other = &networks[1 - index].1;
        for shape in Shape::ALL {
            let wish = |images: &candle_core::Tensor| score(network, images, "fc", Target::Channel(shape.index()));
            let images = from_clouds(&wish, STARTS, material.side())?;
            let scores = wish(&images)?.to_vec1::<f32>()?;
            let best = (0..STARTS)
                .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
                .unwrap_or_default();
            let image = images.narrow(0, best, 1)?;
            let called = other.forward(&resnet::normalize(&image)?)?.argmax(D::Minus1)?;
            let called = Shape::ALL[called.to_vec1::<u32>()?[0] as usize];
            let panel = ImagePanel::new(&image.get(0)?)?;
            panels.push(
                panel
                    .title(format!("{name}: {shape}"))
                    .note(format!("the other says {called}")),
            );
            bar.inc(1);
        }
    }
    let mut figure = Figure::new("One recipe, one architecture, two ways of training").columns(COLUMNS);
    let robust = panels.split_off(Shape::COUNT);
    for (ordinary, robust) in panels.chunks(COLUMNS).zip(robust.chunks(COLUMNS)) {
        figure = figure.panels(ordinary.to_vec()).panels(robust.to_vec());
    }
    Ok(figure.width(WIDTH).caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”: for each class the image with the highest score, made by your ascent_step and \
         into_ball (3.2) from grey with faint clouds, {STEPS} steps, at most {RADIUS} from grey, nothing against noise; the best of {STARTS} starts. \
         Below each image: what the other network, which had no part in it, calls it."
    )))
}
