//! Images that a network likes, made by the two shortest recipes there are. Lesson 03 builds better ones.

use candle_core::{Device, Result, Tensor, Var, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How an image is made: normalized ascent from grey, in a ball around grey.
///
/// ```math
/// x ← clamp(x + 1.5 · radius / steps · g / ‖g‖),  then back into the ball    g = ∂objective/∂x
/// ```
/// The careful one shows the network the image shifted by up to [`SHIFT`] pixels, another way in each step, and blurs g: with
/// a width of 2.3 pixels at first and of 0.3 at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Steps of ascent.
    pub steps: usize,
    /// Largest Euclidean distance from grey over all pixels and colours, with values in [0, 1].
    pub radius: f64,
    /// Shift the image and blur the gradient.
    pub careful: bool,
}

/// Pixels by which the careful recipe shifts an image at most.
pub const SHIFT: i32 = 6;
/// Cells of colour along a side of a start.
const CELLS: usize = 4;
/// How far a pixel of a start is from grey at most.
const SPREAD: f32 = 0.2;
/// Keeps lengths from being 0 where one divides by them.
const TINY: f64 = 1e-12;

impl Recipe {
    /// Nothing but the ascent. A scene is about as far from grey as the radius.
    pub const PLAIN: Self = Self {
        steps: 60,
        radius: 40.0,
        careful: false,
    };
    /// The ascent with what is cheap against noise.
    pub const CAREFUL: Self = Self {
        careful: true,
        ..Self::PLAIN
    };

    /// Improves each image of a batch, on all cores.
    ///
    /// - `starts`: `[batch, 3, height, width]` with values in [0, 1], such as [`clouds`] gives
    /// - `objective`: one number, of an image `[1, 3, height, width]` in [0, 1]
    ///
    /// **Errors** if the objective does not depend on the image.
    pub fn make(&self, starts: &Tensor, objective: impl Fn(&Tensor) -> Result<Tensor> + Sync) -> Result<Tensor> {
        resnet::by_image(starts, |start| self.ascend(start, &objective))
    }

    fn ascend(&self, start: &Tensor, objective: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut image = start.detach();
        for step in 0..self.steps {
            let (down, right) = if self.careful {
                (random.random_range(-SHIFT..=SHIFT), random.random_range(-SHIFT..=SHIFT))
            } else {
                (0, 0)
            };
            let shown = Var::from_tensor(&image.roll(down, 2)?.roll(right, 3)?)?;
            let value = objective(shown.as_tensor())?.sum_all()?;
            let Some(gradient) = value.backward()?.remove(&shown) else {
                bail!("expected an objective that depends on the image");
            };
            let mut gradient = gradient.detach().roll(-down, 2)?.roll(-right, 3)?;
            if self.careful {
                gradient = blur(&gradient, 2.3 - 2.0 * step as f64 / self.steps as f64)?;
            }
            let length = 1.5 * self.radius / self.steps as f64;
            let moved = (image + (&gradient * (length / (norm(&gradient)? + TINY)))?)?.clamp(0f32, 1f32)?;
            let change = (moved - 0.5)?;
            let share = (self.radius / (norm(&change)? + TINY)).min(1.0);
            image = ((change * share)? + 0.5)?;
        }
        Ok(image)
    }
}

/// Grey images with faint clouds of colour, `[count, 3, side, side]`; each seed gives others.
///
/// An ascent from plain grey often ends in a flat field: nowhere is there anything to begin with.
pub fn clouds(count: usize, side: usize, seed: u64) -> Result<Tensor> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let cells = (0..count * 3 * CELLS * CELLS).map(|_| 0.5 + random.random_range(-SPREAD..SPREAD));
    let cells = Tensor::from_vec(cells.collect::<Vec<f32>>(), (count, 3, CELLS, CELLS), &Device::Cpu)?;
    cells.upsample_bilinear2d(side, side, false)
}

