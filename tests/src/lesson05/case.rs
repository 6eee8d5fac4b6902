//! SPOILER: this file knows what is wrong with the network of exercise 5.9. What it prints does not say it.

mod answer;
mod inputs;
mod network;

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;
use scenes::{Badge, Scene, Shape};

use crate::Hazard::*;
use crate::inputs::first_of;
use crate::{Exam, Fault, Slip, fault, ordered, slip};
use answer::{RECALL, TURNED, along, by_least_squares, instead, shares, take_out, unit};
use inputs::{differences, effects, on_the_network, removals};
use network::{from_other_scenes, nearly_everything, one_unit, silenced};

/// `solution05::Finding`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "said there")]
pub struct Finding {
    pub class: Shape,
    pub put_in: fn(&Scene) -> Scene,
    pub take_out: fn(&Scene) -> Scene,
}

/// `solution05::effect`: from the class, the labels, the predictions without and with the cause to the fields of
/// `solution05::Effect` in their order
pub type MeasureEffect = fn(u32, &[u32], &[u32], &[u32]) -> Result<[f64; 4]>;

/// `solution05::difference`, `remove`, `effect`, `finding`, and `repair` (site, directions)
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Case {
    pub difference: fn(&Tensor, &Tensor) -> Result<Tensor>,
    pub remove: fn(&Tensor, &Tensor) -> Result<Tensor>,
    pub effect: MeasureEffect,
    pub finding: fn() -> Finding,
    pub repair: fn(&ResNet) -> Result<(String, Tensor)>,
}

/// The attempt at 5.9 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_9 {
    ($lesson:ident) => {
        $crate::lesson05::Case {
            difference: $lesson::difference,
            remove: $lesson::remove,
            effect: |class, labels, without, with| {
                let effect = $lesson::effect(class, labels, without, with)?;
                let $lesson::Effect {
                    accuracy_without,
                    accuracy_with,
                    recall_without,
                    turned,
                } = effect;
                Ok([accuracy_without, accuracy_with, recall_without, turned])
            },
            finding: || {
                let $lesson::Finding {
                    class,
                    put_in,
                    take_out,
                } = $lesson::finding();
                $crate::lesson05::Finding {
                    class,
                    put_in,
                    take_out,
                }
            },
            repair: |network| {
                let repair = $lesson::repair(network)?;
                Ok((repair.site, repair.directions))
            },
        }
    };
}

/// The solution of 5.9, as the exam takes it.
pub const SOLUTION: Case = ex5_9!(solution05);

/// Written independently of the solution, but for the finding: there is one.
const RIGHT: Case = Case {
    difference: |with, without| {
        let difference = (with - without)?;
        match difference.abs()?.max_all()?.to_scalar::<f32>()? {
            0.0 => bail!("nothing"),
            _ => unit(&(with.mean(0)? - without.mean(0)?)?),
        }
    },
    remove: by_least_squares,
    effect: shares,
    finding: SOLUTION.finding,
    repair: from_other_scenes,
};

