//! Answers to 4.5, right and wrong.

use std::collections::BTreeSet;

use candle_core::{Device, Result, Tensor, bail};

use super::super::probe::rough;
use super::{SOLUTION, Scored, Scoring};
use crate::{Exam, Fault, Hazard::*, Slip, fault, slip};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    NormalInterval,
    NinetyPercent,
    NoCentre,
    MajorityOfTest,
    OneOverClasses,
    LargestLabel,
    ScaleOfAll,
    ScaleOfTest,
    NoScale,
    TestUnscaled,
    FittedToAll,
    ScoredOnTrain,
    LabelsByPlace,
    ErrorRate,
}

fn interval(correct: usize, total: usize, fault: Flaw) -> Result<(f64, f64)> {
    let z = if fault == Flaw::NinetyPercent { 1.645 } else { 1.96f64 };
    let (n, p) = (total as f64, correct as f64 / total as f64);
    if fault == Flaw::NormalInterval {
        let half = z * (p * (1.0 - p) / n).sqrt();
        return Ok((p - half, p + half));
    }
    // The two shares q at which (p − q)² = z²·q(1 − q)/n: Wilson's definition, solved as a quadratic.
    let (a, b, c) = (1.0 + z * z / n, -(2.0 * p + z * z / n), p * p);
    let root = (b * b - 4.0 * a * c).sqrt();
    let (low, high) = ((-b - root) / (2.0 * a), (-b + root) / (2.0 * a));
    match fault {
        Flaw::NoCentre => Ok((p - (high - low) / 2.0, p + (high - low) / 2.0)),
        _ => Ok((low, high)),
    }
}

fn majority(train: &[usize], test: &[usize], fault: Flaw) -> Result<f64> {
    let mut counts = vec![0; 1 + train.iter().chain(test).max().copied().unwrap_or(0)];
    let from = if fault == Flaw::MajorityOfTest { test } else { train };
    from.iter().for_each(|&label| counts[label] += 1);
    let mut best = 0;
    for label in 1..counts.len() {
        let better = match fault {
            Flaw::LargestLabel => counts[label] >= counts[best],
            _ => counts[label] > counts[best],
        };
        if better {
            best = label;
        }
    }
    if fault == Flaw::OneOverClasses {
        let used = counts.iter().filter(|&&count| count > 0).count();
        return Ok(1.0 / used as f64);
    }
    Ok(test.iter().filter(|&&label| label == best).count() as f64 / test.len() as f64)
}

fn score(
    features: &Tensor,
    labels: &[usize],
    classes: usize,
    train: &[usize],
    test: &[usize],
    fault: Flaw,
) -> Result<Scored> {
    let rows = |rows: &[usize]| {
        let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
        features.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)
    };
    let of = |rows: &[usize]| match fault {
        Flaw::LabelsByPlace => labels[..rows.len()].to_vec(),
        _ => rows.iter().map(|&row| labels[row]).collect(),
    };
    let (train_rows, train_labels) = (rows(train)?, of(train));
    let (mut test_rows, mut test_labels) = (rows(test)?, of(test));
    let majority = majority(&train_labels, &test_labels, fault)?;
    let scale = match fault {
        Flaw::ScaleOfAll => solution04::Standardizer::fit(features)?,
        _ => solution04::Standardizer::fit(&train_rows)?,
    };
    let test_scale = match fault {
        Flaw::ScaleOfTest => solution04::Standardizer::fit(&test_rows)?,
        _ => scale.clone(),
    };
    let scaled = |scale: &solution04::Standardizer, rows: &Tensor| match fault {
        Flaw::NoScale => Ok(rows.clone()),
        _ => scale.apply(rows),
    };
    let probe = match fault {
        Flaw::FittedToAll => rough(&scaled(&scale, features)?, labels, classes)?,
        // As it comes out of 4.4: on features of all sizes a rough fit is another one.
        Flaw::NoScale => solution04::fit_probe(&train_rows, &train_labels, classes, solution04::PENALTY)?,
        _ => rough(&scaled(&scale, &train_rows)?, &train_labels, classes)?,
    };
    if fault == Flaw::ScoredOnTrain {
        (test_rows, test_labels) = (train_rows, train_labels);
    }
    let guesses = match fault {
        Flaw::TestUnscaled => probe.predict(&test_rows)?,
        _ => probe.predict(&scaled(&test_scale, &test_rows)?)?,
    };
    let correct = guesses.iter().zip(&test_labels).filter(|(a, b)| a == b).count();
    let correct = if fault == Flaw::ErrorRate {
        test_labels.len() - correct
    } else {
        correct
    };
    let (low, high) = interval(correct, test_labels.len(), fault)?;
    Ok([correct as f64 / test_labels.len() as f64, low, high, majority])
}

/// [`score`] without a fault.
pub(in crate::lesson04) fn roughly(
    features: &Tensor,
    labels: &[usize],
    classes: usize,
    train: &[usize],
    test: &[usize],
) -> Result<Scored> {
    score(features, labels, classes, train, test, Flaw::None)
}

