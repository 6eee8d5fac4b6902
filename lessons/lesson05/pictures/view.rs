//! An image and what is asked about it.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Heatmap, ImagePanel, Scale};
use lesson05::{overlay, upsample};
use scenes::{Rendered, Sampler, Scene};
use studio::{Guess, Material, Sample};

/// How much of the colours shows over an image.
pub const OPACITY: f64 = 0.55;

/// The share of a map's values that lies below the brightest colour: a few pixels leave all others dark.
pub const BRIGHTEST: f64 = 0.995;

/// Seed of the scenes with two figures.
pub const PAIRS: u64 = 9;

/// An image and what to ask about it: two classes or more.
pub struct View {
    pub pixels: Tensor,
    pub name: String,
    pub questions: Vec<Guess>,
}

impl View {
    /// Scene `index` with two figures, of which each is asked for; or the learner's image with the classes of `--class` and the
    /// most probable ones.
    pub fn new(material: &Material, index: u64) -> Result<Self> {
        if material.needs_scenes("two figures").is_ok() {
            let sample = Sample::scene(&Sampler::two_figures(), PAIRS, index)?;
            let drawn = sample.rendered.iter().flat_map(|rendered| &rendered.scene.figures);
            let drawn: Vec<usize> = drawn.map(|figure| figure.shape.index()).collect();
            let all = material.guesses(&sample)?;
            return Ok(Self {
                questions: match material.wanted() {
                    [] => drawn.into_iter().map(|class| all[class].clone()).collect(),
                    _ => material.questions(&sample, 2)?,
                },
                pixels: sample.pixels,
                name: format!("scene {index} with two figures"),
            });
        }
        let sample = material.image(index)?;
        Ok(Self {
            questions: material.questions(&sample, 2)?,
            pixels: sample.pixels,
            name: sample.name,
        })
    }

    /// The question of a picture that asks one: the first class of `--class`, or else the one at this place.
    pub fn question(&self, material: &Material, place: usize) -> &Guess {
        let place = if material.wanted().is_empty() { place } else { 0 };
        &self.questions[place.min(self.questions.len() - 1)]
    }

    pub fn input(&self) -> Result<Tensor> {
        Ok(resnet::normalize(&self.pixels.unsqueeze(0)?)?)
    }

    pub fn image(&self) -> Result<ImagePanel> {
        Ok(ImagePanel::new(&self.pixels)?.title("input"))
    }

    /// The map of one class over the image, with its own colour bar, and how probable the network finds it: a map of what is not
    /// there looks like evidence, too.
    pub fn answer(&self, map: &Tensor, title: impl Into<String>, guess: &Guess) -> Result<ImagePanel> {
        Ok(self.under(map, title)?.note(probability(guess)))
    }

    /// The map over the image, with its own colour bar.
    pub fn under(&self, map: &Tensor, title: impl Into<String>) -> Result<ImagePanel> {
        over(&self.pixels, map, title)
    }
}

/// `probability 0.02 %`
pub fn probability(guess: &Guess) -> String {
    format!("probability {}", guess.percent())
}

/// The class as a network's functions take it.
pub fn class(guess: &Guess) -> [u32; 1] {
    [guess.class as u32]
}

/// `map`, `[height, width]`, over `pixels`; the bar begins at 0.
pub fn over(pixels: &Tensor, map: &Tensor, title: impl Into<String>) -> Result<ImagePanel> {
    let (_, height, width) = pixels.dims3()?;
    let largest = upsample(&map.unsqueeze(0)?, height, width)?.max_all()?;
    let largest = largest.to_scalar::<f32>()?;
    let panel = ImagePanel::new(&overlay(pixels, map, OPACITY)?)?.title(title);
    Ok(panel.bar(0.0, if largest > 0.0 { largest } else { 1.0 }, Colormap::Magma))
}

/// The first map of a batch, from 0 to its own [`BRIGHTEST`] percentile.
pub fn heat(maps: &Tensor, title: impl Into<String>) -> Result<Heatmap> {
    let map = maps.get(0)?;
    let max = brightest(&map)?;
    Ok(Heatmap::new(&map)?
        .title(title.into())
        .scale(Scale::Range { min: 0.0, max })
        .colormap(Colormap::Magma)
        .without_bar())
}

/// The value below which [`BRIGHTEST`] of a map's values lie.
pub fn brightest(map: &Tensor) -> Result<f32> {
    let mut values = map.flatten_all()?.to_vec1::<f32>()?;
    values.sort_by(f32::total_cmp);
    let place = ((values.len() - 1) as f64 * BRIGHTEST).round() as usize;
    Ok(values[place])
}

pub fn pairs(indices: std::ops::Range<u64>) -> Result<Vec<Rendered>> {
    let sampler = Sampler::two_figures();
    indices
        .map(|index| Ok(Scene::sample(&sampler, PAIRS, index)?.render()))
        .collect()
}
