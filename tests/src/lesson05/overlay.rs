use candle_core::{Device, Result, Tensor, bail};
use draw::Colormap;

use crate::inputs::{Random, delta, tensor};
use crate::{Exam, Tolerance};

/// `solution05::upsample`, `relative` and `overlay`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Overlay {
    pub upsample: fn(&Tensor, usize, usize) -> Result<Tensor>,
    pub relative: fn(&Tensor) -> Result<Tensor>,
    pub overlay: fn(&Tensor, &Tensor, f64) -> Result<Tensor>,
}

const SOLUTION: Overlay = Overlay {
    upsample: solution05::upsample,
    relative: solution05::relative,
    overlay: solution05::overlay,
};

/// Where along `from` cells output pixel `i` of `to` lies.
type Place = fn(i: usize, from: usize, to: usize) -> f32;

fn half_pixel(i: usize, from: usize, to: usize) -> f32 {
    ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32)
}

/// Pixel by pixel; a cell outside the map counts as zero.
fn enlarge(maps: &Tensor, height: usize, width: usize, place: Place) -> Result<Tensor> {
    let (batch, rows, columns) = maps.dims3()?;
    if height == 0 || width == 0 {
        bail!("sides");
    }
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
enum Fault {
    None,
    OpacityReversed,
    ChannelsMixed,
    Bytes,
    Viridis,
    NotRelative,
}

fn lay(image: &Tensor, map: &Tensor, opacity: f64, fault: Fault) -> Result<Tensor> {
    let (_, height, width) = image.dims3()?;
    let heat = enlarge(&map.unsqueeze(0)?, height, width, half_pixel)?;
    let heat = match fault {
        Fault::NotRelative => heat.relu()?,
        _ => solution05::relative(&heat)?,
    };
    let colormap = match fault {
        Fault::Viridis => Colormap::Viridis,
        _ => Colormap::Magma,
    };
    let divisor = if fault == Fault::Bytes { 1.0 } else { 255.0 };
    let values = heat.flatten_all()?.to_vec1::<f32>()?;
    let colours: Vec<f32> = match fault {
        Fault::ChannelsMixed => values
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
        Fault::OpacityReversed => 1.0 - opacity,
        _ => opacity,
    };
    image + ((colours - image)? * opacity)?
}

/// 5.4
pub fn overlay(seed: u64) -> Exam<Overlay> {
    let mut random = Random::new(seed, 54);
    let maps = random.signed((2, 3, 4));
    let (maps_1, maps_2) = (random.signed((2, 3, 4)), maps.clone());
    let image = random.between(0.0, 1.0, (3, 6, 9));
    // Its largest value is about 3: were it 1, nobody would see whether the map was made relative.
    let map =
        (random.between(-0.5, 0.5, (2, 3)) + (delta([1, 2], [2, 3]) * 3.0).expect("a number")).expect("equal shapes");
    let (image_1, map_1) = (image.clone(), map.clone());
    let rank_2 = map.clone();
    let hot = Colormap::Magma
        .rgb(1.0)
        .map(|byte| 0.25 * 0.4 + 0.75 * f32::from(byte) / 255.0);

    Exam::new("5.4", SOLUTION)
        .mistake(
            "align_corners = true",
            "Your first and last pixel lie on the middles of the outermost cells (align_corners = true). A cell \
             covers a square: pixel i lies at (i + ½)·from/to − ½.",
            Overlay {
                upsample: |m, h, w| {
                    enlarge(m, h, w, |i, from, to| {
                        (i * (from - 1)) as f32 / ((to - 1).max(1)) as f32
                    })
                },
                ..SOLUTION
            },
        )
        .mistake(
            "half a pixel off",
            "Your map is shifted up and to the left by half a cell less half a pixel: the middle of pixel i is i \
             + ½, that of a cell likewise. (i + ½)·from/to − ½, not i·from/to.",
            Overlay {
                upsample: |m, h, w| {
                    enlarge(m, h, w, |i, from, to| {
                        (i as f32 * from as f32 / to as f32).clamp(0.0, (from - 1) as f32)
                    })
                },
                ..SOLUTION
            },
        )
        .mistake(
            "dark border",
            "Your map gets darker at its border: cells outside it count as 0. Beyond the outermost middle the \
             value stays, so clamp the place to [0, from − 1].",
            Overlay {
                upsample: |m, h, w| enlarge(m, h, w, |i, from, to| (i as f32 + 0.5) * from as f32 / to as f32 - 0.5),
                ..SOLUTION
            },
        )
        .mistake(
            "nearest cell",
            "Your map has steps: each pixel takes the nearest cell. Between two middles the values mix.",
            Overlay {
                upsample: |m, h, w| enlarge(m, h, w, |i, from, to| half_pixel(i, from, to).round()),
                ..SOLUTION
            },
        )
        .mistake(
            "height and width swapped",
            "Height and width are swapped. Tensors are [batch, height, width], and the arguments come in this \
             order too.",
            Overlay {
                upsample: |m, h, w| enlarge(m, w, h, half_pixel),
                ..SOLUTION
            },
        )
        .mistake(
            "map transposed",
            "Your map is mirrored at its diagonal: rows became columns. The rows' matrix comes from the left, the \
             columns' matrix, transposed, from the right.",
            Overlay {
                upsample: |m, h, w| enlarge(&m.t()?.contiguous()?, h, w, half_pixel),
                ..SOLUTION
            },
        )
        .mistake(
            "stretched from minimum to maximum",
            "You stretched the map from its minimum to its maximum: the least negative place becomes warm. Cut at \
             zero, then divide by the maximum.",
            Overlay {
                relative: |m| {
                    let flat = m.flatten_from(1)?;
                    let end = |extreme: Tensor| extreme.reshape(((), 1, 1));
                    let (low, high) = (end(flat.min(1)?)?, end(flat.max(1)?)?);
                    m.broadcast_sub(&low)?.broadcast_div(&(high - low)?)
                },
                ..SOLUTION
            },
        )
        .mistake(
            "zero over zero",
            "A map without a positive value gave NaN: its maximum is 0, and 0 / 0 is not a number. It has nothing \
             to show: zeros.",
            Overlay {
                relative: |m| {
                    let m = m.relu()?;
                    let largest = m.flatten_from(1)?.max(1)?.reshape(((), 1, 1))?;
                    m.broadcast_div(&largest)
                },
                ..SOLUTION
            },
        )
        .mistake(
            "negative values left in",
            "What is below zero stayed. Cut it first; a map of negative values only must become zeros.",
            Overlay {
                relative: |m| {
                    let largest = m.flatten_from(1)?.max(1)?.reshape(((), 1, 1))?;
                    let positive = largest.gt(0f32)?.to_dtype(m.dtype())?;
                    let divisor = ((&largest * &positive)? + (1.0 - positive)?)?;
                    m.broadcast_div(&divisor)
                },
                ..SOLUTION
            },
        )
        .mistake(
            "one maximum for the batch",
            "You divided all maps by the largest value of the batch. Each map is relative to its own maximum.",
            Overlay {
                relative: |m| {
                    let m = m.relu()?;
                    let largest = f64::from(m.max_all()?.to_scalar::<f32>()?);
                    if largest > 0.0 { &m / largest } else { Ok(m) }
                },
                ..SOLUTION
            },
        )
        .mistake(
            "opacity the wrong way round",
            "At opacity 0 the image must show, at 1 the colours: you have them the other way round.",
            Overlay {
                overlay: |i, m, o| lay(i, m, o, Fault::OpacityReversed),
                ..SOLUTION
            },
        )
        .mistake(
            "reshaped instead of permuted",
            "Your colours are noise: the bytes come pixel by pixel, red, green, blue. Make them [height, width, 3] and \
             permute; a reshape to [3, height, width] deals them out in another order.",
            Overlay {
                overlay: |i, m, o| lay(i, m, o, Fault::ChannelsMixed),
                ..SOLUTION
            },
        )
        .mistake(
            "bytes not divided",
            "Your colours go up to 255. The image is in [0, 1]: divide the bytes by 255.",
            Overlay {
                overlay: |i, m, o| lay(i, m, o, Fault::Bytes),
                ..SOLUTION
            },
        )
        .mistake(
            "viridis",
            "You used viridis. Either would do, but the pictures' captions say magma.",
            Overlay {
                overlay: |i, m, o| lay(i, m, o, Fault::Viridis),
                ..SOLUTION
            },
        )
        .mistake(
            "not made relative",
            "You coloured the map's own values: a map up to 0.01 is black, a map up to 50 is all yellow. Make it \
             relative first.",
            Overlay {
                overlay: |i, m, o| lay(i, m, o, Fault::NotRelative),
                ..SOLUTION
            },
        )
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
                overlay: |i, m, o| lay(i, m, o, Fault::None),
            },
        )
        .alternative(
            "candle's own resizing",
            Overlay {
                upsample: |m, h, w| {
                    m.dims3()?;
                    if h == 0 || w == 0 {
                        bail!("sides");
                    }
                    m.unsqueeze(1)?.upsample_bilinear2d(h, w, false)?.squeeze(1)
                },
                ..SOLUTION
            },
        )
        .truth(
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
        .case("upsample: random [2, 3, 4] to 9×7", move |f| (f.upsample)(&maps, 9, 7))
        .within(Tolerance {
            max_relative: 1e-4,
            epsilon: 1e-5,
        })
        .case("upsample: random [2, 3, 4] down to 2×2", move |f| {
            (f.upsample)(&maps_2, 2, 2)
        })
        .within(Tolerance {
            max_relative: 1e-4,
            epsilon: 1e-5,
        })
        .refuses("upsample: a map without a batch", move |f| (f.upsample)(&rank_2, 4, 4))
        .refuses("upsample: to a height of 0", |f| {
            (f.upsample)(&tensor(&[3.; 6], (1, 2, 3)), 0, 7)
        })
        .truth("relative: 2 −1 0 4", tensor(&[0.5, 0., 0., 1.], (1, 2, 2)), |f| {
            (f.relative)(&tensor(&[2., -1., 0., 4.], (1, 2, 2)))
        })
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
        .truth(
            "overlay: one grey pixel of 0.4, opacity 0.75",
            tensor(&hot, (3, 1, 1)),
            |f| (f.overlay)(&tensor(&[0.4; 3], (3, 1, 1)), &tensor(&[5.], (1, 1)), 0.75),
        )
        .because("The pixel is its map's maximum: a quarter grey, three quarters of magma's last colour.")
        .truth("overlay: opacity 0", image_1.clone(), move |f| {
            (f.overlay)(&image_1, &map_1, 0.0)
        })
        .case("overlay: [2, 3] over a random 6×9 image, opacity 0.5", move |f| {
            (f.overlay)(&image, &map, 0.5)
        })
        .within(Tolerance {
            max_relative: 1e-2,
            epsilon: 5e-3,
        })
}
