mod answer;
mod inputs;

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

use crate::Hazard::*;
use crate::inputs::first_of;
use crate::{Exam, Fault, Slip, fault, ordered, slip};
use answer::{Rule, Sites, by_stages, every_relu, gradient, logit, plain};
use inputs::{basics, further_hazards, hazards};

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
    slip(Names, "behind convolutions too", |f| {
        f.guided_backprop = |n, i, c| {
            let too: Sites = |site| every_relu(site) || site.contains("conv");
            gradient(n, i, c, logit, too, |g| g.relu())
        }
    }),
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
