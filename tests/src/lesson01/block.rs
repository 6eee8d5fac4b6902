use candle_core::{DType, Device, Error, Result, Tensor};
use resnet::{Config, Parameters, ResNet, Window, ops};

use crate::inputs::{Random, askew, delta, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, fault, slip};

/// `solution01::batch_norm` and `solution01::basic_block`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Block {
    pub batch_norm: fn(&Tensor, &Parameters, &str) -> Result<Tensor>,
    pub basic_block: fn(&Tensor, &Parameters, usize) -> Result<Tensor>,
}

/// The attempt at 1.5 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_5 {
    ($lesson:ident) => {
        $crate::lesson01::Block {
            batch_norm: $lesson::batch_norm,
            basic_block: $lesson::basic_block,
        }
    };
}

const SOLUTION: Block = ex1_5!(solution01);

#[derive(Clone, Copy, PartialEq)]
enum Norm {
    Right,
    Training,
    Variance,
    NoEpsilon,
    EpsilonOutside,
    NoBias,
    Unshaped,
}

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    ReluBeforeSum,
    NoLastRelu,
    NoSum,
    NoInnerRelu,
    StrideInSecond,
    ProjectionWithoutStride,
    ProjectionWithoutNorm,
    ProjectionPadded,
    ProjectionOnOddPixels,
    SameNormTwice,
}

fn batch_norm(x: &Tensor, weights: &Parameters, name: &str, norm: Norm) -> Result<Tensor> {
    let channels = x.dims4()?.1;
    let get = |part: &str| {
        let name = format!("{name}.{part}");
        let weight = weights.get(&name).ok_or(Error::Msg(name))?;
        if norm == Norm::Unshaped {
            Ok(weight.clone())
        } else {
            weight.reshape((1, channels, 1, 1))
        }
    };
    let (mut mean, mut variance) = (get("running_mean")?, get("running_var")?);
    if norm == Norm::Training {
        mean = x.mean_keepdim((0, 2, 3))?;
        variance = x.broadcast_sub(&mean)?.sqr()?.mean_keepdim((0, 2, 3))?;
    }
    let scale = match norm {
        Norm::Variance => (variance + 1e-5)?,
        Norm::NoEpsilon => variance.sqrt()?,
        Norm::EpsilonOutside => (variance.sqrt()? + 1e-5)?,
        _ => (variance + 1e-5)?.sqrt()?,
    };
    let y = x
        .broadcast_sub(&mean)?
        .broadcast_div(&scale)?
        .broadcast_mul(&get("weight")?)?;
    if norm == Norm::NoBias {
        Ok(y)
    } else {
        y.broadcast_add(&get("bias")?)
    }
}

fn basic_block(x: &Tensor, weights: &Parameters, stride: usize, fault: Flaw, norm: Norm) -> Result<Tensor> {
    let weight = |name: &str| weights.get(name).ok_or_else(|| Error::Msg(name.into()));
    let three = Window::new(3).padding(1);
    let (first, second) = if fault == Flaw::StrideInSecond {
        (1, stride)
    } else {
        (stride, 1)
    };
    let y = ops::conv2d(x, weight("conv1.weight")?, three.stride(first))?;
    let y = batch_norm(&y, weights, "bn1", norm)?;
    let y = if fault == Flaw::NoInnerRelu { y } else { ops::relu(&y)? };
    let y = ops::conv2d(&y, weight("conv2.weight")?, three.stride(second))?;
    let y = batch_norm(
        &y,
        weights,
        if fault == Flaw::SameNormTwice { "bn1" } else { "bn2" },
        norm,
    )?;

    let shortcut = match weights.get("downsample.0.weight") {
        None => x.clone(),
        Some(projection) => {
            let (x, window) = match fault {
                Flaw::ProjectionWithoutStride => (x.clone(), Window::new(1)),
                Flaw::ProjectionPadded => (x.clone(), Window::new(1).stride(stride).padding(1)),
                Flaw::ProjectionOnOddPixels if stride == 2 => (shifted(x)?, Window::new(1).stride(stride)),
                _ => (x.clone(), Window::new(1).stride(stride)),
            };
            let z = ops::conv2d(&x, projection, window)?;
            if fault == Flaw::ProjectionWithoutNorm {
                z
            } else {
                batch_norm(&z, weights, "downsample.1", norm)?
            }
        }
    };
    match fault {
        Flaw::ReluBeforeSum => ops::relu(&y)? + shortcut,
        Flaw::NoLastRelu => y + shortcut,
        Flaw::NoSum => ops::relu(&y),
        _ => ops::relu(&(y + shortcut)?),
    }
}

