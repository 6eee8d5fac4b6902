//! Exercise 1.2: the operation the whole network is made of, as plain loops.

use candle_core::{Device, Result, Tensor, bail};
use resnet::Window;

use crate::window::output_size;

/// ## 1.2 What does a filter compute?
///
/// A filter is a small image of weights. Laid over a patch of the input it gives one number: weight times pixel,
/// summed over the patch and over all input channels, plus a bias. That number is large where the patch looks like the
/// filter. One filter slid over all places makes one *feature map*; `kernels` holds one filter per output channel.
///
/// ```math
/// output[o, y, x] = bias[o] + Σ_c Σ_i Σ_j kernels[o, c, i, j] · image[c, y·s + i·d − p, x·s + j·d − p]
/// ```
/// - `image`: f32, `[channels, height, width]`; outside it (in the padding) every pixel counts as 0
/// - `kernels`: f32, `[out_channels, channels, kernel, kernel]`
/// - `bias`: f32, `[out_channels]`; `None` means 0
/// - `window`: s, p and d as in 1.1; its `kernel` is the side of `kernels`
/// - returns f32, `[out_channels, out_height, out_width]`, sizes by 1.1
///
/// Write it as loops over plain numbers: `image.to_vec3::<f32>()?` gives `Vec<Vec<Vec<f32>>>`, and
/// `kernels.get(o)?.to_vec3::<f32>()?` one filter. `Tensor::from_vec(values, (a, b, c), &Device::Cpu)` goes back.
///
/// **Errors** if the ranks are not 3, 4 and 1, if the channels of `kernels` are not those of `image`, if the last two
/// sides of `kernels` are not `window.kernel`, if `bias` has another length than `out_channels`, or if 1.1 refuses.
/// **Trap** The mathematician's convolution flips the filter; deep learning's (a cross-correlation) does not.
/// **Source** Goodfellow, Bengio and Courville 2016, equation 9.6; PyTorch, `Conv2d`.
/// **Accepted by** `cargo test -p lesson01 -- ex1_2`
pub fn convolve(image: &Tensor, kernels: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let (channels, height, width) = image.dims3()?;
    let (out_channels, kernel_channels, kernel_height, kernel_width) = kernels.dims4()?;
    if kernel_channels != channels {
        bail!("expected kernels for {channels} channels, got {kernel_channels}");
    }
    if (kernel_height, kernel_width) != (window.kernel, window.kernel) {
        bail!(
            "expected kernels of {} pixels a side, got {kernel_height}×{kernel_width}",
            window.kernel
        );
    }
    if let Some(bias) = bias
        && bias.dims() != [out_channels]
    {
        bail!("expected {out_channels} biases, got {:?}", bias.dims());
    }
    let Window {
        kernel,
        stride,
        padding,
        dilation,
    } = window;
    let bias = match bias {
        Some(bias) => bias.to_vec1::<f32>()?,
        None => vec![0.0; out_channels],
    };
    let out_height = output_size(height, window)?;
    let out_width = output_size(width, window)?;

    // With the zeros really there, no index can fall outside.
    let padded = image
        .pad_with_zeros(1, padding, padding)?
        .pad_with_zeros(2, padding, padding)?
        .to_vec3::<f32>()?;

    let mut output = Vec::with_capacity(out_channels * out_height * out_width);
    for (o, bias) in bias.into_iter().enumerate() {
        let filter = kernels.get(o)?.to_vec3::<f32>()?;
        for y in 0..out_height {
            for x in 0..out_width {
                let mut sum = bias;
                for (plane, weights) in padded.iter().zip(&filter) {
                    for i in 0..kernel {
                        for j in 0..kernel {
                            sum += weights[i][j] * plane[y * stride + i * dilation][x * stride + j * dilation];
                        }
                    }
                }
                output.push(sum);
            }
        }
    }
    Tensor::from_vec(output, (out_channels, out_height, out_width), &Device::Cpu)
}
