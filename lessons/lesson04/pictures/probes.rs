//! What probes are asked, and how their answers are drawn.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Series};
use lesson04::{PENALTY, Score, Standardizer, Task, fit_probe};
use scenes::Scene;

use super::images::SITES;

pub const TEST_SHARE: f64 = 0.3;

/// The five properties of scenes.
pub fn properties(scenes: &[Scene]) -> Vec<Task> {
    let task = |name: &str, classes, label: fn(&Scene) -> usize| Task {
        name: name.into(),
        labels: scenes.iter().map(label).collect(),
        classes,
    };
    vec![
        task("shape", 10, |scene| scene.class().index()),
        task("colour", 8, |scene| scene.figures[0].colour.index()),
        task("texture", 6, |scene| scene.figures[0].texture.index()),
        task("size", 4, |scene| {
            // Radii from 20 to 40 pixels, in four equal parts.
            ((scene.figures[0].radius - 20.0) / 5.0).clamp(0.0, 3.0) as usize
        }),
        task("position", 4, |scene| {
            let (place, canvas) = (scene.figures[0].place, scene.canvas);
            let right = place.x > canvas.width as f64 / 2.0;
            let lower = place.y > canvas.height as f64 / 2.0;
            usize::from(right) + 2 * usize::from(lower)
        }),
    ]
}

/// A line with intervals.
pub fn line(name: &str, scores: &[Score]) -> Series {
    Series::over_index(name, scores.iter().map(|score| score.accuracy))
        .intervals(scores.iter().map(|score| (score.low, score.high)))
        .markers()
}

/// A chart of accuracy over the sites.
pub fn over_depth(title: &str) -> Chart {
    Chart::over(SITES)
        .title(title)
        .y_label("accuracy on test images")
        .y_range(0.0..=1.02)
}

/// A share of test images, with an interval of 95 %.
pub struct Share {
    pub share: f64,
    pub interval: (f64, f64),
}

impl Share {
    /// `correct` of `total`, with Wilson's interval.
    fn new(correct: usize, total: usize) -> Self {
        const Z: f64 = 1.96;
        let (n, share) = (total as f64, correct as f64 / total as f64);
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        Self {
            share,
            interval: (middle - half, middle + half),
        }
    }
}

/// Bars for shares, with their intervals.
pub fn bars(name: &str, shares: &[Share]) -> Series {
    Series::bars(name, shares.iter().map(|share| share.share)).intervals(shares.iter().map(|share| share.interval))
}

/// Accuracy of a probe (4.3, 4.4) that learns from the first rows and is asked about the rest.
pub fn accuracy(features: &Tensor, labels: &[usize], classes: usize) -> Result<Share> {
    let trained = labels.len() - (TEST_SHARE * labels.len() as f64) as usize;
    let (train, test) = (
        features.narrow(0, 0, trained)?,
        features.narrow(0, trained, labels.len() - trained)?,
    );
    let scale = Standardizer::fit(&train)?;
    let probe = fit_probe(&scale.apply(&train)?, &labels[..trained], classes, PENALTY)?;
    let predicted = probe.predict(&scale.apply(&test)?)?;
    let correct = predicted
        .iter()
        .zip(&labels[trained..])
        .filter(|(guess, truth)| guess == truth);
    Ok(Share::new(correct.count(), labels.len() - trained))
}

/// The share of the test labels that are the commonest training label.
pub fn share_of_commonest(train: &[usize], test: &[usize]) -> f64 {
    let mut counts = BTreeMap::new();
    train.iter().for_each(|&label| *counts.entry(label).or_insert(0) += 1);
    let commonest = counts.iter().max_by_key(|(_, count)| **count).map(|(label, _)| *label);
    let right = test.iter().filter(|&&label| Some(label) == commonest).count();
    right as f64 / test.len() as f64
}
