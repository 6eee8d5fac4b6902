//! What is done to an image in each step of a long ascent, in one pass over the pixels each.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// Beyond so many widths a Gaussian counts as 0: there it is 4e-6 of its peak.
const REACH: f64 = 5.0;

/// A Gaussian blur whose weights sum to 1 at the borders too; differentiable.
///
/// Weighs each pixel's surroundings as two products with n×n matrices would (3.3), but looks at those that count alone.
#[derive(Clone, Debug)]
pub struct Smoother {
    down: Band,
    across: Band,
}

/// A matrix `[side, side]` with numbers near its diagonal only.
#[derive(Clone, Debug)]
struct Band {
    side: usize,
    /// How far from the diagonal they reach.
    reach: usize,
    /// `[2·reach + 1][side]`: at (offset, row) the number in column row + offset − reach.
    weights: Vec<f32>,
}

impl Band {
    fn gaussian(side: usize, sigma: f64) -> Self {
        let reach = ((REACH * sigma).ceil() as usize).min(side - 1);
        let mut weights = vec![0.0; (2 * reach + 1) * side];
        for row in 0..side {
            let columns = row.saturating_sub(reach)..(row + reach + 1).min(side);
            let weight = |column: usize| (-(column as f64 - row as f64).powi(2) / (2.0 * sigma * sigma)).exp();
            let sum: f64 = columns.clone().map(weight).sum();
            for column in columns {
                weights[(column + reach - row) * side + row] = (weight(column) / sum) as f32;
            }
        }
        Self { side, reach, weights }
    }

    fn transposed(&self) -> Self {
        let Self { side, reach, .. } = *self;
        let mut weights = vec![0.0; self.weights.len()];
        for offset in 0..=2 * reach {
            for row in 0..side {
                if let Some(column) = (row + offset).checked_sub(reach).filter(|&column| column < side) {
                    weights[(2 * reach - offset) * side + column] = self.weights[offset * side + row];
                }
            }
        }
        Self { side, reach, weights }
    }

    /// For each offset: the rows whose column row + offset − reach exists, and the first such column.
    fn parts(&self) -> impl Iterator<Item = (std::ops::Range<usize>, usize, &[f32])> {
        let Self { side, reach, .. } = *self;
        self.weights
            .chunks_exact(side)
            .enumerate()
            .map(move |(offset, weights)| {
                let first = reach.saturating_sub(offset);
                let end = side.min(side + reach - offset);
                (first..end, first + offset - reach, &weights[first..end])
            })
    }

