mod inputs;

use candle_core::{Device, Result, Tensor, bail};
use resnet::ResNet;

use super::score::{Scored, roughly};
use crate::Hazard::*;
use crate::inputs::in_order;
use crate::{Exam, Slip, Wrong, slip, wrong};
use inputs::{basics, further, hazards};

/// `solution04::depth_curve`, with a list of batches and scores as four numbers; a task is its labels and classes.
pub type DepthCurve =
    fn(&ResNet, &[Tensor], &[&str], usize, &[(Vec<usize>, usize)], [&[usize]; 2]) -> Result<Vec<Vec<Scored>>>;

/// The attempt at 4.7 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_7 {
    ($lesson:ident) => {
        |network, batches, sites, grid, tasks, rows| {
            let task = |(labels, classes): &(Vec<usize>, usize)| $lesson::Task {
                name: String::new(),
                labels: labels.clone(),
                classes: *classes,
            };
            let tasks: Vec<_> = tasks.iter().map(task).collect();
            let mut batches = batches.iter().cloned().map(Ok);
            let curve = $lesson::depth_curve(network, &mut batches, sites, grid, &tasks, rows)?;
            let four = |score: &$lesson::Score| [score.accuracy, score.low, score.high, score.majority];
            Ok(curve.iter().map(|row| row.iter().map(four).collect()).collect())
        }
    };
}

const SOLUTION: DepthCurve = ex4_7!(solution04);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    EarlierSitesToo,
    LastSiteEverywhere,
    SitesReversed,
    BySite,
    OneTask,
    GridIgnored,
    SidesSwapped,
    BatchesReversed,
    FirstBatch,
}

fn curve(
    network: &ResNet,
    batches: &[Tensor],
    sites: &[&str],
    grid: usize,
    tasks: &[(Vec<usize>, usize)],
    [train, test]: [&[usize]; 2],
    fault: Fault,
) -> Result<Vec<Vec<Scored>>> {
    let grid = if fault == Fault::GridIgnored { 1 } else { grid };
    let mut batches = batches.to_vec();
    match fault {
        Fault::BatchesReversed => batches.reverse(),
        Fault::FirstBatch => {
            let size = batches[0].dims()[0];
            let images: usize = batches.iter().map(|batch| batch.dims()[0]).sum();
            batches = vec![batches[0].clone(); images.div_ceil(size)];
        }
        _ => {}
    }
    let mut sites = sites.to_vec();
    if fault == Fault::SitesReversed {
        sites.reverse();
    }
    // Everything in one pass: these images do fit into memory.
    let images = Tensor::cat(&batches, 0)?;
    let mut features = solution04::features(network, &images, &sites, grid)?;
    match fault {
        Fault::EarlierSitesToo => {
            features = (0..features.len())
                .map(|site| Tensor::cat(&features[..=site], 1))
                .collect::<Result<_>>()?
        }
        Fault::LastSiteEverywhere => features = vec![features[features.len() - 1].clone(); features.len()],
        _ => {}
    }
    let rows = match fault {
        Fault::SidesSwapped => [test, train],
        _ => [train, test],
    };
    let score = |(labels, classes): &(Vec<usize>, usize), features: &Tensor| {
        if labels.len() != features.dims2()?.0 && fault != Fault::FirstBatch {
            bail!("labels")
        }
        let features = features.narrow(0, 0, labels.len().min(features.dims2()?.0))?;
        roughly(&features, labels, *classes, rows[0], rows[1])
    };
    let tasks: Vec<_> = match fault {
        Fault::OneTask => vec![tasks[0].clone(); tasks.len()],
        _ => tasks.to_vec(),
    };
    match fault {
        Fault::BySite => features
            .iter()
            .map(|features| tasks.iter().map(|task| score(task, features)).collect())
            .collect(),
        _ => tasks
            .iter()
            .map(|task| features.iter().map(|features| score(task, features)).collect())
            .collect(),
    }
}

macro_rules! fault {
    ($fault:expr) => {
        |network, batches, sites, grid, tasks, rows| curve(network, batches, sites, grid, tasks, rows, $fault)
    };
}

/// Written independently of the solution.
const RIGHT: DepthCurve = fault!(Fault::None);

