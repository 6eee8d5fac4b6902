use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor, WithDType, bail};
use rayon::prelude::*;

use super::Instructions;
use super::convolution::kernels::vectorize;
use super::element::{Element, for_each_piece, for_float, slice};

/// Mean and biased variance of each channel, in the units of the activation.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchStatistics {
    /// One mean per channel.
    pub mean: Vec<f64>,
    /// One variance per channel, divided by the number of values (not by that number minus one).
    pub variance: Vec<f64>,
    /// Values per channel: batch · height · width.
    pub count: usize,
}

/// Adds up what the parts of a batch hold that is computed in parts, each in a thread of its own.
///
/// Every part calls [`sum`](Self::sum) equally often, in the same order, and each call waits for the others.
pub trait Together: Debug + Send + Sync {
    /// The sum over all parts of what each passes to this call.
    ///
    /// **Errors** if another part has failed.
    fn sum(&self, part: Vec<f64>) -> Result<Vec<f64>>;
}

/// Which statistics normalize, and whether they depend on the input.
#[derive(Debug, Clone)]
struct BatchNorm {
    mean: Vec<f64>,
    inverse_deviation: Vec<f64>,
    source: Source,
}

/// Where the statistics come from.
#[derive(Debug, Clone)]
enum Source {
    /// Elsewhere: constants.
    Stored,
    /// The input.
    ThisBatch,
    /// The input and the other parts of its batch.
    Parts(Arc<dyn Together>),
}

/// `weight · (x − mean) / √(variance + epsilon) + bias`, channel by channel, on `[batch, channels, height, width]`.
///
/// `from_this_batch` says that `statistics` were computed from `x` itself (training mode): the gradient then flows
/// through them as well. In evaluation mode they are constants.
///
/// **Errors** if `x` is not of rank 4 or `weight`, `bias` and the statistics are not one number per channel.
/// **Source** Ioffe and Szegedy 2015, algorithm 1.
pub fn batch_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    statistics: &BatchStatistics,
    epsilon: f64,
    from_this_batch: bool,
) -> Result<Tensor> {
    let source = if from_this_batch {
        Source::ThisBatch
    } else {
        Source::Stored
    };
    normalized(x, (weight, bias), statistics, epsilon, source)
}

/// [`batch_norm`] in training mode on one part of a batch: `statistics` are those of the whole batch, from
/// [`batch_statistics_together`], and the gradient flows through them into every part.
pub fn batch_norm_together(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    statistics: &BatchStatistics,
    epsilon: f64,
    parts: Arc<dyn Together>,
) -> Result<Tensor> {
    normalized(x, (weight, bias), statistics, epsilon, Source::Parts(parts))
}

fn normalized(
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    statistics: &BatchStatistics,
    epsilon: f64,
    source: Source,
) -> Result<Tensor> {
    let (_, channels, _, _) = x.dims4()?;
    for (name, length) in [
        ("weight", weight.elem_count()),
        ("bias", bias.elem_count()),
        ("mean", statistics.mean.len()),
        ("variance", statistics.variance.len()),
    ] {
        if length != channels {
            bail!("batch_norm: expected {channels} values of {name}, one per channel, got {length}");
        }
    }
    let op = BatchNorm {
        mean: statistics.mean.clone(),
        inverse_deviation: statistics.variance.iter().map(|v| 1.0 / (v + epsilon).sqrt()).collect(),
        source,
    };
    x.contiguous()?
        .apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

/// Batch norm with constant statistics as `scale · x + shift` per channel, with zeros up to whole blocks of 16 channels;
/// the same numbers that [`batch_norm`] uses.
pub(crate) fn scale_and_shift(
    weight: &Tensor,
    bias: &Tensor,
    mean: &[f64],
    variance: &[f64],
    epsilon: f64,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let (weight, bias) = (weight.to_vec1::<f32>()?, bias.to_vec1::<f32>()?);
    let (mut scales, mut shifts) = (Vec::new(), Vec::new());
    for channel in 0..weight.len() {
        let scale = f64::from(weight[channel]) * (1.0 / (variance[channel] + epsilon).sqrt());
        scales.push(scale as f32);
        shifts.push((f64::from(bias[channel]) - mean[channel] * scale) as f32);
    }
    let whole = weight.len().next_multiple_of(16);
    scales.resize(whole, 0.0);
    shifts.resize(whole, 0.0);
    Ok((scales, shifts))
}

/// Mean and variance of each channel of `[batch, channels, height, width]` over batch, height and width.
///
/// **Errors** if `x` is not of rank 4, or if a channel has fewer than two values: a variance of one value is 0, and
/// the running variance would become NaN.
pub fn batch_statistics(x: &Tensor) -> Result<BatchStatistics> {
    let (batch, channels, height, width) = x.dims4()?;
    let count = batch * height * width;
    if count < 2 {
        bail!("batch_norm: expected at least two values per channel in training mode, got {count}");
    }
    let packed = x.contiguous()?.apply_op1_no_bwd(&Moments)?.to_vec1::<f64>()?;
    let (mean, variance) = packed.split_at(channels);
    Ok(BatchStatistics {
        mean: mean.to_vec(),
        variance: variance.to_vec(),
        count,
    })
}

/// [`batch_statistics`] of a whole batch of which `x` is one part.
///
/// **Errors** as [`batch_statistics`] does for a part, and if another part has failed.
pub fn batch_statistics_together(x: &Tensor, parts: &dyn Together) -> Result<BatchStatistics> {
    let own = batch_statistics(x)?;
    let count = own.count as f64;
    // Counts, sums and sums of squares add up; in f64, so that the variance survives the subtraction.
    let sums = own.mean.iter().map(|mean| count * mean);
    let pairs = own.mean.iter().zip(&own.variance);
    let squares = pairs.map(|(mean, variance)| count * (variance + mean * mean));
    let total = parts.sum(std::iter::once(count).chain(sums).chain(squares).collect())?;
    let (count, channels) = (total[0], own.mean.len());
    let (sums, squares) = total[1..].split_at(channels);
    let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let variance = squares
        .iter()
        .zip(&mean)
        .map(|(sum, mean)| (sum / count - mean * mean).max(0.0));
    Ok(BatchStatistics {
        variance: variance.collect(),
        mean,
        count: count as usize,
    })
}

/// The planes of one channel, image after image.
fn planes<T>(x: &[T], channel: usize, channels: usize, area: usize) -> impl Iterator<Item = &[T]> {
    x.chunks_exact(area).skip(channel).step_by(channels)
}

/// Sums in `f64`, sixteen at a time so that the compiler can use vector registers.
#[inline(always)]
fn sum_with<T: Element>(plane: &[T], term: impl Fn(usize, f64) -> f64) -> f64 {
    let mut lanes = [0.0; 16];
    let whole = plane.len() / 16 * 16;
    for start in (0..whole).step_by(16) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(start + lane, plane[start + lane].wide());
        }
    }
    lanes.iter().sum::<f64>() + (whole..plane.len()).map(|i| term(i, plane[i].wide())).sum::<f64>()
}

