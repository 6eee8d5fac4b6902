use candle_core::{DType, Device, Result, Tensor, bail};
use resnet::{Config, ResNet, Stem, parameters};
use scenes::{Canvas, Colour, Concept, Sampler, Scene, Texture};

use crate::inputs::{Random, askew, delta, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, fault, slip};

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

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    OneForAllUnits,
    MeanOfBatches,
    LastBatch,
    OneTooHigh,
    Lowest,
    Percent,
    AtLeast,
    SmallMapThresholded,
    FirstImage,
    CornersAligned,
    MeanOfImages,
    Intersection,
    OverMask,
    SumForUnion,
    NotFinite,
    LastMaximum,
    SmallestIou,
    NotShuffled,
    OneImageShuffled,
    UnitsMixed,
}

/// All values of each unit, sorted: what streaming must come to.
fn thresholds(batches: &[Tensor], values: usize, share: f64, fault: Flaw) -> Result<Tensor> {
    let units = batches[0].dim(1)?;
    let share = if fault == Flaw::Percent { share * 10.0 } else { share };
    let of = |batches: &[Tensor], values: usize| -> Result<Vec<f32>> {
        let mut all = vec![vec![]; units];
        for batch in batches {
            for (index, value) in batch.flatten_all()?.to_vec1::<f32>()?.into_iter().enumerate() {
                let (_, _, height, width) = batch.dims4()?;
                let unit = match fault {
                    Flaw::UnitsMixed => index / (batch.elem_count() / units),
                    _ => index / (height * width) % units,
                };
                all[unit].push(value);
            }
        }
        if fault == Flaw::OneForAllUnits {
            let joined = all.concat();
            all = vec![joined; units];
        }
        let place = (share * values as f64) as usize * if fault == Flaw::OneForAllUnits { units } else { 1 };
        all.into_iter()
            .map(|mut values| {
                values.sort_by(|a, b| b.total_cmp(a));
                if fault == Flaw::Lowest {
                    values.reverse();
                }
                let place = if fault == Flaw::OneTooHigh {
                    place.saturating_sub(1)
                } else {
                    place
                };
                match values.get(place) {
                    Some(&value) => Ok(value),
                    None => bail!("too few values"),
                }
            })
            .collect()
    };
    let found = match fault {
        Flaw::LastBatch => of(
            &batches[batches.len() - 1..],
            batches[batches.len() - 1].elem_count() / units,
        )?,
        Flaw::MeanOfBatches => {
            let mut mean = vec![0f32; units];
            for batch in batches {
                let one = of(std::slice::from_ref(batch), batch.elem_count() / units)?;
                mean.iter_mut()
                    .zip(one)
                    .for_each(|(mean, t)| *mean += t / batches.len() as f32);
            }
            mean
        }
        _ => of(batches, values)?,
    };
    Ok(tensor(&found, units))
}

/// One place of a map enlarged bilinearly, pixel centre on pixel centre.
fn enlarged(map: &[Vec<f32>], y: usize, x: usize, rows: usize, columns: usize, fault: Flaw) -> f32 {
    let (height, width) = (map.len(), map[0].len());
    let place = |at: usize, pixels: usize, places: usize| {
        let source = match fault {
            Flaw::CornersAligned if pixels > 1 => at as f64 * (places - 1) as f64 / (pixels - 1) as f64,
            _ => ((at as f64 + 0.5) * places as f64 / pixels as f64 - 0.5).max(0.0),
        };
        let low = (source.floor() as usize).min(places - 1);
        (low, (low + 1).min(places - 1), source - low as f64)
    };
    let ((top, bottom, down), (left, right, over)) = (place(y, rows, height), place(x, columns, width));
    if fault == Flaw::SmallMapThresholded {
        return map[y * height / rows][x * width / columns];
    }
    let value = |i: usize, j: usize| f64::from(map[i][j]);
    let upper = value(top, left) * (1.0 - over) + value(top, right) * over;
    let lower = value(bottom, left) * (1.0 - over) + value(bottom, right) * over;
    (upper * (1.0 - down) + lower * down) as f32
}

