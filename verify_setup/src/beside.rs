//! The same network, trained against an adversary, beside the ordinary one: what it answers, and what both want to see.

use std::time::Instant;

use anyhow::Result;
use candle_core::Tensor;
use resnet::ResNet;
use scenes::{Sampler, Shape};
use serde::Serialize;
use studio::optimum::{Recipe, clouds};
use studio::softmax;

use crate::network;

/// Images that are begun for each network, of which the best is shown: some end in a flat field.
const STARTS: usize = 3;
/// Seed of the starts.
const SEED: u64 = 1;
/// How the images are made.
pub const RECIPE: Recipe = Recipe {
    steps: 40,
    ..Recipe::CAREFUL
};

/// What the robust network made of the image, and an image that each network likes.
#[derive(Debug, Serialize)]
pub struct Beside {
    network: &'static str,
    /// The robust network's answer.
    answer: &'static str,
    probability: f32,
    /// The class that the images are made for.
    wanted: &'static str,
    /// Time that both images took.
    seconds: f64,
    /// Of the ordinary and of the robust network, `[3, height, width]` in [0, 1].
    #[serde(skip)]
    pub optima: [Tensor; 2],
    /// The robust network's probabilities, in the order of the classes.
    #[serde(skip)]
    pub probabilities: Vec<f32>,
}

impl Beside {
    /// Shows the robust network the image, and makes an image of `class` for both.
    pub fn new(ordinary: &ResNet, robust: &ResNet, pixels: &Tensor, class: Shape) -> Result<Self> {
        let logits = robust.forward(&network::input(pixels)?)?;
        let probabilities = softmax(&logits.flatten_all()?.to_vec1()?);
        let begun = Instant::now();
        let optima = [optimum(ordinary, class)?, optimum(robust, class)?];
        let seconds = begun.elapsed().as_secs_f64();
        let best = |a: &usize, b: &usize| probabilities[*a].total_cmp(&probabilities[*b]);
        let answer = (0..Shape::COUNT).max_by(best).unwrap_or_default();
        Ok(Self {
            network: "ResNet-18 “robust”",
            answer: Shape::ALL[answer].name(),
            probability: probabilities[answer],
            wanted: class.name(),
            seconds,
            optima,
            probabilities,
        })
    }

    /// Prints it.
    pub fn print(&self) {
        let Self { answer, wanted, .. } = self;
        anstream::println!(
            "\n  The same network trained against an adversary, `robust`, answers: {answer}, {:.1} %.",
            100.0 * self.probability
        );
        anstream::println!(
            "  The figure shows what each of the two would call a {wanted} most, made from grey in {:.1} s.",
            self.seconds
        );
    }
}

/// The image with the highest score for a class, of several begun from grey, `[3, side, side]`.
fn optimum(network: &ResNet, class: Shape) -> Result<Tensor> {
    let score = |images: &Tensor| {
        network
            .forward(&resnet::normalize(images)?)?
            .narrow(1, class.index(), 1)
    };
    let images = RECIPE.make(&clouds(STARTS, Sampler::default().canvas.width, SEED)?, score)?;
    let scores = score(&images)?.flatten_all()?.to_vec1::<f32>()?;
    let best = (0..STARTS).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    Ok(images.get(best.unwrap_or_default())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lesson 03 says why: only the robust network's optimum is what the other would call by the same name.
    #[test]
    fn each_network_is_sure_of_its_own_image() {
        let [ordinary, robust] = checkpoints::NAMES.map(|name| resnet::checkpoints::shipped(name).unwrap());
        let pixels = network::scene(2)
            .unwrap()
            .image
            .to_tensor(&candle_core::Device::Cpu)
            .unwrap();
        let beside = Beside::new(&ordinary, &robust, &pixels, Shape::Star).unwrap();
        assert_eq!((beside.answer, beside.wanted), ("star", "star"));
        for (network, image) in [&ordinary, &robust].into_iter().zip(&beside.optima) {
            let logits = network.forward(&network::input(image).unwrap()).unwrap();
            let probabilities = softmax(&logits.flatten_all().unwrap().to_vec1().unwrap());
            assert!(probabilities[Shape::Star.index()] > 0.9, "{probabilities:?}");
        }
    }
}
