//! Answers to 3.6, right and wrong.

use std::f64::consts::TAU;

use candle_core::{Device, Result, Tensor, bail};

use super::{Fourier, SOLUTION};
use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Slip, fault, keep, ordered, slip};

type Mix<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Parts {
    /// From u, v and the sides to f.
    frequency: fn(f64, f64, [f64; 2]) -> f64,
    /// From the sides to the lowest frequency that something is divided by.
    lowest: fn([f64; 2]) -> f64,
    /// From f and the lowest frequency to s.
    scale: fn(f64, f64) -> f64,
    /// Is a wave, v of a width, there once?
    own_mirror: fn(usize, usize) -> bool,
    /// From the number of pixels to what all is divided by.
    norm: fn(f64) -> f64,
    /// From the phase to what the imaginary part is multiplied by.
    imaginary: fn(f64) -> f64,
    mix: fn(&Tensor, &Tensor) -> Result<Tensor>,
    /// From the waves, and how their colours are mixed, to an image.
    paint: fn(&Tensor, Mix) -> Result<Tensor>,
}

/// Written independently of the solution.
const RIGHT: Parts = Parts {
    frequency: |u, v, [h, w]| (u.min(h - u) / h).hypot(v / w),
    lowest: |[h, w]| 1.0 / h.max(w),
    scale: |f, lowest| 1.0 / f.max(lowest),
    own_mirror: |v, width| v == 0 || 2 * v == width,
    norm: f64::sqrt,
    imaginary: |phase| -phase.sin(),
    mix: mixed,
    paint: |waves, mix| sigmoid(&mix(waves)?),
};

/// By one large matrix: what each coefficient does to each pixel.
fn from_spectrum(spectrum: &Tensor, width: usize, parts: &Parts) -> Result<Tensor> {
    let [batch, channels, height, waves, 2] = *spectrum.dims() else {
        bail!("{:?}", spectrum.dims());
    };
    let sides @ [h, w] = [height as f64, width as f64];
    let mut matrix = vec![];
    for (u, v) in (0..height).flat_map(|u| (0..waves).map(move |v| (u, v))) {
        let f = (parts.frequency)(u as f64, v as f64, sides);
        let twice = if (parts.own_mirror)(v, width) { 1.0 } else { 2.0 };
        let weight = twice * (parts.scale)(f, (parts.lowest)(sides)) / (parts.norm)(h * w);
        for wave in [f64::cos, parts.imaginary] {
            for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
                matrix.push(weight * wave(TAU * ((u * i) as f64 / h + (v * j) as f64 / w)));
            }
        }
    }
    let matrix = Tensor::from_vec(matrix, (height * waves * 2, height * width), &Device::Cpu)?;
    spectrum
        .reshape((batch * channels, height * waves * 2))?
        .matmul(&matrix.to_dtype(spectrum.dtype())?)?
        .reshape((batch, channels, height, width))
}