const FAULTS: &[Fault<Case>] = &[
    fault(
        "length not 1",
        "Your direction is not of length 1: divide the mean difference by its norm.",
        |f| f.difference = |with, without| (with - without)?.mean(0),
    ),
    fault(
        "from with to without",
        "Your direction points the wrong way: it leads from the scenes without the cause to those with it.",
        |f| f.difference = |with, without| (RIGHT.difference)(without, with),
    ),
    fault(
        "each difference made equally long",
        "You gave every scene's difference the length 1 before averaging. Average first: a scene in which the cause \
         moves little should count little.",
        |f| {
            f.difference = |with, without| {
                let each = (with - without)?;
                unit(&each.broadcast_div(&each.sqr()?.sum_keepdim(1)?.sqrt()?)?.mean(0)?)
            }
        },
    ),
    fault(
        "direction not of length 1",
        "You multiplied by the direction twice without dividing by its length. A direction of any length must do the \
         same: divide by its norm first.",
        |f| f.remove = |a, d| take_out(a, d, |a, d| a - along(a, &d[0])?),
    ),
    fault(
        "taken out of the average only",
        "You took the direction out of the map's average, the same at every place. Take it out of each place.",
        |f| {
            f.remove = |a, d| {
                let average = |a: &Tensor, d: &[Tensor]| along(&a.mean_keepdim((2, 3))?, &unit(&d[0])?);
                take_out(a, d, |a, d| a.broadcast_sub(&average(a, d)?))
            }
        },
    ),
    fault(
        "kept instead of removed",
        "This is the part along the direction. Subtract it from the activation.",
        |f| f.remove = |a, d| take_out(a, d, |a, d| along(a, &unit(&d[0])?)),
    ),
    fault(
        "the first direction only",
        "Only the first direction is gone. All rows of `directions` are to be taken out.",
        |f| f.remove = |a, d| take_out(a, d, |a, d| a - along(a, &unit(&d[0])?)?),
    ),
    fault(
        "shared parts taken out twice",
        "You subtracted each direction's part of the original activation. Directions that are not at right angles \
         share something, and that was taken away twice. Make each perpendicular to those before it first.",
        |f| {
            f.remove = |a, d| {
                take_out(a, d, |a, d| {
                    let without = |rest: Tensor, d: &Tensor| rest - along(a, &unit(d)?)?;
                    d.iter().try_fold(a.clone(), without)
                })
            }
        },
    ),
    fault(
        "one after the other",
        "Taking out the second direction puts some of the first back in, as they are not at right angles. Make each \
         perpendicular to those before it first.",
        |f| {
            f.remove = |a, d| {
                take_out(a, d, |a, d| {
                    let without = |rest: Tensor, d: &Tensor| &rest - along(&rest, &unit(d)?)?;
                    d.iter().try_fold(a.clone(), without)
                })
            }
        },
    ),
    fault(
        "the class's own scenes counted as turned",
        "A scene of the class itself cannot be turned into it. Count among the other classes only, and divide by their \
         number.",
        |f| f.effect = |c, l, a, b| instead(c, l, a, b, TURNED, |s| s.after && !s.before, |_| true),
    ),
    fault(
        "turned before",
        "You counted scenes that were taken for the class without the cause too. The cause has turned only those that \
         were not.",
        |f| f.effect = |c, l, a, b| instead(c, l, a, b, TURNED, |s| s.after, |s| !s.own),
    ),
    fault(
        "turned, divided by all scenes",
        "You divided by the number of all scenes. It is a share of the other classes' scenes.",
        |f| f.effect = |c, l, a, b| instead(c, l, a, b, TURNED, |s| s.after && !s.before && !s.own, |_| true),
    ),
    fault(
        "recall with the cause",
        "Your recall is that with the cause. The question is who is found without it.",
        |f| f.effect = |c, l, a, b| instead(c, l, a, b, RECALL, |s| s.after, |s| s.own),
    ),
    fault(
        "recall of all scenes",
        "You divided by the number of all scenes. Recall is a share of the class's own scenes.",
        |f| f.effect = |c, l, a, b| instead(c, l, a, b, RECALL, |s| s.before && s.own, |_| true),
    ),
    fault(
        "no effect",
        "This class does not rest on this cause: it is found as well without it, and no other scene turns into it. Try \
         other classes and other causes, one change at a time.",
        |f| {
            f.finding = || Finding {
                class: Shape::Disc,
                ..(SOLUTION.finding)()
            }
        },
    ),
    fault(
        "something similar",
        "You are close: without the cause the class is lost, but what you put in turns too few scenes, or none. \
         Look at the class's pictures again, and put in exactly what they show.",
        |f| {
            f.finding = || Finding {
                put_in: |scene| scene.with_badge(Some(Badge::Dot)),
                ..(SOLUTION.finding)()
            }
        },
    ),
    fault(
        "nothing taken out",
        "What you put in turns other scenes into the class, and yet the class is found in all that your take_out \
         gives: the cause is still in them. Look at the scenes that it returns.",
        |f| {
            f.finding = || Finding {
                take_out: Scene::clone,
                ..(SOLUTION.finding)()
            }
        },
    ),
    fault(
        "put_in and take_out changed places",
        "Your put_in takes the cause out, and your take_out puts it in: the class is found in all scenes with it, and \
         your take_out is what turns the others. Let them change places.",
        |f| {
            f.finding = || Finding {
                put_in: (SOLUTION.finding)().take_out,
                take_out: (SOLUTION.finding)().put_in,
                ..(SOLUTION.finding)()
            }
        },
    ),
    fault(
        "one unit",
        "One unit carries a part of it: most of what the cause turned is still turned. It is spread over many \
         units, as a direction; or take more of them.",
        |f| f.repair = one_unit,
    ),
    fault(
        "silenced",
        "This is a gag: the network no longer says the class, but the cause goes on moving the scores of all other \
         classes. Take out what the cause moves, not what speaks for the class.",
        |f| f.repair = silenced,
    ),
    fault(
        "nearly everything",
        "The cause is gone, and so is what the network knew. Take out less.",
        |f| f.repair = nearly_everything,
    ),
];

