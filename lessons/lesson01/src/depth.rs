//! Exercise 1.9: what a skip connection does to the gradient of a deep network.

use candle_core::{DType, Error, Result, Tensor, Var};
use resnet::{Window, ops};

/// Which of the two remedies for depth a stack of blocks has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Design {
    /// Each block adds its input to its output (residual), or does not (plain).
    pub skip: bool,
    /// A batch norm follows each convolution, or none does.
    pub batch_norm: bool,
}

/// Batch norm as in the first step of training: each channel gets mean 0 and variance 1 over the batch and all places.
///
/// - `x`: `[batch, channels, height, width]`; returns the same shape. Scale is 1, shift 0, ε = 1e-5
///
/// **Errors** if `x` is not of rank 4.
pub fn batch_normalize(x: &Tensor) -> Result<Tensor> {
    let channels = x.dims4()?.1;
    let scale = Tensor::ones(channels, x.dtype(), x.device())?;
    let statistics = ops::batch_statistics(x)?;
    ops::batch_norm(x, &scale, &scale.zeros_like()?, &statistics, 1e-5, true)
}

/// ## 1.9 Why can 152 layers with skip connections train better than 34 without?
///
/// Training moves a layer by its gradient. This measures, before any training, how large the gradient is that arrives
/// after each block, from the last block back to the first. Blocks are those of 1.5, all of one shape:
///
/// ```math
/// x_l = relu( norm(conv(relu(norm(conv(x_(l−1), A_l))), B_l)) [+ x_(l−1) if skip] ),    x_0 = input
/// loss = Σ x_L · output_gradient
/// norms[l] = ‖∂loss / ∂x_l‖ = √(sum of squares over the whole tensor)
/// ```
/// - `input`: f32, `[batch, channels, height, width]`
/// - `output_gradient`: the shape of `input`: what a loss would send back into the last block
/// - `kernels`: per block the two kernels A and B, each `[channels, channels, 3, 3]`; padding 1, stride 1, no bias
/// - `design`: skip or not; `norm` is [`batch_normalize`], or nothing
/// - returns one norm per block, *first block first*. The last is ‖`output_gradient`‖
///
/// candle keeps gradients only of `Var`s. So add a `Var` of zeros to x_l and go on with the sum: the values stay, and
/// the gradient of that `Var` is ∂loss/∂x_l. `loss.backward()?` gives a store, `store.get(&tap)` an `Option<&Tensor>`.
///
/// **Errors** if a shape does not fit.
/// **Trap** `Var::from_tensor(&x)` looks like the same thing and cuts the network there: all that lies before it gets
/// no gradient, without a word.
/// **Source** He et al. 2015, sections 3 and 4.1; Glorot and Bengio 2010 for the measurement.
/// **Accepted by** `cargo test -p lesson01 -- ex1_9`
pub fn gradient_norms(
    input: &Tensor,
    output_gradient: &Tensor,
    kernels: &[(Tensor, Tensor)],
    design: Design,
) -> Result<Vec<f64>> {
    todo!("exercise 1.9: one block first: conv2d, batch_normalize if design.batch_norm, relu, …")
}
