//! Which concept each unit of a site overlaps best with, roughly: on a grid of 32×32 cells. Lesson 04 does it properly.

use candle_core::{Device, Result, Tensor};
use resnet::ResNet;
use scenes::{Concept, Rendered};

const GRID: usize = 32;

/// Scenes, and which cells of each belong to which concept.
pub struct Truth {
    rendered: Vec<Rendered>,
    masks: Vec<(Concept, Vec<bool>)>,
}

impl Truth {
    pub fn new(rendered: Vec<Rendered>) -> Self {
        let concepts = Concept::all()
            .into_iter()
            .filter(|concept| *concept != Concept::Background);
        let cells_of = |concept: Concept| {
            let of_scene = |rendered: &Rendered| {
                let step = rendered.image.width / GRID;
                let mask = rendered.masks.get(concept);
                let cell = |i: usize| mask.contains(i % GRID * step + step / 2, i / GRID * step + step / 2);
                (0..GRID * GRID).map(cell).collect::<Vec<_>>()
            };
            rendered.iter().flat_map(of_scene).collect()
        };
        let masks = concepts.map(|concept| (concept, cells_of(concept))).collect();
        Self { rendered, masks }
    }

    /// For each unit of a site: the concept that its top half percent of cells overlaps with best, and the IoU.
    pub fn dissect(&self, network: &ResNet, site: &str) -> Result<Vec<(f64, Concept)>> {
        let mut units: Vec<Vec<f32>> = Vec::new();
        for chunk in self.rendered.chunks(50) {
            let images = resnet::normalize(&scenes::batch(chunk, &Device::Cpu)?)?;
            let activation = network.capture(&images, &[site])?.activation(site)?.clone();
            let weights = interpolation(activation.dim(2)?)?;
            let (batch, channels, _, _) = activation.dims4()?;
            units.resize(channels, Vec::new());
            for image in 0..batch {
                let maps = weights
                    .broadcast_matmul(&activation.get(image)?)?
                    .broadcast_matmul(&weights.t()?)?;
                for (unit, map) in units.iter_mut().zip(maps.flatten_from(1)?.to_vec2::<f32>()?) {
                    unit.extend(map);
                }
            }
        }
        Ok(units.iter().map(|unit| self.best(unit)).collect())
    }

    fn best(&self, unit: &[f32]) -> (f64, Concept) {
        let mut sorted = unit.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let threshold = sorted[sorted.len() / 200];
        let overlap = |(concept, mask): &(Concept, Vec<bool>)| {
            let (mut both, mut either) = (0usize, 0usize);
            for (&value, &is) in unit.iter().zip(mask) {
                let on = value > threshold;
                both += usize::from(on && is);
                either += usize::from(on || is);
            }
            (both as f64 / either.max(1) as f64, *concept)
        };
        let best = self.masks.iter().map(overlap).max_by(|a, b| a.0.total_cmp(&b.0));
        best.expect("there are concepts")
    }
}

/// Rows of bilinear weights from `from` cells to the grid, half-pixel centres.
fn interpolation(from: usize) -> Result<Tensor> {
    let mut weights = vec![0f32; GRID * from];
    for (to, row) in weights.chunks_exact_mut(from).enumerate() {
        let at = ((to as f32 + 0.5) * from as f32 / GRID as f32 - 0.5).clamp(0.0, from as f32 - 1.0);
        let (low, share) = (at.floor() as usize, at.fract());
        row[low] += 1.0 - share;
        row[(low + 1).min(from - 1)] += share;
    }
    Tensor::from_vec(weights, (GRID, from), &Device::Cpu)
}
