//! The first layer of the shared network, and its feature maps by the learner's own convolution.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, ImagePanel, MapGrid, Scale, Share};
use lesson01::convolve;
use studio::Material;

use super::input::image;

pub fn draw(material: &Material) -> Result<Figure> {
    let weights = material.network().parameter("conv1.weight")?;
    let window = material.network().config().stem.convolution();
    let (image, name) = image(material)?;
    let normalized = resnet::normalize(&image.unsqueeze(0)?)?.squeeze(0)?;
    let maps = convolve(&normalized, weights, None, window)?;
    let (filters, height, width) = maps.dims3()?;
    let columns = filters.isqrt();
    let numbers = || (0..filters).map(|filter| filter.to_string());
    Ok(Figure::new("The filters of the first layer, and what they find")
        .caption(format!(
            "conv1 of {}: {filters} filters of 3×{kernel}×{kernel}, stride {}. Left: weights as colours, grey is 0, \
             each filter with its own scale. Right: your convolve (1.2) on {name}; pre-activations, blue negative, red \
             positive, each map with its own scale around 0. {}",
            material.network_name(),
            window.stride,
            texture(weights)?,
            kernel = window.kernel,
        ))
        .panel(ImagePanel::new(&image)?.title("input"))
        .panel(
            MapGrid::filters(weights)?
                .columns(columns)
                .labels(numbers())
                .title("filters"),
        )
        .panel(
            MapGrid::maps(&maps)?
                .columns(columns)
                .labels(numbers())
                .scale(Scale::Symmetric)
                .share(Share::Each)
                .title(format!("feature maps, {height}×{width}")),
        )
        .width(800))
}

/// Whether the filters are smooth, or change from pixel to pixel: the correlation of weights beside each other.
fn texture(weights: &Tensor) -> Result<String> {
    let centred = weights.broadcast_sub(&weights.mean_keepdim((2, 3))?)?;
    let width = weights.dim(3)? - 1;
    let (left, right) = (centred.narrow(3, 0, width)?, centred.narrow(3, 1, width)?);
    let sum = |a: &Tensor, b: &Tensor| -> Result<f32> { Ok((a * b)?.sum_all()?.to_scalar()?) };
    let alike = sum(&left, &right)? / (sum(&left, &left)? * sum(&right, &right)?).sqrt();
    let words = match alike {
        0.5.. => "the filters are smooth",
        _ => "fine stripes do that, and confetti does, which nothing in training forbids; see what they find",
    };
    Ok(format!("Weights beside each other correlate by {alike:.2}: {words}."))
}
