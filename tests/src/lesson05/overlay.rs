mod inputs;

use candle_core::{Device, Result, Tensor};
use draw::Colormap;

use crate::Hazard::*;
use crate::{Exam, Fault, Slip, fault, ordered, slip};
use inputs::{basics, hazards};

/// `solution05::upsample`, `relative` and `overlay`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Overlay {
    pub upsample: fn(&Tensor, usize, usize) -> Result<Tensor>,
    pub relative: fn(&Tensor) -> Result<Tensor>,
    pub overlay: fn(&Tensor, &Tensor, f64) -> Result<Tensor>,
}

/// The attempt at 5.4 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_4 {
    ($lesson:ident) => {
        $crate::lesson05::Overlay {
            upsample: $lesson::upsample,
            relative: $lesson::relative,
            overlay: $lesson::overlay,
        }
    };
}

const SOLUTION: Overlay = ex5_4!(solution05);

/// Where along `from` cells output pixel `i` of `to` lies.
type Place = fn(i: usize, from: usize, to: usize) -> f32;

fn half_pixel(i: usize, from: usize, to: usize) -> f32 {
    ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32)
}

/// Pixel by pixel; a cell outside the map counts as zero.
fn enlarge(maps: &Tensor, height: usize, width: usize, place: Place) -> Result<Tensor> {
    let (batch, rows, columns) = maps.dims3()?;
    let maps = maps.to_vec3::<f32>()?;
    let mut values = Vec::with_capacity(batch * height * width);
    for map in &maps {
        for i in 0..height {
            for j in 0..width {
                let (y, x) = (place(i, rows, height), place(j, columns, width));
                let (top, left) = (y.floor(), x.floor());
                let mut sum = 0.0;
                for (row, share) in [(top, 1.0 - y + top), (top + 1.0, y - top)] {
                    for (column, part) in [(left, 1.0 - x + left), (left + 1.0, x - left)] {
                        let cell = map.get(row as isize as usize).filter(|_| row >= 0.0);
                        let cell = cell.and_then(|cells| cells.get(column as isize as usize));
                        sum += share * part * cell.filter(|_| column >= 0.0).unwrap_or(&0.0);
                    }
                }
                values.push(sum);
            }
        }
    }
    Tensor::from_vec(values, (batch, height, width), &Device::Cpu)
}

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    OpacityReversed,
    ChannelsMixed,
    Bytes,
    Viridis,
    NotRelative,
}

fn lay(image: &Tensor, map: &Tensor, opacity: f64, fault: Flaw) -> Result<Tensor> {
    let (_, height, width) = image.dims3()?;
    let heat = enlarge(&map.unsqueeze(0)?, height, width, half_pixel)?;
    let heat = match fault {
        Flaw::NotRelative => heat.relu()?,
        _ => solution05::relative(&heat)?,
    };
    let colormap = match fault {
        Flaw::Viridis => Colormap::Viridis,
        _ => Colormap::Magma,
    };
    let divisor = if fault == Flaw::Bytes { 1.0 } else { 255.0 };
    let values = heat.flatten_all()?.to_vec1::<f32>()?;
    let colours: Vec<f32> = match fault {
        Flaw::ChannelsMixed => values
            .iter()
            .flat_map(|&t| colormap.rgb(t))
            .map(|byte| f32::from(byte) / divisor)
            .collect(),
        _ => (0..3)
            .flat_map(|channel| {
                let plane = values.iter().map(move |&t| colormap.rgb(t)[channel]);
                plane.map(|byte| f32::from(byte) / divisor)
            })
            .collect(),
    };
    let colours = Tensor::from_vec(colours, (3, height, width), image.device())?;
    let opacity = match fault {
        Flaw::OpacityReversed => 1.0 - opacity,
        _ => opacity,
    };
    image + ((colours - image)? * opacity)?
}

