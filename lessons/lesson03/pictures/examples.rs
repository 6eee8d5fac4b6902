//! 3.8: what units want, and what they find.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use lesson03::{Target, objective, top_examples};
use studio::{Material, Unit, progress};

use super::both::{in_turn, names, robust_beside};
use super::images::{WIDTH_OF_SIX, shown};
use super::recipe::Recipe;
use super::unit::{STARTS, chosen, optimum, value};

/// Images of the data.
const COUNT: u64 = 1000;
/// How many of them are shown for each unit.
const SHOWN: usize = 5;
const UNITS: [(&str, usize); 3] = [("layer3", 20), ("layer3", 5), ("layer4", 3)];

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_images()?;
    let count = material.image_count().map_or(COUNT, |there| there.min(COUNT));
    let recipe = Recipe::best(material);
    let robust = robust_beside(material)?;
    let networks = in_turn(material, &robust);
    let grain = match material.sample(0)?.rendered {
        Some(_) => " Scenes are shown without their grain.",
        None => "",
    };
    let mut figure = Figure::new(format!("What units want, and the best of {count} images"))
        .columns(1 + SHOWN)
        .width(WIDTH_OF_SIX)
        .caption(format!(
            "{}: the best of {STARTS} optima of one channel before the last ReLU of its layer ({}), and the {SHOWN} images of {} \
             with the highest objective among {count}, best first (3.8). Below each image: the objective.{grain}",
            names(&networks),
            recipe.words(),
            material.data_name()
        ));
    for (prefix, material) in &networks {
        let units = chosen(material, &UNITS)?;
        let scores = scores(material, &units, count)?;
        for ((title, unit), scores) in units.iter().zip(&scores) {
            let (image, _) = optimum(material, unit, &recipe)?;
            let reached = value(material, &image, unit)?;
            let panel = ImagePanel::new(&image.get(0)?)?.title(format!("{prefix}{title}"));
            figure = figure.panel(panel.note(format!("{reached:.2}")));
            let found = top_examples(scores, SHOWN);
            for &index in &found {
                let panel = ImagePanel::new(&shown(&material.sample(index as u64)?)?)?;
                figure = figure.panel(panel.note(format!("{:.2}", scores[index])));
            }
            if found.len() < SHOWN {
                figure = figure.next_row();
            }
        }
    }
    Ok(figure)
}

/// For each unit its objective of each image of the data.
fn scores(material: &Material, units: &[(String, Unit)], count: u64) -> Result<Vec<Vec<f32>>> {
    const BATCH: usize = 20;
    let sites: Vec<&str> = units.iter().map(|(_, unit)| unit.site.as_str()).collect();
    let bar = progress(count, "the data");
    let mut scores = vec![vec![]; units.len()];
    for batch in material.batches(0..count, BATCH) {
        let images = resnet::normalize(&batch?.pixels)?;
        let trace = material.network().capture(&images, &sites)?;
        for ((_, unit), scores) in units.iter().zip(&mut scores) {
            let values = objective(trace.activation(&unit.site)?, Target::Channel(unit.channel))?;
            scores.extend(values.to_vec1::<f32>()?);
        }
        bar.inc(images.dim(0)? as u64);
    }
    Ok(scores)
}
