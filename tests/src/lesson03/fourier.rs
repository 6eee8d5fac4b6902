use std::f64::consts::TAU;

use candle_core::{Device, Result, Tensor, bail};

use super::slope;
use crate::inputs::{Random, askew, delta, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

/// The three functions of exercise 3.6.
#[derive(Clone, Copy)]
pub struct Fourier {
    /// `solution03::from_spectrum`
    pub from_spectrum: fn(&Tensor, usize) -> Result<Tensor>,
    /// `solution03::mix_colours`
    pub mix_colours: fn(&Tensor, &Tensor) -> Result<Tensor>,
    /// `solution03::paint`
    pub paint: fn(&Tensor, usize, &Tensor) -> Result<Tensor>,
}

/// The attempt at 3.6 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_6 {
    ($lesson:ident) => {
        $crate::lesson03::Fourier {
            from_spectrum: $lesson::from_spectrum,
            mix_colours: $lesson::mix_colours,
            paint: $lesson::paint,
        }
    };
}

const SOLUTION: Fourier = ex3_6!(solution03);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    NoScale,
    DividesByZero,
    OncePerWave,
    TwicePerWave,
    LastIsOwnMirror,
    NoNorm,
    FullNorm,
    SignOfImaginary,
    HighRowsNotMirrored,
    WholeFrequencies,
    AxesTransposed,
    NoSigmoid,
    SigmoidFirst,
    NoColours,
}

/// By one large matrix: what each coefficient does to each pixel.
fn from_spectrum(spectrum: &Tensor, width: usize, fault: Flaw) -> Result<Tensor> {
    let [batch, channels, height, waves, 2] = *spectrum.dims() else {
        bail!("{:?}", spectrum.dims());
    };
    let lowest = 1.0 / height.max(width) as f64;
    let mut matrix = vec![];
    for u in 0..height {
        for v in 0..waves {
            let (mut along_height, mut along_width) = (u.min(height - u) as f64, v as f64);
            if fault == Flaw::HighRowsNotMirrored {
                along_height = u as f64;
            }
            if fault != Flaw::WholeFrequencies {
                (along_height, along_width) = (along_height / height as f64, along_width / width as f64);
            }
            let f = along_height.hypot(along_width);
            let scale = match fault {
                Flaw::NoScale => 1.0,
                Flaw::DividesByZero => 1.0 / f,
                _ => 1.0 / f.max(lowest),
            };
            let own_mirror = match fault {
                Flaw::OncePerWave => true,
                Flaw::TwicePerWave => false,
                Flaw::LastIsOwnMirror => v == 0 || v + 1 == waves,
                _ => v == 0 || 2 * v == width,
            };
            let norm = match fault {
                Flaw::NoNorm => 1.0,
                Flaw::FullNorm => (height * width) as f64,
                _ => ((height * width) as f64).sqrt(),
            };
            let weight = scale * if own_mirror { 1.0 } else { 2.0 } / norm;
            for imaginary in [false, true] {
                for place in 0..height * width {
                    let (i, j) = (place / width, place % width);
                    let phase = TAU * ((u * i) as f64 / height as f64 + (v * j) as f64 / width as f64);
                    let wave = if !imaginary {
                        phase.cos()
                    } else if fault == Flaw::SignOfImaginary {
                        phase.sin()
                    } else {
                        -phase.sin()
                    };
                    matrix.push(weight * wave);
                }
            }
        }
    }
    let matrix = Tensor::from_vec(matrix, (height * waves * 2, height * width), &Device::Cpu)?;
    spectrum
        .reshape((batch * channels, height * waves * 2))?
        .matmul(&matrix.to_dtype(spectrum.dtype())?)?
        .reshape((batch, channels, height, width))
}

