//! 5.11: integrated gradients and SmoothGrad beside saliency, in both networks, and what the steps are good for.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, Series};
use lesson05::{class_logits, completeness_gap, integrated_gradients, noise, saliency, smooth_grad};
use resnet::ResNet;
use studio::{Material, Parts};

use super::methods::named;
use super::shipped::{compared, one_colour};
use super::view::{BRIGHTEST, View, class, heat};

const STEPS: usize = 32;
const SAMPLES: usize = 16;
/// Standard deviation of the noise, of normalized pixels, whose values reach over about four.
const DEVIATION: f64 = 0.5;

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
    let mut figure = Figure::new("On the way from nothing to the image").width(1250);
    let mut chart = Chart::new().log_x().log_y().x_label("steps").y_label("gap, in logits");
    let mut parts = Parts::default();
    let (mut columns, mut drawn) = (1, false);
    for (name, network) in &compared(material)? {
        figure = figure.panel(view.image()?.title(*name));
        let noise = noise(&input, SAMPLES, DEVIATION, 1)?;
        let mut row = vec![
            parts
                .make("saliency", || Ok(saliency(network, &input, &classes)?))?
                .map(|map| (map, "saliency".to_string())),
            parts
                .make("SmoothGrad", || Ok(smooth_grad(network, &input, &classes, &noise)?))?
                .map(|map| (map, "SmoothGrad".to_string())),
        ];
        for (colour, baseline) in &baselines {
            let map = parts.make("integrated gradients and their gap", || {
                Ok(integrated_gradients(network, &input, &classes, baseline, STEPS)?
                    .abs()?
                    .sum(1)?)
            })?;
            row.push(map.map(|map| (map, format!("integrated, from {colour}"))));
        }
        let row: Vec<_> = row.into_iter().flatten().collect();
        columns = 1 + row.len();
        for (map, title) in row {
            figure = figure.panel(heat(&map, title)?);
        }
        let gaps = parts.make("integrated gradients and their gap", || {
            gaps(network, &input, &classes, &baselines[0].1)
        })?;
        let Some((difference, gaps)) = gaps else { continue };
        let of: Vec<String> = gaps.iter().map(|(steps, gap)| format!("{steps}: {gap:.3}")).collect();
        material.remark(format!(
            "{name:8} logits differ by {difference:.2}; gap by steps {}",
            of.join(", ")
        ));
        chart = chart.series(Series::new(*name, gaps).markers());
        drawn = true;
    }
    if columns == 1 {
        // Nothing to see but the image: the picture waits.
        integrated_gradients(&compared(material)?[0].1, &input, &classes, &baselines[0].1, STEPS)?;
    }
    if drawn {
        figure = figure
            .next_row()
            .panel(chart.title("by how much the sum misses the difference of the logits"));
    }
    Ok(figure
        .columns(columns)
        .caption(format!(
            "{}, {}, asked for the {class_name}. Your saliency (5.6), smooth_grad and \
             integrated_gradients (5.11): {SAMPLES} samples with noise of {DEVIATION}, {STEPS} steps from grey and from black, \
             magnitudes added up over the colours. Magma from 0 to the map's own {:.1}th percentile. Below: your \
             completeness_gap, from grey. {}",
            named(material),
            view.name,
            100.0 * BRIGHTEST,
            parts.told(material),
        )))
}

/// By how much the logits of image and baseline differ, and by how much the sum misses that, for numbers of steps.
fn gaps(network: &ResNet, input: &Tensor, classes: &[u32], baseline: &Tensor) -> Result<(f32, Vec<(f64, f64)>)> {
    let difference = (class_logits(network, input, classes)? - class_logits(network, baseline, classes)?)?;
    let gap = |steps: usize| -> Result<(f64, f64)> {
        let attributions = integrated_gradients(network, input, classes, baseline, steps)?;
        let gap = completeness_gap(network, input, classes, baseline, &attributions)?;
        Ok((steps as f64, f64::from(gap.to_vec1::<f32>()?[0])))
    };
    let gaps = [1, 2, 4, 8, 16, 32, 64, 128].into_iter().map(gap);
    Ok((difference.to_vec1::<f32>()?[0], gaps.collect::<Result<_>>()?))
}
