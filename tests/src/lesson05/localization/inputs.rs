//! What 5.7 is asked for.

use candle_core::Result;

use super::{Localize, PROOFS, RIGHT, Scores};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed};

fn named(scores: Result<Scores>) -> Observed {
    match scores {
        Ok((pointing, energy, area)) => Observed::fields([("pointing", pointing), ("energy", energy), ("area", area)]),
        Err(error) => Observed::Refused(error.to_string()),
    }
}

/// Six of these added up in f32 and divided by six are another number.
const FLAT: f32 = 0.9;

/// A label, a map of 2×3, and whether its largest value lies in the figure.
const POINTS: [(&str, [f32; 6], bool, &str); 11] = [
    (
        "the largest value in the figure",
        [0., 1., 0., 3., 2., 0.],
        true,
        "3, in the second row, lies on the figure.",
    ),
    (
        "the largest value beside it, warm pixels inside",
        [3., 0., 3., 3., 4., 0.],
        false,
        "The one largest value counts, 4, and the mask at its own pixel.",
    ),
    (
        "3 beside the figure, and 3 in it, further down",
        [0., 3., 0., 3., 0., 0.],
        false,
        "Of several largest values the first in reading order counts.",
    ),
    (
        "2 at the corner of the figure, and 2 beside it, a row down and a column on",
        [2., 0., 0., 0., 2., 0.],
        true,
        "Of several largest values the first in reading order counts: row by row.",
    ),
    (
        "2 in the last column of the first row, in the figure, and 2 beside it, in the second",
        [0., 0., 2., 0., 2., 0.],
        true,
        "Of several largest values the first in reading order counts: row by row, not column by column.",
    ),
    (
        "−5 in the figure, 1 beside it",
        [0., 1., 0., -5., 0., 0.],
        false,
        "1 is the largest value; −5 is the smallest.",
    ),
    (
        "10⁻⁹ in the figure and −10⁻⁹ beside it",
        [1e-9, -1e-9, 0., 0., 0., 0.],
        true,
        "Only a map whose values are all the same is flat, however close they are.",
    ),
    (
        "1 beside the figure, and 1.000001 in it, further down",
        [0., 1., 0., 1.000001, 0., 0.],
        true,
        "The largest value counts, by however little.",
    ),
    (
        "nothing above 0, and the only 0 in the figure",
        [-3., -1., 0., -2., -5., -4.],
        true,
        "The largest value may be 0: only a map whose values are all the same points nowhere.",
    ),
    (
        "2 at four places, the first of them at the corner of the figure",
        [2., 2., 2., 2., 0., 1.],
        true,
        "However many share the largest value, the first in reading order counts; flat is only a map without another.",
    ),
    (
        "a flat map",
        [FLAT; 6],
        false,
        "It points nowhere, and must not win by its first pixel.",
    ),
];

/// A label, a map of 2×3, and the share of it that lies in the figure.
const ENERGIES: [(&str, [f32; 6], f64, &str); 5] = [
    (
        "1, 2 in the figure, 3 beside it",
        [1., 3., 0., 2., 0., 0.],
        0.5,
        "(1 + 2) / (1 + 2 + 3).",
    ),
    (
        "the same with −4 beside it",
        [1., 3., 0., 2., -4., 0.],
        0.5,
        "Negative values are cut at 0 first.",
    ),
    (
        "2 and −2 in the figure, 2 beside it",
        [2., 2., -2., 0., 0., 0.],
        0.5,
        "Each value is cut at 0 before it is added, inside as well: 2 / (2 + 2).",
    ),
    (
        "nothing in the figure, 1 beside it",
        [0., 1., 0., 0., 0., 0.],
        0.0,
        "No energy lies inside: 0 / 1.",
    ),
    (
        "nothing above 0",
        [-1., 0., 0., -2., 0., -1.],
        0.0,
        "There is no energy anywhere, so none inside: 0.",
    ),
];

/// What is asked of many maps.
const MEANS: &str = "Each map with its own mask: one if it points inside, relu(map) inside by relu(map) in all, the \
                     mask's share of height · width; three means over all maps.";
const IN_MEMORY: &str = "The values as the tensors give them, not in the order in which they lie in memory.";

