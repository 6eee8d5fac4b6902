use candle_core::{DType, Device, Result, Tensor, Var, bail};

use crate::inputs::{Random, askew, first_of, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, fault, keep, slip};

/// Weights and bias of a toy.
pub type Toy = [Tensor; 2];
/// Encoder, its bias, decoder, its bias.
pub type Dictionary = [Tensor; 4];

/// The four functions of exercise 4.11.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Sparse {
    pub toy_output: &'static (dyn Fn(&Toy, &Tensor) -> Result<Tensor> + Sync),
    pub codes: &'static (dyn Fn(&Dictionary, &Tensor, usize) -> Result<Tensor> + Sync),
    pub price: &'static (dyn Fn(&Dictionary, &Tensor, usize, f64) -> Result<Tensor> + Sync),
    pub unit_rows: &'static (dyn Fn(&Tensor) -> Result<Tensor> + Sync),
}

/// The attempt at 4.11 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_11 {
    ($lesson:ident) => {{
        fn dictionary(parts: &$crate::lesson04::Dictionary) -> $lesson::Dictionary {
            let [encoder, encoder_bias, decoder, decoder_bias] = parts.clone();
            $lesson::Dictionary {
                encoder,
                encoder_bias,
                decoder,
                decoder_bias,
            }
        }
        $crate::lesson04::Sparse {
            toy_output: &|[weights, bias], inputs| {
                let toy = $lesson::Toy {
                    weights: weights.clone(),
                    bias: bias.clone(),
                };
                $lesson::toy_output(&toy, inputs)
            },
            codes: &|parts, activations, keep| $lesson::codes(&dictionary(parts), activations, keep),
            price: &|parts, activations, keep, weight| $lesson::price(&dictionary(parts), activations, keep, weight),
            unit_rows: &|directions| $lesson::unit_rows(directions),
        }
    }};
}