fn mix_colours(image: &Tensor, axes: &Tensor, fault: Flaw) -> Result<Tensor> {
    if fault == Flaw::NoColours {
        return Ok(image.clone());
    }
    let axes = if fault == Flaw::AxesTransposed {
        axes.t()?
    } else {
        axes.clone()
    };
    let mut sum = image.zeros_like()?;
    for k in 0..3 {
        let column = axes.narrow(1, k, 1)?.reshape((1, 3, 1, 1))?;
        sum = (sum + image.narrow(1, k, 1)?.broadcast_mul(&column)?)?;
    }
    Ok(sum)
}

fn paint(spectrum: &Tensor, width: usize, axes: &Tensor, fault: Flaw) -> Result<Tensor> {
    let sigmoid = |x: Tensor| (x.neg()?.exp()? + 1.0)?.recip();
    let waves = from_spectrum(spectrum, width, fault)?;
    match fault {
        Flaw::NoSigmoid => mix_colours(&waves, axes, fault),
        Flaw::SigmoidFirst => mix_colours(&sigmoid(waves)?, axes, fault),
        _ => sigmoid(mix_colours(&waves, axes, fault)?),
    }
}

macro_rules! with {
    ($fault:ident) => {
        Fourier {
            from_spectrum: |spectrum, width| from_spectrum(spectrum, width, Flaw::$fault),
            mix_colours: |image, axes| mix_colours(image, axes, Flaw::$fault),
            paint: |spectrum, width, axes| paint(spectrum, width, axes, Flaw::$fault),
        }
    };
}

const TOLERANCE: Tolerance = Tolerance::new(1e-3, 1e-4);

/// Written independently of the solution.
const RIGHT: Fourier = with!(None);

