//! The operations of the network, forward and backward, for `f32` and `f64` on the CPU.
//!
//! Each is a candle custom operation, because candle 0.11's own are slow or have no usable gradient here:
//! `conv2d` always computes the kernel's gradient, `max_pool2d` refuses overlapping windows in the backward pass,
//! and the derivative of `relu` at 0 is 1 where PyTorch has 0. Every gradient is compared with finite differences
//! in `tests/finite_differences.rs`.

mod batch_norm;
pub(crate) mod convolution;
mod element;
mod groups;
mod instructions;
mod max_pool;
mod pixels;
pub(crate) mod program;
mod relu;
mod skip;
mod steps;
mod window;

pub(crate) use batch_norm::scale_and_shift;
pub use batch_norm::{
    BatchStatistics, Together, batch_norm, batch_norm_together, batch_statistics, batch_statistics_together,
};
pub use convolution::conv2d;
pub(crate) use convolution::{PackedKernel, conv2d_packed};
pub(crate) use element::slice;
pub use groups::grouped_conv2d;
pub(crate) use instructions::Chosen;
pub use instructions::Instructions;
pub use max_pool::max_pool2d;
pub(crate) use max_pool::norm_relu_max_pool2d;
pub(crate) use pixels::standardize;
pub use relu::relu;
pub use skip::{average_pairs, padded_identity};
pub use window::Window;
