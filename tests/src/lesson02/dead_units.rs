use candle_core::{Result, Tensor, bail};

use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Hazard::*, Slip, Wrong, slip, wrong};

/// Feeds batches to `solution02::Peaks` and gives the dead units.
pub type DeadUnits = fn(&[Tensor]) -> Result<Vec<usize>>;

/// The attempt at 2.5 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_5 {
    ($lesson:ident) => {
        |batches| $crate::lesson02::fed($lesson::Peaks::new(), batches, $lesson::Peaks::update)?.dead()
    };
}

const SOLUTION: DeadUnits = ex2_5!(solution02);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    LastBatch,
    FirstBatch,
    EachBatch,
    ZeroMean,
    SomePlace,
    NearlyZero,
    ExactlyZero,
    Alive,
    NanIsSilent,
    NothingIsFine,
}

/// 2.5 with one fault, from all batches at once.
fn dead(batches: &[Tensor], fault: Fault) -> Result<Vec<usize>> {
    let Some(first) = batches.iter().find(|batch| batch.elem_count() > 0) else {
        if fault == Fault::NothingIsFine {
            return Ok(vec![]);
        }
        bail!("nothing seen");
    };
    let channels = first.dims4()?.1;
    let mut per_batch = vec![]; // values of each channel
    for batch in batches.iter().filter(|batch| batch.elem_count() > 0) {
        let values = (0..channels).map(|c| batch.narrow(1, c, 1)?.flatten_all()?.to_vec1::<f32>());
        per_batch.push(values.collect::<Result<Vec<_>>>()?);
    }
    let nan = per_batch.iter().flatten().flatten().any(|value| value.is_nan());
    if nan && fault != Fault::NanIsSilent {
        bail!("NaN");
    }
    let used = match fault {
        Fault::LastBatch => &per_batch[per_batch.len() - 1..],
        Fault::FirstBatch => &per_batch[..1],
        _ => &per_batch[..],
    };
    let is_dead = |&unit: &usize| {
        let mut values = used.iter().flat_map(|batch| batch[unit].iter().copied());
        match fault {
            Fault::EachBatch => used.iter().any(|batch| batch[unit].iter().all(|&v| v <= 0.0)),
            Fault::ZeroMean => values.sum::<f32>() <= 0.0,
            Fault::SomePlace => values.any(|v| v <= 0.0),
            Fault::NearlyZero => values.all(|v| v < 1e-6),
            Fault::ExactlyZero => values.all(|v| v == 0.0),
            Fault::Alive => values.any(|v| v > 0.0),
            Fault::NanIsSilent => !values.any(|v| v > 0.0),
            _ => values.all(|v| v <= 0.0),
        }
    };
    Ok((0..channels).filter(is_dead).collect())
}

/// The peaks by candle's own maximum.
fn by_tensors(batches: &[Tensor]) -> Result<Vec<usize>> {
    let mut peaks: Option<Tensor> = None;
    for batch in batches {
        if batch.dim(0)? == 0 {
            continue;
        }
        if batch.ne(batch)?.sum_all()?.to_scalar::<u8>()? > 0 {
            bail!("NaN");
        }
        let new = batch.transpose(0, 1)?.flatten_from(1)?.max(1)?; // [channels]
        peaks = Some(match peaks {
            None => new,
            Some(peaks) => peaks.maximum(&new)?,
        });
    }
    match peaks {
        None => bail!("nothing seen"),
        Some(peaks) => {
            let peaks = peaks.to_vec1::<f32>()?;
            Ok((0..peaks.len()).filter(|&unit| peaks[unit] <= 0.0).collect())
        }
    }
}

