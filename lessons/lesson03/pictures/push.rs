//! 3.2: scenes pushed towards another class, in both networks.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel};
use lesson03::{Target, score};
use scenes::Shape;
use studio::Material;

use super::both::{ascend, networks};

/// What the scenes are pushed towards.
const WANTED: Shape = Shape::Star;
/// Scenes of seed 7.
const SCENES: [u64; 5] = [1, 3, 4, 5, 8];
const RADIUS: f64 = 12.0;
const STEPS: usize = 40;
const WIDTH: u32 = 800;

pub fn draw(material: &Material) -> Result<Figure> {
    let networks = networks(material)?;
    let samples = SCENES
        .map(|index| material.sample(index))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let mut figure = Figure::new(format!("Scenes on their way to a {WANTED}"))
        .columns(SCENES.len())
        .width(WIDTH);
    for sample in &samples {
        figure = figure.panel(ImagePanel::new(&sample.pixels)?.title(Shape::ALL[sample.label.unwrap_or(0)].name()));
    }
    let pixels = samples.iter().map(|sample| sample.pixels.clone()).collect::<Vec<_>>();
    let start = Tensor::stack(&pixels, 0)?;
    for (name, network) in &networks {
        let wish = |images: &Tensor| score(network, images, "fc", Target::Channel(WANTED.index()));
        let pushed = ascend(&start, &start, &wish, RADIUS, STEPS)?;
        let (before, after) = (wish(&start)?.to_vec1::<f32>()?, wish(&pushed)?.to_vec1::<f32>()?);
        for n in 0..SCENES.len() {
            let note = format!("score {:.1}, before {:.1}", after[n], before[n]);
            figure = figure.panel(ImagePanel::new(&pushed.get(n)?)?.title(*name).note(note));
        }
    }
    Ok(figure.caption(format!(
        "Above: {}. Middle and below: the same pushed towards the score of {WANTED} by {STEPS} steps of ascent_step (3.2), and kept \
         within {RADIUS} of the scene by into_ball; ResNet-18 “scenes” (ordinary) and “robust”.",
        material.data_name()
    )))
}
