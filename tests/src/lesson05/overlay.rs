use candle_core::{Device, Result, Tensor};
use draw::Colormap;

use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, Tolerance, fault, ordered, slip};

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

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Overlay>) -> Exam<Overlay> {
    let mut random = Random::new(seed, 54);
    let maps = random.signed((2, 3, 4));
    let (maps_1, maps_2) = (random.signed((2, 3, 4)), maps.clone());
    let image = random.between(0.0, 1.0, (3, 6, 9));
    // Its largest value is about 3: were it 1, nobody would see whether the map was made relative.
    let map =
        (random.between(-0.5, 0.5, (2, 3)) + (delta([1, 2], [2, 3]) * 3.0).expect("a number")).expect("equal shapes");
    let (image_1, map_1) = (image.clone(), map.clone());
    let hot = Colormap::Magma
        .rgb(1.0)
        .map(|byte| 0.25 * 0.4 + 0.75 * f32::from(byte) / 255.0);

    exam.truth(
        "upsample: 0 1 to four pixels",
        tensor(&[0., 0.25, 0.75, 1.], (1, 1, 4)),
        |f| (f.upsample)(&tensor(&[0., 1.], (1, 1, 2)), 1, 4),
    )
    .because(
        "The cells' middles lie at pixels 0.5 and 2.5 of 4, counted from the middle of pixel 0. Pixel 1 is a \
             quarter of the way, pixel 2 three quarters; pixels 0 and 3 lie beyond and keep the cell's value.",
    )
    .truth(
        "upsample: [[0, 4], [8, 12]] to 2×4",
        tensor(&[0., 1., 3., 4., 8., 9., 11., 12.], (1, 2, 4)),
        |f| (f.upsample)(&tensor(&[0., 4., 8., 12.], (1, 2, 2)), 2, 4),
    )
    .because("The rows stay, each row is enlarged as before.")
    .truth("upsample: a constant stays one", tensor(&[3.0; 35], (1, 5, 7)), |f| {
        (f.upsample)(&tensor(&[3.; 6], (1, 2, 3)), 5, 7)
    })
    .because("The two weights of a pixel add up to 1, at the rim, too.")
    .case("upsample: random [2, 3, 4] to 9×7", move |f| (f.upsample)(&maps, 9, 7))
    .because(
        "Each map by itself, by factors that need not be whole: s = (i + ½)·from/to − ½, rows by height, columns by \
          width.",
    )
    .within(Tolerance::new(1e-4, 1e-5))
    .case("upsample: random [2, 3, 4] down to 2×2", move |f| {
        (f.upsample)(&maps_2, 2, 2)
    })
    .because("The same formula makes a map smaller: each pixel mixes the two cells beside its middle.")
    .within(Tolerance::new(1e-4, 1e-5))
    .truth("relative: 2 −1 0 4", tensor(&[0.5, 0., 0., 1.], (1, 2, 2)), |f| {
        (f.relative)(&tensor(&[2., -1., 0., 4.], (1, 2, 2)))
    })
    .because("Cut at 0, then divided by the maximum, 4, and by nothing more.")
    .truth("relative: a map of −3 and −1", tensor(&[0., 0.], (1, 1, 2)), |f| {
        (f.relative)(&tensor(&[-3., -1.], (1, 1, 2)))
    })
    .because("Nothing speaks for the class, so there is nothing to show.")
    .truth(
        "relative: two maps, 1 2 and 10 5",
        tensor(&[0.5, 1., 1., 0.5], (2, 1, 2)),
        |f| (f.relative)(&tensor(&[1., 2., 10., 5.], (2, 1, 2))),
    )
    .case("relative: random [2, 3, 4]", move |f| (f.relative)(&maps_1))
    .because("Each map by its own largest value, however small it is; what is below 0 becomes 0.")
    .truth(
        "overlay: one grey pixel of 0.4, opacity 0.75",
        tensor(&hot, (3, 1, 1)),
        |f| (f.overlay)(&tensor(&[0.4; 3], (3, 1, 1)), &tensor(&[5.], (1, 1)), 0.75),
    )
    .because("The pixel is its map's maximum: a quarter grey, three quarters of magma's last colour.")
    .truth("overlay: opacity 0", image_1.clone(), move |f| {
        (f.overlay)(&image_1, &map_1, 0.0)
    })
    .because("The image as it is.")
    .case("overlay: [2, 3] over a random 6×9 image, opacity 0.5", move |f| {
        (f.overlay)(&image, &map, 0.5)
    })
    .because("Enlarge to 6×9, make relative, colour by Magma, and mix half and half at every pixel.")
    .within(Tolerance::new(1e-2, 5e-3))
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Overlay>) -> Exam<Overlay> {
    let mut random = Random::new(seed, 154);
    let close = Tolerance::new(1e-4, 1e-5);
    let fixture = (random.signed((3, 2, 5)), random.between(0.0, 1.0, (3, 4, 7)));
    let hot = Colormap::Magma.rgb(1.0).map(|byte| f32::from(byte) / 255.0);
    let exam = exam
        .truth(
            "overlay: the map 0 4 0 over two pixels, opacity 1",
            tensor(&hot.map(|c| [c, c]).concat(), (3, 1, 2)),
            |f| (f.overlay)(&tensor(&[0.4; 6], (3, 1, 2)), &tensor(&[0., 4., 0.], (1, 3)), 1.0),
        )
        .because(
            "Both pixels come to 1 after enlarging, and that is then the largest value: the map is made relative last.",
        )
        .holds(Wiring)
        .truth(
            "relative: three maps, −1 −2, 0 8 and 3 −4",
            tensor(&[0., 0., 0., 1., 1., 0.], (3, 1, 2)),
            |f| (f.relative)(&tensor(&[-1., -2., 0., 8., 3., -4.], (3, 1, 2))),
        )
        .because("A map without a positive value between others stays 0, and changes none of them.")
        .holds(Batch)
        .truth(
            "relative: a map of 10⁻²⁰ and 5·10⁻²¹",
            tensor(&[1., 0.5], (1, 1, 2)),
            |f| (f.relative)(&tensor(&[1e-20, 5e-21], (1, 1, 2))),
        )
        .because("Nothing is added to the maximum: it may be small.")
        .holds(Scale);
    exam.given(fixture, move |on| {
        on.case(
            "upsample: three maps, columns first in memory, to 7×11",
            |f, (maps, _)| (f.upsample)(&askew(maps), 7, 11),
        )
        .within(close)
        .holds(NotContiguous)
        .case("relative: the same maps", |f, (maps, _)| (f.relative)(&askew(maps)))
        .holds(NotContiguous)
        .case(
            "overlay: a transposed map over an image whose columns come first",
            |f, (maps, image)| (f.overlay)(&askew(image), &askew(&maps.get(0)?), 0.3),
        )
        .within(Tolerance::new(1e-2, 5e-3))
        .holds(NotContiguous)
        .case("upsample: three maps to 1×1", |f, (maps, _)| (f.upsample)(maps, 1, 1))
        .within(close)
        .holds(Sizes)
        .case("upsample: three maps to 2×5, their own size", |f, (maps, _)| {
            (f.upsample)(maps, 2, 5)
        })
        .within(close)
    })
    .proofs(SOLUTION, PROOFS)
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