const FAULTS: &[Fault<Overlay>] = &[
    fault(
        "align_corners = true",
        "Your first and last pixel lie on the middles of the outermost cells (align_corners = true). A cell covers a \
         square: pixel i lies at (i + ½)·from/to − ½.",
        |f| {
            f.upsample = |m, h, w| {
                enlarge(m, h, w, |i, from, to| {
                    (i * (from - 1)) as f32 / ((to - 1).max(1)) as f32
                })
            }
        },
    ),
    fault(
        "half a pixel off",
        "Your map is shifted up and to the left by half a cell less half a pixel: the middle of pixel i is i + ½, \
         that of a cell likewise. (i + ½)·from/to − ½, not i·from/to.",
        |f| {
            f.upsample = |m, h, w| {
                enlarge(m, h, w, |i, from, to| {
                    (i as f32 * from as f32 / to as f32).clamp(0.0, (from - 1) as f32)
                })
            }
        },
    ),
    fault(
        "dark border",
        "Your map gets darker at its border: cells outside it count as 0. Beyond the outermost middle the value \
         stays, so clamp the place to [0, from − 1].",
        |f| f.upsample = |m, h, w| enlarge(m, h, w, |i, from, to| (i as f32 + 0.5) * from as f32 / to as f32 - 0.5),
    ),
    fault(
        "nearest cell",
        "Your map has steps: each pixel takes the nearest cell. Between two middles the values mix.",
        |f| f.upsample = |m, h, w| enlarge(m, h, w, |i, from, to| half_pixel(i, from, to).round()),
    ),
    fault(
        "height and width swapped",
        "Height and width are swapped. Tensors are [batch, height, width], and the arguments come in this order too.",
        |f| f.upsample = |m, h, w| enlarge(m, w, h, half_pixel),
    ),
    fault(
        "map transposed",
        "Your map is mirrored at its diagonal: rows became columns. The rows' matrix comes from the left, the \
         columns' matrix, transposed, from the right.",
        |f| f.upsample = |m, h, w| enlarge(&m.t()?.contiguous()?, h, w, half_pixel),
    ),
    fault(
        "stretched from minimum to maximum",
        "You stretched the map from its minimum to its maximum: the least negative place becomes warm. Cut at zero, \
         then divide by the maximum.",
        |f| {
            f.relative = |m| {
                let flat = m.flatten_from(1)?;
                let end = |extreme: Tensor| extreme.reshape(((), 1, 1));
                let (low, high) = (end(flat.min(1)?)?, end(flat.max(1)?)?);
                m.broadcast_sub(&low)?.broadcast_div(&(high - low)?)
            }
        },
    ),
    fault(
        "zero over zero",
        "A map without a positive value gave NaN: its maximum is 0, and 0 / 0 is not a number. It has nothing to \
         show: zeros.",
        |f| {
            f.relative = |m| {
                let m = m.relu()?;
                let largest = m.flatten_from(1)?.max(1)?.reshape(((), 1, 1))?;
                m.broadcast_div(&largest)
            }
        },
    ),
    fault(
        "negative values left in",
        "What is below zero stayed. Cut it first; a map of negative values only must become zeros.",
        |f| {
            f.relative = |m| {
                let largest = m.flatten_from(1)?.max(1)?.reshape(((), 1, 1))?;
                let positive = largest.gt(0f32)?.to_dtype(m.dtype())?;
                let divisor = ((&largest * &positive)? + (1.0 - positive)?)?;
                m.broadcast_div(&divisor)
            }
        },
    ),
    fault(
        "one maximum for the batch",
        "You divided all maps by the largest value of the batch. Each map is relative to its own maximum.",
        |f| {
            f.relative = |m| {
                let m = m.relu()?;
                let largest = f64::from(m.max_all()?.to_scalar::<f32>()?);
                if largest > 0.0 { &m / largest } else { Ok(m) }
            }
        },
    ),
    fault(
        "opacity the wrong way round",
        "At opacity 0 the image must show, at 1 the colours: you have them the other way round.",
        |f| f.overlay = |i, m, o| lay(i, m, o, Flaw::OpacityReversed),
    ),
    fault(
        "reshaped instead of permuted",
        "Your colours are noise: the bytes come pixel by pixel, red, green, blue. Make them [height, width, 3] and \
         permute; a reshape to [3, height, width] deals them out in another order.",
        |f| f.overlay = |i, m, o| lay(i, m, o, Flaw::ChannelsMixed),
    ),
    fault(
        "bytes not divided",
        "Your colours go up to 255. The image is in [0, 1]: divide the bytes by 255.",
        |f| f.overlay = |i, m, o| lay(i, m, o, Flaw::Bytes),
    ),
    fault(
        "viridis",
        "You used viridis. Either would do, but the pictures' captions say magma.",
        |f| f.overlay = |i, m, o| lay(i, m, o, Flaw::Viridis),
    ),
    fault(
        "not made relative",
        "You coloured the map's own values: a map up to 0.01 is black, a map up to 50 is all yellow. Make it relative \
         first.",
        |f| f.overlay = |i, m, o| lay(i, m, o, Flaw::NotRelative),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Overlay>] = &[
    slip(Wiring, "made relative before enlarging", |f| {
        f.overlay = |image, map, opacity| {
            let (_, height, width) = image.dims3()?;
            if map.dims() != [1, 3] {
                return solution05::overlay(image, map, opacity);
            }
            let heat = enlarge(&solution05::relative(&map.unsqueeze(0)?)?, height, width, half_pixel)?;
            let values = heat.flatten_all()?.to_vec1::<f32>()?;
            let plane = |channel: usize| {
                values
                    .iter()
                    .map(move |&t| f32::from(Colormap::Magma.rgb(t)[channel]) / 255.0)
            };
            let colours: Vec<f32> = (0..3).flat_map(plane).collect();
            let colours = Tensor::from_vec(colours, (3, height, width), image.device())?;
            image + ((colours - image)? * opacity)?
        }
    }),
    slip(Batch, "nothing in one map, nothing in all", |f| {
        f.relative = |maps| match maps.dims() {
            [3, 1, 2] => maps.zeros_like(),
            _ => solution05::relative(maps),
        }
    }),
    slip(Scale, "1e-8 added to the maximum", |f| {
        f.relative = |maps| {
            let relative = solution05::relative(maps)?;
            let largest = maps.max_all()?.to_scalar::<f32>()?;
            if largest > 0.0 && largest < 1e-8 {
                relative.zeros_like()
            } else {
                Ok(relative)
            }
        }
    }),
    slip(Sizes, "one pixel takes the first cell", |f| {
        f.upsample = |maps, height, width| match (height, width) {
            (1, 1) => maps.narrow(1, 0, 1)?.narrow(2, 0, 1),
            _ => solution05::upsample(maps, height, width),
        }
    }),
    ordered!("upsample, only what lies in order", upsample: |maps, height, width| [maps] =>
        solution05::upsample(maps, height, width)),
    ordered!("relative, only what lies in order", relative: |maps| [maps] => solution05::relative(maps)),
    ordered!("overlay, only what lies in order", overlay: |image, map, opacity| [image, map] =>
        solution05::overlay(image, map, opacity)),
];

/// 5.4
pub fn overlay(seed: u64) -> Exam<Overlay> {
    spare(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Overlay> {
    Exam::new("5.4", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .alternative(
            "pixel by pixel",
            Overlay {
                upsample: |m, h, w| enlarge(m, h, w, half_pixel),
                relative: |m| {
                    let each = (0..m.dims3()?.0).map(|i| {
                        let m = m.get(i)?.relu()?;
                        let largest = f64::from(m.max_all()?.to_scalar::<f32>()?);
                        if largest > 0.0 { &m / largest } else { Ok(m) }
                    });
                    Tensor::stack(&each.collect::<Result<Vec<_>>>()?, 0)
                },
                overlay: |i, m, o| lay(i, m, o, Flaw::None),
            },
        )
        .alternative(
            "candle's own resizing",
            Overlay {
                upsample: |m, h, w| {
                    m.dims3()?;
                    m.unsqueeze(1)?.upsample_bilinear2d(h, w, false)?.squeeze(1)
                },
                ..SOLUTION
            },
        )
}

/// What this exercise has no room for.
fn spare(exam: Exam<Overlay>) -> Exam<Overlay> {
    exam.spared(&[Errors], "the checks come with the stub")
        .spared(&[Combined], "sides, map and opacity come together in the inputs")
        .spared(
            &[Sign],
            "tried as mistakes: negative values left in, stretched from the minimum",
        )
        .spared(
            &[Returned],
            "tried as mistakes: bytes, and planes dealt out in another order",
        )
        .spared(&[Ties, Names], "equal maxima give the same map; no names")
        .spared(
            &[NotFinite, Empty],
            "neither NaN nor a batch without images is spoken of",
        )
}
