use candle_core::{Result, Tensor, bail};

use super::{Window, conv2d};

/// A convolution in `groups`: the first `1/groups` of the output channels see the first `1/groups` of the input channels,
/// and so on. `x` is `[batch, in_channels, height, width]`, `kernel` `[out_channels, in_channels / groups, side, side]`.
///
/// Returns `[batch, out_channels, out_height, out_width]`; with one group it is [`conv2d`].
///
/// **Errors** as [`conv2d`], and if the groups do not divide both numbers of channels.
///
/// **Source** Xie et al. 2017, "Aggregated residual transformations for deep neural networks".
pub fn grouped_conv2d(x: &Tensor, kernel: &Tensor, window: Window, groups: usize) -> Result<Tensor> {
    if groups == 1 {
        return conv2d(x, kernel, window);
    }
    let (inputs, outputs) = match (x.dims(), kernel.dims()) {
        (&[_, inputs, _, _], &[outputs, _, _, _]) => (inputs, outputs),
        (x, kernel) => bail!(
            "grouped_conv2d: expected input [batch, channels, height, width] and kernel [out, in, side, side], got {x:?} \
             and {kernel:?}"
        ),
    };
    if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        bail!("grouped_conv2d: expected groups that divide {inputs} input and {outputs} output channels, got {groups}");
    }
    // In halves: candle's gradient of each cut is as large as what was cut, and this cuts no channel more than
    // log₂(groups) times.
    let (first, second) = (groups / 2, groups - groups / 2);
    let part = |start: usize, count: usize| {
        let x = x.narrow(1, start * (inputs / groups), count * (inputs / groups))?;
        let kernel = kernel.narrow(0, start * (outputs / groups), count * (outputs / groups))?;
        grouped_conv2d(&x, &kernel, window, count)
    };
    Tensor::cat(&[part(0, first)?, part(first, second)?], 1)
}
