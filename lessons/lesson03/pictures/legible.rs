//! 3.2: how many optima of each class a network names rightly that had no part in them.

use anyhow::Result;
use candle_core::{D, Tensor};
use draw::{Chart, Figure};
use lesson03::{Target, score};
use scenes::Shape;
use studio::{Material, progress};

use super::both::{RADIUS, STEPS, from_clouds, networks};

/// Images that are begun for each class.
const STARTS: usize = 5;

pub fn draw(material: &Material) -> Result<Figure> {
    let networks = networks(material)?;
    let bar = progress(2 * Shape::COUNT as u64, "classes");
    let mut chart = Chart::over(Shape::ALL.map(Shape::name))
        .title(format!("of {STARTS} images for each class"))
        .y_label("named rightly by the other network")
        .y_range(0.0..=STARTS as f64);
    for (index, (name, network)) in networks.iter().enumerate() {
        let other = &networks[1 - index].1;
        let mut named = vec![];
        for shape in Shape::ALL {
            let wish = |images: &Tensor| score(network, images, "fc", Target::Channel(shape.index()));
            let images = from_clouds(&wish, STARTS, material.side())?;
            let names = other
                .forward(&resnet::normalize(&images)?)?
                .argmax(D::Minus1)?
                .to_vec1::<u32>()?;
            let right = names.into_iter().filter(|&name| name as usize == shape.index());
            named.push(right.count());
            bar.inc(1);
        }
        let all: usize = named.iter().sum();
        let name = format!("{name}, {all} of {}", STARTS * Shape::COUNT);
        chart = chart.bars(name, named.into_iter().map(|count| count as f64));
    }
    Ok(Figure::new("Legible to somebody else").panel(chart).width(800).caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”: for each class {STARTS} images, made by your ascent_step and into_ball (3.2) \
         from grey with faint clouds, {STEPS} steps, at most {RADIUS} from grey, nothing against noise; and how many of them the \
         network that had no part in them calls by that class."
    )))
}
