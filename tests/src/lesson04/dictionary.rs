mod answer;
mod inputs;

use candle_core::{DType, Device, Result, Tensor, bail};

use crate::Hazard::*;
use crate::inputs::{first_of, in_order};
use crate::{Exam, Fault, Slip, fault, slip};
use answer::{Kept, Parts, RIGHT, answer, codes, length, price, toy_output, unit_rows};
use inputs::{lengths, planted, prices, sparse, toy};

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

/// 4.11
pub fn dictionary(seed: u64) -> Exam<Sparse> {
    let exam = Exam::new("4.11", ex4_11!(solution04)).faults("number by number", &RIGHT, answer, FAULTS);
    proofs(planted(lengths(seed, prices(seed, sparse(seed, toy(seed, exam))))))
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
