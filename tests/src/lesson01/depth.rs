use candle_core::{DType, Device, Result, Tensor, Var, bail};
use resnet::{Window, ops};

use crate::inputs::{Random, askew, delta};
use crate::{Exam, Hazard::*, Slip, Tolerance, Wrong, ordered, slip, wrong};

/// `solution01::gradient_norms`
pub type GradientNorms = fn(&Tensor, &Tensor, &[(Tensor, Tensor)], Design) -> Result<Vec<f64>>;

/// The attempt at 1.9 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_9 {
    ($lesson:ident) => {
        |input, output_gradient, kernels, design| {
            let $crate::lesson01::Design { skip, batch_norm } = design;
            $lesson::gradient_norms(input, output_gradient, kernels, $lesson::Design { skip, batch_norm })
        }
    };
}

const SOLUTION: GradientNorms = ex1_9!(solution01);

/// `solution01::Design`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub struct Design {
    pub skip: bool,
    pub batch_norm: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Cut,
    TapBeforeRelu,
    TapAtInput,
    ReluBeforeSum,
    SkipAroundOneConvolution,
    NormOnce,
    OutputGradientIgnored,
    Squared,
    MeanSquare,
    LargestEntry,
    LastFirst,
}

fn one_block(x: &Tensor, kernels: &(Tensor, Tensor), design: Design, fault: Fault) -> Result<Tensor> {
    let layer = |x: &Tensor, kernel: &Tensor, norm: bool| {
        let x = ops::conv2d(x, kernel, Window::new(3).padding(1))?;
        if norm { normalize(&x) } else { Ok(x) }
    };
    let mut first = layer(x, &kernels.0, design.batch_norm)?;
    if fault == Fault::SkipAroundOneConvolution && design.skip {
        first = (first + x)?;
    }
    let middle = ops::relu(&first)?;
    let branch = layer(&middle, &kernels.1, design.batch_norm && fault != Fault::NormOnce)?;
    match (design.skip, fault) {
        (false, _) => Ok(branch),
        (true, Fault::ReluBeforeSum) => ops::relu(&branch)? + x,
        (true, Fault::SkipAroundOneConvolution) => branch + middle,
        (true, _) => branch + x,
    }
}

/// Batch norm from candle's own operations.
fn normalize(x: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim((0, 2, 3))?)?;
    let variance = centred.sqr()?.mean_keepdim((0, 2, 3))?;
    centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)
}

fn norms(
    input: &Tensor,
    output_gradient: &Tensor,
    kernels: &[(Tensor, Tensor)],
    design: Design,
    fault: Fault,
) -> Result<Vec<f64>> {
    let mut x = input.clone();
    let mut taps = vec![];
    for pair in kernels {
        let tap = Var::zeros(x.shape(), x.dtype(), x.device())?;
        match fault {
            Fault::TapAtInput => x = ops::relu(&one_block(&(x + tap.as_tensor())?, pair, design, fault)?)?,
            Fault::TapBeforeRelu => x = ops::relu(&(one_block(&x, pair, design, fault)? + tap.as_tensor())?)?,
            Fault::Cut => {
                let tap = Var::from_tensor(&ops::relu(&one_block(&x, pair, design, fault)?)?)?;
                x = tap.as_tensor().clone();
                taps.push(tap);
                continue;
            }
            _ => {
                let sum = one_block(&x, pair, design, fault)?;
                let sum = if fault == Fault::ReluBeforeSum && design.skip {
                    sum
                } else {
                    ops::relu(&sum)?
                };
                x = (sum + tap.as_tensor())?;
            }
        }
        taps.push(tap);
    }
    let loss = if fault == Fault::OutputGradientIgnored {
        x.sum_all()?
    } else {
        (x * output_gradient)?.sum_all()?
    };
    let gradients = loss.backward()?;
    let norm = |tap: &Var| -> Result<f64> {
        let Some(gradient) = gradients.get(tap) else {
            return Ok(0.0);
        };
        let gradient = gradient.to_dtype(DType::F64)?;
        let squares = gradient.sqr()?;
        match fault {
            Fault::Squared => squares.sum_all()?.to_scalar(),
            Fault::MeanSquare => squares.mean_all()?.sqrt()?.to_scalar(),
            Fault::LargestEntry => gradient.abs()?.max_all()?.to_scalar(),
            _ => squares.sum_all()?.sqrt()?.to_scalar(),
        }
    };
    let mut norms = taps.iter().map(norm).collect::<Result<Vec<_>>>()?;
    if fault == Fault::LastFirst {
        norms.reverse();
    }
    Ok(norms)
}

