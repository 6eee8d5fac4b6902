//! Exercise 1.5: the residual block, of which the rest of the network is copies.

use candle_core::{Error, Result, Tensor};
use resnet::{Parameters, Window, ops};

/// ## 1.5 What does a residual block compute?
///
/// First its batch norm. In evaluation mode it uses the running statistics it learned, not those of the batch, so an
/// image's activations do not depend on the images beside it.
///
/// ```math
/// y = (x − running_mean) / √(running_var + ε) · weight + bias,    ε = 1e-5
/// ```
/// - `x`: `[batch, channels, height, width]`
/// - `weights`: tensors by name (`Parameters` is a `HashMap<String, Tensor>`): `{name}.weight`, `{name}.bias`, `{name}.running_mean` and `{name}.running_var`, each `[channels]`
/// - `name`: `bn1` for example
/// - returns the shape of `x`
///
/// **Errors** if a weight is missing or its length is not `channels`.
/// **Trap** candle's `+ - * /` do not broadcast, and `[channels]` lines up with the *last* dimension, width. Reshape to
/// `(1, channels, 1, 1)` and use `broadcast_sub`, `broadcast_mul` and their kin.
/// **Source** Ioffe and Szegedy 2015, algorithm 2.
/// **Accepted by** `cargo test -p lesson01 -- ex1_5`
pub fn batch_norm(x: &Tensor, weights: &Parameters, name: &str) -> Result<Tensor> {
    todo!("exercise 1.5: reshape the four weights to (1, channels, 1, 1), then the formula")
}

/// The basic block of ResNet-18 and 34: two convolutions learn what to *add* to the input.
///
/// ```math
/// y = relu( F(x) + shortcut(x) )
/// F(x) = bn2( conv2( relu( bn1( conv1(x) ) ) ) )
/// shortcut(x) = x,   or   downsample.1( downsample.0(x) )   where those weights exist
/// ```
/// - `x`: `[batch, in_channels, height, width]`
/// - `weights`: by torchvision's names: `conv1.weight` `[out_channels, in_channels, 3, 3]`, `conv2.weight`
///   `[out_channels, out_channels, 3, 3]`, batch norms `bn1` and `bn2`; where the shape changes also the projection,
///   `downsample.0.weight` `[out_channels, in_channels, 1, 1]`, and its batch norm `downsample.1`
/// - `stride`: of `conv1` and of the projection; `conv2` has stride 1. The 3×3 convolutions have padding 1, the 1×1 none
/// - returns `[batch, out_channels, height/stride, width/stride]`, rounded up
///
/// `resnet::ops` has `conv2d(x, kernels, window)` and `relu(x)`.
///
/// **Errors** if a weight is missing or a shape does not fit.
/// **Trap** The last ReLU comes after the addition. Before it, the branch could only ever add.
/// **Source** He et al. 2015, figure 2, equations 1 and 2; stride and projection as option B of section 3.3.
pub fn basic_block(x: &Tensor, weights: &Parameters, stride: usize) -> Result<Tensor> {
    todo!("exercise 1.5: the branch first: conv2d with weights[\"conv1.weight\"], then batch_norm, relu, …")
}
