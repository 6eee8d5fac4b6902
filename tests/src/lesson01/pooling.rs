use candle_core::{Device, Result, Tensor, bail};
use resnet::{Window, ops};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

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

/// Pools by listing the pixels of each patch; `None` is a place in the padding.
fn pool(image: &Tensor, window: Window, reduce: impl Fn(&[Option<f32>]) -> f32) -> Result<Tensor> {
    pool_from(window.padding, image, window, reduce)
}

/// The same with the first window so many pixels before the image.
fn pool_from(before: usize, image: &Tensor, window: Window, reduce: impl Fn(&[Option<f32>]) -> f32) -> Result<Tensor> {
    let Window {
        kernel,
        stride,
        padding,
        dilation,
    } = window;
    if 2 * padding > kernel {
        bail!("padding {padding}");
    }
    let (channels, height, width) = image.dims3()?;
    let size = [
        channels,
        solution01::output_size(height, window)?,
        solution01::output_size(width, window)?,
    ];
    let pixels = image.to_vec3::<f32>()?;
    let mut output = Vec::new();
    for plane in &pixels {
        for y in 0..size[1] {
            for x in 0..size[2] {
                let places = (0..kernel * kernel).map(|n| (n / kernel * dilation, n % kernel * dilation));
                let patch: Vec<_> = places
                    .map(|(i, j)| {
                        let row = plane.get((y * stride + i).checked_sub(before)?)?;
                        row.get((x * stride + j).checked_sub(before)?).copied()
                    })
                    .collect();
                output.push(reduce(&patch));
            }
        }
    }
    Tensor::from_vec(output, &size[..], &Device::Cpu)
}

