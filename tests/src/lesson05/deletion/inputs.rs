//! What 5.12 is asked for.

use candle_core::Result;

use super::super::planted::{self, BLUE, GREY, RED};
use super::super::tiny;
use super::{Exchange, proofs};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed, Tolerance};

pub(super) fn list(order: Result<Vec<u32>>) -> Observed {
    order
        .map(|order| -> Vec<usize> { order.into_iter().map(|pixel| pixel as usize).collect() })
        .into()
}

/// What the planted network gives a class that is so many pixels ahead of the other.
fn ahead<const N: usize>(pixels: [i32; N]) -> Vec<f64> {
    pixels.map(|lead| 1.0 / (1.0 + f64::from(-lead).exp())).into()
}

/// The parts, from small to large.
pub(super) fn parts(seed: u64, exam: Exam<Exchange>) -> Exam<Exchange> {
    let mut random = Random::new(seed, 5120);
    let fixture = (
        random.signed((4, 5)),
        random.signed((1, 3, 4, 5)),
        random.signed((1, 3, 4, 5)),
    );
    exam.part("pixel_order")
        .truth("pixel_order: 1 5 −9 / 2 0 3", vec![1, 5, 3, 0, 4, 2], |f| {
            list((f.pixel_order)(&tensor(&[1., 5., -9., 2., 0., 3.], (2, 3))))
        })
        .because(
            "The numbers row·width + column of 5, 3, 2, 1, 0 and −9: the pixels, not their ranks, and all of them.",
        )
        .truth("pixel_order: 0 7 0 / 7 0 0", vec![1, 3, 0, 2, 4, 5], |f| {
            list((f.pixel_order)(&tensor(&[0., 7., 0., 7., 0., 0.], (2, 3))))
        })
        .because("Of equal values the first in reading order comes first. A Grad-CAM has many equal zeros.")
        .given(fixture, |on| {
            on.case("pixel_order: a random map of 4×5", |f, (map, ..)| {
                list((f.pixel_order)(map))
            })
            .because("All 20 pixels, from the largest value, with its sign, to the smallest.")
            .part("exchanged")
            .truth(
                "exchanged: pixels 5 and 1 of a grey image of 2×3, from a red one",
                planted::picture(2, 3, GREY, &[(0, 1, RED), (1, 2, RED)]),
                |f, _| {
                    let (grey, red) = (planted::picture(2, 3, GREY, &[]), planted::picture(2, 3, RED, &[]));
                    (f.exchanged)(&grey, &red, &[5, 1])
                },
            )
            .because(
                "Pixel 5 is row 1, column 2, and pixel 1 is row 0, column 1. They come from the red image in all three \
          colours, the rest stays.",
            )
            .case(
                "exchanged: pixels 0, 19, 7 and 11 of two random images of 4×5",
                |f, (_, image, other)| (f.exchanged)(image, other, &[0, 19, 7, 11]),
            )
            .because("Row = number / width, column = the rest. These four are `other`, all others `image`.")
        })
        .part("area_under")
        .truth("area_under: 1 0", 0.5, |f| (f.area_under)(&[1.0, 0.0]))
        .because("One step, with a mean height of ½.")
        .truth("area_under: 1 0 0", 0.25, |f| (f.area_under)(&[1.0, 0.0, 0.0]))
        .because("A triangle over the first half.")
        .truth("area_under: −6 2 4", 0.5, |f| (f.area_under)(&[-6.0, 2.0, 4.0]))
        .because("The mean height, also of what is no probability: (−2 + 3) / 2.")
        .truth("area_under: 0.5 0.7 0.7 0.1 0.4", 0.4875, |f| {
            (f.area_under)(&[0.5, 0.7, 0.7, 0.1, 0.4])
        })
        .because("(0.6 + 0.7 + 0.4 + 0.25) / 4.")
}

