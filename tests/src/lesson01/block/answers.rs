//! Answers to 1.5, right and wrong, made of parts.

use candle_core::{Error, Result, Tensor};
use resnet::{Parameters, Window, ops};

use super::{Block, SOLUTION, copying, norm};
use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

/// What a right answer, written independently of the solution, is made of.
#[derive(Clone, Copy)]
struct Parts {
    /// Makes numbers per channel line up with dimension 1.
    shaped: fn(&Tensor) -> Result<Tensor>,
    /// Mean and variance, from the input and those that were kept.
    statistics: fn(&Tensor, [Tensor; 2]) -> Result<[Tensor; 2]>,
    deviation: fn(&Tensor) -> Result<Tensor>,
    shift: fn(&Tensor, &Tensor) -> Result<Tensor>,
    inner: fn(&Tensor) -> Result<Tensor>,
    /// The strides of conv1 and conv2.
    strides: fn(usize) -> [usize; 2],
    second: &'static str,
    project: fn(&Tensor, &Tensor, usize) -> Result<Tensor>,
    projection: &'static str,
    /// The output, from the branch and the shortcut.
    sum: fn(&Tensor, &Tensor) -> Result<Tensor>,
}

const RIGHT: Parts = Parts {
    shaped: |weight| weight.reshape((1, (), 1, 1)),
    statistics: |_, kept| Ok(kept),
    deviation: |variance| (variance + 1e-5)?.sqrt(),
    shift: |y, bias| y.broadcast_add(bias),
    inner: ops::relu,
    strides: |stride| [stride, 1],
    second: "bn2",
    project: |x, kernel, stride| ops::conv2d(x, kernel, Window::new(1).stride(stride)),
    projection: "downsample.1",
    sum: |branch, shortcut| ops::relu(&(branch + shortcut)?),
};

impl Parts {
    fn batch_norm(&self, x: &Tensor, weights: &Parameters, name: &str) -> Result<Tensor> {
        let get = |part: &str| {
            let name = format!("{name}.{part}");
            (self.shaped)(weights.get(&name).ok_or(Error::Msg(name))?)
        };
        let [mean, variance] = (self.statistics)(x, [get("running_mean")?, get("running_var")?])?;
        let y = x.broadcast_sub(&mean)?.broadcast_div(&(self.deviation)(&variance)?)?;
        (self.shift)(&y.broadcast_mul(&get("weight")?)?, &get("bias")?)
    }

    fn block(&self, x: &Tensor, weights: &Parameters, stride: usize) -> Result<Tensor> {
        let weight = |name: &str| weights.get(name).ok_or_else(|| Error::Msg(name.into()));
        let three = Window::new(3).padding(1);
        let [first, second] = (self.strides)(stride);
        let y = ops::conv2d(x, weight("conv1.weight")?, three.stride(first))?;
        let y = (self.inner)(&self.batch_norm(&y, weights, "bn1")?)?;
        let y = ops::conv2d(&y, weight("conv2.weight")?, three.stride(second))?;
        let y = self.batch_norm(&y, weights, self.second)?;
        let shortcut = match (weights.get("downsample.0.weight"), self.projection) {
            (None, _) => x.clone(),
            (Some(kernel), "") => (self.project)(x, kernel, stride)?,
            (Some(kernel), norm) => self.batch_norm(&(self.project)(x, kernel, stride)?, weights, norm)?,
        };
        (self.sum)(&y, &shortcut)
    }
}

fn made(change: fn(&mut Parts)) -> Parts {
    let mut parts = RIGHT;
    change(&mut parts);
    parts
}

/// A right answer but for this part.
macro_rules! but {
    ($($part:ident: $value:expr)?) => {
        Block {
            batch_norm: |x, w, name| made(|_parts| { $(_parts.$part = $value)? }).batch_norm(x, w, name),
            basic_block: |x, w, stride| made(|_parts| { $(_parts.$part = $value)? }).block(x, w, stride),
        }
    };
}

/// The image moved by a pixel up and left.
fn shifted(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let down = x.pad_with_zeros(2, 0, 1)?.narrow(2, 1, height)?;
    down.pad_with_zeros(3, 0, 1)?.narrow(3, 1, width)
}

