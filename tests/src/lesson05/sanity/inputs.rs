//! What 5.8 is asked for.

use candle_core::{Result, Tensor};
use resnet::{ResNet, parameters};

use super::super::tiny;
use super::answer::below;
use super::{PROOFS, SOLUTION, Sanity, TOP_DOWN};
use crate::Exam;
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};

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
pub(super) fn steps(trained: &ResNet, networks: &[ResNet], seed: u64) -> Result<String> {
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

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Sanity>) -> Exam<Sanity> {
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
    .truth("rank_correlation: 2 2 2 and 1 2 3", 0.0, |f| {
        (f.rank_correlation)(&tensor(&[2.; 3], 3), &tensor(&[1., 2., 3.], 3))
    })
    .because("A map with one value orders nothing, whatever the value.")
    .truth("rank_correlation: 1 2 3 and 5 5 5", 0.0, |f| {
        (f.rank_correlation)(&tensor(&[1., 2., 3.], 3), &tensor(&[5.; 3], 3))
    })
    .because("Nor does the other map if it has one value: 0, not 0 / 0.")
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
pub(super) fn hazards(seed: u64, exam: Exam<Sanity>) -> Exam<Sanity> {
    let mut random = Random::new(seed, 158);
    let network = tiny::smallest(&mut random);
    exam.given((random.signed((5, 6)), random.signed((5, 6)), network), |on| {
        on.case("rank_correlation: a transposed map and another", |f, (a, b, _)| {
            (f.rank_correlation)(&askew(a), b)
        })
        .because("Place by place as the tensors give them, not in the order in which they lie in memory.")
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
        .because(
            "A module may lie inside another: layer1.0.conv1 is fresh, and what stands beside it trained. Named twice \
             is named.",
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
pub(super) fn further_hazards(exam: Exam<Sanity>) -> Exam<Sanity> {
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
