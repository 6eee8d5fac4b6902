mod answer;

use candle_core::{Result, Tensor, Var, bail};
use resnet::ResNet;

use super::tiny;
use crate::Hazard::*;
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Slip, Tolerance, fault, ordered, slip};
use answer::{Flaw, by_shifting, cam, from_class_map, map, score};

/// `solution05::class_score`, `weighted_map` and `grad_cam`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct GradCam {
    pub class_score: fn(&Tensor, &[u32]) -> Result<Tensor>,
    pub weighted_map: fn(&Tensor, &Tensor) -> Result<Tensor>,
    pub grad_cam: fn(&ResNet, &Tensor, &[u32], &str) -> Result<Tensor>,
}

/// The attempt at 5.3 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_3 {
    ($lesson:ident) => {
        $crate::lesson05::GradCam {
            class_score: $lesson::class_score,
            weighted_map: $lesson::weighted_map,
            grad_cam: $lesson::grad_cam,
        }
    };
}

const SOLUTION: GradCam = ex5_3!(solution05);

/// A wrong answer in all three functions at once, as it is when the third calls the others.
macro_rules! faulty {
    ($fault:ident) => {
        GradCam {
            class_score: |logits, classes| score(logits, classes, Flaw::$fault),
            weighted_map: |activations, weights| map(activations, weights, Flaw::$fault),
            grad_cam: |network, images, classes, site| cam(network, images, classes, site, Flaw::$fault),
        }
    };
}