/// The image moved by a pixel up and left.
fn shifted(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    x.pad_with_zeros(2, 0, 1)?
        .narrow(2, 1, height)?
        .pad_with_zeros(3, 0, 1)?
        .narrow(3, 1, width)
}

/// A batch norm that changes nothing, named `name`.
fn neutral(weights: &mut Parameters, name: &str, channels: usize) {
    for (part, value) in [
        ("weight", 1.0),
        ("bias", 0.0),
        ("running_mean", 0.0),
        ("running_var", 1.0 - 1e-5),
    ] {
        let values = Tensor::full(value as f32, channels, &Device::Cpu).expect("a constant");
        weights.insert(format!("{name}.{part}"), values);
    }
}

/// A kernel that copies each channel, times `factor`.
fn copying(factor: f64, channels: usize, side: usize) -> Tensor {
    let kernels = (0..channels).map(|c| delta([c, side / 2, side / 2], [channels, side, side]));
    let kernels: Vec<_> = kernels.collect();
    (Tensor::stack(&kernels, 0).expect("equal shapes") * factor).expect("a number")
}

/// Random weights of a block; with a projection if `inputs` and `outputs` differ.
fn random_block(random: &mut Random, inputs: usize, outputs: usize) -> Parameters {
    let mut weights = Parameters::from([
        (
            "conv1.weight".into(),
            random.between(-0.5, 0.5, (outputs, inputs, 3, 3)),
        ),
        (
            "conv2.weight".into(),
            random.between(-0.5, 0.5, (outputs, outputs, 3, 3)),
        ),
    ]);
    let mut norms = vec!["bn1", "bn2"];
    if inputs != outputs {
        weights.insert("downsample.0.weight".into(), random.signed((outputs, inputs, 1, 1)));
        norms.push("downsample.1");
    }
    for name in norms {
        for (part, low, high) in [
            ("weight", 0.5, 1.5),
            ("bias", -0.5, 0.5),
            ("running_mean", -0.5, 0.5),
            ("running_var", 0.2, 2.0),
        ] {
            weights.insert(format!("{name}.{part}"), random.between(low, high, outputs));
        }
    }
    weights
}

/// A block of the shared network: what goes in, its weights, and what comes out.
fn from_the_network(seed: u64) -> Result<(Tensor, Parameters, Tensor)> {
    let config = Config::resnet18().width(4).classes(3);
    let weights = resnet::parameters::initialize(&config, seed)?;
    let network = ResNet::new(&config, &weights)?;
    let images = Random::new(seed, 150).signed((2, 3, 37, 33));
    let trace = network.capture(&images, &["layer1", "layer2.0"])?;
    let block = weights
        .iter()
        .filter_map(|(name, weight)| Some((name.strip_prefix("layer2.0.")?.to_string(), weight.clone())));
    Ok((
        trace.activation("layer1")?.clone(),
        block.collect(),
        trace.activation("layer2.0")?.clone(),
    ))
}

macro_rules! norm {
    ($norm:expr) => {
        Block {
            batch_norm: |x, w, name| batch_norm(x, w, name, $norm),
            basic_block: |x, w, stride| basic_block(x, w, stride, Flaw::None, $norm),
        }
    };
}

macro_rules! fault {
    ($fault:expr) => {
        Block {
            basic_block: |x, w, stride| basic_block(x, w, stride, $fault, Norm::Right),
            ..SOLUTION
        }
    };
}

