//! Units whose optimum is known beforehand, and one network with none.

use candle_core::{DType, Device, Result, Tensor};
use resnet::{Config, ResNet, Stem, Window, ops};

use super::super::{cosine, dot, linear};
use super::{Maximize, Problem, ascent, ball, clamp};
use crate::inputs::{Random, tensor};
use crate::{Exam, Observed, Tolerance};

const KERNEL: usize = 7;

/// A planted unit: stripes that change in the direction of `angle`, in one colour. Its kernel is `[1, 3, 7, 7]`.
fn stripes(angle: f64, colour: [f64; 3]) -> Tensor {
    let middle = (KERNEL as f64 - 1.0) / 2.0;
    let mut values = vec![];
    for amount in colour {
        for i in 0..KERNEL * KERNEL {
            let (y, x) = ((i / KERNEL) as f64 - middle, (i % KERNEL) as f64 - middle);
            let along = x * angle.cos() + y * angle.sin();
            let window = (-(x * x + y * y) / 9.0).exp();
            values.push((amount * window * (std::f64::consts::TAU * along / 5.0).sin()) as f32);
        }
    }
    tensor(&values, (1, 3, KERNEL, KERNEL))
}

/// The mean of a convolution's positive responses, for each image.
fn unit(kernel: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let kernel = kernel.clone();
    move |x| {
        let map = ops::relu(&ops::conv2d(x, &kernel, Window::new(kernel.dim(3)?).padding(3))?)?;
        map.flatten_from(1)?.mean(1)
    }
}

/// The direction in which an image `[1, 3, height, width]` changes, as the cosine of twice its angle to `angle`, from the
/// structure tensor; and the cosine of its colour with `colour`, both without sign.
fn seen(image: &Tensor, angle: f64, colour: [f64; 3]) -> Result<[f64; 2]> {
    let (_, _, height, width) = image.dims4()?;
    let part = |down, right| image.narrow(2, down, height - 1)?.narrow(3, right, width - 1);
    let (dx, dy) = ((part(0, 1)? - part(0, 0)?)?, (part(1, 0)? - part(0, 0)?)?);
    let sum = |x: Result<Tensor>| -> Result<f64> { x?.sum_all()?.to_dtype(DType::F64)?.to_scalar() };
    let (xx, yy, xy) = (sum(dx.sqr())?, sum(dy.sqr())?, sum(&dx * &dy)?);
    let double = f64::atan2(2.0 * xy, xx - yy);
    // The part of the image's contrast that lies along the colour.
    let norm = colour.iter().map(|c| c * c).sum::<f64>().sqrt();
    let colour = Tensor::from_vec(colour.map(|c| (c / norm) as f32).to_vec(), (1, 3, 1, 1), &Device::Cpu)?;
    let along = image.broadcast_mul(&colour)?.sum(1)?;
    let share = sum(along.sqr())? / sum(image.sqr())?;
    Ok([(double - 2.0 * angle).cos(), share.sqrt()])
}

/// Responds to a checkerboard of single pixels, and a little less to a patch of blue: the decoy.
fn decoy(checkerboard: &Tensor, blue: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let (checkerboard, blue) = (checkerboard.clone(), blue.clone());
    move |x| ops::relu(&dot(x, &checkerboard)?)? + (ops::relu(&dot(x, &blue)?)? * 0.4)?
}

