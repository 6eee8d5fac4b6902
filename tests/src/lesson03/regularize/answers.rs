//! Answers to 3.3, right and wrong.

use candle_core::{DType, Result, Tensor};

use super::{Regularizers, SOLUTION};
use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Slip, fault, keep, ordered, slip};

/// What an answer is made of.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    /// From dx and dy to how far a pixel is from its neighbours.
    length: fn(&Tensor, &Tensor) -> Result<Tensor>,
    /// How many columns have no right neighbour, and rows no lower one.
    last: usize,
    /// From the lengths of each image, `[batch, …]`, to the total variation.
    mean: fn(&Tensor) -> Result<Tensor>,
    centre: f64,
    /// From the squares of each image, `[batch, …]`, to l2.
    l2: fn(&Tensor) -> Result<Tensor>,
    /// From a distance and σ to a weight.
    bell: fn(f64, f64) -> f64,
    /// How far beyond the border weights count for the sum of a row; `None`: a row is not divided by its sum.
    beyond: Option<i64>,
    /// Is the width blurred, too?
    across: bool,
}

/// Written independently of the solution.
pub(super) const RIGHT: Parts = Parts {
    length: |dx, dy| root(dx, dy, 1e-6, 1e-3),
    last: 1,
    mean: |lengths| lengths.mean(1),
    centre: 0.5,
    l2: |squares| squares.mean(1),
    bell: |distance, sigma| (-distance * distance / (2.0 * sigma * sigma)).exp(),
    beyond: Some(0),
    across: true,
};

fn root(dx: &Tensor, dy: &Tensor, under: f64, off: f64) -> Result<Tensor> {
    ((dx.sqr()? + dy.sqr()?)? + under)?.sqrt()? - off
}

/// By rolls.
pub(super) fn total_variation(images: &Tensor, parts: &Parts) -> Result<Tensor> {
    let (_, _, height, width) = images.dims4()?;
    let difference = |dim: usize| {
        let all = (images.roll(-1, dim)? - images)?;
        all.narrow(2, 0, height - parts.last)?.narrow(3, 0, width - parts.last)
    };
    (parts.mean)(&(parts.length)(&difference(3)?, &difference(2)?)?.flatten_from(1)?)
}

fn l2(images: &Tensor, parts: &Parts) -> Result<Tensor> {
    (parts.l2)(&(images - parts.centre)?.sqr()?.flatten_from(1)?)
}

/// One side after the other, each time as the last: by two plain matrix products.
fn blur(images: &Tensor, sigma: f64, parts: &Parts) -> Result<Tensor> {
    images.dims4()?;
    let along_rows = |x: &Tensor| -> Result<Tensor> {
        let side = x.dim(3)? as i64;
        let row = |i: i64| {
            let weight = |k: i64| (parts.bell)((i - k) as f64, sigma);
            let total = parts.beyond.map_or(1.0, |far| (-far..side + far).map(weight).sum());
            (0..side).map(|k| weight(k) / total).collect::<Vec<f64>>()
        };
        let weights: Vec<f64> = (0..side).flat_map(row).collect();
        let weights = Tensor::from_vec(weights, (x.dim(3)?, x.dim(3)?), x.device())?.to_dtype(x.dtype())?;
        x.contiguous()?
            .reshape(((), x.dim(3)?))?
            .matmul(&weights.t()?)?
            .reshape(x.shape())
    };
    let wide = if parts.across {
        along_rows(images)?
    } else {
        images.clone()
    };
    along_rows(&wide.transpose(2, 3)?)?.transpose(2, 3)?.contiguous()
}

