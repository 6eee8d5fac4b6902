//! Answers to 3.2, right and wrong.

use candle_core::{DType, Result, Tensor, Var, bail};

use super::super::{Function, dot, per_image};
use super::{Ascent, SOLUTION};
use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Refused, Slip, fault, ordered, slip};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    MeanOverBatch,
    AnyShape,
    StillConnected,
    NoEpsilon,
    BatchRms,
    UnitNorm,
    Sign,
    LargestOne,
    NotNormalized,
    Descends,
    ForgetsTheImage,
    BallAlways,
    BallByPixel,
    BallOfBatch,
}

fn value_and_gradient(x: &Tensor, f: &Function, fault: Flaw) -> Result<(Tensor, Tensor)> {
    let variable = Var::from_tensor(&x.detach())?;
    let values = f(&variable)?;
    if fault != Flaw::AnyShape && values.dims() != [x.dim(0)?] {
        bail!("shape {:?}", values.dims());
    }
    let total = match fault {
        Flaw::MeanOverBatch => values.mean_all()?,
        _ => values.sum_all()?,
    };
    let store = total.backward()?;
    let gradient = match store.get(&variable) {
        Some(gradient) => gradient.clone(),
        None => variable.as_tensor().zeros_like()?.detach(),
    };
    match fault {
        Flaw::StillConnected => Ok((values, gradient)),
        _ => Ok((values.detach(), gradient.detach())),
    }
}

fn direction(gradient: &Tensor, fault: Flaw) -> Result<Tensor> {
    let squares = gradient.sqr()?;
    let size = match fault {
        Flaw::NotNormalized => return Ok(gradient.clone()),
        Flaw::Sign => return gradient.sign(),
        Flaw::BatchRms => squares.mean_all()?.sqrt()?.broadcast_as(gradient.dim(0)?)?,
        Flaw::UnitNorm => squares.flatten_from(1)?.sum(1)?.sqrt()?,
        Flaw::LargestOne => gradient.abs()?.flatten_from(1)?.max(1)?,
        _ => squares.flatten_from(1)?.mean(1)?.sqrt()?,
    };
    let epsilon = if fault == Flaw::NoEpsilon { 0.0 } else { 1e-8 };
    per_image(&(size + epsilon)?.recip()?, gradient)
}

fn ascent_step(x: &Tensor, f: &Function, step_size: f64, fault: Flaw) -> Result<Tensor> {
    let (_, gradient) = value_and_gradient(x, f, fault)?;
    let step = (direction(&gradient, fault)? * step_size)?;
    match fault {
        Flaw::Descends => x.detach() - step,
        Flaw::ForgetsTheImage => Ok(step),
        Flaw::StillConnected => Var::from_tensor(&x.detach())?.as_tensor() + step,
        _ => x.detach() + step,
    }
}

fn into_ball(x: &Tensor, radius: f64, fault: Flaw) -> Result<Tensor> {
    if fault == Flaw::BallByPixel {
        return x.clamp(-radius, radius);
    }
    let norms = match fault {
        Flaw::BallOfBatch => x.sqr()?.sum_all()?.sqrt()?.broadcast_as(x.dim(0)?)?,
        _ => dot(x, x)?.sqrt()?,
    };
    let factors = (norms.recip()? * radius)?;
    match fault {
        Flaw::BallAlways => per_image(&factors, x),
        _ => per_image(&factors.minimum(1.0)?, x),
    }
}