/// Pixel by pixel.
fn iou(batches: &[(Tensor, Tensor)], thresholds: &Tensor, fault: Flaw) -> Result<Tensor> {
    let thresholds = thresholds.to_vec1::<f32>()?;
    let (units, concepts) = (thresholds.len(), batches[0].1.dim(1)?);
    let mut counts = vec![[0f64; 3]; units * concepts];
    let mut ratios = vec![0f64; units * concepts];
    let mut images = 0.0;
    for (activations, masks) in batches {
        let (batch, _, rows, columns) = masks.dims4()?;
        for image in 0..batch {
            images += 1.0;
            let same_size = activations.dims()[2..] == masks.dims()[2..];
            let seen = if fault == Flaw::FirstImage && same_size {
                0
            } else {
                image
            };
            let (maps, masks) = (
                activations.get(seen)?.to_vec3::<f32>()?,
                masks.get(image)?.to_vec3::<f32>()?,
            );
            for (unit, &threshold) in thresholds.iter().enumerate() {
                let on: Vec<Vec<bool>> = (0..rows)
                    .map(|y| {
                        let on = |x| {
                            let value = enlarged(&maps[unit], y, x, rows, columns, fault);
                            if fault == Flaw::AtLeast {
                                value >= threshold
                            } else {
                                value > threshold
                            }
                        };
                        (0..columns).map(on).collect()
                    })
                    .collect();
                for (concept, mask) in masks.iter().enumerate() {
                    let mut count = [0f64; 3];
                    for y in 0..rows {
                        for x in 0..columns {
                            let (on, there) = (on[y][x], mask[y][x] > 0.5);
                            count[0] += f64::from(u8::from(on && there));
                            count[1] += f64::from(u8::from(on));
                            count[2] += f64::from(u8::from(there));
                        }
                    }
                    let pooled = &mut counts[unit * concepts + concept];
                    (0..3).for_each(|i| pooled[i] += count[i]);
                    ratios[unit * concepts + concept] += ratio(count, fault);
                }
            }
        }
    }
    let values = match fault {
        Flaw::MeanOfImages => ratios.iter().map(|sum| sum / images).collect(),
        _ => counts.iter().map(|&count| ratio(count, fault)).collect::<Vec<_>>(),
    };
    Tensor::from_vec(values, (units, concepts), &Device::Cpu)
}

fn ratio([both, unit, concept]: [f64; 3], fault: Flaw) -> f64 {
    let union = match fault {
        Flaw::Intersection => return both,
        Flaw::OverMask => concept,
        Flaw::SumForUnion => unit + concept,
        _ => unit + concept - both,
    };
    if union == 0.0 && fault != Flaw::NotFinite {
        0.0
    } else {
        both / union
    }
}

fn best(iou: &Tensor, fault: Flaw) -> Result<Vec<(usize, f64)>> {
    let better = |a: f64, b: f64| match fault {
        Flaw::LastMaximum => a >= b,
        Flaw::SmallestIou => a < b,
        _ => a > b,
    };
    let best = |row: &Vec<f64>| {
        (1..row.len()).fold(
            (0, row[0]),
            |best, i| {
                if better(row[i], best.1) { (i, row[i]) } else { best }
            },
        )
    };
    Ok(iou.to_vec2::<f64>()?.iter().map(best).collect())
}

fn shuffled(masks: &Tensor, fault: Flaw) -> Result<Tensor> {
    let images = masks.dim(0)?;
    if images < 2 && fault != Flaw::OneImageShuffled {
        bail!("one image")
    }
    if fault == Flaw::NotShuffled {
        return Ok(masks.clone());
    }
    let order: Vec<u32> = (0..images).map(|i| ((i + images - 1) % images) as u32).collect();
    masks.index_select(&Tensor::new(order, &Device::Cpu)?, 0)
}

/// One unit and one concept; the maps have the size of the masks. The counts pass through `kept` wherever they are kept.
fn resumed(
    counted: f64,
    thresholds: &Tensor,
    (activations, masks): &(Tensor, Tensor),
    kept: fn(f64) -> f64,
) -> Result<Tensor> {
    let threshold = thresholds.to_vec1::<f32>()?[0];
    let [maps, masks] = [activations, masks].map(|x| x.flatten_all()?.to_vec1::<f32>());
    let mut counts = [kept(counted); 3];
    for (a, shown) in maps?.into_iter().zip(masks?) {
        let (on, shown) = (a > threshold, shown > 0.5);
        for (count, more) in counts.iter_mut().zip([on && shown, on, shown]) {
            *count = kept(*count + f64::from(u8::from(more)));
        }
    }
    Tensor::new(&counts.map(|count| count - counted), &Device::Cpu)
}

