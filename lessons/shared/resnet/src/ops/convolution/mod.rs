//! Convolution and its gradients.
//!
//! - [`direct`]: the windows of residual networks in `f32`, summed up in registers, with [`packing`] for how activations
//!   and kernels lie in memory, [`gradients`] for the gradient of the kernel, and [`kernels`] for the inner loops;
//! - [`general`]: any window, and `f64`, as matrix products.

pub(crate) mod direct;
mod general;
pub(crate) mod geometry;
mod gradients;
pub(crate) mod job;
pub(crate) mod kernels;
mod packed;
pub(crate) mod packing;

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use self::geometry::Geometry;
pub(crate) use self::packed::PackedKernel;
use super::Window;
use super::element::{Element, for_float, slice};

/// Cross-correlation of `x`, `[batch, in_channels, height, width]`, with `kernel`,
/// `[out_channels, in_channels, side, side]`: what deep learning calls a convolution. No bias.
///
/// Returns `[batch, out_channels, out_height, out_width]`. The kernel's gradient is computed only if the kernel is a
/// `Var` or depends on one, the input's likewise.
///
/// **Errors** if a rank, the number of channels or the kernel's side disagree, if the window does not fit, or on
/// another dtype than `f32` or `f64`.
pub fn conv2d(x: &Tensor, kernel: &Tensor, window: Window) -> Result<Tensor> {
    run(x, kernel, Conv2d { window, packed: None })
}

/// [`conv2d`] with a kernel that is used again: a constant one is brought into the order of the inner loops once, and
/// channels are computed in blocks however few there are.
pub(crate) fn conv2d_packed(x: &Tensor, kernel: &Tensor, window: Window, packed: &Arc<PackedKernel>) -> Result<Tensor> {
    run(
        x,
        kernel,
        Conv2d {
            window,
            packed: Some(packed.clone()),
        },
    )
}

fn run(x: &Tensor, kernel: &Tensor, op: Conv2d) -> Result<Tensor> {
    if x.rank() != 4 || kernel.rank() != 4 {
        bail!(
            "conv2d: expected input [batch, channels, height, width] and kernel [out, in, side, side], got {:?} and {:?}",
            x.dims(),
            kernel.dims()
        );
    }
    if x.dtype() != kernel.dtype() {
        bail!(
            "conv2d: expected one dtype, got {:?} and {:?}",
            x.dtype(),
            kernel.dtype()
        );
    }
    x.contiguous()?.apply_op2(&kernel.contiguous()?, op)
}

type Operand<'a> = (&'a CpuStorage, &'a Layout);

struct Conv2d {
    window: Window,
    packed: Option<Arc<PackedKernel>>,
}

/// Whether outputs are computed directly.
fn is_direct(g: &Geometry, in_network: bool) -> bool {
    let fills = in_network
        || direct::fills_blocks(g.out_channels)
            && (direct::fills_blocks(g.in_channels) || direct::is_image(g.in_channels));
    direct::suits(g.window) && fills && g.batch > 0 && g.out_channels > 0 && g.in_channels > 0
}

impl CustomOp2 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let g = Geometry::new(x_layout.shape(), kernel_layout.shape(), self.window)?;
        let y = match x {
            CpuStorage::F32(_) if is_direct(&g, self.packed.is_some()) => {
                let (x, kernel) = (slice::<f32>(x, x_layout)?, slice::<f32>(kernel, kernel_layout)?);
                CpuStorage::F32(match &self.packed {
                    Some(packed) => direct::forward(x, &packed.forward(kernel, &g), &g),
                    None => direct::forward(x, &direct::forward_weights(kernel, &g), &g),
                })
            }
            _ => {
                fn general<T: Element>(x: Operand, kernel: Operand, g: &Geometry) -> Result<CpuStorage> {
                    let y = general::forward(slice::<T>(x.0, x.1)?, slice::<T>(kernel.0, kernel.1)?, g);
                    Ok(T::to_cpu_storage_owned(y))
                }
                for_float!(x, "conv2d", general((x, x_layout), (kernel, kernel_layout), &g))?
            }
        };
        Ok((y, g.out_shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let g = Geometry::new(x.shape(), kernel.shape(), self.window)?;
        let of_input = || {
            let packed = self.packed.clone();
            gradient.apply_op2_no_bwd(kernel, &InputGradient { g, packed })
        };
        let of_kernel = || {
            let in_network = self.packed.is_some();
            x.apply_op2_no_bwd(&gradient, &KernelGradient { g, in_network })
        };
        Ok((
            x.track_op().then(of_input).transpose()?,
            kernel.track_op().then(of_kernel).transpose()?,
        ))
    }
}

struct InputGradient {
    g: Geometry,
    packed: Option<Arc<PackedKernel>>,
}

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "conv2d-input-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn general<T: Element>(gradient: Operand, kernel: Operand, g: &Geometry) -> Result<CpuStorage> {
            let (gradient, kernel) = (slice::<T>(gradient.0, gradient.1)?, slice::<T>(kernel.0, kernel.1)?);
            Ok(T::to_cpu_storage_owned(general::input_gradient(gradient, kernel, g)))
        }
        let g = &self.g;
        let dx = match gradient {
            CpuStorage::F32(_) if is_direct(g, self.packed.is_some()) && g.in_channels >= packing::FEW_CHANNELS => {
                let gradient = slice::<f32>(gradient, gradient_layout)?;
                let kernel = slice::<f32>(kernel, kernel_layout)?;
                CpuStorage::F32(match &self.packed {
                    Some(packed) => direct::input_gradient(gradient, &packed.gradient(kernel, g), g),
                    None => direct::input_gradient(gradient, &direct::gradient_weights(kernel, g), g),
                })
            }
            _ => for_float!(
                gradient,
                "conv2d",
                general((gradient, gradient_layout), (kernel, kernel_layout), g)
            )?,
        };
        Ok((dx, g.in_shape()))
    }
}

struct KernelGradient {
    g: Geometry,
    in_network: bool,
}

impl CustomOp2 for KernelGradient {
    fn name(&self) -> &'static str {
        "conv2d-kernel-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn general<T: Element>(x: Operand, gradient: Operand, g: &Geometry) -> Result<CpuStorage> {
            let (x, gradient) = (slice::<T>(x.0, x.1)?, slice::<T>(gradient.0, gradient.1)?);
            Ok(T::to_cpu_storage_owned(general::kernel_gradient(x, gradient, g)))
        }
        let g = &self.g;
        let dk = match x {
            CpuStorage::F32(_) if is_direct(g, self.in_network) => {
                let (x, gradient) = (slice::<f32>(x, x_layout)?, slice::<f32>(gradient, gradient_layout)?);
                CpuStorage::F32(gradients::kernel_gradient(x, gradient, g))
            }
            _ => for_float!(x, "conv2d", general((x, x_layout), (gradient, gradient_layout), g))?,
        };
        Ok((dk, g.kernel_shape()))
    }
}