macro_rules! fault {
    ($fault:expr) => {
        Scoring {
            interval: |correct, total| interval(correct, total, $fault),
            majority: |train, test| majority(train, test, $fault),
            score: |features, labels, classes, train, test| score(features, labels, classes, train, test, $fault),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Scoring = fault!(Flaw::None);

const FAULTS: &[Fault<Scoring>] = &[
    fault(
        "p ± 1.96·√(p(1 − p)/n)",
        "This is the normal approximation. At 0 or 1 its width is 0, as if eight of eight were certainty. Use \
         Wilson's interval.",
        |f| *f = fault!(Flaw::NormalInterval),
    ),
    fault(
        "z = 1.645",
        "1.645 belongs to a 90 % interval, or to one side of a 95 % one. For 95 % on both sides z = 1.96.",
        |f| *f = fault!(Flaw::NinetyPercent),
    ),
    fault(
        "centred on the share",
        "You laid Wilson's half-width around p. Its centre is (p + z²/(2n)) / (1 + z²/n), nearer to 1/2 than p.",
        |f| *f = fault!(Flaw::NoCentre),
    ),
    fault(
        "majority of the test set",
        "You chose the commonest label of the test set. Whoever guesses has seen the training labels only.",
        |f| *f = fault!(Flaw::MajorityOfTest),
    ),
    fault(
        "one over the number of classes",
        "You took 1/classes. Where classes are not equally common, naming the commonest one does better, and that is \
         what a probe has to beat.",
        |f| *f = fault!(Flaw::OneOverClasses),
    ),
    fault(
        "the largest of equally common labels",
        "Of several commonest labels the smallest counts. `max_by_key` returns the last of equal ones.",
        |f| *f = fault!(Flaw::LargestLabel),
    ),
    fault(
        "scale fitted to all rows",
        "The scale (4.3) saw the test rows. One far test row then changes what the probe says about all others. Fit \
         it to the training rows.",
        |f| *f = fault!(Flaw::ScaleOfAll),
    ),
    fault(
        "test rows on a scale of their own",
        "You standardized the test rows by their own mean. Apply the scale of the training rows to them.",
        |f| *f = fault!(Flaw::ScaleOfTest),
    ),
    fault(
        "not standardized",
        "The features go into the probe as they come. A feature that varies by a thousandth then hardly counts \
         against the penalty: standardize (4.3) first.",
        |f| *f = fault!(Flaw::NoScale),
    ),
    fault(
        "test rows as they come",
        "The probe was fitted to standardized rows, and the test rows go in as they come. Apply the scale of the \
         training rows to them.",
        |f| *f = fault!(Flaw::TestUnscaled),
    ),
    fault(
        "fitted to the test rows too",
        "The probe was fitted to all rows, so the test measures memory. Fit to `train` only.",
        |f| *f = fault!(Flaw::FittedToAll),
    ),
    fault(
        "scored on the training rows",
        "You scored the rows that the probe was fitted to. A probe with as many features as rows is always right \
         there.",
        |f| *f = fault!(Flaw::ScoredOnTrain),
    ),
    fault(
        "labels by place",
        "`train` and `test` hold row numbers: the label that belongs to train[i] is labels[train[i]], not labels[i].",
        |f| *f = fault!(Flaw::LabelsByPlace),
    ),
    fault(
        "share of errors",
        "You counted the wrong answers. Accuracy is the share of right ones.",
        |f| *f = fault!(Flaw::ErrorRate),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Scoring>] = &[
    slip(Wiring, "the majority of the test labels", |f| {
        f.score = |features, labels, classes, train, test| {
            let [accuracy, low, high, _] = score(features, labels, classes, train, test, Flaw::None)?;
            let of: Vec<usize> = test.iter().map(|&row| labels[row]).collect();
            Ok([accuracy, low, high, majority(&of, &of, Flaw::None)?])
        }
    }),
    slip(Scale, "n² in 32 bits", |f| {
        f.interval = |correct, total| {
            if total > 65_535 {
                bail!("too many")
            } else {
                interval(correct, total, Flaw::None)
            }
        }
    }),
    slip(Sizes, "labels in a byte", |f| {
        f.majority = |train, test| {
            let byte = |labels: &[usize]| -> Vec<usize> { labels.iter().map(|&label| label % 256).collect() };
            majority(&byte(train), &byte(test), Flaw::None)
        }
    }),
    slip(Batch, "a row named twice counted once", |f| {
        f.score = |features, labels, classes, train, test| {
            let once: BTreeSet<usize> = test.iter().copied().collect();
            let once: Vec<usize> = once.into_iter().collect();
            score(features, labels, classes, train, &once, Flaw::None)
        }
    }),
    slip(Batch, "two test rows at least", |f| {
        f.score = |features, labels, classes, train, test| match test {
            [_] => bail!("one row"),
            _ => score(features, labels, classes, train, test, Flaw::None),
        }
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Scoring> {
    Exam::new("4.5", SOLUTION)
        .changes(RIGHT, FAULTS)
        .proofs(RIGHT, PROOFS)
        .alternative("Wilson's quadratic, solved", RIGHT)
}
