//! Answers to 4.4, right and wrong.

use candle_core::{DType, Device, Error, Result, Tensor, Var};

use super::{Fitted, Probing, SOLUTION, loss};
use crate::inputs::{first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    NoBias,
    SummedLoss,
    SoftmaxOverRows,
    NaiveSoftmax,
    Ascent,
    Sigmoid,
    NoPenalty,
    DoublePenalty,
    BiasPenalized,
    FewSteps,
    SmallestScore,
}

fn logits((weights, bias): &Fitted, x: &Tensor, fault: Flaw) -> Result<Tensor> {
    let z = x.matmul(&weights.t()?)?;
    match fault {
        Flaw::NoBias => Ok(z),
        _ => z.broadcast_add(bias),
    }
}

fn predict(probe: &Fitted, x: &Tensor, fault: Flaw) -> Result<Vec<usize>> {
    let z = logits(probe, x, fault)?.to_vec2::<f32>()?;
    let largest = |row: &Vec<f32>| {
        let better = |a: f32, b: f32| {
            if fault == Flaw::SmallestScore { a < b } else { a > b }
        };
        (1..row.len()).fold(0, |best, k| if better(row[k], row[best]) { k } else { best })
    };
    Ok(z.iter().map(largest).collect())
}

fn gradients(probe: &Fitted, x: &Tensor, y: &Tensor, penalty: f64, fault: Flaw) -> Result<Fitted> {
    let rows = x.dims2()?.0 as f64;
    let z = logits(probe, x, fault)?;
    let over = if fault == Flaw::SoftmaxOverRows { 0 } else { 1 };
    let z = match fault {
        Flaw::NaiveSoftmax => z,
        _ => z.broadcast_sub(&z.max_keepdim(over)?)?,
    };
    let e = z.exp()?;
    let p = match fault {
        Flaw::Sigmoid => (logits(probe, x, fault)?.neg()?.exp()? + 1.0)?.recip()?,
        _ => e.broadcast_div(&e.sum_keepdim(over)?)?,
    };
    let surprise = if fault == Flaw::Ascent { (y - p)? } else { (p - y)? };
    let surprise = if fault == Flaw::SummedLoss {
        surprise
    } else {
        (surprise / rows)?
    };
    let penalty = match fault {
        Flaw::NoPenalty => 0.0,
        Flaw::DoublePenalty => 2.0 * penalty,
        _ => penalty,
    };
    let weights = (surprise.t()?.matmul(x)? + (&probe.0 * penalty)?)?;
    let mut bias = surprise.sum(0)?;
    if fault == Flaw::BiasPenalized {
        bias = (bias + (&probe.1 * penalty)?)?;
    }
    if fault == Flaw::NoBias {
        bias = bias.zeros_like()?;
    }
    Ok((weights, bias))
}

/// The descent of the text, or without momentum; at most so many steps. A mistake in the gradients takes the same way
/// as in a learner's loop.
fn fit(x: &Tensor, labels: &[usize], classes: usize, penalty: f64, steps: usize, fault: Flaw) -> Result<Fitted> {
    let (rows, features) = x.dims2()?;
    let mut targets = vec![0f32; rows * classes];
    labels
        .iter()
        .enumerate()
        .for_each(|(row, label)| targets[row * classes + label] = 1.0);
    let targets = tensor(&targets, (rows, classes));
    let size = f64::from(x.sqr()?.sum(1)?.mean_all()?.to_scalar::<f32>()?);
    let step = 1.0 / ((1.0 + size) / 2.0 + penalty);
    let mut now = (
        Tensor::zeros((classes, features), DType::F32, &Device::Cpu)?,
        Tensor::zeros(classes, DType::F32, &Device::Cpu)?,
    );
    let (mut moved, mut k) = ((now.0.zeros_like()?, now.1.zeros_like()?), 0.0);
    for _ in 0..steps {
        let momentum = if steps == PLAIN { 0.0 } else { k / (k + 3.0) };
        let ahead = ((&now.0 + (&moved.0 * momentum)?)?, (&now.1 + (&moved.1 * momentum)?)?);
        let slope = gradients(&ahead, x, &targets, penalty, fault)?;
        let largest = |slope: &Tensor| slope.abs()?.max_all()?.to_scalar::<f32>();
        if largest(&slope.0)? <= 1e-4 && largest(&slope.1)? <= 1e-4 {
            return Ok(ahead);
        }
        let next = ((ahead.0 - (&slope.0 * step)?)?, (ahead.1 - (&slope.1 * step)?)?);
        moved = ((&next.0 - &now.0)?, (&next.1 - &now.1)?);
        now = next;
        let along = |slope: &Tensor, moved: &Tensor| (slope * moved)?.sum_all()?.to_scalar::<f32>();
        let uphill = along(&slope.0, &moved.0)? + along(&slope.1, &moved.1)? > 0.0;
        k = if uphill { 0.0 } else { k + 1.0 };
    }
    Ok(now)
}

