//! 3.8: what units want, and what they find.

use anyhow::Result;
use draw::{Figure, ImagePanel};
use lesson03::{Target, objective, top_examples};
use studio::{Material, progress};

use super::images::{WIDTH_OF_SIX, shown, side};
use super::recipe::Recipe;
use super::unit::{before_relu, optimum, value, within};

pub fn draw(material: &Material) -> Result<Figure> {
    const COUNT: u64 = 1000;
    let count = material.image_count().map_or(COUNT, |there| there.min(COUNT));
    let recipe = Recipe::best(material);
    const UNITS: [(&str, usize); 4] = [("layer3", 20), ("layer3", 5), ("layer4", 3), ("layer4", 40)];
    let mut figure = Figure::new(format!("What units want, and the best of {count} images"))
        .columns(6)
        .width(WIDTH_OF_SIX)
        .caption(format!(
            "{}: an optimum of one channel before the last ReLU of its layer ({}), and the five images of {} with \
             the highest objective among {count}, best first (3.8). Below each image: the objective. Scenes are shown without \
             their grain.",
            material.network_name(),
            recipe.words(),
            material.data_name()
        ));
    let units = UNITS.map(|(layer, channel)| {
        let site = before_relu(material.network(), layer)?;
        let channel = within(material, &site, channel)?;
        Ok((layer, site, channel))
    });
    let units = units.into_iter().collect::<Result<Vec<_>>>()?;
    let scores = scores(material, &units, count)?;
    for ((layer, site, channel), scores) in units.iter().zip(&scores) {
        let (image, _) = optimum(material, site, *channel, &recipe, side(material))?;
        let reached = value(material, &image, site, *channel)?;
        figure = figure.panel(
            ImagePanel::new(&image.get(0)?)?
                .title(format!("{layer}, {channel}"))
                .note(format!("{reached:.2}")),
        );
        for index in top_examples(scores, 5) {
            let panel = ImagePanel::new(&shown(&material.sample(index as u64)?)?)?;
            figure = figure.panel(panel.note(format!("{:.2}", scores[index])));
        }
    }
    Ok(figure)
}

/// For each unit its objective of each image of the data.
fn scores(material: &Material, units: &[(&str, String, usize)], count: u64) -> Result<Vec<Vec<f32>>> {
    const BATCH: usize = 20;
    let sites: Vec<&str> = units.iter().map(|(_, site, _)| site.as_str()).collect();
    let bar = progress(count, "the data");
    let mut scores = vec![vec![]; units.len()];
    for batch in material.batches(0..count, BATCH) {
        let images = resnet::normalize(&batch?.pixels)?;
        let trace = material.network().capture(&images, &sites)?;
        for ((_, site, channel), scores) in units.iter().zip(&mut scores) {
            let values = objective(trace.activation(site)?, Target::Channel(*channel))?;
            scores.extend(values.to_vec1::<f32>()?);
        }
        bar.inc(images.dim(0)? as u64);
    }
    Ok(scores)
}
