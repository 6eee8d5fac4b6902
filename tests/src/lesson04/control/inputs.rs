//! What 4.6 is asked for.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{Result, Tensor};

use super::Control;
use crate::inputs::{Random, tensor};
use crate::{Exam, Hazard::*, Observed};

/// What must hold of control labels, whichever generator drew them.
fn properties(f: Control, types: &[usize], classes: usize, seed: u64) -> Result<Observed> {
    let labels = (f.labels)(types, classes, seed)?;
    let mut of_type: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (kind, &label) in types.iter().zip(&labels) {
        of_type.entry(*kind).or_default().insert(label);
    }
    let used: BTreeSet<usize> = labels.iter().copied().collect();
    Ok(Observed::fields([
        ("labels", labels.len()),
        (
            "types with more than one label",
            of_type.values().filter(|labels| labels.len() > 1).count(),
        ),
        (
            "labels that are no class",
            used.iter().filter(|&&label| label >= classes).count(),
        ),
        ("classes that occur", used.len()),
    ]))
}

fn expected(rows: usize, classes: usize) -> Observed {
    Observed::fields([
        ("labels", rows),
        ("types with more than one label", 0),
        ("labels that are no class", 0),
        ("classes that occur", classes),
    ])
}

/// Each row says its type and nothing else: feature t is 1 for type t.
fn named_types(types: &[usize], count: usize) -> Tensor {
    let mut values = vec![0f32; types.len() * count];
    types
        .iter()
        .enumerate()
        .for_each(|(row, kind)| values[row * count + kind] = 1.0);
    tensor(&values, (types.len(), count))
}

/// 12 types, six rows of each, four to train on; the real label is the type's remainder by 3.
type Types = (Vec<usize>, Vec<usize>, [Vec<usize>; 2]);

fn twelve_types() -> Types {
    let kinds: Vec<usize> = (0..72).map(|row| row % 12).collect();
    let real: Vec<usize> = kinds.iter().map(|kind| kind % 3).collect();
    let (train, test): (Vec<usize>, Vec<usize>) = (0..72).partition(|row| *row < 48);
    (kinds, real, [train, test])
}

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Control>) -> Exam<Control> {
    let mut random = Random::new(seed, 46);
    let types: Vec<usize> = (0..400).map(|row| 3 + (row * 7 + random.count(0, 1)) % 200).collect();
    let start = random.count(0, 1000) as u64;
    let (more, several) = (random.count(200, 2000), random.count(2, 9));
    let many: Vec<usize> = (0..more).map(|row| row / 2).collect();
    let exam = exam
        .truth("5 rows of one type, 1 class", vec![0; 5], |f| (f.labels)(&[8; 5], 1, 0))
        .because("There is only one class to draw.")
        .given(types, |on| {
            on.truth("400 rows of 200 types, 4 classes", expected(400, 4), move |f, types| {
                properties(f, types, 4, start)
            })
            .because("One label for each row, the same for rows of a type and not for all types: 0 to 3, each drawn.")
            .truth(
                format!("{more} rows of two per type, {several} classes"),
                expected(more, several),
                move |f, _| properties(f, &many, several, start),
            )
            .because("One label for each row, the same for rows of a type, below `classes`, and each drawn.")
            .truth(
                "the labels of the rows backwards are the labels backwards",
                true,
                move |f, types| -> Result<bool> {
                    let backwards: Vec<usize> = types.iter().rev().copied().collect();
                    let mut labels = (f.labels)(&backwards, 4, start)?;
                    labels.reverse();
                    Ok(labels == (f.labels)(types, 4, start)?)
                },
            )
            .because("A type's label depends on the seed and the type only.")
            .truth(
                "the labels of the last 100 rows alone are the same",
                true,
                move |f, types| -> Result<bool> {
                    Ok((f.labels)(&types[300..], 4, start)? == (f.labels)(types, 4, start)?[300..])
                },
            )
            .because("Training and test rows may be asked for separately.")
            .truth(
                "20 seeds: has type 7 the same label alone, twice, and beside type 8?",
                true,
                |f, _| -> Result<bool> {
                    let label = |types: &[usize], seed| -> Result<usize> { Ok((f.labels)(types, 4, seed)?[0]) };
                    let same = |seed| -> Result<bool> {
                        let alone = label(&[7], seed)?;
                        Ok(alone == label(&[7, 7], seed)? && alone == label(&[7, 8], seed)?)
                    };
                    (0..20).try_fold(true, |all, seed| Ok(all && same(seed)?))
                },
            )
            .because("The label of a type depends on the seed and the type, and on nothing else that is asked for.")
            .truth(
                "another seed gives other labels",
                true,
                move |f, types| -> Result<bool> {
                    Ok((f.labels)(types, 4, start)? != (f.labels)(types, 4, start + 1)?)
                },
            )
            .because("The label is drawn from the seed and the type; the type's number alone does not decide it.")
            .truth(
                "neighbouring types, 10,000 of them: 1700 to 2300 have the label of the next, of 5 classes",
                true,
                |f, _| -> Result<bool> {
                    let types: Vec<usize> = (0..10_000).collect();
                    let labels = (f.labels)(&types, 5, 3)?;
                    let equal = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
                    Ok((1700..=2300).contains(&equal))
                },
            )
            .because("Each type draws for itself, whatever its number: two agree by chance, one in five.")
            .truth(
                "seed 0: each of 4 classes has 840 to 1160 of 4000 types",
                true,
                |f, _| -> Result<bool> {
                    let types: Vec<usize> = (0..4000).collect();
                    let labels = (f.labels)(&types, 4, 0)?;
                    Ok((0..4).all(|class| (840..=1160).contains(&labels.iter().filter(|&&one| one == class).count())))
                },
            )
            .because("All classes are equally likely, whatever the seed, and each type draws for itself.")
            .truth(
                "3000 types, 300 classes: 340 to 540 have a label of 256 or more",
                true,
                |f, _| -> Result<bool> {
                    let types: Vec<usize> = (0..3000).collect();
                    let labels = (f.labels)(&types, 300, 3)?;
                    Ok((340..=540).contains(&labels.iter().filter(|&&label| label >= 256).count()))
                },
            )
            .because("All classes are equally likely, the later ones of many too.")
        });
    selectivities(start, exam)
}