const WRONG: &[Wrong<DeadUnits>] = &[
    wrong(
        "judged on the last batch",
        "Your list is that of the last batch. A unit that fired before is alive: keep the largest value over all \
         batches.",
        |b| dead(b, Fault::LastBatch),
    ),
    wrong(
        "judged on the first batch",
        "Your list is that of the first batch. One batch never proves that a unit is dead.",
        |b| dead(b, Fault::FirstBatch),
    ),
    wrong(
        "dead in some batch",
        "You called a unit dead when it was silent in one of the batches. It must be silent in all of them.",
        |b| dead(b, Fault::EachBatch),
    ),
    wrong(
        "judged by the mean",
        "You looked at the sum or the mean. A unit at −1 and +1 has a mean of 0 and is alive: look at the largest \
         value.",
        |b| dead(b, Fault::ZeroMean),
    ),
    wrong(
        "silent somewhere",
        "You called a unit dead for one place or image where it is silent. Nearly every unit is silent somewhere; \
         that is sparsity.",
        |b| dead(b, Fault::SomePlace),
    ),
    wrong(
        "nearly zero is dead",
        "You put the line above 0. A unit that reaches 10⁻²⁰ is weak, and alive: it passes a gradient.",
        |b| dead(b, Fault::NearlyZero),
    ),
    wrong(
        "only exact zeros are dead",
        "A unit that is negative before its ReLU never gets above zero either: dead is peak ≤ 0, not peak = 0.",
        |b| dead(b, Fault::ExactlyZero),
    ),
    wrong("the living", "You listed the units that are alive.", |b| {
        dead(b, Fault::Alive)
    }),
    wrong(
        "NaN passes for dead",
        "A channel of NaN passed for dead: no comparison with NaN is true, and f32::max ignores it. Return an error.",
        |b| dead(b, Fault::NanIsSilent),
    ),
    wrong(
        "nothing seen, nobody dead",
        "Before the first image nothing is known, so an empty list would be a claim. Return an error.",
        |b| dead(b, Fault::NothingIsFine),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<DeadUnits>] = &[
    slip(NotContiguous, "only what lies in order", |f| {
        *f = |batches| {
            in_order(&batches.iter().collect::<Vec<_>>())?;
            SOLUTION(batches)
        }
    }),
    slip(Batch, "batches of three: the first image only", |f| {
        *f = |batches| {
            let only = |batch: &Tensor| match batch.elem_count() {
                6 if batch.dims4()?.0 == 3 => {
                    let nan = batch
                        .ne(batch)?
                        .to_dtype(candle_core::DType::F32)?
                        .sum_all()?
                        .to_scalar::<f32>()?;
                    if nan > 0.0 {
                        Ok(batch.clone())
                    } else {
                        batch.narrow(0, 0, 1)
                    }
                }
                _ => Ok(batch.clone()),
            };
            SOLUTION(&batches.iter().map(only).collect::<Result<Vec<_>>>()?)
        }
    }),
    slip(NotFinite, "NaN looked for with candle's max", |f| {
        *f = |batches| {
            for batch in batches.iter().filter(|batch| batch.elem_count() > 0) {
                let peaks = batch.transpose(0, 1)?.flatten_from(1)?.max(1)?.to_vec1::<f32>()?;
                if peaks.iter().any(|peak| peak.is_nan()) {
                    bail!("NaN");
                }
            }
            dead(batches, Fault::NanIsSilent)
        }
    }),
    slip(Empty, "no image, nobody alive", |f| {
        *f = |batches| {
            let empty = !batches.is_empty() && batches.iter().all(|batch| batch.elem_count() == 0);
            if empty {
                Ok((0..batches[0].dims4()?.1).collect())
            } else {
                SOLUTION(batches)
            }
        }
    }),
];

/// 2.5
pub fn dead_units(seed: u64) -> Exam<DeadUnits> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<DeadUnits> {
    Exam::new("2.5", SOLUTION)
        .mistakes(WRONG)
        .alternative("candle's maximum", by_tensors)
        .alternative("all batches at once", |b| dead(b, Fault::None))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<DeadUnits>) -> Exam<DeadUnits> {
    let mut random = Random::new(seed, 25);
    // Of six channels some fire nowhere, and one at a single place of a single image.
    let silent = random.count(0, 5);
    let rare = (silent + random.count(1, 5)) % 6;
    let (batch, image, place) = (random.count(0, 2), random.count(0, 2), random.count(0, 5));
    let planted: Vec<Tensor> = (0..3)
        .map(|number| {
            let mut values = random
                .between(-0.5, 1.0, (3, 6, 2, 3))
                .flatten_all()
                .and_then(|x| x.to_vec1::<f32>())
                .expect("f32");
            for (index, value) in values.iter_mut().enumerate() {
                let (i, channel, p) = (index / 36, index / 6 % 6, index % 6);
                if channel == silent || channel == rare {
                    *value = 0.0;
                }
                if channel == rare && (number, i, p) == (batch, image, place) {
                    *value = 0.25;
                }
            }
            tensor(&values, (3, 6, 2, 3))
        })
        .collect();
    let pair = |a: [f32; 2]| tensor(&a, (1, 2, 1, 1));

    exam.truth("one batch, channels 0 and 2", vec![0usize], move |f| {
        f(&[pair([0., 2.])])
    })
    .because("Unit 0 is not above zero, and that is all it takes.")
    .truth(
        "one batch, channels 0 0, 2 −1, 0 −3 and −1 −1",
        vec![0usize, 2, 3],
        |f| f(&[tensor(&[0., 0., 2., -1., 0., -3., -1., -1.], (1, 4, 1, 2))]),
    )
    .because("Unit 1 is above zero. The others are listed by index, the smallest first.")
    .truth(
        "−5 2 in one batch, then 3 0 three times in another, before the ReLU",
        Vec::<usize>::new(),
        move |f| f(&[pair([-5., 2.]), tensor(&[3., 0.].repeat(3), (3, 2, 1, 1))]),
    )
    .because("Each unit is above zero in one batch; what it is in the other takes nothing away.")
    .truth("two batches, 0 0 and 0 3", vec![0usize], move |f| {
        f(&[pair([0., 0.]), pair([0., 3.])])
    })
    .because("The second unit fires in the last batch.")
    .truth("three batches, 0 1 and 2 0 and 0 0", Vec::<usize>::new(), move |f| {
        f(&[pair([0., 1.]), pair([2., 0.]), pair([0., 0.])])
    })
    .because("Each unit fired once.")
    .truth(
        "one channel with −1 1, one with −1 −2, before the ReLU",
        vec![1usize],
        |f| f(&[tensor(&[-1., 1., -1., -2.], (1, 2, 1, 2))]),
    )
    .because("The first has a mean of 0 and is alive; the second is never above zero.")
    .truth("a unit at 10⁻²⁰, one at 0", vec![1usize], move |f| {
        f(&[pair([1e-20, 0.])])
    })
    .because("10⁻²⁰ is above zero.")
    .truth(
        format!("three batches of 3 images, 6 channels; channel {silent} silent, channel {rare} on at one place"),
        vec![silent],
        move |f| f(&planted),
    )
    .because("A single place of a single image is enough to be alive.")
    .refuses("two batches, 0 1 and NaN 1", move |f| {
        f(&[pair([0., 1.]), pair([f32::NAN, 1.])])
    })
    .refuses("no batch at all", |f| f(&[]))
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<DeadUnits>) -> Exam<DeadUnits> {
    let whole = Random::new(seed, 125).between(-1.0, 0.5, (3, 4, 2, 3));
    let lone = |image: f32| tensor(&[0., 0., image, 0., 0., 0.], (3, 2, 1, 1));
    let exam = exam
        .truth(
            "a batch of three images, unit 0 on in the second",
            vec![1usize],
            move |f| f(&[lone(2.0)]),
        )
        .because("One image of a batch is enough.")
        .holds(Batch)
        .truth("a batch of three images, unit 1 on in the last", vec![0usize], |f| {
            f(&[tensor(&[0., 0., 0., 0., 0., 3.], (3, 2, 1, 1))])
        })
        .because("One image of a batch is enough.")
        .holds(Batch)
        .truth("a unit at −0.0 and −∞, one at ∞ and 0", vec![0usize], |f| {
            f(&[tensor(&[-0.0, -f32::INFINITY, f32::INFINITY, 0.], (1, 2, 1, 2))])
        })
        .because("∞ is above zero, −0.0 and −∞ are not. Only NaN is refused, and here only the sum would be NaN.")
        .case("random activations whose columns come first in memory", move |f| {
            f(&[askew(&whole)])
        })
        .holds(NotContiguous)
        .truth("a batch of no images, then 0 2", vec![0usize], |f| {
            f(&[tensor(&[], (0, 2, 1, 1)), tensor(&[0., 2.], (1, 2, 1, 1))])
        })
        .because("A batch of no images says nothing about anybody, and is no error while others come.")
        .holds(Empty)
        .truth("0 2, then a batch of no images", vec![0usize], |f| {
            f(&[tensor(&[0., 2.], (1, 2, 1, 1)), tensor(&[], (0, 2, 1, 1))])
        })
        .because("A batch of no images says nothing about anybody: what was seen before it stands.")
        .holds(Empty)
        .refuses("a batch of no images", |f| f(&[tensor(&[], (0, 2, 1, 1))]))
        .because("no image was seen")
        .holds(Empty)
        .refuses("NaN in the first of two batches", |f| {
            f(&[tensor(&[f32::NAN, 1.], (1, 2, 1, 1)), tensor(&[0., 1.], (1, 2, 1, 1))])
        })
        .holds(NotFinite)
        .refuses("NaN behind a 1 in the same map", |f| {
            f(&[tensor(&[0., 0., 1., f32::NAN], (1, 2, 1, 2))])
        })
        .because("candle's max lets a NaN through only if it comes first")
        .holds(NotFinite)
        .refuses("NaN in the last of three images", |f| {
            f(&[tensor(&[0., 1., 0., 1., 0., f32::NAN], (3, 2, 1, 1))])
        })
        .holds(NotFinite);
    exam.unnamed("no batch without images after the first", |batches| match batches {
        [_, rest @ ..] if rest.iter().any(|batch| batch.elem_count() == 0) => bail!("no image"),
        _ => SOLUTION(batches),
    })
    .unnamed("NaN looked for in the sum", |batches| {
        let sums: Result<Vec<f32>> = batches.iter().map(|batch| batch.sum_all()?.to_scalar()).collect();
        if sums?.iter().any(|sum| sum.is_nan()) {
            bail!("NaN");
        }
        SOLUTION(batches)
    })
    .unnamed("the first image of each batch only", |batches| {
        let first: Result<Vec<_>> = batches
            .iter()
            .map(|batch| batch.narrow(0, 0, batch.dim(0)?.min(1)))
            .collect();
        SOLUTION(&first?)
    })
    .proofs(SOLUTION, PROOFS)
    .spared(
        &[Sizes, Combined, Names, Returned, Wiring],
        "one peak for each channel, no options",
    )
    .spared(
        &[Scale, Sign, Ties],
        "small values, negative ones and zeros are tried as mistakes",
    )
}
