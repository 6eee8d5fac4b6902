use candle_core::{D, DType, Device, Error, Result, Tensor, Var};
use serde::Deserialize;

use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

/// Weights and bias of a probe.
pub type Fitted = (Tensor, Tensor);

/// `solution04::Probe` by its parts, weights and bias first, and `solution04::fit_probe`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Probing {
    pub logits: fn(&Fitted, &Tensor) -> Result<Tensor>,
    pub predict: fn(&Fitted, &Tensor) -> Result<Vec<usize>>,
    pub gradients: fn(&Fitted, &Tensor, &Tensor, f64) -> Result<Fitted>,
    pub fit: fn(&Tensor, &[usize], usize, f64) -> Result<Fitted>,
}

/// The attempt at 4.4 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_4 {
    ($lesson:ident) => {{
        fn probe((weights, bias): &$crate::lesson04::Fitted) -> $lesson::Probe {
            $lesson::Probe {
                weights: weights.clone(),
                bias: bias.clone(),
            }
        }
        $crate::lesson04::Probing {
            logits: |fitted, features| probe(fitted).logits(features),
            predict: |fitted, features| probe(fitted).predict(features),
            gradients: |fitted, features, targets, penalty| probe(fitted).gradients(features, targets, penalty),
            fit: |features, labels, classes, penalty| {
                let probe = $lesson::fit_probe(features, labels, classes, penalty)?;
                Ok((probe.weights, probe.bias))
            },
        }
    }};
}

const SOLUTION: Probing = ex4_4!(solution04);

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
pub(super) fn rough(x: &Tensor, labels: &[usize], classes: usize) -> Result<solution04::Probe> {
    const STEPS: usize = 60;
    let (weights, bias) = fit(x, labels, classes, solution04::PENALTY, STEPS, Flaw::None)?;
    Ok(solution04::Probe { weights, bias })
}

/// Enough steps without momentum, and with it; and too few.
const PLAIN: usize = 1500;
const ENOUGH: usize = 1000;
const FEW: usize = 10;

/// The loss as the text gives it, for candle to differentiate.
fn loss((weights, bias): &Fitted, x: &Tensor, y: &Tensor, penalty: f64) -> Result<Tensor> {
    let z = x.matmul(&weights.t()?)?.broadcast_add(bias)?;
    let log = candle_nn::ops::log_softmax(&z, D::Minus1)?;
    let entropy = ((log * y)?.sum_all()?.neg()? / x.dims2()?.0 as f64)?;
    entropy + (weights.sqr()?.sum_all()? * (penalty / 2.0))?
}

/// The gradient by moving every weight a little, in f64.
fn finite_differences(probe: &Fitted, x: &Tensor, y: &Tensor, penalty: f64) -> Result<Fitted> {
    const STEP: f64 = 1e-5;
    let wide = |t: &Tensor| t.to_dtype(DType::F64);
    let (probe, x, y) = ((wide(&probe.0)?, wide(&probe.1)?), wide(x)?, wide(y)?);
    let slopes = |parameter: &Tensor, with: &dyn Fn(Tensor) -> Fitted| {
        let values = parameter.flatten_all()?.to_vec1::<f64>()?;
        let slope = |i: usize| {
            let at = |step: f64| {
                let mut moved = values.clone();
                moved[i] += step;
                let moved = Tensor::from_vec(moved, parameter.shape(), &Device::Cpu)?;
                loss(&with(moved), &x, &y, penalty)?.to_scalar::<f64>()
            };
            Ok::<_, Error>(((at(STEP)? - at(-STEP)?) / (2.0 * STEP)) as f32)
        };
        let slopes = (0..values.len()).map(slope).collect::<Result<Vec<_>>>()?;
        Tensor::from_vec(slopes, parameter.shape(), &Device::Cpu)
    };
    Ok((
        slopes(&probe.0, &|weights| (weights, probe.1.clone()))?,
        slopes(&probe.1, &|bias| (probe.0.clone(), bias))?,
    ))
}

