//! SPOILER: this file knows what is wrong with the network of exercise 5.9. What it prints does not say it.

use candle_core::{DType, Device, Result, Tensor, bail};
use resnet::ResNet;
use scenes::{Badge, Scene, Shape};

use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

mod network;
use network::{from_other_scenes, nearly_everything, observe_finding, observe_repair, one_unit, silenced};

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

/// A vector made as long as 1.
fn unit(vector: &Tensor) -> Result<Tensor> {
    vector.broadcast_div(&vector.sqr()?.sum_all()?.sqrt()?)
}

/// The part of each place along a direction of length 1.
fn along(activation: &Tensor, unit: &Tensor) -> Result<Tensor> {
    let unit = unit.reshape((1, unit.dim(0)?, 1, 1))?;
    activation.broadcast_mul(&unit)?.sum_keepdim(1)?.broadcast_mul(&unit)
}

/// Does it `how`, with the directions as a list.
fn take_out(
    activation: &Tensor,
    directions: &Tensor,
    how: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor>,
) -> Result<Tensor> {
    let rows = (0..directions.dim(0)?)
        .map(|i| directions.get(i))
        .collect::<Result<Vec<_>>>()?;
    how(activation, &rows)
}

/// Least squares: the part of each place that no mixture of the directions explains, by the normal equations.
fn by_least_squares(activation: &Tensor, directions: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = activation.dims4()?;
    let count = directions.dim(0)?;
    let exact = directions.to_dtype(DType::F64)?.contiguous()?;
    let exact = exact.broadcast_div(&exact.sqr()?.sum_keepdim(1)?.sqrt()?)?;
    let inverse = inverse(exact.matmul(&exact.t()?)?.to_vec2()?)?.concat();
    let inverse = Tensor::from_vec(inverse, (count, count), &Device::Cpu)?;
    let projector = exact
        .t()?
        .matmul(&inverse)?
        .matmul(&exact)?
        .to_dtype(activation.dtype())?;
    let flat = activation.flatten_from(2)?;
    (&flat - projector.broadcast_matmul(&flat)?)?.reshape((batch, channels, height, width))
}

/// By elimination. The diagonal of `matrix` is 1, and none of the numbers left on it may vanish.
fn inverse(mut matrix: Vec<Vec<f64>>) -> Result<Vec<Vec<f64>>> {
    let count = matrix.len();
    for (i, row) in matrix.iter_mut().enumerate() {
        row.extend((0..count).map(|j| f64::from(u8::from(i == j))));
    }
    for i in 0..count {
        let pivot = matrix[i][i];
        if pivot.is_nan() || pivot < 1e-8 {
            bail!("a mixture: {i}");
        }
        let row: Vec<f64> = matrix[i].iter().map(|x| x / pivot).collect();
        for other in &mut matrix {
            let factor = other[i];
            other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
        }
        matrix[i] = row;
    }
    Ok(matrix.into_iter().map(|row| row[count..].to_vec()).collect())
}

/// A scene of the class or of another, taken for the class or not, without the cause and with it.
struct Seen {
    own: bool,
    before: bool,
    after: bool,
}

const RECALL: usize = 2;
const TURNED: usize = 3;

fn share(seen: &[Seen], of: fn(&Seen) -> bool, among: fn(&Seen) -> bool) -> f64 {
    let all = seen.iter().filter(|s| among(s)).count() as f64;
    seen.iter().filter(|s| among(s) && of(s)).count() as f64 / all
}

fn shares(class: u32, labels: &[u32], without: &[u32], with: &[u32]) -> Result<[f64; 4]> {
    instead(
        class,
        labels,
        without,
        with,
        TURNED,
        |s| s.after && !s.before,
        |s| !s.own,
    )
}

/// The four shares, the one at `place` counted like this.
fn instead(
    class: u32,
    labels: &[u32],
    without: &[u32],
    with: &[u32],
    place: usize,
    of: fn(&Seen) -> bool,
    among: fn(&Seen) -> bool,
) -> Result<[f64; 4]> {
    let seen: Vec<_> = (0..labels.len())
        .map(|i| Seen {
            own: labels[i] == class,
            before: without[i] == class,
            after: with[i] == class,
        })
        .collect();
    let right = |predicted: &[u32]| labels.iter().zip(predicted).filter(|(a, b)| a == b).count() as f64;
    let all = labels.len() as f64;
    let recall = share(&seen, |s| s.before, |s| s.own);
    let turned = share(&seen, |s| s.after && !s.before, |s| !s.own);
    let mut shares = [right(without) / all, right(with) / all, recall, turned];
    shares[place] = share(&seen, of, among);
    Ok(shares)
}

