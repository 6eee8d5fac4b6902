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
    pool(image, window, f32::NEG_INFINITY, |patch| {
        patch.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    })
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
    pool(image, window, 0.0, |patch| {
        patch.iter().sum::<f32>() / patch.len() as f32
    })
}

/// Slides the window over each channel and reduces each patch of k² pixels to one number.
fn pool(image: &Tensor, window: Window, outside: f32, reduce: impl Fn(&[f32]) -> f32) -> Result<Tensor> {
    let (channels, height, width) = image.dims3()?;
    let Window {
        kernel,
        stride,
        padding,
        dilation,
    } = window;
    if 2 * padding > kernel {
        bail!("expected padding of at most half the kernel ({kernel}), got {padding}");
    }
    let out_height = output_size(height, window)?;
    let out_width = output_size(width, window)?;

    let mut output = Vec::with_capacity(channels * out_height * out_width);
    let mut patch = vec![outside; kernel * kernel];
    for plane in image.to_vec3::<f32>()? {
        for y in 0..out_height {
            for x in 0..out_width {
                for i in 0..kernel {
                    for j in 0..kernel {
                        let row = (y * stride + i * dilation).checked_sub(padding);
                        let column = (x * stride + j * dilation).checked_sub(padding);
                        patch[i * kernel + j] = row
                            .and_then(|row| plane.get(row)?.get(column?).copied())
                            .unwrap_or(outside);
                    }
                }
                output.push(reduce(&patch));
            }
        }
    }
    Tensor::from_vec(output, (channels, out_height, out_width), &Device::Cpu)
}
