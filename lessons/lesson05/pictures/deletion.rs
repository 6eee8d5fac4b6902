//! 5.12: deletion and insertion in four orders, in both networks.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, ImagePanel, Series};
use lesson05::{area_under, exchange_curve, exchanged, grad_cam, pixel_order, saliency, upsample};
use resnet::ResNet;
use studio::Material;

use super::shipped::{blank, networks};
use super::view::pairs;

const SCENES: u64 = 12;
const STEPS: usize = 20;
/// The share of the pixels that is gone in the small pictures.
const GONE: usize = 10;

const ORDERS: [&str; 4] = ["true mask", "Grad-CAM", "saliency", "random"];

pub fn draw(material: &Material) -> Result<Figure> {
    let networks = networks(material)?;
    let rendered = pairs(0..SCENES)?;
    let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
    let classes: Vec<u32> = rendered
        .iter()
        .map(|one| one.scene.figures[0].shape.index() as u32)
        .collect();
    let masks = rendered.iter().map(|one| one.masks.figure(0).to_tensor(&Device::Cpu));
    let masks = masks.collect::<candle_core::Result<Vec<_>>>()?;
    let progress = studio::progress(2 * SCENES, "taking pixels away");
    let mut figure = Figure::new("Does the score follow the map?").columns(4).width(1250);
    let mut charts = vec![];
    for (name, network) in &networks {
        let mut curves = vec![[vec![0.0; STEPS + 1], vec![0.0; STEPS + 1]]; ORDERS.len()];
        for scene in 0..SCENES as usize {
            let image = images.narrow(0, scene, 1)?;
            let nothing = blank(&image)?;
            let maps = maps(network, &image, classes[scene], &masks[scene], scene as u64)?;
            for (order, (map, sums)) in maps.iter().zip(&mut curves).enumerate() {
                let pixels = pixel_order(map)?;
                if scene == 2 && *name == "ordinary" {
                    let gone = exchanged(&image, &nothing, &pixels[..pixels.len() * GONE / 100])?;
                    let panel = ImagePanel::new(&resnet::denormalize(&gone)?.get(0)?)?;
                    figure = figure.panel(panel.title(format!("{}: {GONE} % gone", ORDERS[order])));
                }
                for (way, (from, to)) in [(&image, &nothing), (&nothing, &image)].into_iter().enumerate() {
                    let curve = exchange_curve(network, from, to, classes[scene], &pixels, STEPS)?;
                    sums[way]
                        .iter_mut()
                        .zip(curve)
                        .for_each(|(sum, p)| *sum += p / SCENES as f64);
                }
            }
            progress.inc(1);
        }
        for (way, title) in ["deletion", "insertion"].into_iter().enumerate() {
            let mut chart = Chart::new().title(format!("{name}: {title}")).y_range(0.0..=1.0);
            for (order, sums) in ORDERS.iter().zip(&curves) {
                material.remark(format!(
                    "{name:8} {title:9} {order:9} area {:.3}",
                    area_under(&sums[way])?
                ));
                let points = sums[way].iter().enumerate().map(|(k, &p)| (k as f64 / STEPS as f64, p));
                chart = chart.series(Series::new(*order, points));
            }
            charts.push(chart.x_label("share exchanged").y_label("probability"));
        }
    }
    progress.finish_and_clear();
    Ok(figure.next_row().panels(charts).caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”. Above: a scene without the {GONE} % of its pixels that come first, by the true \
         mask of the figure asked for, your grad_cam (5.3) at layer4 of the ordinary network, your saliency (5.6), and by chance. \
         Below: the class's probability over the share of the pixels exchanged, your exchange_curve (5.12), {SCENES} scenes with two figures of 224×224, {STEPS} steps, mean. What is gone has the \
         image's mean colour."
    )))
}

/// A map for each of [`ORDERS`].
fn maps(network: &ResNet, image: &Tensor, class: u32, mask: &Tensor, seed: u64) -> Result<[Tensor; 4]> {
    let (_, _, height, width) = image.dims4()?;
    let cam = upsample(&grad_cam(network, image, &[class], "layer4")?, height, width)?;
    Ok([
        mask.clone(),
        cam.get(0)?,
        saliency(network, image, &[class])?.get(0)?,
        lesson05::noise(&cam, 1, 1.0, seed)?.flatten_to(1)?.get(0)?,
    ])
}
