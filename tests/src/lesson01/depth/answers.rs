//! Answers to 1.9, right and wrong, made of parts.

use candle_core::{DType, Result, Tensor, Var, bail};
use resnet::{Window, ops};

use super::{Design, GradientNorms, SOLUTION};
use crate::{Exam, Hazard::*, Slip, Wrong, ordered, slip, wrong};

/// Gives the output of a block and what measures its gradient.
type Tapped = fn(&Tensor, &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<(Tensor, Var)>;
/// A block without its last ReLU.
type Sum = fn(&Tensor, &(Tensor, Tensor), Design) -> Result<Tensor>;

/// What a right answer, written independently of the solution, is made of.
#[derive(Clone, Copy)]
struct Parts {
    sum: Sum,
    /// The output of a block and what measures its gradient, from the input and the block without its last ReLU.
    tapped: Tapped,
    loss: fn(&Tensor, &Tensor) -> Result<Tensor>,
    norm: fn(&Tensor) -> Result<Tensor>,
    last_first: bool,
}

const RIGHT: Parts = Parts {
    sum,
    tapped: |x, sum| behind(ops::relu(&sum(x)?)?),
    loss: |x, output_gradient| (x * output_gradient)?.sum_all(),
    norm: |gradient| gradient.sqr()?.sum_all()?.sqrt(),
    last_first: false,
};

fn behind(x: Tensor) -> Result<(Tensor, Var)> {
    let tap = Var::zeros(x.shape(), x.dtype(), x.device())?;
    Ok(((x + tap.as_tensor())?, tap))
}

fn layer(x: &Tensor, kernel: &Tensor, norm: bool) -> Result<Tensor> {
    let x = ops::conv2d(x, kernel, Window::new(3).padding(1))?;
    if norm { normalize(&x) } else { Ok(x) }
}

pub(super) fn sum(x: &Tensor, (first, second): &(Tensor, Tensor), design: Design) -> Result<Tensor> {
    let middle = ops::relu(&layer(x, first, design.batch_norm)?)?;
    let branch = layer(&middle, second, design.batch_norm)?;
    if design.skip { branch + x } else { Ok(branch) }
}

/// Batch norm from candle's own operations.
fn normalize(x: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim((0, 2, 3))?)?;
    let variance = centred.sqr()?.mean_keepdim((0, 2, 3))?;
    centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)
}

fn norms(i: &Tensor, g: &Tensor, k: &[(Tensor, Tensor)], d: Design, change: fn(&mut Parts)) -> Result<Vec<f64>> {
    let mut parts = RIGHT;
    change(&mut parts);
    let (mut x, mut taps) = (i.clone(), vec![]);
    for pair in k {
        let (output, tap) = (parts.tapped)(&x, &|x| (parts.sum)(x, pair, d))?;
        x = output;
        taps.push(tap);
    }
    let gradients = (parts.loss)(&x, g)?.backward()?;
    let norm = |tap: &Var| match gradients.get(tap) {
        Some(gradient) => (parts.norm)(&gradient.to_dtype(DType::F64)?)?.to_scalar(),
        None => Ok(0.0),
    };
    let mut norms = taps.iter().map(norm).collect::<Result<Vec<_>>>()?;
    if parts.last_first {
        norms.reverse();
    }
    Ok(norms)
}

/// A right answer but for this part.
macro_rules! but {
    ($($part:ident: $value:expr)?) => { |i, g, k, d| norms(i, g, k, d, |_parts| { $(_parts.$part = $value)? }) };
}

