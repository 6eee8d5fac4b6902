use candle_core::{DType, Device, Result, Tensor, bail};

use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, slip, wrong};

/// Feeds batches to `solution02::Statistics` and gives its summary.
pub type StatisticsOver = fn(&[Tensor]) -> Result<Observed>;

/// The attempt at 2.3 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_3 {
    ($lesson:ident) => {
        |batches| {
            let statistics = $lesson::Statistics::new();
            let s = $crate::lesson02::fed(statistics, batches, $lesson::Statistics::update)?.summary()?;
            let observed = $crate::lesson02::statistics_observed;
            Ok(observed(s.count, s.not_finite, s.mean, s.std, s.min, s.max))
        }
    };
}

const SOLUTION: StatisticsOver = ex2_3!(solution02);

/// `solution02::Summary`
pub fn observed(count: usize, not_finite: usize, mean: f64, std: f64, min: f64, max: f64) -> Observed {
    Observed::Fields(vec![
        ("count".into(), count.into()),
        ("not_finite".into(), not_finite.into()),
        ("mean".into(), mean.into()),
        ("std".into(), std.into()),
        ("min".into(), min.into()),
        ("max".into(), max.into()),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    MeanOfMeans,
    MeanOfDeviations,
    WithinBatches,
    WeightsSwapped,
    DifferenceLate,
    DifferenceSingle,
    EmptyBatch,
    SquaresMinusSquare,
    Single,
    Unbiased,
    Variance,
    ZeroStart,
    ZeroLow,
    ZeroHigh,
    LastBatch,
    NanDropped,
    NanSpreads,
    EmptyIsZero,
}

fn values(batch: &Tensor) -> Result<Vec<f64>> {
    batch.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// 2.3 with one fault; all batches are at hand, which makes most faults short.
fn over(batches: &[Tensor], fault: Fault) -> Result<Observed> {
    let mut parts = batches.iter().map(values).collect::<Result<Vec<_>>>()?;
    if fault == Fault::LastBatch {
        parts.drain(..parts.len().saturating_sub(1));
    }
    let seen: usize = parts.iter().map(Vec::len).sum();
    if fault != Fault::NanSpreads {
        parts.iter_mut().for_each(|part| part.retain(|value| value.is_finite()));
    }
    let emptied = parts.iter().any(Vec::is_empty);
    parts.retain(|part| !part.is_empty());
    let all = parts.concat();
    if all.is_empty() && fault != Fault::EmptyIsZero {
        bail!("no finite value");
    }
    let n = all.len() as f64;
    let total_mean = match fault {
        Fault::EmptyBatch if emptied => f64::NAN,
        Fault::MeanOfMeans => mean(&parts.iter().map(|part| mean(part)).collect::<Vec<_>>()),
        Fault::Single => f64::from(all.iter().map(|value| *value as f32).sum::<f32>()) / n,
        Fault::EmptyIsZero if all.is_empty() => 0.0,
        Fault::WeightsSwapped => joined(&parts, fault).0,
        _ => mean(&all),
    };
    let variance = match fault {
        Fault::EmptyBatch if emptied => f64::NAN,
        Fault::MeanOfDeviations => {
            let deviations = parts.iter().map(|part| (squares(part) / part.len() as f64).sqrt());
            mean(&deviations.collect::<Vec<_>>()).powi(2)
        }
        Fault::WithinBatches => parts.iter().map(|part| squares(part)).sum::<f64>() / n,
        Fault::SquaresMinusSquare => {
            mean(&all.iter().map(|value| value * value).collect::<Vec<_>>()) - total_mean.powi(2)
        }
        Fault::Single => {
            let center = total_mean as f32;
            f64::from(all.iter().map(|value| (*value as f32 - center).powi(2)).sum::<f32>()) / n
        }
        Fault::WeightsSwapped | Fault::DifferenceLate | Fault::DifferenceSingle => joined(&parts, fault).1 / n,
        Fault::Variance => (squares(&all) / n).powi(2),
        Fault::Unbiased if n > 1.0 => squares(&all) / (n - 1.0),
        Fault::EmptyIsZero if all.is_empty() => 0.0,
        _ => squares(&all) / n,
    };
    let start = match fault {
        _ if fault == Fault::ZeroStart || all.is_empty() => (0.0, 0.0),
        Fault::ZeroLow => (0.0, f64::NEG_INFINITY),
        Fault::ZeroHigh => (f64::INFINITY, 0.0),
        _ => (f64::INFINITY, f64::NEG_INFINITY),
    };
    let not_finite = match fault {
        Fault::NanDropped | Fault::NanSpreads => 0,
        _ => seen - all.len(),
    };
    Ok(observed(
        all.len(),
        not_finite,
        total_mean,
        variance.sqrt(),
        all.iter().copied().fold(start.0, f64::min),
        all.iter().copied().fold(start.1, f64::max),
    ))
}

/// Mean and squares, joined part by part.
fn joined(parts: &[Vec<f64>], fault: Fault) -> (f64, f64) {
    let (mut n, mut center, mut sum) = (0.0, 0.0, 0.0);
    for part in parts {
        let new = part.len() as f64;
        let mut difference = mean(part) - center;
        let difference_single = mean(part) as f32 - center as f32;
        let weight = match fault {
            Fault::WeightsSwapped if n > 0.0 => n,
            _ => new,
        };
        center += difference * weight / (n + new);
        if fault == Fault::DifferenceLate {
            difference = mean(part) - center;
        }
        if fault == Fault::DifferenceSingle {
            difference = f64::from(difference_single);
        }
        sum += squares(part) + difference * difference * n * new / (n + new);
        n += new;
    }
    (center, sum)
}

/// Welford's way: one value at a time.
fn welford(batches: &[Tensor]) -> Result<Observed> {
    let (mut count, mut odd, mut center, mut sum) = (0usize, 0, 0.0, 0.0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for batch in batches {
        for value in values(batch)? {
            if !value.is_finite() {
                odd += 1;
                continue;
            }
            count += 1;
            let before = value - center;
            center += before / count as f64;
            sum += before * (value - center);
            (low, high) = (low.min(value), high.max(value));
        }
    }
    match count {
        0 => bail!("nothing finite"),
        _ => Ok(observed(count, odd, center, (sum / count as f64).sqrt(), low, high)),
    }
}

const WRONG: &[Wrong<StatisticsOver>] = &[
    wrong(
        "mean of the batches' means",
        "You averaged the means of the batches. A batch of 1 then weighs as much as a batch of 64: weigh each by its \
         number of values.",
        |b| over(b, Fault::MeanOfMeans),
    ),
    wrong(
        "mean of the batches' deviations",
        "You averaged the standard deviations of the batches. Neither their sizes nor the differences between their \
         means are in that: join the sums of squares.",
        |b| over(b, Fault::MeanOfDeviations),
    ),
    wrong(
        "the spread between batches is lost",
        "Two batches of constants, 0 and 10, have a spread of 0 with you. The term δ²·n_a·n_b/n is missing: how far \
         apart the two means lie.",
        |b| over(b, Fault::WithinBatches),
    ),
    wrong(
        "the weights exchanged",
        "The new mean moves by n_b/n of δ, the share of the new batch. You took the share of what was there.",
        |b| over(b, Fault::WeightsSwapped),
    ),
    wrong(
        "the difference taken too late",
        "You took δ after the mean had moved, so it is too small. δ is the batch's mean minus the mean before it.",
        |b| over(b, Fault::DifferenceLate),
    ),
    wrong(
        "a batch without a finite value",
        "After a batch of NaN alone your mean is NaN: 0/0. Count it in not_finite and return.",
        |b| over(b, Fault::EmptyBatch),
    ),
    wrong(
        "mean of squares minus square of mean",
        "Σx²/n − mean² subtracts two numbers that agree in nearly all digits when the mean is large. Sum (x − mean)² \
         and join the sums.",
        |b| over(b, Fault::SquaresMinusSquare),
    ),
    wrong(
        "summed in f32",
        "You computed in f32. A sum of large numbers has no digits left for the small differences: to_dtype(F64) \
         first.",
        |b| over(b, Fault::Single),
    ),
    wrong(
        "divided by n − 1",
        "You divided by n − 1. Here the standard deviation is that of the values themselves: divide by n. candle's \
         `var` and PyTorch's `std` divide by n − 1 unless told otherwise.",
        |b| over(b, Fault::Unbiased),
    ),
    wrong(
        "variance",
        "You returned the variance. The standard deviation is its root.",
        |b| over(b, Fault::Variance),
    ),
    wrong(
        "minimum and maximum start at 0",
        "Your smallest or largest value is 0, which does not occur. Start the smallest at +∞ and the largest at −∞.",
        |b| over(b, Fault::ZeroStart),
    ),
    wrong(
        "minimum starts at 0",
        "Your smallest value is 0 where all values are above it. Start it at +∞.",
        |b| over(b, Fault::ZeroLow),
    ),
    wrong(
        "maximum starts at 0",
        "Your largest value is 0 where all values are below it. Start it at −∞.",
        |b| over(b, Fault::ZeroHigh),
    ),
    wrong(
        "the last batch only",
        "Your numbers are those of the last batch. Join it to what was there.",
        |b| over(b, Fault::LastBatch),
    ),
    wrong(
        "NaN dropped without a word",
        "NaN and infinities have vanished. Leave them out of the sums, and count them in not_finite: a layer that \
         makes NaN is the first thing to know.",
        |b| over(b, Fault::NanDropped),
    ),
    wrong(
        "one NaN spoils everything",
        "After one NaN all your numbers are NaN. Count it, and keep the rest.",
        |b| over(b, Fault::NanSpreads),
    ),
    wrong(
        "nothing has a mean of 0",
        "Without a finite value there is no mean and no smallest value. Return an error.",
        |b| over(b, Fault::EmptyIsZero),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<StatisticsOver>] = &[
    slip(NotContiguous, "only what lies in order", |f| {
        *f = |batches| {
            in_order(&batches.iter().collect::<Vec<_>>())?;
            over(batches, Fault::None)
        }
    }),
    slip(Scale, "nothing above 1e20", |f| {
        *f = |batches| {
            for batch in batches {
                if values(batch)?.iter().any(|x| x.is_finite() && x.abs() > 1e20) {
                    bail!("too large");
                }
            }
            over(batches, Fault::None)
        }
    }),
    slip(Scale, "the difference of the means in f32", |f| {
        *f = |batches| over(batches, Fault::DifferenceSingle)
    }),
    slip(Empty, "no values, no mean", |f| {
        *f = |batches| {
            if batches.first().is_some_and(|batch| batch.elem_count() == 0) {
                return over(batches, Fault::EmptyBatch);
            }
            over(batches, Fault::None)
        }
    }),
];

/// 2.3
pub fn statistics(seed: u64) -> Exam<StatisticsOver> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<StatisticsOver> {
    Exam::new("2.3", SOLUTION)
        .mistakes(WRONG)
        .alternative("Welford's, one value at a time", welford)
        .alternative("everything at once", |b| over(b, Fault::None))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<StatisticsOver>) -> Exam<StatisticsOver> {
    let mut random = Random::new(seed, 23);
    // Their squares need more digits than an f64 has.
    const FAR: f64 = 1e9;
    let far = [38, 22]
        .map(|count| Tensor::from_vec([FAR - 1.0, FAR + 1.0].repeat(count / 2), count, &Device::Cpu).expect("so many"));
    let mut batches: Vec<Tensor> = (1..=4)
        .map(|_| {
            let images = random.count(1, 5);
            random.between(-2.0, 5.0, (images, 3, 4, 4))
        })
        .collect();
    batches.push(random.between(4.0, 9.0, (1, 3, 4, 4)));
    let two_passes = over(&batches, Fault::None).expect("finite values");
    let double = random.signed((2, 5)).to_dtype(DType::F64).expect("a conversion");

    exam.truth(
        "one batch, 1 2 3 4",
        observed(4, 0, 2.5, 1.25f64.sqrt(), 1.0, 4.0),
        |f| f(&[tensor(&[1., 2., 3., 4.], (2, 2))]),
    )
    .because(
        "Mean 10/4 = 2.5; squared differences 2.25, 0.25, 0.25, 2.25, whose mean is 1.25: the deviation \
                  is √1.25.",
    )
    .truth("one batch, −3 −1", observed(2, 0, -2.0, 1.0, -3.0, -1.0), |f| {
        f(&[tensor(&[-3., -1.], 2)])
    })
    .because("Both are negative: the largest is −1, and not 0.")
    .truth("one number, 5, of rank 0", observed(1, 0, 5.0, 0.0, 5.0, 5.0), |f| {
        f(&[Tensor::new(5f32, &Device::Cpu)?])
    })
    .because("A tensor of any shape; one value lies 0 from its mean.")
    .truth("one batch, 3 3 3", observed(3, 0, 3.0, 0.0, 3.0, 3.0), |f| {
        f(&[tensor(&[3.; 3], 3)])
    })
    .because("Equal values lie 0 from their mean: the deviation is 0, without an ε.")
    .truth(
        "two batches, 0 0 0 and 12",
        observed(4, 0, 3.0, 27f64.sqrt(), 0.0, 12.0),
        |f| f(&[tensor(&[0.; 3], 3), tensor(&[12.], 1)]),
    )
    .because("Mean 12/4 = 3; squared differences 9, 9, 9, 81, their mean is 27.")
    .truth(
        "three batches, 2 and 4 4 and 6",
        observed(4, 0, 4.0, 2f64.sqrt(), 2.0, 6.0),
        |f| f(&[tensor(&[2.], 1), tensor(&[4., 4.], 2), tensor(&[6.], 1)]),
    )
    .because("Mean 16/4 = 4; squared differences 4, 0, 0, 4, whose mean is 2.")
    .truth(
        "38 and 22 values in f64, 999999999 and 1000000001 by turns",
        observed(60, 0, FAR, 1.0, FAR - 1.0, FAR + 1.0),
        move |f| f(&far),
    )
    .because("Each value lies 1 from the mean, so the standard deviation is 1.")
    .truth("one batch, 1 NaN 3 ∞", observed(2, 2, 2.0, 1.0, 1.0, 3.0), |f| {
        f(&[tensor(&[1., f32::NAN, 3., f32::INFINITY], 4)])
    })
    .because("1 and 3 are all that count, n = 2 too; NaN and ∞ are counted in not_finite and nowhere else.")
    .truth(
        "three batches, 1 and NaN NaN and 3",
        observed(2, 2, 2.0, 1.0, 1.0, 3.0),
        |f| f(&[tensor(&[1.], 1), tensor(&[f32::NAN; 2], 2), tensor(&[3.], 1)]),
    )
    .because("A batch without a finite value changes nothing but not_finite.")
    .truth(
        "five batches of random activations of unequal size",
        two_passes,
        move |f| f(&batches),
    )
    .because("The expected numbers come from two passes over all values at once.")
    .case("random f64 values", move |f| f(std::slice::from_ref(&double)))
    .because("Batches are f32 or f64.")
    .refuses("no batch at all", |f| f(&[]))
    .refuses("one batch, NaN", |f| f(&[Tensor::new(&[f32::NAN], &Device::Cpu)?]))
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<StatisticsOver>) -> Exam<StatisticsOver> {
    let batch = Random::new(seed, 123).between(-2.0, 5.0, (3, 2, 4, 5));
    exam.case("random activations whose columns come first in memory", move |f| {
        f(&[askew(&batch)])
    })
    .holds(NotContiguous)
    .truth(
        "two batches, 1e30 3e30 and 5e30",
        observed(3, 0, 3e30, (8f64 / 3.0).sqrt() * 1e30, 1e30, 5e30),
        |f| f(&[tensor(&[1e30, 3e30], 2), tensor(&[5e30], 1)]),
    )
    .because("The squares of these differences do not fit into an f32: compute in f64.")
    .holds(Scale)
    .truth(
        "two batches in f64, 999999999 twice and 1000000001 twice",
        observed(4, 0, 1e9, 1.0, 1e9 - 1.0, 1e9 + 1.0),
        |f| f(&[1e9 - 1.0, 1e9 + 1.0].map(|x| Tensor::new(&[x, x], &Device::Cpu).expect("two numbers"))),
    )
    .because("The means lie 2 apart, and an f32 of this size knows only multiples of 64: δ is an f64, too.")
    .holds(Scale)
    .truth(
        "two values in f64, 10⁻³¹⁰ and 1",
        observed(2, 0, 0.5, 0.5, 1e-310, 1.0),
        |f| f(&[Tensor::new(&[1e-310, 1.0], &Device::Cpu)?]),
    )
    .because("So small a number is finite (is_normal asks for something else).")
    .truth(
        "a batch of no images, then 1 3",
        observed(2, 0, 2.0, 1.0, 1.0, 3.0),
        |f| f(&[tensor(&[], (0, 2, 1, 1)), tensor(&[1., 3.], 2)]),
    )
    .because("A batch without values changes nothing.")
    .holds(Empty)
    .proofs(SOLUTION, PROOFS)
    .spared(
        &[Batch, Sizes, Combined, Ties, Names, Wiring, Returned],
        "every element is one value, wherever it stands",
    )
    .spared(&[Sign, NotFinite], "tried as mistakes")
}
