use candle_core::{DType, Device, Result, Tensor};

use super::slope;
use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};
use answers::{RIGHT, total_variation};

mod answers;

type Of = dyn Fn(&Tensor) -> Result<Tensor> + Sync;

/// The three functions of exercise 3.3.
#[derive(Clone, Copy)]
pub struct Regularizers {
    /// `solution03::total_variation`
    pub total_variation: &'static Of,
    /// `solution03::l2`
    pub l2: &'static Of,
    /// `solution03::blur`
    pub blur: &'static (dyn Fn(&Tensor, f64) -> Result<Tensor> + Sync),
}

/// The attempt at 3.3 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_3 {
    ($lesson:ident) => {
        $crate::lesson03::Regularizers {
            total_variation: &|images| $lesson::total_variation(images),
            l2: &|images| $lesson::l2(images),
            blur: &|images, sigma| $lesson::blur(images, sigma),
        }
    };
}

const SOLUTION: Regularizers = ex3_3!(solution03);

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

/// 3.3
pub fn regularizers(seed: u64) -> Exam<Regularizers> {
    further_hazards(seed, hazards(seed, basics(seed, answers::answers())))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Regularizers>) -> Exam<Regularizers> {
    let mut random = Random::new(seed, 33);
    let images = random.between(0.0, 1.0, (2, 3, 5, 6));
    let high = random.between(0.0, 1.0, (1, 2, 7, 4));
    let small = random.between(0.0, 1.0, (1, 2, 3, 3));
    let measured = finite_differences(&small, |x| total_variation(x, &RIGHT)).expect("a small image");
    let small_value = total_variation(&small, &RIGHT).expect("a small image");
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
    .because("The mean goes over all numbers of an image, 3·5·6; the gradient is 2·(x − ½) / 90.")
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

/// Inputs that are not friendly.
fn hazards(seed: u64, exam: Exam<Regularizers>) -> Exam<Regularizers> {
    let images = Random::new(seed, 133).between(0.0, 1.0, (3, 2, 5, 7));
    exam.given(images, |on| {
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
    })
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
            .because("Values are taken as they are, those beyond [0, 1] too.")
            .holds(Sign)
            .case("l2 of values from −9 to 9", |f, (_, x)| (f.l2)(x))
            .because("Values are taken as they are, those beyond [0, 1] too.")
            .holds(Sign)
            .case("values from −9 to 9, blurred with σ = 0.6", |f, (_, x)| {
                (f.blur)(x, 0.6)
            })
            .because("Values are taken as they are, those beyond [0, 1] too.")
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
