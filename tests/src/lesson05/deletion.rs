mod inputs;

use candle_core::{D, Result, Tensor, bail};
use resnet::ResNet;

use crate::Hazard::*;
use crate::inputs::in_order;
use crate::{Exam, Fault, Slip, fault, keep, slip};
use inputs::{curves, hazards, parts};

/// `solution05::pixel_order`, `exchanged`, `exchange_curve` and `area_under`
#[derive(Clone, Copy)]
#[allow(missing_docs, clippy::type_complexity, reason = "the names say it")]
pub struct Exchange {
    pub pixel_order: &'static (dyn Fn(&Tensor) -> Result<Vec<u32>> + Sync),
    pub exchanged: &'static (dyn Fn(&Tensor, &Tensor, &[u32]) -> Result<Tensor> + Sync),
    pub exchange_curve: &'static (dyn Fn(&ResNet, &Tensor, &Tensor, u32, &[u32], usize) -> Result<Vec<f64>> + Sync),
    pub area_under: &'static (dyn Fn(&[f64]) -> Result<f64> + Sync),
}

/// The attempt at 5.12 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_12 {
    ($lesson:ident) => {
        $crate::lesson05::Exchange {
            pixel_order: &$lesson::pixel_order,
            exchanged: &$lesson::exchanged,
            exchange_curve: &$lesson::exchange_curve,
            area_under: &$lesson::area_under,
        }
    };
}

const SOLUTION: Exchange = ex5_12!(solution05);

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Parts {
    /// Of two pixels with these values and numbers: does the first go first?
    before: fn((f32, usize), (f32, usize)) -> bool,
    /// Whether value `index` of an image of `[3, height, width]` comes from the other one.
    taken: fn(&[u32], usize, (usize, usize)) -> bool,
    /// The part of the order that has been exchanged: step, pixels, steps.
    part: fn(usize, usize, usize) -> std::ops::Range<usize>,
    first: usize,
    /// Steps left out at the end.
    missing: usize,
    /// Which of two images is exchanged for the other: `from` and `to`, or the other way round.
    turned: bool,
    score: fn(&Tensor) -> Result<Tensor>,
    area: fn(&[f64]) -> f64,
}

const RIGHT: Parts = Parts {
    before: |(a, i), (b, j)| a > b || (a == b && i < j),
    taken: |pixels, index, (height, width)| pixels.contains(&((index % (height * width)) as u32)),
    part: |k, pixels, steps| 0..k * pixels / steps,
    first: 0,
    missing: 0,
    turned: false,
    score: softmax,
    area: |p| {
        let inner: f64 = p[1..p.len() - 1].iter().sum();
        (inner + (p[0] + p[p.len() - 1]) / 2.0) / (p.len() - 1) as f64
    },
};

fn softmax(logits: &Tensor) -> Result<Tensor> {
    let shares = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?.exp()?;
    shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)
}

/// Each pixel's place is the number of pixels that go before it.
fn order(parts: Parts, map: &Tensor) -> Result<Vec<u32>> {
    let values = map.flatten_all()?.to_vec1::<f32>()?;
    let mut order = vec![0; values.len()];
    for (i, &value) in values.iter().enumerate() {
        let earlier = values
            .iter()
            .enumerate()
            .filter(|(j, other)| (parts.before)((**other, *j), (value, i)));
        order[earlier.count()] = i as u32;
    }
    Ok(order)
}

fn exchanged(parts: Parts, image: &Tensor, other: &Tensor, pixels: &[u32]) -> Result<Tensor> {
    let (_, _, height, width) = image.dims4()?;
    let mut values = image.flatten_all()?.to_vec1::<f32>()?;
    let others = other.flatten_all()?.to_vec1::<f32>()?;
    for (index, value) in values.iter_mut().enumerate() {
        if (parts.taken)(pixels, index, (height, width)) {
            *value = others[index];
        }
    }
    Tensor::from_vec(values, image.shape(), image.device())
}

/// One image after the other.
fn curve(
    p: Parts,
    n: &ResNet,
    from: &Tensor,
    to: &Tensor,
    class: u32,
    order: &[u32],
    steps: usize,
) -> Result<Vec<f64>> {
    let pixels = from.dim(2)? * from.dim(3)?;
    if steps == 0 || order.len() != pixels || (0..pixels as u32).any(|pixel| !order.contains(&pixel)) {
        bail!("each pixel once");
    }
    let (from, to) = if p.turned { (to, from) } else { (from, to) };
    let step = |k: usize| {
        let image = exchanged(p, from, to, &order[(p.part)(k, pixels, steps)])?;
        let score = (p.score)(&n.forward(&image)?)?.get(0)?.get(class as usize)?;
        Ok(f64::from(score.to_scalar::<f32>()?))
    };
    (p.first..=steps - p.missing).map(step).collect()
}

