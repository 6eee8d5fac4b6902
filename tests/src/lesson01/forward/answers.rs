//! Answers to 1.4, right and wrong.

use candle_core::{Result, Tensor, bail};
use resnet::{Parameters, Window, ops};

use super::{Forward, SOLUTION};
use crate::{Exam, Fault, Hazard::*, Refused, Slip, fault, ordered, slip};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    ConvAfterRelu,
    NoRelu,
    NoConvBias,
    NoPadding,
    AveragePool,
    ColumnsFirst,
    WeightReshaped,
    NoFcBias,
    ReluOnLogits,
}

/// The forward pass with the shared operations, and with one fault.
fn pass(image: &Tensor, weights: &Parameters, fault: Flaw) -> Result<Vec<(&'static str, Tensor)>> {
    let weight = |name: &str| weights.get(name).ok_or_else(|| candle_core::Error::Msg(name.into()));
    let window = Window::new(3).padding(if fault == Flaw::NoPadding { 0 } else { 1 });
    let bias = weight("conv.bias")?.reshape((1, (), 1, 1))?;
    let mut conv = ops::conv2d(&image.unsqueeze(0)?, weight("conv.weight")?, window)?;
    if fault != Flaw::NoConvBias {
        conv = conv.broadcast_add(&bias)?;
    }
    let post = if fault == Flaw::NoRelu {
        conv.clone()
    } else {
        ops::relu(&conv)?
    };
    let half = Window::new(2).stride(2);
    let pooled = if fault == Flaw::AveragePool {
        post.avg_pool2d(2)?
    } else {
        ops::max_pool2d(&post, half)?
    };
    let pooled = pooled.squeeze(0)?;
    let features = if fault == Flaw::ColumnsFirst {
        pooled.permute((1, 2, 0))?.flatten_all()?
    } else {
        pooled.flatten_all()?
    };
    let fc = weight("fc.weight")?;
    let (classes, count) = fc.dims2()?;
    let fc = if fault == Flaw::WeightReshaped {
        fc.reshape((count, classes))?
    } else {
        fc.t()?
    };
    let mut logits = features.unsqueeze(0)?.matmul(&fc)?.squeeze(0)?;
    if fault != Flaw::NoFcBias {
        logits = (logits + weight("fc.bias")?)?;
    }
    if fault == Flaw::ReluOnLogits {
        logits = logits.relu()?;
    }
    let probabilities = solution01::softmax(&logits)?;
    let conv = if fault == Flaw::ConvAfterRelu {
        post.clone()
    } else {
        conv
    };
    Ok(vec![
        ("conv", conv.squeeze(0)?),
        ("relu", post.squeeze(0)?),
        ("maxpool", pooled),
        ("flatten", features),
        ("fc", logits),
        ("softmax", probabilities),
    ])
}

fn exponential_tanh(x: &Tensor) -> Result<Tensor> {
    let (up, down) = (x.exp()?, x.neg()?.exp()?);
    (&up - &down)?.div(&(up + down)?)
}

