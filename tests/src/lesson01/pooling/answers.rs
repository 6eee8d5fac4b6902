//! Answers to 1.3, right and wrong.

use candle_core::{Device, Result, Tensor, bail};
use resnet::{Window, ops};

use super::{Pooling, SOLUTION};
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

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
    slip(Scale, "averages of running sums", |f| {
        f.average = |i, w| {
            let sums = i.contiguous()?.cumsum(2)?;
            let before = sums.pad_with_zeros(2, 1, 0)?.narrow(2, 0, i.dim(2)?)?;
            solution01::average_pool(&(sums - before)?, w)
        }
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

/// The same, but no padding of more than half the dilated window.
fn up_to_length(image: &Tensor, window: Window, max: bool) -> Result<Tensor> {
    if 2 * window.padding > window.dilation * (window.kernel - 1) + 1 {
        bail!("padding {}", window.padding);
    }
    any_padding(image, window, max)
}

/// Right answers and wrong ones.
pub(super) fn known() -> Exam<Pooling> {
    Exam::new("1.3", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .proofs(SOLUTION, PROOFS)
        .unnamed(
            "padding up to half the dilated window",
            Pooling {
                max: |i, w| up_to_length(i, w, true),
                average: |i, w| up_to_length(i, w, false),
            },
        )
        .unnamed(
            "more padding than pixels refused",
            Pooling {
                max: |i, w| {
                    if i.dim(2)? < w.padding {
                        bail!("padding");
                    }
                    solution01::max_pool(i, w)
                },
                ..SOLUTION
            },
        )
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
