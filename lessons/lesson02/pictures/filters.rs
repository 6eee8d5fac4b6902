//! 2.9: what a filter asks, the patch that answered most strongly, and what one image answers everywhere.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, MapGrid, Scale, Share};
use lesson02::strongest_answer;
use studio::Material;

use super::images::{BATCH, IMAGE};

pub fn draw(material: &Material) -> Result<Figure> {
    const SEARCHED: u64 = 64;
    let network = material.network();
    let weights = network.parameter("conv1.weight")?;
    let window = network.config().stem.convolution();
    let count = weights.dim(0)?.min(8);
    let images = material.image_count().unwrap_or(SEARCHED).min(SEARCHED);
    let mut batches = vec![];
    for batch in material.batches(0..images, BATCH) {
        batches.push(resnet::normalize(&batch?.pixels)?);
    }
    let searched = Tensor::cat(&batches, 0)?;
    let bar = studio::progress(count as u64, "filters");
    let (mut patches, mut fits) = (vec![], vec![]);
    for filter in 0..count {
        let answer = strongest_answer(&searched, &weights.get(filter)?, window)?;
        patches.push(resnet::denormalize(&answer.patch.unsqueeze(0)?)?.squeeze(0)?);
        fits.push(format!("cosine {:.2}", answer.cosine));
        bar.inc(1);
    }
    let sample = material.image(IMAGE)?;
    let trace = network.capture(&sample.input()?, &["conv1"])?;
    let maps = trace.activation("conv1")?.squeeze(0)?.narrow(0, 0, count)?;
    let numbers = (0..count).map(|filter| filter.to_string());
    Ok(Figure::new("Weights are a question, activations an answer")
        .caption(format!(
            "conv1 of {}, the first {count} filters. Top: the weights as colours, grey is 0, each filter with its own \
             scale; they are the same for every image. Middle: the patch with the strongest response among {images} {}, by \
             your strongest_answer (2.9), and the cosine between filter and patch. Bottom: pre-activations on {}, blue \
             negative, red positive, each map symmetric around 0.",
            material.network_name(),
            material.data_name(),
            sample.name,
        ))
        .panel(MapGrid::filters(&weights.narrow(0, 0, count)?)?.columns(count).labels(numbers).title("filters"))
        .next_row()
        .panel(
            MapGrid::images(&Tensor::stack(&patches, 0)?.clamp(0.0, 1.0)?)?
                .columns(count)
                .labels(fits)
                .title("strongest patches"),
        )
        .next_row()
        .panel(MapGrid::maps(&maps)?.columns(count).scale(Scale::Symmetric).share(Share::Each).title("feature maps"))
        .width(1000))
}