/// How strongly an image drives a direction among the channels of a site: the mean over the map of
///
/// ```math
/// Σ_k d_k/‖d‖ · A[n, k, y, x]
/// ```
/// - `activation`: A, `[batch, channels, height, width]`, or class scores, `[batch, classes]`
/// - `direction`: d, a number per channel. 1 for two of them asks for both *jointly*, 1 and −1 for one *opposed* to the other; a
///   row of a dictionary's encoder asks for its feature
/// - returns `[batch]`, connected to the activation
///
/// **Errors** if there is no number for each channel, or if all are 0.
pub fn along(activation: &Tensor, direction: &[f32]) -> Result<Tensor> {
    let maps = activation
        .flatten_from(1)?
        .reshape((activation.dim(0)?, activation.dim(1)?, ()))?;
    let length = direction.iter().map(|d| d * d).sum::<f32>().sqrt();
    if direction.len() != maps.dim(1)? || length == 0.0 {
        bail!(
            "expected {} numbers, not all of them 0, got {direction:?}",
            maps.dim(1)?
        )
    }
    let direction = Tensor::new(direction, activation.device())?.reshape((1, (), 1))?;
    (maps.broadcast_mul(&direction)?.sum(1)?.mean(1)? / f64::from(length))?.contiguous()
}

/// Euclidean length over everything.
fn norm(x: &Tensor) -> Result<f64> {
    Ok(f64::from(x.sqr()?.sum_all()?.to_scalar::<f32>()?).sqrt())
}

