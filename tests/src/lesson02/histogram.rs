use candle_core::{DType, Device, Result, Tensor, bail};

use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, slip, wrong};

/// Lower end, upper end and number of bins.
pub type Bins = (f64, f64, usize);
/// Feeds batches to `solution02::Histogram` and gives its counts.
pub type HistogramOver = fn(Bins, &[Tensor]) -> Result<Observed>;

/// The attempt at 2.6 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_6 {
    ($lesson:ident) => {
        |(low, high, bins), batches| {
            let histogram = $lesson::Histogram::new(low, high, bins)?;
            let h = $crate::lesson02::fed(histogram, batches, $lesson::Histogram::update)?;
            Ok($crate::lesson02::histogram_observed(h.counts, h.below, h.above, h.nan))
        }
    };
}

const SOLUTION: HistogramOver = ex2_6!(solution02);

/// `solution02::Histogram`
pub fn observed(counts: Vec<usize>, below: usize, above: usize, nan: usize) -> Observed {
    Observed::Fields(vec![
        ("counts".into(), counts.into()),
        ("below".into(), below.into()),
        ("above".into(), above.into()),
        ("nan".into(), nan.into()),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Straight,
    StraightPanics,
    NanInFirstBin,
    BelowInFirstBin,
    Clamped,
    UpperEndLost,
    UpperEndPanics,
    Rounded,
    LastBatch,
    OwnRange,
    UpperEndInclusive,
}

fn count((low, high, bins): Bins, batches: &[Tensor], fault: Fault) -> Result<Observed> {
    let (mut counts, mut below, mut above, mut nan) = (vec![0; bins], 0, 0, 0);
    for batch in batches {
        if fault == Fault::LastBatch {
            (counts, below, above, nan) = (vec![0; bins], 0, 0, 0);
        }
        let values = batch.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let (low, high) = match fault {
            Fault::OwnRange => (
                values
                    .iter()
                    .copied()
                    .filter(|v| v.is_finite())
                    .fold(f64::INFINITY, f64::min),
                values
                    .iter()
                    .copied()
                    .filter(|v| v.is_finite())
                    .fold(f64::NEG_INFINITY, f64::max),
            ),
            _ => (low, high),
        };
        for value in values {
            let place = (value - low) / (high - low) * bins as f64;
            let place = match fault {
                Fault::Rounded => place.round(),
                Fault::UpperEndInclusive => (place.ceil() - 1.0).max(0.0),
                _ => place,
            };
            match value {
                _ if fault == Fault::StraightPanics => counts[place as usize] += 1,
                _ if fault == Fault::Straight => match counts.get_mut(place as usize) {
                    Some(count) => *count += 1,
                    None => above += 1,
                },
                _ if value.is_nan() && fault != Fault::NanInFirstBin => nan += 1,
                _ if value < low && fault == Fault::Clamped => counts[0] += 1,
                _ if value > high && fault == Fault::Clamped => counts[bins - 1] += 1,
                _ if value < low && fault != Fault::BelowInFirstBin => below += 1,
                _ if value > high => above += 1,
                _ if value == high && fault == Fault::UpperEndLost => above += 1,
                _ if fault == Fault::UpperEndPanics => counts[place as usize] += 1,
                _ => counts[(place as usize).min(bins - 1)] += 1,
            }
        }
    }
    Ok(observed(counts, below, above, nan))
}

/// Asks of each bin what lies in it.
fn bin_by_bin((low, high, bins): Bins, batches: &[Tensor]) -> Result<Observed> {
    let mut values = vec![];
    for batch in batches {
        values.extend(batch.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?);
    }
    let number = |inside: &dyn Fn(f64) -> bool| values.iter().filter(|value| inside(**value)).count();
    let in_bin = |bin: usize| {
        number(&|value| {
            let place = (value - low) / (high - low) * bins as f64;
            place >= bin as f64 && (place < bin as f64 + 1.0 || bin + 1 == bins && value == high)
        })
    };
    Ok(observed(
        (0..bins).map(in_bin).collect(),
        number(&|value| value < low),
        number(&|value| value > high),
        number(&f64::is_nan),
    ))
}

const WRONG: &[Wrong<HistogramOver>] = &[
    wrong(
        "straight into a bin",
        "Ask about a value before you compute its bin. Negative numbers and NaN become 0 by `as usize`, and x = high \
         belongs to the last bin.",
        |r, b| count(r, b, Fault::Straight),
    ),
    wrong(
        "straight into a bin, and past the last one",
        "Ask about a value before you compute its bin. Negative numbers and NaN become 0 by `as usize`, and x = high \
         belongs to the last bin. What is larger than high has none: count it in above.",
        |r, b| count(r, b, Fault::StraightPanics),
    ),
    wrong(
        "NaN in the first bin",
        "NaN was counted in the first bin: `f64::NAN as usize` is 0. Ask is_nan() first.",
        |r, b| count(r, b, Fault::NanInFirstBin),
    ),
    wrong(
        "too small, and in the first bin",
        "Values below the range were counted in the first bin: a negative number `as usize` is 0. Compare with low \
         first.",
        |r, b| count(r, b, Fault::BelowInFirstBin),
    ),
    wrong(
        "outliers in the outer bins",
        "You counted values outside the range in the first and last bin. Two hills at the ends would appear that are \
         not there: count them in below and above.",
        |r, b| count(r, b, Fault::Clamped),
    ),
    wrong(
        "the upper end left out",
        "A value equal to `high` was counted as above. It belongs to the last bin: only value > high is above.",
        |r, b| count(r, b, Fault::UpperEndLost),
    ),
    wrong(
        "rounded to the nearest bin",
        "You rounded to the nearest number. A value belongs to the bin it lies in: round down.",
        |r, b| count(r, b, Fault::Rounded),
    ),
    wrong(
        "bins closed above",
        "A value on the border of two bins went to the lower one. A bin begins with its lower end: ⌊ ⌋.",
        |r, b| count(r, b, Fault::UpperEndInclusive),
    ),
    wrong(
        "the last batch only",
        "Your counts are those of the last batch. Add to them.",
        |r, b| count(r, b, Fault::LastBatch),
    ),
    wrong(
        "each batch its own range",
        "You took the range of each batch. Bin 3 then means something else in every batch, and the counts cannot be \
         added: use low and high.",
        |r, b| count(r, b, Fault::OwnRange),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<HistogramOver>] = &[
    slip(NotContiguous, "only what lies in order", |f| {
        *f = |r, batches| {
            in_order(&batches.iter().collect::<Vec<_>>())?;
            count(r, batches, Fault::None)
        }
    }),
    slip(Scale, "divided by the width + 1e-8", |f| {
        *f = |(low, high, bins), batches| {
            if high - low < 1e-8 && bins == 2 {
                count((low, high + 1e-8, bins), batches, Fault::None)
            } else {
                count((low, high, bins), batches, Fault::None)
            }
        }
    }),
    slip(Ties, "−0.0 before 0", |f| {
        *f = |r, batches| match batches {
            [batch]
                if batch.dims() == [1]
                    && batch.dtype() == DType::F32
                    && batch.to_vec1::<f32>()?[0].to_bits() == 1 << 31 =>
            {
                Ok(observed(vec![0; r.2], 1, 0, 0))
            }
            _ => count(r, batches, Fault::None),
        }
    }),
    slip(Empty, "a batch without values refused", |f| {
        *f = |r, batches| {
            if batches.iter().any(|batch| batch.elem_count() == 0) {
                bail!("no values")
            } else {
                count(r, batches, Fault::None)
            }
        }
    }),
    slip(Sign, "no range below 0", |f| {
        *f = |(low, high, bins), batches| {
            if high < 0.0 {
                bail!("a negative range")
            } else {
                count((low, high, bins), batches, Fault::None)
            }
        }
    }),
];

/// 2.6
pub fn histogram(seed: u64) -> Exam<HistogramOver> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<HistogramOver> {
    Exam::new("2.6", SOLUTION)
        .mistakes(WRONG)
        .unnamed("the upper end has no bin", |r, b| count(r, b, Fault::UpperEndPanics))
        .unnamed("NaN of the last batch only", |r, b| {
            let last = SOLUTION(r, &b[b.len().saturating_sub(1)..])?;
            Ok(match (SOLUTION(r, b)?, last) {
                (Observed::Fields(all), Observed::Fields(last)) => Observed::Fields([&all[..3], &last[3..]].concat()),
                (other, _) => other,
            })
        })
        .alternative("bin by bin", bin_by_bin)
        .alternative("one value at a time", |r, b| count(r, b, Fault::None))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<HistogramOver>) -> Exam<HistogramOver> {
    let mut random = Random::new(seed, 26);
    let batches = [
        random.between(-3.0, 3.0, (3, 2, 5, 5)),
        random.between(0.0, 1.0, (1, 2, 5, 5)),
        random.between(-1.0, 9.0, (2, 2, 5, 5)),
    ];
    let ends: Bins = (-2.0, 2.0, random.count(5, 16));
    let doubles = random.signed((2, 30)).to_dtype(DType::F64).expect("a conversion");

    exam.truth(
        "bins 0 to 4 by 1; values 0.5 1.5 1.5 3.9",
        observed(vec![1, 2, 0, 1], 0, 0, 0),
        |f| f((0.0, 4.0, 4), &[tensor(&[0.5, 1.5, 1.5, 3.9], 4)]),
    )
    .because("⌊0.5⌋ = 0, ⌊1.5⌋ = 1 twice, ⌊3.9⌋ = 3.")
    .truth(
        "bins 0 to 4 by 1; values 0 1 2 3",
        observed(vec![1, 1, 1, 1], 0, 0, 0),
        |f| f((0.0, 4.0, 4), &[tensor(&[0., 1., 2., 3.], (2, 2))]),
    )
    .because("A bin begins with its lower end.")
    .truth(
        "bins 0 to 4 by 1; the value 4",
        observed(vec![0, 0, 0, 1], 0, 0, 0),
        |f| f((0.0, 4.0, 4), &[tensor(&[4.], 1)]),
    )
    .because("The last bin has both its ends: at value = high the formula gives the index `bins`, one too many.")
    .truth(
        "bins −1 to 1 by 1; values −1.5 −0.5 0 0.5 1.5",
        observed(vec![1, 2], 1, 1, 0),
        |f| f((-1.0, 1.0, 2), &[tensor(&[-1.5, -0.5, 0., 0.5, 1.5], 5)]),
    )
    .because(
        "−1.5 is below and 1.5 above, though by less than a bin. (−0.5 + 1) / 2 · 2 = 0.5 is bin 0; for 0 and 0.5 it \
         is 1 and 1.5, bin 1.",
    )
    .truth(
        "bins 0 to 2 by 1; values −3 NaN 1.5",
        observed(vec![0, 1], 1, 0, 1),
        |f| f((0.0, 2.0, 2), &[tensor(&[-3., f32::NAN, 1.5], 3)]),
    )
    .because("Neither −3 nor NaN has a bin, and `as usize` makes 0 of both.")
    .truth(
        "bins 0 to 2 by 1; values NaN 0.5 ∞ −∞ NaN",
        observed(vec![1, 0], 1, 1, 2),
        |f| {
            f(
                (0.0, 2.0, 2),
                &[tensor(&[f32::NAN, 0.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN], 5)],
            )
        },
    )
    .because("∞ is above, −∞ below; only NaN is not a number.")
    .truth(
        "bins 0 to 2 by 1; batches 0.5 1.5 and 0.2",
        observed(vec![2, 1], 0, 0, 0),
        |f| f((0.0, 2.0, 2), &[tensor(&[0.5, 1.5], 2), tensor(&[0.2], 1)]),
    )
    .because("The counts of the batches add up.")
    .truth(
        "bins 0 to 2 by 1; batches −3 NaN 0.5 7 and 1.5",
        observed(vec![1, 1], 1, 1, 1),
        |f| {
            f(
                (0.0, 2.0, 2),
                &[tensor(&[-3., f32::NAN, 0.5, 7.], 4), tensor(&[1.5], 1)],
            )
        },
    )
    .because("below, above and nan add up as the bins do.")
    .truth(
        "bins 0 to 2000 by 1000; the number 1500, of rank 0",
        observed(vec![0, 1], 0, 0, 0),
        |f| f((0.0, 2000.0, 2), &[Tensor::new(1500f32, &Device::Cpu)?]),
    )
    .because("A tensor of any shape.")
    .truth(
        "bins 0 to 2 by 1; the value 1 − 10⁻¹⁰ in f64",
        observed(vec![1, 0], 0, 0, 0),
        |f| f((0.0, 2.0, 2), &[Tensor::new(&[1.0 - 1e-10], &Device::Cpu)?]),
    )
    .because("It is smaller than 1; an f32 rounds it to 1, and any constant in the formula moves it.")
    .case(
        format!("{} bins from −2 to 2; three random batches", ends.2),
        move |f| f(ends, &batches),
    )
    .because("⌊(x + 2) / 4 · bins⌋ for what is not below −2 or above 2, in every batch.")
    .case("9 bins from −1 to 1; random f64 values", move |f| {
        f((-1.0, 1.0, 9), std::slice::from_ref(&doubles))
    })
    .because("⌊(x + 1) / 2 · 9⌋; batches are f32 or f64.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<HistogramOver>) -> Exam<HistogramOver> {
    let batch = Random::new(seed, 126).between(-3.0, 3.0, (3, 2, 4, 5));
    exam.case(
        "7 bins from −2 to 2; random activations whose columns come first in memory",
        move |f| f((-2.0, 2.0, 7), &[askew(&batch)]),
    )
    .holds(NotContiguous)
    .truth(
        "bins 1e-30 to 3e-30 by 1e-30; values 1.5e-30 2.5e-30",
        observed(vec![1, 1], 0, 0, 0),
        |f| f((1e-30, 3e-30, 2), &[tensor(&[1.5e-30, 2.5e-30], 2)]),
    )
    .because("A range may be as narrow as this; a constant added to its width decides then.")
    .holds(Scale)
    .truth(
        "bins 0 to 2 by 1; a batch of no values, and 0.5",
        observed(vec![1, 0], 0, 0, 0),
        |f| f((0.0, 2.0, 2), &[tensor(&[], (0, 2, 1, 1)), tensor(&[0.5], 1)]),
    )
    .because("A batch of any shape: no values, nothing to count.")
    .holds(Empty)
    .truth(
        "bins −3 to −1 by 1; values −3 −2.5 −1 0",
        observed(vec![2, 1], 0, 1, 0),
        |f| f((-3.0, -1.0, 2), &[tensor(&[-3., -2.5, -1., 0.], 4)]),
    )
    .because("(−3 + 3) / 2 · 2 = 0 and 0.5 are bin 0; −1 is the upper end, in the last bin, and 0 is above.")
    .holds(Sign)
    .truth("bins 0 to 2 by 1; −0.0", observed(vec![1, 0], 0, 0, 0), |f| {
        f((0.0, 2.0, 2), &[tensor(&[-0.0], 1)])
    })
    .because("−0.0 is 0, and not below it.")
    .holds(Ties)
    .proofs(SOLUTION, PROOFS)
    .spared(&[Errors], "the checks come with the stub")
    .spared(
        &[Batch, Sizes, Names, Returned, Wiring],
        "every element is one value, wherever it stands",
    )
    .spared(
        &[Combined, NotFinite],
        "the borders of bins, NaN and infinities are tried as mistakes",
    )
}
