mod answer;

use candle_core::{Result, Tensor, Var, bail};
use resnet::ResNet;

use super::tiny;
use crate::Hazard::*;
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Observed, Slip, Tolerance, fault, ordered, slip};
use answer::{Rule, Sites, by_moving_pixels, by_stages, every_relu, gradient, logit, plain};

/// `solution05::contributions`, `saliency`, `Guide` put behind a tensor, and `guided_backprop`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Backprop {
    pub contributions: fn(&Tensor, &Tensor) -> Result<Tensor>,
    pub saliency: fn(&ResNet, &Tensor, &[u32]) -> Result<Tensor>,
    pub guide: fn(&Tensor) -> Result<Tensor>,
    pub guided_backprop: fn(&ResNet, &Tensor, &[u32]) -> Result<Tensor>,
}

/// The attempt at 5.6 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_6 {
    ($lesson:ident) => {
        $crate::lesson05::Backprop {
            contributions: $lesson::contributions,
            saliency: $lesson::saliency,
            guide: |x| x.apply_op1($lesson::Guide),
            guided_backprop: $lesson::guided_backprop,
        }
    };
}

const SOLUTION: Backprop = ex5_6!(solution05);

/// A wrong rule in `Guide` spoils both the operation and what is built on it.
macro_rules! rule {
    ($rule:expr) => {
        Backprop {
            guide: |x| x.apply_op1(Rule($rule)),
            guided_backprop: |n, i, c| gradient(n, i, c, logit, every_relu, $rule),
            ..SOLUTION
        }
    };
}

macro_rules! salient {
    ($function:expr) => {
        Backprop {
            saliency: $function,
            ..SOLUTION
        }
    };
}