/// 5.9
pub fn case(seed: u64) -> Exam<Case> {
    let exam = Exam::new("5.9", SOLUTION).faults(
        "least squares, and a direction from other scenes",
        &RIGHT,
        |f| f,
        FAULTS,
    );
    proofs(on_the_network(effects(seed, removals(seed, differences(seed, exam)))))
}

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Case>] = &[
    slip(Errors, "no difference, no direction", |f| {
        f.difference = |with, without| (RIGHT.difference)(with, without).or_else(|_| with.get(0)?.zeros_like())
    }),
    ordered!("difference, only what lies in order", difference: |with, without| [with, without] =>
        (RIGHT.difference)(with, without)),
    ordered!("remove, only what lies in order", remove: |activation, directions| [activation, directions] =>
        by_least_squares(activation, directions)),
    slip(Batch, "the first four scenes", |f| {
        f.difference = |with, without| {
            (RIGHT.difference)(with, without)?;
            let first = |x: &Tensor| x.narrow(0, 0, x.dim(0)?.min(4));
            (RIGHT.difference)(&first(with)?, &first(without)?)
        }
    }),
    slip(Batch, "the first image for all", |f| {
        f.remove = |activation, directions| first_of(&by_least_squares(activation, directions)?, 1)
    }),
    slip(Sizes, "two directions at most", |f| {
        f.remove = |activation, directions| {
            by_least_squares(activation, directions)?;
            by_least_squares(activation, &directions.narrow(0, 0, directions.dim(0)?.min(2))?)
        }
    }),
    slip(Scale, "what moves less than a hundred-thousandth moves nothing", |f| {
        f.difference = |with, without| match (with - without)?.abs()?.max_all()?.to_scalar::<f32>()? {
            largest if largest < 1e-5 => bail!("nothing moves"),
            _ => (RIGHT.difference)(with, without),
        }
    }),
    slip(Scale, "a short direction taken for none", |f| {
        f.remove = |activation, directions| match directions.abs()?.max_all()?.to_scalar::<f32>()? {
            largest if largest < 1e-2 => Ok(activation.clone()),
            _ => by_least_squares(activation, directions),
        }
    }),
    slip(Sign, "only what points along the first direction", |f| {
        f.remove = |activation, directions| {
            let rest = by_least_squares(activation, directions)?;
            let first = directions.get(0)?.reshape((1, (), 1, 1))?;
            let ahead = activation.broadcast_mul(&first)?.sum_keepdim(1)?.gt(0.0)?;
            let ahead = ahead.broadcast_as(rest.shape())?;
            ahead.where_cond(&rest, activation)
        }
    }),
    slip(Scale, "directions that are nearly alike taken for mixtures", |f| {
        f.remove = |activation, directions| match directions.dims() {
            [2, 3] => bail!("a mixture"),
            _ => by_least_squares(activation, directions),
        }
    }),
    slip(Wiring, "with and without changed places", |f| {
        f.effect = |class, labels, without, with| shares(class, labels, with, without)
    }),
];

fn proofs(exam: Exam<Case>) -> Exam<Case> {
    exam.proofs(RIGHT, PROOFS)
        .unnamed(
            "a repair at a site that is not there",
            Case {
                repair: |network| Ok(("layer5".into(), from_other_scenes(network)?.1)),
                ..RIGHT
            },
        )
        .spared(&[Combined, Ties], "there are no options, and nothing is chosen")
        .spared(&[Names], "the network is asked for the site by its whole name")
        .spared(&[NotFinite], "NaN is not spoken of")
        .spared(&[Empty], "the stub refuses shares of nothing")
        .spared(&[Returned], "tensors and shares are compared as they are returned")
}
