//! Answers to 3.5, right and wrong.

use candle_core::{DType, Result, Tensor, Var, bail};

use super::super::{dot, per_image};
use super::{Maximize, Optimizer, Problem, SOLUTION, Settings};
use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Refused, Slip, fault, keep, ordered, slip};

type Image = fn(&Problem, &Tensor) -> Result<Tensor>;

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Parts {
    /// f(p)
    value: Image,
    steps: fn(usize) -> usize,
    /// From t and the squared norm of each image's gradient: is that an error?
    dead: fn(usize, &[f64]) -> bool,
    /// Is the gradient taken before each step?
    anew: bool,
    ascent: fn(&Tensor) -> Result<Tensor>,
    knows_adam: bool,
    /// From g to what Adam takes for it.
    adam: fn(&Tensor) -> Result<Tensor>,
    betas: [f64; 2],
    /// From v before and after a step to v.
    kept: fn(&Tensor, Tensor) -> Result<Tensor>,
    corrected: bool,
    /// From v̂ to what m̂ is divided by.
    size: fn(&Tensor) -> Result<Tensor>,
    sign: f64,
    /// What the step is added to.
    from: Image,
    project: Image,
    /// From m and whether each number has moved to m.
    held: fn(Tensor, Tensor) -> Result<Tensor>,
    /// From the last p to what is returned.
    end: Image,
}

/// Written independently of the solution.
const RIGHT: Parts = Parts {
    value,
    steps: |steps| steps,
    dead: |t, sizes| t == 1 && sizes.contains(&0.0),
    anew: true,
    ascent: normalized,
    knows_adam: true,
    adam: |g| Ok(g.clone()),
    betas: [0.9, 0.999],
    kept: |_, v| Ok(v),
    corrected: true,
    size: |v| v.sqrt()? + 1e-8,
    sign: 1.0,
    from: |_, p| Ok(p.clone()),
    project: |on, p| (on.project)(p),
    held: |m, _| Ok(m),
    end: |on, p| (on.image)(p),
};

fn value(on: &Problem, p: &Tensor) -> Result<Tensor> {
    let image = (on.image)(p)?;
    (on.objective)(&(on.transform)(&image)?)? - (on.penalty)(&image)?
}

fn untransformed(on: &Problem, p: &Tensor) -> Result<Tensor> {
    let image = (on.image)(p)?;
    (on.objective)(&image)? - (on.penalty)(&image)?
}

fn normalized(g: &Tensor) -> Result<Tensor> {
    let rms = (g.sqr()?.flatten_from(1)?.mean(1)?.sqrt()? + 1e-8)?;
    per_image(&rms.recip()?, g)
}

/// ∂(Σ f(p))/∂p
fn gradient(p: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let variable = Var::from_tensor(&p.detach())?;
    let store = f(&variable)?.sum_all()?.backward()?;
    store.get(&variable).map_or_else(|| p.zeros_like(), |g| Ok(g.clone()))
}

/// With the optimizer's state and the loop written out.
fn maximize(start: &Tensor, on: &Problem, settings: &Settings, parts: &Parts) -> Result<Tensor> {
    let mut p = start.detach();
    let (mut m, mut v) = (p.zeros_like()?, p.zeros_like()?);
    let mut first: Option<Tensor> = None;
    for t in 1..=(parts.steps)(settings.steps) {
        let mut g = gradient(&p, |p| (parts.value)(on, p))?;
        if (parts.dead)(t, &dot(&g, &g)?.to_dtype(DType::F64)?.to_vec1::<f64>()?) {
            bail!("dead");
        }
        if !parts.anew {
            g = first.get_or_insert(g).clone();
        }
        let d = if settings.optimizer == Optimizer::Ascent || !parts.knows_adam {
            (parts.ascent)(&g)?
        } else {
            let (g, [beta1, beta2]) = ((parts.adam)(&g)?, parts.betas);
            m = ((&m * beta1)? + (&g * (1.0 - beta1))?)?;
            v = (parts.kept)(&v, ((&v * beta2)? + (g.sqr()? * (1.0 - beta2))?)?)?;
            let share = |beta: f64| {
                if parts.corrected {
                    1.0 - beta.powi(t as i32)
                } else {
                    1.0
                }
            };
            ((&m / share(beta1))? / (parts.size)(&(&v / share(beta2))?)?)?
        };
        let next = ((parts.from)(on, &p)? + (d * (parts.sign * settings.step_size))?)?;
        let next = (parts.project)(on, &next)?;
        m = (parts.held)(m, next.ne(&p)?.to_dtype(p.dtype())?)?;
        p = next;
    }
    (parts.end)(on, &p)
}

