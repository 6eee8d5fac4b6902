//! 5.6: down to the pixels.

use anyhow::Result;
use draw::Figure;
use lesson05::{edges, grad_cam, guided_backprop, saliency};
use studio::{Material, Parts};

use super::methods::{for_networks, named};
use super::view::{BRIGHTEST, View, class, heat, probability};

pub fn draw(material: &Material) -> Result<Figure> {
    let mut parts = Parts::default();
    let mut figure = Some(Figure::new("Down to the pixels"));
    let (mut columns, mut shown) = (0, String::new());
    for_networks(material, |who, material| {
        let network = material.network();
        let view = View::new(material, 2)?;
        let input = view.input()?;
        for guess in &view.questions {
            let (classes, name) = (class(guess), guess.short_name());
            let mut row = figure.take().unwrap_or_else(|| Figure::new(""));
            columns = 2;
            let of_pixels = parts.make("saliency", || Ok(saliency(network, &input, &classes)?))?;
            if let Some(map) = of_pixels {
                row = row.panel(heat(&map, format!("{who} saliency: {name}"))?.quantity(probability(guess)));
                columns += 1;
            }
            let guided = parts.make("guided backpropagation", || {
                Ok(guided_backprop(network, &input, &classes)?.abs()?.max(1)?)
            })?;
            if let Some(map) = guided {
                row = row.panel(heat(&map, format!("{who} guided: {name}"))?.quantity(probability(guess)));
                columns += 1;
            }
            let cam = grad_cam(network, &input, &classes, "layer4")?.get(0)?;
            row = row.panel(view.answer(&cam, format!("{who} Grad-CAM: {name}"), guess)?);
            figure = Some(row.panel(heat(&edges(&input)?, "edges")?));
        }
        shown = view.name;
        Ok(())
    })?;
    let figure = figure.unwrap_or_else(|| Figure::new("")).columns(columns);
    Ok(figure.width(190 * columns.max(3) as u32).caption(format!(
        "{}, {shown}. Your saliency and guided_backprop (5.6; the largest magnitude of the three colours), your grad_cam at \
         layer4, and edges, which know nothing of the network. Magma; the maps of pixels from 0 to their own {:.1}th percentile, \
         above which everything is as bright, Grad-CAM from 0 to its maximum. {}",
        named(material),
        100.0 * BRIGHTEST,
        parts.told(material),
    )))
}
