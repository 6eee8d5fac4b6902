//! What 4.11 is asked for.

use candle_core::{DType, Device, Result, Tensor, Var, bail};

use super::answer::{RIGHT, unit_rows};
use super::{Dictionary, Sparse};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed};

/// The gradients of the sum of the squares of what `output` gives, by all of `tensors`, one after the other.
fn gradients<const N: usize>(
    tensors: &[Tensor; N],
    output: impl FnOnce(&[Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let variables = tensors.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let parts: [Tensor; N] = std::array::from_fn(|part| variables[part].as_tensor().clone());
    let gradients = output(&parts)?.sqr()?.sum_all()?.backward()?;
    let of = |variable: &Var| match gradients.get(variable) {
        Some(gradient) => gradient.flatten_all(),
        None => bail!("the result is not connected to what it was made of"),
    };
    Tensor::cat(&variables.iter().map(of).collect::<Result<Vec<_>>>()?, 0)
}

/// Three features of two units whose codes and rebuilt activations can be worked out by hand.
pub(super) fn small() -> Dictionary {
    [
        tensor(&[1., 0., 0., 1., 1., 1.], (3, 2)),
        tensor(&[0., -1., 0.5], 3),
        tensor(&[0., 1., 1., 0., 0.6, 0.8], (3, 2)),
        tensor(&[1., 0.], 2),
    ]
}

fn random_dictionary(random: &mut Random, features: usize, units: usize) -> Dictionary {
    [
        random.signed((features, units)),
        random.signed(features),
        random.signed((features, units)),
        random.signed(units),
    ]
}

/// Features that share units.
pub(super) fn toy(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
    let mut random = Random::new(seed, 4110);
    let two = tensor(&[1., 0., 0., 1., 1., 1., 0., 0.], (4, 2));
    let fixture = (two, [random.signed((3, 7)), random.signed(7)], random.signed((5, 7)));
    let wide = [random.signed((4, 3)), random.signed(3)];
    exam.given(fixture, |on| {
        on.part("toy_output")
            .truth(
                "two features that are opposite directions of one unit, W = (1, −1), b = 0: the first alone, the \
                 second \
                 alone, both, none",
                tensor(&[1., 0., 0., 1., 0., 0., 0., 0.], (4, 2)),
                |f, (two, ..)| (f.toy_output)(&[tensor(&[1., -1.], (1, 2)), tensor(&[0.; 2], 2)], two),
            )
            .because("Each comes out whole as long as it is alone. Together they cancel.")
            .truth(
                "two features in one direction, W = (1, 1), b = (−0.5, 0): the same four",
                tensor(&[0.5, 1., 0.5, 1., 1.5, 2., 0., 0.], (4, 2)),
                |f, (two, ..)| (f.toy_output)(&[tensor(&[1., 1.], (1, 2)), tensor(&[-0.5, 0.], 2)], two),
            )
            .because("What goes in as the first comes out as both: nothing behind the unit can tell them apart.")
            .case("seven features in three units, five random rows", |f, (_, toy, x)| {
                (f.toy_output)(toy, x)
            })
            .because("relu(x·Wᵀ·W + b), with W as it is: its columns need not be of length 1.")
            .case("the same in transposed tensors", |f, (_, [weights, bias], x)| {
                (f.toy_output)(&[askew(weights), bias.clone()], &askew(x))
            })
            .holds(NotContiguous)
            .case("three features in four units", move |f, (.., x)| {
                (f.toy_output)(&wide, &x.narrow(1, 0, 3)?.contiguous()?)
            })
            .holds(Sizes)
            .case(
                "the gradient of its squares by the toy's weights and bias",
                |f, (_, toy, x)| gradients(toy, |toy| (f.toy_output)(toy, x)),
            )
            .because("A toy is taught by this gradient: the output has to stay connected to weights and bias.")
            .holds(Returned)
    })
}

/// Which features are at work.
pub(super) fn sparse(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
    let mut random = Random::new(seed, 4111);
    let fixture = (
        tensor(&[2., 3., 0., -1.], (2, 2)),
        random_dictionary(&mut random, 7, 4),
        (random.signed((9, 4)) * 3.0).expect("numbers"),
    );
    exam.given(fixture, |on| {
        on.part("codes")
            .truth(
                "features (1, 0), (0, 1), (1, 1) with biases 0, −1, ½ and decoder_bias (1, 0), of x = (2, 3) and \
                 (0, −1), all kept",
                tensor(&[1., 2., 4.5, 0., 0., 0.], (2, 3)),
                |f, (x, ..)| (f.codes)(&small(), x, 3),
            )
            .because(
                "x less decoder_bias is (1, 3), whose products with the features are 1, 3 and 4, and the \
                 biases follow.",
            )
            .truth(
                "the same, two kept",
                tensor(&[0., 2., 4.5, 0., 0., 0.], (2, 3)),
                |f, (x, ..)| (f.codes)(&small(), x, 2),
            )
            .because("Of each row the two largest stay as they are and the rest is 0; the second row has none above 0.")
            .truth(
                "x = (2, 1) and (1, 2), features (1, 0), (0, 1) and (1, 0), one kept: two are equal in the first row",
                tensor(&[2., 0., 2., 0., 2., 0.], (2, 3)),
                |f, _| {
                    let rows = tensor(&[1., 0., 0., 1., 1., 0.], (3, 2));
                    let none = [tensor(&[0.; 3], 3), tensor(&[0.; 2], 2)];
                    let [zeros, bias] = none;
                    (f.codes)(
                        &[rows.clone(), zeros, rows, bias],
                        &tensor(&[2., 1., 1., 2.], (2, 2)),
                        1,
                    )
                },
            )
            .because("What is equal to the last of the `keep` largest stays too.")
            .holds(Ties)
            .case(
                "nine random rows, two of seven features kept",
                |f, (_, dictionary, x)| (f.codes)(dictionary, x, 2),
            )
            .because("The two largest of each row, after the ReLU, whatever the other rows hold.")
            .holds(Batch)
            .case(
                "the gradient of the squares of the codes by encoder, encoder_bias and decoder_bias, three kept",
                |f, (_, [encoder, encoder_bias, decoder, decoder_bias], x)| {
                    let heard = [encoder.clone(), encoder_bias.clone(), decoder_bias.clone()];
                    gradients(&heard, |[e, eb, db]| {
                        (f.codes)(&[e.clone(), eb.clone(), decoder.clone(), db.clone()], x, 3)
                    })
                },
            )
            .because("A dictionary is learned by this gradient: the codes have to stay connected to it.")
            .holds(Returned)
            .holds(Batch)
            .case("the same in transposed tensors, three kept", |f, (_, d, x)| {
                let [encoder, encoder_bias, decoder, decoder_bias] = d.clone();
                let d = [askew(&encoder), encoder_bias, askew(&decoder), decoder_bias];
                (f.codes)(&d, &askew(&x.narrow(0, 0, 4)?), 3)
            })
            .holds(NotContiguous)
            .case(
                "four rows of size 10⁻⁹ and four of size 10⁹ without biases, two kept",
                |f, (_, d, x)| -> Result<Observed> {
                    let mut d = d.clone();
                    (d[1], d[3]) = (d[1].zeros_like()?, d[3].zeros_like()?);
                    let of = |size: f64| (f.codes)(&d, &(x.narrow(0, 0, 4)? * size)?, 2);
                    Ok((of(1e-9)?, of(1e9)?).into())
                },
            )
            .because("However small or large: the largest two of each row stay, as they are.")
            .holds(Scale)
    })
}

/// What a dictionary costs.
pub(super) fn prices(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
    let mut random = Random::new(seed, 4112);
    let fixture = (
        tensor(&[2., 3., 0., -1.], (2, 2)),
        random_dictionary(&mut random, 7, 5),
        (random.signed((6, 5)) * 2.0).expect("numbers"),
    );
    let scalar = |f: Sparse, d: &Dictionary, x: &Tensor, keep: usize, weight: f64| -> Result<f64> {
        Ok(f64::from((f.price)(d, x, keep, weight)?.to_scalar::<f32>()?))
    };
    exam.given(fixture, |on| {
        on.part("price")
            .truth(
                "the first dictionary, x = (2, 3), one kept, weight ½",
                5.5,
                move |f, (x, ..)| scalar(f, &small(), &x.narrow(0, 0, 1)?, 1, 0.5),
            )
            .because(
                "The code 4.5 along (0.6, 0.8) and decoder_bias (1, 0) make (3.7, 3.6): 1.7² + 0.6² = 3.25 are missed, \
                 and ½ · 4.5 is said.",
            )
            .holds([Combined, Wiring])
            .truth("the same and x = (0, −1) beside it", 3.75, move |f, (x, ..)| {
                scalar(f, &small(), x, 1, 0.5)
            })
            .because("The second row says nothing and misses 1² + 1² = 2; the price is the mean of 5.5 and 2.")
            .holds([Combined, Wiring])
            .case(
                "six random rows, two of seven features kept, weight 0.3",
                move |f, (_, d, x)| scalar(f, d, x, 2, 0.3),
            )
            .because("The mean over the rows of Σ(x − x̂)² + weight · Σ z, with the codes that are kept.")
            .holds([Combined, Wiring])
            .truth(
                "x = 4, weight 2, one unit and one feature, decoder 1: which code is cheapest?",
                3.0,
                move |f, _| {
                    let at = |code: f64| -> Result<f64> {
                        let one = tensor(&[1.], (1, 1));
                        let bias = tensor(&[code as f32 - 4.0], 1);
                        let d = [one.clone(), bias, one, tensor(&[0.], 1)];
                        scalar(f, &d, &tensor(&[4.], (1, 1)), 1, 2.0)
                    };
                    let codes = (8..=20).map(|quarters| f64::from(quarters) / 4.0);
                    let prices = codes.map(|code| Ok((at(code)?, code))).collect::<Result<Vec<_>>>()?;
                    let best = prices.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
                    Ok::<_, candle_core::Error>(best.map_or(f64::NAN, |best| best.1))
                },
            )
            .because(
                "(4 − z)² + 2z is smallest at z = 3, not at 4: the L1 price makes every code smaller by half its \
                 weight. \
                 This is called shrinkage.",
            )
            .truth(
                "the units and their opposites as a dictionary of ten for five units, all kept, weight 0",
                0.0,
                move |f, (.., x)| {
                    let units = Tensor::eye(5, DType::F32, &Device::Cpu)?;
                    let both = Tensor::cat(&[&units, &units.neg()?], 0)?;
                    let d = [both.clone(), tensor(&[0.; 10], 10), both, tensor(&[0.; 5], 5)];
                    scalar(f, &d, x, 10, 0.0)
                },
            )
            .because("A dictionary that found nothing rebuilds everything: reconstruction alone says nothing.")
            .truth(
                "features twice as quiet and directions twice as long: the L1 part, compared with before",
                0.5,
                move |f, (_, d, x)| {
                    let [e, eb, d, db] = d;
                    let at = |d: &Dictionary, weight| scalar(f, d, x, 7, weight);
                    let said = |d: &Dictionary| Ok::<_, candle_core::Error>(at(d, 1.0)? - at(d, 0.0)?);
                    let evaded = [(e * 0.5)?, (eb * 0.5)?, (d * 2.0)?, db.clone()];
                    Ok::<_, candle_core::Error>(said(&evaded)? / said(&[e.clone(), eb.clone(), d.clone(), db.clone()])?)
                },
            )
            .because("Both rebuild the same, and the second pays half. That is why directions are kept at length 1.")
            .case(
                "the gradient of its square by all four parts of a random dictionary",
                |f, (_, d, x)| gradients(d, |d| (f.price)(d, x, 3, 0.3)),
            )
            .because("The price is what Adam goes down on: it has to stay connected to all four tensors.")
            .holds([Returned, Combined, Wiring])
    })
}

/// Directions of length 1.
pub(super) fn lengths(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
    let directions = Random::new(seed, 4113).signed((6, 4));
    exam.given(directions, |on| {
        on.part("unit_rows")
            .truth(
                "(3, 4), (0, 0) and (0, −2)",
                tensor(&[0.6, 0.8, 0., 0., 0., -1.], (3, 2)),
                |f, _| (f.unit_rows)(&tensor(&[3., 4., 0., 0., 0., -2.], (3, 2))),
            )
.because("Each row divided by the root of the sum of its squares, 5 and 2, and by nothing else; the row of zeros \
          stays, and stays zeros.")
            .case("six random rows of four", |f, rows| (f.unit_rows)(rows))
.because("Each row comes out with length 1, the short ones too.")
            .case("the same in a transposed tensor", |f, rows| (f.unit_rows)(&askew(rows)))
            .holds(NotContiguous)
            .truth(
                "(3, 4) · 10⁻⁶ and (3, 4) · 10⁶",
                tensor(&[0.6, 0.8, 0.6, 0.8], (2, 2)),
                |f, _| (f.unit_rows)(&tensor(&[3e-6, 4e-6, 3e6, 4e6], (2, 2))),
            )
.because("Length 1, whatever it was before: nothing that counts is added to it.")
            .holds(Scale)
    })
}

const UNITS: usize = 12;

const PLANTED: usize = 16;

/// Directions in general position, no two of them within 66° of each other or of each other's opposite; and activations in which
/// each row holds two of them.
fn plant(number: u64) -> Result<(Tensor, Tensor)> {
    let mut random = Random::new(number, 4114);
    let mut directions: Vec<Vec<f32>> = vec![];
    while directions.len() < PLANTED {
        let row = unit_rows(&random.signed((1, UNITS)), RIGHT)?.to_vec2::<f32>()?.concat();
        let cosine = |other: &Vec<f32>| other.iter().zip(&row).map(|(a, b)| a * b).sum::<f32>().abs();
        if directions.iter().all(|other| cosine(other) < 0.4) {
            directions.push(row);
        }
    }
    let directions = Tensor::new(directions, &Device::Cpu)?;
    let mut codes = vec![0f32; 600 * PLANTED];
    for row in codes.chunks_mut(PLANTED) {
        let first = random.count(0, PLANTED - 1);
        let second = (first + random.count(1, PLANTED - 1)) % PLANTED;
        row[first] = random.count(50, 150) as f32 / 100.0;
        row[second] = random.count(50, 150) as f32 / 100.0;
    }
    let activations = Tensor::from_vec(codes, ((), PLANTED), &Device::Cpu)?.matmul(&directions)?;
    Ok((directions, (activations + 0.3)?))
}

/// A dictionary that starts within about 40° of what was planted and goes on by Adam with the attempt's price and lengths: how many
/// planted directions are among its own in the end?
fn found_again(f: Sparse, number: u64) -> Result<usize> {
    let (planted, activations) = plant(number)?;
    let noise = unit_rows(&Random::new(number, 4115).signed((PLANTED, UNITS)), RIGHT)?;
    let start = unit_rows(&(&planted + (noise * 0.8)?)?, RIGHT)?;
    let variables = [
        Var::from_tensor(&start)?,
        Var::zeros(PLANTED, DType::F32, &Device::Cpu)?,
        Var::from_tensor(&start)?,
        Var::from_tensor(&activations.mean(0)?)?,
    ];
    let mut moments = vec![];
    for variable in &variables {
        moments.push((variable.zeros_like()?, variable.zeros_like()?));
    }
    for step in 1..=100 {
        let some = activations.narrow(0, step * 64 % 536, 64)?;
        let parts = variables.each_ref().map(|variable| variable.as_tensor().clone());
        let gradients = (f.price)(&parts, &some, 2, 0.0)?.backward()?;
        for (variable, (mean, square)) in variables.iter().zip(&mut moments) {
            let Some(gradient) = gradients.get(variable) else {
                continue;
            };
            *mean = ((&*mean * 0.9)? + (gradient * 0.1)?)?.detach();
            *square = ((&*square * 0.999)? + (gradient.sqr()? * 0.001)?)?.detach();
            let (mean, square) = (
                (&*mean / (1.0 - 0.9f64.powi(step as i32)))?,
                (&*square / (1.0 - 0.999f64.powi(step as i32)))?,
            );
            let change = (mean / (square.sqrt()? + 1e-8)?)? * 0.02;
            variable.set(&(variable.as_detached_tensor() - change?)?)?;
        }
        variables[2].set(&(f.unit_rows)(&variables[2].as_detached_tensor())?)?;
    }
    let found = unit_rows(&variables[2].as_detached_tensor(), RIGHT)?;
    let cosines = planted.matmul(&found.t()?)?.to_vec2::<f32>()?;
    let best = cosines
        .iter()
        .map(|row| row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    Ok(best.filter(|&cosine| cosine >= 0.95).count())
}

/// What was planted is found again.
pub(super) fn planted(exam: Exam<Sparse>) -> Exam<Sparse> {
    exam.part("price and unit_rows")
        .truth(
            format!(
                "{PLANTED} directions in {UNITS} units, two in each row: how many does a dictionary hold, with a \
                 cosine of \
                 0.95 or more, that starts 40° away and is learned with your functions?"
            ),
            PLANTED,
            |f| found_again(f, 1),
        )
        .because("The directions were planted, so they can be found: something in the price or the lengths is off.")
        .holds(Returned)
}
