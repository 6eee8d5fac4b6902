//! Answers to 3.7, right and wrong.

use candle_core::{Result, Tensor, Var, bail};

use super::super::{Function, per_image};
use super::{Dream, Dreaming, SOLUTION};
use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    LargestFirst,
    RoundedDown,
    RoundedTwice,
    OneTooSmall,
    DreamOnly,
    DetailLost,
    OneSize,
    RollNotUndone,
    RolledOnce,
    NoClamp,
    Descends,
    ClampBeforeStep,
}

fn octave_sizes(height: usize, width: usize, octaves: usize, ratio: f64, fault: Flaw) -> Result<Vec<(usize, usize)>> {
    let sides = |side: usize| -> Vec<usize> {
        let mut sides = vec![];
        let mut last = side as f64;
        for back in 0..octaves {
            let exact = match fault {
                Flaw::RoundedTwice => last,
                Flaw::OneTooSmall => side as f64 / ratio.powi(back as i32 + 1),
                _ => side as f64 / ratio.powi(back as i32),
            };
            let whole = if fault == Flaw::RoundedDown {
                exact.floor()
            } else {
                exact.round()
            };
            last = whole / ratio;
            sides.push(whole as usize);
        }
        if fault != Flaw::LargestFirst {
            sides.reverse();
        }
        sides
    };
    let sizes: Vec<_> = sides(height).into_iter().zip(sides(width)).collect();
    if sizes.iter().any(|&(height, width)| height == 0 || width == 0) {
        bail!("a side of 0")
    } else {
        Ok(sizes)
    }
}

fn dream(
    picture: &Tensor,
    objective: &Function,
    settings: &Dream,
    shift: &mut dyn FnMut() -> (i32, i32),
    fault: Flaw,
) -> Result<Tensor> {
    let (_, _, height, width) = picture.dims4()?;
    let order = if fault == Flaw::LargestFirst { Flaw::None } else { fault };
    let mut sizes = octave_sizes(height, width, settings.octaves, settings.ratio, order)?;
    if fault == Flaw::OneTooSmall {
        sizes = octave_sizes(height, width, settings.octaves, settings.ratio, Flaw::None)?;
    }
    if fault == Flaw::OneSize {
        sizes = vec![(height, width)];
    }
    let mut dreamt: Option<Tensor> = None;
    for (height, width) in sizes {
        let base = solution03::resize(picture, height, width)?;
        let mut x = match (&dreamt, fault) {
            (None, _) | (_, Flaw::DetailLost) => base.clone(),
            (Some(before), Flaw::DreamOnly) => solution03::resize(before, height, width)?,
            (Some(before), _) => {
                let (_, _, rows, columns) = before.dims4()?;
                let detail = (before - solution03::resize(picture, rows, columns)?)?;
                (&base + solution03::resize(&detail, height, width)?)?
            }
        };
        let once = shift_of(fault, shift);
        for _ in 0..settings.steps {
            let (down, right) = once.unwrap_or_else(&mut *shift);
            let shown = x.roll(down, 2)?.roll(right, 3)?;
            let shown = if fault == Flaw::ClampBeforeStep {
                shown.clamp(0.0, 1.0)?
            } else {
                shown
            };
            let variable = Var::from_tensor(&shown.detach())?;
            let store = objective(&variable)?.sum_all()?.backward()?;
            let g = store
                .get(&variable)
                .map_or_else(|| shown.zeros_like(), |g| Ok(g.clone()))?;
            let rms = (g.sqr()?.flatten_from(1)?.mean(1)?.sqrt()? + 1e-8)?;
            let sign = if fault == Flaw::Descends { -1.0 } else { 1.0 };
            let step = (per_image(&rms.recip()?, &g)? * (sign * settings.step_size))?;
            let moved = (shown + step)?;
            x = match fault {
                Flaw::RollNotUndone => moved,
                _ => moved.roll(-down, 2)?.roll(-right, 3)?,
            };
            if !matches!(fault, Flaw::NoClamp | Flaw::ClampBeforeStep) {
                x = x.clamp(0.0, 1.0)?;
            }
        }
        dreamt = Some(x);
    }
    dreamt.map_or_else(|| Ok(picture.clone()), Ok)
}

/// The one roll of an octave, for who rolls only once.
fn shift_of(fault: Flaw, shift: &mut dyn FnMut() -> (i32, i32)) -> Option<(i32, i32)> {
    (fault == Flaw::RolledOnce).then(shift)
}

