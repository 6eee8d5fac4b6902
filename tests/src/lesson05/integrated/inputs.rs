//! What 5.11 is asked for.

use candle_core::Tensor;

use super::super::planted::{self, BLACK, DEVIATION, GREY, RED};
use super::super::tiny;
use super::{Integrate, proofs};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Tolerance};

/// The threshold of the planted network: a red pixel on its way from black counts from here on.
const THRESHOLD: f32 = 0.32;

/// Zeros, and `red` and `green` in those two colours of the first of two pixels: `[1, 3, 1, 2]`.
fn first_pixel(red: f32, green: f32) -> Tensor {
    tensor(&[red, 0.0, green, 0.0, 0.0, 0.0], (1, 3, 1, 2))
}

pub(super) fn integrals(seed: u64, exam: Exam<Integrate>) -> Exam<Integrate> {
    let mut random = Random::new(seed, 5110);
    let fixture = (
        planted::counts(1, 2, 1.0, THRESHOLD),
        tiny::smallest(&mut random),
        random.signed((2, 3, 6, 8)),
        random.between(-0.5, 0.5, (1, 3, 6, 8)),
    );
    let red = || planted::picture(1, 2, BLACK, &[(0, 0, RED)]);
    let black = || planted::picture(1, 2, BLACK, &[]);
    exam.part("integrated_gradients").given(fixture, |on| {
        on.truth(
            "integrated_gradients: black to one red pixel, 1 step",
            first_pixel(1.0, 0.0),
            move |f, (n, ..)| (f.integrated_gradients)(n, &red(), &[0], &black(), 1),
        )
        .because(
            "This network's logit is relu(red − green − 0.32). In the middle of the way the red is 0.5, and the \
             logit grows as the red does.",
        )
        .truth(
            "integrated_gradients: the same, 4 steps",
            first_pixel(0.75, 0.0),
            move |f, (n, ..)| (f.integrated_gradients)(n, &red(), &[0], &black(), 4),
        )
        .because("Looked at with a red of 0.125, 0.375, 0.625 and 0.875: the last three are above 0.32.")
        .truth(
            "integrated_gradients: the same, 5 steps",
            first_pixel(0.6, 0.0),
            move |f, (n, ..)| (f.integrated_gradients)(n, &red(), &[0], &black(), 5),
        )
        .because("Looked at with a red of 0.1, 0.3, 0.5, 0.7 and 0.9: the last three are above 0.32.")
        .truth(
            "integrated_gradients: the same, 50 steps",
            first_pixel(0.68, 0.0),
            move |f, (n, ..)| (f.integrated_gradients)(n, &red(), &[0], &black(), 50),
        )
        .because("1 − 0.32: what the logit gains. With more steps the sum comes closer.")
        .truth(
            "integrated_gradients: red to one grey pixel, 50 steps",
            first_pixel(-0.34, -0.34),
            |f, (n, ..)| {
                let (grey, red) = (
                    planted::picture(1, 2, RED, &[(0, 0, GREY)]),
                    planted::picture(1, 2, RED, &[]),
                );
                (f.integrated_gradients)(n, &grey, &[0], &red, 50)
            },
        )
        .because(
            "The grey pixel lost 0.68, half of it by less red and half by more green. The red pixel looks like \
             the baseline and gets 0, although the logit rests on it.",
        )
        .case("integrated_gradients: two random images, 3 steps", |f, (_, n, x, b)| {
            (f.integrated_gradients)(n, x, &[2, 0], b, 3)
        })
        .because("Each image's own class, whatever the network predicts; nothing is divided by the number of images.")
        .within(Tolerance::relative(1e-3))
        .case(
            "integrated_gradients: two images hardly away from the baseline, 3 steps",
            |f, (_, n, x, b)| (f.integrated_gradients)(n, &b.broadcast_add(&(x * 1e-3)?)?, &[2, 0], b, 3),
        )
        .because("A short way is a way: nothing is cut, and nothing is divided by its length.")
        .within(Tolerance::relative(1e-2))
        .holds(Scale)
        .part("completeness_gap")
        .truth(
            "completeness_gap: attributions of 1 in all",
            tensor(&[0.32], 1),
            move |f, (n, ..)| (f.completeness_gap)(n, &red(), &[0], &black(), &first_pixel(0.6, 0.4)),
        )
        .because("The image's logit is 0.68 and the baseline's is 0.")
        .truth(
            "completeness_gap: from red, attributions of −1",
            tensor(&[0.32], 1),
            |f, (n, ..)| {
                let (grey, red) = (
                    planted::picture(1, 2, RED, &[(0, 0, GREY)]),
                    planted::picture(1, 2, RED, &[]),
                );
                (f.completeness_gap)(n, &grey, &[0], &red, &first_pixel(-0.5, -0.5))
            },
        )
        .because("The image's logit is 0.68, the baseline's 1.36: the sum should be −0.68.")
        .case("completeness_gap: two random images", |f, (_, n, x, b)| {
            (f.completeness_gap)(n, x, &[2, 0], b, &(x * 0.3)?)
        })
        .because("|sum of a − (y(x) − y(b))| for each image, both logits of its own class.")
        .within(Tolerance::relative(1e-3))
    })
}

