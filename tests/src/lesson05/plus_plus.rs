use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

use super::tiny;
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, Tolerance, fault, ordered, slip};

/// `solution05::plus_plus_weights` and `grad_cam_plus_plus`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PlusPlus {
    pub weights: fn(&Tensor, &Tensor) -> Result<Tensor>,
    pub grad_cam_plus_plus: fn(&ResNet, &Tensor, &[u32], &str) -> Result<Tensor>,
}

/// The attempt at 5.5 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_5 {
    ($lesson:ident) => {
        $crate::lesson05::PlusPlus {
            weights: $lesson::plus_plus_weights,
            grad_cam_plus_plus: $lesson::grad_cam_plus_plus,
        }
    };
}

const SOLUTION: PlusPlus = ex5_5!(solution05);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    Mean,
    NoRelu,
    NotTwice,
    OwnActivation,
    ZeroOverZero,
    Epsilon,
    TinyEpsilon,
    MeanOfPlaces,
    Squared,
}

fn weights(activations: &Tensor, gradients: &Tensor, fault: Flaw) -> Result<Tensor> {
    gradients.dims4()?;
    let total = match fault {
        Flaw::OwnActivation => activations.clone(),
        _ => activations.sum_keepdim((2, 3))?,
    };
    let square = gradients.sqr()?;
    let cube = (&square * gradients)?;
    let factor = if fault == Flaw::NotTwice { 1.0 } else { 2.0 };
    let below = ((&square * factor)? + cube.broadcast_mul(&total)?)?;
    let positive = gradients.relu()?;
    let of_zero = gradients.eq(0f32)?.to_dtype(gradients.dtype())?;
    let alpha = match fault {
        Flaw::ZeroOverZero => (&square / below)?,
        Flaw::Epsilon => (&square / (below + 1e-6)?)?,
        Flaw::TinyEpsilon => (&square / (below + 1e-20)?)?,
        _ => (&square / (below + of_zero)?)?,
    };
    match fault {
        Flaw::Mean => gradients.mean_keepdim((2, 3)),
        Flaw::NoRelu => (alpha * gradients)?.sum_keepdim((2, 3)),
        Flaw::MeanOfPlaces => (alpha * positive)?.mean_keepdim((2, 3)),
        Flaw::Squared => ((alpha * &positive)? * positive)?.sum_keepdim((2, 3)),
        _ => (alpha * positive)?.sum_keepdim((2, 3)),
    }
}

fn cam(network: &ResNet, images: &Tensor, classes: &[u32], site: &str, fault: Flaw) -> Result<Tensor> {
    let trace = network.tap(images, &[site])?;
    let picked = Tensor::stack(&tiny::logits_of(&trace.logits, classes)?, 0)?;
    let gradients = trace.gradients(&picked.sum_all()?)?.at(site)?;
    let activations = trace.activation(site)?.detach();
    let weights = weights(&activations, &gradients, fault)?;
    activations.broadcast_mul(&weights)?.sum(1)?.relu()
}

macro_rules! faulty {
    ($fault:ident) => {
        PlusPlus {
            weights: |a, g| weights(a, g, Flaw::$fault),
            grad_cam_plus_plus: |n, i, c, s| cam(n, i, c, s, Flaw::$fault),
        }
    };
}

/// The paper's sums, place by place.
fn by_loops(activations: &Tensor, gradients: &Tensor) -> Result<Tensor> {
    let (batch, channels, _, _) = gradients.dims4()?;
    let activations = activations.flatten_from(2)?.to_vec3::<f32>()?;
    let gradients = gradients.flatten_from(2)?.to_vec3::<f32>()?;
    let mut weights = vec![];
    for (activations, gradients) in activations.iter().zip(&gradients) {
        for (activations, gradients) in activations.iter().zip(gradients) {
            let total: f32 = activations.iter().sum();
            let places = gradients.iter().filter(|&&g| g > 0.0);
            let each = places.map(|g| g * g / (2.0 * g * g + g * g * g * total) * g);
            weights.push(each.sum::<f32>());
        }
    }
    Tensor::from_vec(weights, (batch, channels, 1, 1), &candle_core::Device::Cpu)
}

