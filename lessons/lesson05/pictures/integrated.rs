//! 5.11: integrated gradients and SmoothGrad beside saliency, in both networks, and what the steps are good for.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Colormap, Figure, Heatmap, Scale, Series};
use lesson05::{class_logits, completeness_gap, integrated_gradients, noise, saliency, smooth_grad};
use studio::Material;

use super::shipped::{networks, one_colour};
use super::view::{View, class};

const STEPS: usize = 32;
const SAMPLES: usize = 16;
/// Standard deviation of the noise, of normalized pixels, whose values reach over about four.
const DEVIATION: f64 = 0.5;
/// The share of a map's values that lies below the brightest colour.
const BRIGHTEST: f64 = 0.995;

pub fn draw(material: &Material) -> Result<Figure> {
    let view = View::new(material, 2)?;
    let input = view.input()?;
    let guess = view.question(material, 0);
    let (classes, class_name) = (class(guess), &guess.name);
    let (_, _, height, width) = input.dims4()?;
    let baselines = [
        ("grey", one_colour([0.5; 3], height, width)?),
        ("black", one_colour([0.0; 3], height, width)?),
    ];
    let mut figure = Figure::new("On the way from nothing to the image")
        .columns(5)
        .width(1250);
    let mut chart = Chart::new().log_x().log_y().x_label("steps").y_label("gap, in logits");
    for (name, network) in &networks(material)? {
        figure = figure.panel(view.image()?.title(*name));
        figure = figure.panel(heat(&saliency(network, &input, &classes)?, "saliency")?);
        let noise = noise(&input, SAMPLES, DEVIATION, 1)?;
        figure = figure.panel(heat(&smooth_grad(network, &input, &classes, &noise)?, "SmoothGrad")?);
        for (colour, baseline) in &baselines {
            let map = integrated_gradients(network, &input, &classes, baseline, STEPS)?
                .abs()?
                .sum(1)?;
            figure = figure.panel(heat(&map, &format!("integrated, from {colour}"))?);
        }
        let baseline = &baselines[0].1;
        let difference = (class_logits(network, &input, &classes)? - class_logits(network, baseline, &classes)?)?;
        let mut gaps = vec![];
        for steps in [1, 2, 4, 8, 16, 32, 64, 128] {
            let attributions = integrated_gradients(network, &input, &classes, baseline, steps)?;
            let gap = completeness_gap(network, &input, &classes, baseline, &attributions)?.to_vec1::<f32>()?[0];
            gaps.push((steps as f64, f64::from(gap)));
        }
        let of: Vec<String> = gaps.iter().map(|(steps, gap)| format!("{steps}: {gap:.3}")).collect();
        material.remark(format!(
            "{name:8} logits differ by {:.2}; gap by steps {}",
            difference.to_vec1::<f32>()?[0],
            of.join(", ")
        ));
        chart = chart.series(Series::new(*name, gaps).markers());
    }
    Ok(figure
        .next_row()
        .panel(chart.title("by how much the sum misses the difference of the logits"))
        .caption(format!(
            "ResNet-18 “scenes” (ordinary) and “robust”, {}, asked for the {class_name}. Your saliency (5.6), smooth_grad and \
             integrated_gradients (5.11): {SAMPLES} samples with noise of {DEVIATION}, {STEPS} steps from grey and from black, \
             magnitudes added up over the colours. Magma from 0 to the map's own {:.1}th percentile. Below: your \
             completeness_gap, from grey.",
            view.name,
            100.0 * BRIGHTEST
        )))
}

fn heat(map: &Tensor, title: &str) -> Result<Heatmap> {
    let map = map.get(0)?;
    let mut values = map.flatten_all()?.to_vec1::<f32>()?;
    values.sort_by(f32::total_cmp);
    let max = values[((values.len() - 1) as f64 * BRIGHTEST) as usize];
    let scale = Scale::Range { min: 0.0, max };
    Ok(Heatmap::new(&map)?
        .title(title)
        .scale(scale)
        .colormap(Colormap::Magma)
        .without_bar())
}
