//! 5.6: down to the pixels.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Colormap, Figure, Heatmap};
use lesson05::{edges, grad_cam, guided_backprop, saliency};
use studio::Material;

use super::view::View;

pub fn draw(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 2)?;
    let input = view.input()?;
    let mut figure = Figure::new("Down to the pixels").caption(format!(
        "{}, {}. Your saliency and guided_backprop (5.6; the largest magnitude of the three colours), your grad_cam at \
         layer4, and edges, which know nothing of the network. Magma, each from 0 to its own maximum.",
        material.network_name(),
        view.name
    ));
    for (class, name) in &view.classes {
        let classes = [*class];
        let heat = |map: Tensor, title: &str| -> Result<Heatmap> {
            let map = map.get(0)?;
            Ok(Heatmap::new(&map)?.title(title).colormap(Colormap::Magma).without_bar())
        };
        let cam = grad_cam(network, &input, &classes, "layer4")?.get(0)?;
        let guided = guided_backprop(network, &input, &classes)?.abs()?.max(1)?;
        figure = figure
            .panel(heat(
                saliency(network, &input, &classes)?,
                &format!("saliency: {name}"),
            )?)
            .panel(heat(guided, &format!("guided backprop: {name}"))?)
            .panel(view.under(&cam, format!("Grad-CAM: {name}"))?)
            .panel(heat(edges(&input)?, "edges")?);
    }
    Ok(figure.columns(4).width(760))
}
