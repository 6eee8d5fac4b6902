use candle_core::{Result, Tensor, Var, bail};
use resnet::{Window, ops};

use super::{Function, linear, per_image};
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

/// `solution03::Dream`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub struct Dream {
    pub octaves: usize,
    pub ratio: f64,
    pub steps: usize,
    pub step_size: f64,
}

/// `solution03::octave_sizes`
pub type OctaveSizes = fn(usize, usize, usize, f64) -> Result<Vec<(usize, usize)>>;
/// `solution03::dream`
pub type Dreams = fn(&Tensor, &Function, &Dream, &mut dyn FnMut() -> (i32, i32)) -> Result<Tensor>;

/// The two functions of exercise 3.7.
#[derive(Clone, Copy)]
pub struct Dreaming {
    /// `solution03::octave_sizes`
    pub octave_sizes: OctaveSizes,
    /// `solution03::dream`
    pub dream: Dreams,
}

/// The attempt at 3.7 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_7 {
    ($lesson:ident) => {
        $crate::lesson03::Dreaming {
            octave_sizes: $lesson::octave_sizes,
            dream: |picture, objective, settings, shift| {
                let $crate::lesson03::Dream {
                    octaves,
                    ratio,
                    steps,
                    step_size,
                } = *settings;
                let settings = $lesson::Dream {
                    octaves,
                    ratio,
                    steps,
                    step_size,
                };
                $lesson::dream(picture, objective, &settings, shift)
            },
        }
    };
}

const SOLUTION: Dreaming = ex3_7!(solution03);

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

/// (down, right) for one step after the other, the same for every attempt.
fn shifts() -> impl FnMut() -> (i32, i32) {
    let mut step = 0;
    move || {
        step += 1;
        (step % 3 - 1, (2 * step) % 5 - 2)
    }
}

fn table(sizes: OctaveSizes) -> Result<String> {
    let mut text = String::new();
    for (height, width, octaves, ratio) in [
        (128, 128, 4, 1.4),
        (224, 224, 6, 1.3),
        (150, 97, 3, 2.0),
        (64, 48, 1, 1.4),
    ] {
        let line = sizes(height, width, octaves, ratio)?
            .into_iter()
            .map(|(height, width)| format!("{height}×{width}"))
            .collect::<Vec<_>>();
        text += &format!("{height}×{width}, {octaves} octaves of {ratio}: {}\n", line.join(", "));
    }
    Ok(text)
}

fn flat(sizes: Result<Vec<(usize, usize)>>) -> Result<Vec<usize>> {
    Ok(sizes?.into_iter().flat_map(|(height, width)| [height, width]).collect())
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
    slip(Empty, "one step at least", |f| {
        f.dream = |picture, objective, settings, shift| {
            let steps = settings.steps.max(1);
            dream(picture, objective, &Dream { steps, ..*settings }, shift, Flaw::None)
        }
    }),
];