/// A right answer, written independently of the solution, in parts that may be wrong.
#[derive(Clone, Copy)]
struct Parts {
    units: fn(&Tensor) -> Result<Tensor>,
    output: fn(&Tensor, &Tensor) -> Result<Tensor>,
    centred: bool,
    shifted: bool,
    tied: bool,
    rectified: bool,
    kept: Kept,
    marks: bool,
    added_back: bool,
    /// The price of what a row fails to rebuild, and of its codes.
    missed: fn(&Tensor) -> Result<Tensor>,
    said: fn(&Tensor, f64) -> Result<Tensor>,
    rows: fn(&Tensor) -> Result<Tensor>,
    /// What a number is divided by: of its row, its column, and the whole table.
    length: fn(&[f32], &[f32], &[f32]) -> f64,
    zeros_stay: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kept {
    Row,
    Column,
    Batch,
    Magnitude,
    Above,
    OneMore,
    Ascending,
    All,
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

const RIGHT: Parts = Parts {
    units: |hidden| Ok(hidden.clone()),
    output: |back, bias| back.broadcast_add(bias)?.relu(),
    centred: true,
    shifted: true,
    tied: false,
    rectified: true,
    kept: Kept::Row,
    marks: false,
    added_back: true,
    missed: |missed| missed.sqr()?.sum(1),
    said: |z, weight| z.sum(1)? * weight,
    rows: |prices| prices.mean_all(),
    length: |row, _, _| length(row),
    zeros_stay: true,
};

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "no ReLU on the output",
        "Your output is linear. Without the ReLU what one feature leaves on another stays there, and nothing is \
         gained by sharing a unit.",
        |parts| parts.output = |back, bias| back.broadcast_add(bias),
    ),
    fault(
        "the toy's bias left out",
        "You left b out. With it the ReLU clears away small interference between features.",
        |parts| parts.output = |back, _| back.relu(),
    ),
    fault(
        "bias behind the ReLU",
        "You added b behind the ReLU. It belongs in front of it, where it can clear away interference.",
        |parts| parts.output = |back, bias| back.relu()?.broadcast_add(bias),
    ),
    fault(
        "a ReLU on the units",
        "You put a ReLU on the units. Only the output has one: x goes into the units linearly, so that opposite \
         directions of a unit can stand for two features.",
        |parts| parts.units = |hidden| hidden.relu(),
    ),
    fault(
        "decoder_bias not taken off",
        "You encode x itself. What is there without any feature, decoder_bias, comes off first.",
        |parts| parts.centred = false,
    ),
    fault(
        "encoder_bias left out",
        "You left encoder_bias out: from when on a feature says something.",
        |parts| parts.shifted = false,
    ),
    fault(
        "the decoder for the encoder",
        "You compared the activations with the decoder. What a feature stands for and what it listens to are two \
         tables: the codes come from the encoder.",
        |parts| parts.tied = true,
    ),
    fault(
        "no ReLU on the codes",
        "Your codes can be negative. A feature is there, more or less, or it is not: the ReLU comes before the \
         largest are kept.",
        |parts| parts.rectified = false,
    ),
    fault(
        "the largest of each column",
        "You kept the largest of each column: so many places for each feature. The budget is per row, so many \
         features for each place.",
        |parts| parts.kept = Kept::Column,
    ),
    fault(
        "a budget for the batch",
        "You kept the largest codes of all rows together. Then what a row may say depends on the rows beside it.",
        |parts| parts.kept = Kept::Batch,
    ),
    fault(
        "the largest magnitudes",
        "You chose by magnitude before the ReLU: strongly negative features take up the budget and are then \
         set to 0.",
        |parts| parts.kept = Kept::Magnitude,
    ),
    fault(
        "one too few",
        "You kept what is above the last of the `keep` largest. That one stays as well.",
        |parts| parts.kept = Kept::Above,
    ),
    fault(
        "one too many",
        "You kept one code more than `keep` in each row.",
        |parts| parts.kept = Kept::OneMore,
    ),
    fault(
        "sorted upwards",
        "Your cut is the `keep`-th smallest code of a row, so nearly all stay: you sorted upwards. \
         `sort_last_dim(false)` begins with the largest.",
        |parts| parts.kept = Kept::Ascending,
    ),
    fault(
        "all kept",
        "You kept every feature that is on: `keep` changes nothing.",
        |parts| parts.kept = Kept::All,
    ),
    fault(
        "on or off",
        "You returned 1 for each feature that stays. How strongly it is at work is part of the code.",
        |parts| parts.marks = true,
    ),
    fault(
        "decoder_bias not added",
        "You rebuilt x without decoder_bias. What was taken off before has to come back.",
        |parts| parts.added_back = false,
    ),
    fault(
        "a mean over the units",
        "You took the mean of the squares over the units. Their sum is what is weighed against the codes.",
        |parts| parts.missed = |missed| missed.sqr()?.mean(1),
    ),
    fault(
        "distance for its square",
        "You took the root: the distance. The price has its square.",
        |parts| parts.missed = |missed| missed.sqr()?.sum(1)?.sqrt(),
    ),
    fault(
        "magnitudes for squares",
        "You added up the magnitudes of what is missed. The price has their squares.",
        |parts| parts.missed = |missed| missed.abs()?.sum(1),
    ),
    fault(
        "saying much is free",
        "Your price is what is missed and no more: the L1 norm of the codes is not in it.",
        |parts| parts.said = |z, _| z.sum(1)?.zeros_like(),
    ),
    fault(
        "L2 instead of L1",
        "You punish the squares of the codes. That makes many small codes cheap; the L1 norm makes few of them \
         cheap.",
        |parts| parts.said = |z, weight| z.sqr()?.sum(1)? * weight,
    ),
    fault(
        "a mean over the features",
        "You took the mean of the codes over the features. Then features that are never used make it cheaper.",
        |parts| parts.said = |z, weight| z.mean(1)? * weight,
    ),
    fault(
        "codes counted",
        "You counted the codes that are on. That is what one would like to pay for, but it has no gradient: it is \
         the same however small a code becomes.",
        |parts| parts.said = |z, weight| z.ne(0f32)?.to_dtype(DType::F32)?.sum(1)? * weight,
    ),
    fault(
        "weight left out",
        "You added the codes without their weight.",
        |parts| parts.said = |z, _| z.sum(1),
    ),
    fault(
        "a sum over the rows",
        "You added the rows up. The price is their mean, so that it does not depend on how many there are.",
        |parts| parts.rows = |prices| prices.sum_all(),
    ),
    fault(
        "columns of length 1",
        "You divided by the lengths of the columns. A direction is a row.",
        |parts| parts.length = |_, column, _| length(column),
    ),
    fault(
        "the whole table of length 1",
        "You divided everything by one number. Each row has a length of its own.",
        |parts| parts.length = |_, _, whole| length(whole),
    ),
    fault(
        "lengths left as they are",
        "Your directions keep their length: ten times as long, the codes are a tenth, and so is their price.",
        |parts| parts.length = |_, _, _| 1.0,
    ),
    fault(
        "magnitudes that sum to 1",
        "You divided by the sum of the magnitudes. The length is the root of the sum of the squares.",
        |parts| parts.length = |row, _, _| row.iter().map(|v| f64::from(v.abs())).sum(),
    ),
    fault(
        "divided by the square",
        "You divided by the sum of the squares and forgot the root.",
        |parts| parts.length = |row, _, _| length(row).powi(2),
    ),
    fault(
        "0 divided by 0",
        "A row of zeros becomes NaN, and with it everything that is learned afterwards. It stays as it is.",
        |parts| parts.zeros_stay = false,
    ),
];

