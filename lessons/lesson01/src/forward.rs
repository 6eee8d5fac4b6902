//! Exercise 1.4: activation functions, and one image on its way through a whole small network.

use candle_core::{Error, Result, Tensor};
use resnet::{Parameters, Window, ops};

use crate::convolution::convolve;

/// ## 1.4 What is an activation?
///
/// The number a unit computes for one input. Before its non-linearity it is called *pre-activation*, after it
/// *post-activation*. With ReLU a unit is active when it is above 0; without a non-linearity between them two
/// convolutions would be no more than one.
///
/// ```math
/// relu(x) = max(0, x)
/// ```
/// - `x`: any shape; returns the same shape
///
/// Write these three and `softmax` from `exp`, `maximum`, `neg`, `affine`, `sum` and the like: candle's own functions of
/// the same names would pass, and teach nothing.
///
/// **Source** Nair and Hinton 2010.
/// **Accepted by** `cargo test -p lesson01 -- ex1_4`
pub fn relu(x: &Tensor) -> Result<Tensor> {
    todo!("exercise 1.4: the larger of x and 0, element by element")
}

/// Squashes to (0, 1): the probability of "yes", where x is the log-odds.
///
/// ```math
/// sigmoid(x) = 1 / (1 + e^(−x))
/// ```
/// - `x`: any shape; returns the same shape
pub fn sigmoid(x: &Tensor) -> Result<Tensor> {
    todo!("exercise 1.4: one over one plus the exponential of minus x")
}

/// Squashes to (−1, 1), and sends 0 to 0.
///
/// ```math
/// tanh(x) = (e^x − e^(−x)) / (e^x + e^(−x)) = 2 · sigmoid(2x) − 1
/// ```
/// - `x`: any shape; returns the same shape
///
/// **Trap** e^100 is infinite in f32, and infinity over infinity is NaN. One of the two forms is safe.
pub fn tanh(x: &Tensor) -> Result<Tensor> {
    todo!("exercise 1.4: write it with your sigmoid")
}

/// Turns logits, one per class, into probabilities that sum to 1.
///
/// ```math
/// softmax(z)_i = e^(z_i) / Σ_j e^(z_j)
/// ```
/// - `logits`: z, `[classes]`; returns `[classes]`
///
/// **Trap** e^(z_i) overflows for a logit of 89. Subtracting the largest logit from all of them first changes nothing in
/// the result.
pub fn softmax(logits: &Tensor) -> Result<Tensor> {
    todo!("exercise 1.4: subtract the maximum (broadcast_sub), then exponentials over their sum")
}

/// One image through a whole network: convolution → ReLU → max pool → flatten → fully connected → softmax.
///
/// ```math
/// fc = fc.weight · flatten + fc.bias
/// ```
/// - `image`: f32, `[channels, height, width]`
/// - `weights`: tensors by PyTorch's names (`Parameters` is a `HashMap<String, Tensor>`): `conv.weight` `[filters, channels, 3, 3]`, `conv.bias` `[filters]`, `fc.weight`
///   `[classes, features]`, `fc.bias` `[classes]`, where features = filters · (height/2) · (width/2), rounded down
/// - returns every activation on the way, named and in this order:
///
/// | name | shape | |
/// |---|---|---|
/// | `conv` | `[filters, height, width]` | kernel 3, padding 1: the pre-activation |
/// | `relu` | `[filters, height, width]` | the post-activation |
/// | `maxpool` | `[filters, height/2, width/2]` | kernel 2, stride 2 |
/// | `flatten` | `[features]` | channel by channel, each row by row: candle's `flatten_all` |
/// | `fc` | `[classes]` | logits |
/// | `softmax` | `[classes]` | probabilities |
///
/// Use your own `convolve`, `relu` and `softmax`. For the pool, `resnet::ops::max_pool2d` (it wants a batch:
/// `unsqueeze(0)`, then `squeeze(0)`), or your own from 1.3.
///
/// **Errors** if a weight is missing or its shape does not fit.
/// **Trap** `fc.weight` has one *row* per class: reshaping it to `[features, classes]` is not transposing it.
/// **Source** the guide's topic 1.1: input → conv → activation → pool → fc → output.
pub fn forward(image: &Tensor, weights: &Parameters) -> Result<Vec<(&'static str, Tensor)>> {
    todo!("exercise 1.4: convolve the image with weights[\"conv.weight\"], kernel 3 and padding 1")
}