macro_rules! with {
    ($fault:ident) => {
        Dreaming {
            octave_sizes: |height, width, octaves, ratio| octave_sizes(height, width, octaves, ratio, Flaw::$fault),
            dream: |picture, objective, settings, shift| dream(picture, objective, settings, shift, Flaw::$fault),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Dreaming = with!(None);

const FAULTS: &[Fault<Dreaming>] = &[
    fault(
        "largest first",
        "Your octaves start with the largest. The smallest comes first: what it finds is refined in the larger ones.",
        |f| *f = with!(LargestFirst),
    ),
    fault(
        "rounded down",
        "You rounded down. Round to the nearest whole number.",
        |f| *f = with!(RoundedDown),
    ),
    fault(
        "rounded twice",
        "You divide the rounded size of the octave before. The error grows: take each size from the picture's own.",
        |f| *f = with!(RoundedTwice),
    ),
    fault(
        "one octave too small",
        "Your largest octave is smaller than the picture. The exponent of the last one, octaves − 1 − o, is 0.",
        |f| *f = with!(OneTooSmall),
    ),
    fault(
        "the dream alone",
        "You enlarge the dream from octave to octave, and the picture blurs. Only the detail, x − base, is enlarged; \
         the base comes from the picture each time.",
        |f| *f = with!(DreamOnly),
    ),
    fault(
        "detail lost",
        "Each octave starts from the picture alone, so what the smaller ones found is lost. Add the enlarged detail.",
        |f| *f = with!(DetailLost),
    ),
    fault("one size only", "You dream at the picture's own size only.", |f| {
        *f = with!(OneSize)
    }),
    fault(
        "roll not undone",
        "The picture wanders: after the step it has to be rolled back, by (−down, −right).",
        |f| *f = with!(RollNotUndone),
    ),
    fault(
        "one roll per octave",
        "You ask for a shift once per octave. It is another one in each step.",
        |f| *f = with!(RolledOnce),
    ),
    fault(
        "no clamp",
        "Your picture leaves [0, 1]. Clamp it after each step.",
        |f| *f = with!(NoClamp),
    ),
    fault(
        "clamped before the step",
        "You clamp before the step, so the last step can leave [0, 1]. Clamp after it.",
        |f| *f = with!(ClampBeforeStep),
    ),
    fault(
        "descends",
        "Your dream goes down: what the layer finds gets weaker.",
        |f| *f = with!(Descends),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Dreaming>] = &[
    slip(Errors, "sides of 0 taken for 1", |f| {
        f.octave_sizes = |height, width, octaves, ratio| {
            let side = |side: usize, back: usize| (side as f64 / ratio.powi(back as i32)).round().max(1.0) as usize;
            Ok((0..octaves)
                .rev()
                .map(|back| (side(height, back), side(width, back)))
                .collect())
        }
    }),
    ordered!("only what lies in order", dream: |picture, objective, settings, shift| [picture] =>
        dream(picture, objective, settings, shift, Flaw::None)),
    slip(Batch, "four pictures at most", |f| {
        f.dream =
            |picture, objective, settings, shift| dream(&first_of(picture, 4)?, objective, settings, shift, Flaw::None)
    }),
    slip(Sizes, "no side below 4", |f| {
        f.dream = |picture, objective, settings, shift| {
            let (_, _, height, width) = picture.dims4()?;
            let narrow = height > 10 && width < 5;
            let octaves = if narrow { 1 } else { settings.octaves };
            dream(picture, objective, &Dream { octaves, ..*settings }, shift, Flaw::None)
        }
    }),
    slip(Sizes, "equal sizes once", |f| {
        f.octave_sizes = |height, width, octaves, ratio| {
            let mut sizes = octave_sizes(height, width, octaves, ratio, Flaw::None)?;
            sizes.dedup();
            Ok(sizes)
        }
    }),
    slip(Empty, "one step at least", |f| {
        f.dream = |picture, objective, settings, shift| {
            let steps = settings.steps.max(1);
            dream(picture, objective, &Dream { steps, ..*settings }, shift, Flaw::None)
        }
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Dreaming> {
    Exam::new("3.7", SOLUTION)
        .changes(RIGHT, FAULTS)
        .proofs(RIGHT, PROOFS)
        .unnamed(
            "held in [0, 1] once per octave",
            Dreaming {
                dream: |picture, objective, settings, shift| {
                    dream(picture, objective, settings, shift, Flaw::NoClamp)?.clamp(0.0, 1.0)
                },
                ..with!(None)
            },
        )
        .alternative("from the picture of the octave before", RIGHT)
}