fn answer(parts: Parts) -> Regularizers {
    Regularizers {
        total_variation: keep(Box::new(move |images: &Tensor| total_variation(images, &parts))),
        l2: keep(Box::new(move |images: &Tensor| l2(images, &parts))),
        blur: keep(Box::new(move |images: &Tensor, sigma| blur(images, sigma, &parts))),
    }
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "root of zero",
        "On a flat image your gradient is NaN: the root has an infinite slope at 0. Add s² under it and take s off \
         again.",
        |parts| parts.length = |dx, dy| root(dx, dy, 0.0, 0.0),
    ),
    fault(
        "not zero when flat",
        "A flat image has no variation, and yours is s. Take s off after the root.",
        |parts| parts.length = |dx, dy| root(dx, dy, 1e-6, 0.0),
    ),
    fault(
        "s for s²",
        "Under the root stands s², a millionth. Yours is s, a thousandth, as if neighbours that are alike differed by \
         0.03.",
        |parts| parts.length = |dx, dy| root(dx, dy, 1e-3, 1e-3),
    ),
    fault(
        "sum of absolute differences",
        "You added |dx| and |dy|. That measures diagonal edges as longer than they are, and candle gives |x| the \
         slope 1 at 0. Take the length √(dx² + dy² + s²) − s.",
        |parts| parts.length = |dx, dy| dx.abs()? + dy.abs()?,
    ),
    fault(
        "squares without the root",
        "The root is missing. Squares punish one strong edge more than many weak ones, and so smear edges.",
        |parts| parts.length = |dx, dy| dx.sqr()? + dy.sqr()?,
    ),
    fault(
        "sum of the variation",
        "You added up where the mean is asked for, so the penalty grows with the image.",
        |parts| parts.mean = |lengths| lengths.sum(1),
    ),
    fault(
        "one direction only",
        "Only differences between rows count in yours. dx, to the right neighbour, belongs under the root too.",
        |parts| parts.length = |_, dy| root(&dy.zeros_like()?, dy, 1e-6, 1e-3),
    ),
    fault(
        "around the edge",
        "You compared the last column with the first. Only pixels that have a right and a lower neighbour count.",
        |parts| parts.last = 0,
    ),
    fault(
        "around black",
        "You measured the distance from 0, which is black. Plain grey, ½, is where nothing is.",
        |parts| parts.centre = 0.0,
    ),
    fault(
        "sum of squares",
        "For l2 you added the squares up. Take their mean, so that it does not grow with the image.",
        |parts| parts.l2 = |squares| squares.sum(1),
    ),
    fault(
        "root of the mean square",
        "l2 has no root here. With it the gradient at plain grey is NaN.",
        |parts| parts.l2 = |squares| squares.mean(1)?.sqrt(),
    ),
    fault(
        "one number for the batch",
        "You averaged over the images too. Each has its own number: [batch].",
        |parts| {
            parts.mean = |lengths| lengths.mean_all()?.reshape(1);
            parts.l2 = |squares| squares.mean_all()?.reshape(1);
        },
    ),
    fault(
        "dark border",
        "A flat image gets darker at the border: the weights of what lies beyond are lost. Divide each row of K by \
         its own sum.",
        |parts| parts.beyond = Some(50),
    ),
    fault(
        "not divided by the sum",
        "Your weights are exp(…) as it is and do not sum to 1, so a flat image gets another grey. Divide each row of K \
         by its own sum.",
        |parts| parts.beyond = None,
    ),
    fault(
        "σ² for 2σ²",
        "Your bell is too narrow: its exponent is −(i − k)² / (2σ²), with the 2.",
        |parts| parts.bell = |distance, sigma| (-distance * distance / (sigma * sigma)).exp(),
    ),
    fault(
        "distance not squared",
        "Your weights fall with |i − k|; a Gaussian falls with its square.",
        |parts| parts.bell = |distance, sigma| (-distance.abs() / (2.0 * sigma)).exp(),
    ),
    fault(
        "one direction blurred",
        "Only the columns are blurred. Multiply by the width's matrix from the right as well: · K_wᵀ.",
        |parts| parts.across = false,
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Regularizers>] = &[
    ordered!(dyn "total variation, only what lies in order", total_variation: |x| [x] => total_variation(x, &RIGHT)),
    ordered!(dyn "l2, only what lies in order", l2: |x| [x] => l2(x, &RIGHT)),
    ordered!(dyn "blur, only what lies in order", blur: |x, sigma| [x] => blur(x, sigma, &RIGHT)),
    slip(Sizes, "a window of three σ, one pixel at least and ten at most", |f| {
        f.blur = &|x, sigma| {
            let friendly = sigma > 0.1 && sigma < 10.0;
            blur(x, if friendly { sigma } else { sigma.clamp(0.4, 3.0) }, &RIGHT)
        }
    }),
    slip(Sizes, "l2 of images of rank 4 only", |f| {
        f.l2 = &|x| {
            x.dims4()?;
            l2(x, &RIGHT)
        }
    }),
    slip(Scale, "no variation below s", |f| {
        f.total_variation = &|x| {
            let range = (x.max_all()? - x.min_all()?)?
                .to_dtype(DType::F32)?
                .to_scalar::<f32>()?;
            total_variation(x, &RIGHT)? * if range < 0.01 { 0.0 } else { 1.0 }
        }
    }),
    slip(Batch, "four images at most", |f| {
        *f = Regularizers {
            total_variation: &|x| total_variation(&first_of(x, 4)?, &RIGHT),
            l2: &|x| l2(&first_of(x, 4)?, &RIGHT),
            blur: &|x, sigma| blur(&first_of(x, 4)?, sigma, &RIGHT),
        }
    }),
    slip(Sign, "total variation of pixels held in [0, 1]", |f| {
        f.total_variation = &|x| total_variation(&x.clamp(0.0, 1.0)?, &RIGHT)
    }),
    slip(Sign, "l2 of pixels held in [0, 1]", |f| {
        f.l2 = &|x| l2(&x.clamp(0.0, 1.0)?, &RIGHT)
    }),
    slip(Sign, "pixels held in [0, 1] before the blur", |f| {
        f.blur = &|x, sigma| blur(&x.clamp(0.0, 1.0)?, sigma, &RIGHT)
    }),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Regularizers> {
    Exam::new("3.3", SOLUTION)
        .faults("by rolls, and by two plain matrix products", &RIGHT, answer, FAULTS)
        .proofs(answer(RIGHT), PROOFS)
}
