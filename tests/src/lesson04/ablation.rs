mod answer;
mod inputs;

use candle_core::{D, Result, Tensor, bail};
use resnet::ResNet;

use crate::Hazard::*;
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Slip, Tolerance, fault, ordered, slip};
use answer::{Flaw, beginning, effect, masked, projected, replace};
use inputs::{basics, network};

/// `solution04::without_units`, `solution04::without_direction`, and `solution04::effect` as its two numbers
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Ablation {
    pub units: fn(&ResNet, &Tensor, &str, &[usize]) -> Result<Tensor>,
    pub direction: fn(&ResNet, &Tensor, &str, &Tensor) -> Result<Tensor>,
    pub effect: fn(&Tensor, &Tensor) -> Result<(f64, f64)>,
}

/// The attempt at 4.9 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_9 {
    ($lesson:ident) => {
        $crate::lesson04::Ablation {
            units: $lesson::without_units,
            direction: $lesson::without_direction,
            effect: |before, after| {
                let effect = $lesson::effect(before, after)?;
                Ok((effect.logit_change, effect.flipped))
            },
        }
    };
}

const SOLUTION: Ablation = ex4_9!(solution04);

macro_rules! fault {
    ($fault:expr) => {
        Ablation {
            units: |network, images, site, units| replace(network, images, site, $fault, &|a| masked(a, units, $fault)),
            direction: |network, images, site, direction| {
                replace(network, images, site, $fault, &|a| projected(a, direction, $fault))
            },
            effect: |before, after| effect(before, after, $fault),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Ablation = fault!(Flaw::None);

const FAULTS: &[Fault<Ablation>] = &[
    fault(
        "everything else removed",
        "You kept the units and removed the others. It is the units that go.",
        |f| *f = fault!(Flaw::OnlyThese),
    ),
    fault(
        "removed after the fact",
        "The logits are those of the intact network: you changed a copy of the activation, and the network went on \
         with its own. Return the changed one from the closure, as Ok(Some(…)).",
        |f| *f = fault!(Flaw::TooLate),
    ),
    fault("the first unit only", "Only the first of the units is removed.", |f| {
        *f = fault!(Flaw::FirstUnitOnly)
    }),
    fault(
        "units not checked",
        "There is no such unit, and nothing was removed. Return an error, or \"it makes no difference\" is what you \
         will conclude.",
        |f| *f = fault!(Flaw::UnitsUnchecked),
    ),
    fault(
        "site not checked",
        "There is no such site: your closure never met it and nothing was removed. Compare with `network.sites()` \
         first, or \"it makes no difference\" is what you will conclude.",
        |f| *f = fault!(Flaw::SiteUnchecked),
    ),
    fault(
        "at every site of that width",
        "You changed other sites too. Compare the name that the closure gets with `site`.",
        |f| *f = fault!(Flaw::EverySite),
    ),
    fault(
        "length of d ignored",
        "You took (a·d)·d off. Unless d has length 1, divide by ‖d‖², or too little or too much goes.",
        |f| *f = fault!(Flaw::LengthIgnored),
    ),
    fault(
        "sites that begin alike",
        "You changed every site whose name begins like `site`: with layer4 also layer4.0.conv1 and its kin. Compare \
         the \
         whole name, with ==.",
        |f| {
            *f = Ablation {
                units: |n, i, s, units| beginning(n, i, s, &|a| masked(a, units, Flaw::UnitsUnchecked)),
                direction: |n, i, s, d| {
                    beginning(n, i, s, &|a| match a.dim(1)? {
                        width if width == d.dim(0)? => projected(a, d, Flaw::None),
                        _ => Ok(a.clone()),
                    })
                },
                ..RIGHT
            }
        },
    ),
    fault(
        "reflected",
        "You took the direction off twice: what pointed along d now points against it. Once makes it 0.",
        |f| *f = fault!(Flaw::Reflected),
    ),
    fault(
        "only the direction kept",
        "You returned what lies along d. That is what goes: subtract it from a.",
        |f| *f = fault!(Flaw::OnlyDirection),
    ),
    fault(
        "mean over the places",
        "You took the same amount off everywhere, the mean over the map. Each place has an amount of its own.",
        |f| *f = fault!(Flaw::MeanOverPlaces),
    ),
    fault(
        "all places as one vector",
        "You summed a·d over all places. The vector is that of all units at *one* place: sum over the channels, \
         dimension 1, only.",
        |f| *f = fault!(Flaw::ImageAsWhole),
    ),
    fault(
        "changes cancel",
        "Your change has a sign, so that a class that gains hides one that loses. Take absolute values before the \
         mean.",
        |f| *f = fault!(Flaw::SignedChange),
    ),
    fault(
        "summed change",
        "You summed the changes. It is their mean over images and classes.",
        |f| *f = fault!(Flaw::SummedChange),
    ),
    fault(
        "any other logit counts as flipped",
        "You counted images whose logits differ. Flipped are those whose *predicted class* differs.",
        |f| *f = fault!(Flaw::LogitsCompared),
    ),
    fault(
        "share that kept their class",
        "You counted the images that kept their class. `flipped` counts the others.",
        |f| *f = fault!(Flaw::Share),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Ablation>] = &[
    slip(Names, "units: sites that end alike too", |f| {
        f.units = |network, images, site, units| {
            if !network.sites().contains(&site.to_string()) {
                bail!("site")
            }
            let ending = format!(".{site}");
            network.forward_visit(images, &mut |name, activation| {
                let here = name == site || name.ends_with(&ending);
                here.then(|| masked(activation, units, Flaw::None)).transpose()
            })
        }
    }),
    slip(Names, "direction: the first site that ends so", |f| {
        f.direction = |network, images, site, direction| {
            let site = if site == "relu" { "layer1.0.relu" } else { site };
            replace(network, images, site, Flaw::None, &|a| {
                projected(a, direction, Flaw::None)
            })
        }
    }),
    ordered!("units, only what lies in order", units: |n, i, s, units| [i] =>
        replace(n, i, s, Flaw::None, &|a| masked(a, units, Flaw::None))),
    ordered!("direction, only what lies in order", direction: |n, i, s, d| [i] =>
        replace(n, i, s, Flaw::None, &|a| projected(a, d, Flaw::None))),
    ordered!("effect, only what lies in order", effect: |before, after| [before, after] =>
        effect(before, after, Flaw::None)),
    slip(Sign, "what is below 0 stays", |f| {
        f.units = |network, images, site, units| {
            replace(network, images, site, Flaw::None, &|a| {
                let gone = (a - masked(a, units, Flaw::None)?)?;
                if site.ends_with("bn2") {
                    masked(a, units, Flaw::None)? + gone.minimum(0f32)?
                } else {
                    a - gone
                }
            })
        }
    }),
    slip(Ties, "a unit named twice comes back", |f| {
        f.units = |n, i, s, units| {
            let once: Vec<usize> = units
                .iter()
                .copied()
                .filter(|unit| units.iter().filter(|u| *u == unit).count() == 1)
                .collect();
            replace(n, i, s, Flaw::None, &|a| masked(a, &once, Flaw::None))
        }
    }),
    slip(Empty, "no units, all units", |f| {
        f.units = |n, i, s, units| {
            let all: Vec<usize> = if units.is_empty() { vec![0, 1] } else { units.to_vec() };
            replace(n, i, s, Flaw::None, &|a| masked(a, &all, Flaw::None))
        }
    }),
    slip(Batch, "four images at most", |f| {
        f.units = |n, i, s, units| replace(n, &first_of(i, 4)?, s, Flaw::None, &|a| masked(a, units, Flaw::None));
        f.direction = |n, i, s, d| replace(n, &first_of(i, 4)?, s, Flaw::None, &|a| projected(a, d, Flaw::None));
    }),
    slip(Scale, "an eps added to ‖d‖²", |f| {
        f.direction = |n, i, s, d| {
            let along = d.sqr()?.sum_all()?.to_scalar::<f32>()?;
            let lost = if along > 0.0 && along < 1e-6 {
                along / (along + 1e-8)
            } else {
                1.0
            };
            replace(n, i, s, Flaw::None, &|a| {
                let gone = (a - projected(a, d, Flaw::None)?)?;
                a - (gone * f64::from(lost))?
            })
        }
    }),
];

/// 4.9
pub fn ablation(seed: u64) -> Exam<Ablation> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Ablation> {
    Exam::new("4.9", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("with matrices, in one batch", RIGHT)
        .alternative(
            "with where_cond",
            Ablation {
                units: |network, images, site, units| {
                    let found = network.sites().iter().any(|name| name == site);
                    if !found {
                        bail!("site")
                    }
                    network.forward_visit(images, &mut |name, activation| {
                        if name != site {
                            return Ok(None);
                        }
                        let mut channels = activation.chunk(activation.dim(1)?, 1)?;
                        for &unit in units {
                            if unit >= channels.len() {
                                bail!("unit")
                            }
                            channels[unit] = channels[unit].zeros_like()?;
                        }
                        Tensor::cat(&channels, 1).map(Some)
                    })
                },
                effect: |before, after| {
                    let change = (before - after)?.abs()?.mean_all()?.to_scalar::<f32>()?;
                    let (a, b) = (
                        before.argmax(D::Minus1)?.to_vec1::<u32>()?,
                        after.argmax(D::Minus1)?.to_vec1::<u32>()?,
                    );
                    let flipped = a.iter().zip(&b).filter(|(a, b)| a != b).count();
                    Ok((f64::from(change), flipped as f64 / a.len() as f64))
                },
                ..fault!(Flaw::None)
            },
        )
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Ablation>) -> Exam<Ablation> {
    let mut random = Random::new(seed, 149);
    let images = random.signed((3, 3, 40, 36));
    let direction = random.signed(2);
    let logits = (random.signed((5, 4)), random.signed((5, 4)));
    exam.given((network(seed).expect("a small network"), images, direction), |on| {
        on.case("without unit 1 of conv1", |f, (n, i, _)| (f.units)(n, i, "conv1", &[1]))
            .because("layer1.0.conv1 is another site. What is below 0 at conv1 is set to 0 as well.")
            .holds(Names)
            .case(
                "without unit 0 of layer1.0.bn2, which has both signs",
                |f, (n, i, _)| (f.units)(n, i, "layer1.0.bn2", &[0]),
            )
            .because("All of the unit is set to 0, whatever its sign.")
            .holds(Sign)
            .case("without a random direction of relu", |f, (n, i, d)| {
                (f.direction)(n, i, "relu", d)
            })
            .because("layer1.0.relu is another site.")
            .within(Tolerance::relative(1e-3))
            .holds(Names)
            .case(
                "without unit 0 of layer1, images whose columns come first in memory",
                |f, (n, i, _)| (f.units)(n, &askew(i), "layer1", &[0]),
            )
            .holds(NotContiguous)
            .case(
                "without a random direction of layer1, images whose columns come first in memory",
                |f, (n, i, d)| (f.direction)(n, &askew(i), "layer1", d),
            )
            .within(Tolerance::relative(1e-3))
            .holds(NotContiguous)
            .case("without unit 1 of layer1, named twice", |f, (n, i, _)| {
                (f.units)(n, i, "layer1", &[1, 1])
            })
            .because("Named twice it is 0 once: 1 stays 1 for the others, and nothing becomes negative.")
            .holds(Ties)
            .case("without any unit of layer1", |f, (n, i, _)| {
                (f.units)(n, i, "layer1", &[])
            })
            .because("Without any unit nothing changes: these are the network's own logits.")
            .holds(Empty)
            .refuses("units 0 and 2 of 2", |f, (n, i, _)| (f.units)(n, i, "layer1", &[0, 2]))
            .refuses("a direction of 1 number for 2 units", |f, (n, i, _)| {
                (f.direction)(n, i, "layer1", &tensor(&[1.], 1))
            })
    })
    .given(logits, |on| {
        on.case("effect: transposed logits", |f, (a, b)| {
            (f.effect)(&askew(a), &askew(b))
        })
        .because("Mean of |after − before|, and rows whose largest logit is another one.")
        .holds(NotContiguous)
    })
    .proofs(RIGHT, PROOFS)
    .unnamed(
        "units set to their mean",
        Ablation {
            units: |n, i, s, units| {
                replace(n, i, s, Flaw::None, &|a| {
                    let mean = a.mean_keepdim(0)?;
                    let mean = if a.rank() == 4 {
                        mean.mean_keepdim((2, 3))?
                    } else {
                        mean
                    };
                    let gone = (a - masked(a, units, Flaw::None)?)?;
                    let mask = a.ones_like()? - masked(&a.ones_like()?, units, Flaw::None)?;
                    (a - gone)? + mask?.broadcast_mul(&mean)?
                })
            },
            ..RIGHT
        },
    )
}

/// Many images, and directions of any length.
fn further_hazards(seed: u64, exam: Exam<Ablation>) -> Exam<Ablation> {
    let mut random = Random::new(seed, 249);
    let fixture = (
        network(seed).expect("a small network"),
        random.signed((5, 3, 33, 35)),
        random.between(0.5, 1.0, 2),
    );
    exam.given(fixture, |on| {
        on.case("five images without unit 1 of layer1", |f, (n, i, _)| {
            (f.units)(n, i, "layer1", &[1])
        })
        .holds(Batch)
        .case("five images without a random direction of conv1", |f, (n, i, d)| {
            (f.direction)(n, i, "conv1", d)
        })
        .within(Tolerance::relative(1e-3))
        .because("What is left may be below 0, and goes on as it is, for each image.")
        .holds(Batch)
        .case("two images without a direction of length 10⁻⁴", |f, (n, i, d)| {
            (f.direction)(n, &i.narrow(0, 0, 2)?, "layer1", &(d * 1e-4)?)
        })
        .within(Tolerance::relative(1e-3))
        .because("Of any length but 0: nothing is added to ‖d‖².")
        .holds(Scale)
    })
    .spared(&[Sizes], "odd and unequal sides; maps and, at avgpool, single numbers")
    .spared(&[Combined], "one site and one list of units at a time")
    .spared(
        &[Returned, Wiring],
        "tried as mistakes: what comes back, and at which sites",
    )
    .spared(&[NotFinite], "NaN is not spoken of")
}