/// A probe good enough to name the classes of planted features, in a tenth of the time.
pub(in crate::lesson04) fn rough(x: &Tensor, labels: &[usize], classes: usize) -> Result<solution04::Probe> {
    const STEPS: usize = 60;
    let (weights, bias) = fit(x, labels, classes, solution04::PENALTY, STEPS, Flaw::None)?;
    Ok(solution04::Probe { weights, bias })
}

/// Enough steps without momentum, and with it; and too few.
const PLAIN: usize = 1500;

const ENOUGH: usize = 1000;

const FEW: usize = 10;

macro_rules! fault {
    ($fault:expr) => {
        Probing {
            logits: |probe, x| logits(probe, x, $fault),
            predict: |probe, x| predict(probe, x, $fault),
            gradients: |probe, x, y, penalty| gradients(probe, x, y, penalty, $fault),
            fit: |x, labels, classes, penalty| {
                let steps = if $fault == Flaw::FewSteps { FEW } else { ENOUGH };
                fit(x, labels, classes, penalty, steps, $fault)
            },
        }
    };
}

/// Written independently of the solution.
const RIGHT: Probing = fault!(Flaw::None);

const FAULTS: &[Fault<Probing>] = &[
    fault(
        "no bias",
        "The bias b is missing. Without it a class that is common everywhere cannot be preferred everywhere.",
        |f| *f = fault!(Flaw::NoBias),
    ),
    fault(
        "summed over the rows",
        "Your loss is a sum over the rows. It is their mean: divide P − Y by the number of rows, or the penalty \
         weighs less the more images there are.",
        |f| *f = fault!(Flaw::SummedLoss),
    ),
    fault(
        "softmax over the rows",
        "Your softmax runs down the rows, so images compete with each other. Classes compete, within each row: the \
         last dimension, D::Minus1.",
        |f| *f = fault!(Flaw::SoftmaxOverRows),
    ),
    fault(
        "softmax overflows",
        "exp of a large score is infinite, and infinity over infinity is NaN. Subtract each row's maximum first; \
         candle_nn::ops::softmax does.",
        |f| *f = fault!(Flaw::NaiveSoftmax),
    ),
    fault(
        "Y − P",
        "The sign is wrong: you have Y − P, which goes uphill. Where the probe believes too much (P > Y), the score \
         must fall.",
        |f| *f = fault!(Flaw::Ascent),
    ),
    fault(
        "a sigmoid for each class",
        "You squash each score by itself, with a sigmoid. Softmax compares the classes: each row of P sums to 1.",
        |f| *f = fault!(Flaw::Sigmoid),
    ),
    fault(
        "no penalty",
        "The penalty is missing from the gradient. Where the classes can be separated, weights then grow for ever and \
         nothing converges.",
        |f| *f = fault!(Flaw::NoPenalty),
    ),
    fault(
        "penalty counted twice",
        "The derivative of penalty/2 · W² is penalty · W; yours is twice that.",
        |f| *f = fault!(Flaw::DoublePenalty),
    ),
    fault(
        "bias penalized",
        "The penalty pulls at your bias as well. It leaves the bias alone: how common a class is is no complexity.",
        |f| *f = fault!(Flaw::BiasPenalized),
    ),
    fault(
        "stopped too early",
        "Your probe has not converged. Go on until no entry of the gradient is larger than 1e-4: one that is stopped \
         early measures your patience, not the layer.",
        |f| *f = fault!(Flaw::FewSteps),
    ),
    fault(
        "the smallest score",
        "You predict the class with the smallest score. The largest wins: `argmax`.",
        |f| *f = fault!(Flaw::SmallestScore),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Probing>] = &[
    ordered!("logits, only what lies in order", logits: |probe, x| [x] => logits(probe, x, Flaw::None)),
    ordered!("predict, only what lies in order", predict: |probe, x| [x] => predict(probe, x, Flaw::None)),
    ordered!("gradients, only what lies in order", gradients: |probe, x, y, penalty| [x] =>
        gradients(probe, x, y, penalty, Flaw::None)),
    slip(Batch, "32 rows at most", |f| {
        f.logits = |probe, x| logits(probe, &first_of(x, 32)?, Flaw::None);
        f.predict = |probe, x| predict(probe, &first_of(x, 32)?, Flaw::None);
        f.gradients = |probe, x, y, penalty| gradients(probe, &first_of(x, 32)?, y, penalty, Flaw::None);
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Probing> {
    Exam::new("4.4", SOLUTION)
        .changes(RIGHT, FAULTS)
        .proofs(RIGHT, PROOFS)
        .unnamed(
            "the largest score above 0",
            Probing {
                predict: |probe, x| {
                    let scores = logits(probe, x, Flaw::None)?.to_vec2::<f32>()?;
                    let best = |row: &Vec<f32>| {
                        let above = (0..row.len()).filter(|&k| row[k] > 0.0);
                        above.reduce(|a, b| if row[b] > row[a] { b } else { a }).unwrap_or(0)
                    };
                    Ok(scores.iter().map(best).collect())
                },
                ..RIGHT
            },
        )
        .unnamed(
            "stopped by the mean of the gradients",
            Probing {
                fit: |x, labels, classes, penalty| {
                    let steps = if x.dims2()?.1 > 100 { 3 } else { ENOUGH };
                    fit(x, labels, classes, penalty, steps, Flaw::None)
                },
                ..RIGHT
            },
        )
        .unnamed(
            "the step before the last",
            Probing {
                fit: |x, labels, classes, penalty| {
                    let (weights, bias) = fit(x, labels, classes, penalty, ENOUGH, Flaw::None)?;
                    let share = if x.abs()?.max_all()?.to_scalar::<f32>()? == 0.0 {
                        0.8
                    } else {
                        1.0
                    };
                    Ok((weights, (bias * share)?))
                },
                ..RIGHT
            },
        )
        .alternative(
            "plain gradient descent, many steps",
            Probing {
                fit: |x, labels, classes, penalty| fit(x, labels, classes, penalty, PLAIN, Flaw::None),
                ..RIGHT
            },
        )
        .alternative(
            "gradients from candle's backward",
            Probing {
                gradients: |probe, x, y, penalty| {
                    let variables = (Var::from_tensor(&probe.0)?, Var::from_tensor(&probe.1)?);
                    let probe = (variables.0.as_tensor().clone(), variables.1.as_tensor().clone());
                    let store = loss(&probe, x, y, penalty)?.backward()?;
                    let of = |variable: &Var| {
                        store
                            .get(variable)
                            .cloned()
                            .ok_or_else(|| Error::Msg("no gradient".into()))
                    };
                    Ok((of(&variables.0)?, of(&variables.1)?))
                },
                ..RIGHT
            },
        )
}