/// What scikit-learn says; `tests/fixtures/make_probe.py` wrote it.
#[derive(Deserialize)]
struct Fixture {
    penalty: f64,
    rows: Vec<Vec<f32>>,
    labels: Vec<usize>,
    weights: Vec<Vec<f32>>,
    bias: Vec<f32>,
    predicted: Vec<usize>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../fixtures/probe.json")).expect("a valid fixture")
}

/// Weights, and the biases from their mean on: a constant added to all of them changes nothing.
fn observe(fitted: Result<Fitted>) -> Result<Observed> {
    let (weights, bias) = fitted?;
    let bias = bias.broadcast_sub(&bias.mean_keepdim(0)?)?;
    Ok(Observed::fields([("weights", weights), ("bias, less its mean", bias)]))
}

/// Enough for a largest gradient of 1e-4.
const CONVERGED: Tolerance = Tolerance::new(1e-2, 5e-3);

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

/// 4.4
pub fn probe(seed: u64) -> Exam<Probing> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Probing> {
    Exam::new("4.4", SOLUTION)
        .changes(RIGHT, FAULTS)
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

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Probing>) -> Exam<Probing> {
    let mut random = Random::new(seed, 44);
    let by_hand = || (tensor(&[1., 0., 0., 2.], (2, 2)), tensor(&[0., 1.], 2));
    let zeros = || (tensor(&[0.; 4], (2, 2)), tensor(&[0.; 2], 2));
    let identity = || tensor(&[1., 0., 0., 1.], (2, 2));
    let shifted = random.signed((4, 3));
    let random_probe = (random.signed((3, 5)), random.signed(3));
    let random_rows = random.signed((7, 5));
    let labels: Vec<usize> = (0..7).map(|_| random.count(0, 2)).collect();
    let targets = solution04::one_hot(&labels, 3).expect("labels below 3");
    let measured = finite_differences(&random_probe, &random_rows, &targets, 0.3).expect("a loss");
    let exam = exam
        .truth(
            "logits: weights [[1, 0], [0, 2]], bias [0, 1], row [3, 5]",
            tensor(&[3., 11.], (1, 2)),
            move |f| (f.logits)(&by_hand(), &tensor(&[3., 5.], (1, 2))),
        )
        .because("1·3 + 0·5 + 0 and 0·3 + 2·5 + 1.")
        .truth(
            "predict: the same probe, rows [3, 5] and [3, 0]",
            vec![1, 0],
            move |f| (f.predict)(&by_hand(), &tensor(&[3., 5., 3., 0.], (2, 2))),
        )
        .because("The scores are (3, 11) and (3, 1): the largest of each row, one class for each.")
        .truth(
            "gradients: all weights 0, rows [1, 0] and [0, 1], true classes 0 and 1, penalty 1",
            (tensor(&[-0.25, 0.25, 0.25, -0.25], (2, 2)), tensor(&[0., 0.], 2)),
            move |f| (f.gradients)(&zeros(), &identity(), &identity(), 1.0),
        )
        .because(
            "The probe believes 1/2 of everything. Row [1, 0] says (1/2 − 1)/2 for its class and (1/2 − 0)/2 for the \
             other: belief minus truth, over two rows.",
        )
        .truth(
            "gradients: the sum of ∂loss/∂b over the classes, random scores",
            0.0,
            move |f| -> Result<f32> {
                let probe = (tensor(&[0.; 9], (3, 3)), tensor(&[1., -2., 0.5], 3));
                let y = solution04::one_hot(&[0, 2, 2, 1], 3)?;
                (f.gradients)(&probe, &shifted, &y, 0.1)?.1.sum_all()?.to_scalar()
            },
        )
        .within(Tolerance::new(1e-4, 1e-5))
        .because("Softmax compares the classes of a row: each row of P sums to 1, as each row of Y does.")
        .truth(
            "gradients: weights of 1000, the row [1, 1], true class 0",
            (tensor(&[0., 0., 0., 0.], (2, 2)), tensor(&[0., 0.], 2)),
            |f| {
                let probe = (tensor(&[1000., 1000., -1000., -1000.], (2, 2)), tensor(&[0., 0.], 2));
                (f.gradients)(&probe, &tensor(&[1., 1.], (1, 2)), &tensor(&[1., 0.], (1, 2)), 0.0)
            },
        )
        .because("The probe is sure and right: nothing to learn, and nothing to overflow.")
        .given((random_probe, random_rows, targets), |on| {
            on.truth(
                "gradients: random, 7 rows, 5 features, 3 classes, penalty 0.3",
                measured,
                |f, (probe, rows, targets)| (f.gradients)(probe, rows, targets, 0.3),
            )
            .within(Tolerance::relative(1e-3))
            .because(
                "The slopes of the loss as the text has it, measured by moving every weight a little: the mean over \
                 the rows is taken once, penalty/2 · Σ W² gives penalty · W, and the bias has no penalty.",
            )
            .case("logits: random, 7 rows", |f, (probe, rows, _)| (f.logits)(probe, rows))
            .case("predict: random, 7 rows", |f, (probe, rows, _)| {
                (f.predict)(probe, rows)
            })
        });
    fits(&mut random, exam)
}

