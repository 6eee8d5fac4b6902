use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::Instructions;
use super::convolution::kernels::vectorize;
use super::element::{Element, for_each_piece, for_float, slice};

/// `max(x, 0)`, of any shape; NaN stays NaN.
///
/// The derivative is 1 where `x > 0` and 0 elsewhere, at `x = 0` too, as in PyTorch.
///
/// **Errors** on another dtype than `f32` or `f64`.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Relu)
}

struct Relu;
struct ReluGradient;

const PIECE: usize = 1 << 13;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Element>(x: &CpuStorage, layout: &Layout) -> Result<CpuStorage> {
            let x = slice::<T>(x, layout)?;
            let mut y = vec![T::zero(); x.len()];
            let instructions = Instructions::chosen();
            for_each_piece(&mut y, PIECE, |i, y| {
                vectorize(instructions, || {
                    for (y, &x) in y.iter_mut().zip(&x[i * PIECE..]) {
                        *y = if x <= T::zero() { T::zero() } else { x };
                    }
                });
            });
            Ok(T::to_cpu_storage_owned(y))
        }
        let y = for_float!(x, "relu", forward(x, layout))?;
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op2_no_bwd(y, &ReluGradient).map(Some)
    }
}

impl CustomOp2 for ReluGradient {
    fn name(&self) -> &'static str {
        "relu-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn backward<T: Element>(
            (gradient, gradient_layout): (&CpuStorage, &Layout),
            (y, y_layout): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let (gradient, y) = (slice::<T>(gradient, gradient_layout)?, slice::<T>(y, y_layout)?);
            let mut dx = vec![T::zero(); y.len()];
            let instructions = Instructions::chosen();
            for_each_piece(&mut dx, PIECE, |i, dx| {
                vectorize(instructions, || {
                    for ((dx, &y), &g) in dx.iter_mut().zip(&y[i * PIECE..]).zip(&gradient[i * PIECE..]) {
                        *dx = if y > T::zero() { g } else { T::zero() };
                    }
                });
            });
            Ok(T::to_cpu_storage_owned(dx))
        }
        let dx = for_float!(y, "relu", backward((gradient, gradient_layout), (y, y_layout)))?;
        Ok((dx, y_layout.shape().clone()))
    }
}
