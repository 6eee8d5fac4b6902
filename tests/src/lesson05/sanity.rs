mod answer;

use candle_core::{Result, Tensor};
use resnet::{ResNet, parameters};

use super::tiny;
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Fault, Slip, fault, ordered, slip};
use answer::{below, correlate, counted_ranks, exchange, ordinal_ranks, own_values, short_formula, zeroed};

/// `solution05::randomized`, `cascade` and `rank_correlation`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Sanity {
    pub randomized: fn(&ResNet, &[&str], u64) -> Result<ResNet>,
    pub cascade: fn(&ResNet, u64) -> Result<Vec<ResNet>>,
    pub rank_correlation: fn(&Tensor, &Tensor) -> Result<f64>,
}

/// The attempt at 5.8 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_8 {
    ($lesson:ident) => {
        $crate::lesson05::Sanity {
            randomized: $lesson::randomized,
            cascade: $lesson::cascade,
            rank_correlation: $lesson::rank_correlation,
        }
    };
}

const SOLUTION: Sanity = ex5_8!(solution05);

const TOP_DOWN: [&str; 7] = solution05::TOP_DOWN;

const SEED: u64 = 11;

/// One line for each part of the network: how many of its parameters are fresh, trained, or neither.
fn describe(trained: &ResNet, network: &ResNet, seed: u64) -> Result<String> {
    let fresh = parameters::initialize(trained.config(), seed)?;
    let same = |a: &Tensor, b: &Tensor| -> Result<bool> {
        let far = (a - b)?.abs()?.max_all()?.to_scalar::<f32>()?;
        Ok(far == 0.0)
    };
    let mut text = String::new();
    for module in TOP_DOWN {
        let (mut of_fresh, mut of_trained, mut others) = (0, 0, 0);
        for (name, weight) in network.parameters() {
            if !below(name, module) {
                continue;
            }
            if same(weight, &fresh[name])? {
                of_fresh += 1;
            } else if same(weight, trained.parameter(name)?)? {
                of_trained += 1;
            } else {
                others += 1;
            }
        }
        let parts = [(of_fresh, "fresh"), (of_trained, "trained"), (others, "neither")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        text += &format!("{module:7} {}\n", parts.join(", "));
    }
    Ok(text)
}

/// The steps of a cascade, one line each: what is fresh throughout, partly, or not at all.
fn steps(trained: &ResNet, networks: &[ResNet], seed: u64) -> Result<String> {
    let mut text = String::new();
    for (step, network) in networks.iter().enumerate() {
        let description = describe(trained, network, seed)?;
        let fresh: Vec<_> = description
            .lines()
            .filter(|line| !line.contains("trained") && !line.contains("neither"))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        let all = if fresh.is_empty() {
            "nothing".to_string()
        } else {
            fresh.join(" ")
        };
        let odd = if description.contains("neither") {
            ", and others of another seed"
        } else {
            ""
        };
        text += &format!("{step}: {all}{odd}\n");
    }
    Ok(text)
}

const FAULTS: &[Fault<Sanity>] = &[
    fault(
        "every module of that name",
        "`conv1` also caught `layer1.0.conv1` and its kin. A module is the beginning of the name, up to a dot.",
        |f| f.randomized = |n, m, s| exchange(n, m, s, |name, module| name.contains(&format!("{module}."))),
    ),
    fault(
        "weights only",
        "Only tensors called `weight` were exchanged. Biases and the statistics of batch norm were learned too.",
        |f| f.randomized = |n, m, s| exchange(n, m, s, |name, module| below(name, module) && name.ends_with("weight")),
    ),
    fault(
        "all but the modules",
        "You exchanged everything except the modules asked for.",
        |f| {
            f.randomized = |n, m, s| {
                let rest: Vec<_> = TOP_DOWN.into_iter().filter(|part| !m.contains(part)).collect();
                exchange(n, &rest, s, below)
            }
        },
    ),
    fault(
        "zeros",
        "You replaced the weights by zeros. A network of zeros computes nothing at all; take fresh random weights.",
        |f| f.randomized = |n, m, _| zeroed(n, m),
    ),
    fault(
        "the seed ignored",
        "The fresh weights do not depend on `seed`. Pass it to parameters::initialize.",
        |f| f.randomized = |n, m, _| exchange(n, m, 0, below),
    ),
    fault(
        "one layer at a time",
        "Each of your networks has one part at random and all others trained. In a cascade every step keeps what the \
         steps before have randomized.",
        |f| {
            f.cascade = |n, s| {
                let one = (0..TOP_DOWN.len()).map(|i| exchange(n, &TOP_DOWN[i..=i], s, below));
                std::iter::once(Ok(n.clone())).chain(one).collect()
            }
        },
    ),
    fault(
        "from the image up",
        "Your cascade begins at the image. It goes from the logits down: what is close to the output first.",
        |f| {
            f.cascade = |n, s| {
                let from = (0..=TOP_DOWN.len()).rev();
                from.map(|i| exchange(n, &TOP_DOWN[i..], s, below)).collect()
            }
        },
    ),
    fault(
        "the trained network left out",
        "Your cascade begins with the last layer already at random. Step 0 is the trained network: everything is \
         compared with it.",
        |f| {
            f.cascade = |n, s| {
                (1..=TOP_DOWN.len())
                    .map(|i| exchange(n, &TOP_DOWN[..i], s, below))
                    .collect()
            }
        },
    ),
    fault(
        "another seed at each step",
        "The fresh weights of your cascade are not those of `seed` at all steps, so that more changes than the one \
         part \
         added. One seed for all: the one that is given.",
        |f| {
            f.cascade = |n, s| {
                let step = |i: usize| exchange(n, &TOP_DOWN[..i], s + i as u64, below);
                (0..=TOP_DOWN.len()).map(step).collect()
            }
        },
    ),
    fault(
        "correlation of the values",
        "This is Pearson's correlation of the values. Take their ranks first: one bright pixel should not decide.",
        |f| f.rank_correlation = |a, b| correlate(a, b, own_values, 0.0),
    ),
    fault(
        "ties in the order they come",
        "Equal values got different ranks, by their place in the map. They share the mean of their ranks; a Grad-CAM \
         has many equal zeros.",
        |f| f.rank_correlation = |a, b| correlate(a, b, ordinal_ranks, 0.0),
    ),
    fault(
        "the short formula",
        "1 − 6 Σd² / (n(n² − 1)) holds only where no two values are equal. Correlate the ranks.",
        |f| f.rank_correlation = short_formula,
    ),
    fault(
        "a constant map is not a number",
        "A map with one value only gave NaN: 0 / 0. It orders nothing: 0.",
        |f| f.rank_correlation = |a, b| correlate(a, b, counted_ranks, f64::NAN),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Sanity>] = &[
    slip(Errors, "a module that is not there left out", |f| {
        f.randomized = |network, modules, seed| {
            let there = |module: &&&str| {
                network
                    .parameters()
                    .keys()
                    .any(|name| name.starts_with(&format!("{module}.")))
            };
            let modules: Vec<_> = modules.iter().filter(there).copied().collect();
            solution05::randomized(network, &modules, seed)
        }
    }),
    ordered!("only what lies in order", rank_correlation: |a, b| [a] => solution05::rank_correlation(a, b)),
    slip(Ties, "−0.0 below 0.0", |f| {
        f.rank_correlation = |a, b| {
            let values = a.flatten_all()?.to_vec1::<f32>()?;
            if values.iter().any(|x| x.to_bits() == (-0f32).to_bits()) && values.len() == 3 {
                Ok(1.0)
            } else {
                solution05::rank_correlation(a, b)
            }
        }
    }),
    slip(Names, "a module named twice stays trained", |f| {
        f.randomized = |network, modules, seed| {
            let once: Vec<&str> = modules
                .iter()
                .copied()
                .filter(|module| modules.iter().filter(|other| *other == module).count() == 1)
                .collect();
            solution05::randomized(network, &once, seed)
        }
    }),
    slip(Scale, "values within a millionth share a rank", |f| {
        f.rank_correlation = |a, b| {
            let near = |x: &Tensor| Ok::<_, candle_core::Error>(x.abs()?.max_all()?.to_scalar::<f32>()? < 1e-20);
            if near(a)? && a.elem_count() == 3 && a.dims() == b.dims() {
                Ok(0.0)
            } else {
                solution05::rank_correlation(a, b)
            }
        }
    }),
];

/// 5.8
pub fn sanity(seed: u64) -> Exam<Sanity> {
    further_hazards(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Sanity> {
    Exam::new("5.8", SOLUTION).changes(SOLUTION, FAULTS).alternative(
        "by counting",
        Sanity {
            randomized: |n, m, s| exchange(n, m, s, below),
            cascade: |n, s| {
                let mut networks = vec![n.clone()];
                for module in TOP_DOWN {
                    networks.push(exchange(&networks[networks.len() - 1], &[module], s, below)?);
                }
                Ok(networks)
            },
            rank_correlation: |a, b| correlate(a, b, counted_ranks, 0.0),
        },
    )
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Sanity>) -> Exam<Sanity> {
    let mut random = Random::new(seed, 58);
    let network = tiny::smallest(&mut random);
    let (a, b) = (random.signed((5, 6)), random.signed((5, 6)));
    // Rounded to few values: many ties, as in a Grad-CAM with its zeros.
    let tied = |t: &Tensor| t.affine(2.0, 0.0)?.round();
    let (tied_a, tied_b) = (tied(&a).expect("a tensor"), tied(&b).expect("a tensor"));
    let (network_1, network_2) = (network.clone(), network.clone());
    let (network_3, network_4) = (network.clone(), network.clone());
    let (network_5, network_6) = (network.clone(), network.clone());

    exam.truth(
        "randomized: fc",
        "fc      2 fresh\nlayer4  25 trained\nlayer3  25 trained\nlayer2  25 trained\nlayer1  20 trained\n\
             bn1     4 trained\nconv1   1 trained\n",
        move |f| (f.randomized)(&network_1, &["fc"], SEED).and_then(|n| describe(&network_1, &n, SEED)),
    )
    .because("Of each part's parameters, how many are fresh ones of the seed and how many are the trained ones.")
    .truth(
        "randomized: conv1 and layer3",
        "fc      2 trained\nlayer4  25 trained\nlayer3  25 fresh\nlayer2  25 trained\nlayer1  20 trained\n\
             bn1     4 trained\nconv1   1 fresh\n",
        move |f| {
            let network = (f.randomized)(&network_2, &["conv1", "layer3"], SEED);
            network.and_then(|n| describe(&network_2, &n, SEED))
        },
    )
    .because(
        "conv1 and all that is below layer3, projections and batch norms with their statistics included; one \
              seed for all.",
    )
    .refuses("randomized: layer5", move |f| {
        (f.randomized)(&network_3, &["layer5"], SEED).map(|_| true)
    })
    .snapshot("cascade: what is fresh at each step", "lesson05_cascade", move |f| {
        (f.cascade)(&network_4, SEED).and_then(|networks| steps(&network_4, &networks, SEED))
    })
    .because(
        "Eight networks: the trained one, then one more module of TOP_DOWN fresh at each step, with the fresh weights \
         of \
         `seed` at all of them.",
    )
    .truth("rank_correlation: 1 2 30 and 5 6 7", 1.0, |f| {
        (f.rank_correlation)(&tensor(&[1., 2., 30.], 3), &tensor(&[5., 6., 7.], 3))
    })
    .because("Both put the three places in the same order.")
    .truth("rank_correlation: 1 2 3 and 3 2 1", -1.0, |f| {
        (f.rank_correlation)(&tensor(&[1., 2., 3.], 3), &tensor(&[3., 2., 1.], 3))
    })
    .because("The one order is the other backwards: −1, with its sign.")
    .truth("rank_correlation: 0 0 1 and 0 1 2", 0.75f64.sqrt(), |f| {
        (f.rank_correlation)(&tensor(&[0., 0., 1.], 3), &tensor(&[0., 1., 2.], 3))
    })
    .because("The ranks are 1.5 1.5 3 and 1 2 3: 1.5 / √(1.5 · 2).")
    .truth("rank_correlation: 0 0 0 and 1 2 3", 0.0, |f| {
        (f.rank_correlation)(&tensor(&[0., 0., 0.], 3), &tensor(&[1., 2., 3.], 3))
    })
    .because("A map with one value orders nothing.")
    .truth("rank_correlation: 0 0 0 and 4 4 4", 0.0, |f| {
        (f.rank_correlation)(&tensor(&[0.; 3], 3), &tensor(&[4.; 3], 3))
    })
    .because("Two maps with one value each: neither orders anything, so there is nothing in which they agree.")
    .case("rank_correlation: two random maps of 5×6", move |f| {
        (f.rank_correlation)(&a, &b)
    })
    .because("The ranks of all values of a map together, 1 for the smallest; then their correlation.")
    .case("rank_correlation: the same, rounded: many ties", move |f| {
        (f.rank_correlation)(&tied_a, &tied_b)
    })
    .because("Equal values share the *mean* of their ranks, and −0.0 is equal to 0.0.")
    .truth("randomized: the network itself afterwards", true, move |f| {
        let before = network_5.parameter("fc.weight")?.copy()?;
        (f.randomized)(&network_5, &["fc"], SEED)?;
        let far = (network_5.parameter("fc.weight")? - before)?.abs()?.max_all()?;
        Ok::<_, candle_core::Error>(far.to_scalar::<f32>()? == 0.0)
    })
    .because("The trained network must stay as it is.")
    .truth(
        "randomized: no module at all",
        "fc      2 trained\nlayer4  25 trained\nlayer3  25 trained\nlayer2  25 trained\nlayer1  20 trained\n\
             bn1     4 trained\nconv1   1 trained\n",
        move |f| (f.randomized)(&network_6, &[], SEED).and_then(|n| describe(&network_6, &n, SEED)),
    )
    .because("Nothing is exchanged: this is step 0 of the cascade.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Sanity>) -> Exam<Sanity> {
    let mut random = Random::new(seed, 158);
    let network = tiny::smallest(&mut random);
    exam.given((random.signed((5, 6)), random.signed((5, 6)), network), |on| {
        on.case("rank_correlation: a transposed map and another", |f, (a, b, _)| {
            (f.rank_correlation)(&askew(a), b)
        })
        .holds(NotContiguous)
        .truth(
            "randomized: layer1.0.conv1 and conv1, named twice",
            "fc      2 trained\nlayer4  25 trained\nlayer3  25 trained\nlayer2  25 trained\n\
                 layer1  1 fresh, 19 trained\nbn1     4 trained\nconv1   1 fresh\n",
            |f, (_, _, network)| {
                let other = (f.randomized)(network, &["layer1.0.conv1", "conv1", "conv1"], SEED);
                other.and_then(|other| describe(network, &other, SEED))
            },
        )
        .holds(Names)
        .refuses("randomized: fc, and layer5", |f, (_, _, network)| {
            (f.randomized)(network, &["fc", "layer5"], SEED).map(|_| true)
        })
        .refuses(
            "randomized: layer, the beginning of several names",
            |f, (_, _, network)| (f.randomized)(network, &["layer"], SEED).map(|_| true),
        )
    })
    .truth("rank_correlation: −0.0 0.0 1 and 0 1 2", 0.75f64.sqrt(), |f| {
        (f.rank_correlation)(&tensor(&[-0.0, 0.0, 1.], 3), &tensor(&[0., 1., 2.], 3))
    })
    .because("−0.0 and 0.0 are equal and share their rank.")
    .holds(Ties)
    .proofs(SOLUTION, PROOFS)
}

/// Values that hardly differ, and what this exercise has no room for.
fn further_hazards(exam: Exam<Sanity>) -> Exam<Sanity> {
    exam.truth("rank_correlation: 1e-30 2e-30 3e-30 and 1 2 3", 1.0, |f| {
        (f.rank_correlation)(&tensor(&[1e-30, 2e-30, 3e-30], 3), &tensor(&[1., 2., 3.], 3))
    })
    .because("Ranks do not know how far apart values are.")
    .holds(Scale)
    .spared(&[Batch], "two maps at a time, no batch")
    .spared(&[Sizes], "lists and maps of unequal sides are among the inputs")
    .spared(&[Combined], "two parts at random at once are among the inputs")
    .spared(&[Sign], "maps of both signs are among the inputs")
    .spared(&[Returned], "the network itself is asked for afterwards")
    .spared(
        &[Wiring],
        "each step of the cascade is compared with the fresh weights of its seed",
    )
    .spared(&[NotFinite, Empty], "neither NaN nor an empty map is spoken of")
}
