use candle_core::{D, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use resnet::{PIXEL_DEVIATION, PIXEL_MEAN, ResNet};
use serde::{Deserialize, Serialize};

/// An adversary that may move an image by a Euclidean distance, and moves it so that the loss rises.
///
/// ```math
/// d ← clip(project(d + 2ε/steps · g/‖g‖))        g = ∂loss/∂(x + d)
/// ```
/// It begins at a random place of the ball. `project` brings d back to length ε where it is longer; `clip` keeps x + d in
/// [0, 1], which shortens d.
///
/// **Source** Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks", section 2.1, in the L2
/// ball.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attack {
    /// Largest distance, in pixel values from 0 to 1, over all pixels and channels of an image.
    pub epsilon: f64,
    /// Steps of ascent.
    pub steps: usize,
}

/// Keeps lengths from being 0 where one divides by them.
const TINY: f64 = 1e-12;

impl Attack {
    /// The same adversary with another reach.
    pub fn reaching(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// The changed image.
    ///
    /// - `image`: any number of values in [0, 1]
    /// - `gradient`: the slope of the loss at an image
    pub fn run(
        &self,
        image: &[f32],
        random: &mut ChaCha8Rng,
        mut gradient: impl FnMut(&[f32]) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let mut change: Vec<f32> = (0..image.len()).map(|_| StandardNormal.sample(random)).collect();
        let length = self.epsilon * random.random::<f64>();
        let factor = length / (norm(&change) + TINY);
        scale(&mut change, factor);
        let mut changed: Vec<f32> = image.iter().zip(&change).map(|(x, d)| x + d).collect();
        for _ in 0..self.steps {
            let slope = gradient(&changed)?;
            let step = (2.0 * self.epsilon / self.steps as f64 / (norm(&slope) + TINY)) as f32;
            for (d, g) in change.iter_mut().zip(&slope) {
                *d += step * g;
            }
            let length = norm(&change);
            if length > self.epsilon {
                scale(&mut change, self.epsilon / length);
            }
            for ((changed, d), x) in changed.iter_mut().zip(&mut change).zip(image) {
                *changed = (x + *d).clamp(0.0, 1.0);
                *d = *changed - x;
            }
        }
        changed.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        Ok(changed)
    }

    /// One image, `[3, height, width]` flattened, changed so that the network says less of `target`.
    ///
    /// - `network`: frozen; its batch norm is in evaluation mode
    /// - `target`: the share of each class in the image
    /// - `stream`: the random start; the same for the same number
    pub fn on(
        &self,
        network: &ResNet,
        image: &[f32],
        (height, width): (usize, usize),
        target: &[f32],
        stream: u64,
    ) -> Result<Vec<f32>> {
        let mut random = ChaCha8Rng::seed_from_u64(START_SEED);
        random.set_stream(stream);
        self.run(image, &mut random, |image| {
            Ok(loss_and_slope(network, image, (height, width), target)?.1)
        })
    }
}

/// Seeds the random starts of all attacks.
const START_SEED: u64 = 2018;

/// Cross entropy of one image in [0, 1], `[3, height, width]` flattened, and its gradient.
pub(crate) fn loss_and_slope(
    network: &ResNet,
    image: &[f32],
    (height, width): (usize, usize),
    target: &[f32],
) -> Result<(f32, Vec<f32>)> {
    let area = height * width;
    let mut normalized = Vec::with_capacity(image.len());
    for (channel, plane) in image.chunks_exact(area).enumerate() {
        let (mean, inverse) = (PIXEL_MEAN[channel], 1.0 / PIXEL_DEVIATION[channel]);
        normalized.extend(plane.iter().map(|x| (x - mean) * inverse));
    }
    let input = Var::from_vec(normalized, (1, 3, height, width), &Device::Cpu)?;
    let target = Tensor::from_slice(target, (1, target.len()), &Device::Cpu)?;
    let loss = cross_entropy(&network.forward(&input)?, &target)?;
    let Some(slope) = loss.backward()?.remove(&input) else {
        candle_core::bail!("expected a loss that depends on the image");
    };
    let mut slope = slope.flatten_all()?.to_vec1::<f32>()?;
    for (channel, plane) in slope.chunks_exact_mut(area).enumerate() {
        let inverse = 1.0 / PIXEL_DEVIATION[channel];
        plane.iter_mut().for_each(|g| *g *= inverse);
    }
    Ok((loss.to_scalar()?, slope))
}

/// `−Σ target · log softmax(logits)`, summed over the images.
pub(crate) fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    (candle_nn::ops::log_softmax(logits, D::Minus1)? * targets)?
        .sum_all()?
        .neg()
}