/// Three kinds of features: they know the type, the class, or the row.
fn selectivities(start: u64, exam: Exam<Control>) -> Exam<Control> {
    // 12 types, six rows of each, four to train on; the real label is the type's remainder by 3.
    let kinds: Vec<usize> = (0..72).map(|row| row % 12).collect();
    let real: Vec<usize> = kinds.iter().map(|kind| kind % 3).collect();
    let (train, test): (Vec<usize>, Vec<usize>) = (0..72).partition(|row| row % 72 < 48);

    exam.given((kinds, real, [train, test]), |on| {
        on.truth(
            "selectivity: features that name the type; task, control, value",
            vec![1.0, 1.0, 0.0],
            move |f, (kinds, real, [train, test])| -> Result<Vec<f64>> {
                let features = named_types(kinds, 12);
                Ok((f.selectivity)(&features, real, kinds, 3, [train, test], start)?.to_vec())
            },
        )
        .because(
            "A type has one control label, in training and in testing: a probe that remembers 12 types solves both \
             tasks, and the difference of the two accuracies is 0.",
        )
        .truth(
            "selectivity: features that name the class; the task is solved, the control is not, the value is above 0.2",
            vec![1.0, 0.0, 1.0],
            move |f, (kinds, real, [train, test])| -> Result<Vec<f64>> {
                let features = named_types(real, 3);
                // A seed whose 12 labels are not by chance a function of the class, under any generator.
                let mut lowest = [1.0, 1.0, 0.0];
                for seed in 0..4 {
                    let found = (f.selectivity)(&features, real, kinds, 3, [train, test], seed)?;
                    if found[1] < lowest[1] {
                        lowest = found;
                    }
                }
                let yes = |is: bool| f64::from(u8::from(is));
                Ok(vec![
                    yes(lowest[0] == 1.0),
                    yes(lowest[1] > 0.8),
                    yes(lowest[2] > 0.2 && lowest[2] <= 1.0),
                ])
            },
        )
        .because("The features do not know the type, so a probe cannot name its label.")
        .truth(
            "selectivity: features that only tell rows apart: is the control solved?",
            false,
            move |f, (kinds, real, [train, test])| -> Result<bool> {
                let rows: Vec<usize> = (0..72).collect();
                let features = named_types(&rows, 72);
                Ok((f.selectivity)(&features, real, kinds, 3, [train, test], start)?[1] == 1.0)
            },
        )
        .because("No training row shows a test row's feature, so nothing can be remembered.")
    })
}

