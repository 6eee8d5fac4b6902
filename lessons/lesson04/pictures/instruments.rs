//! 4.8 and 4.10 for the cards of the microscope.

use candle_core::{Result, Tensor, bail};
use lesson04::{Dissection, Factor, Thresholds, responses, shuffled, shuffled_indices, tuning_curve, tuning_index};
use scenes::{Concept, Sampler, Scene};
use studio::Instrument;
use studio::instruments::{Asked, Function};
use studio::scenery;

/// The functions that a card can use.
pub const ALL: [Instrument; 2] = [
    Instrument {
        name: "concept",
        function: Function::OfUnit(concept),
    },
    Instrument {
        name: "tuning",
        function: Function::OfUnit(tuning),
    },
];

/// Share of a unit's activations that counts as on.
const ON: f64 = 0.005;
/// Scenes at a time.
const BATCH: usize = 50;

/// Seed, and a unit's maps over the first scenes of this seed: the threshold, the IoU with each concept, then with each
/// concept's masks of other scenes.
fn concept(asked: &Asked) -> Result<Vec<f32>> {
    let ([seed], numbers) = asked.split()?;
    let maps = Asked::new(None, asked.site, asked.unit, numbers).maps()?;
    let (images, _, height, width) = maps.dims4()?;
    let batches = || {
        (0..images)
            .step_by(BATCH)
            .map(|first| (first, BATCH.min(images - first)))
    };
    let mut thresholds = Thresholds::new(images * height * width, ON)?;
    for (first, count) in batches() {
        thresholds.update(&maps.narrow(0, first, count)?)?;
    }
    let thresholds = thresholds.finish()?;
    let concepts = Concept::all();
    let mut counts = Dissection::new(&thresholds, 2 * concepts.len())?;
    for (first, count) in batches() {
        let scene = |index: usize| Ok(Scene::sample(&Sampler::default(), seed as u64, index as u64)?.render());
        let rendered = (first..first + count).map(scene).collect::<Result<Vec<_>>>()?;
        let masks = scenery::masks(&rendered, &concepts)?;
        let both = Tensor::cat(&[&masks, &shuffled(&masks)?], 1)?;
        counts.update(&maps.narrow(0, first, count)?, &both)?;
    }
    let iou = counts.iou()?.flatten_all()?.to_vec1::<f64>()?;
    let threshold = thresholds.to_vec1::<f32>()?;
    Ok(threshold
        .into_iter()
        .chain(iou.into_iter().map(|iou| iou as f32))
        .collect())
}

/// Which factor, 1 behind a ReLU, how many shuffles, and the indices of base scenes: the means, half the widths of their
/// intervals, and behind a ReLU the index and those of the shuffles.
fn tuning(asked: &Asked) -> Result<Vec<f32>> {
    let ([factor, is_rectified, shuffles], bases) = asked.split()?;
    let Some(&factor) = Factor::ALL.get(factor as usize) else {
        bail!("there is no factor {factor}")
    };
    let scenes = bases.iter().map(|&index| scenery::base_scene(index as u64));
    let scenes = scenes.collect::<Result<Vec<_>>>()?;
    let table = responses(asked.network()?, asked.site, asked.unit, &scenes, factor)?;
    let curve = tuning_curve(&table)?;
    let mut all = curve.mean.clone();
    all.extend(&curve.half);
    if is_rectified > 0.0 {
        all.push(tuning_index(&curve.mean)?);
        all.extend(shuffled_indices(&table, shuffles as usize, asked.unit as u64)?);
    }
    Ok(all.into_iter().map(|number| number as f32).collect())
}