macro_rules! with {
    ($fault:ident) => {
        Ascent {
            value_and_gradient: |x, f| value_and_gradient(x, f, Flaw::$fault),
            direction: |gradient| direction(gradient, Flaw::$fault),
            ascent_step: |x, f, step_size| ascent_step(x, f, step_size, Flaw::$fault),
            into_ball: |x, radius| into_ball(x, radius, Flaw::$fault),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Ascent = with!(None);

const FAULTS: &[Fault<Ascent>] = &[
    fault(
        "mean over the batch",
        "Your gradient is smaller by the number of images: you took the mean of the values where their sum is asked \
         for.",
        |f| *f = with!(MeanOverBatch),
    ),
    fault(
        "any shape",
        "An objective that gives something other than one number per image is an error. Compare values.dims() with \
         [batch].",
        |f| *f = with!(AnyShape),
    ),
    fault(
        "still connected",
        "The numbers are right, and the graph still hangs on them. In a loop it would grow with each step until \
         backward overflows the stack: detach().",
        |f| *f = with!(StillConnected),
    ),
    fault(
        "division by zero",
        "A gradient of zeros gives NaN. Add 1e-8 to the rms before you divide.",
        |f| *f = with!(NoEpsilon),
    ),
    fault(
        "one rms for the batch",
        "All images are divided by the same number. An image with small slopes beside one with large ones would \
         hardly move; each has its own rms.",
        |f| *f = with!(BatchRms),
    ),
    fault(
        "norm instead of rms",
        "You divided by the norm. Then a pixel of a larger image moves less; divide by the rms, the root of the \
         *mean* of squares.",
        |f| *f = with!(UnitNorm),
    ),
    fault(
        "sign of the gradient",
        "You kept only the sign, so that all pixels move alike. Divide the gradient by its rms.",
        |f| *f = with!(Sign),
    ),
    fault(
        "largest entry",
        "You divided by the largest entry, so that one outlier slows down all other pixels. Divide by the rms.",
        |f| *f = with!(LargestOne),
    ),
    fault(
        "not normalized",
        "You used the gradient as it is. Its size differs by orders of magnitude between layers; divide it by its rms.",
        |f| *f = with!(NotNormalized),
    ),
    fault(
        "descends",
        "Your step goes down: it subtracts, as an optimizer for a loss does. Ascent adds.",
        |f| *f = with!(Descends),
    ),
    fault(
        "the step alone",
        "You returned the step. The new image is the old one plus the step.",
        |f| *f = with!(ForgetsTheImage),
    ),
    fault(
        "always on the surface",
        "Images inside the ball stay as they are. Yours are blown up to its surface: the factor is at most 1.",
        |f| *f = with!(BallAlways),
    ),
    fault(
        "clamped pixels",
        "You limited each pixel. The ball limits the norm of the whole image and keeps its direction: multiply all \
         its pixels by one number.",
        |f| *f = with!(BallByPixel),
    ),
    fault(
        "one ball for the batch",
        "You took the norm of the batch. Each image has its own.",
        |f| *f = with!(BallOfBatch),
    ),
    fault(
        "f called twice",
        "Your values and your gradient come from two calls of f. Call it once, on the Var, and take both from what it \
         gives: in 3.5 each call shows the network another view.",
        |f| {
            f.value_and_gradient = |x, f| {
                let values = f(&x.detach())?.detach();
                Ok((values, value_and_gradient(x, f, Flaw::None)?.1))
            }
        },
    ),
    fault(
        "a step taken back",
        "You keep an image whose step would lead down. A step that is too long is no error: it is taken, and the next \
         gradient leads back.",
        |f| {
            f.ascent_step = |x, f, step_size| {
                let next = ascent_step(x, f, step_size, Flaw::None)?;
                let better = f(&next)?.ge(&f(x)?)?.to_dtype(x.dtype())?;
                x.detach() + per_image(&better, &(next - x)?)?.detach()
            }
        },
    ),
    fault(
        "one dead image stops all",
        "Where one image has gradient 0, you leave all as they are. Each moves by itself, and the 1e-8 keeps the dead \
         one where it is.",
        |f| {
            f.ascent_step = |x, f, step_size| {
                let (_, gradient) = value_and_gradient(x, f, Flaw::None)?;
                let smallest = dot(&gradient, &gradient)?.min(0)?.to_dtype(DType::F32)?;
                match smallest.to_scalar::<f32>()? {
                    0.0 => Ok(x.detach()),
                    _ => ascent_step(x, f, step_size, Flaw::None),
                }
            }
        },
    ),
];

/// Attempts that once passed.
const PASSED: &[Refused<Ascent>] = &[
    ("no number of a direction above 3", |f| {
        f.direction = |gradient| direction(gradient, Flaw::None)?.clamp(-3.0, 3.0)
    }),
    ("0 / 0 in a ball", |f| {
        f.into_ball = |x, radius| {
            let norms = dot(x, x)?.sqrt()?;
            per_image(&norms.minimum(radius)?, &per_image(&norms.recip()?, x)?)
        }
    }),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Ascent>] = &[
    slip(Returned, "the image not detached", |f| {
        f.ascent_step = |x, f, step_size| {
            let (_, gradient) = value_and_gradient(x, f, Flaw::None)?;
            x + (direction(&gradient, Flaw::None)? * step_size)?
        }
    }),
    slip(Errors, "any list of numbers taken for one per image", |f| {
        f.value_and_gradient = |x, f| {
            let listed = |x: &Tensor| {
                let values = f(x)?;
                let whole = values.rank() == 1 && values.dim(0)? == x.elem_count();
                if whole {
                    values.narrow(0, 0, x.dim(0)?)
                } else {
                    Ok(values)
                }
            };
            value_and_gradient(x, &listed, Flaw::None)
        }
    }),
    slip(Scale, "a radius of 1e-3 at least", |f| {
        f.into_ball = |x, radius| into_ball(x, if radius > 0.0 { radius.max(1e-3) } else { radius }, Flaw::None)
    }),
    ordered!("value_and_gradient, only what lies in order", value_and_gradient: |x, f| [x] =>
        value_and_gradient(x, f, Flaw::None)),
    ordered!("direction, only what lies in order", direction: |gradient| [gradient] =>
        direction(gradient, Flaw::None)),
    ordered!("a step, only from what lies in order", ascent_step: |x, f, step_size| [x] =>
        ascent_step(x, f, step_size, Flaw::None)),
    ordered!("into_ball, only what lies in order", into_ball: |x, radius| [x] => into_ball(x, radius, Flaw::None)),
    slip(Batch, "gradients of four images at most", |f| {
        f.value_and_gradient = |x, f| {
            let (values, gradient) = value_and_gradient(x, f, Flaw::None)?;
            Ok((values, first_of(&gradient, 4)?))
        }
    }),
    slip(Batch, "directions of four images at most", |f| {
        f.direction = |g| direction(&first_of(g, 4)?, Flaw::None)
    }),
    slip(Batch, "a ball for four images at most", |f| {
        f.into_ball = |x, radius| into_ball(&first_of(x, 4)?, radius, Flaw::None)
    }),
    slip(Sizes, "a step for images of rank 4 only", |f| {
        f.ascent_step = |x, f, step_size| {
            x.dims4()?;
            ascent_step(x, f, step_size, Flaw::None)
        }
    }),
    slip(Sizes, "a ball for images of rank 4 only", |f| {
        f.into_ball = |x, radius| {
            x.dims4()?;
            into_ball(x, radius, Flaw::None)
        }
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Ascent> {
    Exam::new("3.2", SOLUTION)
        .changes(RIGHT, FAULTS)
        .proofs(RIGHT, PROOFS)
        .refused(RIGHT, PASSED)
        .alternative("another order of the operations", RIGHT)
}
