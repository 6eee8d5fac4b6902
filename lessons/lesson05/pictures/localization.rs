//! 5.7 on scenes with two figures, one of them asked for.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, Series};
use lesson05::{Localization, edges, localization, saliency, upsample};
use studio::Material;

use super::methods::{METHODS, SITES};
use super::view::pairs;

pub fn draw(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 500;
    const BATCH: u64 = 10;
    material.needs_scenes("maps are scored against masks")?;
    let network = material.network();
    let progress = studio::progress(SCENES, "scoring maps");
    let of_sites = METHODS
        .iter()
        .flat_map(|(method, _)| SITES.map(|site| format!("{method}, {site}")));
    let mut by_site: Vec<_> = of_sites.map(Scored::new).collect();
    let mut by_pixel = [Scored::new("saliency"), Scored::new("edges")];
    for first in (0..SCENES).step_by(BATCH as usize) {
        let rendered = pairs(first..first + BATCH)?;
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let (_, _, height, width) = images.dims4()?;
        // The first figure of one scene, the second of the next.
        let asked = |scene: usize| scene % 2;
        let classes: Vec<u32> = (0..rendered.len())
            .map(|i| rendered[i].scene.figures[asked(i)].shape.index() as u32)
            .collect();
        let mut masks = vec![];
        for (i, one) in rendered.iter().enumerate() {
            masks.push(one.masks.figure(asked(i)).to_tensor(&Device::Cpu)?);
        }
        let mut found = Vec::with_capacity(by_site.len() + by_pixel.len());
        for (_, method) in METHODS {
            for site in SITES {
                let map = method(network, &images, &classes, site)?;
                found.push(upsample(&map, height, width)?);
            }
        }
        found.push(saliency(network, &images, &classes)?);
        found.push(edges(&images)?);
        let truth = Tensor::stack(&masks, 0)?;
        for (scored, map) in by_site.iter_mut().chain(&mut by_pixel).zip(found) {
            scored.add(&localization(&map, &truth)?, BATCH as f64 / SCENES as f64);
        }
        progress.inc(BATCH);
    }
    progress.finish_and_clear();
    for Scored { name, score } in by_site.iter().chain(&by_pixel) {
        material.remark(format!(
            "{name:20} pointing {:5.1} %  energy {:5.1} %",
            100.0 * score.pointing,
            100.0 * score.energy
        ));
    }
    let area = by_site[0].score.area;
    material.remark(format!("{:20} {:5.1} %", "area of the figure", 100.0 * area));
    let chart = |title: &str, of: fn(&Localization) -> f64| {
        let mut chart = Chart::over(SITES).title(title).y_label("share").y_range(0.0..=1.0);
        for ((name, _), scored) in METHODS.iter().zip(by_site.chunks(SITES.len())) {
            chart = chart.series(Series::over_index(*name, scored.iter().map(|one| of(&one.score))).markers());
        }
        for Scored { name, score } in &by_pixel {
            let everywhere = SITES.map(|_| of(score)); // of the pixels: the same beside every layer
            chart = chart.series(Series::over_index(name, everywhere).dashed());
        }
        chart.level("area of the figure: chance", area)
    };
    Ok(Figure::new("Which layer finds the figure that was asked for?")
        .caption(format!(
            "{}, {SCENES} scenes with two figures on 224×224, one of them asked for. Your grad_cam (5.3), grad_cam_plus_plus \
             (5.5) and saliency (5.6), enlarged by your upsample (5.4), scored by your localization (5.7). Edges know nothing \
             of the network.",
            material.network_name()
        ))
        .panel(chart("points inside", |score| score.pointing))
        .panel(chart("energy inside", |score| score.energy))
        .width(1150))
}

/// The mean scores of a method's maps.
struct Scored {
    name: String,
    score: Localization,
}

impl Scored {
    fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            score: Localization {
                pointing: 0.0,
                energy: 0.0,
                area: 0.0,
            },
        }
    }

    /// Adds the scores of some images, which are this share of all.
    fn add(&mut self, some: &Localization, share: f64) {
        self.score.pointing += share * some.pointing;
        self.score.energy += share * some.energy;
        self.score.area += share * some.area;
    }
}