/// Whole curves, of a network that is known pixel by pixel and of one that is not.
pub(super) fn curves(seed: u64, exam: Exam<Exchange>) -> Exam<Exchange> {
    let mut random = Random::new(seed, 5121);
    // Two red pixels on grey: the mask's order is 0, 5, and then the rest.
    let fixture = (
        planted::counts(2, 3, 1.0, 0.0),
        planted::picture(2, 3, GREY, &[(0, 0, RED), (1, 2, RED)]),
        planted::picture(2, 3, GREY, &[]),
        tiny::smallest(&mut random),
        (
            random.signed((1, 3, 5, 6)),
            random.signed((1, 3, 5, 6)),
            random.signed((5, 6)),
        ),
    );
    const MASK: [u32; 6] = [0, 5, 1, 2, 3, 4];
    const WORST: [u32; 6] = [1, 2, 3, 4, 0, 5];
    exam.part("exchange_curve").given(fixture, |on| {
        on.truth(
            "exchange_curve: deletion by the true mask, 6 steps",
            ahead([2, 1, 0, 0, 0, 0, 0]),
            |f, c| (f.exchange_curve)(&c.0, &c.1, &c.2, 0, &MASK, 6),
        )
        .because(
            "This network's logits are the numbers of red and of blue pixels. The first two pixels of the order \
             are the red ones: after two steps both logits are 0.",
        )
        .truth(
            "exchange_curve: deletion, the red pixels last",
            ahead([2, 2, 2, 2, 2, 1, 0]),
            |f, c| (f.exchange_curve)(&c.0, &c.1, &c.2, 0, &WORST, 6),
        )
        .because("What does not matter goes first, and nothing happens until the end.")
        .truth(
            "exchange_curve: insertion by the true mask, 3 steps",
            ahead([0, 2, 2, 2]),
            |f, c| (f.exchange_curve)(&c.0, &c.2, &c.1, 0, &MASK, 3),
        )
        .because("From the blank image to the other one, two pixels a step.")
        .truth(
            "exchange_curve: deletion by the true mask, 4 steps",
            ahead([2, 1, 0, 0, 0]),
            |f, c| (f.exchange_curve)(&c.0, &c.1, &c.2, 0, &MASK, 4),
        )
        .because("Of six pixels 0, 1, 3, 4 and 6 are exchanged.")
        .truth(
            "exchange_curve: deletion by the true mask, 8 steps",
            ahead([2, 2, 1, 0, 0, 0, 0, 0, 0]),
            |f, c| (f.exchange_curve)(&c.0, &c.1, &c.2, 0, &MASK, 8),
        )
        .because("Of six pixels 0, 0, 1, 2, 3, 3, 4, 5 and 6 are exchanged: there may be more steps than pixels.")
        .truth(
            "exchange_curve: towards blue, 4 steps",
            ahead([2, 0, -3, -4, -6]),
            |f, c| {
                let blue = planted::picture(2, 3, BLUE, &[]);
                (f.exchange_curve)(&c.0, &c.1, &blue, 0, &MASK, 4)
            },
        )
        .because("Of six pixels 0, 1, 3, 4 and 6 are exchanged, the red ones first: red leads by 2, 0, −3, −4 and −6.")
        .case(
            "exchange_curve: a small ResNet, random images of 5×6, 7 steps",
            |f, (.., n, (from, to, map))| {
                let order = solution05::pixel_order(map)?;
                (f.exchange_curve)(n, from, to, 2, &order, 7)
            },
        )
        .because("The softmax of this class with the first ⌊k·30/7⌋ pixels exchanged, k = 0 … 7.")
        .within(Tolerance::relative(1e-3))
        .refuses("exchange_curve: class 2 of 2", |f, c| {
            (f.exchange_curve)(&c.0, &c.1, &c.2, 2, &MASK, 3)
        })
    })
}

const IN_MEMORY: &str = "Row by row as the tensors give them, not in the order in which they lie in memory.";

/// Shares that a computer's fractions do not hold: height, width, steps.
const PORTIONS: [(usize, usize, usize); 2] = [(7, 7, 49), (4, 7, 83)];

