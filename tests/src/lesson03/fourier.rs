use candle_core::{Device, Result, Tensor};

use super::slope;
use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

mod answers;

/// The three functions of exercise 3.6.
#[derive(Clone, Copy)]
pub struct Fourier {
    /// `solution03::from_spectrum`
    pub from_spectrum: &'static (dyn Fn(&Tensor, usize) -> Result<Tensor> + Sync),
    /// `solution03::mix_colours`
    pub mix_colours: &'static (dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + Sync),
    /// `solution03::paint`
    pub paint: &'static (dyn Fn(&Tensor, usize, &Tensor) -> Result<Tensor> + Sync),
}

/// The attempt at 3.6 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_6 {
    ($lesson:ident) => {
        $crate::lesson03::Fourier {
            from_spectrum: &|spectrum, width| $lesson::from_spectrum(spectrum, width),
            mix_colours: &|image, axes| $lesson::mix_colours(image, axes),
            paint: &|spectrum, width, axes| $lesson::paint(spectrum, width, axes),
        }
    };
}

const SOLUTION: Fourier = ex3_6!(solution03);

const TOLERANCE: Tolerance = Tolerance::new(1e-3, 1e-4);

/// 3.6
pub fn fourier(seed: u64) -> Exam<Fourier> {
    further_hazards(seed, hazards(seed, basics(seed, answers::answers())))
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

    let exam = exam
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
    let exam = of_torch(exam);
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

/// Spectra against PyTorch's irfft2; see `tests/fixtures/make_lesson03.py`.
fn of_torch(mut exam: Exam<Fourier>) -> Exam<Fourier> {
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
    exam
}

/// Inputs that are not friendly.
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
