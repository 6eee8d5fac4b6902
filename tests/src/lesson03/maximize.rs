use candle_core::{Result, Tensor, Var};
use resnet::ops;

use super::{Function, dot, linear, per_image};
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

/// `solution03::Problem`
#[allow(missing_docs, reason = "said there")]
pub struct Problem<'a> {
    pub image: &'a Function<'a>,
    pub transform: &'a Function<'a>,
    pub objective: &'a Function<'a>,
    pub penalty: &'a Function<'a>,
    pub project: &'a Function<'a>,
}

impl<'a> Problem<'a> {
    /// Nothing but the objective, on pixels without bounds.
    fn new(objective: &'a Function<'a>) -> Self {
        Self {
            image: &same,
            transform: &same,
            objective,
            penalty: &nothing,
            project: &same,
        }
    }
}

fn same(x: &Tensor) -> Result<Tensor> {
    Ok(x.clone())
}

fn nothing(x: &Tensor) -> Result<Tensor> {
    Tensor::zeros(x.dim(0)?, x.dtype(), x.device())
}

/// `solution03::Optimizer`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub enum Optimizer {
    Ascent,
    Adam,
}

/// `solution03::Settings`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub struct Settings {
    pub steps: usize,
    pub step_size: f64,
    pub optimizer: Optimizer,
}

/// `solution03::maximize`
pub type Maximize = &'static (dyn Fn(&Tensor, &Problem, &Settings) -> Result<Tensor> + Sync);

/// The attempt at 3.5 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_5 {
    ($lesson:ident) => {
        &|start, problem, settings| {
            let $crate::lesson03::Problem {
                image,
                transform,
                objective,
                penalty,
                project,
            } = *problem;
            let problem = $lesson::Problem {
                image,
                transform,
                objective,
                penalty,
                project,
            };
            let settings = $lesson::Settings {
                steps: settings.steps,
                step_size: settings.step_size,
                optimizer: match settings.optimizer {
                    $crate::lesson03::Optimizer::Ascent => $lesson::Optimizer::Ascent,
                    $crate::lesson03::Optimizer::Adam => $lesson::Optimizer::Adam,
                },
            };
            $lesson::maximize(start, &problem, &settings)
        }
    };
}

const SOLUTION: Maximize = ex3_5!(solution03);

/// The problem without more than an objective, and with these parts instead.
macro_rules! problem {
    ($objective:expr, $($part:ident $(: $value:expr)?),*) => {
        Problem { $($part $(: $value)?,)* ..Problem::new($objective) }
    };
}

mod answers;
mod by_hand;
mod planted;

use by_hand::{BY_HAND, far, pair, part};

fn ascent(steps: usize, step_size: f64) -> Settings {
    Settings {
        steps,
        step_size,
        optimizer: Optimizer::Ascent,
    }
}

fn adam(steps: usize, step_size: f64) -> Settings {
    Settings {
        steps,
        step_size,
        optimizer: Optimizer::Adam,
    }
}

/// A result, and whether the graph of its making still hangs on it.
fn cut(result: Result<Tensor>) -> Result<Observed> {
    let result = result?;
    Ok(Observed::fields([
        ("image", Observed::from(&result)),
        ("connected", Observed::from(result.track_op())),
    ]))
}

fn image(values: [f32; 2]) -> Observed {
    Observed::fields([
        ("image", Observed::from(tensor(&values, (1, 1, 1, 2)))),
        ("connected", Observed::from(false)),
    ])
}

fn swapped(x: &Tensor) -> Result<Tensor> {
    x.roll(1, 3)
}

fn ball(x: &Tensor) -> Result<Tensor> {
    per_image(&dot(x, x)?.sqrt()?.maximum(1.0)?.recip()?, x)
}

fn clamp(x: &Tensor) -> Result<Tensor> {
    x.clamp(0.0, 1.0)
}

/// 3.5
pub fn exam(seed: u64) -> Exam<Maximize> {
    further_hazards(seed, hazards(seed, basics(seed, answers::answers())))
}