fn answer(p: Parts) -> Exchange {
    Exchange {
        pixel_order: keep(Box::new(move |map: &Tensor| order(p, map))),
        exchanged: keep(Box::new(move |image: &Tensor, other: &Tensor, pixels: &[u32]| {
            exchanged(p, image, other, pixels)
        })),
        exchange_curve: keep(Box::new(
            move |n: &ResNet, from: &Tensor, to: &Tensor, class, order: &[u32], steps| {
                curve(p, n, from, to, class, order, steps)
            },
        )),
        area_under: keep(Box::new(move |curve: &[f64]| match curve.len() {
            0 | 1 => bail!("two values"),
            _ => Ok((p.area)(curve)),
        })),
    }
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "smallest first",
        "Your order begins with the smallest value. The pixels that the map holds for the most important go first.",
        |parts| parts.before = |(a, i), (b, j)| a < b || (a == b && i < j),
    ),
    fault(
        "largest magnitude first",
        "Your order goes by magnitude. What is far below 0 speaks against the class: it goes last.",
        |parts| parts.before = |(a, i), (b, j)| a.abs() > b.abs() || (a.abs() == b.abs() && i < j),
    ),
    fault(
        "sorted and turned round",
        "Of equal values yours gives the last in reading order first: you sorted upwards and turned the list \
         round. Sort downwards; a stable sort then keeps equal ones in order.",
        |parts| parts.before = |(a, i), (b, j)| a > b || (a == b && i > j),
    ),
    fault(
        "one colour of three",
        "You exchanged a pixel's first colour alone. The numbers count pixels; the image has three planes of them.",
        |parts| parts.taken = |pixels, index, _| pixels.contains(&(index as u32)),
    ),
    fault(
        "column by column",
        "You counted the pixels column by column. A pixel's number is row·width + column.",
        |parts| {
            parts.taken = |pixels, index, (height, width)| {
                let (row, column) = (index / width % height, index % width);
                pixels.contains(&((column * height + row) as u32))
            };
        },
    ),
    fault(
        "all but these pixels",
        "You exchanged all pixels except those that were asked for: `where_cond` takes its first argument where \
         the mask is not 0.",
        |parts| parts.taken = |pixels, index, sides| !(RIGHT.taken)(pixels, index, sides),
    ),
    fault(
        "one portion at a time",
        "At each step only one portion is exchanged, and the portions before it are back again. What is \
         exchanged stays so.",
        |parts| parts.part = |k, pixels, steps| k.saturating_sub(1) * pixels / steps..k * pixels / steps,
    ),
    fault(
        "a rest that stays",
        "Each step exchanges ⌊pixels/steps⌋ pixels, so a rest is never exchanged. Multiply first: k·pixels/steps.",
        |parts| parts.part = |k, pixels, steps| 0..k * (pixels / steps),
    ),
    fault(
        "portions rounded up",
        "You rounded the number of pixels up: round down, as integer division does.",
        |parts| parts.part = |k, pixels, steps| 0..(k * pixels).div_ceil(steps),
    ),
    fault(
        "step 0 left out",
        "Your curve begins after the first portion. Its first value is that of the untouched image.",
        |parts| parts.first = 1,
    ),
    fault(
        "the last step left out",
        "Your curve ends before the last portion. Its last value is that of `to`, with all pixels exchanged: k \
         = 0 … steps.",
        |parts| parts.missing = 1,
    ),
    fault(
        "from for to",
        "You began with `to` and took pixels from `from`: the curve begins with the other image.",
        |parts| parts.turned = true,
    ),
    fault(
        "the largest probability",
        "You followed the largest probability, whichever class it belongs to. The class is given: if another \
         one takes its place, its own probability falls.",
        |parts| {
            parts.score = |logits| {
                let shares = softmax(logits)?;
                shares
                    .max_keepdim(D::Minus1)?
                    .broadcast_as(shares.shape())?
                    .contiguous()
            };
        },
    ),
    fault(
        "sigmoid for softmax",
        "You put each logit through a sigmoid. The classes exclude each other, so their probabilities are a \
         softmax: they add up to 1.",
        |parts| parts.score = |logits| (logits.neg()?.exp()? + 1.0)?.recip(),
    ),
    fault(
        "logit instead of probability",
        "These are logits. They have no common scale, so a mean over images would be that of the images with \
         the largest: here the score is the probability.",
        |parts| parts.score = |logits| Ok(logits.clone()),
    ),
    fault(
        "mean of the values",
        "You averaged all values. The first and the last stand at the ends of the curve and count half.",
        |parts| parts.area = |p| p.iter().sum::<f64>() / p.len() as f64,
    ),
    fault(
        "rectangles",
        "You took each step's value at its beginning. Take the mean of both ends: a trapezoid.",
        |parts| parts.area = |p| p[..p.len() - 1].iter().sum::<f64>() / (p.len() - 1) as f64,
    ),
    fault(
        "rectangles at the end",
        "You took each step's value at its end. Take the mean of both ends: a trapezoid.",
        |parts| parts.area = |p| p[1..].iter().sum::<f64>() / (p.len() - 1) as f64,
    ),
    fault(
        "area in steps",
        "You did not divide by the number of steps, so a curve looked at more closely has a larger area.",
        |parts| parts.area = |p| (RIGHT.area)(p) * (p.len() - 1) as f64,
    ),
];

