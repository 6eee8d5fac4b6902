use candle_core::{Result, Tensor};
use resnet::{Parameters, Window, ops};

use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

/// A function of one tensor, element by element or as a whole.
pub type Map = fn(&Tensor) -> Result<Tensor>;
/// A forward pass that names every activation.
pub type Pass = fn(&Tensor, &Parameters) -> Result<Vec<(&'static str, Tensor)>>;

/// `solution01::relu`, `sigmoid`, `tanh`, `softmax` and `forward`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Forward {
    pub relu: Map,
    pub sigmoid: Map,
    pub tanh: Map,
    pub softmax: Map,
    pub forward: Pass,
}

/// The attempt at 1.4 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_4 {
    ($lesson:ident) => {
        $crate::lesson01::Forward {
            relu: $lesson::relu,
            sigmoid: $lesson::sigmoid,
            tanh: $lesson::tanh,
            softmax: $lesson::softmax,
            forward: $lesson::forward,
        }
    };
}

const SOLUTION: Forward = ex1_4!(solution01);

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

fn observe(activations: Result<Vec<(&'static str, Tensor)>>) -> Observed {
    match activations {
        Ok(list) => Observed::Fields(
            list.iter()
                .map(|(name, value)| (name.to_string(), value.into()))
                .collect(),
        ),
        Err(error) => Observed::Refused(error.to_string()),
    }
}

fn exponential_tanh(x: &Tensor) -> Result<Tensor> {
    let (up, down) = (x.exp()?, x.neg()?.exp()?);
    (&up - &down)?.div(&(up + down)?)
}

fn weights(random: &mut Random, channels: usize, filters: usize, features: usize, classes: usize) -> Parameters {
    Parameters::from([
        ("conv.weight".into(), random.signed((filters, channels, 3, 3))),
        ("conv.bias".into(), random.signed(filters)),
        ("fc.weight".into(), random.signed((classes, features))),
        ("fc.bias".into(), random.signed(classes)),
    ])
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
    slip(Scale, "relu with an upper end", |f| f.relu = |x| x.clamp(0f32, 6f32)),
    slip(Sizes, "only sides that 2 divides", |f| {
        f.forward = |image, weights| {
            let (_, height, width) = image.dims3()?;
            match (height % 2, width % 2) {
                (0, 0) => solution01::forward(image, weights),
                _ => candle_core::bail!("an odd side"),
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

/// 1.4
pub fn forward(seed: u64) -> Exam<Forward> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Forward> {
    Exam::new("1.4", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .unnamed(
            "no padding in the convolution",
            Forward {
                forward: |i, w| pass(i, w, Flaw::NoPadding),
                ..SOLUTION
            },
        )
        .alternative(
            "candle's own functions, the shared operations",
            Forward {
                relu: |x| (x + x.abs()?)? * 0.5,
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

/// A network that sees: filter 0 answers to bright columns left of dark ones, and class 0 counts its answers. An image
/// for it, its weights, and what it sees.
fn planted() -> (Tensor, Parameters, Observed) {
    let edge = tensor(&[0., 1., -1., 0., 1., -1., 0., 1., -1.], (1, 1, 3, 3));
    let planted = Parameters::from([
        ("conv.weight".into(), edge),
        ("conv.bias".into(), tensor(&[-2.0], 1)),
        ("fc.weight".into(), tensor(&[1., 1., 1., 1., 0., 0., 0., 0.], (2, 4))),
        ("fc.bias".into(), tensor(&[0., 2.], 2)),
    ]);
    let step = tensor(&[1., 1., 0., 0.].repeat(4), (1, 4, 4));

    let field = |(name, values, shape): (&str, &[f32], &[usize])| (name.into(), tensor(values, shape).into());
    let seen: [(&str, &[f32], &[usize]); 6] = [
        (
            "conv",
            &[
                -2., 0., -2., -2., //
                -2., 1., -2., -2., //
                -2., 1., -2., -2., //
                -2., 0., -2., -2.,
            ],
            &[1, 4, 4],
        ),
        (
            "relu",
            &[
                0., 0., 0., 0., //
                0., 1., 0., 0., //
                0., 1., 0., 0., //
                0., 0., 0., 0.,
            ],
            &[1, 4, 4],
        ),
        ("maxpool", &[1., 0., 1., 0.], &[1, 2, 2]),
        ("flatten", &[1., 0., 1., 0.], &[4]),
        ("fc", &[2., 2.], &[2]),
        ("softmax", &[0.5, 0.5], &[2]),
    ];
    (step, planted, Observed::Fields(seen.map(field).into()))
}

const STEPS: &str = "Each row comes from the one before it: conv (padding 1, with its bias), relu, maxpool, flatten \
                     channel by channel, fc = fc.weight · flatten + fc.bias, softmax of fc.";

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Forward>) -> Exam<Forward> {
    let mut random = Random::new(seed, 14);
    let x = random.between(-3.0, 3.0, (2, 3, 4));
    let logits = random.between(-4.0, 4.0, 7);
    let shifted = (&logits + 300.0).expect("a number adds to any tensor");
    let small = random.signed((1, 4, 4));
    let small_weights = weights(&mut random, 1, 2, 8, 3);
    let image = random.signed((3, 8, 6));
    let image_weights = weights(&mut random, 3, 4, 48, 5);
    let mut incomplete = image_weights.clone();
    incomplete.remove("fc.bias");
    let (step, planted, seen) = planted();

    exam.truth(
        "relu of −2, −0.5, 0, 0.5, 2",
        tensor(&[0., 0., 0., 0.5, 2.], 5),
        |f| (f.relu)(&tensor(&[-2., -0.5, 0., 0.5, 2.], 5)),
    )
    .because("What is above 0 stays as it is, the rest becomes 0.")
    .given((image, x), |on| {
        on.case("relu of a random [2, 3, 4] tensor", |f, (_, x)| (f.relu)(x))
            .because("What is above 0 stays as it is, the rest becomes 0.")
            .truth("sigmoid of 0 and ln 3", tensor(&[0.5, 0.75], 2), |f, _| {
                (f.sigmoid)(&tensor(&[0., 3f32.ln()], 2))
            })
            .because("1 / (1 + 1) and 1 / (1 + 1/3).")
            .case("sigmoid of a random [2, 3, 4] tensor", |f, (_, x)| (f.sigmoid)(x))
            .because("1 / (1 + e^(−x)), number by number.")
            .truth(
                "sigmoid of −1000, −100, 100 and 1000",
                tensor(&[0., 0., 1., 1.], 4),
                |f, _| (f.sigmoid)(&tensor(&[-1000., -100., 100., 1000.], 4)),
            )
            .within(Tolerance::relative(1e-6))
            .because("The form 1 / (1 + e^(−x)) may overflow inside and is right all the same; no limit is needed.")
            .truth("tanh of 0 and ln 2", tensor(&[0., 0.6], 2), |f, _| {
                (f.tanh)(&tensor(&[0., 2f32.ln()], 2))
            })
            .because("(2 − 1/2) / (2 + 1/2) = 0.6.")
            .case("tanh of a random [2, 3, 4] tensor", |f, (_, x)| (f.tanh)(x))
            .because("2 · sigmoid(2x) − 1, number by number.")
            .truth("tanh of −100 and 100", tensor(&[-1., 1.], 2), |f, _| {
                (f.tanh)(&tensor(&[-100., 100.], 2))
            })
            .within(Tolerance::relative(1e-6))
            .because("2 · sigmoid(2x) − 1 is safe for every x; no limit is needed.")
            .truth("softmax of the logits 0 and ln 3", tensor(&[0.25, 0.75], 2), |f, _| {
                (f.softmax)(&tensor(&[0., 3f32.ln()], 2))
            })
            .within(Tolerance::relative(2e-6))
            .because("1 / (1 + 3) and 3 / (1 + 3).")
            .case("softmax of seven random logits", move |f, _| (f.softmax)(&logits))
            .because("Each exponential over the sum of all seven; together 1.")
            .case("softmax of the same logits plus 300", move |f, _| (f.softmax)(&shifted))
            .because("A number added to all logits changes nothing; e^300 overflows.")
            .truth(
                "forward: a bright left half, an edge filter, and two classes",
                seen,
                move |f, _| observe((f.forward)(&step, &planted)),
            )
            .because(
                "The filter adds up bright minus dark over three rows, less 2: at the edge 3 − 2 = 1, at its ends, \
                 where the padding hides a row, 0. Class 0 counts two answers, class 1 has a bias of 2.",
            )
            .case(
                "forward: a random [1, 4, 4] image, 2 filters, 3 classes",
                move |f, _| observe((f.forward)(&small, &small_weights)),
            )
            .because(STEPS)
            .case(
                "forward: a random [3, 8, 6] image, 4 filters, 5 classes",
                move |f, (image, _)| observe((f.forward)(image, &image_weights)),
            )
            .because(STEPS)
            .refuses("forward: no weight named fc.bias", move |f, (image, _)| {
                observe((f.forward)(image, &incomplete))
            })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Forward>) -> Exam<Forward> {
    let mut random = Random::new(seed, 114);
    let x = random.between(-3.0, 3.0, (2, 3, 4));
    let logits = random.between(-4.0, 4.0, 7);
    let image = random.signed((2, 5, 7));
    let weights = weights(&mut random, 2, 2, 12, 3);
    let (step, mut large, _) = planted();
    large.insert("fc.weight".into(), (&large["fc.weight"] * 1000.0).expect("a tensor"));
    let mut exam = exam
        .truth(
            "softmax of −300, 300, −300, −300",
            tensor(&[0., 1., 0., 0.], 4),
            |f| (f.softmax)(&tensor(&[-300., 300., -300., -300.], 4)),
        )
        .within(Tolerance::relative(1e-6))
        .because(
            "Subtract the largest: with the first of these logits, or their mean, the exponential of 600 or 450 \
                  is left.",
        )
        .holds(Scale)
        .truth("relu of −1e30, 7 and 1e30", tensor(&[0., 7., 1e30], 3), |f| {
            (f.relu)(&tensor(&[-1e30, 7., 1e30], 3))
        })
        .because("ReLU has no upper end.")
        .holds(Scale)
        .truth(
            "forward: a bright left half, weights of fc that are 1000 times as large; its last two rows",
            Observed::fields([("fc", tensor(&[2000., 2.], 2)), ("softmax", tensor(&[1., 0.], 2))]),
            move |f| observe((f.forward)(&step, &large).map(|rows| rows.into_iter().skip(4).collect())),
        )
        .because("The last row is the softmax that you wrote, which does not overflow.")
        .holds(Scale)
        .truth("softmax of −300 and −300", tensor(&[0.5, 0.5], 2), |f| {
            (f.softmax)(&tensor(&[-300., -300.], 2))
        })
        .because("The largest logit is −300: subtract it, and not 0 or 300, which leave 0/0.")
        .holds(Sign)
        .given((x, logits), |on| {
            on.case("relu of a transposed tensor", |f, (x, _)| (f.relu)(&askew(x)))
                .holds(NotContiguous)
                .case("sigmoid of a transposed tensor", |f, (x, _)| (f.sigmoid)(&askew(x)))
                .holds(NotContiguous)
                .case("tanh of a transposed tensor", |f, (x, _)| (f.tanh)(&askew(x)))
                .holds(NotContiguous)
                .case("softmax of every second number of a list", |f, (_, z)| {
                    (f.softmax)(&askew(z))
                })
                .holds(NotContiguous)
        })
        .given((image, weights), |on| {
            let on = on
                .case(
                    "forward: a random [2, 5, 7] image, 2 filters, 3 classes",
                    |f, (image, weights)| observe((f.forward)(image, weights)),
                )
                .because("The pool halves rounding down, 5×7 to 2×3: two filters make 12 features.")
                .holds(Sizes)
                .case(
                    "forward: the same numbers in transposed tensors",
                    |f, (image, weights)| {
                        let weights = weights.iter().map(|(name, weight)| (name.clone(), askew(weight)));
                        observe((f.forward)(&askew(image), &weights.collect()))
                    },
                )
                .holds([Sizes, NotContiguous]);
            ["conv.weight", "conv.bias", "fc.weight"]
                .into_iter()
                .fold(on, |on, name| {
                    on.refuses(
                        format!("forward: no weight named {name}"),
                        move |f, (image, weights)| {
                            let mut weights = weights.clone();
                            weights.remove(name);
                            observe((f.forward)(image, &weights))
                        },
                    )
                })
        });
    macro_rules! ordered {
        ($($function:ident)*) => {
            $(exam = exam.hazard(
                NotContiguous,
                concat!(stringify!($function), ", only what lies in order"),
                Forward {
                    $function: |x| {
                        in_order(&[x])?;
                        solution01::$function(x)
                    },
                    ..SOLUTION
                },
            );)*
        };
    }
    ordered!(relu sigmoid tanh softmax);
    exam.proofs(SOLUTION, PROOFS)
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
        .spared(
            &[Batch, Ties, Names, NotFinite, Empty],
            "one image, and nothing is chosen",
        )
        .spared(
            &[Combined, Returned, Wiring],
            "there are no options; every activation on the way is compared",
        )
}
