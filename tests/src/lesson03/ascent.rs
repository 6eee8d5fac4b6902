use candle_core::{Result, Tensor, Var};

use super::{Function, cosine, dot, linear, per_image};
use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Given, Hazard::*, Observed, Tolerance};

mod answers;

/// The four functions of exercise 3.2.
#[derive(Clone, Copy)]
pub struct Ascent {
    /// `solution03::value_and_gradient`
    pub value_and_gradient: fn(&Tensor, &Function) -> Result<(Tensor, Tensor)>,
    /// `solution03::direction`
    pub direction: fn(&Tensor) -> Result<Tensor>,
    /// `solution03::ascent_step`
    pub ascent_step: fn(&Tensor, &Function, f64) -> Result<Tensor>,
    /// `solution03::into_ball`
    pub into_ball: fn(&Tensor, f64) -> Result<Tensor>,
}

/// The attempt at 3.2 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_2 {
    ($lesson:ident) => {
        $crate::lesson03::Ascent {
            value_and_gradient: |x, f| $lesson::value_and_gradient(x, f),
            direction: $lesson::direction,
            ascent_step: |x, f, step_size| $lesson::ascent_step(x, f, step_size),
            into_ball: $lesson::into_ball,
        }
    };
}

const SOLUTION: Ascent = ex3_2!(solution03);

/// A result, and whether the graph of its making still hangs on it.
fn cut(result: Result<Tensor>) -> Result<Observed> {
    let result = result?;
    Ok(Observed::fields([
        ("result", Observed::from(&result)),
        ("connected", Observed::from(result.track_op())),
    ]))
}

fn both(result: Result<(Tensor, Tensor)>) -> Result<Observed> {
    let (values, gradient) = result?;
    Ok(Observed::fields([
        ("values", Observed::from(&values)),
        ("gradient", Observed::from(&gradient)),
        ("connected", Observed::from(values.track_op() || gradient.track_op())),
    ]))
}

/// Σ tanh(w·x) + 0.1·x³: smooth, with a slope that differs from place to place.
fn curved(weights: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let weights = weights.clone();
    move |x| {
        let bent = x.broadcast_mul(&weights)?.tanh()?;
        let cubes = (x.sqr()? * x)?;
        (bent + (cubes * 0.1)?)?.flatten_from(1)?.sum(1)
    }
}

/// 3.2
pub fn ascent(seed: u64) -> Exam<Ascent> {
    further_hazards(seed, hazards(seed, basics(seed, answers::answers())))
}

/// What most inputs look at.
struct Points {
    weights: Tensor,
    images: Tensor,
    /// Two images of two pixels, and the slopes of 3·a − b there.
    pair: Tensor,
    slopes: Tensor,
    /// Outside of a ball of radius 1, and inside.
    four: Tensor,
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Ascent>) -> Exam<Ascent> {
    let mut random = Random::new(seed, 32);
    let weights = random.signed((1, 3, 4, 5));
    let images = random.signed((2, 3, 4, 5));
    let gradient = random.signed((2, 3, 2, 2));
    let apart = per_image(&tensor(&[1.0, 100.0], 2), &gradient).expect("two images");
    let large = (random.signed((3, 3, 3, 3)) * 3.0).expect("numbers");
    let close = (random.signed((1, 1, 2, 2)) * 0.1).expect("numbers");
    let start = random.signed((1, 3, 4, 5));
    let start = (start * 0.01).expect("numbers");
    let points = Points {
        weights,
        images,
        pair: tensor(&[1.0, 2.0, 3.0, 4.0], (2, 1, 1, 2)),
        slopes: tensor(&[3.0, -1.0], (1, 1, 1, 2)),
        four: tensor(&[3.0, 4.0, 0.3, 0.4], (2, 1, 1, 2)),
    };
    exam.given(points, |on| {
        unexpected(steps(gradients(on, apart), [large, close, start]))
    })
}