/// 5.12
pub fn exchange(seed: u64) -> Exam<Exchange> {
    let exam = Exam::new("5.12", SOLUTION).faults("pixel by pixel", &RIGHT, answer, FAULTS);
    hazards(seed, curves(seed, parts(seed, exam)))
}

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Exchange>] = &[
    slip(NotContiguous, "only what lies in order", |f| {
        f.pixel_order = &|map: &Tensor| {
            in_order(&[map])?;
            solution05::pixel_order(map)
        };
        f.exchanged = &|a: &Tensor, b: &Tensor, pixels: &[u32]| {
            in_order(&[a, b])?;
            solution05::exchanged(a, b, pixels)
        };
    }),
    slip(Empty, "an error for no pixels", |f| {
        f.exchanged = &|a: &Tensor, b: &Tensor, pixels: &[u32]| match pixels {
            [] => bail!("no pixels"),
            _ => solution05::exchanged(a, b, pixels),
        }
    }),
    slip(Sizes, "a rest of a tall image that stays", |f| {
        f.exchange_curve = &|n: &ResNet, a: &Tensor, b: &Tensor, c, order: &[u32], steps| {
            let mut curve = solution05::exchange_curve(n, a, b, c, order, steps)?;
            if a.dims() == [1, 3, 7, 3] {
                curve[steps] = curve[steps - 1];
            }
            Ok(curve)
        }
    }),
    slip(Ties, "0.0 before −0.0", |f| {
        f.pixel_order = &|map: &Tensor| {
            let values = map.flatten_all()?.to_vec1::<f32>()?;
            let mut order: Vec<u32> = (0..values.len() as u32).collect();
            order.sort_by(|&i, &j| values[j as usize].total_cmp(&values[i as usize]));
            Ok(order)
        }
    }),
    slip(Ties, "an unstable sort", |f| {
        f.pixel_order = &|map: &Tensor| {
            let values = map.flatten_all()?.to_vec1::<f32>()?;
            let mut order: Vec<u32> = (0..values.len() as u32).collect();
            order.sort_unstable_by(|&i, &j| values[j as usize].partial_cmp(&values[i as usize]).expect("numbers"));
            Ok(order)
        }
    }),
    slip(Sign, "nothing below 0 has a place", |f| {
        f.pixel_order = &|map: &Tensor| {
            if map.max_all()?.to_scalar::<f32>()? < 0.0 {
                solution05::pixel_order(&map.zeros_like()?)
            } else {
                solution05::pixel_order(map)
            }
        }
    }),
    slip(Scale, "exp of the logits as they are", |f| {
        f.exchange_curve = &|n: &ResNet, a: &Tensor, b: &Tensor, c, order: &[u32], steps| {
            let mut curve = solution05::exchange_curve(n, a, b, c, order, steps)?;
            if n.forward(a)?.max_all()?.to_scalar::<f32>()? > 89.0 {
                curve[0] = f64::NAN;
            }
            Ok(curve)
        }
    }),
    slip(Errors, "the last class for one that is not there", |f| {
        f.exchange_curve = &|n: &ResNet, a: &Tensor, b: &Tensor, c: u32, order: &[u32], steps| {
            let last = n.config().classes as u32 - 1;
            solution05::exchange_curve(n, a, b, c.min(last), order, steps)
        }
    }),
    slip(Scale, "values below 1e-6 taken for equal", |f| {
        f.pixel_order = &|map: &Tensor| solution05::pixel_order(&(map * 1e6)?.round()?)
    }),
    slip(Ties, "a pixel named twice comes back", |f| {
        f.exchanged = &|a: &Tensor, b: &Tensor, pixels: &[u32]| {
            let often = |pixel: &u32| pixels.iter().filter(|other| *other == pixel).count();
            let odd: Vec<u32> = pixels.iter().copied().filter(|pixel| often(pixel) % 2 == 1).collect();
            solution05::exchanged(a, b, &odd)
        }
    }),
];

/// What this exercise has no room for.
fn proofs(exam: Exam<Exchange>) -> Exam<Exchange> {
    exam.proofs(SOLUTION, PROOFS)
        .spared(
            &[Batch, Combined, Wiring],
            "one image, one class; what is handed on wrongly is a mistake with a name",
        )
        .spared(&[Names, Returned], "numbers and lists of numbers")
        .spared(
            &[NotFinite],
            "a map with NaN has no order, and the network refuses such an image",
        )
}
