use candle_core::{Result, Tensor, Var};

use super::{Function, slope};
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

mod answers;

/// `solution03::Goal`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub enum Goal {
    Leave,
    Reach,
}

/// `solution03::margin`
pub type Margin = dyn Fn(&Tensor, &[u32], Goal) -> Result<Tensor> + Sync;
/// `solution03::fool`
pub type Fool = dyn Fn(&Tensor, &Function, &[u32], Goal, f64, usize) -> Result<Tensor> + Sync;
/// `solution03::smallest_change`
pub type SmallestChange = dyn Fn(&Tensor, &Function, u32, Goal, f64, usize) -> Result<Option<(f64, Tensor)>> + Sync;

/// The three functions of exercise 3.9.
#[derive(Clone, Copy)]
pub struct Fooling {
    /// `solution03::margin`
    pub margin: &'static Margin,
    /// `solution03::fool`
    pub fool: &'static Fool,
    /// `solution03::smallest_change`
    pub smallest_change: &'static SmallestChange,
}

/// The attempt at 3.9 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_9 {
    ($lesson:ident) => {{
        fn goal(goal: $crate::lesson03::Goal) -> $lesson::Goal {
            match goal {
                $crate::lesson03::Goal::Leave => $lesson::Goal::Leave,
                $crate::lesson03::Goal::Reach => $lesson::Goal::Reach,
            }
        }
        $crate::lesson03::Fooling {
            margin: &|scores, classes, aim| $lesson::margin(scores, classes, goal(aim)),
            fool: &|images, scores, classes, aim, radius, steps| {
                $lesson::fool(images, scores, classes, goal(aim), radius, steps)
            },
            smallest_change: &|image, scores, class, aim, largest, steps| {
                $lesson::smallest_change(image, scores, class, goal(aim), largest, steps)
            },
        }
    }};
}

const SOLUTION: Fooling = ex3_9!(solution03);

/// Scores W·x + b.
fn linear(weights: &Tensor, bias: &[f32]) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let (weights, bias) = (weights.t().expect("a matrix"), tensor(bias, bias.len()));
    move |x| x.flatten_from(1)?.matmul(&weights)?.broadcast_add(&bias)
}

/// Two classes. At an image of ½ class 0 leads by `lead`; a way of length 1 straight to class 1 takes 5 off it.
fn two(lead: f32) -> impl Fn(&Tensor) -> Result<Tensor> {
    // The difference of the weights is (3, −4, 0).
    linear(&tensor(&[0.0, 2.0, 1.0, 3.0, -2.0, 1.0], (2, 3)), &[lead - 0.5, 0.0])
}

/// Scores that bend: tanh between two matrices.
fn curved(first: &Tensor, second: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let (first, second) = (first.t().expect("a matrix"), second.t().expect("a matrix"));
    move |x| x.flatten_from(1)?.matmul(&first)?.tanh()?.matmul(&second)
}

fn grey(shape: impl Into<candle_core::Shape>) -> Tensor {
    Tensor::full(0.5f32, shape, &candle_core::Device::Cpu).expect("a shape")
}

/// An image, and whether the graph of its making still hangs on it.
fn cut(image: &Tensor) -> Observed {
    Observed::fields([
        ("image", Observed::from(image)),
        ("connected", Observed::from(image.track_op())),
    ])
}

fn found(change: Result<Option<(f64, Tensor)>>) -> Result<Observed> {
    Ok(match change? {
        None => Observed::from("none"),
        Some((radius, image)) => {
            Observed::fields([("radius", Observed::from(radius)), ("image", Observed::from(&image))])
        }
    })
}

/// What [`found`] makes of a radius and an image of three pixels.
fn three(radius: f64, image: [f32; 3]) -> Observed {
    let image = tensor(&image, (1, 1, 1, 3));
    Observed::fields([("radius", Observed::from(radius)), ("image", Observed::from(&image))])
}

/// The smallest change, in six steps, of an image of ½ where class 0 of two leads by `lead`.
fn from_grey(f: Fooling, lead: f32, (class, goal): (u32, Goal), largest: f64) -> Result<Observed> {
    found((f.smallest_change)(
        &grey((1, 1, 1, 3)),
        &two(lead),
        class,
        goal,
        largest,
        6,
    ))
}