/// 3.7
pub fn exam(seed: u64) -> Exam<Dreaming> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Dreaming> {
    Exam::new("3.7", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("from the picture of the octave before", RIGHT)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Dreaming>) -> Exam<Dreaming> {
    let mut random = Random::new(seed, 37);
    let picture = random.between(0.2, 0.8, (2, 3, 9, 12));
    let kernel = random.signed((2, 3, 3, 3));
    let layer = move |x: &Tensor| {
        let map = ops::conv2d(x, &kernel, Window::new(3).padding(1))?;
        map.sqr()?.flatten_from(1)?.mean(1)
    };
    let (height, width) = (random.count(50, 300), random.count(50, 300));
    let one = Dream {
        octaves: 1,
        ratio: 2.0,
        steps: 1,
        step_size: 0.1,
    };
    let slopes = tensor(&[3.0, -1.0], (1, 1, 1, 2));
    let pair = tensor(&[0.5, 0.5], (1, 1, 1, 2));
    let up = 0.1 / 5f32.sqrt();

    let exam = exam
        .truth(
            "sizes of 100×60 in 3 octaves of 2",
            vec![25usize, 15, 50, 30, 100, 60],
            |f| flat((f.octave_sizes)(100, 60, 3, 2.0)),
        )
        .because(
            "Each side, height first, divided by 2 to the power of 2, 1 and 0: a quarter, half, the picture itself.",
        )
        .truth("sizes of 7×9 in 3 octaves of 2", vec![2usize, 2, 4, 5, 7, 9], |f| {
            flat((f.octave_sizes)(7, 9, 3, 2.0))
        })
        .because("7/4 = 1.75 and 9/4 = 2.25 give 2, 7/2 = 3.5 gives 4, 9/2 = 4.5 gives 5.")
        .snapshot("sizes of four pictures", "lesson03_octaves", |f| table(f.octave_sizes))
        .case(format!("sizes of {height}×{width} in 5 octaves of 1.37"), move |f| {
            flat((f.octave_sizes)(height, width, 5, 1.37))
        })
        .refuses("8 pixels in 6 octaves of 2", |f| flat((f.octave_sizes)(8, 8, 6, 2.0)))
        .refuses("100×8 in 6 octaves of 2", |f| flat((f.octave_sizes)(100, 8, 6, 2.0)))
        .truth(
            "one octave, one step of 0.1 up 3·a − b from (½, ½), no roll",
            tensor(&[0.5 + 3.0 * up, 0.5 - up], (1, 1, 1, 2)),
            {
                let (pair, slopes) = (pair.clone(), slopes.clone());
                move |f| (f.dream)(&pair, &linear(&slopes), &one, &mut || (0, 0))
            },
        )
        .truth(
            "the same, rolled (0, 1)",
            tensor(&[0.5 - up, 0.5 + 3.0 * up], (1, 1, 1, 2)),
            {
                let (pair, slopes) = (pair.clone(), slopes.clone());
                move |f| (f.dream)(&pair, &linear(&slopes), &one, &mut || (0, 1))
            },
        )
        .because("The step is taken on (b, a), and the result rolled back.")
        .truth(
            "the same with a step of 1, no roll",
            tensor(&[1.0, 0.5 - 1.0 / 5f32.sqrt()], (1, 1, 1, 2)),
            {
                move |f| {
                    (f.dream)(&pair, &linear(&slopes), &Dream { step_size: 1.0, ..one }, &mut || {
                        (0, 0)
                    })
                }
            },
        )
        .because("a would leave [0, 1] and is held at 1.");
    let (same, one_octave) = (picture.clone(), picture.clone());
    let gentle = Dream {
        octaves: 3,
        ratio: 1.5,
        steps: 2,
        step_size: 0.0,
    };
    exam.given(layer, |on| {
        on.truth("three octaves with step size 0", &picture, move |f, layer| {
            (f.dream)(&same, layer, &gentle, &mut shifts())
        })
        .within(Tolerance::new(1e-4, 1e-5))
        .because(
            "Nothing was dreamt, so each picture comes back as it was: each base from the picture itself, the rolls \
             undone, nothing counted twice.",
        )
        .case(
            "one octave, three steps with rolls, on two pictures",
            move |f, layer| {
                let settings = Dream {
                    octaves: 1,
                    ratio: 1.5,
                    steps: 3,
                    step_size: 0.05,
                };
                Observed::from((f.dream)(&one_octave, layer, &settings, &mut shifts()))
            },
        )
        .within(Tolerance::new(1e-3, 1e-4))
        .because("After each step the picture is rolled back and held in [0, 1], and the next step sees that.")
        .case("three octaves of 1.5, two steps each", move |f, layer| {
            let settings = Dream {
                step_size: 0.08,
                ..gentle
            };
            (f.dream)(&picture, layer, &settings, &mut shifts())
        })
        .within(Tolerance::new(1e-3, 1e-4))
        .because(
            "At each size x = base + the resized detail, all that was dreamt so far and not held in [0, 1] yet; then \
             the steps, as long as at any size, each held in [0, 1].",
        )
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Dreaming>) -> Exam<Dreaming> {
    let mut random = Random::new(seed, 137);
    let picture = random.between(0.2, 0.8, (2, 3, 8, 11));
    let weights = random.signed((1, 3, 8, 11));
    let settings = Dream {
        octaves: 1,
        ratio: 2.0,
        steps: 3,
        step_size: 0.4,
    };
    exam.given((picture, weights), move |on| {
        on.case(
            "one octave, three steps of 0.4, pictures whose columns come first in memory",
            move |f, (picture, w)| (f.dream)(&askew(picture), &linear(w), &settings, &mut shifts()),
        )
        .within(Tolerance::new(1e-3, 1e-4))
        .holds(NotContiguous)
        .refuses("8×100 in 6 octaves of 2", |f, _| {
            flat((f.octave_sizes)(8, 100, 6, 2.0))
        })
    })
    .truth(
        "two steps of 1 up a − b from (½, ½), then back: held in [0, 1] after each",
        tensor(&[0.0, 1.0], (1, 1, 1, 2)),
        |f| {
            // The first step goes beyond [0, 1] by as much as the second comes back.
            let step = std::cell::Cell::new(0);
            let objective = |x: &Tensor| {
                step.set(step.get() + 1);
                linear(&tensor(&[[1.0, -1.0], [-1.0, 1.0]][(step.get() - 1) % 2], (1, 1, 1, 2)))(x)
            };
            let settings = Dream {
                octaves: 1,
                ratio: 2.0,
                steps: 2,
                step_size: 1.0,
            };
            (f.dream)(&tensor(&[0.5, 0.5], (1, 1, 1, 2)), &objective, &settings, &mut || {
                (0, 0)
            })
        },
    )
    .because("(½, ½) goes to (1.5, −0.5), held at (1, 0); the way back ends at (0, 1).")
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
}

/// Many pictures, tall ones, and no step.
fn further_hazards(seed: u64, exam: Exam<Dreaming>) -> Exam<Dreaming> {
    let mut random = Random::new(seed, 237);
    let fixture = (
        random.between(0.3, 0.7, (5, 3, 7, 4)),
        random.signed((2, 3, 3, 3)),
        random.between(0.3, 0.7, (1, 3, 11, 4)),
    );
    let close = Tolerance::new(1e-3, 1e-4);
    let settings = |octaves: usize, steps: usize| Dream {
        octaves,
        ratio: 1.6,
        steps,
        step_size: 0.05,
    };
    let layer = |x: &Tensor, kernel: &Tensor| {
        let map = ops::conv2d(x, kernel, Window::new(3).padding(1))?;
        map.sqr()?.flatten_from(1)?.mean(1)
    };
    exam.given(fixture, move |on| {
        on.case("two octaves of five pictures", move |f, (x, kernel, _)| {
            (f.dream)(x, &|x: &Tensor| layer(x, kernel), &settings(2, 2), &mut shifts())
        })
        .within(close)
        .holds(Batch)
        .case("two octaves of 1.6 of a picture of 11×4", move |f, (_, kernel, x)| {
            (f.dream)(x, &|x: &Tensor| layer(x, kernel), &settings(2, 2), &mut shifts())
        })
        .within(close)
        .holds(Sizes)
        .truth("no step at all: is it the picture?", true, move |f, (x, kernel, _)| {
            let x = x.narrow(0, 0, 1)?;
            let dreamt = (f.dream)(&x, &|x: &Tensor| layer(x, kernel), &settings(3, 0), &mut shifts())?;
            Ok::<_, candle_core::Error>((dreamt - x)?.abs()?.max_all()?.to_scalar::<f32>()? < 1e-5)
        })
        .holds(Empty)
    })
    .spared(&[Combined], "octaves, steps and rolls come together in the inputs")
    .spared(&[Scale, Sign], "pictures lie in [0, 1]")
    .spared(
        &[Returned, Wiring],
        "tried as mistakes, and by 3.2, which it is made of",
    )
    .spared(
        &[Ties, Names, NotFinite],
        "nothing is chosen, no names; NaN is not spoken of",
    )
}