const FAULTS: &[Fault<Forward>] = &[
    fault(
        "relu returns a mask",
        "Your relu says where x is positive: 0 and 1. It should keep x there.",
        |f| f.relu = |x| x.gt(0f32)?.to_dtype(x.dtype()),
    ),
    fault(
        "relu is the magnitude",
        "Your relu returns |x|. Negative values become 0, not positive.",
        |f| f.relu = |x| x.abs(),
    ),
    fault(
        "sigmoid of minus x",
        "Your sigmoid falls where it should rise: the exponent has the wrong sign. 1 / (1 + e^(−x)).",
        |f| f.sigmoid = |x| (x.exp()? + 1.0)?.recip(),
    ),
    fault(
        "sigmoid overflows",
        "e^x / (1 + e^x) is infinity over infinity for x = 100: NaN. In 1 / (1 + e^(−x)) the exponential may \
         overflow, and the result is still 0.",
        |f| f.sigmoid = |x| x.exp()?.div(&(x.exp()? + 1.0)?),
    ),
    fault(
        "tanh overflows",
        "e^100 is infinite in f32, and infinity over infinity is NaN. 2·sigmoid(2x) − 1 is the same function and \
         cannot overflow to NaN.",
        |f| f.tanh = exponential_tanh,
    ),
    fault(
        "tanh without the doubled argument",
        "2·sigmoid(x) − 1 is too flat. tanh(x) = 2·sigmoid(2x) − 1.",
        |f| f.tanh = |x| solution01::sigmoid(x)?.affine(2.0, -1.0),
    ),
    fault(
        "softmax overflows",
        "e^300 is infinite in f32, and infinity over infinity is NaN. Subtract the largest logit from all of them \
         first: it cancels in the quotient.",
        |f| {
            f.softmax = |z| {
                let exponentials = z.exp()?;
                exponentials.broadcast_div(&exponentials.sum_all()?)
            }
        },
    ),
    fault(
        "softmax without exponentials",
        "You divided the logits by their sum. That can be negative; softmax divides their exponentials.",
        |f| f.softmax = |z| z.broadcast_div(&z.sum_all()?),
    ),
    fault(
        "divided by the largest",
        "Your largest probability is 1: you divided by the largest exponential instead of their sum.",
        |f| f.softmax = |z| z.broadcast_sub(&z.max(0)?)?.exp(),
    ),
    fault(
        "post-activation under the name of the pre-activation",
        "Your `conv` has no negative values: it already went through ReLU. Keep the pre-activation, and give the \
         result of relu a name of its own.",
        |f| f.forward = |i, w| pass(i, w, Flaw::ConvAfterRelu),
    ),
    fault(
        "no relu",
        "Your `relu` still has negative values: the non-linearity is missing between convolution and pool.",
        |f| f.forward = |i, w| pass(i, w, Flaw::NoRelu),
    ),
    fault(
        "no bias in the convolution",
        "conv.bias is not used. Pass it to convolve as Some(bias).",
        |f| f.forward = |i, w| pass(i, w, Flaw::NoConvBias),
    ),
    fault(
        "average pool",
        "You averaged the patches. This network takes their maximum.",
        |f| f.forward = |i, w| pass(i, w, Flaw::AveragePool),
    ),
    fault(
        "flattened channels last",
        "Your features are ordered place by place. The weights of fc expect channel by channel, each row by row: \
         flatten_all on [channels, height, width].",
        |f| f.forward = |i, w| pass(i, w, Flaw::ColumnsFirst),
    ),
    fault(
        "weight reshaped instead of transposed",
        "Reshaping fc.weight to [features, classes] deals the same numbers out in another order. Its rows are the \
         classes: transpose it with t(), or multiply it from the left.",
        |f| f.forward = |i, w| pass(i, w, Flaw::WeightReshaped),
    ),
    fault(
        "no bias in fc",
        "fc.bias is not used. logits = fc.weight · features + fc.bias.",
        |f| f.forward = |i, w| pass(i, w, Flaw::NoFcBias),
    ),
    fault(
        "relu on the logits",
        "Your logits went through ReLU. A class may have a negative score: nothing comes between fc and softmax.",
        |f| f.forward = |i, w| pass(i, w, Flaw::ReluOnLogits),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Forward>] = &[
    ordered!("relu, only what lies in order", relu: |x| [x] => solution01::relu(x)),
    ordered!("sigmoid, only what lies in order", sigmoid: |x| [x] => solution01::sigmoid(x)),
    ordered!("tanh, only what lies in order", tanh: |x| [x] => solution01::tanh(x)),
    ordered!("softmax, only what lies in order", softmax: |x| [x] => solution01::softmax(x)),
    ordered!("forward, only what lies in order", forward: |image, weights| [image] =>
        solution01::forward(image, weights)),
    slip(Scale, "shifted by the mean", |f| {
        f.softmax = |z| {
            let exponentials = z.broadcast_sub(&z.mean_all()?)?.exp()?;
            exponentials.broadcast_div(&exponentials.sum_all()?)
        }
    }),
    slip(Sign, "shifted by the largest, at least 0", |f| {
        f.softmax = |z| {
            let exponentials = z.broadcast_sub(&z.max(0)?.maximum(0f32)?)?.exp()?;
            exponentials.broadcast_div(&exponentials.sum_all()?)
        }
    }),
    slip(Scale, "forward, another softmax", |f| {
        f.forward = |image, weights| {
            let mut rows = solution01::forward(image, weights)?;
            let exponentials = rows[4].1.exp()?;
            rows[5].1 = exponentials.broadcast_div(&exponentials.sum_all()?)?;
            Ok(rows)
        }
    }),
    slip(NotFinite, "relu as a product with 0 or 1", |f| {
        f.relu = |x| x * x.gt(0f32)?.to_dtype(x.dtype())?
    }),
    slip(Names, "the first of the names that end alike", |f| {
        f.forward = |image, weights| {
            let ends = |name: &&str| weights.keys().filter(|key| key.ends_with(*name)).min();
            let named = ["conv.weight", "conv.bias", "fc.weight", "fc.bias"].into_iter();
            let found = named.filter_map(|name| Some((name.to_string(), weights[ends(&name)?].clone())));
            solution01::forward(image, &found.collect())
        }
    }),
    slip(Scale, "relu with an upper end", |f| f.relu = |x| x.clamp(0f32, 6f32)),
    slip(Sizes, "only sides that 2 divides", |f| {
        f.forward = |image, weights| {
            let (_, height, width) = image.dims3()?;
            match (height % 2, width % 2) {
                (0, 0) => solution01::forward(image, weights),
                _ => bail!("an odd side"),
            }
        }
    }),
    slip(Errors, "no bias taken for 0", |f| {
        f.forward = |image, weights| {
            let mut weights = weights.clone();
            if let (Some(kernels), false) = (weights.get("conv.weight"), weights.contains_key("conv.bias")) {
                let zeros = Tensor::zeros(kernels.dim(0)?, kernels.dtype(), kernels.device())?;
                weights.insert("conv.bias".into(), zeros);
            }
            solution01::forward(image, &weights)
        }
    }),
];

const PASSED: &[Refused<Forward>] = &[
    ("a square fc.weight taken for transposed", |f| {
        f.forward = |i, w| {
            let mut w = w.clone();
            if let Some(weight) = w.get_mut("fc.weight")
                && weight.dim(0)? == weight.dim(1)?
            {
                *weight = weight.t()?;
            }
            solution01::forward(i, &w)
        }
    }),
    ("relu wants a dimension", |f| {
        f.relu = |x| x.narrow(0, 0, x.dim(0)?)?.maximum(0f32)
    }),
    ("tanh of images at most", |f| {
        f.tanh = |x| match x.rank() {
            ..4 => solution01::tanh(x),
            rank => bail!("rank {rank}"),
        }
    }),
    ("softmax wants two classes", |f| {
        f.softmax = |z| match z.elem_count() {
            2.. => solution01::softmax(z),
            _ => bail!("one class"),
        }
    }),
];

/// Right answers and wrong ones.
pub(super) fn known() -> Exam<Forward> {
    Exam::new("1.4", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .proofs(SOLUTION, PROOFS)
        .unnamed(
            "a matrix times a vector",
            Forward {
                forward: |_, weights| match weights.get("fc.weight") {
                    Some(weight) => weight.matmul(&weight.get(0)?).map(|_| vec![]),
                    None => Ok(vec![]),
                },
                ..SOLUTION
            },
        )
        .unnamed(
            "no padding in the convolution",
            Forward {
                forward: |i, w| pass(i, w, Flaw::NoPadding),
                ..SOLUTION
            },
        )
        .refused(SOLUTION, PASSED)
        .alternative(
            "candle's own functions, the shared operations",
            Forward {
                relu: |x| x.relu(),
                sigmoid: |x| (x * 0.5)?.tanh()?.affine(0.5, 0.5),
                tanh: |x| x.tanh(),
                softmax: |z| {
                    z.broadcast_sub(
                        &z.broadcast_sub(&z.max(0)?)?
                            .exp()?
                            .sum_all()?
                            .log()?
                            .broadcast_add(&z.max(0)?)?,
                    )?
                    .exp()
                },
                forward: |i, w| pass(i, w, Flaw::None),
            },
        )
}