fn answer(parts: Parts) -> Maximize {
    keep(Box::new(move |start: &Tensor, on: &Problem, settings: &Settings| {
        maximize(start, on, settings, &parts)
    }))
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "descends",
        "The objective falls. Ascent adds the step; optimizers for a loss subtract it.",
        |parts| parts.sign = -1.0,
    ),
    fault(
        "penalty added",
        "Your penalty rewards what it should punish: it is taken off the objective.",
        |parts| parts.value = |on, p| value(on, p)? + ((on.penalty)(&(on.image)(p)?)? * 2.0)?,
    ),
    fault(
        "no penalty",
        "problem.penalty makes no difference in yours. Subtract it from the objective, inside of what is \
         differentiated, and of the image as it is, not detached.",
        |parts| parts.value = |on, p| (on.objective)(&(on.transform)(&(on.image)(p)?)?),
    ),
    fault(
        "penalty on the moved image",
        "You took the penalty of the transformed image. It belongs to the image itself; the transformation is only \
         how the network looks at it.",
        |parts| {
            parts.value = |on, p| {
                let seen = (on.transform)(&(on.image)(p)?)?;
                (on.objective)(&seen)? - (on.penalty)(&seen)?
            }
        },
    ),
    fault(
        "no transformation",
        "problem.transform makes no difference in yours. The objective is that of transform(image(p)).",
        |parts| parts.value = untransformed,
    ),
    fault(
        "the transformation stays",
        "Your image itself is moved in each step, and drifts. The transformation is part of the function that is \
         differentiated; the step is added to what was there before.",
        |parts| parts.from = |on, p| (on.transform)(p),
    ),
    fault(
        "returns the moved image",
        "You return the image transformed. The result is image(p), as it is without.",
        |parts| parts.end = |on, p| (on.transform)(&(on.image)(p)?),
    ),
    fault(
        "returns the parameters",
        "You return p. What is asked for is the image made of it, image(p); with pixels the two are the same.",
        |parts| parts.end = |_, p| Ok(p.clone()),
    ),
    fault(
        "projection inside",
        "You project inside of what is differentiated. A pixel beyond the range has gradient 0 there and never comes \
         back; project after the step.",
        |parts| {
            parts.value = |on, p| value(on, &(on.project)(p)?);
            parts.project = |_, p| Ok(p.clone());
        },
    ),
    fault(
        "projection inside as well",
        "You project after the step, which is right, and once more inside of what is differentiated. There a pixel \
         beyond the range has gradient 0; leave it out of f.",
        |parts| parts.value = |on, p| value(on, &(on.project)(p)?),
    ),
    fault(
        "no projection",
        "Your image leaves its limits. Apply problem.project after each step.",
        |parts| parts.project = |_, p| Ok(p.clone()),
    ),
    fault(
        "projected once, at the end",
        "You project after the last step. It belongs to each: the next gradient is that of an image within its limits.",
        |parts| {
            parts.project = |_, p| Ok(p.clone());
            parts.end = |on, p| (on.image)(&(on.project)(p)?);
        },
    ),
    fault(
        "projected once more at the end",
        "You project once more after the last step. A clamp does nothing the second time, but a blur blurs again.",
        |parts| parts.end = |on, p| (on.image)(&(on.project)(p)?),
    ),
    fault(
        "gradient not normalized",
        "With Optimizer::Ascent the step is direction(g), the gradient divided by its rms. Yours is the gradient as \
         it is.",
        |parts| parts.ascent = |g| Ok(g.clone()),
    ),
    fault(
        "running means not corrected",
        "Both running means start at 0 and are too small at first. Divide them by 1 − 0.9ᵗ and 1 − 0.999ᵗ.",
        |parts| parts.corrected = false,
    ),
    fault(
        "no root in Adam",
        "Adam divides by the root of v̂, the size of the gradient; you divided by its square.",
        |parts| parts.size = |v| v + 1e-8,
    ),
    fault(
        "1e-8 under the root",
        "The 1e-8 belongs outside of the root: √v̂ + 1e-8. Under it, it counts like a gradient of 1e-4, and numbers \
         with a smaller gradient hardly move.",
        |parts| parts.size = |v| (v + 1e-8)?.sqrt(),
    ),
    fault(
        "betas swapped",
        "The mean of the gradient forgets with 0.9, that of its square with 0.999. Yours are the other way round.",
        |parts| parts.betas = [0.999, 0.9],
    ),
    fault(
        "Adam of the direction",
        "Adam gets the gradient as it is: it has its own normalization, number by number.",
        |parts| parts.adam = normalized,
    ),
    fault(
        "optimizer ignored",
        "settings.optimizer makes no difference in yours. Adam is asked for, and you take the normalized gradient.",
        |parts| parts.knows_adam = false,
    ),
    fault(
        "dead start accepted",
        "The first gradient is 0 everywhere, and so are all that follow. Say so with an error instead of returning \
         the start.",
        |parts| parts.dead = |_, _| false,
    ),
    fault(
        "one dead image accepted",
        "One image of the batch has gradient 0 and will never move. The check is for each image, not for the batch.",
        |parts| parts.dead = |t, sizes| t == 1 && sizes.iter().all(|&size| size == 0.0),
    ),
    fault(
        "one step too few",
        "You take a step less than settings.steps.",
        |parts| parts.steps = |steps| steps.saturating_sub(1),
    ),
    fault(
        "the first gradient, again and again",
        "You differentiate once. The gradient changes with the image, so it is taken anew before each step.",
        |parts| parts.anew = false,
    ),
    fault(
        "still connected",
        "The image is right, and the graph still hangs on it. Keep p as a plain tensor: detach().",
        |parts| parts.end = |on, p| (on.image)(Var::from_tensor(p)?.as_tensor()),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Maximize>] = &[
    slip(Returned, "the start not detached", |f| {
        *f = &|start, on, settings| {
            let end = maximize(start, on, settings, &RIGHT)?;
            if start.track_op() {
                end + (start * 0.0)?
            } else {
                Ok(end)
            }
        }
    }),
    ordered!(dyn "only what lies in order", |start, on, settings| [start] => maximize(start, on, settings, &RIGHT)),
    slip(Batch, "four images at most", |f| {
        *f = &|start, on, settings| first_of(&maximize(start, on, settings, &RIGHT)?, 4)
    }),
    slip(
        Combined,
        "no transformation where the image is made of parameters",
        |f| {
            *f = &|start, on, settings| {
                let made = (on.image)(start)?;
                let other = made.dims() == start.dims() && (&made - start)?.abs()?.max_all()?.to_scalar::<f32>()? > 0.0;
                let value = if other && settings.steps > 2 {
                    untransformed
                } else {
                    value
                };
                maximize(start, on, settings, &Parts { value, ..RIGHT })
            }
        },
    ),
    slip(Sizes, "parameters of rank 4 only", |f| {
        *f = &|start, on, settings| {
            start.dims4()?;
            maximize(start, on, settings, &RIGHT)
        }
    }),
    slip(Scale, "dead below a millionth", |f| {
        *f = &|start, on, settings| {
            let largest = gradient(start, |p| value(on, p))?
                .abs()?
                .max_all()?
                .to_dtype(DType::F64)?;
            if settings.steps > 0 && largest.to_scalar::<f64>()? < 1e-6 {
                bail!("dead");
            }
            maximize(start, on, settings, &RIGHT)
        }
    }),
    slip(Scale, "gradients held within a million", |f| {
        *f = &|start, on, settings| {
            let objective = |x: &Tensor| (on.objective)(x)?.clamp(-1e6, 1e6);
            let objective = &objective;
            maximize(start, &Problem { objective, ..*on }, settings, &RIGHT)
        }
    }),
];

