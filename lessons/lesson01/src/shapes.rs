//! Exercise 1.6: what becomes of an image on its way through a ResNet.

use candle_core::{Result, bail};
use resnet::{Config, Window};

use crate::window::output_size;

/// ## 1.6 What is the shape after every block?
///
/// A shape table is the first thing to make of a network you do not know. It tells what a unit of each layer is: which
/// of `channels` features, at which of `height · width` places.
///
/// | row | layer | window | channels |
/// |---|---|---|---|
/// | `conv1` | stem, ImageNet | kernel 7, stride 2, padding 3 | w |
/// | `maxpool` | stem, ImageNet | kernel 3, stride 2, padding 1 | w |
/// | `conv1` | stem, CIFAR (and no pool) | kernel 3, stride 1, padding 1 | w |
/// | `layer1.0`, … | blocks of stage 1 | kernel 3, stride 1, padding 1 | w · e |
/// | `layerN.0` | first block of stage N = 2, 3, 4 | kernel 3, stride 2, padding 1 | w · 2^(N−1) · e |
/// | `layerN.1`, … | its other blocks | kernel 3, stride 1, padding 1 | w · 2^(N−1) · e |
/// | `avgpool` | mean over all places | | the same, 1×1 |
/// | `fc` | fully connected | | classes |
///
/// - `config`: `width` w; `blocks` per stage; `block.expansion()` e (1, or 4 in a bottleneck); `stem`, with
///   `stem.convolution()` and `stem.pool()` as windows; `classes`
/// - `images`: `[batch, 3, height, width]` in pixels
/// - returns the rows in this order, name and shape: `[batch, channels, height, width]`, and `[batch, classes]` for `fc`
///
/// The guide's exercise is the first row for `[batch, 3, 32, 32]`: `conv1` gives `[batch, 64, 16, 16]`.
///
/// **Errors** if the images do not have 3 channels, or if 1.1 refuses.
/// **Trap** Sizes round up here: 7 pixels become 4 (stride 2, padding 1), not 3. Let 1.1 count.
/// **Source** He et al. 2015, table 1; torchvision, `resnet.py`.
/// **Accepted by** `cargo test -p lesson01 -- ex1_6`
pub fn shape_table(config: &Config, images: [usize; 4]) -> Result<Vec<(String, Vec<usize>)>> {
    let [batch, channels, height, width] = images;
    if channels != 3 {
        bail!("expected images of 3 channels, got {channels}");
    }
    todo!("exercise 1.6: start with the stem: which window, and which height and width after it?")
}

/// Writes the rows of [`shape_table`] below each other, one line each: name, shape, and the numbers in it.
pub fn format_table(rows: &[(String, Vec<usize>)]) -> String {
    let mut text = String::new();
    for (name, shape) in rows {
        let numbers: usize = shape.iter().product();
        let shape = format!("{shape:?}");
        text += &format!("{name:<10} {shape:<20} {numbers:>9}\n");
    }
    text
}