/// Steps of ascent add up rounding errors.
const LOOSE: Tolerance = Tolerance::new(1e-3, 1e-4);

/// 3.9
pub fn fooling(seed: u64) -> Exam<Fooling> {
    hazards(seed, basics(seed, answers::answers()))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Fooling>) -> Exam<Fooling> {
    let mut random = Random::new(seed, 39);
    let many = random.between(0.1, 1.0, (3, 5));
    let hand = tensor(&[1.0, 4.0, 2.0, 5.0, 0.0, 3.0], (2, 3));
    let exam = exam.part("margin");
    let exam = exam.given((hand, many), |on| {
        on.truth(
            "margins of (1, 4, 2) for class 1 and of (5, 0, 3) for class 2, to reach them",
            vec![2f32, -2.0],
            |f, (hand, _)| (f.margin)(hand, &[1, 2], Goal::Reach)?.to_vec1::<f32>(),
        )
        .because("4 − 2, and 3 − 5: the score of the image's own class minus the largest of the others.")
        .truth("the same, to leave them", vec![-2f32, 2.0], |f, (hand, _)| {
            (f.margin)(hand, &[1, 2], Goal::Leave)?.to_vec1::<f32>()
        })
        .because("To leave a class the others have to lead: the signs turn around.")
        .truth("margin of (−5, −1, −3) for class 1", vec![2f32], |f, _| {
            (f.margin)(&tensor(&[-5.0, -1.0, -3.0], (1, 3)), &[1], Goal::Reach)?.to_vec1::<f32>()
        })
        .because("−1 − (−3): all scores are below 0, and no 0 takes part.")
        .holds(Sign)
        .truth("margin of (−3e9, −1e10) for class 0", vec![7e9f32], |f, _| {
            (f.margin)(&tensor(&[-3e9, -1e10], (1, 2)), &[0], Goal::Reach)?.to_vec1::<f32>()
        })
        .because(
            "The one other class is at −1e10. A number that stands for −∞ can be above a score: take \
             f32::NEG_INFINITY.",
        )
        .holds([Scale, Sign])
        .case("three rows of five random scores, and the gradient", |f, (_, many)| {
            let of = |scores: &Tensor| (f.margin)(scores, &[4, 0, 2], Goal::Leave);
            Ok::<_, candle_core::Error>((of(many)?, slope(many, of)?))
        })
        .because(
            "Each row has a class of its own. To leave it, the slope is −1 at the class and 1 at the largest of the \
             others, and 0 elsewhere.",
        )
        .holds(Batch)
    });
    smallest_changes(changes(exam.part("fool"), &mut random))
}

/// Inputs of `smallest_change` whose radius is known.
fn smallest_changes(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.part("smallest_change").given((), |on| {
        on.truth(
            "two classes, ½ everywhere, lead 1, weights (3, −4, 0) apart: the smallest change within 1",
            three(52.0 / 256.0, [0.5 + 0.6 * 52.0 / 256.0, 0.5 - 0.8 * 52.0 / 256.0, 0.5]),
            |f, ()| from_grey(f, 1.0, (0, Goal::Leave), 1.0),
        )
        .within(LOOSE)
        .because(
            "|margin| / ‖w‖ = 1/5 = 51.2/256: 51/256 does not suffice, 52/256 does, straight along w. Eight halvings \
             end there, and `high` is the end that suffices.",
        )
        .truth(
            "the same with lead 0.4 and within 0.5, to reach class 1",
            three(41.0 / 512.0, [0.5 + 0.6 * 41.0 / 512.0, 0.5 - 0.8 * 41.0 / 512.0, 0.5]),
            |f, ()| from_grey(f, 0.4, (1, Goal::Reach), 0.5),
        )
        .within(LOOSE)
        .because("0.4 / 5 = 40.96/512, by fool with the same class and goal.")
        .truth("the same with lead 1, within 0.19", Observed::from("none"), |f, ()| {
            from_grey(f, 1.0, (0, Goal::Leave), 0.19)
        })
        .because("1/5 is needed.")
        .truth("the same with lead −1", three(0.0, [0.5; 3]), |f, ()| {
            from_grey(f, -1.0, (0, Goal::Leave), 1.0)
        })
        .because("The answer is another class already: radius 0 and the image itself.")
        .truth(
            "the same from (1, ½, ½), where class 0 leads by 0.985, within 1 in one step",
            three(79.0 / 256.0, [1.0, 0.5 - 0.8 * 79.0 / 256.0, 0.5]),
            |f, ()| {
                let image = tensor(&[1.0, 0.5, 0.5], (1, 1, 1, 3));
                found((f.smallest_change)(&image, &two(2.485), 0, Goal::Leave, 1.0, 1))
            },
        )
        .within(LOOSE)
        .because(
            "The first number is at 1 and stays there, so a change within r is 0.8·r long and takes 3.2·r off the \
                 lead. 0.985 / 3.2 = 78.8/256: the radius is 79/256.",
        )
        .holds(Wiring)
    })
}

