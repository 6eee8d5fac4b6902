//! Exercise 1.3: pooling, the other window.

use candle_core::{Device, Result, Tensor, bail};
use resnet::Window;

use crate::window::output_size;

/// ## 1.3 What does pooling keep?
///
/// Max pooling asks of each patch, channel by channel, whether the feature is there at all, and forgets where. A shift
/// by a pixel then changes little, and the map gets smaller. There is nothing to learn in it.
///
/// ```math
/// output[c, y, x] = max_ij image[c, y·s + i·d − p, x·s + j·d − p]
/// ```
/// - `image`: f32, `[channels, height, width]`
/// - `window`: as in 1.1
/// - returns f32, `[channels, out_height, out_width]`, sizes by 1.1
///
/// **Errors** if `image` is not of rank 3, if 2·padding is more than `kernel` (a window could lie in the padding
/// alone), or if 1.1 refuses.
/// **Trap** The padding is −∞, not 0: a 0 would win against every negative pixel at the border.
/// **Source** PyTorch, `MaxPool2d`. ResNet's stem has one: kernel 3, stride 2, padding 1.
/// **Accepted by** `cargo test -p lesson01 -- ex1_3`
pub fn max_pool(image: &Tensor, window: Window) -> Result<Tensor> {
    let (channels, height, width) = image.dims3()?;
    todo!("exercise 1.3: loop as in 1.2, one channel at a time, and keep the largest pixel inside the image")
}

/// Average pooling keeps how much of a feature there is in the patch.
///
/// ```math
/// output[c, y, x] = 1/k² · Σ_ij image[c, y·s + i·d − p, x·s + j·d − p]
/// ```
/// - arguments, shapes and errors as in [`max_pool`]
///
/// **Trap** The padding counts: it adds zeros to the sum, and the sum is divided by k² everywhere, at the border too.
/// **Source** PyTorch, `AvgPool2d` with its default `count_include_pad=True`.
pub fn average_pool(image: &Tensor, window: Window) -> Result<Tensor> {
    let (channels, height, width) = image.dims3()?;
    todo!("exercise 1.3: as max_pool, with a sum divided by kernel²")
}