/// A column per input.
fn toy_output([weights, bias]: &Toy, inputs: &Tensor, parts: Parts) -> Result<Tensor> {
    let hidden = weights.matmul(&inputs.t()?)?; // [units, inputs]
    let back = weights.t()?.matmul(&(parts.units)(&hidden)?)?;
    (parts.output)(&back, &bias.unsqueeze(1)?)?.t()
}

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

/// The smallest value that stays, for each value.
fn cuts(values: &[Vec<f32>], keep: usize, kept: Kept) -> Vec<Vec<f32>> {
    let largest = |mut list: Vec<f32>, keep: usize| {
        list.sort_by(|a, b| b.total_cmp(a));
        list[keep.min(list.len()) - 1]
    };
    let (rows, features) = (values.len(), values[0].len());
    let by_row = |of: fn(f32) -> f32, keep: usize| {
        let cut = |row: &Vec<f32>| vec![largest(row.iter().map(|&value| of(value)).collect(), keep); features];
        values.iter().map(cut).collect()
    };
    let column = |feature: usize| values.iter().map(|row| row[feature]).collect::<Vec<_>>();
    match kept {
        Kept::Row | Kept::Above => by_row(|value| value, keep),
        Kept::OneMore => by_row(|value| value, keep + 1),
        Kept::Magnitude => by_row(f32::abs, keep),
        Kept::Column => vec![(0..features).map(|feature| largest(column(feature), keep)).collect(); rows],
        Kept::Batch => vec![vec![largest(values.concat(), keep * rows); features]; rows],
        Kept::Ascending => {
            let cut = |row: &Vec<f32>| {
                let mut row = row.clone();
                row.sort_by(f32::total_cmp);
                vec![row[keep - 1]; features]
            };
            values.iter().map(cut).collect()
        }
        Kept::All => vec![vec![f32::NEG_INFINITY; features]; rows],
    }
}