pub(super) fn noisy(seed: u64, exam: Exam<Integrate>) -> Exam<Integrate> {
    let mut random = Random::new(seed, 5111);
    // Of four samples three lift the red of the first pixel above the threshold.
    let lifts = [0.5f32, 0.4, 0.0, 0.45].map(|lift| first_pixel(lift / DEVIATION[0], 0.0));
    let fixture = (
        planted::counts(1, 2, 1.0, THRESHOLD),
        Tensor::stack(&lifts, 0).expect("four samples"),
        tiny::network(&mut random),
        random.signed((2, 3, 32, 40)),
        // Strong enough to leave what a pixel can be.
        (random.signed((3, 2, 3, 32, 40)) * 4.0).expect("a number"),
    );
    exam.part("smooth_grad").given(fixture, |on| {
        on.truth(
            "smooth_grad: grey; in three samples of four a pixel is lifted over the threshold",
            tensor(&[0.75 * DEVIATION[0], 0.0], (1, 1, 2)),
            |f, (network, lifts, ..)| (f.smooth_grad)(network, &planted::picture(1, 2, GREY, &[]), &[0], lifts),
        )
        .because(
            "Above the threshold the logit's slope is that of the red, 0.229 for a normalized pixel; below it \
             is 0. Grey alone has no slope at all.",
        )
        .case(
            "smooth_grad: two random images, three samples",
            |f, (_, _, n, x, noise)| (f.smooth_grad)(n, x, &[2, 1], noise),
        )
        .because(
            "At image b of sample s the noise [s, b] is added, and the sum is taken as it is, though no pixel could be \
             so; mean gradient, then magnitude, then the largest colour.",
        )
        .within(Tolerance::relative(1e-3))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Integrate>) -> Exam<Integrate> {
    let mut random = Random::new(seed, 5112);
    let fixture = (
        tiny::smallest(&mut random),
        random.signed((3, 3, 7, 5)),
        random.between(-0.5, 0.5, (1, 3, 7, 5)),
        random.signed((2, 3, 3, 7, 5)),
    );
    const CLASSES: [u32; 3] = [1, 1, 2];
    proofs(exam.given(fixture, |on| {
        on.part("integrated_gradients")
            .case(
                "integrated_gradients: three images of 7×5, 2 steps",
                |f, (n, x, b, _)| (f.integrated_gradients)(n, x, &CLASSES, b, 2),
            )
            .within(Tolerance::relative(1e-3))
            .because(
                "Each image on its own way from the one baseline: the gradients at ¼ and ¾ of it, of its own class.",
            )
            .holds([Batch, Sizes])
            .case(
                "integrated_gradients: images and baseline whose columns come first",
                |f, (n, x, b, _)| (f.integrated_gradients)(n, &askew(&x.narrow(0, 0, 2)?), &CLASSES[..2], &askew(b), 2),
            )
            .within(Tolerance::relative(1e-3))
            .because("Pixels as the tensors give them, not in the order in which they lie in memory.")
            .holds(NotContiguous)
            .refuses(
                "integrated_gradients: two classes for three images",
                |f, (n, x, b, _)| (f.integrated_gradients)(n, x, &[0, 1], b, 2),
            )
            .part("completeness_gap")
            .case(
                "completeness_gap: images and attributions whose columns come first",
                |f, (n, x, b, _)| (f.completeness_gap)(n, &askew(x), &CLASSES, &askew(b), &askew(&(x * 0.2)?)),
            )
            .within(Tolerance::relative(1e-3))
            .because("|Σ a − (y(x) − y(b))|, for each image by itself, signs included until the end.")
            .holds(NotContiguous)
            .part("smooth_grad")
            .case(
                "smooth_grad: images and noise whose columns come first",
                |f, (n, x, _, noise)| (f.smooth_grad)(n, &askew(x), &CLASSES, &askew(noise)),
            )
            .within(Tolerance::relative(1e-3))
            .because("The mean gradient over the samples at x + noise, each image's own class; then as in saliency.")
            .holds(NotContiguous)
            .refuses("smooth_grad: class 3 of 3", |f, (n, x, _, noise)| {
                (f.smooth_grad)(n, x, &[0, 1, 3], noise)
            })
            .refuses("smooth_grad: noise for two of three images", |f, (n, x, _, noise)| {
                (f.smooth_grad)(n, x, &CLASSES, &noise.narrow(1, 0, 2)?)
            })
    }))
}
