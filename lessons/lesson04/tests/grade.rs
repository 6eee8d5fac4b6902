//! Grades lesson 04: `cargo test -p lesson04`, or one exercise: `cargo test -p lesson04 -- ex4_4`.

use candle_core::Result;
use graders::lesson04::{Fitted, Scored};
use graders::{exercise, lesson04 as check};
use lesson04::{Probe, Score};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson04",
        vec![
            exercise(
                "4.1",
                check::features,
                check::Features {
                    pool: lesson04::pool,
                    features: lesson04::features,
                },
            ),
            exercise("4.2", check::split, lesson04::split),
            exercise("4.3", check::standardize, standardizer()),
            exercise("4.4", check::probe, probing()),
            exercise("4.5", check::score, scoring()),
            exercise("4.6", check::control, control()),
            exercise(
                "4.7",
                check::depth_curve,
                |network, batches, sites, grid, tasks, rows| {
                    let task = |(labels, classes): &(Vec<usize>, usize)| lesson04::Task {
                        name: String::new(),
                        labels: labels.clone(),
                        classes: *classes,
                    };
                    let tasks: Vec<_> = tasks.iter().map(task).collect();
                    let mut batches = batches.iter().cloned().map(Ok);
                    let curve = lesson04::depth_curve(network, &mut batches, sites, grid, &tasks, rows)?;
                    let row = |row: &Vec<Score>| row.iter().map(numbers).collect();
                    Ok(curve.iter().map(row).collect())
                },
            ),
            exercise("4.8", check::dissection, dissection()),
            exercise(
                "4.9",
                check::ablation,
                check::Ablation {
                    units: lesson04::without_units,
                    direction: lesson04::without_direction,
                    effect: |before, after| {
                        let effect = lesson04::effect(before, after)?;
                        Ok((effect.logit_change, effect.flipped))
                    },
                },
            ),
            exercise("4.10", check::tuning, graders::ex4_10!(lesson04)),
            exercise("4.12", check::circuit, graders::ex4_12!(lesson04)),
        ],
    )
}

fn standardizer() -> check::Standardize {
    check::Standardize {
        fit: |train| {
            let scale = lesson04::Standardizer::fit(train)?;
            Ok((scale.mean, scale.deviation))
        },
        apply: |train, features| lesson04::Standardizer::fit(train)?.apply(features),
    }
}

fn as_probe((weights, bias): &Fitted) -> Probe {
    Probe {
        weights: weights.clone(),
        bias: bias.clone(),
    }
}

fn probing() -> check::Probing {
    check::Probing {
        logits: |probe, features| as_probe(probe).logits(features),
        predict: |probe, features| as_probe(probe).predict(features),
        gradients: |probe, features, targets, penalty| as_probe(probe).gradients(features, targets, penalty),
        fit: |features, labels, classes, penalty| {
            let probe = lesson04::fit_probe(features, labels, classes, penalty)?;
            Ok((probe.weights, probe.bias))
        },
    }
}

fn numbers(score: &Score) -> Scored {
    [score.accuracy, score.low, score.high, score.majority]
}

fn scoring() -> check::Scoring {
    check::Scoring {
        interval: lesson04::interval,
        majority: lesson04::majority,
        score: |features, labels, classes, train, test| {
            lesson04::score(features, labels, classes, train, test).map(|score| numbers(&score))
        },
    }
}

fn control() -> check::Control {
    check::Control {
        labels: lesson04::control_labels,
        selectivity: |features, labels, types, classes, rows, seed| {
            let found = lesson04::selectivity(features, labels, types, classes, rows, seed)?;
            Ok([found.task.accuracy, found.control.accuracy, found.value()])
        },
    }
}

fn dissection() -> check::Dissect {
    check::Dissect {
        thresholds: |batches, values, share| {
            let mut thresholds = lesson04::Thresholds::new(values, share)?;
            batches.iter().try_for_each(|batch| thresholds.update(batch))?;
            thresholds.finish()
        },
        iou: |batches, thresholds| {
            let concepts = batches[0].1.dim(1)?;
            let mut dissection = lesson04::Dissection::new(thresholds, concepts)?;
            batches
                .iter()
                .try_for_each(|(activations, masks)| -> Result<()> { dissection.update(activations, masks) })?;
            dissection.iou()
        },
        best: lesson04::best_concepts,
        shuffled: lesson04::shuffled,
    }
}