fn observe(best: Result<Vec<(usize, f64)>>) -> Result<Observed> {
    let best = best?;
    Ok(Observed::fields([
        (
            "concepts",
            Observed::from(best.iter().map(|one| one.0).collect::<Vec<_>>()),
        ),
        ("IoU", Observed::from(best.iter().map(|one| one.1).collect::<Vec<_>>())),
    ]))
}

const COLOURS: [Colour; 3] = [Colour::Red, Colour::Green, Colour::Blue];

/// A network whose conv1 has a unit for red, one for green, one for blue, and one that answers to nothing; its maps
/// and the scenes' colour masks.
fn planted() -> Result<(Tensor, Tensor)> {
    let config = Config::resnet18().width(4).classes(2).stem(Stem::Cifar);
    let mut weights = parameters::initialize(&config, 0)?;
    // One channel against the two others, at the pixel itself.
    let weight = |out: usize, channel: usize, place: usize| match (out, place) {
        (3, _) => 0.0,
        (_, 4) if channel == out => 1.0,
        (_, 4) => -1.0f32,
        _ => 0.0,
    };
    let values = (0..4 * 3 * 9).map(|n| weight(n / 27, n / 9 % 3, n % 9)).collect();
    weights.insert(
        "conv1.weight".into(),
        Tensor::from_vec(values, (4, 3, 3, 3), &Device::Cpu)?,
    );
    let network = ResNet::new(&config, &weights)?;
    let sampler = Sampler {
        canvas: Canvas::square(40),
        radius: (6.0, 8.0),
        badge_probability: 0.0,
        ..Sampler::default()
    };
    let (mut images, mut masks) = (vec![], vec![]);
    for index in 0..9 {
        let scene = Scene::sample(&sampler, 1, index)?
            .with_colour(0, COLOURS[index as usize % 3])?
            .with_texture(0, Texture::Solid)?;
        let rendered = scene.render();
        images.push(rendered.image.to_tensor(&Device::Cpu)?);
        let mask = |colour: &Colour| rendered.masks.get(Concept::Colour(*colour)).to_tensor(&Device::Cpu);
        masks.push(Tensor::stack(
            &COLOURS.iter().map(mask).collect::<Result<Vec<_>>>()?,
            0,
        )?);
    }
    let images = Tensor::stack(&images, 0)?;
    let trace = network.capture(&images, &["conv1"])?;
    Ok((trace.activation("conv1")?.clone(), Tensor::stack(&masks, 0)?))
}

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

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Dissect>) -> Exam<Dissect> {
    let mut random = Random::new(seed, 48);
    let exam = overlaps(&mut random, countable(exam));
    let exam = choices(&mut random, exam);
    exam.given(planted().expect("a small network"), |on| {
        on.truth(
            "a network with conv1 units for red, green, blue and nothing, on 9 scenes: concepts, and which IoU is \
             above 0.5",
            Observed::fields([
                ("concepts", Observed::from(vec![0, 1, 2, 0])),
                ("above 0.5", Observed::from(vec![1, 1, 1, 0])),
            ]),
            move |f, (planted_maps, planted_masks)| -> Result<Observed> {
                let thresholds = (f.thresholds)(std::slice::from_ref(planted_maps), 9 * 40 * 40, 0.03)?;
                let found = (f.best)(&(f.iou)(&[(planted_maps.clone(), planted_masks.clone())], &thresholds)?)?;
                let above = found.iter().map(|one| usize::from(one.1 > 0.5)).collect::<Vec<_>>();
                Ok(Observed::fields([
                    (
                        "concepts",
                        Observed::from(found.iter().map(|one| one.0).collect::<Vec<_>>()),
                    ),
                    ("above 0.5", Observed::from(above)),
                ]))
            },
        )
        .because("The units were made for these colours.")
        .truth(
            "the same with shuffled masks: how many IoUs are above 0.5",
            0usize,
            move |f, (planted_maps, planted_masks)| -> Result<usize> {
                let thresholds = (f.thresholds)(std::slice::from_ref(planted_maps), 9 * 40 * 40, 0.03)?;
                let masks = (f.shuffled)(planted_masks)?;
                let found = (f.best)(&(f.iou)(&[(planted_maps.clone(), masks)], &thresholds)?)?;
                Ok(found.iter().filter(|one| one.1 > 0.5).count())
            },
        )
        .because("Other images' masks do not lie where the units are on.")
    })
    .refuses("thresholds: 4 values where 40 were announced, share 0.5", |f| {
        (f.thresholds)(&[tensor(&[1.; 4], (1, 1, 2, 2))], 40, 0.5)
    })
    .refuses("shuffled masks of one image", |f| {
        (f.shuffled)(&tensor(&[1.; 4], (1, 1, 2, 2)))
    })
}