/// A Gaussian blur of `[1, 3, height, width]`, whose weights sum to 1 at the borders too.
fn blur(x: &Tensor, sigma: f64) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let kernel = |side: usize| -> Result<Tensor> {
        let place = Tensor::arange(0f64, side as f64, &Device::Cpu)?;
        let distance = place.unsqueeze(1)?.broadcast_sub(&place)?;
        let weights = (distance.sqr()? / (-2.0 * sigma * sigma))?.exp()?;
        weights.broadcast_div(&weights.sum_keepdim(1)?)?.to_dtype(x.dtype())
    };
    kernel(height)?
        .broadcast_matmul(x)?
        .broadcast_matmul(&kernel(width)?.t()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 16;

    /// Among the images of a ball a linear unit likes grey + radius · w/‖w‖ best.
    #[test]
    fn a_linear_unit_gets_its_own_weights() {
        let waves = (0..3 * SIDE * SIDE).map(|i| (i as f32 * 0.7).sin());
        let weights = Tensor::from_vec(waves.collect::<Vec<f32>>(), (1, 3, SIDE, SIDE), &Device::Cpu).unwrap();
        let recipe = Recipe {
            radius: 5.0,
            ..Recipe::PLAIN
        };
        let grey = Tensor::full(0.5f32, (2, 3, SIDE, SIDE), &Device::Cpu).unwrap();
        let found = recipe.make(&grey, |x| (x * &weights)?.sum_all()).unwrap();
        let best = ((&weights * (5.0 / norm(&weights).unwrap())).unwrap() + 0.5).unwrap();
        for n in 0..2 {
            let apart = norm(&(found.narrow(0, n, 1).unwrap() - &best).unwrap()).unwrap();
            assert!(apart < 1e-3, "image {n} is {apart} from the best one");
        }
    }

    #[test]
    fn along_a_direction_is_the_mean_of_dot_products() {
        let maps = Tensor::new(&[3f32, 1., 5., 7., 0., 2., 1., 1.], &Device::Cpu).unwrap();
        let maps = maps.reshape((2, 2, 1, 2)).unwrap();
        let of = |direction: &[f32]| along(&maps, direction).unwrap().to_vec1::<f32>().unwrap();
        let close = |found: Vec<f32>, expected: [f32; 2]| {
            let apart = found
                .iter()
                .zip(expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(found.len() == 2 && apart < 1e-6, "{found:?}, not {expected:?}");
        };
        // Means of the channels: 2 and 6 in the first image, 1 and 1 in the second.
        close(of(&[1.0, 0.0]), [2.0, 1.0]);
        close(of(&[0.0, -5.0]), [-6.0, -1.0]);
        close(of(&[3.0, 4.0]), [6.0, 1.4]);
        let half = 0.5f32.sqrt();
        close(of(&[1.0, 1.0]), [8.0 * half, 2.0 * half]);
        close(of(&[1.0, -1.0]), [-4.0 * half, 0.0]);
        let scores = Tensor::new(&[[1f32, 2., 4.]], &Device::Cpu).unwrap();
        assert_eq!(
            along(&scores, &[0.0, 0.0, 2.0]).unwrap().to_vec1::<f32>().unwrap(),
            [4.0]
        );
        assert!(along(&scores, &[1.0, 1.0]).is_err() && along(&scores, &[0.0; 3]).is_err());
    }

    /// The gradient of a joint and of an opposed objective through a network, by central differences along its own direction.
    #[test]
    fn the_slope_along_a_direction_is_that_of_finite_differences() {
        let config = resnet::Config::resnet18().width(4).classes(3).stem(resnet::Stem::Cifar);
        let network = resnet::ResNet::untrained(&config, 3).unwrap();
        let image = clouds(1, SIDE, 5).unwrap();
        for signs in [[1f32, 1.0], [1.0, -1.0]] {
            let mut direction = [0f32; 4];
            (direction[1], direction[3]) = (signs[0], signs[1]);
            let value = |x: &Tensor| along(network.capture(x, &["layer1"])?.activation("layer1")?, &direction);
            let shown = Var::from_tensor(&image).unwrap();
            let gradient = value(shown.as_tensor()).unwrap().backward().unwrap();
            let gradient = gradient.get(&shown).unwrap().detach();
            let length = norm(&gradient).unwrap();
            assert!(length > 1e-3, "{signs:?} has no gradient");
            let step = (&gradient * (1e-2 / length)).unwrap();
            let at = |x: Tensor| f64::from(value(&x).unwrap().to_vec1::<f32>().unwrap()[0]);
            let slope = (at((&image + &step).unwrap()) - at((&image - &step).unwrap())) / 2e-2;
            assert!(
                (slope / length - 1.0).abs() < 0.02,
                "{signs:?}: {slope} by differences, {length} by backward"
            );
        }
    }

    #[test]
    fn images_stay_in_the_ball_and_in_their_range() {
        for recipe in [Recipe::PLAIN, Recipe::CAREFUL] {
            let recipe = Recipe { radius: 8.0, ..recipe };
            let corner = |x: &Tensor| x.narrow(2, 0, 4)?.narrow(3, 0, 4)?.sum_all();
            let found = recipe.make(&clouds(2, SIDE, 1).unwrap(), corner).unwrap();
            for n in 0..2 {
                let change = (found.narrow(0, n, 1).unwrap() - 0.5).unwrap();
                let (length, largest) = (norm(&change).unwrap(), change.abs().unwrap().max_all().unwrap());
                assert!(length < 8.001, "{recipe:?}: {length}");
                assert!(largest.to_scalar::<f32>().unwrap() <= 0.5, "{recipe:?}");
            }
        }
    }

    #[test]
    fn a_blur_keeps_a_flat_image_and_takes_fine_stripes() {
        let flat = Tensor::full(0.3f32, (1, 3, SIDE, SIDE), &Device::Cpu).unwrap();
        assert!(norm(&(blur(&flat, 2.3).unwrap() - &flat).unwrap()).unwrap() < 1e-4);
        let stripes = (0..3 * SIDE * SIDE).map(|i| [1f32, -1.0][i % 2]);
        let stripes = Tensor::from_vec(stripes.collect::<Vec<f32>>(), (1, 3, SIDE, SIDE), &Device::Cpu).unwrap();
        let middle = |x: Tensor| norm(&x.narrow(3, 4, SIDE - 8).unwrap()).unwrap();
        assert!(middle(blur(&stripes, 2.3).unwrap()) < 0.05 * middle(stripes.clone()));
    }

    #[test]
    fn a_dead_unit_leaves_the_image_as_it_is_and_a_constant_is_refused() {
        let start = clouds(1, SIDE, 2).unwrap();
        let dead = Recipe::PLAIN.make(&start, |x| (x - 2.0)?.relu()?.sum_all()).unwrap();
        assert!(norm(&(dead - &start).unwrap()).unwrap() < 1e-4);
        let error = Recipe::PLAIN
            .make(&start, |_| Tensor::new(1f32, &Device::Cpu))
            .unwrap_err();
        assert!(error.to_string().contains("depends on the image"), "{error}");
    }
}