/// Types with any number.
pub(super) fn hazards(seed: u64, exam: Exam<Control>) -> Exam<Control> {
    let start = Random::new(seed, 146).count(0, 1000) as u64;
    exam.truth(
        "rows of types 2⁶⁰, 3 and 2⁶⁰, 4 classes: has 2⁶⁰ one label?",
        true,
        move |f| -> Result<bool> {
            let found = (f.labels)(&[1 << 60, 3, 1 << 60], 4, start)?;
            Ok(found.len() == 3 && found[0] == found[2])
        },
    )
    .holds(Scale)
    .truth(
        "types 0 to 999 and 2³² to 2³² + 999, 4 classes: 170 to 330 pairs agree, and the latter have all classes",
        true,
        |f| -> Result<bool> {
            let types: Vec<usize> = (0..1000).chain((0..1000).map(|kind| kind + (1 << 32))).collect();
            let found = (f.labels)(&types, 4, 3)?;
            let (near, far) = found.split_at(1000.min(found.len()));
            let agree = near.iter().zip(far).filter(|(one, other)| one == other).count();
            Ok((170..=330).contains(&agree) && far.iter().collect::<BTreeSet<_>>().len() == 4)
        },
    )
    .because("Types may have any number, and each draws for itself.")
    .holds(Scale)
}

/// What is handed on to the control task.
pub(super) fn wiring(seed: u64, exam: Exam<Control>) -> Exam<Control> {
    let start = Random::new(seed, 146).count(0, 1000) as u64;
    exam.given(twelve_types(), |on| {
        on.truth(
            "selectivity of features that name the class, ten seeds: does the control vary?",
            true,
            move |f, (kinds, real, [train, test])| -> Result<bool> {
                let features = named_types(real, 3);
                let control =
                    |seed| -> Result<f64> { Ok((f.selectivity)(&features, real, kinds, 3, [train, test], seed)?[1]) };
                let first = control(0)?;
                Ok((1..10)
                    .map(control)
                    .collect::<Result<Vec<_>>>()?
                    .iter()
                    .any(|one| *one != first))
            },
        )
        .because("Each seed is another control task.")
        .holds(Wiring)
        .truth(
            "selectivity: features that name the type, real labels that change from row to row; task, control, value",
            vec![0.0, 1.0, -1.0],
            move |f, (kinds, _, [train, test])| -> Result<Vec<f64>> {
                // In training a type's labels are 0, 1, 2, 0; in testing 1 and 2.
                let real: Vec<usize> = (0..72).map(|row| row / 12 % 3).collect();
                Ok((f.selectivity)(&named_types(kinds, 12), &real, kinds, 3, [train, test], start)?.to_vec())
            },
        )
        .because("A control task can be easier than the task: the difference is then negative.")
        .holds(Sign)
        .truth(
            "selectivity: features that name the type, tested on types 0 to 5 only, four seeds: is the control solved?",
            true,
            move |f, (kinds, real, [train, test])| -> Result<bool> {
                let test: Vec<usize> = test.iter().copied().filter(|&row| kinds[row] < 6).collect();
                let solved = |seed| {
                    let found = (f.selectivity)(&named_types(kinds, 12), real, kinds, 3, [train, &test], seed)?;
                    Ok::<_, candle_core::Error>(found[1] == 1.0)
                };
                (0..4).try_fold(true, |all, seed| Ok(all && solved(seed)?))
            },
        )
        .because("The control is fitted to the training rows, in which all types occur, and scored on the test rows.")
        .holds(Wiring)
        .truth(
            "selectivity: features of a dead layer, 12 types, 2 classes, three seeds: is the control right in half \
             the rows?",
            true,
            move |f, (kinds, _, [train, test])| -> Result<bool> {
                let features = Tensor::zeros((72, 2), candle_core::DType::F32, &candle_core::Device::Cpu)?;
                let real: Vec<usize> = kinds.iter().map(|kind| kind % 2).collect();
                let half = |seed| {
                    let found = (f.selectivity)(&features, &real, kinds, 2, [train, test], seed)?;
                    Ok::<_, candle_core::Error>(found[1] >= 0.5)
                };
                (0..3).try_fold(true, |all, seed| Ok(all && half(seed)?))
            },
        )
        .because("The control task has as many classes as the task: of two labels the commoner one has half the types.")
        .holds(Wiring)
    })
}

