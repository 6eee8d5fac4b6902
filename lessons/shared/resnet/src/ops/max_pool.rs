use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::convolution::kernels::vectorize;
use super::element::{Element, for_each_piece, for_float, slice};
use super::{Instructions, Window};

/// The largest value under each window position, `[batch, channels, height, width]` to the same with the window's
/// output size. The border counts as −∞.
///
/// The gradient goes to the first maximum in row-major order, as in PyTorch. A NaN under the window wins.
///
/// **Errors** if `x` is not of rank 4, on another dtype than `f32` or `f64`, if the padding is more than half the
/// window (a position would see only border), or if the window does not fit.
pub fn max_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    if x.rank() != 4 {
        bail!(
            "max_pool2d: expected [batch, channels, height, width], got {:?}",
            x.dims()
        );
    }
    if 2 * window.padding > window.kernel {
        bail!("max_pool2d: expected a padding of at most half the kernel, got {window:?}");
    }
    x.contiguous()?.apply_op1(MaxPool(window))
}

/// [`max_pool2d`] of [`relu`](super::relu()) of batch norm with constant statistics, as
/// [`scale_and_shift`](super::scale_and_shift) gives them: one pass over `x`, `[batch, channels, height, width]` in `f32`.
/// Without a gradient.
pub(crate) fn norm_relu_max_pool2d(x: &Tensor, (scale, shift): (Vec<f32>, Vec<f32>), window: Window) -> Result<Tensor> {
    x.contiguous()?
        .apply_op1_no_bwd(&NormReluMaxPool { scale, shift, window })
}

struct MaxPool(Window);
struct MaxPoolGradient(Window);

struct NormReluMaxPool {
    scale: Vec<f32>,
    shift: Vec<f32>,
    window: Window,
}

impl CustomOp1 for NormReluMaxPool {
    fn name(&self) -> &'static str {
        "norm-relu-max-pool2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice::<f32>(x, layout)?;
        let (plane, shape) = Plane::new(layout, self.window)?;
        let channels = layout.shape().dims4()?.1;
        let mut y = vec![0.0; shape.elem_count()];
        let instructions = Instructions::chosen();
        for_each_piece(&mut y, plane.out_len(), |i, y| {
            let (scale, shift) = (self.scale[i % channels], self.shift[i % channels]);
            let mut row = vec![0.0; plane.width + 2 * self.window.padding];
            vectorize(instructions, || {
                let positive = x[i * plane.len()..][..plane.len()].iter().map(|&x| {
                    let x = x * scale + shift;
                    if x <= 0.0 { 0.0 } else { x } // NaN stays
                });
                let positive: Vec<f32> = positive.collect(); // of one plane: it stays in the cache
                pool_plane(&positive, y, plane, self.window, &mut row);
            });
        });
        Ok((CpuStorage::F32(y), shape))
    }
}

/// One plane's sizes: input height and width, output height and width.
#[derive(Clone, Copy)]
struct Plane {
    height: usize,
    width: usize,
    out_height: usize,
    out_width: usize,
}

impl Plane {
    fn new(layout: &Layout, window: Window) -> Result<(Self, Shape)> {
        let (batch, channels, height, width) = layout.shape().dims4()?;
        let (out_height, out_width) = (window.positions(height)?, window.positions(width)?);
        let plane = Self {
            height,
            width,
            out_height,
            out_width,
        };
        Ok((plane, Shape::from((batch, channels, out_height, out_width))))
    }

    fn len(&self) -> usize {
        self.height * self.width
    }

    fn out_len(&self) -> usize {
        self.out_height * self.out_width
    }
}

/// The input positions along one axis that a window position covers: no border, in steps of the dilation.
fn covered(window: Window, position: usize, length: usize) -> impl Iterator<Item = usize> + Clone {
    let start = position * window.stride;
    // The first tap at or after the border, and the first one beyond the input.
    let first = window.padding.saturating_sub(start).div_ceil(window.dilation);
    let end = (length + window.padding - start).div_ceil(window.dilation);
    (first..end.min(window.kernel)).map(move |tap| start + tap * window.dilation - window.padding)
}

#[inline(always)]
fn beats<T: Element>(value: T, best: T) -> bool {
    value > best || (value.is_nan() && !best.is_nan())
}

