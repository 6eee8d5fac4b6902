//! 4.11: what features of a dictionary want, beside the units that stand for the same concepts.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Figure, MapGrid};
use lesson04::{best_concepts, codes};
use scenes::Concept;
use studio::Material;
use studio::optimum::{Recipe, along, clouds};

use super::axes::{Judge, KEEP, LEARNED_ON, SITE, learned, rows, to_learn_on};
use super::dissected::{DISSECTED, ON};
use super::images::networks;

/// What becomes [`SITE`] behind a ReLU. A unit that is off has no gradient behind it.
const BEFORE_RELU: &str = "layer4.1.add";
/// Concepts shown: those that a feature fits best.
const SHOWN: usize = 6;
/// Starts of each image, of which the best is kept.
const STARTS: usize = 3;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it names features by the masks of what was drawn")?;
    let mut figure = Figure::new("What do the features of a dictionary want?")
        .columns(3)
        .width(1400);
    for (name, network) in &networks(material)? {
        figure = row(name, network)?.into_iter().fold(figure, Figure::panel);
    }
    Ok(figure.caption(format!(
        "The {SHOWN} concepts that a feature of one dictionary fits best ({SITE}, your functions of 4.11, {KEEP} features kept at a \
         place, learned on {LEARNED_ON} scenes), and the unit that fits each best, by pooled IoU (4.8, on in {} % of the places of \
         {DISSECTED} scenes). Left: the scene with the largest code. Middle and right: the image, of {STARTS} starts, that drives the \
         feature's encoder direction and the unit, before its ReLU, most: {} steps of ascent in a ball of radius {} around grey, shifted, with the \
         gradient blurred.",
        100.0 * ON,
        Recipe::CAREFUL.steps,
        Recipe::CAREFUL.radius,
    )))
}

/// Scenes, optima of features and optima of units.
fn row(name: &str, material: &Material) -> Result<[MapGrid; 3]> {
    let judge = Judge::new(material)?;
    let dictionary = learned(&to_learn_on(material)?, 0)?;
    let z = codes(&dictionary, &rows(&judge.activations)?, KEEP)?;
    let maps = judge.maps(&z)?;
    let of = |maps: &Tensor| -> Result<Vec<(usize, f64)>> { Ok(best_concepts(&judge.iou(maps)?.t()?.contiguous()?)?) };
    let (features, units) = (of(&maps)?, of(&judge.activations)?);
    let concepts = Concept::all();
    let mut order: Vec<usize> = (0..concepts.len()).collect();
    order.sort_by(|&a, &b| features[b].1.total_cmp(&features[a].1));
    order.truncate(SHOWN);

    let (mut scenes, mut wanted, mut by_units) = (vec![], vec![], vec![]);
    let largest = maps.flatten_from(2)?.max(2)?; // [scenes, features]
    let bar = studio::progress(2 * SHOWN as u64, format!("optima of {name}"));
    for &concept in &order {
        let ((feature, _), (unit, _)) = (features[concept], units[concept]);
        let scene = largest
            .narrow(1, feature, 1)?
            .flatten_all()?
            .argmax(0)?
            .to_scalar::<u32>()?;
        scenes.push(material.sample(u64::from(scene))?.pixels);
        wanted.push(optimum(
            material,
            SITE,
            &dictionary.encoder.get(feature)?.to_vec1::<f32>()?,
        )?);
        bar.inc(1);
        let axis: Vec<f32> = (0..judge.activations.dim(1)?)
            .map(|channel| f32::from(u8::from(channel == unit)))
            .collect();
        by_units.push(optimum(material, BEFORE_RELU, &axis)?);
        bar.inc(1);
    }
    let grid = |images: &[Tensor], title: &str, labels: Vec<String>| -> Result<MapGrid> {
        Ok(MapGrid::images(&Tensor::stack(images, 0)?)?
            .columns(3)
            .labels(labels)
            .title(format!("{name}: {title}")))
    };
    let labels = |of: &dyn Fn(usize) -> String| order.iter().map(|&concept| of(concept)).collect::<Vec<_>>();
    Ok([
        grid(
            &scenes,
            "scenes of the largest codes",
            labels(&|concept| concepts[concept].to_string()),
        )?,
        grid(
            &wanted,
            "what the features want",
            labels(&|concept| format!("feature {}: {:.2}", features[concept].0, features[concept].1)),
        )?,
        grid(
            &by_units,
            "what the units want",
            labels(&|concept| format!("unit {}: {:.2}", units[concept].0, units[concept].1)),
        )?,
    ])
}

/// The best of a few images made for a direction.
fn optimum(material: &Material, site: &str, direction: &[f32]) -> Result<Tensor> {
    let side = material.sample(0)?.pixels.dim(1)?;
    let network = material.network();
    let value = |images: &Tensor| {
        let activation = network.activation(&resnet::normalize(images)?, site)?;
        along(&activation, direction)
    };
    let made = Recipe::CAREFUL.make(&clouds(STARTS, side, 1)?, value)?;
    let best = value(&made)?.argmax(0)?.to_scalar::<u32>()?;
    Ok(made.get(best as usize)?)
}
