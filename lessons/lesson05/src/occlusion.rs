//! Exercise 5.10: cover a part of the image, and see what the score loses.

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;
use std::ops::Range;

/// What is laid over the image, and how far it moves from one place to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patch {
    /// Side of the square, in pixels.
    pub side: usize,
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Its colour, RGB in [0, 1].
    pub colour: [f32; 3],
}

/// Each image's logit of its own class, `[batch]`. Given.
///
/// **Errors** if there is not one class per image, or no such class.
pub fn class_logits(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    if images.dim(0)? != classes.len() {
        bail!(
            "expected one class for each of {} images, got {}",
            images.dim(0)?,
            classes.len()
        );
    }
    let classes = Tensor::new(classes, images.device())?.unsqueeze(1)?;
    network.forward(images)?.gather(&classes, 1)?.squeeze(1)
}

/// Where the patch lies along one side of the image, place by place. Part of exercise 5.10.
///
/// ```math
/// place i covers the pixels i·stride … min(i·stride + side, length) − 1,    i = 0, 1, … until the last pixel is covered
/// ```
/// - `length`: of the image's side, in pixels
/// - returns the pixels of each place: `0..4`, `2..6`, … . The last place may be cut off by the rim
///
/// **Errors** if the stride is larger than the patch: what no patch covers would have no value. (Lengths of 0 are refused
/// already.)
pub fn places(length: usize, patch: &Patch) -> Result<Vec<Range<usize>>> {
    if length == 0 || patch.side == 0 || patch.stride == 0 {
        bail!("expected lengths above 0, got an image of {length} and {patch:?}");
    }
    todo!("exercise 5.10: how many places does it take until the last pixel is covered?")
}

/// The images with one rectangle painted over. Part of exercise 5.10.
///
/// - `images`: normalized, `[batch, 3, height, width]`
/// - `rows`, `columns`: the rectangle
/// - `colour`: RGB in [0, 1], as one sees it
/// - returns normalized images of the same shape
///
/// `resnet::normalize` takes a single colour, too, as `[1, 3, 1, 1]`; `images.slice_assign(&[0..batch, 0..3, …, …], &rectangle)`
/// replaces a part of a tensor.
///
/// **Trap** The images are normalized and the colour is not: 0 is black in one, and a greyish middle in the other.
pub fn covered(images: &Tensor, rows: &Range<usize>, columns: &Range<usize>, colour: [f32; 3]) -> Result<Tensor> {
    todo!("exercise 5.10: normalize the colour, make a rectangle of it, put it in")
}

/// ## 5.10 Cover it and look
///
/// A gradient says what a very small change would do. Cover a part of the image and you need no gradient: what the logit
/// loses, this part was worth. Slide the patch over the image; a pixel's value is the mean over all places that cover it.
/// Write the two parts above first; the checks begin with them.
///
/// ```math
/// drop_p = y(x) − y(x with place p covered)
/// map_ij = mean of drop_p over the places p that cover pixel (i, j)
/// ```
/// - `images`: x, normalized, `[batch, 3, height, width]`
/// - `classes`: the class to explain for each image; y is its logit, [`class_logits`]
/// - returns `[batch, height, width]`, signed: below 0 where the logit grew
///
/// **Errors** as `places` and `class_logits` do.
/// **Trap** At the rim fewer places cover a pixel. A division by the same number everywhere makes every map dark there.
/// **Source** Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2.
/// **Accepted by** `cargo test -p lesson05 -- ex5_10`
pub fn occlusion(network: &ResNet, images: &Tensor, classes: &[u32], patch: &Patch) -> Result<Tensor> {
    todo!("exercise 5.10: for every place the drop of the logit; then the mean at every pixel")
}