fn named(effect: Result<[f64; 4]>) -> Result<Observed> {
    let [accuracy_without, accuracy_with, recall_without, turned] = effect?;
    Ok(Observed::fields([
        ("accuracy_without", accuracy_without),
        ("accuracy_with", accuracy_with),
        ("recall_without", recall_without),
        ("turned", turned),
    ]))
}

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

fn differences(seed: u64, exam: Exam<Case>) -> Exam<Case> {
    let mut random = Random::new(seed, 59);
    let fixture = (random.signed((5, 4)), random.signed((5, 4)));
    exam.part("difference").given(fixture, |on| {
        on.truth(
            "difference: 3 1 and 1 1 with, zeros without",
            tensor(&[0.894_427_2, 0.447_213_6], 2),
            |f, _| (f.difference)(&tensor(&[3., 1., 1., 1.], (2, 2)), &tensor(&[0.; 4], (2, 2))),
        )
        .because("The mean difference is (2, 1), its length √5.")
        .case("difference: five random scenes, 4 channels", |f, (with, without)| {
            (f.difference)(with, without)
        })
        .because(
            "The mean over the scenes of with − without, signs included, divided by its own length: one number \
                  per channel.",
        )
        .holds(Batch)
        .case("difference: transposed features", |f, (with, without)| {
            (f.difference)(&askew(with), &askew(without))
        })
        .holds([Batch, NotContiguous])
        .truth(
            "difference: features 3 and 4 billionths apart",
            tensor(&[0.6, -0.8], 2),
            |f, _| (f.difference)(&tensor(&[3e-9, 0.], (1, 2)), &tensor(&[0., 4e-9], (1, 2))),
        )
        .because("However little a cause moves, its direction is of length 1.")
        .holds(Scale)
        .refuses("difference: nothing differs", |f, _| {
            (f.difference)(&tensor(&[1.; 4], (2, 2)), &tensor(&[1.; 4], (2, 2)))
        })
    })
}

fn removals(seed: u64, exam: Exam<Case>) -> Exam<Case> {
    let mut random = Random::new(seed, 159);
    let fixture = (
        random.signed((2, 4, 2, 3)),
        random.signed((2, 4)),
        random.signed((3, 5, 2, 4)),
        random.signed((3, 5)),
    );
    exam.part("remove").given(fixture, |on| {
        on.truth(
            "remove: (3, 1) and (0, 2) without the direction (2, 2)",
            tensor(&[1., -1., -1., 1.], (1, 2, 1, 2)),
            |f, _| (f.remove)(&tensor(&[3., 0., 1., 2.], (1, 2, 1, 2)), &tensor(&[2., 2.], (1, 2))),
        )
        .because("Along (1, 1)/√2 lie (2, 2) of the first place and (1, 1) of the second.")
        .truth(
            "remove: a unit switched off",
            tensor(&[0., 0., 1., 2.], (1, 2, 1, 2)),
            |f, _| (f.remove)(&tensor(&[3., 5., 1., 2.], (1, 2, 1, 2)), &tensor(&[1., 0.], (1, 2))),
        )
        .truth(
            "remove: the same unit, by a short direction",
            tensor(&[0., 0., 1., 2.], (1, 2, 1, 2)),
            |f, _| (f.remove)(&tensor(&[3., 5., 1., 2.], (1, 2, 1, 2)), &tensor(&[1e-9, 0.], (1, 2))),
        )
        .because("A direction says where to, not how far: its length makes no difference.")
        .holds(Scale)
        .truth(
            "remove: two directions a hundredth apart",
            tensor(&[0., 0., 7.], (1, 3, 1, 1)),
            |f, _| {
                let directions = tensor(&[1., 0., 0., 1., 0.01, 0.], (2, 3));
                (f.remove)(&tensor(&[3., 5., 7.], (1, 3, 1, 1)), &directions)
            },
        )
        .within(Tolerance::new(0.0, 1e-3))
        .because(
            "(1, 0, 0) and (1, 0.01, 0): nearly alike, and neither is a mixture of the other. Both first channels are \
             spanned by them.",
        )
        .holds(Scale)
        .case("remove: a random direction of 4 channels", |f, (a, d, ..)| {
            (f.remove)(a, &d.narrow(0, 0, 1)?)
        })
        .because("At each place of each image what it has along the direction goes, whether ahead or backwards.")
        .holds([Batch, Sign])
        .truth(
            "remove: what is left along two random directions",
            tensor(&[0.; 24], (2, 2, 6)),
            |f, (a, d, ..)| {
                let along = d.broadcast_matmul(&(f.remove)(a, d)?.flatten_from(2)?)?;
                // Rounding aside: nothing below a hundred-thousandth.
                (along * 1e5)?.round()?.affine(1e-5, 0.0)
            },
        )
        .because("The result is at a right angle to both.")
        .holds([Batch, Sign])
        .case("remove: two random directions of 4 channels", |f, (a, d, ..)| {
            (f.remove)(a, d)
        })
        .within(Tolerance::relative(1e-3))
        .holds([Batch, Sign])
        .case("remove: three random directions of 5 channels", |f, (.., a, d)| {
            (f.remove)(a, d)
        })
        .within(Tolerance::relative(1e-3))
        .holds([Batch, Sign, Sizes])
        .case(
            "remove: activations whose columns come first in memory, transposed directions",
            |f, (a, d, ..)| (f.remove)(&askew(a), &askew(d)),
        )
        .within(Tolerance::relative(1e-3))
        .holds([Batch, Sign, NotContiguous])
        .refuses("remove: the same direction twice", |f, (a, ..)| {
            (f.remove)(a, &tensor(&[1., 0., 1., 0., 2., 0., 2., 0.], (2, 4)))
        })
    })
}

