//! Exercise 1.8: the part of the image that one unit can see.

use resnet::Window;

/// How far apart and how wide the units of a layer look into the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Side of the square of input pixels that one unit depends on.
    pub size: usize,
    /// Input pixels between the squares of two neighbouring units (also called the jump).
    pub stride: usize,
}

/// ## 1.8 How much of the image does a unit see?
///
/// A unit of the first layer sees one window. A unit of the next sees a window of windows, which lie as far apart as the
/// strides so far have put them. Whatever a unit responds to must fit into its receptive field.
///
/// ```math
/// size_l   = size_(l−1) + d_l·(k_l − 1) · stride_(l−1),    size_0 = 1
/// stride_l = stride_(l−1) · s_l,                           stride_0 = 1
/// ```
/// - `windows`: one per convolution or pool on the longest way from the image to the layer, first layer first;
///   `kernel` k, `dilation` d, `stride` s as in 1.1. Padding moves the field and does not change its size
/// - returns `size` and `stride`, in input pixels; the image's border may cut the field
///
/// By hand: a 3-window with stride 2, then one with stride 1: 1 → 1 + 2·1 = 3 → 3 + 2·2 = 7.
///
/// **Trap** The stride that counts is that of the layers *before*, not the layer's own.
/// **Source** Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks", Distill.
/// **Accepted by** `cargo test -p lesson01 -- ex1_8`
pub fn receptive_field(windows: &[Window]) -> ReceptiveField {
    todo!("exercise 1.8: start from size 1 and stride 1, and take the windows one by one")
}