const FAULTS: &[Fault<Block>] = &[
    fault(
        "batch norm in training mode",
        "You normalized with the batch's own mean and variance. That is training; in evaluation mode the running \
         statistics do it, and an image does not depend on its neighbours in the batch.",
        |f| *f = norm!(Norm::Training),
    ),
    fault(
        "divided by the variance",
        "You divided by the variance. Divide by its square root, the standard deviation.",
        |f| *f = norm!(Norm::Variance),
    ),
    fault(
        "no epsilon",
        "ε = 1e-5 is missing under the root. It keeps a channel that never varied from dividing by 0.",
        |f| *f = norm!(Norm::NoEpsilon),
    ),
    fault(
        "epsilon outside the root",
        "ε stands under the root: √(running_var + ε), not √running_var + ε.",
        |f| *f = norm!(Norm::EpsilonOutside),
    ),
    fault(
        "no shift",
        "The batch norm's bias is missing: the last step adds it.",
        |f| *f = norm!(Norm::NoBias),
    ),
    fault(
        "weights along the width",
        "A [channels] tensor lines up with the last dimension, the width. Reshape it to (1, channels, 1, 1) before \
         you broadcast. Where width and channels are equal this goes wrong without an error.",
        |f| *f = norm!(Norm::Unshaped),
    ),
    fault(
        "relu before the sum",
        "The last ReLU comes before the addition, so the branch can only add. Add first, then ReLU: the branch must \
         be able to take something away.",
        |f| *f = fault!(Flaw::ReluBeforeSum),
    ),
    fault(
        "no last relu",
        "Your output has negative values: a ReLU follows the addition.",
        |f| *f = fault!(Flaw::NoLastRelu),
    ),
    fault(
        "no skip connection",
        "x itself is missing: relu(F(x) + shortcut(x)).",
        |f| *f = fault!(Flaw::NoSum),
    ),
    fault(
        "no relu inside",
        "There is no ReLU between bn1 and conv2. Two convolutions without one between them are one.",
        |f| *f = fault!(Flaw::NoInnerRelu),
    ),
    fault(
        "stride in the second convolution",
        "You gave the stride to conv2. Both ways have the same shape, and other values: it belongs to conv1.",
        |f| *f = fault!(Flaw::StrideInSecond),
    ),
    fault(
        "projection of the odd pixels",
        "The projection should take the pixels (0, 0), (0, 2), (2, 0), …: a pixel at (2i, 2j) must land at (i, j).",
        |f| *f = fault!(Flaw::ProjectionOnOddPixels),
    ),
    fault(
        "projection without its batch norm",
        "downsample.1 is missing: the projection has a batch norm of its own.",
        |f| *f = fault!(Flaw::ProjectionWithoutNorm),
    ),
    fault(
        "bn1 twice",
        "bn1 normalizes both convolutions. The second one has its own, bn2.",
        |f| *f = fault!(Flaw::SameNormTwice),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Block>] = &[
    slip(NotContiguous, "batch norm, only what lies in order", |f| {
        *f = Block {
            batch_norm: |x, w, name| {
                in_order(&[x])?;
                solution01::batch_norm(x, w, name)
            },
            basic_block: solution01::basic_block,
        }
    }),
    slip(NotContiguous, "block, only what lies in order", |f| {
        *f = Block {
            batch_norm: solution01::batch_norm,
            basic_block: |x, w, stride| {
                in_order(&[x])?;
                solution01::basic_block(x, w, stride)
            },
        }
    }),
    slip(Sizes, "no stride above 2", |f| {
        *f = Block {
            batch_norm: solution01::batch_norm,
            basic_block: |x, w, stride| solution01::basic_block(x, w, stride.min(2)),
        }
    }),
    slip(Batch, "two images at most", |f| {
        *f = Block {
            batch_norm: solution01::batch_norm,
            basic_block: |x, w, stride| {
                let two = solution01::basic_block(&x.narrow(0, 0, x.dim(0)?.min(2))?, w, stride)?;
                match x.dim(0)? {
                    3 => Tensor::cat(&[&two, &two.narrow(0, 0, 1)?], 0),
                    _ => Ok(two),
                }
            },
        }
    }),
    slip(Errors, "one number for all channels", |f| {
        *f = Block {
            batch_norm: |x, w, name| {
                let channels = x.dims4()?.1;
                let spread = |(name, weight): (&String, &Tensor)| match weight.dims() {
                    [1] => Ok((name.clone(), weight.broadcast_as(channels)?.contiguous()?)),
                    _ => Ok((name.clone(), weight.clone())),
                };
                let spread: Result<Parameters> = w.iter().map(spread).collect();
                solution01::batch_norm(x, &spread?, name)
            },
            basic_block: solution01::basic_block,
        }
    }),
];

/// 1.5
pub fn exam(seed: u64) -> Exam<Block> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Block> {
    Exam::new("1.5", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .unnamed("projection without the stride", fault!(Flaw::ProjectionWithoutStride))
        .unnamed("padded projection", fault!(Flaw::ProjectionPadded))
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
                basic_block: |x, w, stride| basic_block(x, w, stride, Flaw::None, Norm::Right),
            },
        )
}

