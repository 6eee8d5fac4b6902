//! Exercise 1.1: every shape in a convolutional network follows from one count.

use candle_core::{Result, bail};
use resnet::Window;

/// ## 1.1 How large is the output?
///
/// A window of `kernel` weights, `dilation` pixels apart, slides along a side of the image in steps of `stride`.
/// Each place where it fits gives one output. Height and width are counted separately, and so is every shape of a
/// network: this count is all there is to it.
///
/// ```math
/// output = ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1
/// ```
/// - `input`: n, pixels along one side
/// - `window`: `kernel` k (weights along that side), `stride` s (pixels per step), `padding` p (pixels added at each
///   of the two ends), `dilation` d (pixels from one weight to the next; 1 is a compact window)
/// - returns the number of outputs along that side
///
/// **Errors** if n, k, s or d is 0, or if the window, d·(k − 1) + 1 pixels long, is longer than the padded side.
/// **Trap** `usize` has no negative numbers: `5 - 7` panics. Test before you subtract.
/// **Source** Dumoulin and Visin 2016, "A guide to convolution arithmetic", relationship 15; PyTorch, `Conv2d`, "Shape".
/// **Accepted by** `cargo test -p lesson01 -- ex1_1`
pub fn output_size(input: usize, window: Window) -> Result<usize> {
    if input == 0 || window.kernel == 0 || window.stride == 0 || window.dilation == 0 {
        bail!("expected lengths of at least 1, got an input of {input} and {window:?}");
    }
    todo!("exercise 1.1: how many pixels long is the dilated window, and the padded side?")
}