/// Features by rows, turned; what stays is chosen number by number.
fn codes(dictionary: &Dictionary, activations: &Tensor, keep: usize, parts: Parts) -> Result<Tensor> {
    let [encoder, encoder_bias, decoder, decoder_bias] = dictionary;
    let features = encoder.dim(0)?;
    if !(1..=features).contains(&keep) {
        bail!("keep {keep} of {features}")
    }
    let x = if parts.centred {
        activations.broadcast_sub(decoder_bias)?
    } else {
        activations.clone()
    };
    let heard = if parts.tied { decoder } else { encoder };
    let mut z = heard.matmul(&x.t()?)?.t()?;
    if parts.shifted {
        z = z.broadcast_add(encoder_bias)?;
    }
    let before = z.to_vec2::<f32>()?;
    if parts.rectified {
        z = z.relu()?;
    }
    let values = if parts.kept == Kept::Magnitude {
        before
    } else {
        z.to_vec2::<f32>()?
    };
    let cuts = cuts(&values, keep, parts.kept);
    let stays = |(value, cut): (&f32, &f32)| match parts.kept {
        Kept::Magnitude => value.abs() >= *cut,
        Kept::Above => value > cut,
        _ => value >= cut,
    };
    let mask = values
        .iter()
        .zip(&cuts)
        .flat_map(|(row, cuts)| row.iter().zip(cuts).map(stays));
    let mask: Vec<f32> = mask.map(|stays| f32::from(u8::from(stays))).collect();
    let z = (z * Tensor::from_vec(mask, (values.len(), features), &Device::Cpu)?)?;
    if parts.marks {
        z.ne(0f32)?.to_dtype(DType::F32)
    } else {
        Ok(z)
    }
}

fn price(dictionary: &Dictionary, activations: &Tensor, keep: usize, weight: f64, parts: Parts) -> Result<Tensor> {
    let [_, _, decoder, decoder_bias] = dictionary;
    let z = codes(dictionary, activations, keep, parts)?;
    let mut rebuilt = decoder.t()?.matmul(&z.t()?)?.t()?;
    if parts.added_back {
        rebuilt = rebuilt.broadcast_add(decoder_bias)?;
    }
    let missed = (rebuilt - activations)?;
    (parts.rows)(&((parts.missed)(&missed)? + (parts.said)(&z, weight)?)?)
}

fn unit_rows(directions: &Tensor, parts: Parts) -> Result<Tensor> {
    let (rows, columns) = (directions.to_vec2::<f32>()?, directions.t()?.to_vec2::<f32>()?);
    let whole = rows.concat();
    let divided = |(place, &value): (usize, &f32)| {
        let (row, column) = (&rows[place / columns.len()], &columns[place % columns.len()]);
        if value == 0.0 && parts.zeros_stay {
            0.0
        } else {
            (f64::from(value) / (parts.length)(row, column, &whole)) as f32
        }
    };
    Tensor::from_vec(
        whole.iter().enumerate().map(divided).collect(),
        directions.shape(),
        &Device::Cpu,
    )
}

fn answer(parts: Parts) -> Sparse {
    Sparse {
        toy_output: keep(Box::new(move |toy: &Toy, x: &Tensor| toy_output(toy, x, parts))),
        codes: keep(Box::new(move |d: &Dictionary, x: &Tensor, keep: usize| {
            codes(d, x, keep, parts)
        })),
        price: keep(Box::new(move |d: &Dictionary, x: &Tensor, keep: usize, weight: f64| {
            price(d, x, keep, weight, parts)
        })),
        unit_rows: keep(Box::new(move |directions: &Tensor| unit_rows(directions, parts))),
    }
}

/// Three features of two units whose codes and rebuilt activations can be worked out by hand.
fn small() -> Dictionary {
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

/// 4.11
pub fn dictionary(seed: u64) -> Exam<Sparse> {
    let exam = Exam::new("4.11", ex4_11!(solution04)).faults("number by number", &RIGHT, answer, FAULTS);
    proofs(planted(lengths(seed, prices(seed, sparse(seed, toy(seed, exam))))))
}

/// Features that share units.
fn toy(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
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
fn sparse(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
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
            .case("four rows of size 10⁻⁹ without biases, two kept", |f, (_, d, x)| {
                let [encoder, encoder_bias, decoder, decoder_bias] = d;
                let d = [
                    encoder.clone(),
                    encoder_bias.zeros_like()?,
                    decoder.clone(),
                    decoder_bias.zeros_like()?,
                ];
                (f.codes)(&d, &(x.narrow(0, 0, 4)? * 1e-9)?, 2)
            })
            .because("However small: the largest two of each row stay.")
            .holds(Scale)
    })
}

