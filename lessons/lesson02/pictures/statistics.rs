//! 2.3: mean, standard deviation, minimum and maximum over depth, as a table and as curves.

use anyhow::Result;
use draw::{Chart, Figure, Series, Table, grouped};
use lesson02::{Statistics, Summary};
use studio::Material;

use super::images::{each_batch, many};
use super::sites::{relus, short};

pub fn draw(material: &Material) -> Result<Figure> {
    let images = many(material);
    let seen = grouped(images as usize);
    let relus = relus(material.network());
    let sites: Vec<&str> = relus.iter().map(|(_, after)| after.as_str()).collect();
    let mut all = vec![Statistics::new(); sites.len()];
    each_batch(material, material.network(), images, &sites, |index, activation| {
        Ok(all[index].update(activation)?)
    })?;
    let all = all
        .iter()
        .map(|one| Ok(one.summary()?))
        .collect::<Result<Vec<Summary>>>()?;
    let curve = |name: &str, of: fn(&Summary) -> f64| Series::over_index(name, all.iter().map(of)).markers();
    let mut table = Table::new(["site", "values", "not finite", "mean", "std", "min", "max"]);
    for (site, s) in sites.iter().zip(&all) {
        let number = |value: f64| format!("{value:.3}");
        table = table.row([
            site.to_string(),
            grouped(s.count),
            grouped(s.not_finite),
            number(s.mean),
            number(s.std),
            number(s.min),
            number(s.max),
        ]);
    }
    Ok(Figure::new("Activations over depth, in numbers")
        .caption(format!(
            "{}, {seen} {}; after the ReLU of the stem and of each block, by your Statistics (2.3). The standard \
             deviation is divided by n.",
            material.network_name(),
            material.data_name(),
        ))
        .panel(table)
        .next_row()
        .panel(
            Chart::over(sites.iter().map(|site| short(site)))
                .x_label("site, from the image to the answer")
                .y_label("activation")
                .series(curve("mean", |s| s.mean))
                .series(curve("standard deviation", |s| s.std)),
        )
        .panel(
            Chart::over(sites.iter().map(|site| short(site)))
                .x_label("site, from the image to the answer")
                .y_label("activation")
                .series(curve("maximum", |s| s.max))
                .series(curve("minimum", |s| s.min)),
        )
        .width(1000))
}
