mod inputs;

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::score::roughly;
use crate::{Exam, Fault, Hazard::*, Slip, fault, slip};

/// `solution04::control_labels`, and the two accuracies of `solution04::selectivity` with its value
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Control {
    pub labels: fn(&[usize], usize, u64) -> Result<Vec<usize>>,
    #[allow(clippy::type_complexity, reason = "one use")]
    pub selectivity: fn(&Tensor, &[usize], &[usize], usize, [&[usize]; 2], u64) -> Result<[f64; 3]>,
}

/// The attempt at 4.6 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_6 {
    ($lesson:ident) => {
        $crate::lesson04::Control {
            labels: $lesson::control_labels,
            selectivity: |features, labels, types, classes, rows, seed| {
                let found = $lesson::selectivity(features, labels, types, classes, rows, seed)?;
                Ok([found.task.accuracy, found.control.accuracy, found.value()])
            },
        }
    };
}

const SOLUTION: Control = ex4_6!(solution04);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    PerRow,
    ByAppearance,
    Modulo,
    SeedIgnored,
    OneClassMissing,
    ControlOnTrain,
    ControlOfLabels,
    Ratio,
    Reversed,
}

fn labels(types: &[usize], classes: usize, seed: u64, fault: Flaw) -> Result<Vec<usize>> {
    let seed = if fault == Flaw::SeedIgnored { 1 } else { seed };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut known = BTreeMap::new();
    let mut label = |&kind: &usize| match fault {
        Flaw::PerRow => random.random_range(0..classes),
        Flaw::ByAppearance => *known.entry(kind).or_insert_with(|| random.random_range(0..classes)),
        Flaw::Modulo => (kind + seed as usize) % classes,
        Flaw::OneClassMissing => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(kind as u64);
            random.random_range(0..(classes - 1).max(1))
        }
        _ => {
            // A seed per type instead of a stream.
            let mixed = seed ^ (kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ChaCha8Rng::seed_from_u64(mixed).random_range(0..classes)
        }
    };
    Ok(types.iter().map(&mut label).collect())
}

fn selectivity(
    features: &Tensor,
    real: &[usize],
    types: &[usize],
    classes: usize,
    [train, test]: [&[usize]; 2],
    seed: u64,
    fault: Flaw,
) -> Result<[f64; 3]> {
    let kinds = if fault == Flaw::ControlOfLabels { real } else { types };
    let control = labels(kinds, classes, seed, fault)?;
    let tested = if fault == Flaw::ControlOnTrain { train } else { test };
    let task = roughly(features, real, classes, train, test)?[0];
    let control = roughly(features, &control, classes, train, tested)?[0];
    let value = match fault {
        Flaw::Ratio => task / control,
        Flaw::Reversed => control - task,
        _ => task - control,
    };
    Ok([task, control, value])
}

macro_rules! fault {
    ($fault:expr) => {
        Control {
            labels: |types, classes, seed| labels(types, classes, seed, $fault),
            selectivity: |features, real, types, classes, rows, seed| {
                selectivity(features, real, types, classes, rows, seed, $fault)
            },
        }
    };
}

/// Written independently of the solution.
const RIGHT: Control = fault!(Flaw::None);