struct Moments;

impl CustomOp1 for Moments {
    fn name(&self) -> &'static str {
        "channel-moments"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn moments<T: Element>(x: &CpuStorage, layout: &Layout) -> Result<Vec<f64>> {
            let x = slice::<T>(x, layout)?;
            let (batch, channels, height, width) = layout.shape().dims4()?;
            let (area, count) = (height * width, (batch * height * width) as f64);
            let instructions = Instructions::chosen();
            let of_channel = |c: usize| {
                let mut total = 0.0;
                for plane in planes(x, c, channels, area) {
                    total += sum_with(plane, |_, v| v);
                }
                let (mean, mut squares) = (total / count, 0.0);
                for plane in planes(x, c, channels, area) {
                    squares += sum_with(plane, |_, v| (v - mean) * (v - mean));
                }
                (mean, squares / count)
            };
            let (mean, variance): (Vec<f64>, Vec<f64>) = (0..channels)
                .into_par_iter()
                .map(|c| vectorize(instructions, || of_channel(c)))
                .unzip();
            Ok([mean, variance].concat())
        }
        let packed = for_float!(x, "batch_norm", moments(x, layout))?;
        let length = packed.len();
        Ok((f64::to_cpu_storage_owned(packed), Shape::from(length)))
    }
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Element>(
            op: &BatchNorm,
            (x, x_layout): (&CpuStorage, &Layout),
            (weight, weight_layout): (&CpuStorage, &Layout),
            (bias, bias_layout): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let x = slice::<T>(x, x_layout)?;
            let (weight, bias) = (slice::<T>(weight, weight_layout)?, slice::<T>(bias, bias_layout)?);
            let (_, channels, height, width) = x_layout.shape().dims4()?;
            let area = height * width;
            let instructions = Instructions::chosen();
            let mut y = vec![T::zero(); x.len()];
            for_each_piece(&mut y, area, |plane, y| {
                let c = plane % channels;
                let scale = weight[c].wide() * op.inverse_deviation[c];
                let shift = bias[c].wide() - op.mean[c] * scale;
                let (scale, shift) = (T::from_f64(scale), T::from_f64(shift));
                vectorize(instructions, || {
                    for (y, &x) in y.iter_mut().zip(&x[plane * area..]) {
                        *y = x * scale + shift;
                    }
                });
            });
            Ok(T::to_cpu_storage_owned(y))
        }
        let y = for_float!(
            x,
            "batch_norm",
            forward(self, (x, x_layout), (weight, weight_layout), (bias, bias_layout))
        )?;
        Ok((y, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let of_parameters = weight.track_op() || bias.track_op();
        let channels = self.mean.len();
        // Σ gradient and Σ gradient · x̂ per channel: the parameters' gradients, and terms of x's in training mode.
        let sums = if of_parameters || !matches!(self.source, Source::Stored) {
            x.apply_op2_no_bwd(&gradient, &GradientSums(self.clone()))?
        } else {
            Tensor::zeros(2 * channels, candle_core::DType::F64, x.device())?
        };
        let dx = if x.track_op() {
            let (batch, _, height, width) = x.dims4()?;
            let mut packed = sums.to_vec1::<f64>()?;
            packed.push((batch * height * width) as f64);
            if let Source::Parts(parts) = &self.source {
                packed = parts.sum(packed)?;
            }
            let op = InputGradient {
                norm: self.clone(),
                sums: packed,
            };
            Some(x.apply_op3_no_bwd(weight, &gradient, &op)?)
        } else {
            None
        };
        if !of_parameters {
            return Ok((dx, None, None));
        }
        let of = |start: usize, parameter: &Tensor| {
            sums.narrow(0, start, channels)?
                .to_dtype(parameter.dtype())?
                .reshape(parameter.shape())
        };
        Ok((dx, Some(of(channels, weight)?), Some(of(0, bias)?)))
    }
}

