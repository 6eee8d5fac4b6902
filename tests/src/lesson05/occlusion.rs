use candle_core::{D, Result, Tensor, bail};
use resnet::ResNet;
use std::ops::Range;

use super::planted::{self, BLACK, BLUE, GREY, RED};
use super::tiny;
use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, keep, slip};

/// Side, stride and colour of a patch.
pub type PatchOf = (usize, usize, [f32; 3]);

/// `solution05::places`, `covered` and `occlusion`
#[derive(Clone, Copy)]
#[allow(missing_docs, clippy::type_complexity, reason = "the names say it")]
pub struct Occlude {
    pub places: &'static (dyn Fn(usize, PatchOf) -> Result<Vec<Range<usize>>> + Sync),
    pub covered: &'static (dyn Fn(&Tensor, Range<usize>, Range<usize>, [f32; 3]) -> Result<Tensor> + Sync),
    pub occlusion: &'static (dyn Fn(&ResNet, &Tensor, &[u32], PatchOf) -> Result<Tensor> + Sync),
}

/// The attempt at 5.10 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_10 {
    ($lesson:ident) => {{
        let patch = |(side, stride, colour): (usize, usize, [f32; 3])| $lesson::Patch { side, stride, colour };
        $crate::lesson05::Occlude {
            places: $crate::keep(Box::new(move |length, of| $lesson::places(length, &patch(of)))),
            covered: &|images, rows, columns, colour| $lesson::covered(images, &rows, &columns, colour),
            occlusion: $crate::keep(Box::new(move |network, images, classes, of| {
                $lesson::occlusion(network, images, classes, &patch(of))
            })),
        }
    }};
}

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Parts {
    places: fn(usize, usize, usize) -> Vec<Range<usize>>,
    /// The colour of the patch in the images' own units.
    colour: fn([f32; 3]) -> Result<Vec<f32>>,
    swapped: bool,
    score: fn(&Tensor) -> Result<Tensor>,
    /// The value of a pixel: the drops of the places that cover it, in order, with side and stride.
    value: fn(&[f64], usize, usize) -> f64,
    class_of: fn(&[u32], usize) -> u32,
    /// What one place covers stays covered at the next.
    stays: bool,
}

const RIGHT: Parts = Parts {
    places: |length, side, stride| {
        let mut found = vec![];
        let mut end = 0;
        while end < length {
            let start = found.len() * stride;
            end = (start + side).min(length);
            found.push(start..end);
        }
        found
    },
    colour: |colour| {
        let pixel = Tensor::new(&colour, &candle_core::Device::Cpu)?.reshape((1, 3, 1, 1))?;
        resnet::normalize(&pixel)?.flatten_all()?.to_vec1()
    },
    swapped: false,
    score: |logits| Ok(logits.clone()),
    value: |drops, _, _| drops.iter().sum::<f64>() / drops.len() as f64,
    class_of: |classes, image| classes[image],
    stays: false,
};

fn places(parts: Parts, length: usize, (side, stride, _): PatchOf) -> Result<Vec<Range<usize>>> {
    if length == 0 || stride == 0 || stride > side {
        bail!("some pixels are never covered");
    }
    Ok((parts.places)(length, side, stride))
}

fn covered(parts: Parts, images: &Tensor, rows: Range<usize>, columns: Range<usize>, rgb: [f32; 3]) -> Result<Tensor> {
    let (batch, _, height, width) = images.dims4()?;
    let (rows, columns) = if parts.swapped {
        (columns, rows)
    } else {
        (rows, columns)
    };
    let colour = (parts.colour)(rgb)?;
    let mut values = images.flatten_all()?.to_vec1::<f32>()?;
    for (index, value) in values.iter_mut().enumerate() {
        let (channel, row, column) = (index / (height * width) % 3, index / width % height, index % width);
        if rows.contains(&row) && columns.contains(&column) {
            *value = colour[channel];
        }
    }
    Tensor::from_vec(values, (batch, 3, height, width), images.device())
}

