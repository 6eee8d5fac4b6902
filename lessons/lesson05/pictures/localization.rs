//! 5.7 on scenes with two figures, one of them asked for.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, Series};
use lesson05::{edges, localization, saliency, upsample};
use studio::Material;

use super::methods::{METHODS, SITES};
use super::view::pairs;

pub fn draw(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 500;
    const BATCH: u64 = 10;
    material.needs_scenes("maps are scored against masks")?;
    let network = material.network();
    let progress = studio::progress(SCENES, "scoring maps");
    let mut scores = vec![(0.0, 0.0, 0.0); METHODS.len() * SITES.len() + 2];
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
        let mut found = Vec::with_capacity(scores.len());
        for (_, method) in METHODS {
            for site in SITES {
                let map = method(network, &images, &classes, site)?;
                found.push(upsample(&map, height, width)?);
            }
        }
        found.push(saliency(network, &images, &classes)?);
        found.push(edges(&images)?);
        let truth = Tensor::stack(&masks, 0)?;
        for (score, map) in scores.iter_mut().zip(found) {
            let score_here = localization(&map, &truth)?;
            score.0 += score_here.pointing * BATCH as f64 / SCENES as f64;
            score.1 += score_here.energy * BATCH as f64 / SCENES as f64;
            score.2 += score_here.area * BATCH as f64 / SCENES as f64;
        }
        progress.inc(BATCH);
    }
    progress.finish_and_clear();
    let area = scores[0].2;
    let [.., saliency, edges] = scores[..] else {
        unreachable!("two methods without a site")
    };
    for ((pointing, energy, _), name) in scores.iter().zip(
        METHODS
            .iter()
            .flat_map(|(method, _)| SITES.map(|site| format!("{method}, {site}")))
            .chain(["saliency".into(), "edges".into()]),
    ) {
        material.remark(format!(
            "{name:20} pointing {:5.1} %  energy {:5.1} %",
            100.0 * pointing,
            100.0 * energy
        ));
    }
    material.remark(format!("{:20} {:5.1} %", "area of the figure", 100.0 * area));
    let chart = |title: &str, of: fn(&(f64, f64, f64)) -> f64| {
        let mut chart = Chart::over(SITES).title(title).y_label("share").y_range(0.0..=1.0);
        for ((name, _), scores) in METHODS.iter().zip(scores.chunks(SITES.len())) {
            chart = chart.series(Series::over_index(*name, scores.iter().map(of)).markers());
        }
        let everywhere = |score| SITES.map(|_| of(score)); // of the pixels: the same beside every layer
        chart
            .series(Series::over_index("saliency", everywhere(&saliency)).dashed())
            .series(Series::over_index("edges", everywhere(&edges)).dashed())
            .level("area of the figure: chance", area)
    };
    Ok(Figure::new("Which layer finds the figure that was asked for?")
        .caption(format!(
            "{}, {SCENES} scenes with two figures on 224×224, one of them asked for. Your grad_cam (5.3), grad_cam_plus_plus \
             (5.5) and saliency (5.6), enlarged by your upsample (5.4), scored by your localization (5.7). Edges know nothing \
             of the network.",
            material.network_name()
        ))
        .panel(chart("points inside", |score| score.0))
        .panel(chart("energy inside", |score| score.1))
        .width(1150))
}