/// Colour by colour.
fn mixed(image: &Tensor, axes: &Tensor) -> Result<Tensor> {
    (0..3).try_fold(image.zeros_like()?, |sum, k| {
        let column = axes.narrow(1, k, 1)?.reshape((1, 3, 1, 1))?;
        sum + image.narrow(1, k, 1)?.broadcast_mul(&column)?
    })
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

fn paint(spectrum: &Tensor, width: usize, axes: &Tensor, parts: &Parts) -> Result<Tensor> {
    (parts.paint)(&from_spectrum(spectrum, width, parts)?, &|image| {
        (parts.mix)(image, axes)
    })
}

fn answer(parts: Parts) -> Fourier {
    Fourier {
        from_spectrum: keep(Box::new(move |z: &Tensor, width| from_spectrum(z, width, &parts))),
        mix_colours: keep(Box::new(move |image: &Tensor, axes: &Tensor| (parts.mix)(image, axes))),
        paint: keep(Box::new(move |z: &Tensor, width, axes: &Tensor| {
            paint(z, width, axes, &parts)
        })),
    }
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "no scale",
        "All frequencies are equally strong in yours. Divide each wave by its frequency: that is what makes smooth \
         images come first.",
        |parts| parts.scale = |_, _| 1.0,
    ),
    fault(
        "divides by zero",
        "The wave of frequency 0 is divided by 0. The divisor is at least 1/max(H, W).",
        |parts| parts.scale = |f, _| 1.0 / f,
    ),
    fault(
        "each wave once",
        "The spectrum holds only half of the waves. Those with 0 < v < W/2 stand for their mirror images too, so they \
         count twice.",
        |parts| parts.own_mirror = |_, _| true,
    ),
    fault(
        "each wave twice",
        "The wave v = 0, and for even W the wave v = W/2, are their own mirror images and count once.",
        |parts| parts.own_mirror = |_, _| false,
    ),
    fault(
        "the last wave of an odd width",
        "For an odd width no v equals W/2: the last wave has a mirror image and counts twice.",
        |parts| parts.own_mirror = |v, width| v == 0 || v == width / 2,
    ),
    fault(
        "no norm",
        "The factor 1/√(H·W) is missing: the image gets brighter with its size.",
        |parts| parts.norm = |_| 1.0,
    ),
    fault(
        "divided by H·W",
        "You divided by H·W; the factor is 1/√(H·W).",
        |parts| parts.norm = |pixels| pixels,
    ),
    fault(
        "the sign of the imaginary part",
        "Re((a + ib)·e^(iφ)) = a·cos φ − b·sin φ; yours adds. The image comes out mirrored.",
        |parts| parts.imaginary = f64::sin,
    ),
    fault(
        "rows beyond the half",
        "The wave u = H − 1 is as slow as u = 1, only in the other direction: its frequency along the height is \
         min(u, H − u)/H.",
        |parts| parts.frequency = |u, v, [h, w]| (u / h).hypot(v / w),
    ),
    fault(
        "frequencies in whole waves",
        "You took u and v themselves. A frequency is in waves per pixel, u/H and v/W; otherwise high and wide images \
         are scaled differently along their sides.",
        |parts| parts.frequency = |u, v, [h, _]| u.min(h - u).hypot(v),
    ),
    fault(
        "axes transposed",
        "Your colours come from the transposed matrix: rgb[c] = Σ_k axes[c, k]·image[k], a matrix times a column.",
        |parts| parts.mix = |image, axes| mixed(image, &axes.t()?),
    ),
    fault(
        "no sigmoid",
        "Your image leaves [0, 1]. The sigmoid comes last.",
        |parts| parts.paint = |waves, mix| mix(waves),
    ),
    fault(
        "sigmoid before the colours",
        "You mixed the colours after the sigmoid, so they leave [0, 1] again. The sigmoid comes last.",
        |parts| parts.paint = |waves, mix| mix(&sigmoid(waves)?),
    ),
    fault(
        "colours not mixed",
        "Your image is still in decorrelated colours: multiply by the axes.",
        |parts| parts.mix = |image, _| Ok(image.clone()),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Fourier>] = &[
    ordered!(dyn "spectrum, only what lies in order", from_spectrum: |z, width| [z] => from_spectrum(z, width, &RIGHT)),
    ordered!(dyn "colours, only what lies in order", mix_colours: |image, axes| [image] => mixed(image, axes)),
    ordered!(dyn "paint, only what lies in order", paint: |z, width, axes| [z] => paint(z, width, axes, &RIGHT)),
    slip(Sizes, "1/W for the lowest frequency", |f| {
        let lowest = |[_, w]: [f64; 2]| 1.0 / w;
        f.from_spectrum = answer(Parts { lowest, ..RIGHT }).from_spectrum
    }),
    slip(Batch, "four images at most", |f| {
        *f = Fourier {
            from_spectrum: &|z, width| from_spectrum(&first_of(z, 4)?, width, &RIGHT),
            mix_colours: &|image, axes| mixed(&first_of(image, 4)?, axes),
            paint: &|z, width, axes| paint(&first_of(z, 4)?, width, axes, &RIGHT),
        }
    }),
    slip(Scale, "a sigmoid that overflows", |f| {
        f.paint = &|z, width, axes| {
            let up = mixed(&from_spectrum(z, width, &RIGHT)?, axes)?.exp()?;
            &up / (&up + 1.0)?
        }
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Fourier> {
    let lowest = |[h, w]: [f64; 2]| 1.0 / h.min(w);
    Exam::new("3.6", SOLUTION)
        .faults("by one large matrix, colour by colour", &RIGHT, answer, FAULTS)
        .proofs(answer(RIGHT), PROOFS)
        .unnamed(
            "1/min(H, W) for the lowest frequency",
            answer(Parts { lowest, ..RIGHT }),
        )
}