/// Inputs of `fool`.
fn changes(exam: Exam<Fooling>, random: &mut Random) -> Exam<Fooling> {
    let images = random.between(0.1, 0.9, (2, 3, 2, 2));
    let bent = curved(
        &(random.signed((6, 12)) * 2.0).expect("numbers"),
        &random.signed((3, 6)),
    );
    exam.truth(
        "two classes, ½ everywhere, weights (3, −4, 0) apart: changed within 0.1 in 4 steps",
        cut(&tensor(&[0.56, 0.42, 0.5], (1, 1, 1, 3))),
        |f| {
            Ok::<_, candle_core::Error>(cut(&(f.fool)(
                &grey((1, 1, 1, 3)),
                &two(1.0),
                &[0],
                Goal::Leave,
                0.1,
                4,
            )?))
        },
    )
    .within(LOOSE)
    .because("Straight along the difference of the weights, by 0.1: (3, −4, 0) / 5 · 0.1.")
    .truth(
        "the same from (0.95, ½, ½)",
        tensor(&[1.0, 0.42, 0.5], (1, 1, 1, 3)),
        |f| {
            (f.fool)(
                &tensor(&[0.95, 0.5, 0.5], (1, 1, 1, 3)),
                &two(1.0),
                &[0],
                Goal::Leave,
                0.1,
                1,
            )
        },
    )
    .within(LOOSE)
    .because(
        "One step, of 2·0.1, whether the answer has turned or not, and into the ball around the image: (0.95, ½, ½) + \
         (0.06, −0.08, 0), then held in [0, 1].",
    )
    .truth(
        "the first with both scores 10 lower",
        tensor(&[0.56, 0.42, 0.5], (1, 1, 1, 3)),
        |f| {
            let lower = |x: &Tensor| two(1.0)(x)? - 10.0;
            (f.fool)(&grey((1, 1, 1, 3)), &lower, &[0], Goal::Leave, 0.1, 4)
        },
    )
    .within(LOOSE)
    .because("Both scores are below 0; the margin is the same, and so is its slope.")
    .given((images, bent), |on| {
        on.case(
            "two RGB images of 2×2 and a curved classifier, to leave classes 2 and 0 within 0.3 in 4 steps",
            |f, (images, bent)| (f.fool)(images, bent, &[2, 0], Goal::Leave, 0.3, 4),
        )
        .within(LOOSE)
        .because(
            "Four steps of 2·0.3/(4·√12), 12 numbers being one image; after each, one ball of 0.3 around each image: \
             what lies within stays as it is.",
        )
        .case(
            "the same, to reach class 1, within 0.8 in 3 steps",
            |f, (images, bent)| (f.fool)(images, bent, &[1, 1], Goal::Reach, 0.8, 3),
        )
        .within(LOOSE)
        .because("The margin of the scores as they are, each image by its own class.")
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Fooling>) -> Exam<Fooling> {
    let mut random = Random::new(seed, 139);
    let images = random.between(0.1, 0.9, (2, 1, 3, 4));
    let bent = curved(
        &(random.signed((6, 12)) * 2.0).expect("numbers"),
        &random.signed((3, 6)),
    );
    let scores = random.between(0.1, 1.0, (2, 4));
    let exam = exam.given((images, bent, scores), |on| {
        on.part("margin")
            .case(
                "margins of scores whose columns come first in memory",
                |f, (_, _, scores)| (f.margin)(&askew(scores), &[3, 1], Goal::Reach),
            )
            .holds(NotContiguous)
            .part("fool")
            .case("images whose columns come first in memory", |f, (images, bent, _)| {
                (f.fool)(&askew(images), bent, &[2, 0], Goal::Leave, 0.3, 4)
            })
            .within(LOOSE)
            .holds(NotContiguous)
            .truth(
                "an image that hangs on a graph: does the changed one?",
                false,
                |f, (images, bent, _)| {
                    let made = Var::from_tensor(images)?.affine(1.0, 0.0)?;
                    Ok::<_, candle_core::Error>((f.fool)(&made, bent, &[2, 0], Goal::Leave, 0.3, 1)?.track_op())
                },
            )
            .because("Detach the image: what comes back does not hang on its graph.")
            .holds(Returned)
            .part("smallest_change")
            .truth(
                "two classes with equal scores, ½ everywhere, weights (3, −4, 0) apart",
                three(1.0 / 256.0, [0.5 + 0.6 / 256.0, 0.5 - 0.8 / 256.0, 0.5]),
                |f, _| from_grey(f, 0.0, (0, Goal::Leave), 1.0),
            )
            .because("The answer has turned where the margin is above 0, not where it is 0.")
            .holds(Ties)
            .truth(
                "the same equal scores, to leave class 1",
                three(1.0 / 256.0, [0.5 - 0.6 / 256.0, 0.5 + 0.8 / 256.0, 0.5]),
                |f, _| from_grey(f, 0.0, (1, Goal::Leave), 1.0),
            )
            .because("Class 1 does not lead, and no other does either: the margin is 0.")
            .holds(Ties)
            .truth("scores of NaN", Observed::from("none"), |f, _| {
                found((f.smallest_change)(
                    &grey((1, 1, 1, 3)),
                    &|x: &Tensor| two(1.0)(x)? * f64::NAN,
                    0,
                    Goal::Leave,
                    1.0,
                    6,
                ))
            })
            .because("NaN is not above 0.")
            .holds(NotFinite)
            .case(
                "a classifier that bends, in 3 steps, an image whose columns come first in memory",
                |f, _| {
                    let (image, scores) = bending()?;
                    found((f.smallest_change)(&askew(&image), &scores, 0, Goal::Leave, 3.0, 3))
                },
            )
            .within(LOOSE)
            .holds([NotContiguous, Wiring])
    });
    exam.spared(
        &[Sizes, Combined, Names, Empty, Errors],
        "an image is so many numbers, there is one option, and the checks come with is_class",
    )
}

/// An image of 3×4 and a classifier that bends; class 0 leads there by 2.5, and the others are not equal. With ten steps of ascent a shorter change is
/// found than with three.
fn bending() -> Result<(Tensor, impl Fn(&Tensor) -> Result<Tensor>)> {
    let waves = |count: usize, f: fn(f64) -> f64| -> Vec<f32> { (0..count).map(|i| f(i as f64) as f32).collect() };
    let image = tensor(&waves(12, |i| 0.5 + 0.3 * (1.3 * i).sin()), (1, 1, 3, 4));
    let first = tensor(&waves(72, |i| 2.0 * (0.7 * i * i + 0.3).sin()), (6, 12));
    let second = tensor(&waves(18, |i| (1.1 * i * i).cos()), (3, 6));
    let scores = curved(&first, &second);
    let there = scores(&image)?;
    let lead = tensor(&[2.5, 0.0, -0.2], (1, 3));
    Ok((image, move |x: &Tensor| {
        scores(x)?.broadcast_sub(&there)?.broadcast_add(&lead)
    }))
}
