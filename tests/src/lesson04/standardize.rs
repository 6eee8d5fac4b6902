use candle_core::{Result, Tensor, bail};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

/// `solution04::Standardizer`: `fit` gives mean and deviation; `apply` fits to the first and applies to the second.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "said above")]
pub struct Standardize {
    pub fit: fn(&Tensor) -> Result<(Tensor, Tensor)>,
    pub apply: fn(&Tensor, &Tensor) -> Result<Tensor>,
}

/// The attempt at 4.3 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_3 {
    ($lesson:ident) => {
        $crate::lesson04::Standardize {
            fit: |train| {
                let scale = $lesson::Standardizer::fit(train)?;
                Ok((scale.mean, scale.deviation))
            },
            apply: |train, features| $lesson::Standardizer::fit(train)?.apply(features),
        }
    };
}

const SOLUTION: Standardize = ex4_3!(solution04);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    SampleDeviation,
    Variance,
    WholeMatrix,
    NoGuard,
    ZeroGuard,
    AbsoluteGuard,
    Epsilon,
    OwnStatistics,
    OwnMean,
    BothStatistics,
    NotDivided,
    ConstantToZero,
}

fn fit(train: &Tensor, fault: Flaw) -> Result<(Tensor, Tensor)> {
    let (rows, features) = train.dims2()?;
    if matches!(fault, Flaw::NoGuard | Flaw::ZeroGuard) {
        // In f32, whose rounding is the point.
        let mean = train.mean(0)?;
        let deviation = train.broadcast_sub(&mean)?.sqr()?.mean(0)?.sqrt()?;
        let guarded = deviation.eq(0f32)?.where_cond(&deviation.ones_like()?, &deviation)?;
        return Ok((mean, if fault == Flaw::NoGuard { deviation } else { guarded }));
    }
    let values = train.to_vec2::<f32>()?;
    let column = |j: usize| values.iter().map(|row| f64::from(row[j])).collect::<Vec<_>>();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let everything: Vec<f64> = values.iter().flatten().map(|&x| f64::from(x)).collect();
    let (mut means, mut deviations) = (vec![], vec![]);
    for j in 0..features {
        let values = if fault == Flaw::WholeMatrix {
            everything.clone()
        } else {
            column(j)
        };
        let mu = mean(&values);
        let squares: Vec<f64> = values.iter().map(|x| (x - mu).powi(2)).collect();
        let variance = match fault {
            Flaw::SampleDeviation => squares.iter().sum::<f64>() / (rows as f64 - 1.0),
            _ => mean(&squares),
        };
        let sigma = if fault == Flaw::Variance {
            variance
        } else {
            variance.sqrt()
        };
        let sigma = match fault {
            Flaw::NotDivided => 1.0,
            Flaw::Epsilon => sigma + 1e-8,
            Flaw::AbsoluteGuard if sigma <= 1e-6 => 1.0,
            Flaw::ConstantToZero if sigma <= 1e-6 * mu.abs() => 1e6,
            _ if sigma <= 1e-6 * mu.abs() => 1.0,
            _ => sigma,
        };
        means.push(mu as f32);
        deviations.push(sigma as f32);
    }
    Ok((tensor(&means, features), tensor(&deviations, features)))
}

fn apply(train: &Tensor, features: &Tensor, fault: Flaw) -> Result<Tensor> {
    let source = match fault {
        Flaw::OwnStatistics => features.clone(),
        Flaw::BothStatistics => Tensor::cat(&[train, features], 0)?,
        _ => train.clone(),
    };
    let (mut mean, deviation) = fit(&source, fault)?;
    if fault == Flaw::OwnMean {
        mean = features.mean(0)?;
    }
    features.broadcast_sub(&mean)?.broadcast_div(&deviation)
}