const FAULTS: &[Fault<Block>] = &[
    fault(
        "batch norm in training mode",
        "You normalized with the batch's own mean and variance. That is training; in evaluation mode the running \
         statistics do it, and an image does not depend on its neighbours in the batch.",
        |f| {
            *f = but!(statistics: |x, _| {
                let mean = x.mean_keepdim((0, 2, 3))?;
                let variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((0, 2, 3))?;
                Ok([mean, variance])
            })
        },
    ),
    fault(
        "divided by the variance",
        "You divided by the variance. Divide by its square root, the standard deviation.",
        |f| *f = but!(deviation: |variance| variance + 1e-5),
    ),
    fault(
        "no epsilon",
        "ε = 1e-5 is missing under the root. It keeps a channel that never varied from dividing by 0.",
        |f| *f = but!(deviation: |variance| variance.sqrt()),
    ),
    fault(
        "epsilon outside the root",
        "ε stands under the root: √(running_var + ε), not √running_var + ε.",
        |f| *f = but!(deviation: |variance| variance.sqrt()? + 1e-5),
    ),
    fault(
        "no shift",
        "The batch norm's bias is missing: the last step adds it.",
        |f| *f = but!(shift: |y, _| Ok(y.clone())),
    ),
    fault(
        "weights along the width",
        "A [channels] tensor lines up with the last dimension, the width. Reshape it to (1, channels, 1, 1) before \
         you broadcast. Where width and channels are equal this goes wrong without an error.",
        |f| *f = but!(shaped: |weight| Ok(weight.clone())),
    ),
    fault(
        "relu before the sum",
        "The last ReLU comes before the addition, so the branch can only add. Add first, then ReLU: the branch must \
         be able to take something away.",
        |f| *f = but!(sum: |branch, shortcut| ops::relu(branch)? + shortcut),
    ),
    fault(
        "no last relu",
        "Your output has negative values: a ReLU follows the addition.",
        |f| *f = but!(sum: |branch, shortcut| branch + shortcut),
    ),
    fault(
        "no skip connection",
        "x itself is missing: relu(F(x) + shortcut(x)).",
        |f| *f = but!(sum: |branch, _| ops::relu(branch)),
    ),
    fault(
        "no relu inside",
        "There is no ReLU between bn1 and conv2. Two convolutions without one between them are one.",
        |f| *f = but!(inner: |x| Ok(x.clone())),
    ),
    fault(
        "stride in the second convolution",
        "You gave the stride to conv2. Both ways have the same shape, and other values: it belongs to conv1.",
        |f| *f = but!(strides: |stride| [1, stride]),
    ),
    fault(
        "projection of the odd pixels",
        "The projection should take the pixels (0, 0), (0, 2), (2, 0), …: a pixel at (2i, 2j) must land at (i, j).",
        |f| {
            *f = but!(project: |x, kernel, stride| {
                let x = if stride == 2 { shifted(x)? } else { x.clone() };
                ops::conv2d(&x, kernel, Window::new(1).stride(stride))
            })
        },
    ),
    fault(
        "projection without its batch norm",
        "downsample.1 is missing: the projection has a batch norm of its own.",
        |f| *f = but!(projection: ""),
    ),
    fault(
        "bn1 twice",
        "bn1 normalizes both convolutions. The second one has its own, bn2.",
        |f| *f = but!(second: "bn1"),
    ),
    fault(
        "relu on the shortcut",
        "Your projection has a ReLU of its own. The shortcut has none: the only ReLU it meets is the one after the \
         addition.",
        |f| {
            *f = but!(sum: |branch, shortcut| ops::relu(&(branch + ops::relu(shortcut)?)?));
        },
    ),
    fault(
        "relu on the branch, too",
        "The branch has a ReLU before the addition as well as after it, so it can only add. bn2 is the last thing in \
         it.",
        |f| *f = but!(sum: |branch, shortcut| ops::relu(&(ops::relu(branch)? + shortcut)?)),
    ),
    fault(
        "bn2 for the projection",
        "bn2 normalizes your projection. It has a batch norm of its own, downsample.1.",
        |f| *f = but!(projection: "bn2"),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Block>] = &[
    ordered!("batch norm, only what lies in order", batch_norm: |x, w, name| [x] => solution01::batch_norm(x, w, name)),
    ordered!("block, only what lies in order", basic_block: |x, w, stride| [x] =>
        solution01::basic_block(x, w, stride)),
    slip(Sizes, "no stride above 2", |f| {
        f.basic_block = |x, w, stride| solution01::basic_block(x, w, stride.min(2));
    }),
    slip(Batch, "two images at most", |f| {
        f.basic_block = |x, w, stride| solution01::basic_block(&first_of(x, 2)?, w, stride);
    }),
    slip(Sign, "the size of the batch norm's weight", |f| {
        f.batch_norm = |x, w, name| {
            let mut w = w.clone();
            w.entry(format!("{name}.weight"))
                .and_modify(|weight| *weight = weight.abs().expect("numbers"));
            solution01::batch_norm(x, &w, name)
        };
    }),
    slip(Combined, "a projection only where the shape changes", |f| {
        f.basic_block = |x, w, stride| {
            let mut w = w.clone();
            if stride == 1
                && w.get("conv1.weight")
                    .is_some_and(|kernel| kernel.dims()[0] == kernel.dims()[1])
            {
                w.remove("downsample.0.weight");
            }
            solution01::basic_block(x, &w, stride)
        };
    }),
    slip(Errors, "a batch norm that is not there is left out", |f| {
        f.basic_block = |x, w, stride| {
            if w.contains_key("downsample.1.weight") {
                solution01::basic_block(x, w, stride)
            } else {
                made(|parts| parts.projection = "").block(x, w, stride)
            }
        };
    }),
    slip(Names, "the last of the names that begin alike", |f| {
        f.batch_norm = |x, w, name| {
            let last = |part: &str| {
                let ends = format!(".{part}");
                let alike = w.keys().filter(|key| key.starts_with(name) && key.ends_with(&ends));
                alike.max().map(|key| (format!("{name}{ends}"), w[key].clone()))
            };
            let found = ["weight", "bias", "running_mean", "running_var"]
                .into_iter()
                .filter_map(last);
            solution01::batch_norm(x, &found.collect(), name)
        };
    }),
    slip(Errors, "one number for all channels", |f| {
        f.batch_norm = |x, w, name| {
            let channels = x.dims4()?.1;
            let spread = |(name, weight): (&String, &Tensor)| match weight.dims() {
                [1] => Ok((name.clone(), weight.broadcast_as(channels)?.contiguous()?)),
                _ => Ok((name.clone(), weight.clone())),
            };
            let spread: Result<Parameters> = w.iter().map(spread).collect();
            solution01::batch_norm(x, &spread?, name)
        };
    }),
];

/// Right answers and wrong ones.
pub(super) fn known() -> Exam<Block> {
    Exam::new("1.5", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .proofs(SOLUTION, PROOFS)
        .unnamed(
            "projection without the stride",
            but!(project: |x, kernel, _| ops::conv2d(x, kernel, Window::new(1))),
        )
        .unnamed(
            "padded projection",
            but!(project: |x, kernel, stride| ops::conv2d(x, kernel, Window::new(1).stride(stride).padding(1))),
        )
        .unnamed(
            "every second pixel, and channels of zeros, in place of a projection",
            Block {
                basic_block: |x, w, stride| {
                    let (inputs, outputs) = (x.dim(1)?, w.get("conv2.weight").map_or(0, |kernel| kernel.dims()[0]));
                    let identity = copying(1.0, inputs, 1).pad_with_zeros(0, 0, outputs.saturating_sub(inputs))?;
                    let ones = vec![1.0; outputs];
                    let zeros = vec![0.0; outputs];
                    let neutral = norm("downsample.1", [&ones, &zeros, &zeros, &vec![1.0 - 1e-5; outputs]]);
                    let mut all = w.clone();
                    if !w.contains_key("downsample.0.weight") {
                        all.insert("downsample.0.weight".into(), identity);
                        all.extend(neutral);
                    }
                    solution01::basic_block(x, &all, stride)
                },
                ..SOLUTION
            },
        )
        .alternative(
            "scale and shift in one step",
            Block {
                batch_norm: |x, w, name| {
                    let get = |part: &str| {
                        let name = format!("{name}.{part}");
                        w.get(&name).ok_or(Error::Msg(name))?.reshape(((), 1, 1))
                    };
                    let scale = (get("weight")? / (get("running_var")? + 1e-5)?.sqrt()?)?;
                    let shift = (get("bias")? - (get("running_mean")? * &scale)?)?;
                    x.broadcast_mul(&scale)?.broadcast_add(&shift)
                },
                ..but!()
            },
        )
}
