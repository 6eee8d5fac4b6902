use candle_core::{DType, Device, Result, Tensor};
use resnet::ops;

use crate::inputs::{Random, askew, delta};
use crate::{Exam, Hazard::*, Tolerance};

mod answers;

use answers::sum;

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
    let next = |x: &Tensor, l: usize| ops::relu(&sum(x, &kernels[l], design)?);
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
            .map(|(_, design, _)| finite_differences(&input, &arriving, &kernels, *design));
        if let Some(norms) = norms.collect::<Result<Option<Vec<_>>>>()? {
            return Ok((input, arriving, kernels, norms));
        }
    }
}

const fn design(skip: bool, batch_norm: bool) -> Design {
    Design { skip, batch_norm }
}

/// The designs, and what is on the way through their blocks.
const DESIGNS: [(&str, Design, &str); 4] = [
    (
        "plain",
        design(false, false),
        "x_l = relu(conv(relu(conv(x, A)), B)) for the whole batch; the loss is Σ x_L · output_gradient, with its \
         signs.",
    ),
    (
        "plain with batch norm",
        design(false, true),
        "batch_normalize follows both convolutions, over the whole batch; the gradient goes through its mean and \
         deviation, too.",
    ),
    (
        "residual",
        design(true, false),
        "The block's own input is added to its second convolution, and the one ReLU after the sum is the last step.",
    ),
    (
        "residual with batch norm",
        design(true, true),
        "batch_normalize follows both convolutions; then comes + x, then the ReLU.",
    ),
];

/// 1.9
pub fn gradient_norms(seed: u64) -> Exam<GradientNorms> {
    hazards(seed, basics(seed, answers::known()))
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
    let exam = exam.given((positive, arriving, copy), move |on| {
        on.truth(
            "plain, kernels that copy, x > 0, output_gradient 0.5",
            vec![length; 4],
            |f, (x, g, kernels)| f(x, g, kernels, DESIGNS[0].1),
        )
        .because("Blocks that change nothing hand the gradient on unchanged: √18 · 0.5.")
        .truth(
            "residual, the same",
            vec![8.0 * length, 4.0 * length, 2.0 * length, length],
            |f, (x, g, kernels)| f(x, g, kernels, DESIGNS[2].1),
        )
        .because("Each block gives x + x, so each doubles the gradient on its way back.")
    });
    let (input, arriving, kernels, measured) = smooth_case(&mut random).expect("a small network");
    let exam = exam.given((input, arriving, kernels), |on| {
        let designs = DESIGNS.into_iter().zip(measured);
        designs.fold(on, |on, ((name, design, way), expected)| {
            on.truth(
                format!("{name}, 3 random blocks, [2, 2, 3, 3]"),
                expected,
                move |f, (x, g, kernels)| f(x, g, kernels, design),
            )
            .within(Tolerance::relative(2e-3))
            .because(way)
        })
    });
    let kernel = |random: &mut Random| random.signed((4, 4, 3, 3));
    let fixture = (
        random.between(0.0, 1.0, (4, 4, 6, 6)),
        random.signed((4, 4, 6, 6)),
        (0..10)
            .map(|_| (kernel(&mut random), kernel(&mut random)))
            .collect::<Vec<_>>(),
    );
    exam.given(fixture, |on| {
        let on = DESIGNS.into_iter().fold(on, |on, (name, design, way)| {
            let label = format!("{name}, 10 random blocks, [4, 4, 6, 6]");
            on.case(label, move |f, (x, g, kernels)| f(x, g, kernels, design))
                .within(Tolerance::relative(1e-2))
                .because(way)
        });
        on.refuses("output_gradient of another shape", |f, (x, _, kernels)| {
            let other = Tensor::ones((4, 4, 5, 5), DType::F32, &Device::Cpu)?;
            f(x, &other, kernels, DESIGNS[0].1)
        })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<GradientNorms>) -> Exam<GradientNorms> {
    let mut random = Random::new(seed, 119);
    let input = random.between(0.0, 1.0, (3, 2, 5, 4));
    let arriving = random.signed((3, 2, 5, 4));
    let kernels: Vec<_> = (0..3)
        .map(|_| (random.signed((2, 2, 3, 3)), random.signed((2, 2, 3, 3))))
        .collect();
    // Fixed numbers, so that every wrong way differs from the right one on every seed.
    let mut fixed = Random::new(0, 219);
    let one_image = (
        fixed.signed((1, 2, 4, 5)),
        fixed.signed((1, 2, 4, 5)),
        (0..3)
            .map(|_| (fixed.signed((2, 2, 3, 3)), fixed.signed((2, 2, 3, 3))))
            .collect::<Vec<_>>(),
    );
    let exam = exam.given(one_image, |on| {
        let on = on
            .case(
                "residual with batch norm, 3 blocks, one image, an input between −1 and 1",
                |f, (x, g, kernels)| f(x, g, kernels, DESIGNS[3].1),
            )
            .within(Tolerance::relative(1e-2))
            .because("An image alone is a batch, too; and the input goes into the first block as it is.")
            .holds([Batch, Sign]);
        [("10⁻²⁵", 1e-25), ("10²²", 1e22)]
            .into_iter()
            .fold(on, |on, (name, factor)| {
                on.case(
                    format!("plain, 3 blocks, one image, an output_gradient of about {name}"),
                    move |f, (x, g, kernels)| f(&x.abs()?, &(g * factor)?, kernels, DESIGNS[0].1),
                )
                .within(Tolerance::relative(1e-2))
                .because(
                    "A gradient may be as small or as large as this: its square is no f32. Sum the squares in f64.",
                )
                .holds(Scale)
            })
    });
    let exam = exam.given((input, arriving, kernels), |on| {
        on.case(
            "residual, 3 random blocks, [3, 2, 5, 4], in transposed tensors",
            |f, (x, g, kernels)| f(&askew(x), &askew(g), kernels, DESIGNS[2].1),
        )
        .within(Tolerance::relative(1e-2))
        .because(DESIGNS[2].2)
        .holds(NotContiguous)
        .truth("no block at all", Vec::<f64>::new(), |f, (x, g, _)| {
            f(x, g, &[], DESIGNS[0].1)
        })
        .because("One norm per block: none.")
        .holds(Empty)
        .refuses("kernels for 3 channels, an input of 2", |f, (x, g, _)| {
            let kernel = Tensor::ones((3, 3, 3, 3), DType::F32, &Device::Cpu)?;
            f(x, g, &[(kernel.clone(), kernel)], DESIGNS[0].1)
        })
    });
    exam.spared(&[Sizes, Combined, Wiring], "all four designs are asked")
        .spared(
            &[Ties, Names, NotFinite, Returned],
            "one norm for each block, as numbers",
        )
}