/// One image after the other, one pixel after the other.
fn occlusion(parts: Parts, network: &ResNet, images: &Tensor, classes: &[u32], patch: PatchOf) -> Result<Tensor> {
    let (batch, _, height, width) = images.dims4()?;
    if classes.len() != batch {
        bail!("one class per image");
    }
    let mut values = vec![];
    for image in 0..batch {
        let one = images.narrow(0, image, 1)?;
        let class = (parts.class_of)(classes, image) as usize;
        let score = |image: &Tensor| -> Result<f64> {
            let score = (parts.score)(&network.forward(image)?)?.get(0)?.get(class)?;
            Ok(f64::from(score.to_scalar::<f32>()?))
        };
        let before = score(&one)?;
        let mut drops = vec![vec![]; height * width];
        let mut shown = one.clone();
        for rows in places(parts, height, patch)? {
            for columns in places(parts, width, patch)? {
                let from = if parts.stays { &shown } else { &one };
                shown = covered(parts, from, rows.clone(), columns.clone(), patch.2)?;
                let drop = before - score(&shown)?;
                for row in rows.clone().filter(|&row| row < height) {
                    for column in columns.clone().filter(|&column| column < width) {
                        drops[row * width + column].push(drop);
                    }
                }
            }
        }
        values.extend(drops.iter().map(|drops| (parts.value)(drops, patch.0, patch.1) as f32));
    }
    Tensor::from_vec(values, (batch, height, width), images.device())
}

fn answer(parts: Parts) -> Occlude {
    Occlude {
        places: keep(Box::new(move |length, patch| places(parts, length, patch))),
        covered: keep(Box::new(move |i: &Tensor, r, c, colour| {
            covered(parts, i, r, c, colour)
        })),
        occlusion: keep(Box::new(move |n: &ResNet, i: &Tensor, c: &[u32], p| {
            occlusion(parts, n, i, c, p)
        })),
    }
}

fn softmax(logits: &Tensor) -> Result<Tensor> {
    let shares = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?.exp()?;
    shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)
}

/// The number of places that cover a pixel in the middle of a large image.
fn usual(side: usize, stride: usize) -> f64 {
    (side as f64 / stride as f64).powi(2)
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "whole patches only",
        "Your last place ends before the image does: you took the places at which a whole patch fits, as for a \
         convolution. The last place may be cut off by the rim, so that every pixel is covered.",
        |parts| {
            parts.places = |length, side, stride| {
                let last = length.saturating_sub(side) / stride;
                (0..=last)
                    .map(|i| i * stride..(i * stride + side).min(length))
                    .collect()
            };
        },
    ),
    fault(
        "places beyond the last",
        "You start a place at every multiple of the stride. Stop when the last pixel is covered: what follows \
         are slivers that cover only what was covered.",
        |parts| {
            parts.places = |length, side, stride| {
                let starts = (0..length).step_by(stride);
                starts.map(|start| start..(start + side).min(length)).collect()
            };
        },
    ),
    fault(
        "last place pushed back",
        "You moved the last place back until the whole patch fits. Here it stays where the stride puts it and \
         is cut off.",
        |parts| {
            parts.places = |length, side, stride| {
                let last = length.saturating_sub(side).div_ceil(stride);
                let start = |i: usize| (i * stride).min(length.saturating_sub(side));
                (0..=last).map(|i| start(i)..(start(i) + side).min(length)).collect()
            };
        },
    ),
    fault(
        "colour as it stands",
        "You painted the colour as it stands. The images are normalized, so the colour must be, too: \
         resnet::normalize takes `[1, 3, 1, 1]` as well.",
        |parts| parts.colour = |colour| Ok(colour.into()),
    ),
    fault(
        "zeros",
        "Your patch is 0 in the normalized image, whatever colour is asked for. That is one colour among \
         others: the mean of ImageNet's pixels.",
        |parts| parts.colour = |_| Ok(vec![0.0; 3]),
    ),
    fault(
        "rows for columns",
        "Rows and columns of the rectangle are swapped: dimension 2 of the images is the row.",
        |parts| parts.swapped = true,
    ),
    fault(
        "covered for good",
        "What one place covered is still covered at the next, so the last places lose everything. Cover the \
         image itself each time.",
        |parts| parts.stays = true,
    ),
    fault(
        "probability instead of logit",
        "Your score went through a softmax. Where the network is sure, covering even the figure hardly moves a \
         probability, and it moves when another class loses. The score is the logit.",
        |parts| parts.score = softmax,
    ),
    fault(
        "gain instead of drop",
        "Your map has the opposite sign: the score with the patch minus the score without. What the image loses \
         is what the place was worth.",
        |parts| parts.value = |drops, side, stride| -(RIGHT.value)(drops, side, stride),
    ),
    fault(
        "the same number everywhere",
        "You divided by the same number everywhere. At the rim fewer places cover a pixel, so your map is dark \
         there: count for each pixel.",
        |parts| parts.value = |drops, side, stride| drops.iter().sum::<f64>() / usual(side, stride),
    ),
    fault(
        "sum instead of mean",
        "You added the drops up and did not divide: a pixel that more places cover looks more important. Divide \
         by how many they are.",
        |parts| parts.value = |drops, _, _| drops.iter().sum(),
    ),
    fault(
        "the last place wins",
        "Each place overwrites what the places before it said. A pixel's value is the mean over all places that \
         cover it.",
        |parts| parts.value = |drops, _, _| drops[drops.len() - 1],
    ),
    fault(
        "cut at zero",
        "Your map has nothing below 0. Where the logit grew when a place was covered, that place spoke against \
         the class: keep the sign.",
        |parts| parts.value = |drops, side, stride| (RIGHT.value)(drops, side, stride).max(0.0),
    ),
];

