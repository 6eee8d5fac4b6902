//! The first layer: weights, and what they want.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, MapGrid};
use lesson03::{Target, objective};
use studio::Material;

use super::making::{Wish, make};
use super::recipe::{PLAIN, Recipe};

pub fn draw(material: &Material) -> Result<Figure> {
    const SMALL: usize = 48;
    let network = material.network();
    let weights = network.parameter("conv1.weight")?;
    let count = weights.dim(0)?;
    // Image k is for filter k.
    let each = |images: &Tensor| {
        let activation = network.activation(&resnet::normalize(images)?, "relu")?;
        let values = (0..count)
            .map(|k| objective(&activation.narrow(0, k, 1)?, Target::Channel(k)))
            .collect::<candle_core::Result<Vec<_>>>()?;
        Tensor::cat(&values, 0)
    };
    let wish = Wish {
        objective: &each,
        scale: 1.0,
    };
    let recipe = Recipe {
        blur: 0.4,
        total_variation: 1e-4, // so that a filter that never answers ends as a plain field
        // Enough for every filter to answer somewhere: to clouds as large as the image some are at rest everywhere.
        start: 0.4,
        cells: 16,
        ..PLAIN
    };
    let (images, _) = make(material, &wish, &recipe, count, SMALL, "conv1".into())?;
    let columns = count.isqrt();
    let numbers = || (0..count).map(|k| k.to_string());
    let weights = MapGrid::filters(weights)?.title("filters");
    let images = MapGrid::images(&images)?.title("optima");
    Ok(Figure::new("The first layer: what the filters are, and what they want")
        .caption(format!(
            "conv1 of {}. Left: weights as colours, grey is 0, each filter with its own scale. Right: for each filter the \
             image of {SMALL}×{SMALL} that excites it most after the ReLU, on average over all places: your maximize on {}.",
            material.network_name(),
            recipe.words()
        ))
        .panel(weights.columns(columns).labels(numbers()))
        .panel(images.columns(columns).labels(numbers()))
        .width(900))
}
