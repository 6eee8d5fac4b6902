use candle_core::{Result, Tensor};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, fault, ordered, slip};

/// Pointing, energy and area.
pub type Scores = (f64, f64, f64);

/// `solution05::points_inside`, `energy_inside` and `localization` (pointing, energy, area)
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Localize {
    pub points_inside: fn(&Tensor, &Tensor) -> Result<bool>,
    pub energy_inside: fn(&Tensor, &Tensor) -> Result<f64>,
    pub localization: fn(&Tensor, &Tensor) -> Result<Scores>,
}

/// The attempt at 5.7 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_7 {
    ($lesson:ident) => {
        $crate::lesson05::Localize {
            points_inside: $lesson::points_inside,
            energy_inside: $lesson::energy_inside,
            localization: |maps, masks| {
                let found = $lesson::localization(maps, masks)?;
                Ok((found.pointing, found.energy, found.area))
            },
        }
    };
}

const SOLUTION: Localize = ex5_7!(solution05);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    FlatHits,
    LargestMagnitude,
    Overlap,
    MaskTransposed,
    MeanInside,
    Magnitudes,
    NegativeEnergy,
    ShareOfMask,
    NothingIsNan,
    AreaOfFirst,
    LastLargest,
    Pooled,
}

fn pairs(map: &Tensor, mask: &Tensor, fault: Flaw) -> Result<Vec<(f32, bool)>> {
    let mask = match fault {
        Flaw::MaskTransposed => mask.t()?,
        _ => mask.clone(),
    };
    let mask = mask.flatten_all()?.to_vec1::<f32>()?;
    let map = map.flatten_all()?.to_vec1::<f32>()?;
    Ok(map.into_iter().zip(mask.into_iter().map(|m| m > 0.5)).collect())
}

fn points(map: &Tensor, mask: &Tensor, fault: Flaw) -> Result<bool> {
    let pairs = pairs(map, mask, fault)?;
    let size = |value: f32| match fault {
        Flaw::LargestMagnitude => value.abs(),
        _ => value,
    };
    let mut best = pairs[0];
    for &pair in &pairs {
        let (value, largest) = (size(pair.0), size(best.0));
        if value > largest || (fault == Flaw::LastLargest && value == largest) {
            best = pair;
        }
    }
    if fault == Flaw::Overlap {
        let warm = |value: f32| value > 0.5 * best.0;
        return Ok(best.0 > 0.0 && pairs.iter().any(|(value, inside)| warm(*value) && *inside));
    }
    let flat = pairs.iter().all(|pair| pair.0 == best.0);
    Ok(best.1 && (!flat || fault == Flaw::FlatHits))
}

fn energy(map: &Tensor, mask: &Tensor, fault: Flaw) -> Result<f64> {
    let pairs = pairs(map, mask, fault)?;
    let value = |value: f32| match fault {
        Flaw::Magnitudes => value.abs(),
        Flaw::NegativeEnergy => value,
        _ => value.max(0.0),
    };
    let sum = |inside_only: bool| -> f64 {
        let chosen = pairs.iter().filter(|(_, inside)| *inside || !inside_only);
        chosen.map(|(v, _)| f64::from(value(*v))).sum()
    };
    let count = pairs.iter().filter(|(_, inside)| *inside).count() as f64;
    Ok(match fault {
        Flaw::MeanInside => sum(true) / count,
        Flaw::ShareOfMask => pairs.iter().filter(|(v, inside)| *inside && *v > 0.0).count() as f64 / count,
        Flaw::NothingIsNan => sum(true) / sum(false),
        _ if sum(false) == 0.0 => 0.0,
        _ => sum(true) / sum(false),
    })
}

fn means(maps: &Tensor, masks: &Tensor, fault: Flaw) -> Result<Scores> {
    let (count, _, _) = maps.dims3()?;
    let (mut hits, mut inside, mut area) = (0.0, 0.0, 0.0);
    for i in 0..count {
        let (map, mask) = (maps.get(i)?, masks.get(i)?);
        hits += f64::from(u8::from(points(&map, &mask, fault)?));
        inside += energy(&map, &mask, fault)?;
        let of = if fault == Flaw::AreaOfFirst {
            masks.get(0)?
        } else {
            mask
        };
        area += f64::from(of.mean_all()?.to_scalar::<f32>()?);
    }
    if fault == Flaw::Pooled {
        let flat = |t: &Tensor| t.flatten_to(1);
        return Ok((
            hits / count as f64,
            energy(&flat(maps)?, &flat(masks)?, fault)?,
            area / count as f64,
        ));
    }
    let count = count as f64;
    Ok((hits / count, inside / count, area / count))
}

macro_rules! faulty {
    ($fault:ident) => {
        Localize {
            points_inside: |map, mask| points(map, mask, Flaw::$fault),
            energy_inside: |map, mask| energy(map, mask, Flaw::$fault),
            localization: |maps, masks| means(maps, masks, Flaw::$fault),
        }
    };
}

fn named(scores: Result<Scores>) -> Observed {
    match scores {
        Ok((pointing, energy, area)) => Observed::fields([("pointing", pointing), ("energy", energy), ("area", area)]),
        Err(error) => Observed::Refused(error.to_string()),
    }
}

/// Written independently of the solution.
const RIGHT: Localize = faulty!(None);