    /// Rows of `from`, each `across.side` long, times this matrix from the left.
    fn down(&self, from: &[f32], to: &mut [f32], width: usize) {
        for (rows, first, weights) in self.parts() {
            let targets = to[rows.start * width..rows.end * width].chunks_exact_mut(width);
            let sources = from[first * width..].chunks_exact(width);
            for ((target, source), &weight) in targets.zip(sources).zip(weights) {
                target
                    .iter_mut()
                    .zip(source)
                    .for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }

    /// Each row of `from` times this matrix from the right, transposed.
    fn across(&self, from: &[f32], to: &mut [f32]) {
        for (source, target) in from.chunks_exact(self.side).zip(to.chunks_exact_mut(self.side)) {
            for (columns, first, weights) in self.parts() {
                let sums = target[columns].iter_mut().zip(&source[first..]).zip(weights);
                sums.for_each(|((sum, value), weight)| *sum += weight * value);
            }
        }
    }
}

impl Smoother {
    /// For images of this size and a blur of width `sigma`, in pixels.
    ///
    /// **Errors** if there is no pixel or σ is not positive.
    pub fn new(height: usize, width: usize, sigma: f64) -> Result<Self> {
        if height * width == 0 || sigma.is_nan() || sigma <= 0.0 {
            bail!("expected pixels and a positive sigma, got {height}×{width} and {sigma}");
        }
        Ok(Self {
            down: Band::gaussian(height, sigma),
            across: Band::gaussian(width, sigma),
        })
    }

    /// Blurs f32 images `[…, height, width]`.
    ///
    /// **Errors** if they are of another size or type.
    pub fn blur(&self, images: &Tensor) -> Result<Tensor> {
        images.contiguous()?.apply_op1(self.clone())
    }
}

impl CustomOp1 for Smoother {
    fn name(&self) -> &'static str {
        "blur"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [.., height, width] = *layout.dims() else {
            bail!("expected images, got {:?}", layout.dims())
        };
        let (CpuStorage::F32(values), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("expected contiguous images of f32")
        };
        if (height, width) != (self.down.side, self.across.side) {
            bail!(
                "expected images of {}×{}, got {height}×{width}",
                self.down.side,
                self.across.side
            )
        }
        let values = &values[start..end];
        let mut between = vec![0f32; values.len()];
        let mut blurred = vec![0f32; values.len()];
        for (from, to) in values
            .chunks_exact(height * width)
            .zip(between.chunks_exact_mut(height * width))
        {
            self.down.down(from, to, width);
        }
        self.across.across(&between, &mut blurred);
        Ok((CpuStorage::F32(blurred), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let back = Self {
            down: self.down.transposed(),
            across: self.across.transposed(),
        };
        back.blur(gradient).map(Some)
    }
}

/// Images with values in [0, 1], each no further from grey than `radius` over all its pixels and colours: those beyond are cut
/// off or pulled back.
///
/// - `images`: f32, `[batch, 3, height, width]`; returns the same shape, not connected to the graph
///
/// **Errors** if they are of another rank or type.
pub fn in_ball(images: &Tensor, radius: f64) -> Result<Tensor> {
    let (_, channels, height, width) = images.dims4()?;
    let mut values = images.flatten_all()?.to_vec1::<f32>()?;
    for image in values.chunks_exact_mut(channels * height * width) {
        let mut square = 0.0;
        for value in image.iter_mut() {
            *value = value.clamp(0.0, 1.0) - 0.5;
            square += f64::from(*value * *value);
        }
        let share = (radius / square.sqrt().max(radius)) as f32;
        image.iter_mut().for_each(|value| *value = *value * share + 0.5);
    }
    Tensor::from_vec(values, images.shape(), images.device())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    /// Numbers without an order, `[1, 2, height, width]`.
    fn numbers(height: usize, width: usize, seed: f64) -> Tensor {
        let values = (0..2 * height * width).map(|i| (i as f64 * 12.9898 + seed).sin() as f32);
        Tensor::from_vec(values.collect::<Vec<_>>(), (1, 2, height, width), &Device::Cpu).unwrap()
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The formula of 3.3, pixel by pixel.
    #[test]
    fn a_blur_is_the_weighted_mean_of_the_surroundings() {
        for (height, width, sigma) in [(9, 14, 1.0), (6, 5, 2.5), (1, 7, 0.4)] {
            let images = numbers(height, width, 1.0);
            let blurred = flat(&Smoother::new(height, width, sigma).unwrap().blur(&images).unwrap());
            let images = flat(&images);
            let weights = |side: usize, at: usize| -> Vec<f64> {
                let all: Vec<f64> = (0..side)
                    .map(|k| (-(at as f64 - k as f64).powi(2) / (2.0 * sigma * sigma)).exp())
                    .collect();
                let sum: f64 = all.iter().sum();
                all.into_iter().map(|weight| weight / sum).collect()
            };
            for channel in 0..2 {
                for i in 0..height {
                    for j in 0..width {
                        let mut sum = 0.0;
                        for (k, down) in weights(height, i).into_iter().enumerate() {
                            for (l, across) in weights(width, j).into_iter().enumerate() {
                                sum += down * across * f64::from(images[(channel * height + k) * width + l]);
                            }
                        }
                        let got = f64::from(blurred[(channel * height + i) * width + j]);
                        assert!(
                            (got - sum).abs() < 2e-5,
                            "({i}, {j}) of {height}×{width}: {got} and {sum}"
                        );
                    }
                }
            }
        }
    }

    /// The gradient of ⟨y, blur(x)⟩ with respect to x is what the transposed blur makes of y: ⟨y, blur(e)⟩ for each e.
    #[test]
    fn the_gradient_is_the_transposed_blur() {
        let (height, width) = (6, 9);
        let smoother = Smoother::new(height, width, 1.3).unwrap();
        let variable = Var::from_tensor(&numbers(height, width, 2.0)).unwrap();
        let other = numbers(height, width, 5.0);
        let product = (smoother.blur(variable.as_tensor()).unwrap() * &other).unwrap();
        let gradient = product.sum_all().unwrap().backward().unwrap();
        let gradient = flat(gradient.get(&variable).unwrap());
        for (place, got) in gradient.iter().enumerate() {
            let mut one = vec![0f32; gradient.len()];
            one[place] = 1.0;
            let one = Tensor::from_vec(one, (1, 2, height, width), &Device::Cpu).unwrap();
            let expected: f32 = flat(&smoother.blur(&one).unwrap())
                .iter()
                .zip(flat(&other))
                .map(|(a, b)| a * b)
                .sum();
            assert!((got - expected).abs() < 1e-5, "{place}: {got} and {expected}");
        }
    }

    #[test]
    fn an_image_in_the_ball_is_cut_off_and_one_beyond_is_pulled_back() {
        let images = Tensor::new(&[[[[0.5f32, 0.9]]], [[[0.5, 7.0]]], [[[-3.0, 1.0]]]], &Device::Cpu).unwrap();
        let got = flat(&in_ball(&images, 0.5).unwrap());
        let half = 0.5 / 2f32.sqrt();
        let expected = [0.5, 0.9, 0.5, 1.0, 0.5 - half, 0.5 + half];
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}");
    }
}