/// Inputs from small to large.
fn basics(seed: u64, mut exam: Exam<Maximize>) -> Exam<Maximize> {
    let mut random = Random::new(seed, 35);
    let weights = random.signed((1, 3, 4, 5));
    let small = (random.signed((1, 3, 4, 5)) * 0.01).expect("numbers");
    let batch = random.between(0.2, 0.8, (2, 3, 4, 5));
    for (label, expected, because, run) in BY_HAND {
        exam = exam
            .truth(label, image(expected), move |f| {
                cut(run(f, &pair(0.0, 0.0), &linear(&pair(3.0, -1.0))))
            })
            .because(because);
    }
    exam = exam
        .truth(
            "a step of 0.1 up 3e-7·a − 1e-7·b from (0, 0)",
            image([3.0, -1.0].map(|slope| 0.1 * slope / (5f32.sqrt() + 0.1))),
            |f| {
                cut(f(
                    &pair(0.0, 0.0),
                    &Problem::new(&linear(&pair(3e-7, -1e-7))),
                    &ascent(1, 0.1),
                ))
            },
        )
        .because("A small gradient is not 0: the unit is alive, and 3.2 divides by an rms of √5·1e-7, plus 1e-8.")
        .holds(Scale)
        .refuses("a dead unit: max(0, 3·a − b − 10) at (0, 0)", |f| {
            f(&pair(0.0, 0.0), &Problem::new(&far), &ascent(1, 0.1))
        })
        .refuses("the same beside a live one, (0, 0) and (5, 0)", |f| {
            let start = tensor(&[0.0, 0.0, 5.0, 0.0], (2, 1, 1, 2));
            f(&start, &Problem::new(&far), &ascent(3, 0.1))
        });
    exam = adam_remembers(adam_of_torch(exam));

    let (b, w) = (batch.clone(), weights.clone());
    for (name, settings) in [("ascent", ascent(4, 0.03)), ("Adam", adam(4, 0.03))] {
        let (b, w) = (b.clone(), w.clone());
        exam = exam
            .case(format!("4 steps of {name} on two images, with everything"), move |f| {
                let objective = |x: &Tensor| x.broadcast_mul(&w)?.tanh()?.flatten_from(1)?.sum(1);
                let penalty = |x: &Tensor| (x - 0.5)?.sqr()?.flatten_from(1)?.sum(1)? * 0.3;
                let problem = Problem {
                    image: &|p: &Tensor| p * 1.1,
                    transform: &swapped,
                    objective: &objective,
                    penalty: &penalty,
                    project: &clamp,
                };
                cut(f(&b, &problem, &settings))
            })
            .within(Tolerance::new(1e-3, 1e-4))
            .because(
                "Each image's gradient counts by itself. The image is 1.1·p and shown shifted by a pixel; the penalty \
                 is that of the image, the clamp that of p after each step.",
            )
            .holds(Combined);
    }
    planted::planted(exam, &mut random, seed, small, weights)
}

/// Two numbers by Adam: one is held by the clamp for a while, one has a steep slope once and a gentle one from then on.
fn adam_remembers(exam: Exam<Maximize>) -> Exam<Maximize> {
    exam.case(
        "six steps of 0.1 of Adam from (0, 1) up a + b, from a = 0.15 on up a − b, held in [0, 1]",
        move |f| {
            let objective = move |x: &Tensor| {
                let sign = (part(&x.detach(), 0)?.lt(0.15)?.to_dtype(x.dtype())? * 2.0)?;
                part(x, 0)? + (part(x, 1)? * (sign - 1.0)?)?
            };
            f(&pair(0.0, 1.0), &problem!(&objective, project: &clamp), &adam(6, 0.1))
        },
    )
    .within(Tolerance::new(1e-3, 1e-4))
    .because("While b is held at 1, m and v go on: they are means of the gradients, not of the way that was gone.")
    .case(
        "a hundred steps of 0.01 of Adam from (0, 0) up a, from a = 0.005 on up a/50",
        move |f| {
            let objective = move |x: &Tensor| {
                let a = part(x, 0)?;
                (&a * 0.02)? - (ops::relu(&(0.005 - a)?)? * 0.98)?
            };
            f(&pair(0.0, 0.0), &Problem::new(&objective), &adam(100, 0.01))
        },
    )
    .within(Tolerance::new(1e-3, 1e-4))
    .because("v forgets the steep step at the beginning, by a thousandth in each step; it can fall as well as rise.")
}

