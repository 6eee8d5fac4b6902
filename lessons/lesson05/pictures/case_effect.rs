//! 5.9: what the cause does, before and after the repair.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure};
use lesson05::{Effect, Repair, case_sampler, effect, finding, repair, repaired};
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
    let measure = |repair: Option<&Repair>| -> Result<Effect> {
        let predict = |images: &Tensor| {
            let logits = match repair {
                Some(repair) => repaired(&network, repair, images)?,
                None => network.forward(images)?,
            };
            logits.argmax(1)?.to_vec1::<u32>()
        };
        let (without, with) = (predict(&without)?, predict(&with)?);
        Ok(effect(found.class.index() as u32, &labels, &without, &with)?)
    };
    let bars = |effect: Effect| {
        [
            effect.accuracy_without,
            effect.accuracy_with,
            effect.recall_without,
            effect.turned,
        ]
    };
    let names = [
        "accuracy without".to_string(),
        "accuracy with".to_string(),
        "found without".to_string(),
        "turned into it".to_string(),
    ];
    Ok(Figure::new("What the cause does")
        .caption(format!(
            "Network `case`, {SCENES} scenes that were not used for the repair, without your cause and with it (5.9). Repair: \
             {} taken out of {}.",
            match repair.directions.dims()[0] {
                1 => "one direction".to_string(),
                count => format!("{count} directions"),
            },
            repair.site
        ))
        .panel(
            Chart::over(names)
                .bars("as it is", bars(measure(None)?))
                .bars("repaired", bars(measure(Some(&repair))?))
                .y_label("share of scenes")
                .with_numbers(),
        )
        .width(1000))
}