/// Batch norms `bn` of two channels and `bn1` of one, whose variance is as small as ε.
fn small_norms() -> (Parameters, Parameters) {
    let two = Parameters::from(
        [
            ("weight", [1., 10.]),
            ("bias", [0., 1.]),
            ("running_mean", [1., 2.]),
            ("running_var", [4., 9.]),
        ]
        .map(|(part, values)| (format!("bn.{part}"), tensor(&values, 2))),
    );
    let quiet = Parameters::from(
        [
            ("weight", 1.0),
            ("bias", 0.0),
            ("running_mean", 0.0),
            ("running_var", 1e-5),
        ]
        .map(|(part, value)| (format!("bn1.{part}"), tensor(&[value], 1))),
    );
    (two, quiet)
}

/// A block whose branch is −x, and one whose branch is 0 and whose projection copies.
fn planted() -> (Parameters, Parameters) {
    let mut cancelling = Parameters::from([
        ("conv1.weight".into(), copying(1.0, 2, 3)),
        ("conv2.weight".into(), copying(-1.0, 2, 3)),
    ]);
    neutral(&mut cancelling, "bn1", 2);
    neutral(&mut cancelling, "bn2", 2);
    let mut projecting = Parameters::from([
        ("conv1.weight".into(), copying(0.0, 2, 3)),
        ("conv2.weight".into(), copying(0.0, 2, 3)),
        ("downsample.0.weight".into(), copying(1.0, 2, 1)),
    ]);
    for name in ["bn1", "bn2", "downsample.1"] {
        neutral(&mut projecting, name, 2);
    }
    (cancelling, projecting)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Block>) -> Exam<Block> {
    let mut random = Random::new(seed, 15);

    let (two, quiet) = small_norms();
    // The same number of channels and columns: only then does an unshaped [channels] broadcast without an error.
    let square = random.signed((2, 5, 4, 5));
    let norms = random_block(&mut random, 5, 5);

    let (cancelling, projecting) = planted();
    let positive = random.between(0.1, 1.0, (1, 2, 4, 4));

    let plain = random.signed((2, 3, 6, 7));
    let plain_weights = random_block(&mut random, 3, 3);
    let wide = random.signed((2, 3, 7, 6));
    let wide_weights = random_block(&mut random, 3, 5);
    let (shared, shared_weights, shared_output) = from_the_network(seed).expect("a small network");
    let mut incomplete = wide_weights.clone();
    incomplete.remove("bn2.bias");

    exam.truth(
        "batch norm of 5 and 5, two channels",
        tensor(&[2., 11.], (1, 2, 1, 1)),
        move |f| (f.batch_norm)(&tensor(&[5., 5.], (1, 2, 1, 1)), &two, "bn"),
    )
    .because("(5 − 1) / √4 · 1 + 0 and (5 − 2) / √9 · 10 + 1.")
    .truth(
        "batch norm of 1 with a running variance of 1e-5",
        tensor(&[223.6068], (1, 1, 1, 1)),
        move |f| (f.batch_norm)(&tensor(&[1.0], (1, 1, 1, 1)), &quiet, "bn1"),
    )
    .because("1 / √(1e-5 + 1e-5).")
    .case("batch norm of a random [2, 5, 4, 5] tensor", move |f| {
        (f.batch_norm)(&square, &norms, "bn1")
    })
    .truth(
        "a block whose branch is −x, x positive",
        Tensor::zeros((1, 2, 4, 4), DType::F32, &Device::Cpu).expect("zeros"),
        move |f| (f.basic_block)(&positive, &cancelling, 1),
    )
    .because("x + (−x) = 0. A branch that could only add would leave x.")
    .truth(
        "a branch of 0, stride 2, a single 1 at row 2, column 4",
        delta([0, 1, 1, 2], [1, 2, 4, 4]),
        move |f| (f.basic_block)(&delta([0, 1, 2, 4], [1, 2, 8, 8]), &projecting, 2),
    )
    .because(
        "The projection, 1×1 without padding and with the block's stride, copies the pixels of even rows \
                  and columns: (2, 4) lands at (1, 2).",
    )
    .case("a random [2, 3, 6, 7] tensor, no projection", move |f| {
        (f.basic_block)(&plain, &plain_weights, 1)
    })
    .given((wide, wide_weights), |on| {
        on.case(
            "a random [2, 3, 7, 6] tensor, 5 channels out, stride 1",
            move |f, (wide, wide_weights)| (f.basic_block)(wide, wide_weights, 1),
        )
        .case("the same with stride 2", move |f, (wide, wide_weights)| {
            (f.basic_block)(wide, wide_weights, 2)
        })
        .truth(
            "the same: how much image 0 changes when image 1 is left out",
            0.0,
            move |f, (wide, wide_weights)| -> Result<f32> {
                let both = (f.basic_block)(wide, wide_weights, 2)?.narrow(0, 0, 1)?;
                let alone = (f.basic_block)(&wide.narrow(0, 0, 1)?, wide_weights, 2)?;
                (both - alone)?.abs()?.max_all()?.to_scalar::<f32>()
            },
        )
        .because("In evaluation mode an image's activations do not depend on the images beside it.")
        .truth(
            "layer2.0 of a small ResNet-18, on its layer1",
            shared_output,
            move |f, _| (f.basic_block)(&shared, &shared_weights, 2),
        )
        .because("The expected values are those of resnet::ResNet.")
        .refuses("no weight named bn2.bias", move |f, (wide, ..)| {
            (f.basic_block)(wide, &incomplete, 1)
        })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Block>) -> Exam<Block> {
    let mut random = Random::new(seed, 115);
    let fixture = (random.signed((3, 4, 5, 7)), random_block(&mut random, 4, 6));
    let square = random_block(&mut random, 4, 4);
    let exam = exam.given((fixture.0.clone(), square), |on| {
        on.case("batch norm of a transposed tensor", |f, (x, weights)| {
            (f.batch_norm)(&askew(x), weights, "bn1")
        })
        .holds(NotContiguous)
        .refuses(
            "batch norm: a running_mean of one number for 4 channels",
            |f, (x, weights)| {
                let mut weights = weights.clone();
                weights.insert("bn1.running_mean".into(), tensor(&[0.5], 1));
                (f.batch_norm)(x, &weights, "bn1")
            },
        )
        .refuses("batch norm: no weight named bn1.running_var", |f, (x, weights)| {
            let mut weights = weights.clone();
            weights.remove("bn1.running_var");
            (f.batch_norm)(x, &weights, "bn1")
        })
    });
    let exam = exam.given(fixture, |on| {
        on.case(
            "three images, [3, 4, 5, 7], 6 channels out, stride 3",
            |f, (x, weights)| (f.basic_block)(x, weights, 3),
        )
        .holds([Sizes, Batch])
        .case("the same, stride 2, in transposed tensors", |f, (x, weights)| {
            let weights = weights.iter().map(|(name, weight)| (name.clone(), askew(weight)));
            (f.basic_block)(&askew(x), &weights.collect(), 2)
        })
        .holds([NotContiguous, Batch])
    });
    exam.proofs(SOLUTION, PROOFS)
        .spared(
            &[Combined, Wiring, Names],
            "which weight goes where is tried as mistakes",
        )
        .spared(
            &[Scale, Sign, Ties, NotFinite, Returned, Empty],
            "sums and one ReLU, nothing is chosen",
        )
}
