//! 3.8: a unit made by hand, which answers to fine stripes and, less, to blue.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Figure, ImagePanel};
use lesson03::{Target, Wobble, objective, top_examples};
use resnet::{Window, ops};
use studio::Material;

use super::images::{WIDTH_OF_SIX, shown, side};
use super::making::{Wish, make};
use super::recipe::{PLAIN, Recipe, STILL};

pub fn draw(material: &Material) -> Result<Figure> {
    const KERNEL: usize = 8;
    const COUNT: u64 = 400;
    material.needs_scenes("its unit is made for a world without fine stripes")?;
    let places = KERNEL * KERNEL;
    let stripes = (0..3 * places).map(|i| if i % 4 < 2 { 1.0f32 } else { -1.0 });
    let blue = (0..3 * places).map(|i| if i / places == 2 { 0.5f32 } else { -0.35 });
    let kernels: Vec<f32> = stripes.chain(blue).collect();
    let kernels = Tensor::from_vec(kernels, (2, 3, KERNEL, KERNEL), &Device::Cpu)?;
    let unit = |images: &Tensor| {
        let window = Window::new(KERNEL).stride(2);
        let both = ops::relu(&ops::conv2d(images, &kernels, window)?)?;
        objective(&both.sum_keepdim(1)?, Target::Channel(0))
    };
    let wish = Wish {
        objective: &unit,
        scale: 0.0,
    };
    // Fainter than what the filter for blue answers to.
    let plain = Recipe { start: 0.02, ..PLAIN };
    let jitter = Recipe {
        wobble: Wobble { jitter: 8, ..STILL },
        ..plain
    };
    let (recipe, waits) = if jitter.can_be_made() {
        (jitter, "")
    } else {
        material.remark("not moved; jitter needs 3.4");
        (plain, "; jitter needs 3.4")
    };
    let (image, _) = make(material, &wish, &recipe, 1, side(material), "decoy".into())?;
    let reached = unit(&image)?.to_vec1::<f32>()?[0];
    let mut figure = Figure::new("A unit that wants one thing and finds another")
        .columns(6)
        .width(WIDTH_OF_SIX)
        .caption(format!(
            "A unit made by hand from two filters of {KERNEL}×{KERNEL}: fine stripes, and half as strong blue; ReLU, sum, mean \
             over all places. Left: its optimum ({}{waits}). Then the best five of {COUNT} {}, shown \
             without their grain. Below: the objective.",
            recipe.words(),
            material.data_name()
        ))
        .panel(
            ImagePanel::new(&image.get(0)?)?
                .title("optimum")
                .note(format!("{reached:.1}")),
        );
    let mut scores = vec![];
    for batch in material.batches(0..COUNT, 50) {
        scores.extend(unit(&batch?.pixels)?.to_vec1::<f32>()?);
    }
    for index in top_examples(&scores, 5) {
        let panel = ImagePanel::new(&shown(&material.sample(index as u64)?)?)?;
        let panel = panel.title(format!("image {index}"));
        figure = figure.panel(panel.note(format!("{:.1}", scores[index])));
    }
    Ok(figure)
}