/// Length; sums eight at a time, so that the compiler can use vector registers.
fn norm(values: &[f32]) -> f64 {
    let mut lanes = [0f64; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (lane, &value) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    let rest = rest.iter().map(|&value| f64::from(value) * f64::from(value));
    (lanes.iter().sum::<f64>() + rest.sum::<f64>()).sqrt()
}

fn scale(values: &mut [f32], factor: f64) {
    values.iter_mut().for_each(|value| *value *= factor as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet::Config;

    fn random() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(7)
    }

    fn apart(a: &[f32], b: &[f32]) -> f64 {
        norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
    }

    /// On a linear loss nothing of length ε rises more than ε · ‖slope‖.
    #[test]
    fn where_the_loss_is_linear_it_rises_by_nearly_all_that_is_possible() {
        let image = vec![0.5f32; 400];
        let slope: Vec<f32> = (0..400).map(|i| (i as f32 * 0.7).sin()).collect();
        let attack = Attack {
            epsilon: 1.5,
            steps: 10,
        };
        let changed = attack.run(&image, &mut random(), |_| Ok(slope.clone())).unwrap();
        let terms = changed
            .iter()
            .zip(&image)
            .zip(&slope)
            .map(|((changed, x), g)| f64::from((changed - x) * g));
        let (rise, most) = (terms.sum::<f64>(), 1.5 * norm(&slope));
        assert!(rise > 0.99 * most && rise < 1.0001 * most, "{rise} of {most}");
    }

    #[test]
    fn the_change_stays_in_the_ball_and_the_image_in_its_range() {
        let image: Vec<f32> = (0..300).map(|i| [0.0, 1.0, 0.02, 0.98][i % 4]).collect();
        for steps in [0, 1, 3] {
            for epsilon in [0.0, 0.3, 4.0, 40.0] {
                let attack = Attack { epsilon, steps };
                let changed = attack
                    .run(&image, &mut random(), |x| Ok(x.iter().map(|v| v - 0.3).collect()))
                    .unwrap();
                assert!(
                    apart(&changed, &image) <= epsilon * (1.0 + 1e-5),
                    "{steps} steps of {epsilon}"
                );
                assert!(changed.iter().all(|v| (0.0..=1.0).contains(v)));
            }
        }
    }

    #[test]
    fn the_slope_is_that_of_the_loss_in_pixels() {
        let network = ResNet::untrained(&Config::resnet18().width(4).classes(3), 3).unwrap();
        let image: Vec<f32> = (0..3 * 32 * 40).map(|i| 0.5 + 0.4 * (i as f32 * 0.37).sin()).collect();
        let (size, target) = ((32, 40), [0.5, 0.0, 0.5]);
        let (_, slope) = loss_and_slope(&network, &image, size, &target).unwrap();
        let along = |distance: f32| -> f64 {
            let step = distance / norm(&slope) as f32;
            let moved: Vec<f32> = image.iter().zip(&slope).map(|(x, g)| x + step * g).collect();
            loss_and_slope(&network, &moved, size, &target).unwrap().0.into()
        };
        // The derivative along the slope is its length.
        let measured = (along(0.001) - along(-0.001)) / 0.002;
        assert!(
            (measured / norm(&slope) - 1.0).abs() < 0.05,
            "{measured} against {}",
            norm(&slope)
        );
    }

    #[test]
    fn an_attack_raises_the_loss_of_a_network_more_than_noise_of_the_same_length() {
        let network = ResNet::untrained(&Config::resnet18().width(4).classes(3), 3).unwrap();
        let image: Vec<f32> = (0..3 * 48 * 48).map(|i| 0.5 + 0.3 * (i as f32 * 0.37).sin()).collect();
        let (size, target) = ((48, 48), [0.0, 1.0, 0.0]);
        let loss = |image: &[f32]| loss_and_slope(&network, image, size, &target).unwrap().0;
        let attack = Attack { epsilon: 1.0, steps: 3 };
        let attacked = attack.on(&network, &image, size, &target, 5).unwrap();
        assert_eq!(attacked, attack.on(&network, &image, size, &target, 5).unwrap());
        let noisy = Attack { steps: 0, ..attack }
            .on(&network, &image, size, &target, 5)
            .unwrap();
        assert_ne!(noisy, image);
        assert!(apart(&attacked, &image) <= 1.0 + 1e-5);
        assert!(
            loss(&attacked) > loss(&noisy) + 0.05,
            "{} {} {}",
            loss(&image),
            loss(&noisy),
            loss(&attacked)
        );
    }
}
