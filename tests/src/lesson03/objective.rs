use candle_core::{D, Result, Tensor, bail};
use resnet::{Config, ResNet, Stem, parameters};

use super::slope;
use crate::inputs::{Random, askew, delta, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Refused, Slip, Tolerance, fault, ordered, slip};

/// `solution03::Target`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub enum Target {
    Neuron(usize),
    Channel(usize),
    Layer,
}

/// The two functions of exercise 3.1.
#[derive(Clone, Copy)]
pub struct Objectives {
    /// `solution03::objective`
    pub objective: fn(&Tensor, Target) -> Result<Tensor>,
    /// `solution03::score`
    pub score: fn(&ResNet, &Tensor, &str, Target) -> Result<Tensor>,
}

/// The attempt at 3.1 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_1 {
    ($lesson:ident) => {{
        fn target(target: $crate::lesson03::Target) -> $lesson::Target {
            match target {
                $crate::lesson03::Target::Neuron(channel) => $lesson::Target::Neuron(channel),
                $crate::lesson03::Target::Channel(channel) => $lesson::Target::Channel(channel),
                $crate::lesson03::Target::Layer => $lesson::Target::Layer,
            }
        }
        $crate::lesson03::Objectives {
            objective: |activation, of| $lesson::objective(activation, target(of)),
            score: |network, images, site, of| $lesson::score(network, images, site, target(of)),
        }
    }};
}

const SOLUTION: Objectives = ex3_1!(solution03);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    CornerUnit,
    UpperMiddle,
    RowAndColumnSwapped,
    SumOfMap,
    LargestOfMap,
    MeanOverBatch,
    MeanOfLayer,
    SumOfSquares,
    Probability,
    NotNormalized,
    Detached,
}

fn objective(activation: &Tensor, target: Target, fault: Flaw) -> Result<Tensor> {
    let maps = match activation.dims() {
        [batch, classes] if fault == Flaw::Probability => {
            let shape = (*batch, *classes, 1, 1);
            candle_nn::ops::softmax(activation, D::Minus1)?.reshape(shape)?
        }
        [batch, classes] => activation.reshape((*batch, *classes, 1, 1))?,
        [_, _, _, _] => activation.clone(),
        other => bail!("{other:?}"),
    };
    let (batch, channels, height, width) = maps.dims4()?;
    let (row, column) = match fault {
        Flaw::CornerUnit => (0, 0),
        Flaw::UpperMiddle => ((height - 1) / 2, (width - 1) / 2),
        Flaw::RowAndColumnSwapped => ((width / 2).min(height - 1), (height / 2).min(width - 1)),
        _ => (height / 2, width / 2),
    };
    let flat = maps.reshape((batch, channels, height * width))?;
    let channel = |k: usize| flat.narrow(1, k, 1)?.squeeze(1);
    let values = match (target, fault) {
        (Target::Neuron(k), _) => channel(k)?.narrow(1, row * width + column, 1)?.squeeze(1),
        (Target::Channel(k), Flaw::SumOfMap) => channel(k)?.sum(1),
        (Target::Channel(k), Flaw::LargestOfMap) => channel(k)?.max(1),
        (Target::Channel(k), _) => channel(k)?.mean(1),
        (Target::Layer, Flaw::MeanOfLayer) => flat.mean((1, 2)),
        (Target::Layer, Flaw::SumOfSquares) => flat.sqr()?.sum((1, 2)),
        (Target::Layer, _) => flat.sqr()?.mean((1, 2)),
    }?;
    if fault == Flaw::MeanOverBatch {
        values.mean_keepdim(0)
    } else {
        Ok(values)
    }
}

fn score(network: &ResNet, images: &Tensor, site: &str, target: Target, fault: Flaw) -> Result<Tensor> {
    let images = match fault {
        Flaw::NotNormalized => images.clone(),
        Flaw::Detached => resnet::normalize(&images.detach())?,
        _ => resnet::normalize(images)?,
    };
    let mut kept = None;
    network.forward_visit(&images, &mut |name, activation| {
        if name == site {
            kept = Some(activation.clone());
        }
        Ok(None)
    })?;
    match kept {
        Some(activation) => objective(&activation, target, fault),
        None => bail!("no site {site}"),
    }
}

macro_rules! with {
    ($fault:ident) => {
        Objectives {
            objective: |activation, target| objective(activation, target, Flaw::$fault),
            score: |network, images, site, target| score(network, images, site, target, Flaw::$fault),
        }
    };
}