/// Adam against PyTorch's; see `tests/fixtures/make_lesson03.py`.
fn adam_of_torch(mut exam: Exam<Maximize>) -> Exam<Maximize> {
    for row in super::fixture()["adam"].as_array().expect("a list") {
        let of = |name: &str| super::numbers(&row[name], &row["shape"]);
        let (target, weight, result) = (of("target"), of("weight"), of("result"));
        let steps = row["steps"].as_u64().expect("a count") as usize;
        let settings = adam(steps, row["step_size"].as_f64().expect("a number"));
        exam = exam
            .truth(
                format!("{steps} steps of Adam up a parabola, as PyTorch's Adam takes them"),
                &result,
                move |f| {
                    let objective = |x: &Tensor| {
                        let distance = x.broadcast_sub(&target)?.sqr()?;
                        distance.broadcast_mul(&weight)?.flatten_from(1)?.sum(1)?.neg()
                    };
                    f(&target.zeros_like()?, &Problem::new(&objective), &settings)
                },
            )
            .because(
                "m with 0.9 and 0.1 from g, v with 0.999 and 0.001 from g²; both divided by 1 − βᵗ, where t is 1 in \
                 the first step.",
            )
            .within(Tolerance::new(1e-3, 1e-5));
    }
    exam
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Maximize>) -> Exam<Maximize> {
    let mut random = Random::new(seed, 135);
    let batch = random.between(0.2, 0.8, (3, 2, 4, 5));
    let weights = random.signed((1, 2, 4, 5));
    let exam = exam
        .case("three steps of 0.3 up −a² − 4·b² from (0.1, 0.1)", move |f| {
            let start = tensor(&[0.1, 0.1], (1, 1, 1, 2));
            let scale = tensor(&[1.0, 2.0], (1, 1, 1, 2));
            let valley = |x: &Tensor| x.broadcast_mul(&scale)?.sqr()?.flatten_from(1)?.sum(1)?.neg();
            f(&start, &Problem::new(&valley), &ascent(3, 0.3))
        })
        .because("Each step goes beyond the summit. The image is that after the last step, not the best.");
    exam.given((batch, weights), |on| {
        on.truth(
            "a start that hangs on a graph: does the result?",
            false,
            |f, (batch, weights)| {
                let start = Var::from_tensor(batch)?.affine(1.0, 0.0)?;
                let objective = linear(weights);
                Ok::<_, candle_core::Error>(f(&start, &Problem::new(&objective), &ascent(2, 0.1))?.track_op())
            },
        )
        .because("The result does not hang on the graph of the start: detach it before the first step.")
        .holds(Returned)
        .case(
            "4 steps of Adam from three images whose columns come first in memory",
            |f, (batch, weights)| {
                let objective = linear(weights);
                let problem = problem!(&objective, project: &clamp);
                f(&askew(batch), &problem, &adam(4, 0.03))
            },
        )
        .within(Tolerance::new(1e-3, 1e-4))
        .holds(NotContiguous)
    })
}

/// Many images, what images are made from, and everything at once.
fn further_hazards(seed: u64, exam: Exam<Maximize>) -> Exam<Maximize> {
    let mut random = Random::new(seed, 235);
    let batch = random.between(0.3, 0.7, (5, 1, 3, 4));
    let weights = random.signed((5, 1, 3, 4));
    let close = Tolerance::new(1e-3, 1e-4);
    let own = |x: &Tensor, weights: &Tensor| x.mul(weights)?.flatten_from(1)?.sum(1);
    exam.given((batch, weights), move |on| {
        on.case(
            "3 steps from five images, each with a unit of its own",
            move |f, (x, w)| f(x, &Problem::new(&|x: &Tensor| own(x, w)), &ascent(3, 0.05)),
        )
        .within(close)
        .because("Each image's gradient is divided by its own rms.")
        .holds(Batch)
        .case("the same by Adam", move |f, (x, w)| {
            f(x, &Problem::new(&|x: &Tensor| own(&x.sqr()?, w)), &adam(3, 0.05))
        })
        .within(close)
        .holds(Batch)
        .case(
            "Adam, with an image of 3·p, moved by a pixel, at a price, in a ball: all five at once",
            move |f, (x, w)| {
                let problem = Problem {
                    image: &|p: &Tensor| p * 3.0,
                    transform: &swapped,
                    objective: &|x: &Tensor| own(x, w),
                    penalty: &|x: &Tensor| x.sqr()?.flatten_from(1)?.mean(1),
                    project: &ball,
                };
                f(&x.narrow(0, 0, 5)?, &problem, &adam(6, 0.1))
            },
        )
        .within(close)
        .because("After each step p is put back into the ball, not the image; the penalty is that of the image, 3·p.")
        .holds([Batch, Combined])
        .case(
            "4 steps on parameters of rank 2, from which images are made",
            |f, (x, w)| {
                let (x, w) = (x.narrow(0, 0, 3)?.flatten_from(1)?, w.narrow(0, 0, 1)?);
                let objective = linear(&w);
                let problem = problem!(&objective, image: &|p: &Tensor| p.reshape((p.dim(0)?, 1, 3, 4)));
                f(&x, &problem, &ascent(4, 0.05))
            },
        )
        .within(close)
        .holds(Sizes)
        .case("2 steps up a unit whose slopes are 10¹⁰", |f, (x, w)| {
            let objective = linear(&(w.narrow(0, 0, 1)? * 1e10)?);
            f(&x.narrow(0, 0, 2)?, &Problem::new(&objective), &adam(2, 0.1))
        })
        .within(close)
        .holds(Scale)
    })
    .spared(
        &[Wiring],
        "each part of the problem that is left out or misplaced is tried as a mistake",
    )
    .spared(&[Sign], "the values of most inputs have both signs")
    .spared(&[Empty], "no step at all is among the inputs")
    .spared(
        &[Ties, Names, NotFinite],
        "nothing is chosen, no names; NaN is not spoken of",
    )
}
