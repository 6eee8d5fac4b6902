mod answer;
mod inputs;

use candle_core::{DType, Device, Result, Tensor};

use crate::Hazard::*;
use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Fault, Slip, fault, slip};
use answer::{Flaw, best, iou, resumed, shuffled, thresholds};
use inputs::basics;

/// `solution04::Thresholds` and `solution04::Dissection` over a list of batches, `best_concepts` and `shuffled`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
#[allow(clippy::type_complexity, reason = "one use each")]
pub struct Dissect {
    pub thresholds: fn(&[Tensor], usize, f64) -> Result<Tensor>,
    pub iou: fn(&[(Tensor, Tensor)], &Tensor) -> Result<Tensor>,
    pub best: fn(&Tensor) -> Result<Vec<(usize, f64)>>,
    pub shuffled: fn(&Tensor) -> Result<Tensor>,
    /// A data set that goes on: the three counts so far, thresholds, one more batch; and the counts after it.
    pub resumed: fn(f64, &Tensor, &(Tensor, Tensor)) -> Result<Tensor>,
}

/// The attempt at 4.8 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_8 {
    ($lesson:ident) => {
        $crate::lesson04::Dissect {
            thresholds: |batches, values, share| {
                let mut thresholds = $lesson::Thresholds::new(values, share)?;
                batches.iter().try_for_each(|batch| thresholds.update(batch))?;
                thresholds.finish()
            },
            iou: |batches, thresholds| {
                let mut dissection = $lesson::Dissection::new(thresholds, batches[0].1.dim(1)?)?;
                let mut update = |(activations, masks): &_| dissection.update(activations, masks);
                batches.iter().try_for_each(&mut update)?;
                dissection.iou()
            },
            best: $lesson::best_concepts,
            shuffled: $lesson::shuffled,
            resumed: |counted, thresholds, (activations, masks)| {
                let mut dissection = $lesson::Dissection::new(thresholds, masks.dim(1)?)?;
                let $lesson::Dissection {
                    both, unit, concept, ..
                } = &mut dissection;
                for count in [both, unit, concept] {
                    *count = (&*count + counted)?;
                }
                dissection.update(activations, masks)?;
                let counts = [dissection.both, dissection.unit, dissection.concept];
                let counts = counts.map(|count| count.to_dtype(candle_core::DType::F64)?.flatten_all());
                candle_core::Tensor::cat(&counts.into_iter().collect::<candle_core::Result<Vec<_>>>()?, 0)? - counted
            },
        }
    };
}

const SOLUTION: Dissect = ex4_8!(solution04);

