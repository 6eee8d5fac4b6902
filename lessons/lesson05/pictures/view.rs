//! An image and what is asked about it.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Colormap, ImagePanel};
use lesson05::{overlay, upsample};
use scenes::{Rendered, Sampler, Scene};
use studio::Material;

/// How much of the colours shows over an image.
pub const OPACITY: f64 = 0.55;

/// Seed of the scenes with two figures.
pub const PAIRS: u64 = 9;

/// An image and two classes to ask about.
pub struct View {
    pub pixels: Tensor,
    pub name: String,
    pub classes: [(u32, String); 2],
}

impl View {
    /// Scene `index` with two figures; or the learner's image with the two most probable classes.
    pub fn new(material: &Material, index: u64) -> Result<Self> {
        if material.needs_scenes("two figures").is_ok() {
            let rendered = Scene::sample(&Sampler::two_figures(), PAIRS, index)?.render();
            let class = |figure: usize| {
                let shape = rendered.scene.figures[figure].shape;
                (shape.index() as u32, shape.to_string())
            };
            return Ok(Self {
                pixels: rendered.image.to_tensor(&Device::Cpu)?,
                name: format!("scene {index} with two figures"),
                classes: [class(0), class(1)],
            });
        }
        let sample = material.image(index)?;
        let answer = material.answer(&sample)?;
        let class = |rank: usize| {
            let guess = &answer[rank.min(answer.len() - 1)];
            let name = guess.name.split(',').next().unwrap_or(&guess.name);
            (guess.class as u32, name.to_string())
        };
        Ok(Self {
            classes: [class(0), class(1)],
            pixels: sample.pixels,
            name: sample.name,
        })
    }

    pub fn input(&self) -> Result<Tensor> {
        Ok(resnet::normalize(&self.pixels.unsqueeze(0)?)?)
    }

    pub fn image(&self) -> Result<ImagePanel> {
        Ok(ImagePanel::new(&self.pixels)?.title("input"))
    }

    /// The map over the image, with its own colour bar.
    pub fn under(&self, map: &Tensor, title: impl Into<String>) -> Result<ImagePanel> {
        over(&self.pixels, map, title)
    }
}

/// `map`, `[height, width]`, over `pixels`; the bar begins at 0.
pub fn over(pixels: &Tensor, map: &Tensor, title: impl Into<String>) -> Result<ImagePanel> {
    let (_, height, width) = pixels.dims3()?;
    let largest = upsample(&map.unsqueeze(0)?, height, width)?.max_all()?;
    let largest = largest.to_scalar::<f32>()?;
    let panel = ImagePanel::new(&overlay(pixels, map, OPACITY)?)?.title(title);
    Ok(panel.bar(0.0, if largest > 0.0 { largest } else { 1.0 }, Colormap::Magma))
}

pub fn pairs(indices: std::ops::Range<u64>) -> Result<Vec<Rendered>> {
    let sampler = Sampler::two_figures();
    indices
        .map(|index| Ok(Scene::sample(&sampler, PAIRS, index)?.render()))
        .collect()
}
