use candle_core::{DType, Device, Result, Tensor};

use super::slope;
use crate::inputs::{Random, askew, delta, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

/// The three functions of exercise 3.3.
#[derive(Clone, Copy)]
pub struct Regularizers {
    /// `solution03::total_variation`
    pub total_variation: fn(&Tensor) -> Result<Tensor>,
    /// `solution03::l2`
    pub l2: fn(&Tensor) -> Result<Tensor>,
    /// `solution03::blur`
    pub blur: fn(&Tensor, f64) -> Result<Tensor>,
}

/// The attempt at 3.3 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_3 {
    ($lesson:ident) => {
        $crate::lesson03::Regularizers {
            total_variation: $lesson::total_variation,
            l2: $lesson::l2,
            blur: $lesson::blur,
        }
    };
}

const SOLUTION: Regularizers = ex3_3!(solution03);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    BareRoot,
    NotZeroWhenFlat,
    SNotSquared,
    Absolute,
    Squares,
    Sum,
    AcrossOnly,
    WrapsAround,
    AroundZero,
    SumOfSquares,
    RootOfSquares,
    BatchMean,
    DarkBorder,
    NotDivided,
    NoHalf,
    NotSquared,
    HeightOnly,
}

fn total_variation(images: &Tensor, fault: Flaw) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    let (rows, columns) = match fault {
        Flaw::WrapsAround => (height, width),
        _ => (height - 1, width - 1),
    };
    let part = |x: &Tensor| x.narrow(2, 0, rows)?.narrow(3, 0, columns);
    let difference = |dim: usize| part(&(images.roll(-1, dim)? - images)?);
    let (down, mut across) = (difference(2)?, difference(3)?);
    if fault == Flaw::AcrossOnly {
        across = across.zeros_like()?;
    }
    let squares = (down.sqr()? + across.sqr()?)?;
    let length = match fault {
        Flaw::BareRoot => squares.sqrt()?,
        Flaw::NotZeroWhenFlat => (squares + 1e-6)?.sqrt()?,
        Flaw::SNotSquared => ((squares + 1e-3)?.sqrt()? - 1e-3)?,
        Flaw::Absolute => (down.abs()? + across.abs()?)?,
        Flaw::Squares => squares,
        _ => ((squares + 1e-6)?.sqrt()? - 1e-3)?,
    };
    match fault {
        Flaw::Sum => length.sum((1, 2, 3)),
        Flaw::BatchMean => length.mean_all()?.reshape(1),
        _ => length.mean((1, 2, 3)),
    }
}

fn l2(images: &Tensor, fault: Flaw) -> Result<Tensor> {
    let centre = if fault == Flaw::AroundZero { 0.0 } else { 0.5 };
    let squares = (images - centre)?.sqr()?.flatten_from(1)?;
    match fault {
        Flaw::SumOfSquares => squares.sum(1),
        Flaw::RootOfSquares => squares.mean(1)?.sqrt(),
        Flaw::BatchMean => squares.mean_all()?.reshape(1),
        _ => squares.mean(1),
    }
}

/// One pixel at a time: multiplies by a weight per pair of places.
fn blur(images: &Tensor, sigma: f64, fault: Flaw) -> Result<Tensor> {
    let (batch, channels, height, width) = images.dims4()?;
    let kernel = |side: usize| -> Result<Tensor> {
        let mut weights = vec![];
        for i in 0..side {
            let weight = |k: f64| {
                let distance = i as f64 - k;
                match fault {
                    Flaw::NoHalf => (-distance * distance / (sigma * sigma)).exp(),
                    Flaw::NotSquared => (-distance.abs() / (2.0 * sigma)).exp(),
                    _ => (-distance * distance / (2.0 * sigma * sigma)).exp(),
                }
            };
            // Zeros beyond the border: the weights there count, and what they weigh does not.
            let beyond = if fault == Flaw::DarkBorder { 50 } else { 0 };
            let total: f64 = match fault {
                Flaw::NotDivided => 1.0,
                _ => (-beyond..side as i64 + beyond).map(|k| weight(k as f64)).sum(),
            };
            weights.extend((0..side).map(|k| weight(k as f64) / total));
        }
        Tensor::from_vec(weights, (side, side), images.device())?.to_dtype(images.dtype())
    };
    let columns = images
        .reshape((batch * channels * height, width))?
        .matmul(&kernel(width)?.t()?)?
        .reshape((batch, channels, height, width))?;
    if fault == Flaw::HeightOnly {
        return kernel(height)?.broadcast_matmul(images);
    }
    columns
        .transpose(2, 3)?
        .contiguous()?
        .reshape((batch * channels * width, height))?
        .matmul(&kernel(height)?.t()?)?
        .reshape((batch, channels, width, height))?
        .transpose(2, 3)?
        .contiguous()
}

