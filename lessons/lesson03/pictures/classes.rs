//! 3.2: what the ordinary and the robust network would call by each class's name most; 3.5: what another network would.

use anyhow::Result;
use candle_core::{D, Tensor};
use draw::{Figure, ImagePanel};
use lesson03::{Target, score};
use resnet::ResNet;
use scenes::Shape;
use studio::{LeftOut, Material, progress, softmax};

use super::both::{RADIUS, STEPS, from_clouds, networks};
use super::images::{side, width_of_four};
use super::recipe::Recipe;
use super::unit::{self, best, spread_over};

/// Images that are begun for each class, of which the best is shown.
const STARTS: usize = 3;
const COLUMNS: usize = 5;
/// At this width 128 pixels of an image are 128 of the figure.
const WIDTH: u32 = 800;

/// Classes of a network of ImageNet's thousand: goldfish, flamingo, golden retriever, tiger, zebra, sports car, volcano, daisy.
const OF_IMAGENET: [usize; 8] = [1, 130, 207, 292, 340, 817, 980, 985];

/// The two networks of the course side by side; another network alone.
pub fn draw(material: &Material) -> Result<Figure> {
    match networks(material) {
        Ok(networks) if material.wanted().is_empty() => two(material, &networks),
        Err(error) if !error.is::<LeftOut>() => Err(error),
        _ => alone(material),
    }
}

/// Class optima of one network, those of `--class` or some.
fn alone(material: &Material) -> Result<Figure> {
    let network = material.network();
    let count = network.config().classes;
    let classes = match material.wanted() {
        [] if OF_IMAGENET.iter().all(|&class| class < count) => OF_IMAGENET.to_vec(),
        [] => (0..count.min(OF_IMAGENET.len())).collect(),
        wanted => wanted.to_vec(),
    };
    let recipe = Recipe::best(material);
    let mut figure = Figure::new("What one network would call by its classes' names").columns(classes.len().min(4));
    for class in classes {
        let name = material.class_name(class);
        let objective = |images: &Tensor| score(network, images, "fc", Target::Channel(class));
        let (image, _) = best(material, &objective, &recipe, name.into())?;
        let logits = network.forward(&resnet::normalize(&image)?)?.flatten_all()?.to_vec1()?;
        let note = format!("score {:.1}, p = {:.3}", logits[class], softmax(&logits)[class]);
        figure = figure.panel(ImagePanel::new(&image.get(0)?)?.title(name).note(note));
    }
    Ok(figure.width(width_of_four(material)).caption(format!(
        "{}: for each class the image with the highest score, before the softmax: your maximize on {}; the best of {} starts, \
         {side}×{side} pixels. Penalties are multiples of the score's spread over {}. Below each image its score and the \
         probability p that the network gives this class.",
        material.network_name(),
        recipe.words(),
        unit::STARTS,
        spread_over(material),
        side = side(material)
    )))
}

fn two(material: &Material, networks: &[(&str, ResNet); 2]) -> Result<Figure> {
    let bar = progress(2 * Shape::COUNT as u64, "classes");
    let mut panels = vec![];
    for (index, (name, network)) in networks.iter().enumerate() {
        let other = &networks[1 - index].1;
        for shape in Shape::ALL {
            let wish = |images: &Tensor| score(network, images, "fc", Target::Channel(shape.index()));
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