/// Thresholds that can be counted.
fn countable(exam: Exam<Dissect>) -> Exam<Dissect> {
    let hundred = || {
        let counting: Vec<f32> = (0..100).map(|i| ((i * 37) % 100) as f32).collect();
        let map = tensor(&counting, (1, 1, 10, 10));
        vec![map.narrow(2, 0, 3).expect("rows"), map.narrow(2, 3, 7).expect("rows")]
    };
    let sparse = vec![
        tensor(&[0., 0., 3., 0., 0., 0., 0., 0.], (2, 1, 2, 2)),
        tensor(&[0., 0., 0., 2., 0., 0., 0., 0.], (2, 1, 2, 2)),
    ];
    exam.truth(
        "thresholds: 0 to 99 in mixed order and two batches, share 0.05",
        tensor(&[94.], 1),
        move |f| (f.thresholds)(&hundred(), 100, 0.05),
    )
    .because("Five of a hundred lie above 94.")
    .truth(
        "thresholds: 16 values, 14 of them 0, share 0.25",
        tensor(&[0.], 1),
        move |f| (f.thresholds)(&sparse, 16, 0.25),
    )
    .because("Four may be on, but only two are above 0.")
}

/// Thresholds of random maps, and IoU.
fn overlaps(random: &mut Random, exam: Exam<Dissect>) -> Exam<Dissect> {
    // An image in which the unit fits its concept, and one with a large mask that it misses.
    let uneven = {
        let map = Tensor::cat(&[delta([0, 0, 0, 0], [1, 1, 2, 2]), tensor(&[0.; 4], (1, 1, 2, 2))], 0);
        let mask = Tensor::cat(
            &[
                delta([0, 0, 0, 0], [1, 1, 2, 2]),
                tensor(&[1., 1., 1., 0.], (1, 1, 2, 2)),
            ],
            0,
        );
        vec![(map.expect("two maps"), mask.expect("two masks"))]
    };
    // Units of unlike scale, batches of unlike size and level.
    let scales = tensor(&[1., 10., 0.1], (1, 3, 1, 1));
    let maps: Vec<Tensor> = [3, 5, 1]
        .iter()
        .enumerate()
        .map(|(i, &count)| {
            let maps = random.between(0.0, 1.0 + i as f32, (count, 3, 5, 4));
            maps.broadcast_mul(&scales).expect("one scale for each unit")
        })
        .collect();
    let masks: Vec<Tensor> = [3, 5, 1]
        .iter()
        .map(|&count| {
            let coin = random.between(-1.0, 0.5, (count, 4, 10, 12));
            let mask = coin.gt(0f32).and_then(|mask| mask.to_dtype(DType::F32));
            mask.expect("zeros and ones")
        })
        .collect();
    let batches: Vec<(Tensor, Tensor)> = maps.iter().cloned().zip(masks.iter().cloned()).collect();
    let exact = thresholds(&maps, 9 * 20, 0.1, Flaw::None).expect("180 values per unit");
    let slow = iou(&batches, &exact, Flaw::None).expect("pixel by pixel");

    exam.given(maps, |on| {
        on.truth(
            "thresholds: three units of unlike scale, batches of 3, 5 and 1, share 0.1",
            exact.clone(),
            |f, maps| (f.thresholds)(maps, 9 * 20, 0.1),
        )
        .because("The expected thresholds come from sorting all values of each unit.")
        .case("thresholds: the same, share 0.5", |f, maps| {
            (f.thresholds)(maps, 9 * 20, 0.5)
        })
    })
    .truth(
        "IoU: a 2×2 map with 1 at the top left, T = 0, mask on 3 pixels",
        Tensor::new(&[[1f64 / 3.0]], &Device::Cpu).expect("a number"),
        |f| {
            let mask = tensor(&[1., 1., 1., 0.], (1, 1, 2, 2));
            (f.iou)(&[(delta([0, 0, 0, 0], [1, 1, 2, 2]), mask)], &tensor(&[0.], 1))
        },
    )
    .because("The unit is on at the top left only: 0 is not above 0. One pixel of three is common.")
    .truth(
        "IoU: one image fits exactly, another shows the concept on 3 pixels unseen",
        Tensor::new(&[[0.25f64]], &Device::Cpu).expect("a number"),
        move |f| (f.iou)(&uneven, &tensor(&[0.5], 1)),
    )
    .because("1 common pixel of 1 + 3 over both images.")
    .truth(
        "IoU: maps [[1, 0], [0, 0]] on 8×8 pixels, T = 0.5, mask the 3×3 pixels in the corner",
        Tensor::new(&[[0.6f64]], &Device::Cpu).expect("a number"),
        |f| {
            let mask: Vec<f32> = (0..64).map(|i| f32::from(u8::from(i / 8 < 3 && i % 8 < 3))).collect();
            (f.iou)(
                &[(delta([0, 0, 0, 0], [1, 1, 2, 2]), tensor(&mask, (1, 1, 8, 8)))],
                &tensor(&[0.5], 1),
            )
        },
    )
    .because(
        "Along each side the enlarged map falls 1, 1, 0.875, 0.625, 0.375, …; products above 0.5 are the 3×3 \
             corner and six pixels beside it: 9 of 15.",
    )
    .truth(
        "IoU: a unit that is never on, a concept that is never shown",
        Tensor::new(&[[0f64]], &Device::Cpu).expect("a number"),
        |f| {
            (f.iou)(
                &[(tensor(&[0.; 4], (1, 1, 2, 2)), tensor(&[0.; 4], (1, 1, 2, 2)))],
                &tensor(&[0.], 1),
            )
        },
    )
    .because("There is nothing to divide by: 0.")
    .truth(
        "IoU: random maps 5×4, random masks 10×12, three batches, T at the top tenth",
        slow,
        move |f| (f.iou)(&batches, &exact),
    )
    .because("The expected values were counted pixel by pixel.")
}