const FAULTS: &[Fault<Control>] = &[
    fault(
        "a fresh label for every row",
        "Rows of one type get different labels. Nobody can learn that, so it measures nothing: a control task keeps \
         one random label per type, in training and in testing.",
        |f| *f = fault!(Flaw::PerRow),
    ),
    fault(
        "labels in order of appearance",
        "A type's label depends on which rows you are asked for, and in which order: another list of rows gives the \
         same type another label. Give each type a stream of its own: `random.set_stream(kind as u64)`.",
        |f| *f = fault!(Flaw::ByAppearance),
    ),
    fault(
        "not random",
        "Your labels follow the numbers of the types, which may follow a real property. Draw them.",
        |f| *f = fault!(Flaw::Modulo),
    ),
    fault(
        "seed ignored",
        "Every seed gives the same labels. Several control tasks are needed to see how much their score varies.",
        |f| *f = fault!(Flaw::SeedIgnored),
    ),
    fault(
        "a class is never drawn",
        "One class never occurs. `0..classes` already leaves out its end.",
        |f| *f = fault!(Flaw::OneClassMissing),
    ),
    fault(
        "control scored on the training rows",
        "You scored the control task on the rows it was fitted to. Both tasks are scored on the same test rows.",
        |f| *f = fault!(Flaw::ControlOnTrain),
    ),
    fault(
        "one label per class",
        "You gave each real label a random one. Whoever knows the class then knows the control label too. The types \
         are what gets a label.",
        |f| *f = fault!(Flaw::ControlOfLabels),
    ),
    fault(
        "ratio",
        "You divided. Selectivity is a difference of accuracies: task − control.",
        |f| *f = fault!(Flaw::Ratio),
    ),
    fault(
        "control minus task",
        "The sign is wrong: accuracy on the task minus accuracy on the control task.",
        |f| *f = fault!(Flaw::Reversed),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Control>] = &[
    slip(Scale, "a table as long as the largest type", |f| {
        f.labels = |types, classes, seed| {
            if types.iter().any(|&kind| kind > 1 << 30) {
                bail!("too large")
            } else {
                labels(types, classes, seed, Flaw::None)
            }
        }
    }),
    slip(Sign, "a value never below 0", |f| {
        f.selectivity = |features, real, types, classes, rows, seed| {
            let [task, control, value] = selectivity(features, real, types, classes, rows, seed, Flaw::None)?;
            Ok([task, control, value.max(0.0)])
        }
    }),
    slip(Wiring, "the control with train and test exchanged", |f| {
        f.selectivity = |features, real, types, classes, [train, test], seed| {
            let [task, ..] = selectivity(features, real, types, classes, [train, test], seed, Flaw::None)?;
            let [_, control, _] = selectivity(features, real, types, classes, [test, train], seed, Flaw::None)?;
            Ok([task, control, task - control])
        }
    }),
    slip(Wiring, "a control label for each of 12 types", |f| {
        f.selectivity = |features, real, types, classes, rows, seed| {
            let [task, ..] = selectivity(features, real, types, classes, rows, seed, Flaw::None)?;
            let [_, control, _] = selectivity(features, real, types, 12, rows, seed, Flaw::None)?;
            Ok([task, control, task - control])
        }
    }),
    slip(Wiring, "a difference below 0.05 is none", |f| {
        f.selectivity = |features, real, types, classes, rows, seed| {
            let [task, control, value] = selectivity(features, real, types, classes, rows, seed, Flaw::None)?;
            Ok([task, control, if value.abs() < 0.05 { 0.0 } else { value }])
        }
    }),
    slip(Wiring, "selectivity with the control of one seed", |f| {
        f.selectivity =
            |features, real, types, classes, rows, _| selectivity(features, real, types, classes, rows, 0, Flaw::None)
    }),
];

/// 4.6
pub fn control(seed: u64) -> Exam<Control> {
    let exam = inputs::hazards(seed, inputs::basics(seed, answers()));
    spare(inputs::scores(inputs::wiring(seed, exam)))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Control> {
    Exam::new("4.6", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("a seed for each type", RIGHT)
}

/// What this exercise has no room for.
fn spare(exam: Exam<Control>) -> Exam<Control> {
    exam.proofs(RIGHT, PROOFS)
        .spared(&[Errors], "the checks come with the stub")
        .spared(&[NotContiguous, Batch], "features go to 4.5, which is asked for that")
        .spared(
            &[Sizes],
            "hundreds of rows, one row, one class and several are among the inputs",
        )
        .spared(&[Combined, Names], "no options, no names")
        .spared(&[Ties], "nothing is chosen")
        .spared(&[Returned], "tried as mistakes: ratio, and the sign of the difference")
        .spared(&[NotFinite, Empty], "whole numbers; an empty list is not spoken of")
}
