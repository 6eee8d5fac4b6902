//! 5.6: down to the pixels.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Figure, Heatmap, Scale};
use lesson05::{edges, grad_cam, guided_backprop, saliency};
use studio::Material;

use super::view::{View, class, probability};

/// The share of a map's values that lies below the brightest colour: a few pixels leave all others dark.
const BRIGHTEST: f64 = 0.995;

pub fn draw(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 2)?;
    let input = view.input()?;
    let mut figure = Figure::new("Down to the pixels").caption(format!(
        "{}, {}. Your saliency and guided_backprop (5.6; the largest magnitude of the three colours), your grad_cam at \
         layer4, and edges, which know nothing of the network. Magma; the maps of pixels from 0 to their own {:.1}th percentile, \
         above which everything is as bright, Grad-CAM from 0 to its maximum.",
        material.network_name(),
        view.name,
        100.0 * BRIGHTEST,
    ));
    for guess in &view.questions {
        let (classes, name) = (class(guess), guess.short_name());
        let heat = |map: Tensor, title: &str| -> Result<Heatmap> {
            let map = map.get(0)?;
            let scale = Scale::Range {
                min: 0.0,
                max: percentile(&map, BRIGHTEST)?,
            };
            Ok(Heatmap::new(&map)?
                .title(title)
                .scale(scale)
                .colormap(Colormap::Magma)
                .without_bar())
        };
        let cam = grad_cam(network, &input, &classes, "layer4")?.get(0)?;
        let guided = guided_backprop(network, &input, &classes)?.abs()?.max(1)?;
        figure = figure
            .panel(
                heat(saliency(network, &input, &classes)?, &format!("saliency: {name}"))?.quantity(probability(guess)),
            )
            .panel(heat(guided, &format!("guided backprop: {name}"))?.quantity(probability(guess)))
            .panel(view.answer(&cam, format!("Grad-CAM: {name}"), guess)?)
            .panel(heat(edges(&input)?, "edges")?);
    }
    Ok(figure.columns(4).width(760))
}

/// The value below which this share of a map's values lies.
fn percentile(map: &Tensor, share: f64) -> Result<f32> {
    let mut values = map.flatten_all()?.to_vec1::<f32>()?;
    values.sort_by(f32::total_cmp);
    let place = ((values.len() - 1) as f64 * share).round() as usize;
    Ok(values[place])
}
