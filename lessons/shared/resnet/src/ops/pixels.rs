use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::Instructions;
use super::convolution::kernels::vectorize;
use super::element::{Element, for_each_piece, for_float, slice};

/// `(x − mean) / deviation` per channel of `[batch, 3, height, width]`.
///
/// **Errors** on another dtype than `f32` or `f64`.
pub(crate) fn standardize(x: &Tensor, mean: [f32; 3], deviation: [f32; 3]) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Standardize { mean, deviation })
}

struct Standardize {
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl CustomOp1 for Standardize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn forward<T: Element>(x: &CpuStorage, layout: &Layout, op: &Standardize) -> Result<CpuStorage> {
            let x = slice::<T>(x, layout)?;
            let (_, _, height, width) = layout.shape().dims4()?;
            let area = height * width;
            let constant = |value: f32| T::from_f64(f64::from(value));
            let instructions = Instructions::chosen();
            let mut y = vec![T::zero(); x.len()];
            for_each_piece(&mut y, area, |plane, y| {
                let (mean, deviation) = (constant(op.mean[plane % 3]), constant(op.deviation[plane % 3]));
                vectorize(instructions, || {
                    for (y, &x) in y.iter_mut().zip(&x[plane * area..]) {
                        *y = (x - mean) / deviation;
                    }
                });
            });
            Ok(T::to_cpu_storage_owned(y))
        }
        let y = for_float!(x, "normalize", forward(x, layout, self))?;
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let divide = Standardize {
            mean: [0.0; 3],
            deviation: self.deviation,
        };
        gradient.contiguous()?.apply_op1_no_bwd(&divide).map(Some)
    }
}