fn effects(seed: u64, exam: Exam<Case>) -> Exam<Case> {
    let mut random = Random::new(seed, 259);
    let mut classes = || -> Vec<u32> { (0..40).map(|_| random.count(0, 3) as u32).collect() };
    let (mut labels, before, after) = (classes(), classes(), classes());
    (labels[0], labels[1]) = (2, 0);
    exam.part("effect").given((labels, before, after), |on| {
        on.truth(
            "effect: six scenes, class 1",
            named(Ok([0.5, 1.0 / 3.0, 0.5, 0.25])),
            |f, _| {
                named((f.effect)(
                    1,
                    &[1, 1, 0, 2, 0, 0],
                    &[1, 0, 0, 2, 1, 1],
                    &[1, 1, 1, 0, 1, 1],
                ))
            },
        )
        .because(
            "Three of six are right without the cause, two with it. One of the two scenes of class 1 is found without \
             it. Of the four others one is turned; the last two were taken for class 1 before.",
        )
        .holds(Wiring)
        .case("effect: forty random scenes, class 2", |f, (labels, before, after)| {
            named((f.effect)(2, labels, before, after))
        })
        .because(
            "Right of all, twice; found without the cause, of the class's own; of the others those that are taken for \
             the \
             class with the cause and were not without it.",
        )
        .holds(Wiring)
    })
}

fn on_the_network(exam: Exam<Case>) -> Exam<Case> {
    exam.part("finding")
        .truth(
            "your finding, against the test",
            Observed::fields([
                ("your class, found in the test", "at least 90 %"),
                ("found without your cause", "at most 30 %"),
                ("others that your cause turns into it", "at least 50 %"),
            ]),
            |f| observe_finding(f.finding),
        )
        .because(
            "A class rests on a cause if it is lost without it, and if other scenes turn into the class with it. Tried \
             on the scenes of the test.",
        )
        .holds(Wiring)
        .part("repair")
        .truth(
            "the repaired network, new scenes",
            Observed::fields([
                ("other scenes that the cause still turns", "below 10 %"),
                ("accuracy of the others lost", "at most 2 points"),
                ("the cause's push on other scores", "at most 40 % of before"),
            ]),
            |f| observe_repair(f.repair),
        )
        .because(
            "Tried on 100 scenes that you have not seen, each with the cause and without it. A repair also stops the \
             cause from moving the scores of the other classes; a gag only keeps the network from saying the class. \
             Where much accuracy is lost, try a later layer: early ones carry nearly everything along few directions.",
        )
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