#[inline(always)]
fn larger<T: Element>(value: T, best: T) -> T {
    if beats(value, best) { value } else { best }
}

/// `row` is a buffer for one padded row.
#[inline(always)]
fn pool_plane<T: Element>(x: &[T], y: &mut [T], plane: Plane, window: Window, row: &mut [T]) {
    y.fill(T::neg_infinity());
    for (oy, y) in y.chunks_exact_mut(plane.out_width).enumerate() {
        // The maximum over the window's rows first, then over its columns: long runs of memory both times.
        row.fill(T::neg_infinity());
        let inside = &mut row[window.padding..window.padding + plane.width];
        for iy in covered(window, oy, plane.height) {
            for (best, &value) in inside.iter_mut().zip(&x[iy * plane.width..]) {
                *best = larger(value, *best);
            }
        }
        for tap in 0..window.kernel {
            let row = &row[tap * window.dilation..];
            match window.stride {
                2 => largest_of_every(y, row, 2), // a constant the compiler can vectorize
                stride => largest_of_every(y, row, stride),
            }
        }
    }
}

#[inline(always)]
fn largest_of_every<T: Element>(y: &mut [T], row: &[T], stride: usize) {
    for (best, values) in y.iter_mut().zip(row.chunks(stride)) {
        *best = larger(values[0], *best);
    }
}

fn unpool_plane<T: Element>(x: &[T], y: &[T], gradient: &[T], dx: &mut [T], plane: Plane, window: Window) {
    for oy in 0..plane.out_height {
        for ox in 0..plane.out_width {
            let out = oy * plane.out_width + ox;
            let is_maximum = |at: &usize| x[*at] == y[out] || y[out].is_nan() && x[*at].is_nan();
            let under = covered(window, oy, plane.height)
                .flat_map(|iy| covered(window, ox, plane.width).map(move |ix| iy * plane.width + ix));
            if let Some(first) = under.into_iter().find(is_maximum) {
                dx[first] += gradient[out];
            }
        }
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool2d"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Element>(x: &CpuStorage, layout: &Layout, window: Window) -> Result<(CpuStorage, Shape)> {
            let x = slice::<T>(x, layout)?;
            let (plane, shape) = Plane::new(layout, window)?;
            let mut y = vec![T::zero(); shape.elem_count()];
            let instructions = Instructions::chosen();
            for_each_piece(&mut y, plane.out_len(), |i, y| {
                let mut row = vec![T::zero(); plane.width + 2 * window.padding];
                vectorize(instructions, || {
                    pool_plane(&x[i * plane.len()..], y, plane, window, &mut row)
                });
            });
            Ok((T::to_cpu_storage_owned(y), shape))
        }
        for_float!(x, "max_pool2d", forward(x, layout, self.0))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        x.apply_op3_no_bwd(y, &gradient.contiguous()?, &MaxPoolGradient(self.0))
            .map(Some)
    }
}

impl CustomOp3 for MaxPoolGradient {
    fn name(&self) -> &'static str {
        "max-pool2d-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn backward<T: Element>(
            (x, x_layout): (&CpuStorage, &Layout),
            (y, y_layout): (&CpuStorage, &Layout),
            (gradient, gradient_layout): (&CpuStorage, &Layout),
            window: Window,
        ) -> Result<CpuStorage> {
            let (x, y) = (slice::<T>(x, x_layout)?, slice::<T>(y, y_layout)?);
            let gradient = slice::<T>(gradient, gradient_layout)?;
            let (plane, _) = Plane::new(x_layout, window)?;
            let mut dx = vec![T::zero(); x.len()];
            for_each_piece(&mut dx, plane.len(), |i, dx| {
                unpool_plane(
                    &x[i * plane.len()..],
                    &y[i * plane.out_len()..],
                    &gradient[i * plane.out_len()..],
                    dx,
                    plane,
                    window,
                );
            });
            Ok(T::to_cpu_storage_owned(dx))
        }
        let dx = for_float!(
            x,
            "max_pool2d",
            backward((x, x_layout), (y, y_layout), (gradient, gradient_layout), self.0)
        )?;
        Ok((dx, x_layout.shape().clone()))
    }
}