/// Probes that are fitted, until nothing moves any more.
fn fits(random: &mut Random, exam: Exam<Probing>) -> Exam<Probing> {
    let clouds = {
        let shift: Vec<f32> = (0..24)
            .flat_map(|row| [(row % 3) as f32, -((row % 3) as f32), 0.0])
            .collect();
        (random.between(-1.5, 1.5, (24, 3)) + tensor(&shift, (24, 3))).expect("equal shapes")
    };
    let cloud_labels: Vec<usize> = (0..24).map(|row| row % 3).collect();
    let wide = random.between(-1.5, 1.5, (20, 40));
    let wide_labels: Vec<usize> = (0..20).map(|row| [0, 0, 1, 0, 2][row % 5]).collect();
    let oracle = fixture();
    let rows = tensor(&oracle.rows.concat(), (oracle.rows.len(), oracle.rows[0].len()));
    let expected = Observed::fields([
        ("weights", tensor(&oracle.weights.concat(), (3, 4))),
        ("bias, less its mean", {
            let mean = oracle.bias.iter().sum::<f32>() / 3.0;
            tensor(&oracle.bias.iter().map(|b| b - mean).collect::<Vec<_>>(), 3)
        }),
    ]);
    let predicted = oracle.predicted.clone();

    exam.given((oracle, rows, clouds, cloud_labels), |on| {
        on.truth(
            "fit: 30 rows, 4 features, 3 classes, penalty 0.02",
            expected,
            |f, (oracle, rows, ..)| observe((f.fit)(rows, &oracle.labels, 3, oracle.penalty)),
        )
        .within(CONVERGED)
        .because(
            "The expected weights are scikit-learn's, for C = 1/(0.02 · 30): those with the smallest loss, on the \
             features as they come, with a bias. A probe that stops before all entries of both gradients are below \
             1e-4 is not there yet; its weights are mostly too small.",
        )
        .truth("fit and predict: the same rows", predicted, |f, (oracle, rows, ..)| {
            (f.predict)(&(f.fit)(rows, &oracle.labels, 3, oracle.penalty)?, rows)
        })
        .because("The expected classes are scikit-learn's.")
        .case(
            "fit: 24 random rows in three clouds, penalty 0.1",
            |f, (.., clouds, labels)| observe((f.fit)(clouds, labels, 3, 0.1)),
        )
        .within(CONVERGED)
        .truth(
            "fit: a dead layer, 8 rows of zeros, 6 of class 0 and 2 of class 1",
            Observed::fields([
                ("weights", tensor(&[0.; 6], (2, 3))),
                ("bias, less its mean", tensor(&[3f32.ln() / 2.0, -3f32.ln() / 2.0], 2)),
            ]),
            // With this penalty the first look ahead is the answer, and the step before it a fifth short of it.
            |f, _| {
                observe((f.fit)(
                    &tensor(&[0.; 24], (8, 3)),
                    &[0, 0, 1, 0, 0, 0, 1, 0],
                    2,
                    0.0689,
                ))
            },
        )
        .within(CONVERGED)
        .because(
            "Features that are all 0 say nothing, so the probe believes the shares of the classes: 3 to 1, and \
             the biases differ by ln 3.",
        )
        .case(
            "fit: 20 rows of one feature that says the class, ±1, and 199 zeros",
            |f, _| {
                let sign = |i: usize| if i.is_multiple_of(400) { 1.0 } else { -1.0 };
                let values: Vec<f32> = (0..4000usize)
                    .map(|i| if i.is_multiple_of(200) { sign(i) } else { 0.0 })
                    .collect();
                let labels: Vec<usize> = (0..20).map(|row| row % 2).collect();
                observe((f.fit)(&tensor(&values, (20, 200)), &labels, 2, 0.1))
            },
        )
        .within(CONVERGED)
        .because("The largest entry of the gradients decides when to stop, not their mean: most entries are 0 here.")
        .case("fit: 20 random rows of 40 features, penalty 0.5", move |f, _| {
            observe((f.fit)(&wide, &wide_labels, 3, 0.5))
        })
        .within(CONVERGED)
        .case(
            "fit: 24 random rows in three clouds, penalty 4",
            |f, (.., clouds, labels)| observe((f.fit)(clouds, labels, 3, 4.0)),
        )
        .within(CONVERGED)
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Probing>) -> Exam<Probing> {
    let mut random = Random::new(seed, 144);
    let probe = (random.signed((3, 5)), random.signed(3));
    let rows = random.signed((7, 5));
    let targets = solution04::one_hot(&[0, 1, 2, 0, 1, 2, 2], 3).expect("labels below 3");
    exam.given((probe, rows, targets), |on| {
        on.case("logits: a transposed tensor", |f, (probe, x, _)| {
            (f.logits)(probe, &askew(x))
        })
        .holds(NotContiguous)
        .case("predict: a transposed tensor", |f, (probe, x, _)| {
            (f.predict)(probe, &askew(x))
        })
        .holds(NotContiguous)
        .case("gradients: transposed tensors", |f, (probe, x, y)| {
            (f.gradients)(probe, &askew(x), &askew(y), 0.2)
        })
        .holds(NotContiguous)
    })
    .proofs(RIGHT, PROOFS)
}

/// Many rows, and scores that are all negative.
fn further_hazards(seed: u64, exam: Exam<Probing>) -> Exam<Probing> {
    let mut random = Random::new(seed, 244);
    let probe = (random.signed((4, 2)), random.signed(4));
    let rows = random.signed((33, 2));
    let labels: Vec<usize> = (0..33).map(|row| row % 4).collect();
    let targets = solution04::one_hot(&labels, 4).expect("labels below 4");
    exam.given((probe, rows, targets), |on| {
        on.case("logits: 33 rows, four classes", |f, (probe, x, _)| (f.logits)(probe, x))
            .holds(Batch)
            .case("predict: 33 rows, four classes", |f, (probe, x, _)| {
                (f.predict)(probe, x)
            })
            .holds(Batch)
            .case("gradients: 33 rows, four classes, penalty 0.05", |f, (probe, x, y)| {
                (f.gradients)(probe, x, y, 0.05)
            })
            .holds(Batch)
    })
    .truth("predict: scores of −3, −2 and −1", vec![2usize], |f| {
        let probe = (tensor(&[-3., -2., -1.], (3, 1)), tensor(&[0.; 3], 3));
        (f.predict)(&probe, &tensor(&[1.], (1, 1)))
    })
    .because("The largest of three negative scores is −1.")
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
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Sizes], "rows, features and classes differ in number in every input")
    .spared(&[Combined], "penalties come together with all shapes")
    .spared(&[Scale], "tried as a mistake: softmax overflows")
    .spared(&[Sign], "three negative scores are among the inputs")
    .spared(&[Ties], "the text gives equal scores no order")
    .spared(
        &[Returned, Wiring],
        "each part is asked for by itself, and the fit by what it comes to",
    )
    .spared(
        &[Names, NotFinite, Empty],
        "no names; neither NaN nor a table without rows is spoken of",
    )
}