const FAULTS: &[Fault<Localize>] = &[
    fault(
        "a flat map hits",
        "A map whose values are all the same was counted as a hit: its first pixel happened to lie on the figure. It \
         points nowhere.",
        |f| *f = faulty!(FlatHits),
    ),
    fault(
        "largest magnitude",
        "You took the value farthest from 0. The most negative place speaks against the class; look for the largest \
         value.",
        |f| *f = faulty!(LargestMagnitude),
    ),
    fault(
        "some warm pixel inside",
        "You asked whether any warm pixel touches the figure. A map that covers everything would always win; only the \
         one largest value counts.",
        |f| *f = faulty!(Overlap),
    ),
    fault(
        "mask transposed",
        "Rows and columns of the mask are swapped: pixel (row, column) of the map belongs to the same of the mask.",
        |f| *f = faulty!(MaskTransposed),
    ),
    fault(
        "mean inside",
        "You averaged the map over the figure. Energy is a share: the sum inside divided by the sum everywhere.",
        |f| *f = faulty!(MeanInside),
    ),
    fault(
        "energy of magnitudes",
        "Negative values count as energy. Cut them at zero first.",
        |f| *f = faulty!(Magnitudes),
    ),
    fault(
        "negative values in the sums",
        "Negative values are in your sums, so the share can leave [0, 1]. Cut them at zero first.",
        |f| *f = faulty!(NegativeEnergy),
    ),
    fault(
        "share of the figure that is warm",
        "You counted how much of the figure is warm. A map that is warm everywhere would get 1; energy is the other \
         way round, how much of the warmth lies on the figure.",
        |f| *f = faulty!(ShareOfMask),
    ),
    fault(
        "nothing over nothing",
        "A map without a positive value gave NaN: 0 / 0. It has no energy inside: 0.",
        |f| *f = faulty!(NothingIsNan),
    ),
    fault(
        "the area of the first figure",
        "The area is a mean over all masks; you took the first one's.",
        |f| *f = faulty!(AreaOfFirst),
    ),
    fault(
        "the last of the largest",
        "Of two places that are equally warm you took the later one; the first in reading order counts. `max_by` \
         gives the last.",
        |f| *f = faulty!(LastLargest),
    ),
    fault(
        "energy of all maps pooled",
        "You added up the energy of all maps before you divided, so a strong map counts more than a weak one. Each \
         map has its own share; take their mean.",
        |f| *f = faulty!(Pooled),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Localize>] = &[
    ordered!("points_inside, only what lies in order", points_inside: |map, mask| [map, mask] =>
        solution05::points_inside(map, mask)),
    ordered!("energy_inside, only what lies in order", energy_inside: |map, mask| [map, mask] =>
        solution05::energy_inside(map, mask)),
    ordered!("localization, only what lies in order", localization: |maps, masks| [maps, masks] =>
        (SOLUTION.localization)(maps, masks)),
    slip(Sign, "the largest value starts at 0", |f| {
        f.points_inside = |map, mask| {
            if map.max_all()?.to_scalar::<f32>()? < 0.0 {
                Ok(false)
            } else {
                solution05::points_inside(map, mask)
            }
        }
    }),
    slip(Scale, "1e-8 added to the sum", |f| {
        f.energy_inside = |map, mask| {
            if map.max_all()?.to_scalar::<f32>()? < 1e-20 && map.dims() == [1, 2] {
                Ok(0.0)
            } else {
                solution05::energy_inside(map, mask)
            }
        }
    }),
    slip(Batch, "eight maps at most", |f| {
        f.localization = |maps, masks| {
            let count = maps.dim(0)?.min(8);
            if maps.dim(0)? == masks.dim(0)? {
                (SOLUTION.localization)(&maps.narrow(0, 0, count)?, &masks.narrow(0, 0, count)?)
            } else {
                (SOLUTION.localization)(maps, masks)
            }
        }
    }),
];

/// 5.7
pub fn localization(seed: u64) -> Exam<Localize> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Localize> {
    Exam::new("5.7", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("pixel by pixel", RIGHT)
}

/// A label, a map of 2×3, and whether its largest value lies in the figure.
const POINTS: [(&str, [f32; 6], bool, &str); 8] = [
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
        "2 beside the figure in the first row, 2 in it, in the second and a column before",
        [0., 2., 0., 2., 0., 0.],
        false,
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
        "a flat map",
        [2.; 6],
        false,
        "It points nowhere, and must not win by its first pixel.",
    ),
];

/// A label, a map of 2×3, and the share of it that lies in the figure.
const ENERGIES: [(&str, [f32; 6], f64, &str); 3] = [
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
        "nothing above 0",
        [-1., 0., 0., -2., 0., -1.],
        0.0,
        "There is no energy anywhere, so none inside: 0.",
    ),
];

/// Inputs from small to large.
fn basics(seed: u64, mut exam: Exam<Localize>) -> Exam<Localize> {
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
        .case(
            "localization: six random maps and masks of 4×5",
            move |f, (maps, masks)| named((f.localization)(maps, masks)),
        )
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Localize>) -> Exam<Localize> {
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
        .holds(NotContiguous)
        .case("energy_inside: a transposed map and mask", |f, (maps, masks)| {
            (f.energy_inside)(&askew(&maps.get(2)?), &askew(&masks.get(2)?))
        })
        .holds(NotContiguous)
        .case(
            "localization: five maps and masks, columns first in memory",
            |f, (maps, masks)| named((f.localization)(&askew(maps), &askew(masks))),
        )
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
fn further_hazards(seed: u64, exam: Exam<Localize>) -> Exam<Localize> {
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