/// A small network whose first filter takes the red of a pixel, and whose class scores are 1, 2 and 3 for any image.
fn planted() -> Result<ResNet> {
    let config = Config::resnet18().width(2).classes(3).stem(Stem::Cifar);
    let mut weights = parameters::initialize(&config, 3)?;
    weights.insert("conv1.weight".into(), delta([0, 0, 1, 1], [2, 3, 3, 3]));
    weights.insert("fc.weight".into(), weights["fc.weight"].zeros_like()?);
    weights.insert("fc.bias".into(), tensor(&[1.0, 2.0, 3.0], 3));
    ResNet::new(&config, &weights)
}

/// Written independently of the solution.
const RIGHT: Objectives = with!(None);

const FAULTS: &[Fault<Objectives>] = &[
    fault(
        "the corner unit",
        "You took the unit in the upper left corner, whose window hangs over the border. The neuron is the one in the \
         middle, at height / 2 and width / 2.",
        |f| *f = with!(CornerUnit),
    ),
    fault(
        "rounded up to the left",
        "On a map of even size you took the unit left of or above the middle. The place is height / 2 and width / 2, \
         rounded down: of 4 places (0 to 3) the one numbered 2.",
        |f| *f = with!(UpperMiddle),
    ),
    fault(
        "row and column swapped",
        "The row comes from the height and the column from the width. On a square map nobody notices the exchange.",
        |f| *f = with!(RowAndColumnSwapped),
    ),
    fault(
        "sum over the map",
        "You added the map up. The objective is its mean, so that it does not grow with the image.",
        |f| *f = with!(SumOfMap),
    ),
    fault(
        "largest of the map",
        "You took the map's largest value. A channel's objective is the mean over all places; one place is a neuron.",
        |f| *f = with!(LargestOfMap),
    ),
    fault(
        "one number for the batch",
        "You averaged over the images too. Each image has its own number; the result has the shape [batch].",
        |f| *f = with!(MeanOverBatch),
    ),
    fault(
        "mean of the layer",
        "For the layer you took the mean of the activations. It is the mean of their squares: strong responses count \
         more, and before a ReLU also the negative ones count.",
        |f| *f = with!(MeanOfLayer),
    ),
    fault(
        "sum of squares",
        "For the layer you added the squares up. Take their mean, so that it does not grow with the image.",
        |f| *f = with!(SumOfSquares),
    ),
    fault(
        "probability",
        "You took the softmax. A probability also rises when the other classes sink; the objective is the class score \
         itself.",
        |f| *f = with!(Probability),
    ),
    fault(
        "not normalized",
        "The network got the image as it is shown. It was trained on normalized images: resnet::normalize comes first.",
        |f| *f = with!(NotNormalized),
    ),
    fault(
        "cut off from the image",
        "The number is right, and its gradient with respect to the image is 0: somewhere you detach, or make new \
         tensors from numbers. Only operations on tensors stay connected.",
        |f| *f = with!(Detached),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Objectives>] = &[
    ordered!("objective, only what lies in order", objective: |a, t| [a] => objective(a, t, Flaw::None)),
    ordered!("score, only what lies in order", score: |n, i, s, t| [i] => score(n, i, s, t, Flaw::None)),
    slip(Names, "relu looked for by the end of the name", |f| {
        f.score = |n, i, s, t| score(n, i, if s == "relu" { "layer1.0.relu" } else { s }, t, Flaw::None)
    }),
    slip(Batch, "four images at most", |f| {
        f.objective = |a, t| objective(&first_of(a, 4)?, t, Flaw::None)
    }),
    slip(Batch, "score, four images at most", |f| {
        f.score = |n, i, s, t| score(n, &first_of(i, 4)?, s, t, Flaw::None)
    }),
    slip(Wiring, "a channel where a neuron of layer1 is asked for", |f| {
        f.score = |n, i, s, t| match (s, t) {
            ("layer1", Target::Neuron(k)) => score(n, i, s, Target::Channel(k), Flaw::None),
            _ => score(n, i, s, t, Flaw::None),
        }
    }),
    slip(Scale, "held within a million", |f| {
        f.objective = |a, t| objective(&a.clamp(-1e6, 1e6)?, t, Flaw::None)
    }),
    slip(Scale, "an eps added", |f| {
        f.objective = |a, t| {
            if a.abs()?.max_all()?.to_scalar::<f32>()? < 1e-6 {
                objective(a, t, Flaw::None)? + 1e-8
            } else {
                objective(a, t, Flaw::None)
            }
        }
    }),
];

/// Attempts that once passed.
const PASSED: &[Refused<Objectives>] = &[
    ("the squares of scores added up", |f| {
        f.objective = |a, t| match (a.rank(), t) {
            (2, Target::Layer) => a.sqr()?.sum(1),
            _ => objective(a, t, Flaw::None),
        }
    }),
    ("behind the ReLU for before it", |f| {
        f.score = |n, i, s, t| score(n, i, s.trim_end_matches(".add"), t, Flaw::None)
    }),
];

/// 3.1
pub fn objectives(seed: u64) -> Exam<Objectives> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Objectives> {
    Exam::new("3.1", SOLUTION)
        .changes(RIGHT, FAULTS)
        .refused(RIGHT, PASSED)
        .alternative("by a visitor, on flattened maps", RIGHT)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Objectives>) -> Exam<Objectives> {
    let mut random = Random::new(seed, 31);
    let counted = Tensor::arange(0f32, 24.0, &candle_core::Device::Cpu)
        .and_then(|x| x.reshape((1, 2, 3, 4)))
        .expect("24 numbers");
    let small = tensor(&[3.0, -1.0, 2.0, 0.0, 1.0, -2.0, 1.0, 1.0], (2, 2, 1, 2));
    let logits = tensor(&[1.0, 2.0, -3.0, 0.5, 0.5, 4.0], (2, 3));
    let wide = random.signed((3, 4, 4, 7));
    let high = random.signed((2, 3, 6, 3));

    let targets = [
        (
            "the neuron of channel 1",
            Target::Neuron(1),
            "One place alone, at height / 2 and width / 2, each rounded down.",
        ),
        (
            "channel 2",
            Target::Channel(2),
            "The mean over all places of one channel.",
        ),
        ("the layer", Target::Layer, "The mean of the squares of one image."),
    ];
    let mut exam = exam
        .truth(
            "the neuron of channel 1 of [1, 2, 3, 4], which counts 0, 1, 2, …",
            vec![18f32],
            {
                let counted = counted.clone();
                move |f| (f.objective)(&counted, Target::Neuron(1))
            },
        )
        .because("Channel 1 starts at 12; row 3 / 2 = 1, column 4 / 2 = 2: 12 + 1·4 + 2.")
        .truth("channel 0 of the same", vec![5.5f32], move |f| {
            (f.objective)(&counted, Target::Channel(0))
        })
        .because("The mean of 0 to 11.");
    for (what, target, values, because) in [
        (
            "channel 0 of two images, [3, −1 | 2, 0] and [1, −2 | 1, 1]",
            Target::Channel(0),
            [1f32, -0.5],
            "(3 − 1)/2 and (1 − 2)/2: the mean of the values as they are, negative ones too, for each image.",
        ),
        (
            "the layer of the same",
            Target::Layer,
            [3.5, 1.75],
            "(9 + 1 + 4 + 0)/4 and (1 + 4 + 1 + 1)/4: the mean of the squares over all channels and places of one \
             image, without a root, for each image by itself.",
        ),
    ] {
        let small = small.clone();
        exam = exam
            .truth(what, values.to_vec(), move |f| (f.objective)(&small, target))
            .because(because);
    }
    exam = exam
        .truth(
            "class 1 of the scores [1, 2, −3] and [0.5, 0.5, 4]",
            vec![2f32, 0.5],
            {
                let logits = logits.clone();
                move |f| (f.objective)(&logits, Target::Channel(1))
            },
        )
        .because("The score itself, not its softmax.")
        .truth("class 2 of the same, as a neuron", vec![-3f32, 4.0], {
            let logits = logits.clone();
            move |f| (f.objective)(&logits, Target::Neuron(2))
        })
        .because("A class is a map of 1×1, and each image has its own score.")
        .truth("the layer of the same scores", vec![14f32 / 3.0, 5.5], move |f| {
            (f.objective)(&logits, Target::Layer)
        })
        .because("(1 + 4 + 9)/3 and (0.25 + 0.25 + 16)/3: the mean over the classes, each a map of 1×1.");
    for (what, target, because) in targets {
        let (wide, high) = (wide.clone(), high.clone());
        exam = exam
            .case(format!("{what} of [3, 4, 4, 7]"), move |f| (f.objective)(&wide, target))
            .because(because)
            .case(format!("{what} of [2, 3, 6, 3]"), move |f| (f.objective)(&high, target))
            .because(because);
    }
    scores(&mut random, seed, exam)
}

/// From an image through a network.
fn scores(random: &mut Random, seed: u64, exam: Exam<Objectives>) -> Exam<Objectives> {
    let images = random.between(0.0, 1.0, (2, 3, 8, 10));
    let planted = planted().expect("a small network");
    let config = Config::resnet18().width(2).classes(4).stem(Stem::Cifar);
    let network = ResNet::untrained(&config, seed).expect("a small network");
    let red = tensor(&[0.485 + 2.0 * 0.229, 0.3, 0.9], (1, 3, 1, 1));
    let flat = red
        .broadcast_as((1, 3, 8, 8))
        .and_then(|x| x.contiguous())
        .expect("one colour");
    let exam = exam.given((planted, flat), |on| {
        on.truth(
            "score: conv1 takes the red of a pixel; an image whose red is 0.485 + 2·0.229",
            vec![2f32],
            |f, (network, image)| (f.score)(network, image, "conv1", Target::Neuron(0)),
        )
        .because("Normalized, once, its red is 2 deviations above the mean.")
        .truth(
            "score: class 2 of a network with scores 1, 2, 3",
            vec![3f32],
            |f, (network, image)| (f.score)(network, image, "fc", Target::Channel(2)),
        )
        .because("The score as it comes out of fc, not its softmax.")
    });
    exam.given((network, images), |on| {
        [
            ("conv1", Target::Channel(1)),
            ("layer2.1.add", Target::Neuron(3)),
            ("layer4.1.add", Target::Layer),
            ("layer3", Target::Layer),
            ("fc", Target::Channel(0)),
        ]
        .into_iter()
        .fold(on, |on, (site, target)| {
            on.case(
                format!("score: {site}, {target:?}, and its gradient"),
                move |f, (network, images)| {
                    let score = |images: &Tensor| (f.score)(network, images, site, target);
                    let value = score(images)?;
                    Ok::<_, candle_core::Error>(Observed::fields([
                        ("score", Observed::from(value)),
                        ("gradient", Observed::from(slope(images, score)?)),
                    ]))
                },
            )
            .within(Tolerance::new(1e-3, 1e-5))
            .because(
                "Each image is normalized by itself, with the numbers of resnet::normalize. The site is the one of \
                 exactly this name: layer4.1.add is before its ReLU, layer4.1 behind.",
            )
        })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Objectives>) -> Exam<Objectives> {
    let mut random = Random::new(seed, 131);
    let config = Config::resnet18().width(2).classes(4).stem(Stem::Cifar);
    let network = ResNet::untrained(&config, seed).expect("a small network");
    let fixture = (
        random.signed((3, 4, 5, 7)),
        network,
        random.between(0.0, 1.0, (2, 3, 9, 7)),
    );
    exam.given(fixture, |on| {
        on.case("channel 3 of [3, 4, 5, 7], columns first in memory", |f, (maps, ..)| {
            (f.objective)(&askew(maps), Target::Channel(3))
        })
        .holds(NotContiguous)
        .case("the neuron of channel 0 of the same", |f, (maps, ..)| {
            (f.objective)(&askew(maps), Target::Neuron(0))
        })
        .holds(NotContiguous)
        .case("the layer of these three", |f, (maps, ..)| {
            (f.objective)(&askew(maps), Target::Layer)
        })
        .holds(NotContiguous)
        .case(
            "score: relu, the layer, images whose columns come first in memory",
            |f, (_, network, images)| (f.score)(network, &askew(images), "relu", Target::Layer),
        )
        .holds([NotContiguous, Names])
    })
    .proofs(RIGHT, PROOFS)
}

/// Many images, and values of any size.
fn further_hazards(seed: u64, exam: Exam<Objectives>) -> Exam<Objectives> {
    let mut random = Random::new(seed, 231);
    let config = Config::resnet18().width(2).classes(4).stem(Stem::Cifar);
    let network = ResNet::untrained(&config, seed).expect("a small network");
    let fixture = (
        random.signed((5, 2, 3, 4)),
        network,
        random.between(0.0, 1.0, (5, 3, 6, 8)),
    );
    exam.given(fixture, |on| {
        on.case("channel 1 of five images", |f, (maps, ..)| {
            (f.objective)(maps, Target::Channel(1))
        })
        .holds(Batch)
        .case("score: layer1, the layer, five images", |f, (_, network, images)| {
            (f.score)(network, images, "layer1", Target::Layer)
        })
        .holds(Batch)
        .case("score: layer1, the neuron of channel 1", |f, (_, network, images)| {
            (f.score)(network, &images.narrow(0, 0, 2)?, "layer1", Target::Neuron(1))
        })
        .holds(Wiring)
        .case("the layer of values of 10¹²", |f, (maps, ..)| {
            (f.objective)(&(maps.narrow(0, 0, 2)? * 1e12)?, Target::Layer)
        })
        .holds(Scale)
        .case("channel 0 of values of 10⁻¹²", |f, (maps, ..)| {
            (f.objective)(&(maps.narrow(0, 0, 2)? * 1e-12)?, Target::Channel(0))
        })
        .holds(Scale)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Sizes, Returned], "tried as mistakes")
    .spared(&[Sign], "the values of every input have both signs")
    .spared(&[Combined, Ties], "one target at a time; nothing is compared")
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