struct GradientSums(BatchNorm);

impl candle_core::CustomOp2 for GradientSums {
    fn name(&self) -> &'static str {
        "batch-norm-gradient-sums"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn sums<T: Element>(
            norm: &BatchNorm,
            (x, layout): (&CpuStorage, &Layout),
            (gradient, gradient_layout): (&CpuStorage, &Layout),
        ) -> Result<Vec<f64>> {
            let (x, gradient) = (slice::<T>(x, layout)?, slice::<T>(gradient, gradient_layout)?);
            let (_, channels, height, width) = layout.shape().dims4()?;
            let area = height * width;
            let instructions = Instructions::chosen();
            let of_channel = |c: usize| {
                let (mean, inverse) = (norm.mean[c], norm.inverse_deviation[c]);
                let (mut plain, mut weighted) = (0.0, 0.0);
                for (x, g) in planes(x, c, channels, area).zip(planes(gradient, c, channels, area)) {
                    let x = &x[..g.len()];
                    plain += sum_with(g, |_, g| g);
                    weighted += sum_with(g, |i, g| g * (x[i].wide() - mean) * inverse);
                }
                (plain, weighted)
            };
            let (plain, weighted): (Vec<f64>, Vec<f64>) = (0..channels)
                .into_par_iter()
                .map(|c| vectorize(instructions, || of_channel(c)))
                .unzip();
            Ok([plain, weighted].concat())
        }
        let packed = for_float!(x, "batch_norm", sums(&self.0, (x, layout), (gradient, gradient_layout)))?;
        let length = packed.len();
        Ok((f64::to_cpu_storage_owned(packed), Shape::from(length)))
    }
}

struct InputGradient {
    norm: BatchNorm,
    /// Σ gradient of each channel, Σ gradient · x̂ of each channel, and the values per channel.
    sums: Vec<f64>,
}

impl CustomOp3 for InputGradient {
    fn name(&self) -> &'static str {
        "batch-norm-input-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn backward<T: Element>(
            op: &InputGradient,
            (x, layout): (&CpuStorage, &Layout),
            (weight, weight_layout): (&CpuStorage, &Layout),
            (gradient, gradient_layout): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let (x, gradient) = (slice::<T>(x, layout)?, slice::<T>(gradient, gradient_layout)?);
            let weight = slice::<T>(weight, weight_layout)?;
            let (_, channels, height, width) = layout.shape().dims4()?;
            let (area, count) = (height * width, op.sums[2 * channels]);
            let instructions = Instructions::chosen();
            let mut dx = vec![T::zero(); x.len()];
            for_each_piece(&mut dx, area, |plane, dx| {
                let c = plane % channels;
                let scale = weight[c].wide() * op.norm.inverse_deviation[c];
                let g = &gradient[plane * area..];
                if !matches!(op.norm.source, Source::Stored) {
                    // scale · (g − mean(g) − x̂ · mean(g·x̂)), written as a·g + b·x + c.
                    let slope = -scale * op.norm.inverse_deviation[c] * op.sums[channels + c] / count;
                    let offset = -scale * op.sums[c] / count - slope * op.norm.mean[c];
                    let (scale, slope, offset) = (T::from_f64(scale), T::from_f64(slope), T::from_f64(offset));
                    vectorize(instructions, || {
                        for ((dx, &g), &x) in dx.iter_mut().zip(g).zip(&x[plane * area..]) {
                            *dx = scale * g + slope * x + offset;
                        }
                    });
                } else {
                    let scale = T::from_f64(scale);
                    vectorize(instructions, || {
                        for (dx, &g) in dx.iter_mut().zip(g) {
                            *dx = scale * g;
                        }
                    });
                }
            });
            Ok(T::to_cpu_storage_owned(dx))
        }
        let dx = for_float!(
            x,
            "batch_norm",
            backward(self, (x, layout), (weight, weight_layout), (gradient, gradient_layout))
        )?;
        Ok((dx, layout.shape().clone()))
    }
}
