use candle_core::{DType, Result, Tensor, bail};

use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, ordered, slip, wrong};

/// `solution02::sparsity`, with its result as [`observed`] makes it.
pub type SparsityOf = fn(&Tensor) -> Result<Observed>;

/// The attempt at 2.4 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_4 {
    ($lesson:ident) => {
        |activations| {
            let s = $lesson::sparsity(activations)?;
            Ok($crate::lesson02::sparsity_observed(s.layer, s.by_image, s.by_channel))
        }
    };
}

const SOLUTION: SparsityOf = ex2_4!(solution02);

/// `solution02::Sparsity`
pub fn observed(layer: f64, by_image: Vec<f64>, by_channel: Vec<f64>) -> Observed {
    Observed::Fields(vec![
        ("layer".into(), layer.into()),
        ("by_image".into(), by_image.into()),
        ("by_channel".into(), by_channel.into()),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Sorted {
    Right,
    Exchanged,
    BySilentMaps,
    RoundedDown,
}

/// 2.4 by loops, where `silent` says what counts.
fn counted(activations: &Tensor, silent: fn(f32) -> bool, sorted: Sorted) -> Result<Observed> {
    let (images, channels, height, width) = activations.dims4()?;
    let places = height * width;
    let values = activations.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    if values.is_empty() || (values.iter().any(|value| value.is_nan()) && !silent(f32::NAN)) {
        bail!("no value, or NaN");
    }
    let (mut by_image, mut by_channel) = (vec![0.0; images], vec![0.0; channels]);
    for (index, map) in values.chunks(places).enumerate() {
        let zeros = map.iter().filter(|value| silent(**value)).count() as f64 / places as f64;
        let zeros = if sorted == Sorted::BySilentMaps {
            zeros.floor()
        } else {
            zeros
        };
        by_image[index / channels] += zeros / channels as f64;
        by_channel[index % channels] += zeros / images as f64;
    }
    if sorted == Sorted::Exchanged {
        std::mem::swap(&mut by_image, &mut by_channel);
    }
    if sorted == Sorted::RoundedDown {
        let all = by_image.iter().all(|share| *share == 1.0);
        by_image
            .iter_mut()
            .chain(&mut by_channel)
            .for_each(|share| *share = share.floor());
        return Ok(observed(f64::from(u8::from(all)), by_image, by_channel));
    }
    let layer = by_channel.iter().sum::<f64>() / by_channel.len() as f64;
    Ok(observed(layer, by_image, by_channel))
}

/// Activations, random, about half of them zero.
fn rectified(random: &mut Random, shape: [usize; 4]) -> Tensor {
    random.signed(&shape[..]).relu().expect("f32")
}

const WRONG: &[Wrong<SparsityOf>] = &[
    wrong(
        "negative values counted",
        "You counted values below 0 as well. That predicts what a ReLU would make of them; sparsity is measured \
         behind the ReLU, and there it counts zeros.",
        |x| counted(x, |v| v <= 0.0, Sorted::Right),
    ),
    wrong(
        "small values counted",
        "You counted small values as zeros. A unit at 10⁻⁶ is on. ReLU makes exact zeros: compare with == 0.",
        |x| counted(x, |v| v.abs() < 1e-5, Sorted::Right),
    ),
    wrong(
        "density",
        "You counted what is active. Sparsity is the share of zeros: 1 minus that.",
        |x| counted(x, |v| v != 0.0 && !v.is_nan(), Sorted::Right),
    ),
    wrong(
        "NaN taken for silent",
        "NaN passed for silent: !(x > 0) is true of it, and candle's relu turns it into 0. Look for NaN first, \
         x.ne(x), and return an error.",
        |x| counted(x, |v| v == 0.0 || v.is_nan(), Sorted::Right),
    ),
    wrong(
        "NaN taken for active",
        "NaN passed for an active unit: it is not equal to 0. Look for it first, x.ne(x), and return an error.",
        |x| match counted(x, |v| v == 0.0, Sorted::Right) {
            Err(_) if x.elem_count() > 0 && x.rank() == 4 => {
                let known = x.ne(x)?.where_cond(&x.ones_like()?, x)?;
                counted(&known, |v| v == 0.0, Sorted::Right)
            }
            other => other,
        },
    ),
    wrong(
        "images and channels exchanged",
        "by_image and by_channel have changed places. Dimension 0 is the image, dimension 1 the channel.",
        |x| counted(x, |v| v == 0.0, Sorted::Exchanged),
    ),
    wrong(
        "silent maps counted",
        "You counted maps that are 0 everywhere. A map with a single active place counts too: every value is one of \
         the layer.",
        |x| counted(x, |v| v == 0.0, Sorted::BySilentMaps),
    ),
    wrong(
        "the mean of whole numbers",
        "Your shares are 0 or 1. The mask is u8, and so is its mean: to_dtype(DType::F64) first.",
        |x| counted(x, |v| v == 0.0, Sorted::RoundedDown),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<SparsityOf>] = &[
    ordered!("only what lies in order", |x| [x] => counted(x, |v| v == 0.0, Sorted::Right)),
    slip(Ties, "zeros by their bits", |f| {
        *f = |x| counted(x, |v| v.to_bits() == 0, Sorted::Right)
    }),
    slip(NotFinite, "infinity refused", |f| {
        *f = |x| {
            if x.abs()?
                .eq(f64::INFINITY)?
                .to_dtype(DType::F32)?
                .max_all()?
                .to_scalar::<f32>()?
                > 0.0
            {
                bail!("infinity");
            }
            counted(x, |v| v == 0.0, Sorted::Right)
        }
    }),
    slip(NotFinite, "NaN in the first image only", |f| {
        *f = |x| {
            if x.dims4()?.0 == 2 {
                let first = x.narrow(0, 0, 1)?;
                counted(&first, |v| v == 0.0, Sorted::Right)?;
                let known = x.ne(x)?.where_cond(&x.ones_like()?, x)?;
                return counted(&known, |v| v == 0.0, Sorted::Right);
            }
            counted(x, |v| v == 0.0, Sorted::Right)
        }
    }),
];

/// 2.4
pub fn sparsity(seed: u64) -> Exam<SparsityOf> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<SparsityOf> {
    Exam::new("2.4", SOLUTION)
        .mistakes(WRONG)
        .alternative("loops", |x| {
            counted(&x.to_dtype(DType::F32)?, |v| v == 0.0, Sorted::Right)
        })
        .alternative("one minus the active share", |x| {
            if x.elem_count() == 0
                || x.dims4()?.0 == 0
                || x.ne(x)?.to_dtype(DType::F32)?.max_all()?.to_scalar::<f32>()? > 0.0
            {
                bail!("empty or NaN");
            }
            let active = x.ne(0.0)?.to_dtype(DType::F64)?;
            let part = |share: Tensor| share.affine(-1.0, 1.0);
            Ok(observed(
                part(active.mean_all()?)?.to_scalar()?,
                part(active.mean((1, 2, 3))?)?.to_vec1()?,
                part(active.transpose(0, 1)?.flatten_from(1)?.mean(1)?)?.to_vec1()?,
            ))
        })
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<SparsityOf>) -> Exam<SparsityOf> {
    let mut random = Random::new(seed, 24);
    let activations = rectified(&mut random, [3, 2, 4, 5]);
    let before = random.signed((2, 3, 4, 4));
    let doubles = rectified(&mut random, [2, 2, 3, 3])
        .to_dtype(DType::F64)
        .expect("a conversion");

    exam.truth(
        "one image, one map, 0 2 0 1",
        observed(0.5, vec![0.5], vec![0.5]),
        |f| f(&tensor(&[0., 2., 0., 1.], (1, 1, 2, 2))),
    )
    .because("Two of four values are zero: 50 % sparse.")
    .truth(
        "one image, channels 0 0 and 3 1",
        observed(0.5, vec![0.5], vec![1.0, 0.0]),
        |f| f(&tensor(&[0., 0., 3., 1.], (1, 2, 1, 2))),
    )
    .because("50 % sparse as well, and of another kind: one channel is silent, one always on.")
    .truth(
        "two images of two channels, 0 1, 2 2 and 0 0, 0 5",
        observed(0.5, vec![0.25, 0.75], vec![0.75, 0.25]),
        |f| f(&tensor(&[0., 1., 2., 2., 0., 0., 0., 5.], (2, 2, 1, 2))),
    )
    .because("Image 0 has one zero among its four values, image 1 three; channel 0 has three, channel 1 one.")
    .truth(
        "values 0, 10⁻⁶, 10⁻³⁰ and 1",
        observed(0.25, vec![0.25], vec![0.25]),
        |f| f(&tensor(&[0., 1e-6, 1e-30, 1.], (1, 1, 2, 2))),
    )
    .because("Exactly zero, not nearly.")
    .truth(
        "before a ReLU: −1, −2, 0 and 1",
        observed(0.25, vec![0.25], vec![0.25]),
        |f| f(&tensor(&[-1., -2., 0., 1.], (1, 1, 2, 2))),
    )
    .because("One value is zero; the negative ones are not, yet.")
    .truth(
        "a map of 20×20 zeros but one",
        observed(0.9975, vec![0.9975], vec![0.9975]),
        |f| f(&delta([0, 0, 3, 4], [1, 1, 20, 20])),
    )
    .because("399 of 400 values are zero: more than a u8 can count.")
    .case("random activations, [3, 2, 4, 5]", move |f| f(&activations))
    .case("random values before a ReLU, [2, 3, 4, 4]", move |f| f(&before))
    .case("random f64 activations, [2, 2, 3, 3]", move |f| f(&doubles))
    .refuses("one NaN among three numbers", |f| {
        f(&tensor(&[0., f32::NAN, 1., 2.], (1, 1, 2, 2)))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<SparsityOf>) -> Exam<SparsityOf> {
    let mut random = Random::new(seed, 124);
    let activations = rectified(&mut random, [3, 2, 4, 5]);
    exam.case("random activations whose columns come first in memory", move |f| {
        f(&askew(&activations))
    })
    .holds(NotContiguous)
    .truth(
        "three images of one place, 0, −0.0 and 1",
        observed(2.0 / 3.0, vec![1., 1., 0.], vec![2.0 / 3.0]),
        |f| f(&tensor(&[0., -0.0, 1.], (3, 1, 1, 1))),
    )
    .because("−0.0 is 0.")
    .holds(Ties)
    .truth(
        "one image, 0 0 ∞ and −∞",
        observed(0.5, vec![0.5], vec![0.5]),
        |f| f(&tensor(&[0., 0., f32::INFINITY, -f32::INFINITY], (1, 1, 1, 4))),
    )
    .because("∞ and −∞ are neither zero nor NaN; only their sum is NaN.")
    .holds(NotFinite)
    .refuses("NaN in the last place of the last image", |f| {
        f(&tensor(&[0., 1., 2., 0., 0., 1., 2., f32::NAN], (2, 1, 2, 2)))
    })
    .holds(NotFinite)
    .proofs(SOLUTION, PROOFS)
    .spared(&[Batch, Sizes, Scale, Sign], "tried as mistakes")
    .spared(
        &[Combined, Names, Returned, Wiring, Empty],
        "no options; an empty batch is an error",
    )
}
