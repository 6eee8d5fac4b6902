use candle_core::{D, DType, Device, Error, Result, Tensor};
use serde::Deserialize;

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

mod answers;

pub(super) use answers::rough;

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

const LARGEST: &str = "The class of the largest score, bias included and with its sign: one for each row.";

/// Enough for a largest gradient of 1e-4.
const CONVERGED: Tolerance = Tolerance::new(1e-2, 5e-3);

/// 4.4
pub fn probe(seed: u64) -> Exam<Probing> {
    further_hazards(seed, hazards(seed, basics(seed, answers::answers())))
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
        .truth(
            "gradients: scores (1000, −1000) and (0, 0), true classes 0 and 0",
            (tensor(&[0., -10., 0., 10.], (2, 2)), tensor(&[-0.25, 0.25], 2)),
            |f| {
                let probe = (tensor(&[100., 0., -100., 0.], (2, 2)), tensor(&[0., 0.], 2));
                let (rows, targets) = (tensor(&[10., 0., 0., 40.], (2, 2)), tensor(&[1., 0., 1., 0.], (2, 2)));
                (f.gradients)(&probe, &rows, &targets, 0.0)
            },
        )
        .because("Each row by itself: row 0 is sure and right, row 1 believes 1/2, whatever the scores of row 0.")
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
            .because(LARGEST)
        });
    let exam = fits(&mut random, exam);
    further_fits(&mut random, exam)
}

/// 24 rows in three clouds, and which cloud each is of.
fn clouds(random: &mut Random) -> (Tensor, Vec<usize>) {
    let shift: Vec<f32> = (0..24)
        .flat_map(|row| [(row % 3) as f32, -((row % 3) as f32), 0.0])
        .collect();
    let rows = (random.between(-1.5, 1.5, (24, 3)) + tensor(&shift, (24, 3))).expect("equal shapes");
    (rows, (0..24).map(|row| row % 3).collect())
}

/// Probes that are fitted, until nothing moves any more.
fn fits(random: &mut Random, exam: Exam<Probing>) -> Exam<Probing> {
    let (clouds, cloud_labels) = clouds(random);
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
                    &[1, 0, 0, 0, 0, 0, 1, 0],
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
    })
}

/// Many features, large penalties, and a class without rows.
fn further_fits(random: &mut Random, exam: Exam<Probing>) -> Exam<Probing> {
    let wide_labels: Vec<usize> = (0..20).map(|row| [0, 0, 1, 0, 2][row % 5]).collect();
    let (clouds, labels) = clouds(random);
    exam.given((random.between(-1.5, 1.5, (20, 40)), clouds, labels), |on| {
        on.case(
            "fit: 20 random rows of 40 features, penalty 0.5",
            move |f, (wide, ..)| observe((f.fit)(wide, &wide_labels, 3, 0.5)),
        )
        .within(CONVERGED)
        .case(
            "fit: 24 random rows in three clouds, penalty 4",
            |f, (.., clouds, labels)| observe((f.fit)(clouds, labels, 3, 4.0)),
        )
        .within(CONVERGED)
        .because("The penalty is part of the curvature: the larger it is, the shorter the step.")
        .case(
            "fit: 20 rows of one feature, ±1, that stands there 60 times and says 3 of 5 classes, penalty 0.5",
            |f, _| {
                let values: Vec<f32> = (0..1200).map(|i| if i / 60 % 2 == 0 { -1.0 } else { 1.0 }).collect();
                let labels: Vec<usize> = (0..20).map(|row| (row + usize::from(row % 10 > 5)) % 2).collect();
                observe((f.fit)(&tensor(&values, (20, 60)), &labels, 2, 0.5))
            },
        )
        .within(CONVERGED)
        .because("A row's squares add up to 60: the more features, the shorter the step. A longer one never settles.")
        .truth(
            "fit: 4 rows of classes 0 and 1 where there are 3: sizes of weights and bias",
            vec![3usize, 2, 3],
            |f, _| -> Result<Vec<usize>> {
                let rows = tensor(&[1., 0., 0., 1., -1., 0., 0., -1.], (4, 2));
                let (weights, bias) = (f.fit)(&rows, &[0, 1, 1, 0], 3, 0.5)?;
                Ok([weights.dims(), bias.dims()].concat())
            },
        )
        .because("A row of weights for each class, also for one that has no training row.")
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
            .because(LARGEST)
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
    .truth(
        "predict: scores of 300, 200 and 100, and of −300, −200 and −100",
        vec![0usize, 2],
        |f| {
            let probe = (tensor(&[300., 200., 100.], (3, 1)), tensor(&[0.; 3], 3));
            (f.predict)(&probe, &tensor(&[1., -1.], (2, 1)))
        },
    )
    .because("Scores are compared as they are: exponentials of such numbers are all infinite, or all 0.")
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Sizes], "rows, features and classes differ in number in every input")
    .spared(&[Combined], "penalties come together with all shapes")
    .spared(
        &[Scale],
        "tried as a mistake: softmax overflows; scores of 300 are among the inputs",
    )
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
