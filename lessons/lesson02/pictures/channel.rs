//! 2.1: one channel of a layer, captured with your hooks, for several images.

use anyhow::{Result, bail};
use candle_core::Tensor;
use draw::{Figure, Heatmap, ImagePanel, Scale};
use lesson02::{Hooks, capture};
use studio::Material;

pub fn draw(material: &Material) -> Result<Figure> {
    const SITE: &str = "layer3";
    const IMAGES: [u64; 6] = [0, 7, 1, 2, 4, 5];
    let count = material.image_count().unwrap_or(u64::MAX);
    let hooks = Hooks::new(material.network());
    let there = IMAGES.into_iter().filter(|index| *index < count);
    let samples = there.map(|index| material.sample(index)).collect::<Result<Vec<_>>>()?;
    let pixels: Vec<_> = samples.iter().map(|sample| &sample.pixels).collect();
    let images = Tensor::stack(&pixels, 0)?;
    let (_, captured) = capture(&hooks, &resnet::normalize(&images)?, &[SITE])?;
    let [activations] = &captured[..] else {
        bail!("expected one activation from capture, got {}", captured.len());
    };
    // The two channels whose strength differs most from image to image.
    let strength = activations.flatten_from(2)?.max(2)?; // [images, channels]
    let spread = strength
        .broadcast_sub(&strength.mean_keepdim(0)?)?
        .sqr()?
        .mean(0)?
        .to_vec1::<f32>()?;
    let mut order: Vec<usize> = (0..spread.len()).collect();
    order.sort_by(|&a, &b| spread[b].total_cmp(&spread[a]));

    let mut figure = Figure::new("The same channel, other images").caption(format!(
        "{}, {SITE}, the two channels that differ most between these images, captured with your hooks (2.1). {}. Viridis, \
         one scale per channel for all images.",
        material.network_name(),
        upper(&material.data_name()),
    ));
    for sample in &samples {
        let title = match (&sample.rendered, sample.label) {
            (Some(rendered), _) => {
                let figure = rendered.scene.figures[0];
                format!("{} {}", figure.colour, figure.shape)
            }
            (None, Some(label)) => material.label_names()[label].clone(),
            (None, None) => String::new(),
        };
        figure = figure.panel(ImagePanel::new(&sample.pixels)?.title(title));
    }
    for channel in order.into_iter().take(2) {
        let maps = activations.narrow(1, channel, 1)?.squeeze(1)?;
        let scale = Scale::over([&maps])?;
        for image in 0..samples.len() {
            let mut map = Heatmap::new(&maps.get(image)?)?.scale(scale);
            if image == 0 {
                map = map.title(format!("channel {channel}"));
            }
            figure = figure.panel(if image + 1 < samples.len() {
                map.without_bar()
            } else {
                map
            });
        }
    }
    Ok(figure.columns(samples.len()).width(1000))
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
