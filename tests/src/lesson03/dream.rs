use candle_core::{Result, Tensor};
use resnet::{Window, ops};

use super::{Function, linear};
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

mod answers;

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

/// 3.7
pub fn exam(seed: u64) -> Exam<Dreaming> {
    further_hazards(seed, hazards(seed, basics(seed, answers::answers())))
}

/// Inputs of `octave_sizes`.
fn sizes(exam: Exam<Dreaming>, height: usize, width: usize) -> Exam<Dreaming> {
    exam.truth(
        "sizes of 100×60 in 3 octaves of 2",
        vec![25usize, 15, 50, 30, 100, 60],
        |f| flat((f.octave_sizes)(100, 60, 3, 2.0)),
    )
    .because("Each side, height first, divided by 2 to the power of 2, 1 and 0: a quarter, half, the picture itself.")
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

    let exam = sizes(exam, height, width)
        .truth(
            "one octave, one step of 0.1 up 3·a − b from (½, ½), no roll",
            tensor(&[0.5 + 3.0 * up, 0.5 - up], (1, 1, 1, 2)),
            {
                let (pair, slopes) = (pair.clone(), slopes.clone());
                move |f| (f.dream)(&pair, &linear(&slopes), &one, &mut || (0, 0))
            },
        )
        .because("½ + 0.1·(3, −1)/√5, as it comes out of ascent_step: held in [0, 1] and in no other range.")
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
        .because(
            "The smaller size is 7/1.6 = 4.375 by 4/1.6 = 2.5, which f64 rounds to 4 and 3; each picture by itself.",
        )
        .holds(Batch)
        .truth(
            "sizes of 4×4 in 3 octaves of 1.1",
            vec![3usize, 3, 4, 4, 4, 4],
            |f, _| flat((f.octave_sizes)(4, 4, 3, 1.1)),
        )
        .because("4/1.21 = 3.3, 4/1.1 = 3.6 and 4: sizes can be equal, and each is an octave with its steps.")
        .holds(Sizes)
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