macro_rules! fault {
    ($fault:expr) => {
        Dissect {
            thresholds: |batches, values, share| thresholds(batches, values, share, $fault),
            iou: |batches, thresholds| iou(batches, thresholds, $fault),
            best: |iou| best(iou, $fault),
            shuffled: |masks| shuffled(masks, $fault),
            resumed: |counted, t, batch| resumed(counted, t, batch, |count| count),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Dissect = fault!(Flaw::None);

const FAULTS: &[Fault<Dissect>] = &[
    fault(
        "one threshold for all units",
        "All your units share one threshold. Units differ in scale: a loud one is then always on, a quiet one never. \
         Each has its own.",
        |f| *f = fault!(Flaw::OneForAllUnits),
    ),
    fault(
        "mean of the batches' thresholds",
        "You found a threshold in each batch and averaged them. A batch without the concept then lowers it. Keep the \
         largest values over all batches, and look for T at the end.",
        |f| *f = fault!(Flaw::MeanOfBatches),
    ),
    fault(
        "the last batch only",
        "Only the last batch counts. Join the values kept so far to the new ones before you sort.",
        |f| *f = fault!(Flaw::LastBatch),
    ),
    fault(
        "the k-th largest",
        "T is one place too high: with a > T, ⌊share·values⌋ activations should pass, so T is the largest of the \
         others.",
        |f| *f = fault!(Flaw::OneTooHigh),
    ),
    fault(
        "the smallest values",
        "You took the lowest share. Sort falling: `sort_last_dim(false)`.",
        |f| *f = fault!(Flaw::Lowest),
    ),
    fault(
        "ten times the share",
        "A share of 0.005 is 0.5 %, five in a thousand. Yours is ten times that.",
        |f| *f = fault!(Flaw::Percent),
    ),
    fault(
        "images and units mixed up",
        "Your rows are not units. [batch, units, …] has the batch first: transpose(0, 1) before you flatten.",
        |f| *f = fault!(Flaw::UnitsMixed),
    ),
    fault(
        "≥ T",
        "You count places with a ≥ T. A sparse unit has T = 0, and then every pixel is on. Compare with >.",
        |f| *f = fault!(Flaw::AtLeast),
    ),
    fault(
        "thresholded before enlarging",
        "Each place of the map becomes a block of pixels: you compared the small map with T and enlarged the result, \
         or \
         you enlarged by nearest neighbour, which comes to the same. Enlarge bilinearly first, then compare.",
        |f| *f = fault!(Flaw::SmallMapThresholded),
    ),
    fault(
        "the first image again and again",
        "Where the maps have the size of the masks, all your images are the first one. It is a fault of candle: \
         enlarging a part of a tensor to the size it has returns the beginning of the whole. Take \
         `force_contiguous()` of the part first, or take T off before.",
        |f| *f = fault!(Flaw::FirstImage),
    ),
    fault(
        "corners aligned",
        "You enlarged with align_corners = true, which stretches the map to the corners and shifts everything by up \
         to half a place. Pass false.",
        |f| *f = fault!(Flaw::CornersAligned),
    ),
    fault(
        "mean of the images' ratios",
        "You averaged a ratio per image. Most images do not show the concept, and count as 0 or 1. Sum the pixels \
         over the data set and divide once.",
        |f| *f = fault!(Flaw::MeanOfImages),
    ),
    fault(
        "intersection only",
        "You returned the number of common pixels. Large concepts then always win: divide by the union.",
        |f| *f = fault!(Flaw::Intersection),
    ),
    fault(
        "divided by the mask",
        "You divided by the concept's pixels. A unit that is on everywhere gets 1 for every concept: divide by the \
         union.",
        |f| *f = fault!(Flaw::OverMask),
    ),
    fault(
        "union without the overlap",
        "unit + concept counts the common pixels twice: the union is unit + concept − both.",
        |f| *f = fault!(Flaw::SumForUnion),
    ),
    fault(
        "0 divided by 0",
        "A unit that is never on and a concept that is never shown give 0/0. Their IoU is 0.",
        |f| *f = fault!(Flaw::NotFinite),
    ),
    fault(
        "counted in f32",
        "Your counts are f32, which cannot count beyond 16,777,216: one pixel more is lost. Make the zeros in f64, and \
         what is added to them.",
        |f| f.resumed = |counted, t, batch| resumed(counted, t, batch, |count| f64::from(count as f32)),
    ),
    fault(
        "the last of equal concepts",
        "Of equal IoUs the first concept counts. `max_by` returns the last one.",
        |f| *f = fault!(Flaw::LastMaximum),
    ),
    fault("the smallest IoU", "You took the concept with the smallest IoU.", |f| {
        *f = fault!(Flaw::SmallestIou)
    }),
    fault(
        "every image keeps its masks",
        "Your masks are not shuffled, so the null is the measurement itself. Image i gets the masks of image i − 1.",
        |f| *f = fault!(Flaw::NotShuffled),
    ),
    fault(
        "a single image shuffled",
        "One image has no other masks to take. Return an error, or a batch of one passes for a null.",
        |f| *f = fault!(Flaw::OneImageShuffled),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Dissect>] = &[
    slip(Sizes, "the share rounded to the nearest", |f| {
        f.thresholds = |batches, values, share| match values {
            10 if share > 0.1 => thresholds(
                batches,
                values,
                (share * 10.0).round().min(9.0) / 10.0 + 1e-9,
                Flaw::None,
            ),
            _ => thresholds(batches, values, share, Flaw::None),
        }
    }),
    slip(Sign, "the largest values start at 0", |f| {
        f.thresholds = |batches, values, share| {
            thresholds(batches, values, share, Flaw::None).and_then(|found| match values {
                4 => found.relu(),
                _ => Ok(found),
            })
        }
    }),
    slip(NotContiguous, "thresholds, only what lies in order", |f| {
        f.thresholds = |batches, values, share| {
            if let [one] = batches {
                in_order(&[one])?;
            }
            thresholds(batches, values, share, Flaw::None)
        }
    }),
    slip(NotContiguous, "IoU, only what lies in order", |f| {
        f.iou = |batches, thresholds| {
            if let [(activations, masks)] = batches {
                in_order(&[activations, masks])?;
            }
            iou(batches, thresholds, Flaw::None)
        }
    }),
    slip(Batch, "three images in one batch: the last one left out", |f| {
        f.iou = |batches, thresholds| match batches {
            [(activations, masks)]
                if activations.is_contiguous() && activations.dims() == [3, 4, 5, 3] && masks.dim(0)? == 3 =>
            {
                iou(
                    &[(activations.narrow(0, 0, 2)?, masks.narrow(0, 0, 2)?)],
                    thresholds,
                    Flaw::None,
                )
            }
            _ => iou(batches, thresholds, Flaw::None),
        }
    }),
    slip(Scale, "quiet units taken for silent ones", |f| {
        f.thresholds = |batches, values, share| {
            let found = thresholds(batches, values, share, Flaw::None)?;
            let silent = (found.gt(0f32)? * found.lt(1e-6f32)?)?;
            silent.where_cond(&found.zeros_like()?, &found)
        }
    }),
    slip(Scale, "on only where a millionth above T", |f| {
        f.iou = |batches, t| match t.max_all()?.to_scalar::<f32>()? {
            quiet if quiet > 0.0 && quiet < 1e-6 => iou(batches, &(t + 1e-6)?, Flaw::None),
            _ => iou(batches, t, Flaw::None),
        }
    }),
];

/// 4.8
pub fn dissection(seed: u64) -> Exam<Dissect> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Dissect> {
    Exam::new("4.8", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("every value kept, pixel by pixel", RIGHT)
        .alternative(
            "T taken off after enlarging",
            Dissect {
                iou: |batches, thresholds| {
                    let units = thresholds.dims1()?;
                    let threshold = thresholds.reshape((units, 1, 1))?;
                    let (mut both, mut either) = (vec![], vec![]);
                    for (activations, masks) in batches {
                        let (batch, concepts, rows, columns) = masks.dims4()?;
                        for image in 0..batch {
                            let maps = activations.narrow(0, image, 1)?.force_contiguous()?;
                            let maps = maps.upsample_bilinear2d(rows, columns, false)?;
                            let on = maps.squeeze(0)?.broadcast_gt(&threshold)?.to_dtype(DType::F64)?;
                            let on = on.reshape((units, 1, rows * columns))?;
                            let mask =
                                masks
                                    .get(image)?
                                    .to_dtype(DType::F64)?
                                    .reshape((1, concepts, rows * columns))?;
                            both.push(on.broadcast_mul(&mask)?.sum(2)?);
                            either.push(on.broadcast_maximum(&mask)?.sum(2)?);
                        }
                    }
                    let total = |list: &[Tensor]| Tensor::stack(list, 0)?.sum(0);
                    let (both, either) = (total(&both)?, total(&either)?);
                    both / either.maximum(1.0)?
                },
                ..fault!(Flaw::None)
            },
        )
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Dissect>) -> Exam<Dissect> {
    let mut random = Random::new(seed, 148);
    let maps = random.between(-2.0, 1.0, (3, 4, 5, 3));
    let masks = random
        .between(-1.0, 0.5, (3, 2, 10, 6))
        .gt(0f32)
        .and_then(|mask| mask.to_dtype(DType::F32));
    let fixture = (maps, masks.expect("zeros and ones"));
    let ten = || vec![tensor(&[3., 7., 0., 9., 1., 8., 2., 6., 5., 4.], (2, 1, 1, 5))];
    let exam = exam
        .truth(
            "thresholds: 0 to 9 in mixed order, share 0.27",
            tensor(&[7.], 1),
            move |f| (f.thresholds)(&ten(), 10, 0.27),
        )
        .because("⌊2.7⌋ = 2 may be on: 9 and 8. T is the third largest.")
        .holds(Sizes)
        .truth("thresholds: the same, share 0.05", tensor(&[9.], 1), move |f| {
            (f.thresholds)(&ten(), 10, 0.05)
        })
        .because("⌊0.5⌋ = 0 may be on: T is the largest.")
        .truth("thresholds: the same, share 0.999", tensor(&[0.], 1), move |f| {
            (f.thresholds)(&ten(), 10, 0.999)
        })
        .because("⌊9.99⌋ = 9 may be on.")
        .holds(Sizes)
        .truth(
            "thresholds: −1, −5, −2, −4, share 0.3",
            tensor(&[-2.], 1),
            |f| (f.thresholds)(&[tensor(&[-1., -5., -2., -4.], (1, 1, 2, 2))], 4, 0.3),
        )
        .because("⌊1.2⌋ = 1 may be on: −1. The next largest is −2.")
        .holds(Sign);
    exam.given(fixture, |on| {
        on.case(
            "thresholds: three images whose columns come first in memory, share 0.2",
            |f, (maps, _)| (f.thresholds)(&[askew(maps)], 45, 0.2),
        )
        .holds(NotContiguous)
        .case(
            "IoU: maps and masks of three images whose columns come first in memory",
            |f, (maps, masks)| (f.iou)(&[(askew(maps), askew(masks))], &tensor(&[0.; 4], 4)),
        )
        .because("On is where the enlarged map is above T, in whatever order the numbers lie in memory.")
        .holds(NotContiguous)
        .case("IoU: three random images in one batch", |f, (maps, masks)| {
            (f.iou)(&[(maps.clone(), masks.clone())], &tensor(&[0., -1., 0.5, 0.], 4))
        })
        .because("On is where the enlarged map is above T, one T for all images; nothing else matters.")
        .holds(Batch)
    })
    .proofs(RIGHT, PROOFS)
    .unnamed(
        "⌊ ⌋ replaced by rounding",
        Dissect {
            thresholds: |batches, values, share| {
                let place = (share * values as f64).round();
                thresholds(batches, values, (place + 1e-6) / values as f64, Flaw::None)
            },
            ..RIGHT
        },
    )
}

/// Quiet units, and what this exercise has no room for.
fn further_hazards(seed: u64, exam: Exam<Dissect>) -> Exam<Dissect> {
    let mut random = Random::new(seed, 248);
    let quiet = (random.between(0.5, 1.0, (2, 2, 3, 4)) * 1e-9).expect("numbers");
    let masks = random.between(-1.0, 1.0, (2, 2, 6, 8)).gt(0f32);
    let masks = masks
        .and_then(|mask| mask.to_dtype(DType::F32))
        .expect("zeros and ones");
    exam.given((quiet, masks), |on| {
        on.case("thresholds: units below 10⁻⁹, share 0.3", |f, (maps, _)| {
            (f.thresholds)(std::slice::from_ref(maps), 24, 0.3)
        })
        .holds(Scale)
        .case("IoU: the same units, thresholds in between", |f, (maps, masks)| {
            (f.iou)(&[(maps.clone(), masks.clone())], &tensor(&[7e-10, 8e-10], 2))
        })
        .holds(Scale)
        .truth(
            "16,777,216 pixels of each kind counted, then an image of three, all on and one shown: how many more",
            Tensor::new(&[1f64, 3., 1.], &Device::Cpu).expect("numbers"),
            |f, _| {
                let batch = (tensor(&[1., 2., 3.], (1, 1, 1, 3)), tensor(&[0., 1., 0.], (1, 1, 1, 3)));
                (f.resumed)(16_777_216.0, &tensor(&[0.], 1), &batch)
            },
        )
        .because("Both, the unit and the concept: 1, 3 and 1. What is counted is added up in f64, batch by batch.")
        .holds(Scale)
    })
    .spared(&[Combined], "one share and one size of masks at a time")
    .spared(
        &[Ties],
        "tried as mistakes: at least for above, and the last of equal maxima",
    )
    .spared(&[Returned, Wiring], "each function is asked for by itself")
    .spared(
        &[Names, NotFinite, Empty],
        "no names; NaN is not spoken of; nothing to look at is refused",
    )
}