const BEST: &str = "A row is a unit: for each, in order, its largest IoU and the first concept that has it.";
const MOVED: &str = "Image i gets all masks of image i − 1, the first image those of the last.";

/// The best concept, and other images' masks.
fn choices(random: &mut Random, exam: Exam<Dissect>) -> Exam<Dissect> {
    let concept_lists = random
        .between(0.0, 1.0, (4, 6))
        .to_dtype(DType::F64)
        .expect("a number type");
    let masks = random
        .between(-1.0, 0.5, (3, 4, 10, 12))
        .gt(0f32)
        .and_then(|mask| mask.to_dtype(DType::F32));
    let masks = masks.expect("zeros and ones");

    exam.truth(
        "best concepts of [[0.1, 0.3, 0.2], [0.5, 0.5, 0.4]]",
        Observed::fields([
            ("concepts", Observed::from(vec![1, 0])),
            ("IoU", Observed::from(vec![0.3, 0.5])),
        ]),
        |f| {
            observe((f.best)(&Tensor::new(
                &[[0.1f64, 0.3, 0.2], [0.5, 0.5, 0.4]],
                &Device::Cpu,
            )?))
        },
    )
    .because(BEST)
    .truth("best concepts of [[0.2, 0.2 + 10⁻¹²]]: which", vec![1usize], |f| {
        let best = (f.best)(&Tensor::new(&[[0.2f64, 0.2 + 1e-12]], &Device::Cpu)?)?;
        Ok::<_, candle_core::Error>(best.iter().map(|one| one.0).collect::<Vec<_>>())
    })
    .because("IoUs are f64; as f32 the two would be equal, and the first would win.")
    .holds(Scale)
    .case("best concepts of a random [4, 6] tensor", move |f| {
        observe((f.best)(&concept_lists))
    })
    .because(BEST)
    .truth(
        "shuffled masks of three images that hold 1, 2 and 3",
        tensor(&[3., 1., 2.], (3, 1, 1, 1)),
        |f| (f.shuffled)(&tensor(&[1., 2., 3.], (3, 1, 1, 1))),
    )
    .because(MOVED)
    .truth(
        "shuffled masks of two images that hold 1 and 2",
        tensor(&[2., 1.], (2, 1, 1, 1)),
        |f| (f.shuffled)(&tensor(&[1., 2.], (2, 1, 1, 1))),
    )
    .because(MOVED)
    .case("shuffled random masks of three images", move |f| (f.shuffled)(&masks))
    .because(MOVED)
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
        .holds(NotContiguous)
        .case("IoU: three random images in one batch", |f, (maps, masks)| {
            (f.iou)(&[(maps.clone(), masks.clone())], &tensor(&[0., -1., 0.5, 0.], 4))
        })
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
