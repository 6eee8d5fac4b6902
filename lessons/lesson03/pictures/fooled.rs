//! 3.9: how far images have to go until the answer turns, in both networks.

use anyhow::Result;
use candle_core::{D, Tensor};
use draw::{Chart, Figure, ImagePanel, Series};
use lesson03::{Goal, HALVINGS, fool, smallest_change};
use resnet::ResNet;
use scenes::Shape;
use studio::{Material, progress};

use super::both::networks;

/// Scenes that are attacked for the curves.
const COUNT: u64 = 48;
/// Distances for the curves.
const RADII: [f64; 10] = [0.125, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0];
/// Scenes that are shown, and what each is to become: anything else, or this.
const SHOWN: [(u64, Option<Shape>); 4] = [(1, None), (4, None), (5, Some(Shape::Star)), (8, Some(Shape::Heart))];
/// Farther than any of them needs, and not much: the steps of a wide ball are too long for the ordinary network.
const LARGEST: f64 = 12.0;
const STEPS: usize = 10;
const WIDTH: u32 = 800;

pub fn draw(material: &Material) -> Result<Figure> {
    let networks = networks(material)?;
    let bar = progress(2 * (RADII.len() + SHOWN.len()) as u64, "attacks");
    let mut chart = Chart::new()
        .title("scenes that no attack up to ε has turned")
        .x_label("ε, distance from the scene")
        .y_label("% still called rightly")
        .y_range(0.0..=100.0)
        .log_x();
    for (name, network) in &networks {
        let left = standing(material, network, &|| bar.inc(1))?;
        let points = RADII.into_iter().zip(left);
        chart = chart.series(Series::new(*name, points).markers());
    }
    let mut figure = Figure::new("How little turns an answer")
        .columns(5)
        .panel(chart)
        .next_row();
    for (index, goal) in SHOWN {
        let sample = material.sample(index)?;
        let own = Shape::ALL[sample.label.unwrap_or(0)];
        let wanted = goal.map_or("anything else".to_string(), |shape| shape.to_string());
        let panel = ImagePanel::new(&sample.pixels)?.title(own.name());
        figure = figure.panel(panel.note(format!("to become {wanted}")));
        for (name, network) in &networks {
            let scores = |images: &Tensor| network.forward(&resnet::normalize(images)?);
            let (class, goal) = goal.map_or((own, Goal::Leave), |shape| (shape, Goal::Reach));
            let scene = sample.pixels.unsqueeze(0)?;
            let found = smallest_change(&scene, &scores, class.index() as u32, goal, LARGEST, STEPS)?;
            bar.inc(1);
            let Some((radius, changed)) = found else {
                let panel = ImagePanel::new(&sample.pixels)?.title(*name);
                figure = figure
                    .panel(panel.note(format!("not within {LARGEST}")))
                    .panel(blank(&sample.pixels)?);
                continue;
            };
            let answer = scores(&changed)?.argmax(D::Minus1)?.to_vec1::<u32>()?[0] as usize;
            let (amplified, times) = amplified(&(&changed - &scene)?)?;
            let panel = ImagePanel::new(&changed.get(0)?)?.title(format!("{name}, ε = {radius:.2}"));
            figure = figure
                .panel(panel.note(format!("called {}", Shape::ALL[answer])))
                .panel(ImagePanel::new(&amplified.get(0)?)?.title(format!("change × {times:.1}")));
        }
    }
    Ok(figure.width(WIDTH).caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”, {}. Above: of {COUNT} scenes those that are called rightly and stay so \
         under your fool (3.9), {STEPS} steps to leave their class, at this and all smaller distances. Below: the smallest \
         change that your smallest_change finds for four scenes, on each network; {STEPS} steps, {HALVINGS} halvings of {LARGEST}. \
         Beside each the change itself around grey, multiplied until one value is black or white.",
        material.data_name(),
    )))
}

/// Per cent of scenes that are called rightly, and still so after attacks within each of the distances and all smaller ones.
fn standing(material: &Material, network: &ResNet, done: &dyn Fn()) -> Result<Vec<f64>> {
    let scores = |images: &Tensor| network.forward(&resnet::normalize(images)?);
    let answers = |images: &Tensor| scores(images)?.argmax(D::Minus1)?.to_vec1::<u32>();
    // Each with its class.
    let mut left = vec![];
    for batch in material.batches(0..COUNT, 16) {
        let batch = batch?;
        for (n, answer) in answers(&batch.pixels)?.into_iter().enumerate() {
            if answer as usize == batch.labels[n] {
                left.push((batch.pixels.narrow(0, n, 1)?, answer));
            }
        }
    }
    let mut shares = vec![];
    for radius in RADII {
        let mut next = vec![];
        for some in left.chunks(8) {
            let images = Tensor::cat(&some.iter().map(|(image, _)| image).collect::<Vec<_>>(), 0)?;
            let classes: Vec<u32> = some.iter().map(|&(_, class)| class).collect();
            let changed = fool(&images, &scores, &classes, Goal::Leave, radius, STEPS)?;
            let kept = some.iter().zip(answers(&changed)?);
            next.extend(
                kept.filter(|((_, class), answer)| class == answer)
                    .map(|(one, _)| one.clone()),
            );
        }
        left = next;
        shares.push(100.0 * left.len() as f64 / COUNT as f64);
        done();
    }
    Ok(shares)
}

/// A change around grey, so large that one value is black or white, and how often it was multiplied.
fn amplified(change: &Tensor) -> Result<(Tensor, f64)> {
    let largest = f64::from(change.abs()?.max_all()?.to_scalar::<f32>()?);
    let times = 0.5 / largest.max(1e-6);
    Ok((((change * times)? + 0.5)?, times))
}

/// Grey, where nothing was found.
fn blank(pixels: &Tensor) -> Result<ImagePanel> {
    Ok(ImagePanel::new(&pixels.affine(0.0, 0.5)?)?)
}
