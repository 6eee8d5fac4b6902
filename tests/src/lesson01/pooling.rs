use candle_core::{Result, Tensor};
use resnet::{Window, ops};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*};

mod answers;

/// One of the two pools: the image and the window.
pub type Pool = fn(&Tensor, Window) -> Result<Tensor>;

/// `solution01::max_pool` and `solution01::average_pool`
#[derive(Clone, Copy)]
pub struct Pooling {
    /// The largest pixel of each patch.
    pub max: Pool,
    /// The mean of each patch.
    pub average: Pool,
}

/// The attempt at 1.3 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_3 {
    ($lesson:ident) => {
        $crate::lesson01::Pooling {
            max: $lesson::max_pool,
            average: $lesson::average_pool,
        }
    };
}

const SOLUTION: Pooling = ex1_3!(solution01);

/// 1.3
pub fn pooling(seed: u64) -> Exam<Pooling> {
    hazards(seed, basics(seed, answers::known()))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Pooling>) -> Exam<Pooling> {
    let mut random = Random::new(seed, 13);
    let image = random.signed((2, 7, 8));
    let negative = random.between(-2.0, -1.0, (3, 6, 6));
    let stem = Window::new(3).stride(2).padding(1);
    let expected = ops::max_pool2d(&negative.unsqueeze(0).expect("rank 4"), stem).and_then(|y| y.squeeze(0));
    let expected = expected.expect("the window fits");

    exam.given((image, negative), |on| {
        on.truth(
            "max, the image [[1, 2], [3, 4]], kernel 2",
            tensor(&[4.0], (1, 1, 1)),
            |f, _| (f.max)(&tensor(&[1., 2., 3., 4.], (1, 2, 2)), Window::new(2)),
        )
        .because("The largest of the four.")
        .truth(
            "max, the image [[−3, −1], [−2, 1]], kernel 1 stride 1",
            tensor(&[-3., -1., -2., 1.], (1, 2, 2)),
            |f, _| (f.max)(&tensor(&[-3., -1., -2., 1.], (1, 2, 2)), Window::new(1)),
        )
        .because("A window of one pixel keeps every pixel, the negative ones too.")
        .truth(
            "max, one row −5 −4 −3, kernel 3, stride 2, padding 1",
            tensor(&[-4., -3.], (1, 1, 2)),
            move |f, _| (f.max)(&tensor(&[-5., -4., -3.], (1, 1, 3)), stem),
        )
        .because("The windows see {−5, −4} and {−4, −3}; the padding never wins.")
        .truth(
            "max, a random image of negative pixels, the stem's window",
            expected,
            move |f, (_, negative)| (f.max)(negative, stem),
        )
        .because(
            "Each channel by itself. Windows start at rows and columns −1, 1 and 3, and what lies outside never wins.",
        )
        .truth(
            "average, the image [[1, 2], [3, 4]], kernel 2",
            tensor(&[2.5], (1, 1, 1)),
            |f, _| (f.average)(&tensor(&[1., 2., 3., 4.], (1, 2, 2)), Window::new(2)),
        )
        .because("(1 + 2 + 3 + 4) / 4.")
        .truth(
            "average, one pixel 8, kernel 2, padding 1",
            tensor(&[2.0; 4], (1, 2, 2)),
            |f, _| (f.average)(&tensor(&[8.0], (1, 1, 1)), Window::new(2).padding(1)),
        )
        .because("Each window holds the 8 and three zeros of padding: 8 / 4.")
        .case(
            "max, a random [2, 7, 8] image, kernel 3, stride 2",
            move |f, (image, ..)| (f.max)(image, Window::new(3).stride(2)),
        )
        .because("Each channel by itself. Windows start at rows and columns 0, 2, ….")
        .case("max, the same, kernel 2, dilation 3", move |f, (image, ..)| {
            (f.max)(image, Window::new(2).dilation(3))
        })
        .because("The four pixels of a patch lie three apart, in rows and in columns.")
        .case(
            "average, the same, kernel 3, stride 2, padding 1",
            move |f, (image, ..)| (f.average)(image, stem),
        )
        .because("Nine pixels of one channel with their signs, what lies outside as 0: their sum over 9.")
        .case("average, the same, kernel 2, dilation 3", move |f, (image, ..)| {
            (f.average)(image, Window::new(2).dilation(3))
        })
        .because("Four pixels, three apart in rows and in columns: their sum over 4.")
        .refuses("max, kernel 2, padding 2", move |f, (_, negative)| {
            (f.max)(negative, Window::new(2).padding(2))
        })
        .refuses("average, kernel 2, padding 2", move |f, (_, negative)| {
            (f.average)(negative, Window::new(2).padding(2))
        })
        .refuses("max, a 2×2 image, kernel 3", |f, _| {
            (f.max)(&tensor(&[0.; 4], (1, 2, 2)), Window::new(3))
        })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Pooling>) -> Exam<Pooling> {
    let image = Random::new(seed, 113).signed((2, 7, 8));
    let window = Window::new(3).padding(1).dilation(2);
    let even = Window::new(2).stride(3).padding(1);
    let wide = Window::new(2).dilation(3).padding(2);
    let exam = exam.given(image, |on| {
        on.truth(
            "max, two pixels −3e38 and −2e38, kernel 1",
            tensor(&[-3e38, -2e38], (1, 1, 2)),
            |f, _| (f.max)(&tensor(&[-3e38, -2e38], (1, 1, 2)), Window::new(1)),
        )
        .because("A maximum that starts at any number but −∞ wins against pixels that are smaller.")
        .holds(Scale)
        .truth(
            "max, pixels −∞ and 1, kernel 1",
            tensor(&[f32::NEG_INFINITY, 1.], (1, 1, 2)),
            |f, _| (f.max)(&tensor(&[f32::NEG_INFINITY, 1.], (1, 1, 2)), Window::new(1)),
        )
        .because("Nothing in the first window is larger than −∞.")
        .holds(Scale)
        .truth(
            "average, pixels 10⁸, 1 and 3, kernel 1: the last two",
            tensor(&[1., 3.], (1, 1, 2)),
            |f, _| (f.average)(&tensor(&[1e8, 1., 3.], (1, 1, 3)), Window::new(1))?.narrow(2, 1, 2),
        )
        .because("Each window adds up its own pixels. In a running sum of f32 a 1 is lost beside 10⁸.")
        .holds(Scale)
        .truth(
            "max, one pixel 8, kernel 4, padding 2",
            tensor(&[8.; 4], (1, 2, 2)),
            |f, _| (f.max)(&tensor(&[8.], (1, 1, 1)), Window::new(4).padding(2)),
        )
        .because("A padding of half the kernel is allowed, and may be more than there are pixels.")
        .case("max, kernel 2, stride 3, padding 1", move |f, x| (f.max)(x, even))
        .because("Windows start at rows and columns −1, 2 and 5; what lies outside never wins.")
        .holds(Sizes)
        .case("average, kernel 2, stride 3, padding 1", move |f, x| {
            (f.average)(x, even)
        })
        .because("Windows start at rows and columns −1, 2 and 5; what lies outside counts 0, and four pixels divide.")
        .holds(Sizes)
        .case("max, kernel 3, padding 1, dilation 2", move |f, x| (f.max)(x, window))
        .because("The first patch has rows and columns −1, 1 and 3: row 0 is not in it, and −1 never wins.")
        .holds(Combined)
        .case("average, kernel 3, padding 1, dilation 2", move |f, x| {
            (f.average)(x, window)
        })
        .because("The first patch has rows and columns −1, 1 and 3; −1 counts 0, and nine pixels divide.")
        .holds(Combined)
        .case("max, an image whose columns come first in memory", move |f, x| {
            (f.max)(&askew(x), Window::new(3))
        })
        .holds(NotContiguous)
        .case("average, an image whose columns come first in memory", move |f, x| {
            (f.average)(&askew(x), Window::new(3))
        })
        .holds(NotContiguous)
        .refuses("average, a 7×8 image, kernel 9", |f, x| (f.average)(x, Window::new(9)))
        .refuses("max, kernel 2, dilation 3, padding 2", move |f, x| (f.max)(x, wide))
        .because("2·padding is more than kernel, and the dilation does not count")
        .refuses("average, kernel 2, dilation 3, padding 2", move |f, x| {
            (f.average)(x, wide)
        })
        .because("2·padding is more than kernel, and the dilation does not count")
    });
    exam.spared(
        &[Batch, Names, Returned, Wiring],
        "one image, one number for each place",
    )
    .spared(
        &[Sign, Ties],
        "signs are tried as mistakes; equal pixels have the same maximum",
    )
    .spared(&[NotFinite], "the text does not say what becomes of NaN")
    .spared(&[Empty], "an image without pixels is an error of 1.1")
}
