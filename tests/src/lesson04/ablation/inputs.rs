//! What 4.9 is asked for.

use candle_core::{Result, Tensor};
use resnet::{Config, Parameters, ResNet, parameters};

use super::Ablation;
use crate::inputs::{Random, tensor};
use crate::{Exam, Tolerance};

/// A small network. Its layer4 unit 5 goes nowhere: its column of fc is 0.
pub(super) fn network(seed: u64) -> Result<ResNet> {
    let config = Config::resnet18().width(2).classes(3);
    let mut weights: Parameters = parameters::initialize(&config, seed)?;
    let mut fc = weights["fc.weight"].to_vec2::<f32>()?;
    fc.iter_mut().for_each(|row| row[5] = 0.0);
    weights.insert("fc.weight".into(), tensor(&fc.concat(), (3, 16)));
    weights.insert("fc.bias".into(), tensor(&[0.5, -1.0, 2.0], 3));
    // So that there is something below 0, and it counts in the sum behind it.
    weights.insert("layer1.0.bn2.bias".into(), tensor(&[-0.5, 0.0], 2));
    ResNet::new(&config, &weights)
}

const UNITS: &str =
    "These units are 0 at every place of every image, and nothing else at this site or at another changes.";

const DIRECTION: &str =
    "At each place of each image a − (a·d/‖d‖²)·d, with all units of d and whatever the sign of a·d.";

/// Effects that can be counted.
fn effects(exam: Exam<Ablation>) -> Exam<Ablation> {
    exam.truth(
        "effect: [[1, 0], [0, 2], [4, 1]] becomes [[0, 1], [0, 5], [4, 1]]",
        (5.0 / 6.0, 1.0 / 3.0),
        |f| {
            let before = tensor(&[1., 0., 0., 2., 4., 1.], (3, 2));
            (f.effect)(&before, &tensor(&[0., 1., 0., 5., 4., 1.], (3, 2)))
        },
    )
    .because(
        "Changes of 1, 1, 0, 3, 0 and 0, on average 5/6; the first of three images has another class now. What did \
             not change counts as well.",
    )
    .truth("effect: [[1, −3]] becomes [[1, −9]]", (3.0, 0.0), |f| {
        (f.effect)(&tensor(&[1., -3.], (1, 2)), &tensor(&[1., -9.], (1, 2)))
    })
    .because(
        "Changes of 0 and 6. The class is that of the largest logit, before and after the first: −9 is the \
                  smallest.",
    )
    .truth("effect: [[3, 1, 0]] becomes [[3, 0, 1]]", (2.0 / 3.0, 0.0), |f| {
        (f.effect)(&tensor(&[3., 1., 0.], (1, 3)), &tensor(&[3., 0., 1.], (1, 3)))
    })
    .because("Changes of 0, 1 and 1. The largest logit is where it was, whatever the order below it.")
}

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Ablation>) -> Exam<Ablation> {
    let mut random = Random::new(seed, 49);
    let fixture = (
        network(seed).expect("a small network"),
        random.signed((3, 3, 40, 36)),
        random.signed(8),
        (random.signed((5, 4)), random.signed((5, 4))),
    );
    let bias: Vec<f32> = [0.5, -1.0, 2.0].repeat(3);
    effects(exam).given(fixture, |on| {
        on.truth(
            "without all 16 units of layer4",
            tensor(&bias, (3, 3)),
            |f, (n, i, ..)| (f.units)(n, i, "layer4", &(0..16).collect::<Vec<_>>()),
        )
        .because("What is left of the logits is the bias of fc.")
        .truth(
            "without layer4's unit 5, whose weights in fc are 0: largest change of a logit",
            0.0,
            |f, (n, i, ..)| largest_change(n, i, (f.units)(n, i, "layer4", &[5])),
        )
        .within(Tolerance::new(0.0, 1e-4))
        .because(
            "The network does not use it, whatever a probe can read from it. layer4.0 and layer4.1 are other sites: \
             they \
             stay, and so do the other units.",
        )
        .truth(
            "without layer4's direction e_5: largest change of a logit",
            0.0,
            |f, (n, i, ..)| {
                let e: Vec<f32> = (0..16).map(|unit| if unit == 5 { 3.0 } else { 0.0 }).collect();
                largest_change(n, i, (f.direction)(n, i, "layer4", &tensor(&e, 16)))
            },
        )
        .within(Tolerance::new(0.0, 1e-4))
        .because("Taking out the direction of one unit is taking out the unit, and at no other site.")
        .case("without units 0 and 3 of layer2", |f, (n, i, ..)| {
            (f.units)(n, i, "layer2.0.relu", &[0, 3])
        })
        .because(UNITS)
        .case("without units 1 and 2 of avgpool", |f, (n, i, ..)| {
            (f.units)(n, i, "avgpool", &[1, 2])
        })
        .because(UNITS)
        .case("without a random direction of layer3", |f, (n, i, d, _)| {
            (f.direction)(n, i, "layer3", d)
        })
        .within(Tolerance::relative(1e-3))
        .because(DIRECTION)
        .truth(
            "how much it matters that the direction is seven times as long, and points the other way",
            0.0,
            |f, (n, i, d, _)| {
                let once = (f.direction)(n, i, "layer3", d)?;
                let longer = (f.direction)(n, i, "layer3", &(d * -7.0)?)?;
                (once - longer)?.abs()?.max_all()?.to_scalar::<f32>()
            },
        )
        .within(Tolerance::new(0.0, 1e-4))
        .because("However long its arrow is, and whichever way it points: what lies along the line is taken out.")
        .case("effect: random logits of 5 images", |f, (.., (before, after))| {
            (f.effect)(before, after)
        })
        .because(
            "The mean of |after − before| over images and classes; a predicted class is that of the \
             largest logit, with its sign.",
        )
        .refuses("a site that does not exist", |f, (n, i, ..)| {
            (f.units)(n, i, "layer5", &[0])
        })
        .refuses("unit 16 of 16", |f, (n, i, ..)| (f.units)(n, i, "layer4", &[16]))
        .refuses("a direction at a site that does not exist", |f, (n, i, ..)| {
            (f.direction)(n, i, "layer5", &tensor(&[1.; 16], 16))
        })
        .refuses("a direction of 5 numbers for 16 units", |f, (n, i, ..)| {
            (f.direction)(n, i, "layer4", &tensor(&[1.; 5], 5))
        })
    })
}

fn largest_change(network: &ResNet, images: &Tensor, after: Result<Tensor>) -> Result<f32> {
    let change = (after? - network.forward(images)?)?;
    change.abs()?.flatten_all()?.max(0)?.to_scalar()
}