const FAULTS: &[Fault<Backprop>] = &[
    fault(
        "mean instead of sum",
        "You averaged over the places: the contributions no longer add up to the logit. Add the places up.",
        |f| f.contributions = |a, g| (a * g)?.mean((2, 3)),
    ),
    fault(
        "contributions without a sign",
        "Your contributions have no sign. A channel may take away from the score.",
        |f| f.contributions = |a, g| (a * g)?.sum((2, 3))?.abs(),
    ),
    fault(
        "activation alone",
        "These are the activations added up: how active a channel is, and not what it is worth to the class. Multiply \
         by the gradient.",
        |f| {
            f.contributions = |a, g| {
                if a.dims() != g.dims() {
                    bail!("shapes");
                }
                a.sum((2, 3))
            }
        },
    ),
    fault(
        "gradient alone",
        "These are the gradients added up: what a channel would be worth if it were active. Multiply by the \
         activation.",
        |f| {
            f.contributions = |a, g| {
                if a.dims() != g.dims() {
                    bail!("shapes");
                }
                g.sum((2, 3))
            }
        },
    ),
    fault(
        "summed before the product",
        "You added up activation and gradient over the map and then multiplied. Multiply place by place, then add up.",
        |f| f.contributions = |a, g| a.sum((2, 3))? * g.sum((2, 3))?,
    ),
    fault(
        "signed saliency",
        "You took the largest signed gradient. A pixel that lowers the score matters as much: magnitude first, then \
         the largest of the three colours.",
        |f| *f = salient!(|n, i, c| plain(n, i, c)?.max(1)),
    ),
    fault(
        "colours added up",
        "You added the three colours up. Simonyan et al. take the largest.",
        |f| *f = salient!(|n, i, c| plain(n, i, c)?.abs()?.sum(1)),
    ),
    fault(
        "colours averaged",
        "You averaged over the three colours. Simonyan et al. take the largest.",
        |f| *f = salient!(|n, i, c| plain(n, i, c)?.abs()?.mean(1)),
    ),
    fault(
        "gradient of the probability",
        "Your score went through a softmax. The gradient vanishes where the network is sure; the score is the logit.",
        |f| {
            *f = salient!(|n, i, c| {
                let softmax = |logits: &Tensor| {
                    let exponentials = logits.exp()?;
                    exponentials.broadcast_div(&exponentials.sum_keepdim(1)?)
                };
                gradient(n, i, c, softmax, |_| false, logit)?.abs()?.max(1)
            })
        },
    ),
    fault(
        "gradient times image",
        "You multiplied by the image. That is another method (gradient × input); saliency is the gradient alone.",
        |f| *f = salient!(|n, i, c| (plain(n, i, c)? * i)?.abs()?.max(1)),
    ),
    fault(
        "nothing dropped",
        "Your Guide lets everything through: negative gradients must become 0.",
        |f| *f = rule!(logit),
    ),
    fault(
        "magnitude on the way back",
        "Your Guide turns negative gradients into positive ones. They must become 0.",
        |f| *f = rule!(|g| g.abs()),
    ),
    fault(
        "the wrong half dropped",
        "Your Guide keeps what is negative and drops what is positive. It is the other way round.",
        |f| *f = rule!(|g| g.minimum(0f32)),
    ),
    fault(
        "the first relu forgotten",
        "The first ReLU of the network has no Guide: its site is called `relu`, without a dot.",
        |f| f.guided_backprop = |n, i, c| gradient(n, i, c, logit, |site| site.contains(".relu"), |g| g.relu()),
    ),
    fault(
        "one relu per block",
        "The second ReLU of each block has no Guide: its site is called `relu_1`.",
        |f| {
            f.guided_backprop = |n, i, c| {
                gradient(
                    n,
                    i,
                    c,
                    logit,
                    |site| site == "relu" || site.ends_with(".relu"),
                    |g| g.relu(),
                )
            }
        },
    ),
    fault(
        "a guide at every site",
        "You put a Guide behind every activation, also behind convolutions and additions. Only ReLUs get one.",
        |f| f.guided_backprop = |n, i, c| gradient(n, i, c, logit, |_| true, |g| g.relu()),
    ),
    fault(
        "the image's gradient cut",
        "Your result has no negative values: the rule belongs to the ReLUs inside, and the image that comes out is \
         signed.",
        |f| f.guided_backprop = |n, i, c| gradient(n, i, c, logit, every_relu, |g| g.relu())?.relu(),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Backprop>] = &[
    ordered!("contributions, only what lies in order", contributions: |a, g| [a, g] =>
        solution05::contributions(a, g)),
    ordered!("saliency, only what lies in order", saliency: |n, i, c| [i] => solution05::saliency(n, i, c)),
    ordered!("guided_backprop, only what lies in order", guided_backprop: |n, i, c| [i] =>
        solution05::guided_backprop(n, i, c)),
    slip(Names, "no third ReLU of a block", |f| {
        f.guided_backprop = |n, i, c| {
            let first_two: Sites = |site| every_relu(site) && !site.ends_with("relu_2");
            gradient(n, i, c, logit, first_two, |g| g.relu())
        }
    }),
    slip(Batch, "contributions, four images at most", |f| {
        f.contributions = |a, g| solution05::contributions(&first_of(a, 4)?, g)
    }),
    slip(Batch, "saliency, four images at most", |f| {
        f.saliency = |n, i, c| solution05::saliency(n, &first_of(i, 4)?, c)
    }),
    slip(Batch, "guided_backprop, four images at most", |f| {
        f.guided_backprop = |n, i, c| solution05::guided_backprop(n, &first_of(i, 4)?, c)
    }),
    slip(Sizes, "saliency, not for odd sides", |f| {
        f.saliency = |n, i, c| match i.dims4()? {
            (_, _, 33, _) => bail!("odd"),
            _ => solution05::saliency(n, i, c),
        }
    }),
    slip(Sizes, "guided_backprop, not for odd sides", |f| {
        f.guided_backprop = |n, i, c| match i.dims4()? {
            (_, _, 33, _) => bail!("odd"),
            _ => solution05::guided_backprop(n, i, c),
        }
    }),
    slip(Scale, "contributions below 1e-12 taken for 0", |f| {
        f.contributions = |a, g| {
            let found = solution05::contributions(a, g)?;
            found.abs()?.gt(1e-12f32)?.to_dtype(found.dtype())? * found
        }
    }),
];

/// 5.6
pub fn backprop(seed: u64) -> Exam<Backprop> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Backprop> {
    Exam::new("5.6", SOLUTION).changes(SOLUTION, FAULTS).alternative(
        "from one ReLU to the one before",
        Backprop {
            contributions: |a, g| {
                let (batch, channels, _, _) = a.dims4()?;
                let terms = a.flatten_from(2)?.unsqueeze(2)?; // [batch, channels, 1, places]
                let sums = terms.matmul(&g.flatten_from(2)?.unsqueeze(3)?)?;
                sums.reshape((batch, channels))
            },
            saliency: |n, i, c| plain(n, i, c)?.sqr()?.max(1)?.sqrt(),
            guide: |x| x.apply_op1(Rule(|g| g.maximum(0f32))),
            guided_backprop: by_stages,
        },
    )
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Backprop>) -> Exam<Backprop> {
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
        .because("The expected slopes were measured: each pixel was moved by a millionth, and the logit read.")
        .case(
            "saliency: two images, classes 2 and 1",
            move |f, (network, images, ..)| (f.saliency)(network, images, &[2, 1]),
        )
        .within(Tolerance::relative(1e-3))
        .because("Each image's own class, and its logit added once: max over colours of |gradient|.")
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
        .because("The expected image was made from one ReLU to the one before, with the rule applied in between.")
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Backprop>) -> Exam<Backprop> {
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
        .holds(NotContiguous)
        .case(
            "guided_backprop: three images whose columns come first in memory",
            |f, (_, _, n, i)| (f.guided_backprop)(n, &askew(i), &[2, 0, 1]),
        )
        .within(Tolerance::relative(1e-3))
        .holds(NotContiguous)
    })
    .given((tiny::bottlenecks(&mut random), random.signed((1, 3, 9, 11))), |on| {
        on.case(
            "guided_backprop: a network of blocks with three ReLUs, class 1",
            |f, (n, i)| (f.guided_backprop)(n, i, &[1]),
        )
        .within(Tolerance::relative(1e-3))
        .because("relu, relu_1 and relu_2: every site whose last part begins with relu.")
        .holds(Names)
    })
    .proofs(SOLUTION, PROOFS)
}

/// Many images and odd sides.
fn further_hazards(seed: u64, exam: Exam<Backprop>) -> Exam<Backprop> {
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
            .holds(Batch)
            .case("saliency: five images of 33×35", |f, (_, _, n, i)| {
                (f.saliency)(n, i, &CLASSES)
            })
            .within(Tolerance::relative(1e-3))
            .holds([Batch, Sizes])
            .case("guided_backprop: five images of 33×35", |f, (_, _, n, i)| {
                (f.guided_backprop)(n, i, &CLASSES)
            })
            .within(Tolerance::relative(1e-3))
            .holds([Batch, Sizes])
            .case(
                "contributions: activations and gradients of 10⁻⁹",
                |f, (a, g, ..)| (f.contributions)(&(a.narrow(0, 0, 2)? * 1e-9)?, &(g.narrow(0, 0, 2)? * 1e-9)?),
            )
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
