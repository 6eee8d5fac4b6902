mod inputs;

use std::ops::Range;

use candle_core::{D, Result, Tensor, bail};
use resnet::ResNet;

use crate::Hazard::*;
use crate::inputs::in_order;
use crate::{Exam, Fault, Slip, fault, keep, slip};
use inputs::{hazards, parts, wholes};

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

/// 5.10
pub fn occlusion_map(seed: u64) -> Exam<Occlude> {
    hazards(seed, wholes(seed, parts(seed, answers())))
}

fn answers() -> Exam<Occlude> {
    Exam::new("5.10", ex5_10!(solution05)).faults("pixel by pixel", &RIGHT, answer, FAULTS)
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
