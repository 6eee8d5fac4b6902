//! 1.9: four designs at two scales of the first weights.

use anyhow::Result;
use draw::{Chart, Figure, Series, palette};
use lesson01::{Design, gradient_norms};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use studio::{Material, statistics};

use super::random::normal;

/// Draws of the first weights.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;

pub fn draw(material: &Material) -> Result<Figure> {
    const BLOCKS: usize = 50;
    const SHAPE: [usize; 4] = [4, 16, 8, 8];
    let [batch, channels, height, width] = SHAPE;
    let designs = [
        (
            "plain",
            Design {
                skip: false,
                batch_norm: false,
            },
        ),
        (
            "plain, batch norm",
            Design {
                skip: false,
                batch_norm: true,
            },
        ),
        (
            "residual",
            Design {
                skip: true,
                batch_norm: false,
            },
        ),
        (
            "residual, batch norm",
            Design {
                skip: true,
                batch_norm: true,
            },
        ),
    ];
    let mut figure = Figure::new(format!("The gradient on its way back through {} layers", 2 * BLOCKS)).caption(
        format!(
            "Your gradient_norms (1.9): {BLOCKS} blocks of two 3×3 convolutions, {channels} channels, {height}×{width}, \
             {batch} random images, before any training. Norm of the loss's gradient after each block, divided by that after \
             the last. Lines: the median of {} draws of the first weights; dashed: the lowest and the highest at each block. \
             Kernels are normal with variance 2 / (9·{channels}) on the left (He), half of that on the right.",
            SEEDS.count(),
        ),
    );
    for (title, gain) in [("variance 2 / fan-in", 2.0), ("variance 1 / fan-in", 1.0)] {
        let deviation = (gain / (9 * channels) as f64).sqrt();
        let drawn = |seed| -> Result<_> {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut kernel = || normal(&mut random, [channels, channels, 3, 3], deviation);
            let kernels = (0..BLOCKS)
                .map(|_| Ok((kernel()?, kernel()?)))
                .collect::<Result<Vec<_>>>()?;
            let input = normal(&mut random, SHAPE, 1.0)?;
            Ok((kernels, input, normal(&mut random, SHAPE, 1.0)?))
        };
        let drawn = SEEDS.map(drawn).collect::<Result<Vec<_>>>()?;
        let mut chart = Chart::new()
            .title(title)
            .x_label(format!("block, from the image (1) to the loss ({BLOCKS})"))
            .y_label("gradient norm, relative to the last block")
            .log_y()
            .y_range(1e-19..=1e9);
        for (place, (name, design)) in designs.into_iter().enumerate() {
            let colour = palette::series(place);
            let all = drawn
                .iter()
                .map(|(kernels, input, output_gradient)| gradient_norms(input, output_gradient, kernels, design));
            let all = all.collect::<candle_core::Result<Vec<_>>>()?;
            // Of each draw relative to its last block, in order at each block.
            let at = |block: usize| -> Vec<f64> { all.iter().map(|norms| norms[block] / norms[BLOCKS - 1]).collect() };
            let of = |share: f64| {
                (0..BLOCKS).map(move |block| (block as f64 + 1.0, statistics::quantile(&at(block), share)))
            };
            let [low, median, high] = [0.0, 0.5, 1.0].map(|share| statistics::quantile(&at(0), share));
            material.remark(format!(
                "{title}, {name}: from the last block to the first by {median:.1e}, from {low:.1e} to {high:.1e}, {} draws",
                all.len()
            ));
            chart = chart
                .series(Series::new(name, of(0.5)).color(colour))
                .series(Series::new("", of(0.0)).color(colour).dashed())
                .series(Series::new("", of(1.0)).color(colour).dashed());
        }
        figure = figure.panel(chart);
    }
    Ok(figure.width(1200))
}