/// Red images from which the red goes pixel by pixel.
fn portions(mut exam: Exam<Exchange>) -> Exam<Exchange> {
    for (height, width, steps) in PORTIONS {
        let pixels = height * width;
        let left = (0..=steps).map(|k| (pixels - k * pixels / steps) as f64);
        let expected: Vec<f64> = left.map(|left| 1.0 / (1.0 + (-0.1 * left).exp())).collect();
        let label = format!("exchange_curve: {pixels} red pixels on grey, {steps} steps");
        exam = exam
            .truth(label, expected, move |f| {
                let (red, grey) = (
                    planted::picture(height, width, RED, &[]),
                    planted::picture(height, width, GREY, &[]),
                );
                let order: Vec<u32> = (0..pixels as u32).collect();
                (f.exchange_curve)(&planted::counts(height, width, 0.1, 0.0), &red, &grey, 0, &order, steps)
            })
            .because(
                "⌊k·pixels/steps⌋ in whole numbers: (k / steps) · pixels falls below the next one by rounding, \
                 and a pixel is missing.",
            );
    }
    exam
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Exchange>) -> Exam<Exchange> {
    let mut random = Random::new(seed, 5122);
    let fixture = (
        tiny::smallest(&mut random),
        random.signed((1, 3, 7, 3)),
        random.signed((1, 3, 7, 3)),
        random.signed((7, 3)),
    );
    let exam = exam
        .given(fixture, |on| {
            on.part("pixel_order")
                .case(
                    "pixel_order: a map of 7×3 whose columns come first in memory",
                    |f, (.., map)| list((f.pixel_order)(&askew(map))),
                )
                .because(IN_MEMORY)
                .holds(NotContiguous)
                .part("exchanged")
                .case(
                    "exchanged: images of 7×3 whose columns come first in memory",
                    |f, (_, a, b, _)| (f.exchanged)(&askew(a), &askew(b), &[20, 4, 9]),
                )
                .because(IN_MEMORY)
                .holds(NotContiguous)
                .case(
                    "exchanged: pixel 20 of 7×3, and no pixel at all",
                    |f, (_, a, b, _)| -> Result<Observed> {
                        Ok(((f.exchanged)(a, b, &[20])?, (f.exchanged)(a, b, &[])?).into())
                    },
                )
                .because("Row 6, column 2; and without any pixel the image as it is.")
                .holds(Empty)
                .case("exchanged: pixels 4, 9 and 4 again", |f, (_, a, b, _)| {
                    (f.exchanged)(a, b, &[4, 9, 4])
                })
                .because("A pixel that is named twice comes from `other`, as if it were named once.")
                .holds(Ties)
                .part("exchange_curve")
                .case("exchange_curve: images of 7×3, 5 steps", |f, (n, a, b, map)| {
                    (f.exchange_curve)(n, a, b, 1, &solution05::pixel_order(map)?, 5)
                })
                .within(Tolerance::relative(1e-3))
                .because("Of 21 pixels 0, 4, 8, 12, 16 and 21 are exchanged, row by row of 3.")
                .holds(Sizes)
        })
        .part("pixel_order")
        .truth("pixel_order: 0.0 −0.0 / −1 0.0", vec![0, 1, 3, 2], |f| {
            list((f.pixel_order)(&tensor(&[0.0, -0.0, -1.0, 0.0], (2, 2))))
        })
        .because("0.0 and −0.0 are equal. `total_cmp` tells them apart, `partial_cmp` does not.")
        .holds(Ties)
        .truth(
            "pixel_order: a mask of 16×16, every third pixel 1 and the others 0",
            (0..256)
                .step_by(3)
                .chain((0..256).filter(|pixel| pixel % 3 > 0))
                .collect::<Vec<usize>>(),
            |f| {
                let mask: Vec<f32> = (0..256).map(|pixel| f32::from(u8::from(pixel % 3 == 0))).collect();
                list((f.pixel_order)(&tensor(&mask, (16, 16))))
            },
        )
        .because("Rust's `sort_unstable_by` keeps equal values in order in short lists only; `sort_by` always does.")
        .holds(Ties)
        .truth("pixel_order: 10⁻⁹ 3·10⁻⁹ 2·10⁻⁹", vec![1, 2, 0], |f| {
            list((f.pixel_order)(&tensor(&[1e-9, 3e-9, 2e-9], (1, 3))))
        })
        .because("Small values differ, too: the map of a gradient has no others.")
        .holds(Scale)
        .truth("pixel_order: all below 0", vec![2, 0, 1], |f| {
            list((f.pixel_order)(&tensor(&[-3.0, -7.0, -2.0], (1, 3))))
        })
        .because("−2, −3, −7: the largest first.")
        .holds(Sign)
        .part("exchange_curve")
        .truth("exchange_curve: 200 red pixels on grey", ahead([200, 100, 0]), |f| {
            let reds: Vec<_> = (0..200).map(|pixel| (pixel / 20, pixel % 20, RED)).collect();
            let (image, blank) = (
                planted::picture(10, 20, GREY, &reds),
                planted::picture(10, 20, GREY, &[]),
            );
            let order: Vec<u32> = (0..200).collect();
            (f.exchange_curve)(&planted::counts(10, 20, 1.0, 0.0), &image, &blank, 0, &order, 2)
        })
        .because("A logit of 200: take the largest away before exp, which is infinite from 89 on.")
        .holds(Scale);
    proofs(portions(exam))
}