fn largest(patch: impl IntoIterator<Item = f32>) -> f32 {
    patch.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

fn sum(patch: &[Option<f32>]) -> f32 {
    patch.iter().flatten().sum()
}

/// The window most pools have: its own side is the stride.
fn side_as_stride(window: Window) -> Window {
    window.stride(window.kernel)
}

const FAULTS: &[Fault<Pooling>] = &[
    fault(
        "zero padding",
        "Your padding is 0, and 0 wins against every negative pixel at the border. What lies outside the image must \
         never win: −∞, or skip it.",
        |f| f.max = |i, w| pool(i, w, |patch| largest(patch.iter().map(|v| v.unwrap_or(0.0)))),
    ),
    fault(
        "maximum starts at 0",
        "Your maximum starts at 0 (or at f32::MIN_POSITIVE, which is just above 0), so a patch of negative pixels \
         gives 0. Start at f32::NEG_INFINITY.",
        |f| f.max = |i, w| pool(i, w, |patch| largest(patch.iter().flatten().copied()).max(0.0)),
    ),
    fault(
        "maximum of the magnitude",
        "You kept the pixel with the largest magnitude. −3 is smaller than 1.",
        |f| {
            f.max = |i, w| {
                pool(i, w, |patch| {
                    let size = |a: &f32, b: &f32| a.abs().total_cmp(&b.abs());
                    patch
                        .iter()
                        .flatten()
                        .copied()
                        .max_by(size)
                        .unwrap_or(f32::NEG_INFINITY)
                })
            }
        },
    ),
    fault(
        "stride is the kernel",
        "You moved the window by its own side. That is only the usual case; here the stride is window.stride, and \
         windows may overlap.",
        |f| {
            *f = Pooling {
                max: |i, w| solution01::max_pool(i, side_as_stride(w)),
                average: |i, w| solution01::average_pool(i, side_as_stride(w)),
            }
        },
    ),
    fault(
        "dilation ignored",
        "Your patch is compact. Its pixels lie `dilation` apart.",
        |f| {
            *f = Pooling {
                max: |i, w| crop(solution01::max_pool(i, w.dilation(1))?, i, w),
                average: |i, w| crop(solution01::average_pool(i, w.dilation(1))?, i, w),
            }
        },
    ),
    fault(
        "average without the padding",
        "At the border you divided by the number of pixels inside the image. Here, as in PyTorch by default, the \
         padding counts as zeros: divide by k² everywhere.",
        |f| f.average = |i, w| pool(i, w, |patch| sum(patch) / patch.iter().flatten().count() as f32),
    ),
    fault(
        "sum instead of average",
        "Your average is k² times too large: it is the sum.",
        |f| f.average = |i, w| pool(i, w, sum),
    ),
    fault(
        "divided by k",
        "You divided by the side of the window, k. There are k² pixels in it.",
        |f| f.average = |i, w| pool(i, w, |patch| sum(patch) / (patch.len() as f32).sqrt()),
    ),
    fault(
        "any padding allowed",
        "With a padding of more than half the kernel a window could lie in the padding alone, and its maximum would \
         be −∞. Refuse it.",
        |f| {
            *f = Pooling {
                max: |i, w| any_padding(i, w, true),
                average: |i, w| any_padding(i, w, false),
            }
        },
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Pooling>] = &[
    slip(Combined, "max, padding that is dilated too", |f| {
        f.max = |i, w| {
            pool_from(w.padding * w.dilation, i, w, |patch| {
                largest(patch.iter().flatten().copied())
            })
        }
    }),
    slip(Combined, "average, padding that is dilated too", |f| {
        f.average = |i, w| pool_from(w.padding * w.dilation, i, w, |patch| sum(patch) / patch.len() as f32)
    }),
    slip(Scale, "starts at −10⁹", |f| {
        f.max = |i, w| solution01::max_pool(i, w)?.maximum(-1e9)
    }),
    slip(Sizes, "no stride above 2", |f| {
        *f = Pooling {
            max: |i, w| solution01::max_pool(i, w.stride(w.stride.min(2))),
            average: |i, w| solution01::average_pool(i, w.stride(w.stride.min(2))),
        }
    }),
    ordered!("max, only what lies in order", max: |i, w| [i] => solution01::max_pool(i, w)),
    ordered!("average, only what lies in order", average: |i, w| [i] => solution01::average_pool(i, w)),
];

/// 1.3
pub fn pooling(seed: u64) -> Exam<Pooling> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Pooling> {
    Exam::new("1.3", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .alternative(
            "listing each patch",
            Pooling {
                max: |i, w| pool(i, w, |patch| largest(patch.iter().flatten().copied())),
                average: |i, w| pool(i, w, |patch| sum(patch) / patch.len() as f32),
            },
        )
        .alternative(
            "an average as a convolution, the shared max pool",
            Pooling {
                max: |i, w| ops::max_pool2d(&i.unsqueeze(0)?, w)?.squeeze(0),
                average: |i, w| {
                    if 2 * w.padding > w.kernel {
                        bail!("padding");
                    }
                    let (channels, height, width) = i.dims3()?;
                    let weight = 1.0 / (w.kernel * w.kernel) as f32;
                    let kernel = Tensor::full(weight, (1, 1, w.kernel, w.kernel), &Device::Cpu)?;
                    ops::conv2d(&i.reshape((channels, 1, height, width))?, &kernel, w)?.squeeze(1)
                },
            },
        )
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

/// The part of `pooled` that has the size the window asks for.
fn crop(pooled: Tensor, image: &Tensor, window: Window) -> Result<Tensor> {
    let (_, height, width) = image.dims3()?;
    let (height, width) = (
        solution01::output_size(height, window)?,
        solution01::output_size(width, window)?,
    );
    pooled.narrow(1, 0, height)?.narrow(2, 0, width)
}

/// Pools without the rule that padding is at most half the kernel.
fn any_padding(image: &Tensor, window: Window, max: bool) -> Result<Tensor> {
    if 2 * window.padding <= window.kernel {
        return if max {
            solution01::max_pool(image, window)
        } else {
            solution01::average_pool(image, window)
        };
    }
    let (_, height, width) = image.dims3()?;
    let (height, width) = (
        solution01::output_size(height, window)?,
        solution01::output_size(width, window)?,
    );
    Tensor::full(
        if max { f32::NEG_INFINITY } else { 0.0 },
        (image.dim(0)?, height, width),
        &Device::Cpu,
    )
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Pooling>) -> Exam<Pooling> {
    let image = Random::new(seed, 113).signed((2, 7, 8));
    let window = Window::new(3).padding(1).dilation(2);
    let even = Window::new(2).stride(3).padding(1);
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
    });
    exam.proofs(SOLUTION, PROOFS)
        .spared(
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