macro_rules! with {
    ($fault:ident) => {
        Regularizers {
            total_variation: |images| total_variation(images, Flaw::$fault),
            l2: |images| l2(images, Flaw::$fault),
            blur: |images, sigma| blur(images, sigma, Flaw::$fault),
        }
    };
}

/// A value, and its gradient with respect to the image.
fn with_gradient(images: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Observed> {
    Ok(Observed::fields([
        ("value", Observed::from(f(images)?)),
        ("gradient", Observed::from(slope(images, f)?)),
    ]))
}

/// The gradient by moving each number a little, in f64.
fn finite_differences(images: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    const STEP: f64 = 1e-6;
    let values = images.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let at = |i: usize, step: f64| -> Result<f64> {
        let mut moved = values.clone();
        moved[i] += step;
        f(&Tensor::from_vec(moved, images.shape(), &Device::Cpu)?)?
            .sum_all()?
            .to_scalar()
    };
    let slopes = (0..values.len())
        .map(|i| Ok(((at(i, STEP)? - at(i, -STEP)?) / (2.0 * STEP)) as f32))
        .collect::<Result<Vec<f32>>>()?;
    Tensor::from_vec(slopes, images.shape(), &Device::Cpu)
}

/// Written independently of the solution.
const RIGHT: Regularizers = with!(None);

const FAULTS: &[Fault<Regularizers>] = &[
    fault(
        "root of zero",
        "On a flat image your gradient is NaN: the root has an infinite slope at 0. Add s² under it and take s off \
         again.",
        |f| *f = with!(BareRoot),
    ),
    fault(
        "not zero when flat",
        "A flat image has no variation, and yours is s. Take s off after the root.",
        |f| *f = with!(NotZeroWhenFlat),
    ),
    fault(
        "s for s²",
        "Under the root stands s², a millionth. Yours is s, a thousandth, as if neighbours that are alike differed by \
         0.03.",
        |f| *f = with!(SNotSquared),
    ),
    fault(
        "sum of absolute differences",
        "You added |dx| and |dy|. That measures diagonal edges as longer than they are, and candle gives |x| the \
         slope 1 at 0. Take the length √(dx² + dy² + s²) − s.",
        |f| *f = with!(Absolute),
    ),
    fault(
        "squares without the root",
        "The root is missing. Squares punish one strong edge more than many weak ones, and so smear edges.",
        |f| *f = with!(Squares),
    ),
    fault(
        "sum of the variation",
        "You added up where the mean is asked for, so the penalty grows with the image.",
        |f| *f = with!(Sum),
    ),
    fault(
        "one direction only",
        "Only differences between rows count in yours. dx, to the right neighbour, belongs under the root too.",
        |f| *f = with!(AcrossOnly),
    ),
    fault(
        "around the edge",
        "You compared the last column with the first. Only pixels that have a right and a lower neighbour count.",
        |f| *f = with!(WrapsAround),
    ),
    fault(
        "around black",
        "You measured the distance from 0, which is black. Plain grey, ½, is where nothing is.",
        |f| *f = with!(AroundZero),
    ),
    fault(
        "sum of squares",
        "For l2 you added the squares up. Take their mean, so that it does not grow with the image.",
        |f| *f = with!(SumOfSquares),
    ),
    fault(
        "root of the mean square",
        "l2 has no root here. With it the gradient at plain grey is NaN.",
        |f| *f = with!(RootOfSquares),
    ),
    fault(
        "one number for the batch",
        "You averaged over the images too. Each has its own number: [batch].",
        |f| *f = with!(BatchMean),
    ),
    fault(
        "dark border",
        "A flat image gets darker at the border: the weights of what lies beyond are lost. Divide each row of K by \
         its own sum.",
        |f| *f = with!(DarkBorder),
    ),
    fault(
        "not divided by the sum",
        "Your weights are exp(…) as it is and do not sum to 1, so a flat image gets another grey. Divide each row of K \
         by its own sum.",
        |f| *f = with!(NotDivided),
    ),
    fault(
        "σ² for 2σ²",
        "Your bell is too narrow: its exponent is −(i − k)² / (2σ²), with the 2.",
        |f| *f = with!(NoHalf),
    ),
    fault(
        "distance not squared",
        "Your weights fall with |i − k|; a Gaussian falls with its square.",
        |f| *f = with!(NotSquared),
    ),
    fault(
        "one direction blurred",
        "Only the columns are blurred. Multiply by the width's matrix from the right as well: · K_wᵀ.",
        |f| *f = with!(HeightOnly),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Regularizers>] = &[
    ordered!("total variation, only what lies in order", total_variation: |x| [x] => total_variation(x, Flaw::None)),
    ordered!("l2, only what lies in order", l2: |x| [x] => l2(x, Flaw::None)),
    ordered!("blur, only what lies in order", blur: |x, sigma| [x] => blur(x, sigma, Flaw::None)),
    slip(Sizes, "a window of three σ, one pixel at least and ten at most", |f| {
        f.blur = |x, sigma| match sigma {
            s if s > 0.1 && s < 10.0 => blur(x, sigma, Flaw::None),
            s if s > 0.0 => blur(x, s.clamp(0.4, 3.0), Flaw::None),
            _ => blur(x, sigma, Flaw::None),
        }
    }),
    slip(Sizes, "l2 of images of rank 4 only", |f| {
        f.l2 = |x| {
            x.dims4()?;
            l2(x, Flaw::None)
        }
    }),
    slip(Scale, "no variation below s", |f| {
        f.total_variation = |x| {
            let total = total_variation(x, Flaw::None)?;
            let range = x.max_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?
                - x.min_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
            if range > 0.0 && range < 0.01 {
                total.zeros_like()
            } else {
                Ok(total)
            }
        }
    }),
    slip(Batch, "four images at most", |f| {
        *f = Regularizers {
            total_variation: |x| total_variation(&first_of(x, 4)?, Flaw::None),
            l2: |x| l2(&first_of(x, 4)?, Flaw::None),
            blur: |x, sigma| blur(&first_of(x, 4)?, sigma, Flaw::None),
        }
    }),
    slip(Sign, "total variation of pixels held in [0, 1]", |f| {
        f.total_variation = |x| total_variation(&x.clamp(0.0, 1.0)?, Flaw::None)
    }),
    slip(Sign, "l2 of pixels held in [0, 1]", |f| {
        f.l2 = |x| l2(&x.clamp(0.0, 1.0)?, Flaw::None)
    }),
    slip(Sign, "pixels held in [0, 1] before the blur", |f| {
        f.blur = |x, sigma| blur(&x.clamp(0.0, 1.0)?, sigma, Flaw::None)
    }),
];

/// 3.3
pub fn regularizers(seed: u64) -> Exam<Regularizers> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Regularizers> {
    Exam::new("3.3", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("by rolls, and by two plain matrix products", RIGHT)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Regularizers>) -> Exam<Regularizers> {
    let mut random = Random::new(seed, 33);
    let images = random.between(0.0, 1.0, (2, 3, 5, 6));
    let high = random.between(0.0, 1.0, (1, 2, 7, 4));
    let small = random.between(0.0, 1.0, (1, 2, 3, 3));
    let measured = finite_differences(&small, |x| total_variation(x, Flaw::None)).expect("a small image");
    let small_value = total_variation(&small, Flaw::None).expect("a small image");
    let flat = Tensor::full(0.5f32, (1, 3, 4, 4), &Device::Cpu).expect("a constant");
    let zeros = flat.zeros_like().expect("zeros");
    let ramp = tensor(&[0.0, 0.3, 0.4, 0.7], (1, 1, 2, 2));
    let step = tensor(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0], (1, 1, 3, 3));
    let two = tensor(&[0.0, 0.0, 0.5, 1.0], (2, 2));
    // exp(−x²/2) at −2 … 2, normalized, in both directions: the middle rows of what a point becomes.
    let point = delta([0, 0, 4, 4], [1, 1, 9, 9]);
    let bell: Vec<f64> = (0..9).map(|k| (-0.5 * f64::from(k - 4i32).powi(2)).exp()).collect();
    // Row i of the matrix is normalized by itself.
    let row_sum = |i: i32| (0..9).map(|k| (-0.5 * f64::from(k - i).powi(2)).exp()).sum::<f64>();
    let spread: Vec<f32> = (0..81)
        .map(|i| {
            let (y, x) = (i / 9, i % 9);
            (bell[y] / row_sum(y as i32) * bell[x] / row_sum(x as i32)) as f32
        })
        .collect();

    exam.truth(
        "total variation of [[0, 0.3], [0.4, 0.7]]",
        vec![(0.25f32 + 1e-6).sqrt() - 1e-3],
        move |f| (f.total_variation)(&ramp),
    )
    .because(
        "One pixel has both neighbours, and the mean goes over it alone: dx = 0.3 and dy = 0.4 under one root, \
         √(0.3² + 0.4² + s²) − s, about 0.499.",
    )
    .truth(
        "total variation of a step from 0 to 1, 3×3",
        vec![(1f32 + 1e-6).sqrt() / 2.0 - 0.5e-3],
        move |f| (f.total_variation)(&step),
    )
    .because("Two of the four pixels with both neighbours stand at the step.")
    .truth(
        "total variation of plain grey, and its gradient",
        Observed::fields([
            ("value", Observed::from(vec![0f32])),
            ("gradient", Observed::from(&zeros)),
        ]),
        {
            let flat = flat.clone();
            move |f| with_gradient(&flat, f.total_variation)
        },
    )
    .because("A flat image has no variation, and neither way is up.")
    .truth(
        "total variation of a random 3×3 image; gradient by finite differences",
        Observed::fields([
            ("value", Observed::from(&small_value)),
            ("gradient", Observed::from(&measured)),
        ]),
        move |f| with_gradient(&small, f.total_variation),
    )
    .within(Tolerance::new(1e-3, 1e-4))
    .because("Each channel has its own root; the mean goes over the four pixels with both neighbours in each of two.")
    .case("total variation of two random images", {
        let images = images.clone();
        move |f| with_gradient(&images, f.total_variation)
    })
    .because("One number for each image.")
    .case("total variation of [1, 2, 7, 4]", {
        let high = high.clone();
        move |f| (f.total_variation)(&high)
    })
    .truth("l2 of (0, 0) and (½, 1)", vec![0.25f32, 0.125], {
        let two = two.clone();
        move |f| (f.l2)(&two)
    })
    .because("(¼ + ¼)/2 and (0 + ¼)/2: the distance from ½, whatever the image's own mean and rank.")
    .holds(Sizes)
    .case("l2 of two random images, and its gradient", {
        let images = images.clone();
        move |f| with_gradient(&images, f.l2)
    })
    .truth("a flat image, blurred with σ = 1.5", &flat, {
        let flat = flat.clone();
        move |f| (f.blur)(&flat, 1.5)
    })
    .because("Each row of K sums to 1: where all pixels are alike nothing changes, at the border neither.")
    .truth(
        "a point in the middle of 9×9, blurred with σ = 1",
        tensor(&spread, (1, 1, 9, 9)),
        move |f| (f.blur)(&point, 1.0),
    )
    .because("A point becomes a bell, exp(−(dx² + dy²)/2), each row of K divided by its own sum.")
    .case("two random images, blurred with σ = 0.7", {
        let images = images.clone();
        move |f| with_gradient(&images, |x| (f.blur)(x, 0.7))
    })
    .because("A row of K is exp(−(i − k)²/(2σ²)), with σ squared, divided by its own sum; K_h is 5×5 and K_w is 6×6.")
    .case("[1, 2, 7, 4], blurred with σ = 2", move |f| (f.blur)(&high, 2.0))
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Regularizers>) -> Exam<Regularizers> {
    let images = Random::new(seed, 133).between(0.0, 1.0, (3, 2, 5, 7));
    let exam = exam.given(images, |on| {
        on.case(
            "total variation of images whose columns come first in memory",
            |f, x| (f.total_variation)(&askew(x)),
        )
        .holds(NotContiguous)
        .case("l2 of the same", |f, x| (f.l2)(&askew(x)))
        .holds(NotContiguous)
        .case("the same, blurred with σ = 0.7", |f, x| (f.blur)(&askew(x), 0.7))
        .holds(NotContiguous)
        .case(
            "three images of a thousandth of the contrast: total variation",
            |f, x| (f.total_variation)(&(x * 1e-3)?),
        )
        .holds(Scale)
        .case("blurred with σ = 0.05", |f, x| (f.blur)(x, 0.05))
        .holds(Sizes)
        .case("blurred with σ = 30", |f, x| (f.blur)(x, 30.0))
        .holds(Sizes)
    });
    exam.proofs(RIGHT, PROOFS)
}

/// Many images, and values beyond those of a picture.
fn further_hazards(seed: u64, exam: Exam<Regularizers>) -> Exam<Regularizers> {
    let images = Random::new(seed, 233).between(0.0, 1.0, (5, 1, 4, 3));
    let beyond = ((images.narrow(0, 0, 2).expect("two images") * 18.0).expect("numbers") - 9.0).expect("numbers");
    exam.given((images, beyond), |on| {
        on.case("total variation of five images", |f, (x, _)| (f.total_variation)(x))
            .holds(Batch)
            .case("l2 of the five", |f, (x, _)| (f.l2)(x))
            .holds(Batch)
            .case("the five, blurred with σ = 1", |f, (x, _)| (f.blur)(x, 1.0))
            .holds(Batch)
            .case("total variation of values from −9 to 9", |f, (_, x)| {
                (f.total_variation)(x)
            })
            .holds(Sign)
            .case("l2 of values from −9 to 9", |f, (_, x)| (f.l2)(x))
            .holds(Sign)
            .case("values from −9 to 9, blurred with σ = 0.6", |f, (_, x)| {
                (f.blur)(x, 0.6)
            })
            .holds(Sign)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Combined], "no options but σ")
    .spared(
        &[Ties, Names, Wiring],
        "nothing is chosen, no names, no parts put together",
    )
    .spared(&[Returned], "the gradients are among the inputs")
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