const FAULTS: &[Fault<GradCam>] = &[
    fault(
        "a softmax inside grad_cam",
        "Your class_score is the logit, and grad_cam takes the softmax before it. The gradient of a probability \
         vanishes where the network is sure, and it says as much about the other classes. Hand class_score the logits.",
        |f| f.grad_cam = |network, images, classes, site| cam(network, images, classes, site, Flaw::Probability),
    ),
    fault(
        "gradient of the probability",
        "Your score went through a softmax. The probability saturates where the network is sure, and its gradient \
         vanishes; the score is the logit.",
        |f| *f = faulty!(Probability),
    ),
    fault(
        "gradient of the loss",
        "Your score is a loss, −log p: it falls where the class's evidence rises, so the map shows what speaks \
         against the class. The score is the logit.",
        |f| *f = faulty!(Loss),
    ),
    fault(
        "the predicted class",
        "Your score is the largest logit. The question is about the classes in `classes`, whatever the network \
         predicts.",
        |f| *f = faulty!(Predicted),
    ),
    fault(
        "one class for all images",
        "You took the first image's class for every image. Image b has the class classes[b].",
        |f| *f = faulty!(FirstClass),
    ),
    fault(
        "all logits",
        "You added up the logits of all classes, so the map is the same for each. Pick one logit per image.",
        |f| *f = faulty!(AllLogits),
    ),
    fault(
        "mean over the images",
        "You averaged the scores over the images, so each gradient is too small by the size of the batch. Add them \
         up: images do not influence each other.",
        |f| *f = faulty!(MeanScore),
    ),
    fault(
        "no relu",
        "Your map has negative values: the ReLU on the weighted sum is missing.",
        |f| *f = faulty!(NoRelu),
    ),
    fault(
        "relu on the weights",
        "You dropped the channels with negative weights. They take away from what the others say: the ReLU comes \
         after the sum.",
        |f| *f = faulty!(ReluOnWeights),
    ),
    fault(
        "relu on each term",
        "You cut every channel's term at zero before adding them up. What speaks against the class must take away \
         from what speaks for it: the ReLU comes after the sum.",
        |f| *f = faulty!(ReluOnTerms),
    ),
    fault(
        "stretched to [0, 1] without relu",
        "You stretched the map from its minimum to its maximum, so its most negative place is shown as 0 and places \
         that speak against the class look warm. Cut at zero; scaling for display comes in 5.4.",
        |f| *f = faulty!(Stretched),
    ),
    fault(
        "gradients added up",
        "Your map is too large by the number of places: the weights are means of the gradient (5.2), not sums.",
        |f| f.grad_cam = |n, i, c, s| cam(n, i, c, s, Flaw::SumOfGradients),
    ),
    fault(
        "the site before the relu",
        "Your activation has negative values: it was taken before the last ReLU of the layer. Use the site as given.",
        |f| f.grad_cam = |n, i, c, s| cam(n, i, c, s, Flaw::EarlierSite),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<GradCam>] = &[
    slip(Names, "grad_cam, the last site whose name begins so", |f| {
        f.grad_cam = |n, i, c, s| {
            let sites = n.sites();
            let last = sites.iter().rev().find(|site| site.starts_with(s));
            solution05::grad_cam(n, i, c, last.map_or(s, String::as_str))
        }
    }),
    ordered!("weighted_map, only what lies in order", weighted_map: |activations, weights| [activations] =>
        solution05::weighted_map(activations, weights)),
    ordered!("grad_cam, only what lies in order", grad_cam: |network, images, classes, site| [images] =>
        solution05::grad_cam(network, images, classes, site)),
    slip(Batch, "weighted_map, four images at most", |f| {
        f.weighted_map = |a, w| solution05::weighted_map(&first_of(a, 4)?, w)
    }),
    slip(Batch, "grad_cam, four images at most", |f| {
        f.grad_cam = |n, i, c, s| solution05::grad_cam(n, &first_of(i, 4)?, c, s)
    }),
    slip(Sizes, "grad_cam, only for sides that 16 divides", |f| {
        f.grad_cam = |n, i, c, s| match i.dims4()? {
            (_, _, height, width) if height % 16 > 0 || width % 16 > 0 => bail!("{height}×{width}"),
            _ => solution05::grad_cam(n, i, c, s),
        }
    }),
    slip(Scale, "weights below 1e-8 taken for 0", |f| {
        f.weighted_map = |a, w| {
            let kept = w.abs()?.gt(1e-8f32)?.to_dtype(w.dtype())?;
            solution05::weighted_map(a, &(w * kept)?)
        }
    }),
];

/// What every map of a whole network is.
const OWN: &str = "For each image the gradient of its own logit at the site; its mean over the places times the \
                   activation; the channels added up, and cut at 0 last.";

/// 5.3
pub fn grad_cam(seed: u64) -> Exam<GradCam> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<GradCam> {
    Exam::new("5.3", SOLUTION).changes(SOLUTION, FAULTS).alternative(
        "one image at a time",
        GradCam {
            class_score: |l, c| score(l, c, Flaw::None),
            weighted_map: |a, w| {
                let (batch, channels, height, width) = a.dims4()?;
                if w.dims() != [batch, channels, 1, 1] {
                    bail!("weights {:?}", w.dims());
                }
                let w = w.reshape((batch, 1, channels))?;
                w.matmul(&a.flatten_from(2)?)?.relu()?.reshape((batch, height, width))
            },
            grad_cam: |network, images, classes, site| {
                let maps = classes
                    .iter()
                    .enumerate()
                    .map(|(i, &class)| cam(network, &images.narrow(0, i, 1)?, &[class], site, Flaw::None));
                Tensor::cat(&maps.collect::<Result<Vec<_>>>()?, 0)
            },
        },
    )
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<GradCam>) -> Exam<GradCam> {
    let mut random = Random::new(seed, 53);
    let logits = random.signed((3, 4));
    let (activations, weights) = (random.signed((2, 3, 2, 4)), random.signed((2, 3, 1, 1)));
    let network = tiny::network(&mut random);
    let images = random.signed((2, 3, 64, 48));
    let first = images.narrow(0, 0, 1).expect("two images");
    let expected = from_class_map(&network, &images, &[2, 0]).expect("a small network");
    let shifted = by_shifting(&network, &first, 1, "layer3").expect("a small network");
    let shares = (network.clone(), images.clone());

    exam.given((first, network), |on| {
        on.truth("class_score: logits 1 2 3 and 4 5 6, classes 2 and 0", 7f32, |f, _| {
            (f.class_score)(&tensor(&[1., 2., 3., 4., 5., 6.], (2, 3)), &[2, 0])?.to_scalar::<f32>()
        })
        .because("3 for the first image, 4 for the second.")
        .truth(
            "class_score: its gradient by the logits",
            tensor(&[0., 0., 0., 1., 0., 1., 0., 0., 1., 0., 0., 0.], (3, 4)),
            move |f, _| {
                let logits = Var::from_tensor(&logits)?;
                let gradients = (f.class_score)(&logits, &[3, 1, 0])?.backward()?;
                gradients.get(&logits).cloned().map_or_else(|| logits.zeros_like(), Ok)
            },
        )
        .because("Only each image's own logit counts, and it counts once.")
        .truth(
            "weighted_map: two channels at three places, weights 1 and −1",
            tensor(&[0., 0., 2.], (1, 1, 3)),
            |f, _| {
                let activations = tensor(&[1., 0., 2., 1., 1., 0.], (1, 2, 1, 3));
                (f.weighted_map)(&activations, &tensor(&[1., -1.], (1, 2, 1, 1)))
            },
        )
        .because("1 − 1 = 0, 0 − 1 = −1, cut at 0, and 2 − 0 = 2.")
        .truth(
            "weighted_map: everything speaks against the class",
            tensor(&[0., 0.], (1, 1, 2)),
            |f, _| (f.weighted_map)(&tensor(&[1., 3.], (1, 1, 1, 2)), &tensor(&[-1.], (1, 1, 1, 1))),
        )
        .because("A map without positive values is zeros.")
        .case("weighted_map: random activations of both signs", move |f, _| {
            (f.weighted_map)(&activations, &weights)
        })
.because("Each image with its own weights, activations as they are: Σ α·A over the channels, and what is below 0 is 0.")
        .truth(
            "grad_cam: two images, classes 2 and 0, layer4 of a small ResNet",
            expected,
            move |f, _| (f.grad_cam)(&shares.0, &shares.1, &[2, 0], "layer4"),
        )
        .because(
            "Behind layer4 come only an average and one linear layer: there Grad-CAM is the ReLU of the class \
             activation map (5.1), divided by the number of places.",
        )
        .truth(
            "grad_cam: one image, class 1, layer3",
            shifted,
            move |f, (first, network)| (f.grad_cam)(network, first, &[1], "layer3"),
        )
        .within(Tolerance::relative(1e-3))
        .because("The expected weights were measured: each channel was shifted by a millionth, and the logit read.")
        .case(
            "grad_cam: two images, classes 1 and 2, layer2",
            move |f, (_, network)| (f.grad_cam)(network, &images, &[1, 2], "layer2"),
        )
.because("One weight per channel, the mean of the gradient over the places, times the activation of layer2 as it is.")
        .within(Tolerance::relative(1e-3))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<GradCam>) -> Exam<GradCam> {
    let mut random = Random::new(seed, 153);
    let fixture = (
        random.signed((3, 2, 5, 4)),
        random.signed((3, 2, 1, 1)),
        tiny::network(&mut random),
        random.signed((3, 3, 48, 64)),
    );
    exam.given(fixture, |on| {
        on.case(
            "weighted_map: activations whose columns come first in memory",
            |f, (a, w, ..)| (f.weighted_map)(&askew(a), w),
        )
        .because("Σ α·A over the channels at each place, as the tensor gives them, not in the order of the memory.")
        .holds(NotContiguous)
        .case(
            "grad_cam: three images whose columns come first in memory, layer1",
            |f, (_, _, n, i)| (f.grad_cam)(n, &askew(i), &[0, 1, 2], "layer1"),
        )
        .within(Tolerance::relative(1e-3))
        .because(OWN)
        .holds(NotContiguous)
    })
    .proofs(SOLUTION, PROOFS)
}

/// The maps of one image for three classes: that of one class alone may be empty.
fn each_class(f: GradCam, network: &ResNet, image: &Tensor, site: &str) -> Result<Tensor> {
    let maps = [0, 1, 2].map(|class| (f.grad_cam)(network, image, &[class], site));
    Tensor::cat(&maps.into_iter().collect::<Result<Vec<_>>>()?, 0)
}

/// Many images, odd sides, and weights that are very small.
fn further_hazards(seed: u64, exam: Exam<GradCam>) -> Exam<GradCam> {
    let mut random = Random::new(seed, 253);
    let fixture = (
        random.between(0.5, 1.0, (5, 2, 3, 4)),
        random.between(0.5, 1.0, (5, 2, 1, 1)),
        tiny::network(&mut random),
        random.signed((5, 3, 33, 47)),
    );
    exam.given(fixture, |on| {
        on.case("weighted_map: five images", |f, (a, w, ..)| (f.weighted_map)(a, w))
            .because("Each image with its own weights.")
            .holds(Batch)
            .case(
                "grad_cam: five images of 33×47, layer3, each asked for all three classes",
                |f, (_, _, n, i)| {
                    // For one class alone the last image's map may be empty.
                    let maps = [0, 1, 2].map(|k| [2 + k, k, 1 + k, 2 + k, k].map(|class| class % 3));
                    let maps = maps.iter().map(|classes| (f.grad_cam)(n, i, classes, "layer3"));
                    Tensor::cat(&maps.collect::<Result<Vec<_>>>()?, 0)
                },
            )
            .within(Tolerance::relative(1e-3))
            .because(OWN)
            .holds([Batch, Sizes])
            .case(
                "grad_cam: one image of 33×47, classes 0, 1 and 2, relu",
                |f, (_, _, n, i)| each_class(f, n, &i.narrow(0, 4, 1)?, "relu"),
            )
            .within(Tolerance::relative(1e-3))
            .because(
                "Behind the first ReLU comes the max-pooling: where it passes a place over, the gradient is 0, and the \
                 place counts in the mean like any other.",
            )
            .holds(Sizes)
            .case(
                "grad_cam: one image, classes 0, 1 and 2, layer2.0.relu",
                |f, (_, _, n, i)| each_class(f, n, &i.narrow(0, 0, 1)?, "layer2.0.relu"),
            )
            .within(Tolerance::relative(1e-3))
            .because(
                "The site inside a block, by its whole name: layer2.0.relu_1, which begins so, is another, and so is \
                 layer2.",
            )
            .holds([Names, Sizes])
            .case("weighted_map: weights below 10⁻⁹", |f, (a, w, ..)| {
                (f.weighted_map)(&a.narrow(0, 0, 2)?, &(w.narrow(0, 0, 2)? * 1e-9)?)
            })
            .because("A small map is a map: nothing is cut but what is below 0.")
            .holds(Scale)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(
        &[Sign, Returned],
        "tried as mistakes: ReLU on weights, on terms, none; and the gradient of the score",
    )
    .spared(
        &[Wiring],
        "tried as mistakes: a softmax inside grad_cam, sums for means",
    )
    .spared(
        &[Combined, Ties],
        "classes and sites come together in the inputs; nothing is chosen",
    )
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