const WRONG: &[Wrong<DepthCurve>] = &[
    wrong(
        "earlier sites too",
        "Your curve cannot fall: what is known at a site counts at all later ones. Each site is probed on its own \
         features alone, or a property that is lost can never be seen to be lost.",
        fault!(Fault::EarlierSitesToo),
    ),
    wrong(
        "the last site everywhere",
        "All your sites have the same features. Keep a list of parts for each site.",
        fault!(Fault::LastSiteEverywhere),
    ),
    wrong(
        "sites in reverse",
        "Your curve runs from the class back to the image. Keep the order of `sites`.",
        fault!(Fault::SitesReversed),
    ),
    wrong(
        "site first, task second",
        "Your result is curve[site][task]. It is curve[task][site]: one row is one line in the picture.",
        fault!(Fault::BySite),
    ),
    wrong(
        "the first task everywhere",
        "Every row of your curve is that of the first task. Use each task's own labels.",
        fault!(Fault::OneTask),
    ),
    wrong(
        "grid ignored",
        "Your features are always averaged over the whole map. Hand `grid` on to `features`: averaging hides where \
         something is.",
        fault!(Fault::GridIgnored),
    ),
    wrong(
        "train and test swapped",
        "You trained on the test images and tested on the others.",
        fault!(Fault::SidesSwapped),
    ),
    wrong(
        "batches in reverse",
        "Your rows are in another order than the labels. Put the batches under each other as they come.",
        fault!(Fault::BatchesReversed),
    ),
    wrong(
        "the first batch again and again",
        "Every batch gives the features of the first one. Take the features inside the loop, from the batch at hand.",
        fault!(Fault::FirstBatch),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<DepthCurve>] = &[
    slip(Scale, "a scale fitted to train and test together", |f| {
        *f = |network, batches, sites, grid, tasks, [train, test]| {
            let images = Tensor::cat(batches, 0)?;
            let features = solution04::features(network, &images, sites, grid)?;
            let score = |(labels, classes): &(Vec<usize>, usize), features: &Tensor| -> Result<Scored> {
                let right = roughly(features, labels, *classes, train, test)?;
                if features.dims2()?.0 != labels.len() {
                    bail!("labels")
                }
                let all = solution04::Standardizer::fit(features)?.apply(features)?;
                let rows = |rows: &[usize]| {
                    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
                    all.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)
                };
                let of = |rows: &[usize]| rows.iter().map(|&row| labels[row]).collect::<Vec<_>>();
                let probe = super::probe::rough(&rows(train)?, &of(train), *classes)?;
                let guesses = probe.predict(&rows(test)?)?;
                let correct = guesses.iter().zip(of(test)).filter(|(a, b)| **a == *b).count();
                let accuracy = correct as f64 / test.len() as f64;
                Ok([accuracy, right[1], right[2], right[3]])
            };
            let curve = |task| features.iter().map(|features| score(task, features)).collect();
            tasks.iter().map(curve).collect()
        }
    }),
    slip(Errors, "labels that are missing left out", |f| {
        *f = |network, batches, sites, grid, tasks, rows| {
            let images: usize = batches.iter().map(|batch| batch.dims()[0]).sum();
            if tasks.iter().all(|(labels, _)| labels.len() == images) {
                curve(network, batches, sites, grid, tasks, rows, Fault::None)
            } else {
                Ok(vec![])
            }
        }
    }),
    slip(NotContiguous, "only what lies in order", |f| {
        *f = |network, batches, sites, grid, tasks, rows| {
            in_order(&batches.iter().collect::<Vec<_>>())?;
            curve(network, batches, sites, grid, tasks, rows, Fault::None)
        }
    }),
];

/// 4.7
pub fn depth_curve(seed: u64) -> Exam<DepthCurve> {
    spare(hazards(seed, further(seed, basics(seed, answers()))))
}

/// Right answers and wrong ones.
fn answers() -> Exam<DepthCurve> {
    Exam::new("4.7", SOLUTION)
        .mistakes(WRONG)
        .alternative("all images in one pass", RIGHT)
}

/// What this exercise has no room for, or its parts are asked for.
fn spare(exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
    exam.spared(&[Batch, Wiring], "tried as mistakes: batches, sites, tasks, rows, grid")
        .spared(
            &[Sizes],
            "the last batch is smaller; sites have maps of different sizes",
        )
        .spared(
            &[Combined],
            "two tasks, several sites and grids come together in the inputs",
        )
        .spared(&[Names], "sites are looked up by 4.1, which is asked for that")
        .spared(&[Returned], "the order of the result is tried as mistakes")
        .spared(&[Sign, Ties], "activations of both signs; nothing is chosen")
        .spared(&[NotFinite, Empty], "neither NaN nor an empty list is spoken of")
}