const FAULTS: &[Fault<Fourier>] = &[
    fault(
        "no scale",
        "All frequencies are equally strong in yours. Divide each wave by its frequency: that is what makes smooth \
         images come first.",
        |f| *f = with!(NoScale),
    ),
    fault(
        "divides by zero",
        "The wave of frequency 0 is divided by 0. The divisor is at least 1/max(H, W).",
        |f| *f = with!(DividesByZero),
    ),
    fault(
        "each wave once",
        "The spectrum holds only half of the waves. Those with 0 < v < W/2 stand for their mirror images too, so they \
         count twice.",
        |f| *f = with!(OncePerWave),
    ),
    fault(
        "each wave twice",
        "The wave v = 0, and for even W the wave v = W/2, are their own mirror images and count once.",
        |f| *f = with!(TwicePerWave),
    ),
    fault(
        "the last wave of an odd width",
        "For an odd width no v equals W/2: the last wave has a mirror image and counts twice.",
        |f| *f = with!(LastIsOwnMirror),
    ),
    fault(
        "no norm",
        "The factor 1/√(H·W) is missing: the image gets brighter with its size.",
        |f| *f = with!(NoNorm),
    ),
    fault(
        "divided by H·W",
        "You divided by H·W; the factor is 1/√(H·W).",
        |f| *f = with!(FullNorm),
    ),
    fault(
        "the sign of the imaginary part",
        "Re((a + ib)·e^(iφ)) = a·cos φ − b·sin φ; yours adds. The image comes out mirrored.",
        |f| *f = with!(SignOfImaginary),
    ),
    fault(
        "rows beyond the half",
        "The wave u = H − 1 is as slow as u = 1, only in the other direction: its frequency along the height is \
         min(u, H − u)/H.",
        |f| *f = with!(HighRowsNotMirrored),
    ),
    fault(
        "frequencies in whole waves",
        "You took u and v themselves. A frequency is in waves per pixel, u/H and v/W; otherwise high and wide images \
         are scaled differently along their sides.",
        |f| *f = with!(WholeFrequencies),
    ),
    fault(
        "axes transposed",
        "Your colours come from the transposed matrix: rgb[c] = Σ_k axes[c, k]·image[k], a matrix times a column.",
        |f| *f = with!(AxesTransposed),
    ),
    fault("no sigmoid", "Your image leaves [0, 1]. The sigmoid comes last.", |f| {
        *f = with!(NoSigmoid)
    }),
    fault(
        "sigmoid before the colours",
        "You mixed the colours after the sigmoid, so they leave [0, 1] again. The sigmoid comes last.",
        |f| *f = with!(SigmoidFirst),
    ),
    fault(
        "colours not mixed",
        "Your image is still in decorrelated colours: multiply by the axes.",
        |f| *f = with!(NoColours),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Fourier>] = &[
    ordered!("spectrum, only what lies in order", from_spectrum: |z, width| [z] =>
        from_spectrum(z, width, Flaw::None)),
    ordered!("colours, only what lies in order", mix_colours: |image, axes| [image] =>
        mix_colours(image, axes, Flaw::None)),
    ordered!("paint, only what lies in order", paint: |z, width, axes| [z] => paint(z, width, axes, Flaw::None)),
    slip(Sizes, "1/W for the lowest frequency", |f| {
        f.from_spectrum = |z, width| {
            let height = z.dims().get(2).copied().unwrap_or(1);
            let image = from_spectrum(z, width, Flaw::None)?;
            // The frequency 0 alone has another factor.
            let excess = 1.0 - width as f64 / height.max(width) as f64;
            image.broadcast_sub(&(image.mean_keepdim((2, 3))? * excess)?)
        }
    }),
    slip(Batch, "four images at most", |f| {
        *f = Fourier {
            from_spectrum: |z, width| from_spectrum(&first_of(z, 4)?, width, Flaw::None),
            mix_colours: |x, axes| mix_colours(&first_of(x, 4)?, axes, Flaw::None),
            paint: |z, width, axes| paint(&first_of(z, 4)?, width, axes, Flaw::None),
        }
    }),
    slip(Scale, "a sigmoid that overflows", |f| {
        f.paint = |z, width, axes| {
            let up = mix_colours(&from_spectrum(z, width, Flaw::None)?, axes, Flaw::None)?.exp()?;
            &up / (&up + 1.0)?
        }
    }),
];

/// 3.6
pub fn fourier(seed: u64) -> Exam<Fourier> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Fourier> {
    Exam::new("3.6", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("by one large matrix, colour by colour", RIGHT)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Fourier>) -> Exam<Fourier> {
    let mut random = Random::new(seed, 36);
    let axes = random.signed((3, 3));
    let image = random.signed((2, 3, 3, 4));
    let even = random.signed((2, 3, 5, 4, 2));
    let odd = random.signed((1, 3, 4, 4, 2));
    let upstream = random.signed((2, 3, 5, 6));
    let planted = tensor(&[1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 0.0, -1.0], (3, 3));
    let colours = tensor(&[1.0, 10.0, 100.0], (1, 3, 1, 1));

    let mut exam = exam
        .truth(
            "one wave: v = 1 along 4 pixels, amplitude 1",
            tensor(&[4.0, 0.0, -4.0, 0.0], (1, 1, 1, 4)),
            |f| (f.from_spectrum)(&delta([0, 0, 0, 1, 0], [1, 1, 1, 3, 2]), 4),
        )
        .within(TOLERANCE)
        .because(
            "1/√(H·W) = 1/√4; m = 2, for its mirror image; f = v/W = 1/4, which is also 1/max(H, W), so s = 4; times \
             cos(2πj/4).",
        )
        .truth(
            "the same, imaginary",
            tensor(&[0.0, -4.0, 0.0, 4.0], (1, 1, 1, 4)),
            |f| (f.from_spectrum)(&delta([0, 0, 0, 1, 1], [1, 1, 1, 3, 2]), 4),
        )
        .within(TOLERANCE)
        .because("i·e^(iφ) has the real part −sin φ: along the width cos·re − sin·im.")
        .truth(
            "frequency 0 on 2×4 pixels",
            tensor(&[2f32.sqrt(); 8], (1, 1, 2, 4)),
            |f| (f.from_spectrum)(&delta([0, 0, 0, 0, 0], [1, 1, 2, 3, 2]), 4),
        )
        .within(TOLERANCE)
        .because("A flat image: 1/√8 · 1 · 4, since the divisor is 1/max(2, 4).")
        .truth(
            "the fastest wave on 1×4 pixels, v = 2",
            tensor(&[1.0, -1.0, 1.0, -1.0], (1, 1, 1, 4)),
            |f| (f.from_spectrum)(&delta([0, 0, 0, 2, 0], [1, 1, 1, 3, 2]), 4),
        )
        .within(TOLERANCE)
        .because("1/√4 · 1 · 1/(2/4): it is its own mirror image.");
    for row in super::fixture()["waves"].as_array().expect("a list") {
        let spectrum = super::numbers(&row["spectrum"], &row["shape"]);
        let gradient = super::numbers(&row["gradient"], &row["shape"]);
        let of_image = |name: &str| super::numbers(&row[name], &row["image_shape"]);
        let (expected, upstream) = (of_image("image"), of_image("upstream"));
        let width = row["width"].as_u64().expect("a count") as usize;
        exam = exam
            .truth(
                format!(
                    "a spectrum of shape {:?} for width {width}, as PyTorch's irfft2 does, and the gradient",
                    spectrum.dims()
                ),
                Observed::fields([("image", expected), ("gradient", gradient)]),
                move |f| {
                    let gradient = slope(&spectrum, |z| (f.from_spectrum)(z, width)?.broadcast_mul(&upstream))?;
                    Ok::<_, candle_core::Error>(Observed::fields([
                        ("image", (f.from_spectrum)(&spectrum, width)?),
                        ("gradient", gradient),
                    ]))
                },
            )
            .within(TOLERANCE)
            .because(
                "f = √((min(u, H − u)/H)² + (v/W)²), a root of squares; phases 2π·u·i/H and 2π·v·j/W with W as given, \
                 which is odd or even; m = 1 at v = 0 and 2v = W.",
            );
    }
    let (even_1, odd_1) = (even.clone(), odd.clone());
    exam.case("two random spectra for 5×6", move |f| (f.from_spectrum)(&even_1, 6))
        .within(TOLERANCE)
        .case("a random spectrum for 4×7", move |f| (f.from_spectrum)(&odd_1, 7))
        .within(TOLERANCE)
        .truth(
            "the pixel (1, 10, 100) along the axes (1, 2, 0), (0, 3, 0), (0, 0, −1)",
            tensor(&[1.0, 32.0, -100.0], (1, 3, 1, 1)),
            move |f| (f.mix_colours)(&colours, &planted),
        )
        .because("1·(1, 2, 0) + 10·(0, 3, 0) + 100·(0, 0, −1): the axes are the columns of the matrix.")
        .case("two random images along random axes", {
            let (image, axes) = (image.clone(), axes.clone());
            move |f| (f.mix_colours)(&image, &axes)
        })
        .because(
            "Each place is a column of three colours: flatten the places of each channel, and keep channels apart.",
        )
        .truth("paint a spectrum of zeros", tensor(&[0.5; 12], (1, 3, 2, 2)), {
            let axes = axes.clone();
            move |f| (f.paint)(&tensor(&[0.0; 24], (1, 3, 2, 2, 2)), 2, &axes)
        })
        .because("σ(0) = ½, plain grey.")
        .case("paint two random spectra, and the gradient", move |f| {
            let gradient = slope(&even, |z| (f.paint)(z, 6, &axes)?.broadcast_mul(&upstream))?;
            Ok::<_, candle_core::Error>(Observed::fields([
                ("image", (f.paint)(&even, 6, &axes)?),
                ("gradient", gradient),
            ]))
        })
        .within(TOLERANCE)
        .because("The waves, mixed by the axes into colours, then σ.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Fourier>) -> Exam<Fourier> {
    let mut random = Random::new(seed, 136);
    let fixture = (
        random.signed((2, 3, 5, 4, 2)),
        random.signed((3, 3)),
        random.signed((2, 3, 4, 5)),
    );
    exam.given(fixture, |on| {
        on.case(
            "two spectra for 5×6 whose columns come first in memory",
            |f, (z, ..)| (f.from_spectrum)(&askew(z), 6),
        )
        .within(TOLERANCE)
        .holds(NotContiguous)
        .case("images and axes in transposed tensors", |f, (_, axes, image)| {
            (f.mix_colours)(&askew(image), &askew(axes))
        })
        .holds(NotContiguous)
        .case(
            "paint the spectra, transposed, along transposed axes",
            |f, (z, axes, _)| (f.paint)(&askew(z), 7, &askew(axes)),
        )
        .within(TOLERANCE)
        .holds(NotContiguous)
    })
    .proofs(RIGHT, PROOFS)
    .unnamed(
        "1/min(H, W) for the lowest frequency",
        Fourier {
            from_spectrum: |z, width| {
                let height = z.dims().get(2).copied().unwrap_or(1);
                let (lowest, right) = (1.0 / height.min(width) as f64, 1.0 / height.max(width) as f64);
                let image = from_spectrum(z, width, Flaw::None)?;
                // The frequency 0 alone has another factor.
                let mean = image.mean_keepdim((2, 3))?;
                image.broadcast_sub(&(mean * (1.0 - right / lowest))?)
            },
            ..with!(None)
        },
    )
}

/// Tall images, many images, and waves too strong for the screen.
fn further_hazards(seed: u64, exam: Exam<Fourier>) -> Exam<Fourier> {
    let mut random = Random::new(seed, 236);
    let fixture = (
        random.signed((1, 3, 7, 3, 2)),
        random.signed((5, 3, 2, 2, 2)),
        random.signed((3, 3)),
    );
    exam.given(fixture, |on| {
        on.case("a random spectrum for 7×4", |f, (z, ..)| (f.from_spectrum)(z, 4))
            .within(TOLERANCE)
            .because("max(H, W) is the height here: the divisor of frequency 0 is 1/7.")
            .holds(Sizes)
            .case("the same for 7×5", |f, (z, ..)| (f.from_spectrum)(z, 5))
            .within(TOLERANCE)
            .holds(Sizes)
            .case("paint the same for 7×5", |f, (z, _, axes)| (f.paint)(z, 5, axes))
            .within(TOLERANCE)
            .holds(Sizes)
            .case("five spectra for 2×3", |f, (_, z, _)| (f.from_spectrum)(z, 3))
            .within(TOLERANCE)
            .holds(Batch)
            .case("the colours of five images", |f, (_, z, axes)| {
                (f.mix_colours)(&z.flatten_from(3)?, axes)
            })
            .holds(Batch)
            .case("paint five spectra for 2×3", |f, (_, z, axes)| (f.paint)(z, 3, axes))
            .within(TOLERANCE)
            .holds(Batch)
            .truth(
                "paint waves of amplitude 1,000 in three colours of their own",
                tensor(&[0.0, 1.0, 1.0, 0.0, 0.0, 1.0], (1, 3, 1, 2)),
                |f, _| {
                    let spectrum = tensor(
                        &[0.0, 0.0, -1e3, 0.0, 0.0, 0.0, 1e3, 0.0, 0.0, 0.0, -1e3, 0.0],
                        (1, 3, 1, 2, 2),
                    );
                    (f.paint)(&spectrum, 2, &Tensor::eye(3, candle_core::DType::F32, &Device::Cpu)?)
                },
            )
            .because("Far below 0 the sigmoid is 0, far above it is 1, and nowhere NaN.")
            .holds(Scale)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Combined], "no options but the width, even and odd")
    .spared(&[Sign], "the values of every input have both signs")
    .spared(&[Returned], "the gradients are among the inputs")
    .spared(&[Wiring], "paint is tried with the mistakes of its parts")
    .spared(&[Ties, Names], "nothing is chosen, no names")
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