const FAULTS: &[Fault<PlusPlus>] = &[
    fault(
        "the weights of Grad-CAM",
        "These are Grad-CAM's weights, the mean of the gradient. Here each place gets its own α, and the places are \
         added up.",
        |f| *f = faulty!(Mean),
    ),
    fault(
        "negative gradients too",
        "Places whose gradient is negative count in your weights. Multiply α by relu(g).",
        |f| *f = faulty!(NoRelu),
    ),
    fault("g² once", "The denominator has 2·g², not g².", |f| {
        *f = faulty!(NotTwice)
    }),
    fault(
        "the place's own activation",
        "Your denominator has the activation of the place. It is the sum over the whole map, Σ_ab A_kab.",
        |f| *f = faulty!(OwnActivation),
    ),
    fault(
        "zero over zero",
        "Where the gradient is 0 your α is 0/0, and one NaN spoils the sum. Divide both by g²: α = 1 / (2 + g·ΣA).",
        |f| *f = faulty!(ZeroOverZero),
    ),
    fault(
        "an epsilon that is too large",
        "You added something like 1e-6 to the denominator, as some libraries do. It is of the size of g² where \
         gradients are small, and then decides the weights. Cancel g² instead: α = 1 / (2 + g·ΣA) needs no epsilon.",
        |f| *f = faulty!(Epsilon),
    ),
    fault(
        "mean over the places",
        "You averaged over the places. The weight is their sum: α already takes their number into account.",
        |f| *f = faulty!(MeanOfPlaces),
    ),
    fault(
        "the gradient once too often",
        "Your weight is Σ α·g². It is Σ α·relu(g).",
        |f| *f = faulty!(Squared),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<PlusPlus>] = &[
    slip(Names, "map, the last site whose name begins so", |f| {
        f.grad_cam_plus_plus = |n, i, c, s| {
            let sites = n.sites();
            let last = sites.iter().rev().find(|site| site.starts_with(s));
            solution05::grad_cam_plus_plus(n, i, c, last.map_or(s, String::as_str))
        }
    }),
    ordered!("weights, only what lies in order", weights: |a, g| [a, g] => solution05::plus_plus_weights(a, g)),
    ordered!("map, only what lies in order", grad_cam_plus_plus: |n, i, c, s| [i] =>
        solution05::grad_cam_plus_plus(n, i, c, s)),
    slip(Batch, "weights, four images at most", |f| {
        f.weights = |a, g| solution05::plus_plus_weights(&first_of(a, 4)?, &first_of(g, 4)?)
    }),
    slip(Batch, "map, four images at most", |f| {
        f.grad_cam_plus_plus = |n, i, c, s| solution05::grad_cam_plus_plus(n, &first_of(i, 4)?, c, s)
    }),
    slip(Sizes, "map, only for sides that 16 divides", |f| {
        f.grad_cam_plus_plus = |n, i, c, s| match i.dims4()? {
            (_, _, height, width) if height % 16 > 0 || width % 16 > 0 => bail!("{height}×{width}"),
            _ => solution05::grad_cam_plus_plus(n, i, c, s),
        }
    }),
];

/// What every map of a whole network is.
const OWN: &str = "weighted_map of the activation at `site` with plus_plus_weights(activation, gradient): the gradient \
                   of each image's own logit, as in grad_cam.";

/// 5.5
pub fn plus_plus(seed: u64) -> Exam<PlusPlus> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<PlusPlus> {
    Exam::new("5.5", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .alternative("the formula as printed, zeros filled in", faulty!(TinyEpsilon))
        .alternative(
            "place by place",
            PlusPlus {
                weights: by_loops,
                ..SOLUTION
            },
        )
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<PlusPlus>) -> Exam<PlusPlus> {
    let mut random = Random::new(seed, 55);
    let activations = random.between(0.0, 1.0, (2, 3, 2, 4));
    let gradients = random.signed((2, 3, 2, 4));
    let network = tiny::network(&mut random);
    let images = random.signed((2, 3, 64, 48));

    exam.truth("one active place, A = 2, g = 1", tensor(&[0.25], (1, 1, 1, 1)), |f| {
        let activations = tensor(&[2., 0., 0., 0.], (1, 1, 2, 2));
        (f.weights)(&activations, &tensor(&[1., 0., 0., 0.], (1, 1, 2, 2)))
    })
    .because("α = 1 / (2·1 + 1·2) = 1/4 at the one place, and g is 1 there.")
    .truth("g = 0 everywhere", tensor(&[0.], (1, 1, 1, 1)), |f| {
        (f.weights)(&tensor(&[1., 2.], (1, 1, 1, 2)), &tensor(&[0., 0.], (1, 1, 1, 2)))
    })
    .because("A channel that moves nothing weighs nothing.")
    .truth("g = 1 and −1, A = 1 and 0", tensor(&[1. / 3.], (1, 1, 1, 1)), |f| {
        (f.weights)(&tensor(&[1., 0.], (1, 1, 1, 2)), &tensor(&[1., -1.], (1, 1, 1, 2)))
    })
    .because("The second place does not count; α = 1 / (2 + 1) at the first.")
    .truth("g = 0.001, A = 1", tensor(&[0.001 / 2.001], (1, 1, 1, 1)), |f| {
        (f.weights)(&tensor(&[1.], (1, 1, 1, 1)), &tensor(&[0.001], (1, 1, 1, 1)))
    })
    .because("α = 1 / (2 + 0.001).")
    .truth("g = 10⁻⁷, A = 1", tensor(&[0.5e-7], (1, 1, 1, 1)), |f| {
        (f.weights)(&tensor(&[1.], (1, 1, 1, 1)), &tensor(&[1e-7], (1, 1, 1, 1)))
    })
    .because(
        "α is ½ here. g² is 10⁻¹⁴: whatever is added to the denominator decides. Cancel g², and nothing need be \
              added.",
    )
    .truth("g = −1 and 1, A = 2 and 0", tensor(&[0.25], (1, 1, 1, 1)), |f| {
        (f.weights)(&tensor(&[2., 0.], (1, 1, 1, 2)), &tensor(&[-1., 1.], (1, 1, 1, 2)))
    })
    .because(
        "α = 1 / (2 + 1·2) at the second place. At the first g is negative and 2 + g·ΣA is 0: take relu(g) in α \
              as well.",
    )
    .case("random activations and gradients [2, 3, 2, 4]", move |f| {
        (f.weights)(&activations, &gradients)
    })
    .because("α = 1 / (2 + g·ΣA), where ΣA is the sum of this channel of this image over its places; then Σ α·relu(g).")
    .given((network, images), |on| {
        on.case(
            "the map: two images, classes 2 and 1, layer3 of a small ResNet",
            move |f, (network, images)| (f.grad_cam_plus_plus)(network, images, &[2, 1], "layer3"),
        )
        .within(Tolerance::relative(1e-3))
        .because(OWN)
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<PlusPlus>) -> Exam<PlusPlus> {
    let mut random = Random::new(seed, 155);
    let fixture = (
        random.between(0.0, 1.0, (3, 2, 5, 4)),
        random.signed((3, 2, 5, 4)),
        tiny::network(&mut random),
        random.signed((2, 3, 48, 64)),
    );
    exam.given(fixture, |on| {
        on.case(
            "activations and gradients whose columns come first in memory",
            |f, (a, g, ..)| (f.weights)(&askew(a), &askew(g)),
        )
        .because("The values as the tensors give them, not in the order in which they lie in memory.")
        .holds(NotContiguous)
        .case(
            "the map: images whose columns come first in memory, classes 0 and 2, layer4",
            |f, (_, _, n, i)| (f.grad_cam_plus_plus)(n, &askew(i), &[0, 2], "layer4"),
        )
        .within(Tolerance::relative(1e-3))
        .because(OWN)
        .holds(NotContiguous)
    })
    .proofs(SOLUTION, PROOFS)
}

/// Many images and odd sides.
fn further_hazards(seed: u64, exam: Exam<PlusPlus>) -> Exam<PlusPlus> {
    let mut random = Random::new(seed, 255);
    let fixture = (
        random.between(0.0, 1.0, (5, 2, 3, 4)),
        random.signed((5, 2, 3, 4)),
        tiny::network(&mut random),
        random.signed((5, 3, 33, 47)),
    );
    exam.given(fixture, |on| {
        on.case("weights of five images", |f, (a, g, ..)| (f.weights)(a, g))
            .because("Each channel of each image with its own ΣA.")
            .holds(Batch)
            .case("the map: five images of 33×47, layer3", |f, (_, _, n, i)| {
                (f.grad_cam_plus_plus)(n, i, &[2, 0, 1, 2, 0], "layer3")
            })
            .within(Tolerance::relative(1e-3))
            .because(OWN)
            .holds([Batch, Sizes])
            .case("the map: one image, layer2.0.relu", |f, (_, _, n, i)| {
                (f.grad_cam_plus_plus)(n, &i.narrow(0, 0, 1)?, &[1], "layer2.0.relu")
            })
            .within(Tolerance::relative(1e-3))
            .because(
                "The site inside a block, by its whole name: layer2.0.relu_1, which begins so, is another, and so is \
                 layer2.",
            )
            .holds([Names, Sizes])
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Scale], "tried as a mistake: an epsilon that is too large")
    .spared(&[Sign], "tried as a mistake: negative gradients too")
    .spared(&[Wiring], "the map is tried with the mistakes of the weights")
    .spared(&[Returned], "shapes are among the inputs")
    .spared(&[Combined, Ties], "no options; nothing is chosen")
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
