//! What a skip without a stride of its own does to shrink a map. Made of candle operations whose gradients are right.

use candle_core::{Result, Tensor, bail};

/// The average of each 2×2 pixels, `[batch, channels, ⌈height/2⌉, ⌈width/2⌉]`. Where a side is odd, the last window holds
/// one row or column and is the average of that.
///
/// **Errors** if the rank is not 4.
///
/// **Source** timm's `downsample_avg`: `AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)`.
pub fn average_pairs(x: &Tensor) -> Result<Tensor> {
    // The last row twice has the same average as the last row.
    let (batch, channels, height, width) = x.dims4()?;
    let even = x.pad_with_same(2, 0, height % 2)?.pad_with_same(3, 0, width % 2)?;
    let pairs = even.reshape((batch * channels, height.div_ceil(2), 2, width.div_ceil(2), 2))?;
    let (height, width) = (height.div_ceil(2), width.div_ceil(2));
    pairs.mean(4)?.mean(2)?.reshape((batch, channels, height, width))
}

/// Every `stride`th pixel down and across, and as many channels of zeros before and after as make `channels` of them:
/// `[batch, channels, ⌈height/stride⌉, ⌈width/stride⌉]`.
///
/// **Errors** if the rank is not 4, the stride is 0, or the number of channels shrinks or grows by an odd number.
///
/// **Source** He et al. 2015, option A; where the zeros stand is not said there, the usual code puts half on each side.
pub fn padded_identity(x: &Tensor, channels: usize, stride: usize) -> Result<Tensor> {
    let (batch, inputs, height, width) = x.dims4()?;
    let Some(missing) = channels.checked_sub(inputs).filter(|missing| missing % 2 == 0) else {
        bail!("padded_identity: expected {inputs} channels and an even number more, got {channels}")
    };
    if stride == 0 {
        bail!("padded_identity: expected a stride of at least 1, got 0")
    }
    let (down, across) = (height.div_ceil(stride), width.div_ceil(stride));
    let whole = x
        .pad_with_zeros(2, 0, down * stride - height)?
        .pad_with_zeros(3, 0, across * stride - width)?;
    let kept = whole
        .reshape((batch * inputs, down, stride, across, stride))?
        .narrow(2, 0, 1)?
        .narrow(4, 0, 1)?
        .reshape((batch, inputs, down, across))?;
    kept.pad_with_zeros(1, missing / 2, missing / 2)
}
