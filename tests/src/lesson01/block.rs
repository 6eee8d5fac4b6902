use candle_core::{DType, Device, Result, Tensor};
use resnet::{Config, Parameters, ResNet};

use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*};

mod answers;

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

const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// The numbers of a batch norm.
fn norm(name: &str, values: [&[f32]; 4]) -> [(String, Tensor); 4] {
    std::array::from_fn(|i| (format!("{name}.{}", NORM[i]), tensor(values[i], values[i].len())))
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
        let ranges = [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.2, 2.0)];
        for (part, (low, high)) in NORM.into_iter().zip(ranges) {
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

/// 1.5
pub fn exam(seed: u64) -> Exam<Block> {
    hazards(seed, basics(seed, answers::known()))
}

/// A block whose branch is −x, and one whose branch is 0 and whose projection doubles.
fn planted() -> [Parameters; 2] {
    let block = |first, second, doubles: &[&str]| {
        let kernels = [
            ("conv1.weight", copying(first, 2, 3)),
            ("conv2.weight", copying(second, 2, 3)),
        ];
        let kernels = kernels.map(|(name, kernel)| (name.to_string(), kernel)).into_iter();
        let projection = doubles
            .iter()
            .map(|_| ("downsample.0.weight".into(), copying(2.0, 2, 1)));
        let neutral = |name: &&str| norm(name, [&[1.; 2], &[0.; 2], &[0.; 2], &[1.0 - 1e-5; 2]]);
        let norms = ["bn1", "bn2"].iter().chain(doubles).flat_map(neutral);
        kernels.chain(projection).chain(norms).collect()
    };
    [block(1.0, -1.0, &[]), block(0.0, 0.0, &["downsample.1"])]
}

fn without(weights: &Parameters, name: &str) -> Parameters {
    let mut weights = weights.clone();
    weights.remove(name);
    weights
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Block>) -> Exam<Block> {
    let mut random = Random::new(seed, 15);

    let two = Parameters::from(norm("bn", [&[1., -10.], &[0., 1.], &[1., 2.], &[4., 9.]]));
    let quiet = Parameters::from(norm("bn1", [&[1.], &[0.], &[0.], &[1e-5]]));
    // The same number of channels and columns: only then does an unshaped [channels] broadcast without an error.
    let square = random.signed((2, 5, 4, 5));
    let norms = random_block(&mut random, 5, 5);

    let [cancelling, projecting] = planted();
    let again = projecting.clone();
    let positive = random.between(0.1, 1.0, (1, 2, 4, 4));

    let plain = random.signed((2, 3, 6, 7));
    let plain_weights = random_block(&mut random, 3, 3);
    let wide = random.signed((2, 3, 7, 6));
    let wide_weights = random_block(&mut random, 3, 5);
    let (shared, shared_weights, shared_output) = from_the_network(seed).expect("a small network");

    exam.truth(
        "batch norm of 5 and 5, two channels",
        tensor(&[2., -9.], (1, 2, 1, 1)),
        move |f| (f.batch_norm)(&tensor(&[5., 5.], (1, 2, 1, 1)), &two, "bn"),
    )
    .because("(5 − 1) / √4 · 1 + 0 and (5 − 2) / √9 · (−10) + 1, each channel with its own four numbers.")
    .holds(Sign)
    .truth(
        "batch norm of 1 with a running variance of 1e-5",
        tensor(&[223.6068], (1, 1, 1, 1)),
        move |f| (f.batch_norm)(&tensor(&[1.0], (1, 1, 1, 1)), &quiet, "bn1"),
    )
    .because("1 / √(1e-5 + 1e-5).")
    .case("batch norm of a random [2, 5, 4, 5] tensor", move |f| {
        (f.batch_norm)(&square, &norms, "bn1")
    })
    .because("Each channel has its own four numbers, as they are: the same for every image and place, however many.")
    .truth(
        "a block whose branch is −x, x positive",
        Tensor::zeros((1, 2, 4, 4), DType::F32, &Device::Cpu).expect("zeros"),
        move |f| (f.basic_block)(&positive, &cancelling, 1),
    )
    .because("x + (−x) = 0. A branch that could only add would leave x.")
    .truth(
        "a branch of 0, a projection that doubles, stride 2, a single 1 at row 2, column 4",
        (delta([0, 1, 1, 2], [1, 2, 4, 4]) * 2.0).expect("a number"),
        move |f| (f.basic_block)(&delta([0, 1, 2, 4], [1, 2, 8, 8]), &projecting, 2),
    )
    .because(
        "The projection, 1×1 without padding and with the block's stride, takes the pixels of even rows and columns: \
         twice the 1 at (2, 4) lands at (1, 2).",
    )
    .truth(
        "a branch of 0, a projection that doubles, stride 1, a single 50 at row 2, column 4",
        (delta([0, 1, 2, 4], [1, 2, 8, 8]) * 100.0).expect("a number"),
        move |f| (f.basic_block)(&(delta([0, 1, 2, 4], [1, 2, 8, 8]) * 50.0)?, &again, 1),
    )
    .because("The weights of a projection are there, so it is the shortcut, also where no shape changes.")
    .holds(Combined)
    .case("a random [2, 3, 6, 7] tensor, no projection", move |f| {
        (f.basic_block)(&plain, &plain_weights, 1)
    })
    .because("relu( bn2(conv2(relu(bn1(conv1(x))))) + x ): nothing else is on the way.")
    .given((wide, wide_weights), |on| {
        on.case(
            "a random [2, 3, 7, 6] tensor, 5 channels out, stride 1",
            move |f, (wide, wide_weights)| (f.basic_block)(wide, wide_weights, 1),
        )
        .because("The shortcut is downsample.1(downsample.0(x)): a convolution, a batch norm of its own, and no ReLU.")
        .case("the same with stride 2", move |f, (wide, wide_weights)| {
            (f.basic_block)(wide, wide_weights, 2)
        })
        .because("conv1 and the projection have the stride; conv2 has none.")
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
        .refuses("no weight named bn2.bias", |f, (wide, weights)| {
            (f.basic_block)(wide, &without(weights, "bn2.bias"), 1)
        })
        .refuses("no weight named downsample.1.weight", |f, (wide, weights)| {
            (f.basic_block)(wide, &without(weights, "downsample.1.weight"), 1)
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
        .case(
            "batch norm bn1, among others named bn10 and aux.bn1",
            |f, (x, weights)| {
                let mut all = weights.clone();
                for (other, part) in ["bn10", "aux.bn1"]
                    .into_iter()
                    .flat_map(|other| NORM.map(|part| (other, part)))
                {
                    all.insert(format!("{other}.{part}"), weights[&format!("bn2.{part}")].clone());
                }
                (f.batch_norm)(x, &all, "bn1")
            },
        )
        .because("The weights are found by their whole names, bn1.weight and so on.")
        .holds(Names)
        .refuses(
            "batch norm: a running_mean of one number for 4 channels",
            |f, (x, weights)| {
                let mut weights = weights.clone();
                weights.insert("bn1.running_mean".into(), tensor(&[0.5], 1));
                (f.batch_norm)(x, &weights, "bn1")
            },
        )
        .refuses("batch norm: no weight named bn1.running_var", |f, (x, weights)| {
            (f.batch_norm)(x, &without(weights, "bn1.running_var"), "bn1")
        })
        .refuses("a block with stride 2 and no projection", |f, (x, weights)| {
            (f.basic_block)(x, weights, 2)
        })
        .because("x has other sides than F(x), so the two cannot be added")
    });
    let exam = exam.given(fixture, |on| {
        on.case(
            "three images, [3, 4, 5, 7], 6 channels out, stride 3",
            |f, (x, weights)| (f.basic_block)(x, weights, 3),
        )
        .because("2×3 places for each of the images: conv1 and the projection have the stride, whatever it is.")
        .holds([Sizes, Batch])
        .case("the same, stride 2, in transposed tensors", |f, (x, weights)| {
            let weights = weights.iter().map(|(name, weight)| (name.clone(), askew(weight)));
            (f.basic_block)(&askew(x), &weights.collect(), 2)
        })
        .holds([NotContiguous, Batch])
        .refuses(
            "a block of 4 channels in, 6 out, and no projection",
            |f, (x, weights)| {
                let mut weights = weights.clone();
                weights.retain(|name, _| !name.starts_with("downsample"));
                (f.basic_block)(x, &weights, 1)
            },
        )
        .because("x has fewer channels than F(x), so the two cannot be added")
    });
    exam.spared(&[Wiring], "which weight goes where is tried as mistakes")
        .spared(
            &[Scale, Ties, NotFinite, Returned, Empty],
            "sums and one ReLU, nothing is chosen",
        )
}