/// Inputs from small to large.
pub(super) fn basics(seed: u64, mut exam: Exam<Localize>) -> Exam<Localize> {
    let mut random = Random::new(seed, 57);
    // The figure: the left column of 2×3, and the corner at the top right.
    let figure = || tensor(&[1., 0., 1., 1., 0., 0.], (2, 3));
    for (label, map, inside, because) in POINTS {
        exam = exam
            .truth(format!("points_inside: {label}"), inside, move |f| {
                (f.points_inside)(&tensor(&map, (2, 3)), &figure())
            })
            .because(because);
    }
    for (label, map, share, because) in ENERGIES {
        exam = exam
            .truth(format!("energy_inside: {label}"), share, move |f| {
                (f.energy_inside)(&tensor(&map, (2, 3)), &figure())
            })
            .because(because);
    }
    let maps = random.signed((6, 4, 5));
    let masks = random
        .between(0.0, 1.0, (6, 4, 5))
        .lt(0.3f32)
        .and_then(|mask| mask.to_dtype(candle_core::DType::F32))
        .expect("a comparison");
    let planted_maps = tensor(&[0., 12., 0., 0., 1., 1., 0., 2.], (2, 2, 2));
    let planted_masks = tensor(&[0., 1., 0., 0., 1., 1., 0., 0.], (2, 2, 2));

    exam.given((maps, masks), |on| {
        on.truth(
            "localization: two maps of 2×2",
            Observed::fields([("pointing", 0.5), ("energy", 0.75), ("area", 0.375)]),
            move |f, _| named((f.localization)(&planted_maps, &planted_masks)),
        )
        .because(
            "The first map lies on its figure of one pixel; the second points beside its figure of two, with half \
             of its energy inside.",
        )
        .truth(
            "localization: a map of one warm pixel in its figure of one pixel, and a flat map",
            Observed::fields([("pointing", 0.5), ("energy", 0.625), ("area", 0.25)]),
            |f, _| {
                let maps = tensor(&[0., 5., 0., 0., 1., 1., 1., 1.], (2, 2, 2));
                named((f.localization)(
                    &maps,
                    &tensor(&[0., 1., 0., 0., 1., 0., 0., 0.], (2, 2, 2)),
                ))
            },
        )
        .because("The flat map is a miss, with a quarter of its energy inside, and counts in all three means.")
        .truth(
            "localization: a map of one warm pixel in its figure of one pixel, and a map of −1 to −4",
            Observed::fields([("pointing", 1.0), ("energy", 0.5), ("area", 0.25)]),
            |f, _| {
                let maps = tensor(&[0., 5., 0., 0., -1., -2., -3., -4.], (2, 2, 2));
                named((f.localization)(
                    &maps,
                    &tensor(&[0., 1., 0., 0., 1., 0., 0., 0.], (2, 2, 2)),
                ))
            },
        )
        .because("The second map points at −1, in its figure. Nothing of it is above 0: energy 0, and it counts.")
        .case(
            "localization: six random maps and masks of 4×5",
            move |f, (maps, masks)| named((f.localization)(maps, masks)),
        )
        .because(MEANS)
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Localize>) -> Exam<Localize> {
    let mut random = Random::new(seed, 157);
    let maps = random.signed((5, 4, 7));
    let masks = random
        .between(0.0, 1.0, (5, 4, 7))
        .lt(0.4f32)
        .and_then(|mask| mask.to_dtype(candle_core::DType::F32));
    exam.given((maps, masks.expect("a comparison")), |on| {
        on.case("points_inside: a transposed map and mask", |f, (maps, masks)| {
            (f.points_inside)(&askew(&maps.get(1)?), &askew(&masks.get(1)?))
        })
        .because(IN_MEMORY)
        .holds(NotContiguous)
        .case("energy_inside: a transposed map and mask", |f, (maps, masks)| {
            (f.energy_inside)(&askew(&maps.get(2)?), &askew(&masks.get(2)?))
        })
        .because(IN_MEMORY)
        .holds(NotContiguous)
        .case(
            "localization: five maps and masks, columns first in memory",
            |f, (maps, masks)| named((f.localization)(&askew(maps), &askew(masks))),
        )
        .because(MEANS)
        .holds(NotContiguous)
    })
    .truth(
        "points_inside: all values negative, the largest in the figure",
        true,
        |f| {
            (f.points_inside)(
                &tensor(&[-3., -1., -2., -5.], (2, 2)),
                &tensor(&[0., 1., 0., 0.], (2, 2)),
            )
        },
    )
    .because("A map of negative values points at its largest, −1.")
    .holds(Sign)
    .truth("energy_inside: 10⁻³⁰ in the figure and beside it", 0.5, |f| {
        (f.energy_inside)(&tensor(&[1e-30, 1e-30], (1, 2)), &tensor(&[1., 0.], (1, 2)))
    })
    .because("A share does not depend on how strong the map is: nothing is added below the line.")
    .holds(Scale)
    .proofs(RIGHT, PROOFS)
}

/// Many maps, and what this exercise has no room for.
pub(super) fn further_hazards(seed: u64, exam: Exam<Localize>) -> Exam<Localize> {
    let mut random = Random::new(seed, 257);
    let maps = random.signed((9, 3, 2));
    let masks = random
        .between(0.0, 1.0, (9, 3, 2))
        .lt(0.5f32)
        .and_then(|mask| mask.to_dtype(candle_core::DType::F32));
    exam.given((maps, masks.expect("a comparison")), |on| {
        on.case("localization: nine maps of 3×2", |f, (maps, masks)| {
            named((f.localization)(maps, masks))
        })
        .because(MEANS)
        .holds(Batch)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Sizes], "wide and tall maps are among the inputs")
    .spared(&[Ties], "tried as mistakes: the last of the largest, and a flat map")
    .spared(
        &[Returned, Wiring],
        "the three numbers are asked for by name; each part by itself",
    )
    .spared(&[Combined, Names], "no options, no names")
    .spared(
        &[NotFinite, Empty],
        "NaN is not spoken of; no map is among what must be refused",
    )
}
