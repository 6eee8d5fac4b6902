//! 4.10: tuning curves of a few units, on two networks.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, Series};
use lesson04::{Factor, counterfactuals, responses, shuffled_indices, tuning_curve, tuning_index};
use scenes::Scene;
use studio::Material;

use super::images::scenes_of;

/// Scenes to start from.
const SCENES: u64 = 40;
/// How often the responses are dealt out anew.
const SHUFFLES: usize = 200;
/// Which units are shown: the most selective one of a site for a factor.
const SHOWN: [(&str, Factor); 2] = [("layer1", Factor::Colour), ("layer4", Factor::Shape)];

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("only scenes can be changed in one thing")?;
    let scenes = scenes_of(material, SCENES)?;
    let beside = material.beside("robust")?;
    let mut figure = Figure::new("What units are tuned to")
        .caption(format!(
            "Your tuning curves (4.10): mean response over {SCENES} scenes, each drawn with every value of one factor and \
             otherwise unchanged; 95 % intervals over the scenes. Shown is the unit of layer1 with the largest index for \
             colour and that of layer4 with the largest for shape, of {} and of {}. Chance: the largest index of {SHUFFLES} \
             shuffles.",
            material.network_name(),
            beside.network_name(),
        ))
        .columns(3)
        .width(1420);
    let bar = studio::progress(12, "tuning curves");
    for material in [material, &beside] {
        for (site, factor) in SHOWN {
            let unit = most_selective(material, site, &scenes, factor)?;
            for factor in Factor::ALL {
                figure = figure.panel(panel(material, site, unit, &scenes, factor)?);
                bar.inc(1);
            }
        }
    }
    Ok(figure)
}

/// One curve, with its index and what chance gives in the title.
fn panel(material: &Material, site: &str, unit: usize, scenes: &[Scene], factor: Factor) -> Result<Chart> {
    let table = responses(material.network(), site, unit, scenes, factor)?;
    let curve = tuning_curve(&table)?;
    let chance = shuffled_indices(&table, SHUFFLES, 1)?.into_iter().fold(0.0, f64::max);
    let name = format!("{factor:?}").to_lowercase();
    let means = curve.mean.iter().copied();
    let ends = means
        .clone()
        .zip(&curve.half)
        .map(|(mean, half)| (mean - half, mean + half));
    Ok(Chart::over(factor.values())
        .title(format!(
            "{}: {site}, unit {unit}, {name}: index {:.2}, chance {chance:.2}",
            material.network_name(),
            tuning_index(&curve.mean)?,
        ))
        .y_label("mean response")
        .series(Series::bars("", means).intervals(ends)))
}

/// The unit of a site with the largest index for a factor: all units are read in one pass.
fn most_selective(material: &Material, site: &str, scenes: &[Scene], factor: Factor) -> Result<usize> {
    let mut sum: Option<Tensor> = None;
    for scene in scenes {
        let rendered: Vec<_> = counterfactuals(scene, factor)?.iter().map(Scene::render).collect();
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let trace = material.network().capture(&images, &[site])?;
        let means = trace.activation(site)?.mean((2, 3))?; // [values, units]
        sum = Some(match sum {
            None => means,
            Some(sum) => (sum + means)?,
        });
    }
    let curves = sum.map_or_else(|| Ok(vec![]), |sum| sum.t()?.to_vec2::<f32>())?;
    let mut best = (0, f64::NEG_INFINITY);
    for (unit, curve) in curves.iter().enumerate() {
        let index = tuning_index(&curve.iter().map(|&mean| f64::from(mean)).collect::<Vec<_>>())?;
        if index > best.1 {
            best = (unit, index);
        }
    }
    Ok(best.0)
}
