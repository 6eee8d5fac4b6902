//! Exercise 2.9: what a filter asks, and what an image answers.

use candle_core::{DType, Result, Tensor, bail};
use resnet::{Window, ops};

/// The place where a filter answered most strongly.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which image of the batch.
    pub image: usize,
    /// Row of the feature map.
    pub row: usize,
    /// Column of the feature map.
    pub column: usize,
    /// The pre-activation there: Σ filter · patch.
    pub response: f64,
    /// The cosine of the angle between filter and patch, between −1 and 1: how well the pattern fits, without its
    /// contrast. 0 if one of the two is 0 everywhere.
    pub cosine: f64,
    /// What the filter saw there, `[channels, kernel, kernel]`; the padding is 0.
    pub patch: Tensor,
}

/// ## 2.9 What is the difference between looking at weights and looking at activations?
///
/// The weights are what the unit asks: one picture, the same for all images. An activation is what one image answers at
/// one place. The two meet in a single product:
///
/// ```math
/// response = Σ filter · patch = ‖filter‖ · ‖patch‖ · cosine
/// ```
/// So a strong response means a patch that looks like the filter, or just one of high contrast. This function finds the
/// strongest response of a filter to a batch of images, the patch it answered, and the cosine that tells the two apart.
///
/// - `images`: f32, as the filter gets them (normalized), `[batch, channels, height, width]`
/// - `filter`: f32, `[channels, kernel, kernel]`
/// - `window`: kernel, stride and padding of the layer; dilation is 1
/// - returns the largest response, the first one if several are equal: first image, then first row, then first column
///
/// `ops::conv2d(images, kernels, window)` takes kernels `[filters, channels, kernel, kernel]`.
///
/// **Errors** if a shape does not fit or `window.dilation` is not 1.
/// **Trap** Row and column count windows, not pixels. The patch begins at pixel row·stride of the *padded* image.
/// **Accepted by** `cargo test -p lesson02 -- ex2_9`
pub fn strongest_answer(images: &Tensor, filter: &Tensor, window: Window) -> Result<Answer> {
    if window.dilation != 1 {
        bail!("expected a dilation of 1, got {}", window.dilation);
    }
    let (channels, rows, columns) = filter.dims3()?;
    if images.dims4()?.1 != channels || (rows, columns) != (window.kernel, window.kernel) {
        bail!(
            "expected a filter for {:?} and {window:?}, got {:?}",
            images.dims(),
            filter.dims()
        );
    }
    let responses = ops::conv2d(images, &filter.unsqueeze(0)?, window)?;
    let (_, _, height, width) = responses.dims4()?;
    let responses = responses.flatten_all()?.to_vec1::<f32>()?;
    let mut best = 0;
    for (place, response) in responses.iter().enumerate() {
        if *response > responses[best] {
            best = place;
        }
    }
    let (image, row, column) = (best / (height * width), best / width % height, best % width);
    let patch = images
        .get(image)?
        .pad_with_zeros(1, window.padding, window.padding)?
        .pad_with_zeros(2, window.padding, window.padding)?
        .narrow(1, row * window.stride, window.kernel)?
        .narrow(2, column * window.stride, window.kernel)?;
    let response = f64::from(responses[best]);
    let lengths = norm(filter)? * norm(&patch)?;
    Ok(Answer {
        image,
        row,
        column,
        response,
        cosine: if lengths > 0.0 { response / lengths } else { 0.0 },
        patch,
    })
}

fn norm(tensor: &Tensor) -> Result<f64> {
    tensor.to_dtype(DType::F64)?.sqr()?.sum_all()?.sqrt()?.to_scalar()
}
