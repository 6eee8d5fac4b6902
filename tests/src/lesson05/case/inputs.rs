//! What 5.9 is asked for.

use candle_core::Result;

use super::Case;
use super::network::{observe_finding, observe_repair};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed, Tolerance};

fn named(effect: Result<[f64; 4]>) -> Result<Observed> {
    let [accuracy_without, accuracy_with, recall_without, turned] = effect?;
    Ok(Observed::fields([
        ("accuracy_without", accuracy_without),
        ("accuracy_with", accuracy_with),
        ("recall_without", recall_without),
        ("turned", turned),
    ]))
}

pub(super) fn differences(seed: u64, exam: Exam<Case>) -> Exam<Case> {
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

pub(super) fn removals(seed: u64, exam: Exam<Case>) -> Exam<Case> {
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
        .because("What two directions share is taken away once: the second is made perpendicular to the first.")
        .holds([Batch, Sign])
        .case("remove: three random directions of 5 channels", |f, (.., a, d)| {
            (f.remove)(a, d)
        })
        .within(Tolerance::relative(1e-3))
        .because("Each direction is made perpendicular to all before it, the third to the first and to the second.")
        .holds([Batch, Sign, Sizes])
        .case(
            "remove: activations whose columns come first in memory, transposed directions",
            |f, (a, d, ..)| (f.remove)(&askew(a), &askew(d)),
        )
        .within(Tolerance::relative(1e-3))
        .because("The channels of each place as the tensor gives them, not in the order of the memory.")
        .holds([Batch, Sign, NotContiguous])
        .refuses("remove: the same direction twice", |f, (a, ..)| {
            (f.remove)(a, &tensor(&[1., 0., 1., 0., 2., 0., 2., 0.], (2, 4)))
        })
    })
}

pub(super) fn effects(seed: u64, exam: Exam<Case>) -> Exam<Case> {
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

pub(super) fn on_the_network(exam: Exam<Case>) -> Exam<Case> {
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