/// As pairs of first pixel and pixel behind the last.
fn ends(places: Result<Vec<Range<usize>>>) -> Observed {
    let list = |places: Vec<Range<usize>>| places.into_iter().flat_map(|place| [place.start, place.end]).collect();
    places.map(|places| -> Vec<usize> { list(places) }).into()
}

/// 5.10
pub fn occlusion_map(seed: u64) -> Exam<Occlude> {
    hazards(seed, wholes(seed, parts(seed, answers())))
}

fn answers() -> Exam<Occlude> {
    Exam::new("5.10", ex5_10!(solution05)).faults("pixel by pixel", &RIGHT, answer, FAULTS)
}

/// Length, side, stride, and where the places begin and end.
const BY_HAND: [(usize, usize, usize, &[usize], &str); 6] = [
    (4, 4, 4, &[0, 4], "One place covers everything."),
    (6, 2, 2, &[0, 2, 2, 4, 4, 6], "Three places side by side."),
    (
        6,
        4,
        2,
        &[0, 4, 2, 6],
        "The second place covers the last pixel: no third one.",
    ),
    (
        7,
        4,
        2,
        &[0, 4, 2, 6, 4, 7],
        "Pixel 6 needs a third place, which the rim cuts off.",
    ),
    (
        9,
        4,
        3,
        &[0, 4, 3, 7, 6, 9],
        "The third place begins at 6 and is cut off at 9.",
    ),
    (3, 5, 2, &[0, 3], "A patch larger than the image covers it at once."),
];

/// The two parts, from small to large.
fn parts(seed: u64, mut exam: Exam<Occlude>) -> Exam<Occlude> {
    exam = exam.part("places");
    for (length, side, stride, expected, because) in BY_HAND {
        let label = format!("places: length {length}, patch {side}, stride {stride}");
        let run = move |f: Occlude| ends((f.places)(length, (side, stride, GREY)));
        exam = exam.truth(label, expected.to_vec(), run).because(because);
    }
    let mut random = Random::new(seed, 510);
    for number in 1..=4 {
        let (length, side) = (random.count(8, 60), random.count(2, 9));
        let stride = random.count(1, side);
        let label = format!("places: random {number}: length {length}, patch {side}, stride {stride}");
        exam = exam.case(label, move |f| ends((f.places)(length, (side, stride, GREY))));
    }
    exam = exam
        .refuses("places: patch 3, stride 4", |f| ends((f.places)(9, (3, 4, GREY))))
        .because("Every fourth pixel would never be covered, and a mean of nothing has no value.");

    let images = random.signed((2, 3, 4, 6));
    exam.part("covered").given(images, |on| {
        on.truth(
            "covered: red over the whole of 1×2 pixels",
            planted::picture(1, 2, RED, &[]),
            |f, _| (f.covered)(&planted::picture(1, 2, GREY, &[]), 0..1, 0..2, RED),
        )
        .because("A patch that covers everything leaves a red image, which is normalized like any other.")
        .truth(
            "covered: row 1, columns 2 and 3 of 3×5, black",
            planted::picture(3, 5, GREY, &[(1, 2, BLACK), (1, 3, BLACK)]),
            |f, _| (f.covered)(&planted::picture(3, 5, GREY, &[]), 1..2, 2..4, BLACK),
        )
        .because("1..2 is row 1 alone, 2..4 are columns 2 and 3: the end is not part of it, and all else stays.")
        .case(
            "covered: rows 0 to 2, columns 1 and 2 of two random images of 4×6",
            |f, images| (f.covered)(images, 0..3, 1..3, [0.2, 0.9, 0.4]),
        )
        .because("The same rectangle in both images, in the three colours, normalized.")
    })
}

