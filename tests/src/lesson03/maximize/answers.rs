//! Answers to 3.5, right and wrong.

use candle_core::{DType, Result, Tensor, Var, bail};

use super::super::{dot, per_image};
use super::{Maximize, Optimizer, Problem, SOLUTION, Settings};
use crate::inputs::first_of;
use crate::{Exam, Hazard::*, Slip, Wrong, ordered, slip, wrong};

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
    ProjectAgain,
    RawGradient,
    BiasKept,
    NoRoot,
    EpsilonUnderTheRoot,
    BetasSwapped,
    AdamOfDirection,
    AdamIgnored,
    HeldForgets,
    NeverForgets,
    DeadAccepted,
    OneDeadAccepted,
    SummitRefused,
    DeadByTheObjective,
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
                DeadByTheObjective => {
                    let variable = Var::from_tensor(&p)?;
                    let value = (problem.objective)(&(problem.transform)(&(problem.image)(&variable)?)?)?;
                    value.sum_all()?.backward()?.get(&variable).is_none()
                }
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
                let before = v.clone();
                v = ((&v * beta2)? + (g.sqr()? * (1.0 - beta2))?)?;
                if fault == NeverForgets {
                    v = v.maximum(&before)?;
                }
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
        let before = p.clone();
        p = match fault {
            NoProject | ProjectOnce | ProjectInside => next,
            _ => (problem.project)(&next)?,
        };
        if fault == HeldForgets {
            m = (m * p.ne(&before)?.to_dtype(p.dtype())?)?;
        }
    }
    match fault {
        ProjectOnce | ProjectAgain => (problem.image)(&(problem.project)(&p)?),
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
        "problem.penalty makes no difference in yours. Subtract it from the objective, inside of what is differentiated, \
         and of the image as it is, not detached.",
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
        "projected once more at the end",
        "You project once more after the last step. A clamp does nothing the second time, but a blur blurs again.",
        with!(ProjectAgain),
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
            let image = (problem.image)(&variable)?;
            let value = ((problem.objective)(&(problem.transform)(&image)?)? - (problem.penalty)(&image)?)?;
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

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Maximize> {
    Exam::new("3.5", SOLUTION)
        .mistakes(WRONG)
        .unnamed("a summit refused", with!(SummitRefused))
        .unnamed("dead by the objective alone", with!(DeadByTheObjective))
        .unnamed("Adam's m forgotten while a number is held", with!(HeldForgets))
        .unnamed("Adam's v never falls", with!(NeverForgets))
        .alternative("everything in one loop", RIGHT)
        .proofs(RIGHT, PROOFS)
        .unnamed("the best image instead of the last", |start, problem, settings| {
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
}