/// What a dictionary costs.
fn prices(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
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
fn lengths(seed: u64, exam: Exam<Sparse>) -> Exam<Sparse> {
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
fn planted(exam: Exam<Sparse>) -> Exam<Sparse> {
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

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Sparse>] = &[
    slip(NotContiguous, "only tensors that lie in order", |f| {
        f.toy_output = &|toy, x| in_order(&[&toy[0], x]).and_then(|()| toy_output(toy, x, RIGHT));
        f.codes = &|d, x, keep| in_order(&[&d[0], &d[2], x]).and_then(|()| codes(d, x, keep, RIGHT));
        f.unit_rows = &|rows| in_order(&[rows]).and_then(|()| unit_rows(rows, RIGHT));
    }),
    slip(Sizes, "only more features than units", |f| {
        f.toy_output = &|toy, x| match toy[0].dims2()? {
            (units, features) if units > features => bail!("{units} units for {features} features"),
            _ => toy_output(toy, x, RIGHT),
        }
    }),
    slip(Batch, "four rows at most", |f| {
        f.codes = &|d, x, keep| codes(d, &first_of(x, 4)?, keep, RIGHT)
    }),
    slip(Ties, "the first of equal ones", |f| {
        f.codes = &|d, x, keep| {
            let z = codes(d, x, keep, RIGHT)?;
            let first = |row: Vec<f32>| {
                let mut left = keep;
                let mut stays = |value: f32| {
                    let stays = value > 0.0 && left > 0;
                    left -= usize::from(stays);
                    f32::from(u8::from(stays))
                };
                row.into_iter().map(&mut stays).collect::<Vec<_>>()
            };
            let mask: Vec<Vec<f32>> = z.to_vec2::<f32>()?.into_iter().map(first).collect();
            z * Tensor::new(mask, &Device::Cpu)?
        }
    }),
    slip(Scale, "codes below 10⁻⁶ taken for none", |f| {
        f.codes = &|d, x, keep| {
            let z = codes(d, x, keep, RIGHT)?;
            &z * z.gt(1e-6f32)?.to_dtype(DType::F32)?
        }
    }),
    slip(Scale, "10⁻⁶ added to every length", |f| {
        f.unit_rows = &|rows| rows.broadcast_div(&(rows.sqr()?.sum_keepdim(1)?.sqrt()? + 1e-6)?)
    }),
    slip(Combined, "no weight where few are kept", |f| {
        f.price = &|d, x, keep, weight| {
            if keep < d[0].dim(0)? {
                price(d, x, keep, 0.0, RIGHT)
            } else {
                price(d, x, keep, weight, RIGHT)
            }
        }
    }),
    slip(Wiring, "what is not kept is paid for", |f| {
        f.price = &|d, x, keep, weight| {
            let all = (codes(d, x, d[0].dim(0)?, RIGHT)?.sum(1)?.mean_all()? * weight)?;
            price(d, x, keep, 0.0, RIGHT)? + all
        }
    }),
    slip(Returned, "cut off from the toy", |f| {
        f.toy_output = &|toy, x| Ok(toy_output(toy, x, RIGHT)?.detach())
    }),
    slip(Returned, "codes cut off from the dictionary", |f| {
        f.codes = &|d, x, keep| Ok(codes(d, x, keep, RIGHT)?.detach())
    }),
    slip(Returned, "cut off from the dictionary", |f| {
        f.price = &|d, x, keep, weight| Ok(price(d, x, keep, weight, RIGHT)?.detach())
    }),
];

fn proofs(exam: Exam<Sparse>) -> Exam<Sparse> {
    exam.proofs(answer(RIGHT), PROOFS)
        .spared(
            &[Sign],
            "rows without any positive code, and rows with negative ones, are among the inputs",
        )
        .spared(
            &[Names, Empty],
            "no names; a dictionary without rows or features is not spoken of",
        )
        .spared(&[NotFinite], "NaN is not spoken of")
        .spared(&[Errors], "the one check comes with the stub")
}