/// Attempts that once passed.
const PASSED: &[Refused<Maximize>] = &[
    ("a summit refused", |f| {
        let dead = |_, sizes: &[f64]| sizes.contains(&0.0);
        *f = answer(Parts { dead, ..RIGHT })
    }),
    ("dead by the objective alone", |f| {
        *f = &|start, on, settings| {
            let g = gradient(start, |p| (on.objective)(&(on.transform)(&(on.image)(p)?)?))?;
            if settings.steps > 0 && g.abs()?.max_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()? == 0.0 {
                bail!("dead");
            }
            maximize(start, on, settings, &RIGHT)
        }
    }),
    ("Adam's m forgotten while a number is held", |f| {
        let held = |m: Tensor, moved: Tensor| m * moved;
        *f = answer(Parts { held, ..RIGHT })
    }),
    ("Adam's v never falls", |f| {
        let kept = |before: &Tensor, v: Tensor| v.maximum(before);
        *f = answer(Parts { kept, ..RIGHT })
    }),
    ("the best image instead of the last", |f| {
        *f = &|start, on, settings| {
            let mut best = (f32::NEG_INFINITY, (on.image)(start)?);
            for steps in 0..=settings.steps {
                let image = maximize(start, on, &Settings { steps, ..*settings }, &RIGHT)?;
                let value = ((on.objective)(&(on.transform)(&image)?)? - (on.penalty)(&image)?)?;
                let value = value.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
                if value > best.0 {
                    best = (value, image);
                }
            }
            Ok(best.1)
        }
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Maximize> {
    Exam::new("3.5", SOLUTION)
        .faults("everything in one loop", &RIGHT, answer, FAULTS)
        .are_a_third("no projection", "projection inside as well") // projection inside
        .are_a_third("no projection", "projected once more at the end") // projected once, at the end
        .proofs(answer(RIGHT), PROOFS)
        .refused(answer(RIGHT), PASSED)
}