/// Units whose optimum is known.
pub(super) fn planted(
    mut exam: Exam<Maximize>,
    random: &mut Random,
    seed: u64,
    small: Tensor,
    weights: Tensor,
) -> Exam<Maximize> {
    exam = exam
        .truth(
            "a linear unit w·x in a ball of radius 1, 60 steps of 0.05",
            Observed::fields([("cosine with w", 1.0), ("norm", 1.0)]),
            move |f| {
                let objective = linear(&weights);
                let x = f(&small, &problem!(&objective, project: &ball), &ascent(60, 0.05))?;
                let norm = x.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
                Ok::<_, candle_core::Error>(Observed::fields([
                    ("cosine with w", cosine(&x, &weights)?),
                    ("norm", norm),
                ]))
            },
        )
        .within(Tolerance::new(1e-3, 0.0))
        .because("Among the images of norm 1 the one that a linear unit likes best is its own weights, w/‖w‖.");

    let angle = [0.0, 45.0, 90.0, 135.0][random.count(0, 3)];
    let colour = [[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.7, 0.7, 0.0], [-0.5, 0.5, 0.7]][random.count(0, 3)];
    let kernel = stripes(f64::to_radians(angle), colour);
    let noise = (random.signed((1, 3, 16, 16)) * 0.01).expect("numbers");
    exam = exam
        .truth(
            format!("a planted unit: stripes that change in the direction of {angle}°, in the colour {colour:?}"),
            Observed::fields([("direction", 1.0), ("colour", 1.0)]),
            move |f| {
                let objective = unit(&kernel);
                let x = f(&noise, &problem!(&objective, project: &ball), &ascent(25, 0.02))?;
                let [direction, share] = seen(&x, f64::to_radians(angle), colour)?;
                Ok::<_, candle_core::Error>(Observed::fields([("direction", direction), ("colour", share)]))
            },
        )
        .within(Tolerance::new(0.05, 0.0))
        .because(
            "A unit that answers to stripes of one direction and colour is given such stripes. (Each number is a \
             cosine with what was planted.)",
        );

    let board: Vec<f32> = (0..3 * 36)
        .map(|i| if (i / 6 + i % 6) % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    let board = tensor(&board, (1, 3, 6, 6));
    let blue: Vec<f32> = (0..3 * 36).map(|i| if i >= 72 { 1.0 } else { 0.0 }).collect();
    let blue = tensor(&blue, (1, 3, 6, 6));
    // Alive for the checkerboard, and a little bit for blue.
    let start = (((&board * 0.01).expect("numbers") + (&blue * 0.001).expect("numbers")).expect("equal shapes")
        + (random.signed((1, 3, 6, 6)) * 0.001).expect("numbers"))
    .expect("equal shapes");
    exam = exam
        .truth(
            "a decoy: a unit that answers to a checkerboard, and to blue at 0.4 of that",
            Observed::fields([
                ("cosine with the checkerboard is above 0.9", true),
                ("with blue below 0.4", true),
            ]),
            move |f| {
                let objective = decoy(&board, &blue);
                let x = f(&start, &problem!(&objective, project: &ball), &ascent(60, 0.05))?;
                Ok::<_, candle_core::Error>(Observed::fields([
                    ("cosine with the checkerboard is above 0.9", cosine(&x, &board)? > 0.9),
                    ("with blue below 0.4", cosine(&x, &blue)? < 0.4),
                ]))
            },
        )
        .because(
            "The optimum is nearly a checkerboard, although in a world without checkerboards the unit says: blue. \
             What a unit could want most is not what it finds.",
        );

    untrained(exam, random, seed)
}

/// The objective rises, and the weights stay what they were.
fn untrained(exam: Exam<Maximize>, random: &mut Random, seed: u64) -> Exam<Maximize> {
    let config = Config::resnet18().width(2).classes(3).stem(Stem::Cifar);
    let network = ResNet::untrained(&config, seed).expect("a small network");
    let grey = random.between(0.4, 0.6, (1, 3, 12, 12));
    exam.truth(
        "6 steps on channel 3 of layer2.1.add of an untrained network",
        Observed::fields([("the objective rises", true), ("the weights have changed", false)]),
        move |f| {
            let objective = |images: &Tensor| {
                let trace = network.capture(&resnet::normalize(images)?, &["layer2.1.add"])?;
                trace
                    .activation("layer2.1.add")?
                    .narrow(1, 3, 1)?
                    .flatten_from(1)?
                    .mean(1)
            };
            let value = |x: &Tensor| objective(x)?.sum_all()?.to_scalar::<f32>();
            let sum = || -> Result<f32> {
                let weights = network.parameters().values();
                let sums = weights.map(|w| w.abs()?.sum_all()?.to_scalar::<f32>());
                let mut sums = sums.collect::<Result<Vec<_>>>()?;
                sums.sort_by(f32::total_cmp);
                Ok(sums.iter().sum())
            };
            let before = sum()?;
            let best = f(&grey, &problem!(&objective, project: &clamp), &ascent(6, 0.01))?;
            Ok::<_, candle_core::Error>(Observed::fields([
                ("the objective rises", value(&best)? > value(&grey)?),
                ("the weights have changed", sum()? != before),
            ]))
        },
    )
}