/// Which way is up.
fn gradients(on: Given<Ascent, Points>, apart: Tensor) -> Given<Ascent, Points> {
    on.truth(
        "values and gradient of 3·a − b at (1, 2) and (3, 4)",
        Observed::fields([
            ("values", Observed::from(vec![1f32, 5.0])),
            (
                "gradient",
                Observed::from(tensor(&[3.0, -1.0, 3.0, -1.0], (2, 1, 1, 2))),
            ),
            ("connected", Observed::from(false)),
        ]),
        |a, x| both((a.value_and_gradient)(&x.pair, &linear(&x.slopes))),
    )
    .because(
        "A linear function has its weights as gradient, for every image, whatever the batch. Neither values nor \
         gradient may still be connected to the graph.",
    )
    .truth(
        "values and gradient of the constant 2",
        Observed::fields([
            ("values", Observed::from(vec![2f32, 2.0])),
            ("gradient", Observed::from(tensor(&[0.0; 4], (2, 1, 1, 2)))),
            ("connected", Observed::from(false)),
        ]),
        |a, x| {
            both((a.value_and_gradient)(&x.pair, &|_: &Tensor| {
                Ok(tensor(&[2.0, 2.0], 2))
            }))
        },
    )
    .because("If f does not depend on x, the store holds no gradient for it; the gradient is zeros.")
    .case("values and gradient of a curved function of two images", |a, x| {
        both((a.value_and_gradient)(&x.images, &curved(&x.weights)))
    })
    .because(
        "Each image has its own gradient, and neither values nor gradient may still be connected to the graph: where \
         f is curved, the gradient hangs on it by itself.",
    )
    .refuses("a function with one number per pixel", |a, x| {
        both((a.value_and_gradient)(&x.pair, &|x: &Tensor| x.flatten_from(1)))
    })
    .truth("direction of (0, 0)", tensor(&[0.0, 0.0], (1, 1, 1, 2)), |a, _| {
        (a.direction)(&tensor(&[0.0, 0.0], (1, 1, 1, 2)))
    })
    .because("A dead unit has no direction; the image stays where it is.")
    .truth(
        "direction of (3, 4) and (0.3, 0.4)",
        tensor(&[3.0, 4.0, 3.0, 4.0].map(|x| x / 12.5f32.sqrt()), (2, 1, 1, 2)),
        |a, x| (a.direction)(&x.four),
    )
    .because("rms = √((3² + 4²) / 2); the size of a gradient does not matter, only its direction.")
    .truth(
        "direction of (3e-8, 3e-8)",
        tensor(&[0.75, 0.75], (1, 1, 1, 2)),
        |a, _| (a.direction)(&tensor(&[3e-8, 3e-8], (1, 1, 1, 2))),
    )
    .because("The rms is 3e-8, and 1e-8 is added to it, outside of the root: 3 / (3 + 1).")
    .case(
        "direction of random gradients, the second a hundred times the first",
        move |a, _| (a.direction)(&apart),
    )
    .because("Each image has one rms, over all its channels, rows and columns, and is divided by its own.")
}

