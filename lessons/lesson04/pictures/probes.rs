//! What probes are asked, and how their answers are drawn.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Series};
use lesson04::{PENALTY, Score, Standardizer, Task, depth_curve, fit_probe, split};
use resnet::ResNet;
use scenes::Scene;
use studio::statistics::{self, Estimate};
use studio::{Material, Parts};

use super::images::{IMAGES, SITES, gather, normalized, select};

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

/// Bars for shares, with their intervals.
pub fn bars(name: &str, shares: &[Estimate]) -> Series {
    Series::bars(name, shares.iter().map(|share| share.value)).intervals(shares.iter().map(Estimate::ends))
}

/// Rows to train and to test on: by your split (4.2), or until that is done the last groups test.
pub fn sides(parts: &mut Parts, groups: &[usize], seed: u64) -> Result<[Vec<usize>; 2]> {
    let random = parts.make("a random choice of the test scenes (the last ones test)", || {
        Ok(split(groups, TEST_SHARE, seed)?)
    })?;
    Ok(match random {
        Some((train, test)) => [train, test],
        None => last(groups),
    })
}

/// The rows of the last groups, in the order in which they first appear, test.
fn last(groups: &[usize]) -> [Vec<usize>; 2] {
    let mut places = BTreeMap::new();
    for group in groups {
        let next = places.len();
        places.entry(*group).or_insert(next);
    }
    let trained = places.len() - (TEST_SHARE * places.len() as f64) as usize;
    let (train, test) = (0..groups.len()).partition(|&row| places[&groups[row]] < trained);
    [train, test]
}

/// Whether a probe (4.3, 4.4) that learns from the first rows names the label of each of the second.
pub fn answers(
    features: &Tensor,
    labels: &[usize],
    classes: usize,
    [train, test]: &[Vec<usize>; 2],
) -> Result<Vec<bool>> {
    let of = |rows: &[usize]| rows.iter().map(|&row| labels[row]).collect::<Vec<_>>();
    let seen = select(features, train)?;
    let scale = Standardizer::fit(&seen)?;
    let probe = fit_probe(&scale.apply(&seen)?, &of(train), classes, PENALTY)?;
    let predicted = probe.predict(&scale.apply(&select(features, test)?)?)?;
    Ok(predicted
        .iter()
        .zip(of(test))
        .map(|(guess, truth)| *guess == truth)
        .collect())
}

/// The share of hits among images that have nothing to do with each other.
pub fn share(hits: &[bool]) -> Estimate {
    statistics::share(hits, &(0..hits.len()).collect::<Vec<_>>())
}

/// Accuracy of a probe (4.3, 4.4) that learns from the first rows and is asked about the last.
pub fn accuracy(features: &Tensor, labels: &[usize], classes: usize) -> Result<Estimate> {
    let rows: Vec<usize> = (0..labels.len()).collect();
    Ok(share(&answers(features, labels, classes, &last(&rows))?))
}

/// The score of each task at each site: by your depth_curve (4.7), or until that is done by features, Standardizer and
/// fit_probe, of which it is made.
pub fn curve(
    parts: &mut Parts,
    (title, material, network): (&'static str, &Material, &ResNet),
    grid: usize,
    tasks: &[Task],
    sides: &[Vec<usize>; 2],
) -> Result<Vec<Vec<Score>>> {
    let [train, test] = sides;
    let yours = parts.make("the check by depth_curve (probes of 4.1, 4.3 and 4.4 stand in)", || {
        let mut batches = normalized(material, IMAGES, title, |_| {});
        Ok(depth_curve(network, &mut batches, &SITES, grid, tasks, [train, test])?)
    })?;
    if let Some(yours) = yours {
        return Ok(yours);
    }
    let (found, _) = gather(material, network, IMAGES, &SITES, grid, |_| Vec::<()>::new())?;
    let of = |task: &Task| {
        let labels = |rows: &[usize]| rows.iter().map(|&row| task.labels[row]).collect::<Vec<_>>();
        let majority = share_of_commonest(&labels(train), &labels(test));
        let at = |rows: &Tensor| {
            let found = share(&answers(rows, &task.labels, task.classes, sides)?);
            Ok(Score {
                accuracy: found.value,
                low: found.low,
                high: found.high,
                majority,
            })
        };
        found.iter().map(at).collect()
    };
    tasks.iter().map(of).collect()
}

/// One number for each label, 1 at the label and 0 elsewhere: features from which the label itself can be read.
pub fn told(labels: &[usize], classes: usize) -> Result<Tensor> {
    let row = |&label: &usize| (0..classes).map(move |class| f32::from(u8::from(class == label)));
    let values: Vec<f32> = labels.iter().flat_map(row).collect();
    Ok(Tensor::from_vec(values, (labels.len(), classes), &Device::Cpu)?)
}

/// The share of the test labels that are the commonest training label.
pub fn share_of_commonest(train: &[usize], test: &[usize]) -> f64 {
    let mut counts = BTreeMap::new();
    train.iter().for_each(|&label| *counts.entry(label).or_insert(0) += 1);
    let commonest = counts.iter().max_by_key(|(_, count)| **count).map(|(label, _)| *label);
    let right = test.iter().filter(|&&label| Some(label) == commonest).count();
    right as f64 / test.len() as f64
}
