use candle_core::{DType, Device, Result, Tensor, Var, bail};
use resnet::{Config, ResNet, Stem, Window, ops};

use super::{Function, dot, linear, per_image};
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Hazard::*, Observed, Slip, Tolerance, Wrong, ordered, slip, wrong};

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
pub type Maximize = fn(&Tensor, &Problem, &Settings) -> Result<Tensor>;

/// The attempt at 3.5 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_5 {
    ($lesson:ident) => {
        |start, problem, settings| {
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

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Descends,
    AddsPenalty,
    NoPenalty,
    PenaltyOnTransformed,
    NoTransform,
    TransformKept,
    ReturnsTransformed,
    ReturnsParameters,
    ProjectInside,
    ProjectTwice,
    NoProject,
    ProjectOnce,
    RawGradient,
    BiasKept,
    NoRoot,
    EpsilonUnderTheRoot,
    BetasSwapped,
    AdamOfDirection,
    AdamIgnored,
    DeadAccepted,
    OneDeadAccepted,
    SummitRefused,
    OneStepLess,
    FirstGradientKept,
    StillConnected,
}

/// With the optimizer's state and the loop written out.
fn maximize(start: &Tensor, problem: &Problem, settings: &Settings, fault: Fault) -> Result<Tensor> {
    use Fault::*;
    let value = |p: &Tensor| -> Result<Tensor> {
        let p = if matches!(fault, ProjectInside | ProjectTwice) {
            (problem.project)(p)?
        } else {
            p.clone()
        };
        let image = (problem.image)(&p)?;
        let seen = if fault == NoTransform {
            image.clone()
        } else {
            (problem.transform)(&image)?
        };
        let value = (problem.objective)(&seen)?;
        match fault {
            NoPenalty => Ok(value),
            AddsPenalty => value + (problem.penalty)(&image)?,
            PenaltyOnTransformed => value - (problem.penalty)(&seen)?,
            _ => value - (problem.penalty)(&image)?,
        }
    };
    let (beta1, beta2) = if fault == BetasSwapped {
        (0.999, 0.9)
    } else {
        (0.9, 0.999)
    };
    let mut p = start.detach();
    let (mut m, mut v) = (p.zeros_like()?, p.zeros_like()?);
    let mut first: Option<Tensor> = Option::None;
    let steps = if fault == OneStepLess {
        settings.steps.saturating_sub(1)
    } else {
        settings.steps
    };
    for t in 1..=steps {
        let variable = Var::from_tensor(&p)?;
        let store = value(&variable)?.sum_all()?.backward()?;
        let mut g = store.get(&variable).map_or_else(|| p.zeros_like(), |g| Ok(g.clone()))?;
        if t == 1 || fault == SummitRefused {
            let sizes = dot(&g, &g)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            let dead = |size: &f64| *size == 0.0;
            let refused = match fault {
                DeadAccepted => false,
                OneDeadAccepted => sizes.iter().all(dead),
                _ => sizes.iter().any(dead),
            };
            if refused {
                bail!("dead");
            }
        }
        if fault == FirstGradientKept {
            g = first.get_or_insert(g).clone();
        }
        let rms = (g.sqr()?.flatten_from(1)?.mean(1)?.sqrt()? + 1e-8)?;
        let normalized = per_image(&rms.recip()?, &g)?;
        let d = match settings.optimizer {
            Optimizer::Ascent if fault == RawGradient => g,
            Optimizer::Ascent => normalized,
            Optimizer::Adam if fault == AdamIgnored => normalized,
            Optimizer::Adam => {
                let g = if fault == AdamOfDirection { normalized } else { g };
                m = ((&m * beta1)? + (&g * (1.0 - beta1))?)?;
                v = ((&v * beta2)? + (g.sqr()? * (1.0 - beta2))?)?;
                let (m_hat, v_hat) = match fault {
                    BiasKept => (m.clone(), v.clone()),
                    _ => (
                        (&m / (1.0 - f64::powi(beta1, t as i32)))?,
                        (&v / (1.0 - f64::powi(beta2, t as i32)))?,
                    ),
                };
                let size = match fault {
                    NoRoot => (v_hat + 1e-8)?,
                    EpsilonUnderTheRoot => (v_hat + 1e-8)?.sqrt()?,
                    _ => (v_hat.sqrt()? + 1e-8)?,
                };
                (m_hat / size)?
            }
        };
        let step = (d * if fault == Descends {
            -settings.step_size
        } else {
            settings.step_size
        })?;
        let next = match fault {
            TransformKept => ((problem.transform)(&p)? + step)?,
            _ => (&p + step)?,
        };
        p = match fault {
            NoProject | ProjectOnce | ProjectInside => next,
            _ => (problem.project)(&next)?,
        };
    }
    match fault {
        ProjectOnce => (problem.image)(&(problem.project)(&p)?),
        ReturnsParameters => Ok(p),
        ReturnsTransformed => (problem.transform)(&(problem.image)(&p)?),
        StillConnected => (problem.image)(Var::from_tensor(&p)?.as_tensor()),
        _ => (problem.image)(&p),
    }
}

macro_rules! with {
    ($fault:ident) => {
        |start, problem, settings| maximize(start, problem, settings, Fault::$fault)
    };
}

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

/// The cosine of the angle between two tensors of one shape.
fn cosine(a: &Tensor, b: &Tensor) -> Result<f32> {
    let product = |a: &Tensor, b: &Tensor| (a * b)?.sum_all()?.to_scalar::<f32>();
    Ok(product(a, b)? / (product(a, a)? * product(b, b)?).sqrt())
}

const KERNEL: usize = 7;

/// A planted unit: stripes that change in the direction of `angle`, in one colour. Its kernel is `[1, 3, 7, 7]`.
fn stripes(angle: f64, colour: [f64; 3]) -> Tensor {
    let middle = (KERNEL as f64 - 1.0) / 2.0;
    let mut values = vec![];
    for amount in colour {
        for i in 0..KERNEL * KERNEL {
            let (y, x) = ((i / KERNEL) as f64 - middle, (i % KERNEL) as f64 - middle);
            let along = x * angle.cos() + y * angle.sin();
            let window = (-(x * x + y * y) / 9.0).exp();
            values.push((amount * window * (std::f64::consts::TAU * along / 5.0).sin()) as f32);
        }
    }
    tensor(&values, (1, 3, KERNEL, KERNEL))
}

/// The mean of a convolution's positive responses, for each image.
fn unit(kernel: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let kernel = kernel.clone();
    move |x| {
        let map = ops::relu(&ops::conv2d(x, &kernel, Window::new(kernel.dim(3)?).padding(3))?)?;
        map.flatten_from(1)?.mean(1)
    }
}

/// The direction in which an image `[1, 3, height, width]` changes, as the cosine of twice its angle to `angle`, from the
/// structure tensor; and the cosine of its colour with `colour`, both without sign.
fn seen(image: &Tensor, angle: f64, colour: [f64; 3]) -> Result<[f64; 2]> {
    let (_, _, height, width) = image.dims4()?;
    let part = |down, right| image.narrow(2, down, height - 1)?.narrow(3, right, width - 1);
    let (dx, dy) = ((part(0, 1)? - part(0, 0)?)?, (part(1, 0)? - part(0, 0)?)?);
    let sum = |x: Result<Tensor>| -> Result<f64> { x?.sum_all()?.to_dtype(DType::F64)?.to_scalar() };
    let (xx, yy, xy) = (sum(dx.sqr())?, sum(dy.sqr())?, sum(&dx * &dy)?);
    let double = f64::atan2(2.0 * xy, xx - yy);
    // The part of the image's contrast that lies along the colour.
    let norm = colour.iter().map(|c| c * c).sum::<f64>().sqrt();
    let colour = Tensor::from_vec(colour.map(|c| (c / norm) as f32).to_vec(), (1, 3, 1, 1), &Device::Cpu)?;
    let along = image.broadcast_mul(&colour)?.sum(1)?;
    let share = sum(along.sqr())? / sum(image.sqr())?;
    Ok([(double - 2.0 * angle).cos(), share.sqrt()])
}

/// Responds to a checkerboard of single pixels, and a little less to a patch of blue: the decoy.
fn decoy(checkerboard: &Tensor, blue: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let (checkerboard, blue) = (checkerboard.clone(), blue.clone());
    move |x| ops::relu(&dot(x, &checkerboard)?)? + (ops::relu(&dot(x, &blue)?)? * 0.4)?
}

/// Written independently of the solution.
const RIGHT: Maximize = with!(None);

const WRONG: &[Wrong<Maximize>] = &[
    wrong(
        "descends",
        "The objective falls. Ascent adds the step; optimizers for a loss subtract it.",
        with!(Descends),
    ),
    wrong(
        "penalty added",
        "Your penalty rewards what it should punish: it is taken off the objective.",
        with!(AddsPenalty),
    ),
    wrong(
        "no penalty",
        "problem.penalty makes no difference in yours. Subtract it from the objective.",
        with!(NoPenalty),
    ),
    wrong(
        "penalty on the moved image",
        "You took the penalty of the transformed image. It belongs to the image itself; the transformation is only \
         how the network looks at it.",
        with!(PenaltyOnTransformed),
    ),
    wrong(
        "no transformation",
        "problem.transform makes no difference in yours. The objective is that of transform(image(p)).",
        with!(NoTransform),
    ),
    wrong(
        "the transformation stays",
        "Your image itself is moved in each step, and drifts. The transformation is part of the function that is \
         differentiated; the step is added to what was there before.",
        with!(TransformKept),
    ),
    wrong(
        "returns the moved image",
        "You return the image transformed. The result is image(p), as it is without.",
        with!(ReturnsTransformed),
    ),
    wrong(
        "returns the parameters",
        "You return p. What is asked for is the image made of it, image(p); with pixels the two are the same.",
        with!(ReturnsParameters),
    ),
    wrong(
        "projection inside",
        "You project inside of what is differentiated. A pixel beyond the range has gradient 0 there and never comes \
         back; project after the step.",
        with!(ProjectInside),
    ),
    wrong(
        "projection inside as well",
        "You project after the step, which is right, and once more inside of what is differentiated. There a pixel \
         beyond the range has gradient 0; leave it out of f.",
        with!(ProjectTwice),
    ),
    wrong(
        "no projection",
        "Your image leaves its limits. Apply problem.project after each step.",
        with!(NoProject),
    ),
    wrong(
        "projected once, at the end",
        "You project after the last step. It belongs to each: the next gradient is that of an image within its limits.",
        with!(ProjectOnce),
    ),
    wrong(
        "gradient not normalized",
        "With Optimizer::Ascent the step is direction(g), the gradient divided by its rms. Yours is the gradient as \
         it is.",
        with!(RawGradient),
    ),
    wrong(
        "running means not corrected",
        "Both running means start at 0 and are too small at first. Divide them by 1 − 0.9ᵗ and 1 − 0.999ᵗ.",
        with!(BiasKept),
    ),
    wrong(
        "no root in Adam",
        "Adam divides by the root of v̂, the size of the gradient; you divided by its square.",
        with!(NoRoot),
    ),
    wrong(
        "1e-8 under the root",
        "The 1e-8 belongs outside of the root: √v̂ + 1e-8. Under it, it counts like a gradient of 1e-4, and numbers \
         with a smaller gradient hardly move.",
        with!(EpsilonUnderTheRoot),
    ),
    wrong(
        "betas swapped",
        "The mean of the gradient forgets with 0.9, that of its square with 0.999. Yours are the other way round.",
        with!(BetasSwapped),
    ),
    wrong(
        "Adam of the direction",
        "Adam gets the gradient as it is: it has its own normalization, number by number.",
        with!(AdamOfDirection),
    ),
    wrong(
        "optimizer ignored",
        "settings.optimizer makes no difference in yours. Adam is asked for, and you take the normalized gradient.",
        with!(AdamIgnored),
    ),
    wrong(
        "dead start accepted",
        "The first gradient is 0 everywhere, and so are all that follow. Say so with an error instead of returning \
         the start.",
        with!(DeadAccepted),
    ),
    wrong(
        "one dead image accepted",
        "One image of the batch has gradient 0 and will never move. The check is for each image, not for the batch.",
        with!(OneDeadAccepted),
    ),
    wrong(
        "one step too few",
        "You take a step less than settings.steps.",
        with!(OneStepLess),
    ),
    wrong(
        "the first gradient, again and again",
        "You differentiate once. The gradient changes with the image, so it is taken anew before each step.",
        with!(FirstGradientKept),
    ),
    wrong(
        "still connected",
        "The image is right, and the graph still hangs on it. Keep p as a plain tensor: detach().",
        with!(StillConnected),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Maximize>] = &[
    slip(Returned, "the start not detached", |f| {
        *f = |start, problem, settings| {
            let end = maximize(start, problem, settings, Fault::None)?;
            if start.track_op() {
                end + (start * 0.0)?
            } else {
                Ok(end)
            }
        }
    }),
    ordered!("only what lies in order", |start, problem, settings| [start] =>
        maximize(start, problem, settings, Fault::None)),
    slip(Batch, "four images at most", |f| {
        *f = |start, problem, settings| first_of(&maximize(start, problem, settings, Fault::None)?, 4)
    }),
    slip(
        Combined,
        "no transformation where the image is made of parameters",
        |f| {
            *f = |start, problem, settings| {
                let made = (problem.image)(start)?;
                let other = made.dims() == start.dims() && (&made - start)?.abs()?.max_all()?.to_scalar::<f32>()? > 0.0;
                let fault = if other && settings.steps > 2 {
                    Fault::NoTransform
                } else {
                    Fault::None
                };
                maximize(start, problem, settings, fault)
            }
        },
    ),
    slip(Sizes, "parameters of rank 4 only", |f| {
        *f = |start, problem, settings| {
            start.dims4()?;
            maximize(start, problem, settings, Fault::None)
        }
    }),
    slip(Scale, "dead below a millionth", |f| {
        *f = |start, problem, settings| {
            let variable = Var::from_tensor(&start.detach())?;
            let value = (problem.objective)(&(problem.transform)(&(problem.image)(&variable)?)?)?;
            let gradient = value.sum_all()?.backward()?.remove(&variable);
            let largest = gradient.map_or(Ok(0.0), |g| {
                g.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()
            })?;
            if settings.steps > 0 && largest < 1e-6 {
                bail!("dead");
            }
            maximize(start, problem, settings, Fault::None)
        }
    }),
    slip(Scale, "gradients held within a million", |f| {
        *f = |start, problem, settings| {
            let objective = |x: &Tensor| (problem.objective)(x)?.clamp(-1e6, 1e6);
            let problem = Problem {
                objective: &objective,
                ..*problem
            };
            maximize(start, &problem, settings, Fault::None)
        }
    }),
];

/// 3.5
pub fn exam(seed: u64) -> Exam<Maximize> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Maximize> {
    Exam::new("3.5", SOLUTION)
        .mistakes(WRONG)
        .unnamed("a summit refused", with!(SummitRefused))
        .alternative("everything in one loop", RIGHT)
}

/// A label, what comes out, why, and what is run on (0, 0) and 3·a − b.
type ByHand = (
    &'static str,
    [f32; 2],
    &'static str,
    fn(Maximize, &Tensor, &Function) -> Result<Tensor>,
);

/// One step at a time. The gradient (3, −1) has rms √5.
fn by_hand() -> [ByHand; 8] {
    let up = 0.1 / 5f32.sqrt();
    [
        (
            "no step from (0, 0)",
            [0.0, 0.0],
            "Without a step the image is the start.",
            |f, x, o| f(x, &Problem::new(o), &ascent(0, 0.1)),
        ),
        (
            "two steps of 0.1 up 3·a − b from (0, 0)",
            [6.0 * up, -2.0 * up],
            "The gradient (3, −1) has rms √5: twice 0.1 · (3, −1)/√5, and what comes back is where that ends, as it \
             is.",
            |f, x, o| f(x, &Problem::new(o), &ascent(2, 0.1)),
        ),
        (
            "a step of 0.1 up 3·a − b with the penalty 2·a",
            [0.1, -0.1],
            "3·a − b − 2·a has the gradient (1, −1): its rms is 1, though its sum is 0.",
            |f, x, o| {
                let penalty = |x: &Tensor| x.flatten_from(1)?.narrow(1, 0, 1)?.squeeze(1)? * 2.0;
                f(x, &problem!(o, penalty: &penalty), &ascent(1, 0.1))
            },
        ),
        (
            "two steps of 0.1 where the network is shown (b, a)",
            [-2.0 * up, 6.0 * up],
            "3·b − a: the gradient comes back through the transformation, and the image itself is never swapped.",
            |f, x, o| f(x, &problem!(o, transform: &swapped), &ascent(2, 0.1)),
        ),
        (
            "the same with the penalty 4·b",
            [-0.1, -0.1],
            "3·b − a − 4·b = −a − b. The penalty is that of the image before it is transformed.",
            |f, x, o| {
                let penalty = |x: &Tensor| x.flatten_from(1)?.narrow(1, 1, 1)?.squeeze(1)? * 4.0;
                f(x, &problem!(o, transform: &swapped, penalty: &penalty), &ascent(1, 0.1))
            },
        ),
        (
            "a step of 0.1 where the image is 2·p",
            [6.0 * up, -2.0 * up],
            "p moves by 0.1 in the direction of the gradient, so the image by twice as much.",
            |f, x, o| f(x, &problem!(o, image: &|p: &Tensor| p * 2.0), &ascent(1, 0.1)),
        ),
        (
            "the same with the penalty 2·a",
            [0.2, -0.2],
            "The penalty is that of the image, so of 2·p: (6, −2) − (4, 0).",
            |f, x, o| {
                let penalty = |x: &Tensor| x.flatten_from(1)?.narrow(1, 0, 1)?.squeeze(1)? * 2.0;
                f(
                    x,
                    &problem!(o, image: &|p: &Tensor| p * 2.0, penalty: &penalty),
                    &ascent(1, 0.1),
                )
            },
        ),
        (
            "a step of 0.5, held in [0, 1]",
            [15.0 * up, 0.0],
            "b would become negative; the clamp after the step holds it at 0.",
            |f, x, o| f(x, &problem!(o, project: &clamp), &ascent(1, 0.5)),
        ),
    ]
}

/// Inputs from small to large.
fn basics(seed: u64, mut exam: Exam<Maximize>) -> Exam<Maximize> {
    let mut random = Random::new(seed, 35);
    let weights = random.signed((1, 3, 4, 5));
    let small = (random.signed((1, 3, 4, 5)) * 0.01).expect("numbers");
    let batch = random.between(0.2, 0.8, (2, 3, 4, 5));
    let slopes = tensor(&[3.0, -1.0], (1, 1, 1, 2));

    for (label, expected, because, run) in by_hand() {
        exam = exam
            .truth(label, image(expected), move |f| {
                let (origin, slopes) = (tensor(&[0.0; 2], (1, 1, 1, 2)), tensor(&[3.0, -1.0], (1, 1, 1, 2)));
                cut(run(f, &origin, &linear(&slopes)))
            })
            .because(because);
    }
    exam = exam
        .truth(
            "a step of 0.3 up −(a − ½)² − (b − ½)² from (1.2, −0.2), held in [0, 1]",
            image([0.9, 0.1]),
            |f| {
                let objective = |x: &Tensor| (x - 0.5)?.sqr()?.flatten_from(1)?.sum(1)?.neg();
                let start = tensor(&[1.2, -0.2], (1, 1, 1, 2));
                cut(f(&start, &problem!(&objective, project: &clamp), &ascent(1, 0.3)))
            },
        )
        .because(
            "The start is taken as it is. Both numbers are out of range and must come back: the gradient is (−1.4, \
             1.4).",
        )
        .truth(
            "two steps of 1 up −(a − ½)² − (b − ½)² from (0.2, 0.2), held in [0, 1]",
            image([0.0, 0.0]),
            |f| {
                let objective = |x: &Tensor| (x - 0.5)?.sqr()?.flatten_from(1)?.sum(1)?.neg();
                let start = tensor(&[0.2; 2], (1, 1, 1, 2));
                cut(f(&start, &problem!(&objective, project: &clamp), &ascent(2, 1.0)))
            },
        )
        .because("Up to (1.2, 1.2), held at (1, 1) after that step, and from there down to (0, 0).")
        .truth(
            "a step of 0.1 up 3e-7·a − 1e-7·b from (0, 0)",
            image([3.0, -1.0].map(|slope| 0.1 * slope / (5f32.sqrt() + 0.1))),
            |f| {
                let slopes = tensor(&[3e-7, -1e-7], (1, 1, 1, 2));
                let origin = tensor(&[0.0; 2], (1, 1, 1, 2));
                cut(f(&origin, &Problem::new(&linear(&slopes)), &ascent(1, 0.1)))
            },
        )
        .because("A small gradient is not 0: the unit is alive, and 3.2 divides by an rms of √5·1e-7, plus 1e-8.")
        .holds(Scale)
        .truth(
            "a step of 0.1 of Adam up a + 1e-8·b from (0, 0)",
            image([0.1, 0.05]),
            |f| {
                let slopes = tensor(&[1.0, 1e-8], (1, 1, 1, 2));
                let origin = tensor(&[0.0; 2], (1, 1, 1, 2));
                cut(f(&origin, &Problem::new(&linear(&slopes)), &adam(1, 0.1)))
            },
        )
        .because(
            "In the first step m̂ is g and v̂ is g², so d = g/(|g| + 1e-8): 1/(1 + 1e-8) for a, and 1e-8/(1e-8 + \
             1e-8) = ½ for b.",
        )
        .truth(
            "three steps of 0.1 up −max(0, 0.05 − a) from (0, 0)",
            image([0.1 * 2f32.sqrt(), 0.0]),
            |f| {
                let objective = |x: &Tensor| {
                    let a = x.flatten_from(1)?.narrow(1, 0, 1)?.squeeze(1)?;
                    ops::relu(&(0.05 - a)?)?.neg()
                };
                let origin = tensor(&[0.0; 2], (1, 1, 1, 2));
                cut(f(&origin, &Problem::new(&objective), &ascent(3, 0.1)))
            },
        )
        .because(
            "The first gradient is (1, 0), whose rms is 1/√2. After the step the unit has all it wants: the \
             gradient is 0, and the image stays.",
        )
        .refuses("a dead unit: max(0, 3·a − b − 10) at (0, 0)", {
            let slopes = slopes.clone();
            move |f| {
                f(
                    &tensor(&[0.0; 2], (1, 1, 1, 2)),
                    &Problem::new(&|x: &Tensor| ops::relu(&(dot(x, &slopes)? - 10.0)?)),
                    &ascent(1, 0.1),
                )
            }
        })
        .refuses("the same beside a live one, (0, 0) and (5, 0)", {
            let slopes = slopes.clone();
            move |f| {
                let start = tensor(&[0.0, 0.0, 5.0, 0.0], (2, 1, 1, 2));
                f(
                    &start,
                    &Problem::new(&|x: &Tensor| ops::relu(&(dot(x, &slopes)? - 10.0)?)),
                    &ascent(3, 0.1),
                )
            }
        });
    exam = adam_of_torch(exam);

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
                "The image is 1.1·p and shown shifted by a pixel; the penalty is that of the image, the clamp that of \
                 p after each step.",
            )
            .holds(Combined);
    }
    planted(exam, &mut random, seed, small, weights)
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

/// Units whose optimum is known.
fn planted(mut exam: Exam<Maximize>, random: &mut Random, seed: u64, small: Tensor, weights: Tensor) -> Exam<Maximize> {
    exam = exam
        .truth(
            "a linear unit w·x in a ball of radius 1, 60 steps of 0.05",
            Observed::fields([("cosine with w", 1.0), ("norm", 1.0)]),
            move |f| {
                let objective = linear(&weights);
                let x = f(&small, &problem!(&objective, project: &ball), &ascent(60, 0.05))?;
                let norm = x.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
                Ok::<_, candle_core::Error>(Observed::fields([
                    ("cosine with w", cosine(&x, &weights)?),
                    ("norm", norm),
                ]))
            },
        )
        .within(Tolerance::new(1e-3, 0.0))
        .because("Among the images of norm 1 the one that a linear unit likes best is its own weights, w/‖w‖.");

    let angle = [0.0, 45.0, 90.0, 135.0][random.count(0, 3)];
    let colour = [[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.7, 0.7, 0.0], [-0.5, 0.5, 0.7]][random.count(0, 3)];
    let kernel = stripes(f64::to_radians(angle), colour);
    let noise = (random.signed((1, 3, 16, 16)) * 0.01).expect("numbers");
    exam = exam
        .truth(
            format!("a planted unit: stripes that change in the direction of {angle}°, in the colour {colour:?}"),
            Observed::fields([("direction", 1.0), ("colour", 1.0)]),
            move |f| {
                let objective = unit(&kernel);
                let x = f(&noise, &problem!(&objective, project: &ball), &ascent(25, 0.02))?;
                let [direction, share] = seen(&x, f64::to_radians(angle), colour)?;
                Ok::<_, candle_core::Error>(Observed::fields([("direction", direction), ("colour", share)]))
            },
        )
        .within(Tolerance::new(0.05, 0.0))
        .because(
            "A unit that answers to stripes of one direction and colour is given such stripes. (Each number is a \
             cosine with what was planted.)",
        );

    let board: Vec<f32> = (0..3 * 36)
        .map(|i| if (i / 6 + i % 6) % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    let board = tensor(&board, (1, 3, 6, 6));
    let blue: Vec<f32> = (0..3 * 36).map(|i| if i >= 72 { 1.0 } else { 0.0 }).collect();
    let blue = tensor(&blue, (1, 3, 6, 6));
    // Alive for the checkerboard, and a little bit for blue.
    let start = (((&board * 0.01).expect("numbers") + (&blue * 0.001).expect("numbers")).expect("equal shapes")
        + (random.signed((1, 3, 6, 6)) * 0.001).expect("numbers"))
    .expect("equal shapes");
    exam = exam
        .truth(
            "a decoy: a unit that answers to a checkerboard, and to blue at 0.4 of that",
            Observed::fields([
                ("cosine with the checkerboard is above 0.9", true),
                ("with blue below 0.4", true),
            ]),
            move |f| {
                let objective = decoy(&board, &blue);
                let x = f(&start, &problem!(&objective, project: &ball), &ascent(60, 0.05))?;
                Ok::<_, candle_core::Error>(Observed::fields([
                    ("cosine with the checkerboard is above 0.9", cosine(&x, &board)? > 0.9),
                    ("with blue below 0.4", cosine(&x, &blue)? < 0.4),
                ]))
            },
        )
        .because(
            "The optimum is nearly a checkerboard, although in a world without checkerboards the unit says: blue. \
             What a unit could want most is not what it finds.",
        );

    untrained(exam, random, seed)
}

/// The objective rises, and the weights stay what they were.
fn untrained(exam: Exam<Maximize>, random: &mut Random, seed: u64) -> Exam<Maximize> {
    let config = Config::resnet18().width(2).classes(3).stem(Stem::Cifar);
    let network = ResNet::untrained(&config, seed).expect("a small network");
    let grey = random.between(0.4, 0.6, (1, 3, 12, 12));
    exam.truth(
        "6 steps on channel 3 of layer2.1.add of an untrained network",
        Observed::fields([("the objective rises", true), ("the weights have changed", false)]),
        move |f| {
            let objective = |images: &Tensor| {
                let trace = network.capture(&resnet::normalize(images)?, &["layer2.1.add"])?;
                trace
                    .activation("layer2.1.add")?
                    .narrow(1, 3, 1)?
                    .flatten_from(1)?
                    .mean(1)
            };
            let value = |x: &Tensor| objective(x)?.sum_all()?.to_scalar::<f32>();
            let sum = || -> Result<f32> {
                let weights = network.parameters().values();
                let sums = weights.map(|w| w.abs()?.sum_all()?.to_scalar::<f32>());
                let mut sums = sums.collect::<Result<Vec<_>>>()?;
                sums.sort_by(f32::total_cmp);
                Ok(sums.iter().sum())
            };
            let before = sum()?;
            let best = f(&grey, &problem!(&objective, project: &clamp), &ascent(6, 0.01))?;
            Ok::<_, candle_core::Error>(Observed::fields([
                ("the objective rises", value(&best)? > value(&grey)?),
                ("the weights have changed", sum()? != before),
            ]))
        },
    )
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
    let exam = exam.given((batch, weights), |on| {
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
    });
    exam.unnamed("the best image instead of the last", |start, problem, settings| {
        let mut best = (f32::NEG_INFINITY, (problem.image)(start)?);
        for steps in 0..=settings.steps {
            let image = maximize(start, problem, &Settings { steps, ..*settings }, Fault::None)?;
            let value = ((problem.objective)(&(problem.transform)(&image)?)? - (problem.penalty)(&image)?)?;
            let value = value.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
            if value > best.0 {
                best = (value, image);
            }
        }
        Ok(best.1)
    })
    .proofs(RIGHT, PROOFS)
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