/// Steps, and the ball.
fn steps(on: Given<Ascent, Points>, [large, close, start]: [Tensor; 3]) -> Given<Ascent, Points> {
    on.truth(
        "a step of 0.5 from (1, 2) and (3, 4) up 3·a − b",
        Observed::fields([
            (
                "result",
                Observed::from(tensor(
                    &[
                        1.0 + 1.5 / 5f32.sqrt(),
                        2.0 - 0.5 / 5f32.sqrt(),
                        3.0 + 1.5 / 5f32.sqrt(),
                        4.0 - 0.5 / 5f32.sqrt(),
                    ],
                    (2, 1, 1, 2),
                )),
            ),
            ("connected", Observed::from(false)),
        ]),
        |a, x| cut((a.ascent_step)(&x.pair, &linear(&x.slopes), 0.5)),
    )
    .because("The gradient (3, −1) has rms √5, so the step is 0.5 · (3, −1)/√5: the direction times the step size.")
    .case("a step of 0.05 up a curved function", |a, x| {
        cut((a.ascent_step)(&x.images, &curved(&x.weights), 0.05))
    })
    .truth(
        "into a ball of radius 1: (3, 4) and (0.3, 0.4)",
        tensor(&[0.6, 0.8, 0.3, 0.4], (2, 1, 1, 2)),
        |a, x| (a.into_ball)(&x.four, 1.0),
    )
    .because("The first has norm √(3² + 4²) = 5 and comes to the surface; the second, of norm 0.5, stays.")
    .case("into a ball of radius 2: three random images", move |a, _| {
        (a.into_ball)(&large, 2.0)
    })
    .case("into a ball of radius 3: a small image", move |a, _| {
        (a.into_ball)(&close, 3.0)
    })
    .truth(
        "60 steps of 0.05 in a ball of radius 1, for the linear unit w·x",
        Observed::fields([("cosine with w", 1.0), ("norm", 1.0)]),
        move |a, x| {
            let f = linear(&x.weights);
            let mut moved = start.clone();
            for _ in 0..60 {
                moved = (a.into_ball)(&(a.ascent_step)(&moved, &f, 0.05)?, 1.0)?;
            }
            let norm = moved.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
            Ok::<_, candle_core::Error>(Observed::fields([
                ("cosine with w", cosine(&moved, &x.weights)?),
                ("norm", norm),
            ]))
        },
    )
    .within(Tolerance::new(1e-3, 0.0))
    .because("Among the images of norm 1 the one that a linear unit likes best is its own weights, w/‖w‖.")
}