/// The numbers of a control task, and their difference.
pub(super) fn scores(exam: Exam<Control>) -> Exam<Control> {
    exam.given(twelve_types(), |on| {
        on.truth(
            "selectivity: features of a dead layer, five types in 16, 8, 4, 2 and 1 training rows, six seeds: how far \
             the control lies from the share of test rows that have the label of the commonest type",
            vec![0.0; 6],
            |f, _| -> Result<Vec<f64>> {
                let often = (1..32usize).map(|row| row.ilog2() as usize);
                let kinds: Vec<usize> = often.clone().map(|kind| 4 - kind).chain(often).collect();
                let (train, test): (Vec<usize>, Vec<usize>) = (0..62).partition(|&row| row < 31);
                let features = Tensor::zeros((62, 2), candle_core::DType::F32, &candle_core::Device::Cpu)?;
                let apart = |seed| -> Result<f64> {
                    let labels = (f.labels)(&kinds, 3, seed)?;
                    let right = test.iter().filter(|&&row| labels[row] == labels[30]).count();
                    let real: Vec<usize> = kinds.iter().map(|kind| kind % 3).collect();
                    let found = (f.selectivity)(&features, &real, &kinds, 3, [&train, &test], seed)?;
                    Ok((found[1] - right as f64 / 31.0).abs())
                };
                (0..6).map(apart).collect()
            },
        )
        .because("The control is the score on your control_labels of these types, classes and seed.")
        .holds(Wiring)
        .truth(
            "selectivity, in three tasks: how far the value lies from the difference of the two accuracies",
            vec![0.0; 3],
            |f, (kinds, real, [train, test])| -> Result<Vec<f64>> {
                // One test row's label is none that its type has; a layer that is dead; a class that is always right.
                let (mut one_off, dead) = (real.clone(), named_types(kinds, 12).zeros_like()?);
                one_off[71] = (one_off[71] + 1) % 3;
                let tasks = [
                    (named_types(kinds, 12), &one_off),
                    (dead.clone(), real),
                    (dead, &vec![0; 72]),
                ];
                let apart = |(features, real): &(Tensor, &Vec<usize>)| -> Result<f64> {
                    let [task, control, value] = (f.selectivity)(features, real, kinds, 3, [train, test], 3)?;
                    Ok((value - (task - control)).abs())
                };
                tasks.iter().map(apart).collect()
            },
        )
        .because("Accuracy on the task minus accuracy on the control task, neither rounded nor cut off.")
        .holds([Sign, Wiring])
        .truth(
            "selectivity: features that name the type, trained on types 0 to 5, tested on all 12, ten seeds: at \
             least half right, and not always all",
            true,
            |f, (kinds, real, [train, test])| -> Result<bool> {
                let train: Vec<usize> = train.iter().copied().filter(|&row| kinds[row] < 6).collect();
                let control = |seed| -> Result<f64> {
                    Ok((f.selectivity)(&named_types(kinds, 12), real, kinds, 3, [&train, test], seed)?[1])
                };
                let control = (0..10).map(control).collect::<Result<Vec<_>>>()?;
                Ok(control.iter().all(|&one| one >= 0.5) && control.iter().any(|&one| one < 1.0))
            },
        )
        .because("The control is scored on all test rows: what was seen is remembered, the rest is guessed.")
        .holds(Wiring)
    })
}