/// The norms by moving every number of every x_l a little and seeing what the loss does, in f64. `None` if a step
/// crosses the kink of a ReLU, as it does wherever a map is dead.
fn finite_differences(
    input: &Tensor,
    output_gradient: &Tensor,
    kernels: &[(Tensor, Tensor)],
    design: Design,
) -> Result<Option<Vec<f64>>> {
    const STEP: f64 = 1e-6;
    let f64 = |t: &Tensor| t.to_dtype(DType::F64);
    let kernels = kernels
        .iter()
        .map(|(a, b)| Ok((f64(a)?, f64(b)?)))
        .collect::<Result<Vec<_>>>()?;
    let output_gradient = f64(output_gradient)?;
    let next = |x: &Tensor, l: usize| ops::relu(&one_block(x, &kernels[l], design, Fault::None)?);
    let loss = |x: &Tensor, from: usize| -> Result<f64> {
        let mut x = x.clone();
        for l in from..kernels.len() {
            x = next(&x, l)?;
        }
        (x * &output_gradient)?.sum_all()?.to_scalar()
    };
    let mut x = f64(input)?;
    let mut norms = vec![];
    for l in 0..kernels.len() {
        x = next(&x, l)?;
        let values = x.flatten_all()?.to_vec1::<f64>()?;
        let here = loss(&x, l + 1)?;
        let mut squares = 0.0;
        for i in 0..values.len() {
            let slope = |step: f64| -> Result<f64> {
                let mut values = values.clone();
                values[i] += step;
                Ok((loss(&Tensor::from_vec(values, x.shape(), &Device::Cpu)?, l + 1)? - here) / step)
            };
            let (up, down) = (slope(STEP)?, slope(-STEP)?);
            if (up - down).abs() > 1e-3 * (1.0 + up.abs()) {
                return Ok(None);
            }
            squares += ((up + down) / 2.0).powi(2);
        }
        norms.push(squares.sqrt());
    }
    Ok(Some(norms))
}

/// Random input, gradient and kernels at which all four designs are smooth, and the norms of each.
#[allow(clippy::type_complexity, reason = "used once")]
fn smooth_case(random: &mut Random) -> Result<(Tensor, Tensor, Vec<(Tensor, Tensor)>, Vec<Vec<f64>>)> {
    loop {
        let input = random.between(0.0, 1.0, (2, 2, 3, 3));
        let arriving = random.signed((2, 2, 3, 3));
        let kernels: Vec<_> = (0..3)
            .map(|_| (random.signed((2, 2, 3, 3)), random.signed((2, 2, 3, 3))))
            .collect();
        let norms = DESIGNS
            .iter()
            .map(|(_, design)| finite_differences(&input, &arriving, &kernels, *design));
        if let Some(norms) = norms.collect::<Result<Option<Vec<_>>>>()? {
            return Ok((input, arriving, kernels, norms));
        }
    }
}

const DESIGNS: [(&str, Design); 4] = [
    (
        "plain",
        Design {
            skip: false,
            batch_norm: false,
        },
    ),
    (
        "plain with batch norm",
        Design {
            skip: false,
            batch_norm: true,
        },
    ),
    (
        "residual",
        Design {
            skip: true,
            batch_norm: false,
        },
    ),
    (
        "residual with batch norm",
        Design {
            skip: true,
            batch_norm: true,
        },
    ),
];