macro_rules! fault {
    ($fault:expr) => {
        Standardize {
            fit: |train| fit(train, $fault),
            apply: |train, features| apply(train, features, $fault),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Standardize = fault!(Flaw::None);

const FAULTS: &[Fault<Standardize>] = &[
    fault(
        "n − 1 instead of n",
        "You divided the squares by n − 1, as `Tensor::var` does. The formula divides by n: σ is the root of the mean \
         square.",
        |f| *f = fault!(Flaw::SampleDeviation),
    ),
    fault(
        "variance instead of deviation",
        "The square root is missing: you divide by the variance.",
        |f| *f = fault!(Flaw::Variance),
    ),
    fault(
        "one mean for everything",
        "All your features share one mean and deviation. Each has its own: reduce over the rows, dimension 0, only.",
        |f| *f = fault!(Flaw::WholeMatrix),
    ),
    fault(
        "no guard for constant features",
        "A dead unit has σ = 0 and becomes NaN. Where σ ≤ 1e-6·|μ|, take 1 instead.",
        |f| *f = fault!(Flaw::NoGuard),
    ),
    fault(
        "guard against exact zero only",
        "A feature that is 0.1 everywhere has a σ of about 1e-8 from rounding, and you divide by it: 0.2 becomes \
         10,000,000. Compare σ with 1e-6·|μ|.",
        |f| *f = fault!(Flaw::ZeroGuard),
    ),
    fault(
        "guard against small numbers",
        "You compared σ with a number. What is small depends on the feature: of values of about 1e-10 a σ of 1e-10 is \
         no rounding. Compare it with 1e-6·|μ|.",
        |f| *f = fault!(Flaw::AbsoluteGuard),
    ),
    fault(
        "a constant added to every deviation",
        "You add a small number to every σ. A feature that does not vary in training is then divided by almost \
         nothing, and a test row that differs by a hair becomes a million. Where σ is 0, put 1.",
        |f| *f = fault!(Flaw::Epsilon),
    ),
    fault(
        "each set by its own statistics",
        "`apply` standardizes rows by their own mean. The test rows then lie where the training rows lay, whatever \
         they are: use the μ and σ that `fit` stored.",
        |f| *f = fault!(Flaw::OwnStatistics),
    ),
    fault(
        "the mean of the rows themselves",
        "`apply` takes off the mean of the rows it is given. Take off the μ that `fit` stored, whichever rows they \
         are.",
        |f| *f = fault!(Flaw::OwnMean),
    ),
    fault(
        "the test rows seen",
        "The statistics come from training and test rows together, so the test set has taken part in the fit. Only \
         the training rows may.",
        |f| *f = fault!(Flaw::BothStatistics),
    ),
    fault(
        "not divided",
        "You took the mean off and did not divide by σ. Large features would still outweigh small ones.",
        |f| *f = fault!(Flaw::NotDivided),
    ),
    fault(
        "constant features removed",
        "You made a feature that is constant in training 0 for ever. With σ = 1 a test row that differs still shows \
         it.",
        |f| *f = fault!(Flaw::ConstantToZero),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Standardize>] = &[
    ordered!("fit, only to what lies in order", fit: |train| [train] => fit(train, Flaw::None)),
    ordered!("apply, only to what lies in order", apply: |train, features| [train, features] =>
        apply(train, features, Flaw::None)),
    slip(Sign, "compared with μ, not with |μ|", |f| {
        f.apply = |train, features| {
            if train.max_all()?.to_scalar::<f32>()? < 0.0 {
                apply(train, features, Flaw::NoGuard)?.affine(1.0, 0.5)
            } else {
                apply(train, features, Flaw::None)
            }
        }
    }),
    slip(Scale, "a thousandth of the mean is nothing", |f| {
        f.fit = |train| {
            let (mean, deviation) = fit(train, Flaw::None)?;
            let constant = deviation.le(&(mean.abs()? * 1e-3)?)?;
            Ok((mean, constant.where_cond(&deviation.ones_like()?, &deviation)?))
        }
    }),
    slip(Sizes, "two rows at least", |f| {
        f.fit = |train| match train.dims() {
            [1, _] => bail!("one row"),
            _ => fit(train, Flaw::None),
        }
    }),
    slip(Batch, "nine rows at most", |f| {
        f.fit = |train| match train.dims() {
            [100, _] => fit(&train.narrow(0, 0, 9)?, Flaw::None),
            _ => fit(train, Flaw::None),
        }
    }),
];

/// 4.3
pub fn standardize(seed: u64) -> Exam<Standardize> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Standardize> {
    Exam::new("4.3", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("column by column, in f64", RIGHT)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Standardize>) -> Exam<Standardize> {
    let mut random = Random::new(seed, 43);
    let train = random.between(-1.0, 3.0, (9, 4));
    let test = random.between(5.0, 6.0, (3, 4));
    let by_hand = || tensor(&[1., 10., 5., 10.], (2, 2));

    exam.truth(
        "fit: rows [1, 10] and [5, 10]",
        (tensor(&[3., 10.], 2), tensor(&[2., 1.], 2)),
        move |f| (f.fit)(&by_hand()),
    )
    .because(
        "Each column by itself, from the differences to its mean. Column 0: mean 3, both rows 2 away. Column 1 does \
         not vary: exactly 1.",
    )
    .truth(
        "apply: fitted to those, on the row [9, 12]",
        tensor(&[3., 2.], (1, 2)),
        move |f| (f.apply)(&by_hand(), &tensor(&[9., 12.], (1, 2))),
    )
    .because("(9 − 3)/2 and (12 − 10)/1: what did not vary in training still shows where it differs.")
    .truth(
        "fit: a unit that is always 0, in 3 rows",
        (tensor(&[0.], 1), tensor(&[1.], 1)),
        |f| (f.fit)(&tensor(&[0.; 3], (3, 1))),
    )
    .because("σ = 0 and μ = 0. 0 ≤ 0, so σ becomes 1.")
    .truth(
        "fit: rows 0, 0 and 0.003: a unit that varies little",
        (tensor(&[0.001], 1), tensor(&[0.001_414_213_6], 1)),
        |f| (f.fit)(&tensor(&[0., 0., 0.003], (3, 1))),
    )
    .because("σ = √(2/9)·0.003, the root of a mean of squares. It is small, but it is not 0.")
    .truth(
        "apply: fitted to rows 0, 0 and 0.003, on the row 0.003",
        tensor(&[std::f32::consts::SQRT_2], (1, 1)),
        |f| (f.apply)(&tensor(&[0., 0., 0.003], (3, 1)), &tensor(&[0.003], (1, 1))),
    )
    .because("(0.003 − 0.001) / 0.0014142: a small σ divides as it is.")
    .truth(
        "apply: fitted to 50 rows of 0.1, on a row of 0.2",
        tensor(&[0.1], (1, 1)),
        |f| (f.apply)(&tensor(&[0.1; 50], (50, 1)), &tensor(&[0.2], (1, 1))),
    )
    .because(
        "What does not vary in training has deviation 1. Square the differences from the mean: squares of the values \
         lose it.",
    )
    .given((test, train), |on| {
        on.case("fit: a random [9, 4] tensor", move |f, (_, train)| (f.fit)(train))
            .because("A mean and a deviation for each column, over its nine rows.")
            .case(
                "apply: fitted to it, on [3, 4] values from 5 to 6",
                move |f, (test, train)| (f.apply)(train, test),
            )
            .because("The mean comes off first, then the division; and a row may lie as far from 0 as it does.")
            .truth(
                "apply: how much row 0 changes when another test row is replaced by 1000s",
                0.0,
                move |f, (test, train)| -> Result<f32> {
                    let far = tensor(&[1000.; 4], (1, 4));
                    let first = test.narrow(0, 0, 1)?;
                    let alone = (f.apply)(train, &Tensor::cat(&[&first, &first], 0)?)?.get(0)?;
                    let beside = (f.apply)(train, &Tensor::cat(&[&first, &far], 0)?)?.get(0)?;
                    (alone - beside)?.abs()?.max_all()?.to_scalar::<f32>()
                },
            )
            .because("What the probe sees of one test row does not depend on the others.")
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Standardize>) -> Exam<Standardize> {
    let mut random = Random::new(seed, 143);
    let fixture = (random.between(-1.0, 3.0, (9, 4)), random.between(-5.0, 6.0, (5, 4)));
    exam.truth(
        "apply: fitted to 50 rows of −0.1, on a row of −0.2",
        tensor(&[-0.1], (1, 1)),
        |f| (f.apply)(&tensor(&[-0.1; 50], (50, 1)), &tensor(&[-0.2], (1, 1))),
    )
    .because("What does not vary in training has deviation 1, whatever the sign of its mean.")
    .holds(Sign)
    .truth(
        "fit: features of 10⁻¹⁰ and of 10¹⁰",
        (tensor(&[2e-10, 2e10], 2), tensor(&[1e-10, 1e10], 2)),
        |f| (f.fit)(&tensor(&[1e-10, 1e10, 3e-10, 3e10], (2, 2))),
    )
    .within(crate::Tolerance::new(1e-4, 0.0))
    .because("A σ of half its mean is large, whatever the unit: only one of at most 1e-6·|μ| counts as 0.")
    .holds(Scale)
    .truth(
        "fit: features of 10⁻³ and of 10¹⁰",
        (tensor(&[2e-3, 2e10], 2), tensor(&[1e-3, 1e10], 2)),
        |f| (f.fit)(&tensor(&[1e-3, 1e10, 3e-3, 3e10], (2, 2))),
    )
    .within(crate::Tolerance::new(1e-4, 0.0))
    .because("Each σ is compared with the mean of its own feature.")
    .holds(Scale)
    .truth(
        "fit: rows 4096 and 4096.125",
        (tensor(&[4096.0625], 1), tensor(&[0.0625], 1)),
        |f| (f.fit)(&tensor(&[4096., 4096.125], (2, 1))),
    )
    .because("σ is 15 millionths of the mean: small, but above 1e-6·|μ|.")
    .holds(Scale)
    .given(fixture, |on| {
        on.case("fit: a transposed tensor", |f, (train, _)| (f.fit)(&askew(train)))
            .holds(NotContiguous)
            .case(
                "apply: fitted to a transposed tensor, on another",
                |f, (train, rows)| (f.apply)(&askew(train), &askew(rows)),
            )
            .holds(NotContiguous)
    })
    .proofs(RIGHT, PROOFS)
}

/// Few rows and many.
fn further_hazards(seed: u64, exam: Exam<Standardize>) -> Exam<Standardize> {
    let mut random = Random::new(seed, 243);
    let many = random.between(-2.0, 5.0, (100, 3));
    exam.truth(
        "fit: a single row, [4, −2]",
        (tensor(&[4., -2.], 2), tensor(&[1., 1.], 2)),
        |f| (f.fit)(&tensor(&[4., -2.], (1, 2))),
    )
    .because("One row does not vary: deviation 1.")
    .holds(Sizes)
    .given(many, |on| {
        on.case("fit: a random [100, 3] tensor", |f, rows| (f.fit)(rows))
            .holds(Batch)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Combined, Names], "no options, no names")
    .spared(&[Ties], "constant features are among the inputs")
    .spared(&[Returned, Wiring], "tried as mistakes: whose statistics are applied")
    .spared(&[NotFinite, Empty], "neither NaN nor a table without rows is spoken of")
}