/// A function that answers otherwise each time, one number of a hundred, a step too far, a dead image beside a live one, black.
fn unexpected(on: Given<Ascent, Points>) -> Given<Ascent, Points> {
    let up = 0.5 / 5f32.sqrt();
    on.truth(
        "values minus gradient · x, of f(x) = calls · (3·a − b), where calls counts the calls of f",
        vec![0f32, 0.0],
        |a, x| {
            let calls = std::cell::Cell::new(0.0);
            let f = |images: &Tensor| {
                calls.set(calls.get() + 1.0);
                linear(&x.slopes)(images)? * calls.get()
            };
            let (values, gradient) = (a.value_and_gradient)(&x.pair, &f)?;
            values - dot(&gradient, &x.pair)?
        },
    )
    .because(
        "Values and gradient are of one call of f. In 3.5 the network is shown the image another way each time: of two \
         calls, the gradient is not that of the values.",
    )
    .holds(Wiring)
    .truth(
        "direction of a gradient of 10×10 that is 1 at one place",
        (delta([0, 0, 3, 7], [1, 1, 10, 10]) * 10.0).expect("numbers"),
        |a, _| (a.direction)(&delta([0, 0, 3, 7], [1, 1, 10, 10])),
    )
    .because("rms = √(1/100): 1 / 0.1 = 10. A direction has no largest number.")
    .truth(
        "a step of 1 from (0.1, 0) up −a² − b²",
        tensor(&[0.1 - 2f32.sqrt(), 0.0], (1, 1, 1, 2)),
        |a, _| {
            let hill = |x: &Tensor| x.sqr()?.flatten_from(1)?.sum(1)?.neg();
            (a.ascent_step)(&tensor(&[0.1, 0.0], (1, 1, 1, 2)), &hill, 1.0)
        },
    )
    .because("The step is as long as asked for, √2 for one of two numbers, even where it leads beyond the top.")
    .truth(
        "a step of 0.5 from (1, 2) and (3, 4) up max(0, 3·a − b − 4)",
        tensor(&[1.0, 2.0, 3.0 + 3.0 * up, 4.0 - up], (2, 1, 1, 2)),
        |a, x| {
            let f = |images: &Tensor| (linear(&x.slopes)(images)? - 4.0)?.relu();
            (a.ascent_step)(&x.pair, &f, 0.5)
        },
    )
    .because("The unit is dead for the first image, which stays; the second moves all the same.")
    .truth(
        "into a ball of radius 1: (0, 0) and (3, 4)",
        tensor(&[0.0, 0.0, 0.6, 0.8], (2, 1, 1, 2)),
        |a, _| (a.into_ball)(&tensor(&[0.0, 0.0, 3.0, 4.0], (2, 1, 1, 2)), 1.0),
    )
    .because("Black has norm 0 and lies in every ball; 0 / 0 would make it NaN.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Ascent>) -> Exam<Ascent> {
    let mut random = Random::new(seed, 132);
    let images = random.signed((3, 2, 4, 5));
    let weights = random.signed((1, 2, 4, 5));
    exam.given((images, weights), |on| {
        on.truth(
            "a step from an image that hangs on a graph: does the result?",
            false,
            |a, (images, weights)| {
                let made = Var::from_tensor(images)?.affine(1.0, 0.0)?;
                Ok::<_, candle_core::Error>((a.ascent_step)(&made, &curved(weights), 0.05)?.track_op())
            },
        )
        .because("Detach the image, or the graph of each step hangs on that of the step before.")
        .holds(Returned)
        .case(
            "values and gradient of a curved function, images whose columns come first in memory",
            |a, (x, w)| both((a.value_and_gradient)(&askew(x), &curved(w))),
        )
        .because("The gradient is that of the values as they are, negative ones too, whatever the order in memory.")
        .holds(NotContiguous)
        .case(
            "direction of a gradient whose columns come first in memory",
            |a, (x, _)| (a.direction)(&askew(x)),
        )
        .holds(NotContiguous)
        .case("a step from images whose columns come first in memory", |a, (x, w)| {
            (a.ascent_step)(&askew(x), &curved(w), 0.05)
        })
        .holds(NotContiguous)
        .case(
            "into a ball of radius 2: images whose columns come first in memory",
            |a, (x, _)| (a.into_ball)(&askew(x), 2.0),
        )
        .holds(NotContiguous)
        .case("into a ball of radius 1e-6", |a, (x, _)| (a.into_ball)(x, 1e-6))
        .holds(Scale)
        .case("direction of gradients of 1e12", |a, (x, _)| {
            (a.direction)(&(x * 1e12)?)
        })
        .refuses("a step up a function with one number per pixel", |a, (x, _)| {
            (a.ascent_step)(x, &|x: &Tensor| x.flatten_from(1), 0.1)
        })
        .refuses("a function with one number for the batch", |a, (x, _)| {
            both((a.value_and_gradient)(x, &|x: &Tensor| x.sum_all()))
        })
        .refuses("a function with a list of all pixels of the batch", |a, (x, _)| {
            both((a.value_and_gradient)(x, &|x: &Tensor| x.flatten_all()))
        })
    })
}

/// Many images, and what images are made from.
fn further_hazards(seed: u64, exam: Exam<Ascent>) -> Exam<Ascent> {
    let mut random = Random::new(seed, 232);
    let sizes = tensor(&[1e-3, 10.0, 1.0, 1e3, 0.1], 5);
    let gradient = per_image(&sizes, &random.signed((5, 2, 3, 2))).expect("five images");
    let weights = random.signed((1, 2, 3, 2));
    let spectrum = random.signed((2, 3, 4, 3, 2));
    let spectral = random.signed((1, 3, 4, 3, 2));
    let many = |function: &str| format!("{function} of five images, some a thousand times as large as others");
    exam.given((gradient, weights, spectrum, spectral), |on| {
        on.case(many("values and gradient"), |a, (x, w, ..)| {
            both((a.value_and_gradient)(x, &curved(w)))
        })
        .holds(Batch)
        .case(many("direction"), |a, (x, ..)| (a.direction)(x))
        .holds(Batch)
        .case("into a ball of radius 0.5: the same five", |a, (x, ..)| {
            (a.into_ball)(x, 0.5)
        })
        .holds(Batch)
        .case(
            "a step of 0.1 from the amplitudes of a spectrum, rank 5",
            |a, (.., z, w)| cut((a.ascent_step)(z, &curved(w), 0.1)),
        )
        .holds(Sizes)
        .case("the spectrum into a ball of radius 2", |a, (.., z, _)| {
            (a.into_ball)(z, 2.0)
        })
        .holds(Sizes)
    })
    .spared(&[Sign], "the values of every input have both signs")
    .spared(&[Combined, Ties, Names], "no options, no names, nothing is chosen")
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
