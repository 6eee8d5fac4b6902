//! 5.9: what the cause does, before and after the repair.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure};
use lesson05::{Effect, Repair, case_sampler, effect, finding, push, repair, repaired};
use resnet::checkpoints;
use scenes::Scene;
use studio::Material;

pub fn draw(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 300;
    const SEED: u64 = 61;
    material.needs_scenes("the case has a network and scenes of its own")?;
    let network = checkpoints::case()?;
    let found = finding();
    let repair = repair(&network)?;
    let scenes = (0..SCENES)
        .map(|index| Scene::sample(&case_sampler(), SEED, index))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let labels: Vec<u32> = scenes.iter().map(|scene| scene.class().index() as u32).collect();
    let images = |change: fn(&Scene) -> Scene| {
        let rendered: Vec<_> = scenes.iter().map(|scene| change(scene).render()).collect();
        resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)
    };
    let (without, with) = (images(found.take_out)?, images(found.put_in)?);
    let class = found.class.index() as u32;
    let measure = |repair: Option<&Repair>| -> Result<(Effect, f64, f64)> {
        let scores = |images: &Tensor| match repair {
            Some(repair) => repaired(&network, repair, images),
            None => network.forward(images),
        };
        let (without, with) = (scores(&without)?, scores(&with)?);
        let predicted = |scores: &Tensor| scores.argmax(1)?.to_vec1::<u32>();
        let (before, after) = (predicted(&without)?, predicted(&with)?);
        let others = || labels.iter().zip(&before).filter(|(label, _)| **label != class);
        let right = others().filter(|(label, answer)| label == answer).count();
        let others_right = right as f64 / others().count() as f64;
        Ok((
            effect(class, &labels, &before, &after)?,
            others_right,
            push(class, &without, &with)?,
        ))
    };
    let (before, after) = (measure(None)?, measure(Some(&repair))?);
    let whole = before.2;
    let bars = |(effect, others_right, push): (Effect, f64, f64)| {
        [
            effect.accuracy_without,
            effect.accuracy_with,
            effect.recall_without,
            others_right,
            effect.turned,
            push / whole,
        ]
    };
    let names = [
        "right without".to_string(),
        "right with".to_string(),
        "found without".to_string(),
        "others right".to_string(),
        "turned".to_string(),
        "push".to_string(),
    ];
    Ok(Figure::new("What the cause does")
        .caption(format!(
            "Network `case`, {SCENES} scenes that were not used for the repair, without your cause and with it (5.9): right answers, the \
             class found without the cause, the other classes right without it, others turned into the class by it, and the \
             push. Repair: {} taken out of {}. A repair leaves what is turned below 10 %, the others without the cause within 2 points of what they \
             were, and at most 40 % of the push.",
            match repair.directions.dims()[0] {
                1 => "one direction".to_string(),
                count => format!("{count} directions"),
            },
            repair.site
        ))
        .panel(
            Chart::over(names)
                .bars("as it is", bars(before))
                .bars("repaired", bars(after))
                .y_label("share")
                .with_numbers(),
        )
        .width(1000))
}
