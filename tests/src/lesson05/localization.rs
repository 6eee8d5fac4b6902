mod inputs;

use candle_core::{Result, Tensor};

use crate::Hazard::*;
use crate::{Exam, Fault, Slip, fault, ordered, slip};
use inputs::{basics, further_hazards, hazards};

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
