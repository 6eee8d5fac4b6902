//! 4.8: the scenes that drive a few units most, dark where the unit is off.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, MapGrid};
use lesson04::best_concepts;
use scenes::Concept;
use studio::Material;

use super::dissected::{Asked, DISSECTED, Layer, dissect};
use super::images::{BATCH, networks};

pub fn draw(material: &Material) -> Result<Figure> {
    const SHOWN: usize = 6;
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let networks = networks(material)?;
    let mut chosen = vec![];
    for (name, network) in &networks {
        let layers = dissect(network, &["layer1", "layer3", "layer4"], &concepts, Asked::default())?;
        for (layer, factor) in layers.into_iter().zip(["colour", "shape", "shape"]) {
            if let Some(found) = best_unit(&layer, &concepts, factor)? {
                chosen.push((*name, network, layer, found));
            }
        }
    }
    let mut figure = Figure::new("What drives a unit").columns(1).caption(format!(
        "The {SHOWN} of {DISSECTED} {} with the largest activation of the unit of each layer that fits a concept best, in ResNet-18 \
         “scenes” (ordinary) and “robust”. Bright: where the enlarged activation is above the unit's threshold (4.8). IoU: \
         pooled over all scenes.",
        material.data_name(),
    ));
    for (name, network, layer, (unit, concept, iou)) in chosen {
        let maps = |image: &Tensor| -> Result<Tensor> {
            let trace = network.network().capture(&resnet::normalize(image)?, &[&layer.site])?;
            Ok(trace.activation(&layer.site)?.narrow(1, unit, 1)?)
        };
        let mut largest = vec![];
        for batch in material.batches(0..DISSECTED, BATCH) {
            largest.extend(maps(&batch?.pixels)?.flatten_from(1)?.max(1)?.to_vec1::<f32>()?);
        }
        let mut order: Vec<usize> = (0..largest.len()).collect();
        order.sort_by(|&a, &b| largest[b].total_cmp(&largest[a]));
        let threshold = f64::from(layer.thresholds.get(unit)?.to_scalar::<f32>()?);
        let lit = |&index: &usize| -> Result<Tensor> {
            let pixels = material.sample(index as u64)?.pixels;
            let (_, height, width) = pixels.dims3()?;
            let map = maps(&pixels.unsqueeze(0)?)?.upsample_bilinear2d(height, width, false)?;
            let on = map.gt(threshold)?.to_dtype(candle_core::DType::F32)?.squeeze(0)?;
            Ok(pixels.broadcast_mul(&on.affine(0.75, 0.25)?)?)
        };
        let scenes = order[..SHOWN].iter().map(lit).collect::<Result<Vec<_>>>()?;
        let grid = MapGrid::images(&Tensor::stack(&scenes, 0)?)?.columns(SHOWN);
        figure = figure.panel(grid.title(format!("{name}: {} unit {unit}, {concept}, IoU {iou:.2}", layer.site)));
    }
    Ok(figure.width(840))
}

/// The unit of a layer that stands best for a concept of this kind: unit, concept, IoU.
fn best_unit(layer: &Layer, concepts: &[Concept], factor: &str) -> Result<Option<(usize, Concept, f64)>> {
    let best = best_concepts(&layer.real)?;
    let of_factor = best.into_iter().enumerate().filter_map(|(unit, (concept, iou))| {
        (concepts[concept].factor() == factor).then_some((unit, concepts[concept], iou))
    });
    Ok(of_factor.max_by(|a, b| a.2.total_cmp(&b.2)))
}