/// Whole maps: of a network that is known pixel by pixel, and of one that is not.
fn wholes(seed: u64, exam: Exam<Occlude>) -> Exam<Occlude> {
    let mut random = Random::new(seed, 511);
    // A red block of 2×2 pixels at the top left, one blue pixel, on grey.
    let block = [(1, 1, RED), (1, 2, RED), (2, 1, RED), (2, 2, RED), (3, 4, BLUE)];
    let image = planted::picture(4, 6, GREY, &block);
    let fixture = (
        planted::counts(4, 6, 1.0, 0.0),
        image,
        tiny::smallest(&mut random),
        random.signed((2, 3, 7, 9)),
    );
    exam.part("occlusion").given(fixture, |on| {
        on.truth(
            "occlusion: counts red pixels; patch 2, stride 2, grey",
            tensor(
                &[
                    [[1f32, 1., 1., 1., 0., 0.]; 2].concat(),
                    [[1f32, 1., 1., 1., 0., 0.]; 2].concat(),
                ]
                .concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (2, 2, GREY)),
        )
        .because(
            "This network's logit is the number of red pixels. Each of the four patches at the left covers one \
             of them, the others none: the class depends on this region alone.",
        )
        .truth(
            "occlusion: the same, patch 4, stride 2",
            tensor(
                &[
                    [4f32, 4., 3., 3., 2., 2.],
                    [4., 4., 3., 3., 2., 2.],
                    [4., 4., 3., 3., 2., 2.],
                    [4., 4., 3., 3., 2., 2.],
                ]
                .concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (4, 2, GREY)),
        )
        .because(
            "Two places: columns 0 to 3 cover four red pixels, columns 2 to 5 two. The columns between belong \
             to both: 3. At the rim there is one place to divide by.",
        )
        .truth(
            "occlusion: the same, patch 2, stride 2, red",
            tensor(
                &[
                    [-3f32, -3., -3., -3., -4., -4.],
                    [-3., -3., -3., -3., -4., -4.],
                    [-3., -3., -3., -3., -4., -4.],
                    [-3., -3., -3., -3., -4., -4.],
                ]
                .concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (2, 2, RED)),
        )
        .because("A red patch is evidence itself: it puts red where there was none, so the logit grows everywhere.")
        .truth(
            "occlusion: the same, class 1, which counts blue pixels",
            tensor(
                &[[[0f32; 6]; 2].concat(), [[0f32, 0., 0., 0., 1., 1.]; 2].concat()].concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[1], (2, 2, BLACK)),
        )
        .because("The logit of the class that is asked for, not of the one that is predicted.")
        .case(
            "occlusion: a small ResNet, patch 4, stride 3, two images of 7×9",
            |f, (_, _, n, i)| (f.occlusion)(n, i, &[2, 0], (4, 3, [0.3, 0.6, 0.1])),
        )
        .because("Each image's own class, and each image's own drop.")
        .within(Tolerance::relative(1e-2))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Occlude>) -> Exam<Occlude> {
    let mut random = Random::new(seed, 512);
    // In three different rows, so that the images count one, two and three red pixels.
    let mut red = |third: usize| (3 * third + random.count(0, 2), random.count(0, 4), RED);
    let reds: Vec<(usize, usize, [f32; 3])> = (0..3).map(&mut red).collect();
    let mut three = vec![];
    for count in [1, 2, 3] {
        three.push(planted::picture(9, 5, GREY, &reds[..count]));
    }
    let fixture = (
        planted::counts(9, 5, 1.0, 0.0),
        Tensor::cat(&three, 0).expect("three images"),
        random.signed((2, 3, 4, 6)),
    );
    let exam = exam
        .given(fixture, |on| {
            on.part("covered")
                .case(
                    "covered: images whose columns come first in memory",
                    |f, (_, _, images)| (f.covered)(&askew(images), 1..4, 2..3, BLUE),
                )
                .holds(NotContiguous)
                .part("occlusion")
                .case(
                    "occlusion: three images of 9×5, patch 3, stride 2",
                    |f, (network, images, _)| (f.occlusion)(network, images, &[0, 0, 0], (3, 2, GREY)),
                )
                .holds([Batch, Sizes])
                .case(
                    "occlusion: images whose columns come first in memory",
                    |f, (network, images, _)| {
                        (f.occlusion)(network, &askew(&images.narrow(0, 1, 1)?), &[0], (4, 2, GREY))
                    },
                )
                .holds(NotContiguous)
                .refuses("occlusion: patch 2, stride 3", |f, (network, images, _)| {
                    (f.occlusion)(network, &images.narrow(0, 0, 1)?, &[0], (2, 3, GREY))
                })
                .refuses("occlusion: two classes for three images", |f, (network, images, _)| {
                    (f.occlusion)(network, images, &[0, 0], (3, 3, GREY))
                })
                .refuses("occlusion: class 2 of 2", |f, (network, images, _)| {
                    (f.occlusion)(network, &images.narrow(0, 0, 1)?, &[2], (3, 3, GREY))
                })
        })
        .part("places")
        .truth(
            "places: length 1,000,000, patch 300,000, stride 250,000",
            MILLION.to_vec(),
            |f| ends((f.places)(1_000_000, (300_000, 250_000, GREY))),
        )
        .because("0, 250,000 and 500,000 leave the last 200,000 pixels; the place at 750,000 is cut off.")
        .holds(Scale);
    proofs(exam)
}

fn patch((side, stride, colour): PatchOf) -> solution05::Patch {
    solution05::Patch { side, stride, colour }
}

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Occlude>] = &[
    slip(NotContiguous, "only what lies in order", |f| {
        f.covered = &|images, r, c, colour| {
            in_order(&[images])?;
            solution05::covered(images, &r, &c, colour)
        };
        f.occlusion = &|n, images, c, p| {
            in_order(&[images])?;
            solution05::occlusion(n, images, c, &patch(p))
        };
    }),
    slip(Batch, "the first image's drops for all", |f| {
        f.occlusion = &|n, images, c, p| {
            let map = solution05::occlusion(n, images, c, &patch(p))?;
            match images.dim(0)? {
                3 => map.narrow(0, 0, 1)?.broadcast_as(map.shape())?.contiguous(),
                _ => Ok(map),
            }
        }
    }),
    slip(Sizes, "places of the width for the height", |f| {
        f.occlusion = &|n, images, c, p| {
            let map = solution05::occlusion(n, images, c, &patch(p))?;
            match images.dims() {
                [3, _, 9, 5] => map.pad_with_zeros(1, 0, 1)?.narrow(1, 1, 9),
                _ => Ok(map),
            }
        }
    }),
    slip(Scale, "counted in 16 bits", |f| {
        f.places = &|length, p| solution05::places(length.min(65_535), &patch(p))
    }),
    slip(Errors, "a stride that is too long shortened", |f| {
        f.places = &|length, p| solution05::places(length, &patch((p.0, p.1.min(p.0), p.2)));
        f.occlusion = &|n, i, c, p| solution05::occlusion(n, i, c, &patch((p.0, p.1.min(p.0), p.2)));
    }),
];

/// What this exercise has no room for.
fn proofs(exam: Exam<Occlude>) -> Exam<Occlude> {
    exam.proofs(ex5_10!(solution05), PROOFS)
        .spared(
            &[Combined],
            "side, stride and colour are one option, and every input has all three",
        )
        .spared(
            &[Sign, Ties],
            "nothing is chosen, and drops of both signs are in the planted maps",
        )
        .spared(&[Names], "it takes no names")
        .spared(&[NotFinite, Empty], "the network refuses NaN and an empty batch")
        .spared(
            &[Returned],
            "a map of numbers comes back; what it is connected to is nobody's concern",
        )
        .spared(
            &[Wiring],
            "mixed-up rows and columns are a mistake with a name, and the planted maps are no squares",
        )
}

const MILLION: [usize; 8] = [0, 300_000, 250_000, 550_000, 500_000, 800_000, 750_000, 1_000_000];