const WRONG: &[Wrong<GradientNorms>] = &[
    wrong(
        "the network is cut",
        "Only the last block has a gradient. Var::from_tensor(&x) starts a new graph, so nothing before it is \
         connected to the loss. Add a Var of zeros to x instead: x + tap.",
        but!(tapped: |x, sum| {
            let tap = Var::from_tensor(&ops::relu(&sum(x)?)?)?;
            Ok((tap.as_tensor().clone(), tap))
        }),
    ),
    wrong(
        "measured before the relu",
        "You measured at the sum, before the last ReLU. x_l is the block's output, after it.",
        but!(tapped: |x, sum| {
            let (sum, tap) = behind(sum(x)?)?;
            Ok((ops::relu(&sum)?, tap))
        }),
    ),
    wrong(
        "measured at the block's input",
        "You measured at the input of each block. norms[l] belongs to its output; the last one is the norm of \
         output_gradient.",
        but!(tapped: |x, sum| {
            let (x, tap) = behind(x.clone())?;
            Ok((ops::relu(&sum(&x)?)?, tap))
        }),
    ),
    wrong(
        "relu before the sum",
        "The last ReLU comes before the addition; it belongs after it, as in 1.5.",
        but!(sum: |x, pair, d| {
            let branch = sum(x, pair, Design { skip: false, ..d })?;
            if d.skip { ops::relu(&branch)? + x } else { Ok(branch) }
        }),
    ),
    wrong(
        "a skip around every convolution",
        "Your skip connections go around single convolutions. They go around the block, two of them.",
        but!(sum: |x, (first, second), d| {
            let first = layer(x, first, d.batch_norm)?;
            let middle = ops::relu(&if d.skip { (first + x)? } else { first })?;
            let branch = layer(&middle, second, d.batch_norm)?;
            if d.skip { branch + middle } else { Ok(branch) }
        }),
    ),
    wrong(
        "one batch norm per block",
        "Only the first convolution has a batch norm. Both have one.",
        but!(sum: |x, (first, second), d| {
            let branch = layer(&ops::relu(&layer(x, first, d.batch_norm)?)?, second, false)?;
            if d.skip { branch + x } else { Ok(branch) }
        }),
    ),
    wrong(
        "design.skip ignored",
        "Your plain network has skip connections: design.skip is false there.",
        but!(sum: |x, pair, d| sum(x, pair, Design { skip: true, ..d })),
    ),
    wrong(
        "no skip connections",
        "Your residual network has no skip connections: add x where design.skip is true.",
        but!(sum: |x, pair, d| sum(x, pair, Design { skip: false, ..d })),
    ),
    wrong(
        "no batch norm",
        "design.batch_norm makes no difference. Where it is true, batch_normalize follows each convolution.",
        but!(sum: |x, pair, d| sum(x, pair, Design { batch_norm: false, ..d })),
    ),
    wrong(
        "output_gradient ignored",
        "Your loss is the sum of the output. It is the sum of output · output_gradient.",
        but!(loss: |x, _| x.sum_all()),
    ),
    wrong(
        "squared norm",
        "The square root is missing: your values are squares of norms.",
        but!(norm: |gradient| gradient.sqr()?.sum_all()),
    ),
    wrong(
        "mean of squares",
        "You took the mean of the squares. The norm is the root of their sum.",
        but!(norm: |gradient| gradient.sqr()?.mean_all()?.sqrt()),
    ),
    wrong(
        "largest entry",
        "You returned the largest entry of the gradient. The norm is the root of the sum of all squares.",
        but!(norm: |gradient| gradient.abs()?.max_all()),
    ),
    wrong(
        "last block first",
        "Your list is in the order of the backward pass. The first block comes first.",
        but!(last_first: true),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<GradientNorms>] = &[
    ordered!("only what lies in order", |i, g, k, d| [i, g] => norms(i, g, k, d, |_| {})),
    slip(Empty, "no block refused", |f| {
        *f = |i, g, k, d| {
            if k.is_empty() {
                bail!("no block");
            }
            norms(i, g, k, d, |_| {})
        }
    }),
    slip(Batch, "no batch norm of a single image", |f| {
        *f = |i, g, k, d| {
            let batch_norm = d.batch_norm && i.dim(0)? > 1;
            norms(i, g, k, Design { batch_norm, ..d }, |_| {})
        }
    }),
    slip(Sign, "relu of the input first", |f| {
        *f = |i, g, k, d| norms(&ops::relu(i)?, g, k, d, |_| {})
    }),
    slip(Scale, "squares summed in f32", |f| {
        *f = |i, g, k, d| {
            norms(i, g, k, d, |parts| {
                parts.norm = |gradient| (RIGHT.norm)(&gradient.to_dtype(DType::F32)?)?.to_dtype(DType::F64)
            })
        }
    }),
    slip(Scale, "a constant below the root", |f| {
        *f = but!(norm: |gradient| (gradient.sqr()?.sum_all()? + 1e-12)?.sqrt())
    }),
    slip(Errors, "an output_gradient of another shape cut", |f| {
        *f = |i, g, k, d| {
            if i.dims() == g.dims() {
                norms(i, g, k, d, |_| {})
            } else {
                Ok(vec![0.0; k.len()])
            }
        }
    }),
];

/// Keeps every x_l, and goes back from the last block with a Var for one block at a time.
fn block_by_block(
    input: &Tensor,
    output_gradient: &Tensor,
    kernels: &[(Tensor, Tensor)],
    design: Design,
) -> Result<Vec<f64>> {
    let block = |x: &Tensor, l: usize| ops::relu(&sum(x, &kernels[l], design)?);
    let mut inputs = vec![input.clone()];
    for l in 0..kernels.len() {
        inputs.push(block(&inputs[l], l)?);
    }
    if inputs[kernels.len()].dims() != output_gradient.dims() {
        bail!("output_gradient {:?}", output_gradient.dims());
    }
    let mut arriving = output_gradient.clone();
    let mut norms = vec![];
    for l in (0..kernels.len()).rev() {
        norms.push((RIGHT.norm)(&arriving.to_dtype(DType::F64)?)?.to_scalar::<f64>()?);
        let x = Var::from_tensor(&inputs[l].detach())?;
        let gradients = (block(x.as_tensor(), l)? * &arriving)?.sum_all()?.backward()?;
        arriving = gradients.get(&x).expect("the block depends on its input").clone();
    }
    norms.reverse();
    Ok(norms)
}

/// Right answers and wrong ones.
pub(super) fn known() -> Exam<GradientNorms> {
    Exam::new("1.9", SOLUTION)
        .mistakes(WRONG)
        .proofs(SOLUTION, PROOFS)
        .alternative("candle's operations for the batch norm", but!())
        .alternative("the chain rule, one block at a time", block_by_block)
}