const WRONG: &[Wrong<GradientNorms>] = &[
    wrong(
        "the network is cut",
        "Only the last block has a gradient. Var::from_tensor(&x) starts a new graph, so nothing before it is \
         connected to the loss. Add a Var of zeros to x instead: x + tap.",
        |i, g, k, d| norms(i, g, k, d, Fault::Cut),
    ),
    wrong(
        "measured before the relu",
        "You measured at the sum, before the last ReLU. x_l is the block's output, after it.",
        |i, g, k, d| norms(i, g, k, d, Fault::TapBeforeRelu),
    ),
    wrong(
        "measured at the block's input",
        "You measured at the input of each block. norms[l] belongs to its output; the last one is the norm of \
         output_gradient.",
        |i, g, k, d| norms(i, g, k, d, Fault::TapAtInput),
    ),
    wrong(
        "relu before the sum",
        "The last ReLU comes before the addition; it belongs after it, as in 1.5.",
        |i, g, k, d| norms(i, g, k, d, Fault::ReluBeforeSum),
    ),
    wrong(
        "a skip around every convolution",
        "Your skip connections go around single convolutions. They go around the block, two of them.",
        |i, g, k, d| norms(i, g, k, d, Fault::SkipAroundOneConvolution),
    ),
    wrong(
        "one batch norm per block",
        "Only the first convolution has a batch norm. Both have one.",
        |i, g, k, d| norms(i, g, k, d, Fault::NormOnce),
    ),
    wrong(
        "design.skip ignored",
        "Your plain network has skip connections: design.skip is false there.",
        |i, g, k, d| norms(i, g, k, Design { skip: true, ..d }, Fault::None),
    ),
    wrong(
        "no skip connections",
        "Your residual network has no skip connections: add x where design.skip is true.",
        |i, g, k, d| norms(i, g, k, Design { skip: false, ..d }, Fault::None),
    ),
    wrong(
        "no batch norm",
        "design.batch_norm makes no difference. Where it is true, batch_normalize follows each convolution.",
        |i, g, k, d| norms(i, g, k, Design { batch_norm: false, ..d }, Fault::None),
    ),
    wrong(
        "output_gradient ignored",
        "Your loss is the sum of the output. It is the sum of output · output_gradient.",
        |i, g, k, d| norms(i, g, k, d, Fault::OutputGradientIgnored),
    ),
    wrong(
        "squared norm",
        "The square root is missing: your values are squares of norms.",
        |i, g, k, d| norms(i, g, k, d, Fault::Squared),
    ),
    wrong(
        "mean of squares",
        "You took the mean of the squares. The norm is the root of their sum.",
        |i, g, k, d| norms(i, g, k, d, Fault::MeanSquare),
    ),
    wrong(
        "largest entry",
        "You returned the largest entry of the gradient. The norm is the root of the sum of all squares.",
        |i, g, k, d| norms(i, g, k, d, Fault::LargestEntry),
    ),
    wrong(
        "last block first",
        "Your list is in the order of the backward pass. The first block comes first.",
        |i, g, k, d| norms(i, g, k, d, Fault::LastFirst),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<GradientNorms>] = &[
    ordered!("only what lies in order", |i, g, k, d| [i, g] => norms(i, g, k, d, Fault::None)),
    slip(Errors, "an output_gradient of another shape cut", |f| {
        *f = |i, g, k, d| {
            if i.dims() == g.dims() {
                norms(i, g, k, d, Fault::None)
            } else {
                Ok(vec![0.0; k.len()])
            }
        }
    }),
];

/// 1.9
pub fn gradient_norms(seed: u64) -> Exam<GradientNorms> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<GradientNorms> {
    Exam::new("1.9", SOLUTION)
        .mistakes(WRONG)
        .alternative("candle's operations for the batch norm", |i, g, k, d| {
            norms(i, g, k, d, Fault::None)
        })
        .alternative("the chain rule, one block at a time", block_by_block)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<GradientNorms>) -> Exam<GradientNorms> {
    let mut random = Random::new(seed, 19);
    let copy = {
        let kernels: Vec<_> = (0..2).map(|c| delta([c, 1, 1], [2, 3, 3])).collect();
        let kernel = Tensor::stack(&kernels, 0).expect("equal shapes");
        vec![(kernel.clone(), kernel); 4]
    };
    let positive = random.between(0.5, 1.0, (1, 2, 3, 3));
    let arriving = Tensor::full(0.5f32, (1, 2, 3, 3), &Device::Cpu).expect("a constant");
    let length = 18f64.sqrt() / 2.0;
    let (positive_1, arriving_1, copy_1) = (positive.clone(), arriving.clone(), copy.clone());

    let exam = exam
        .truth(
            "plain, kernels that copy, x > 0, output_gradient 0.5",
            vec![length; 4],
            move |f| f(&positive, &arriving, &copy, DESIGNS[0].1),
        )
        .because("Blocks that change nothing hand the gradient on unchanged: √18 · 0.5.")
        .truth(
            "residual, the same",
            vec![8.0 * length, 4.0 * length, 2.0 * length, length],
            move |f| f(&positive_1, &arriving_1, &copy_1, DESIGNS[2].1),
        )
        .because("Each block gives x + x, so each doubles the gradient on its way back.");

    let (input, arriving, kernels, measured) = smooth_case(&mut random).expect("a small network");
    let exam = DESIGNS
        .into_iter()
        .zip(measured)
        .fold(exam, |exam, ((name, design), expected)| {
            let (input, arriving, kernels) = (input.clone(), arriving.clone(), kernels.clone());
            exam.truth(format!("{name}, 3 random blocks, [2, 2, 3, 3]"), expected, move |f| {
                f(&input, &arriving, &kernels, design)
            })
            .within(Tolerance::relative(2e-3))
            .because("The expected norms were measured by moving every number of x_l a little.")
        });

    let input = random.between(0.0, 1.0, (4, 4, 6, 6));
    let arriving = random.signed((4, 4, 6, 6));
    let kernels: Vec<_> = (0..10)
        .map(|_| (random.signed((4, 4, 3, 3)), random.signed((4, 4, 3, 3))))
        .collect();
    let (input_1, kernels_1) = (input.clone(), kernels.clone());
    let exam = DESIGNS.into_iter().fold(exam, |exam, (name, design)| {
        let (input, arriving, kernels) = (input.clone(), arriving.clone(), kernels.clone());
        exam.case(format!("{name}, 10 random blocks, [4, 4, 6, 6]"), move |f| {
            f(&input, &arriving, &kernels, design)
        })
        .within(Tolerance::relative(1e-2))
    });
    exam.refuses("output_gradient of another shape", move |f| {
        f(
            &input_1,
            &Tensor::ones((4, 4, 5, 5), DType::F32, &Device::Cpu)?,
            &kernels_1,
            DESIGNS[0].1,
        )
    })
}

/// Keeps every x_l, and goes back from the last block with a Var for one block at a time.
fn block_by_block(
    input: &Tensor,
    output_gradient: &Tensor,
    kernels: &[(Tensor, Tensor)],
    design: Design,
) -> Result<Vec<f64>> {
    let block = |x: &Tensor, l: usize| ops::relu(&one_block(x, &kernels[l], design, Fault::None)?);
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
        norms.push(
            arriving
                .to_dtype(DType::F64)?
                .sqr()?
                .sum_all()?
                .sqrt()?
                .to_scalar::<f64>()?,
        );
        let x = Var::from_tensor(&inputs[l].detach())?;
        let gradients = (block(x.as_tensor(), l)? * &arriving)?.sum_all()?.backward()?;
        arriving = gradients.get(&x).expect("the block depends on its input").clone();
    }
    norms.reverse();
    Ok(norms)
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<GradientNorms>) -> Exam<GradientNorms> {
    let mut random = Random::new(seed, 119);
    let input = random.between(0.0, 1.0, (3, 2, 5, 4));
    let arriving = random.signed((3, 2, 5, 4));
    let kernels: Vec<_> = (0..3)
        .map(|_| (random.signed((2, 2, 3, 3)), random.signed((2, 2, 3, 3))))
        .collect();
    let exam = exam.given((input, arriving, kernels), |on| {
        on.case(
            "residual, 3 random blocks, [3, 2, 5, 4], in transposed tensors",
            |f, (x, g, kernels)| f(&askew(x), &askew(g), kernels, DESIGNS[2].1),
        )
        .within(Tolerance::relative(1e-2))
        .holds(NotContiguous)
        .refuses("kernels for 3 channels, an input of 2", |f, (x, g, _)| {
            let kernel = Tensor::ones((3, 3, 3, 3), DType::F32, &Device::Cpu)?;
            f(x, g, &[(kernel.clone(), kernel)], DESIGNS[0].1)
        })
    });
    exam.proofs(SOLUTION, PROOFS)
        .spared(
            &[Batch, Sizes, Combined, Wiring],
            "all four designs are asked, on batches",
        )
        .spared(
            &[Scale, Sign, Ties, Names, NotFinite, Returned],
            "one norm for each block, as numbers",
        )
        .spared(&[Empty], "no block has no gradient")
}
