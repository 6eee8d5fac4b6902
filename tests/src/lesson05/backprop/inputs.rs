//! What 5.6 is asked for.

use candle_core::{Result, Var};

use super::super::tiny;
use super::answer::{by_moving_pixels, by_stages};
use super::{Backprop, PROOFS, SOLUTION};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed, Tolerance};

const SALIENCY: &str = "Each image's own class, and its logit added once: max over colours of |gradient|.";
const GUIDED: &str = "The gradient of each image's own logit, with a Guide behind every ReLU: relu, relu_1, …";

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Backprop>) -> Exam<Backprop> {
    let mut random = Random::new(seed, 56);
    let activations = random.between(0.0, 1.0, (2, 3, 2, 4));
    let gradients = random.signed((2, 3, 2, 4));
    let network = tiny::network(&mut random);
    let images = random.signed((2, 3, 32, 48));
    let small = tiny::smallest(&mut random);
    let image = random.signed((1, 3, 6, 5));
    let moved = by_moving_pixels(&small, &image, 2).expect("a small network");
    let staged = by_stages(&network, &images, &[1, 0]).expect("a small network");
    let of_logit = random.signed((2, 3, 64, 48));

    let logit_without_bias = network
        .capture(&of_logit, &["avgpool"])
        .and_then(|trace| {
            let weight = network.parameter("fc.weight")?.get(1)?.unsqueeze(1)?;
            let features = trace.activation("avgpool")?.flatten_from(1)?;
            features.matmul(&weight)?.flatten_all()
        })
        .expect("a small network");

    exam.truth("contributions: A = 1 2, gradient 3 −1", tensor(&[1.], (1, 1)), |f| {
        (f.contributions)(&tensor(&[1., 2.], (1, 1, 1, 2)), &tensor(&[3., -1.], (1, 1, 1, 2)))
    })
    .because("1·3 + 2·(−1).")
    .case("contributions: random [2, 3, 2, 4]", move |f| {
        (f.contributions)(&activations, &gradients)
    })
    .because("Σ A·∂y/∂A over the places: a number with its sign for each channel of each image.")
    .given((network, images, of_logit), |on| {
        on.truth(
            "contributions: added up, layer4 of a small ResNet, class 1",
            logit_without_bias,
            move |f, (network, _, of_logit)| {
                let trace = network.tap(of_logit, &["layer4"])?;
                let score = trace.logits.narrow(1, 1, 1)?.sum_all()?;
                let gradients = trace.gradients(&score)?.at("layer4")?;
                (f.contributions)(&trace.activation("layer4")?.detach(), &gradients)?.sum(1)
            },
        )
        .because("Behind layer4 everything is linear: the contributions add up to the logit without its bias.")
        .truth(
            "saliency: an image of 6×5, class 2, a ResNet of width 2",
            moved,
            move |f, _| (f.saliency)(&small, &image, &[2]),
        )
        .within(Tolerance::relative(1e-2))
        .because(
            "The expected slopes were measured: each colour of each pixel was moved by a millionth, and the logit \
             read. Of the three magnitudes the largest counts.",
        )
        .case(
            "saliency: two images, classes 2 and 1",
            move |f, (network, images, ..)| (f.saliency)(network, images, &[2, 1]),
        )
        .within(Tolerance::relative(1e-3))
        .because(SALIENCY)
        .truth(
            "guide: forward, and a gradient of 3, −2, 0.5 on its way back",
            Observed::fields([
                ("forward", tensor(&[-1., 0., 2.], 3)),
                ("gradient", tensor(&[3., 0., 0.5], 3)),
            ]),
            |f, _| -> Result<Observed> {
                let x = Var::from_tensor(&tensor(&[-1., 0., 2.], 3))?;
                let forward = (f.guide)(&x)?;
                let objective = (&forward * tensor(&[3., -2., 0.5], 3))?.sum_all()?;
                let gradients = objective.backward()?;
                let gradient = gradients.get(&x).cloned().map_or_else(|| x.zeros_like(), Ok)?;
                Ok(Observed::fields([
                    ("forward", forward.detach()),
                    ("gradient", gradient),
                ]))
            },
        )
        .because(
            "On the way forward nothing changes. On the way back what is negative is dropped, wherever x itself lies: \
             the ReLU before it looks after that.",
        )
        .truth(
            "guided_backprop: two images, classes 1 and 0",
            staged,
            move |f, (network, images, ..)| (f.guided_backprop)(network, images, &[1, 0]),
        )
        .within(Tolerance::relative(1e-3))
        .because(
            "The expected image was made from one ReLU to the one before, with the rule applied at each ReLU and \
             nowhere else, and nothing is done to what arrives at the image.",
        )
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Backprop>) -> Exam<Backprop> {
    let mut random = Random::new(seed, 156);
    let fixture = (
        random.signed((3, 2, 5, 4)),
        random.signed((3, 2, 5, 4)),
        tiny::network(&mut random),
        random.signed((3, 3, 32, 48)),
    );
    exam.given(fixture, |on| {
        on.case(
            "contributions: activations and gradients whose columns come first in memory",
            |f, (a, g, ..)| (f.contributions)(&askew(a), &askew(g)),
        )
        .because("Activations of either sign, as they are.")
        .holds(NotContiguous)
        .case(
            "saliency: three images whose columns come first in memory",
            |f, (_, _, n, i)| (f.saliency)(n, &askew(i), &[2, 0, 1]),
        )
        .within(Tolerance::relative(1e-3))
        .because(SALIENCY)
        .holds(NotContiguous)
        .case(
            "guided_backprop: three images whose columns come first in memory",
            |f, (_, _, n, i)| (f.guided_backprop)(n, &askew(i), &[2, 0, 1]),
        )
        .within(Tolerance::relative(1e-3))
        .because(GUIDED)
        .holds(NotContiguous)
    })
    .given((tiny::bottlenecks(&mut random), random.signed((1, 3, 9, 11))), |on| {
        on.case(
            "guided_backprop: a network of blocks with three ReLUs, class 1",
            |f, (n, i)| (f.guided_backprop)(n, i, &[1]),
        )
        .within(Tolerance::relative(1e-3))
        .because(
            "relu, relu_1 and relu_2: every site whose last part begins with relu, and no other. Some batch norms here \
             turn the sign, so that a Guide behind a convolution drops what it should not.",
        )
        .holds(Names)
    })
    .proofs(SOLUTION, PROOFS)
}

/// Many images and odd sides.
pub(super) fn further_hazards(seed: u64, exam: Exam<Backprop>) -> Exam<Backprop> {
    let mut random = Random::new(seed, 256);
    let fixture = (
        random.signed((5, 2, 3, 4)),
        random.signed((5, 2, 3, 4)),
        tiny::network(&mut random),
        random.signed((5, 3, 33, 35)),
    );
    const CLASSES: [u32; 5] = [2, 0, 1, 2, 0];
    exam.given(fixture, |on| {
        on.case("contributions: five images", |f, (a, g, ..)| (f.contributions)(a, g))
            .because("Each image's channels by themselves.")
            .holds(Batch)
            .case("saliency: five images of 33×35", |f, (_, _, n, i)| {
                (f.saliency)(n, i, &CLASSES)
            })
            .within(Tolerance::relative(1e-3))
            .because(SALIENCY)
            .holds([Batch, Sizes])
            .case("guided_backprop: five images of 33×35", |f, (_, _, n, i)| {
                (f.guided_backprop)(n, i, &CLASSES)
            })
            .within(Tolerance::relative(1e-3))
            .because(GUIDED)
            .holds([Batch, Sizes])
            .case(
                "contributions: activations and gradients of 10⁻⁹",
                |f, (a, g, ..)| (f.contributions)(&(a.narrow(0, 0, 2)? * 1e-9)?, &(g.narrow(0, 0, 2)? * 1e-9)?),
            )
            .because("A small contribution is one: nothing is cut, and nothing is added.")
            .holds(Scale)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Sign], "tried as mistakes: cuts and magnitudes")
    .spared(
        &[Returned, Wiring],
        "each function is asked for by itself, the guide by its gradient too",
    )
    .spared(&[Combined, Ties], "no options; nothing is chosen")
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
