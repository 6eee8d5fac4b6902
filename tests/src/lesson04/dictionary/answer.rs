//! A right answer to 4.11, number by number, in parts that may be wrong.

use candle_core::{DType, Device, Result, Tensor, bail};

use super::{Dictionary, Sparse, Toy};
use crate::keep;

/// A right answer, written independently of the solution, in parts that may be wrong.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) units: fn(&Tensor) -> Result<Tensor>,
    pub(super) output: fn(&Tensor, &Tensor) -> Result<Tensor>,
    pub(super) centred: bool,
    pub(super) shifted: bool,
    pub(super) tied: bool,
    pub(super) rectified: bool,
    pub(super) kept: Kept,
    pub(super) marks: bool,
    pub(super) added_back: bool,
    /// The price of what a row fails to rebuild, and of its codes.
    pub(super) missed: fn(&Tensor) -> Result<Tensor>,
    pub(super) said: fn(&Tensor, f64) -> Result<Tensor>,
    pub(super) rows: fn(&Tensor) -> Result<Tensor>,
    /// What a number is divided by: of its row, its column, and the whole table.
    pub(super) length: fn(&[f32], &[f32], &[f32]) -> f64,
    pub(super) zeros_stay: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kept {
    Row,
    Column,
    Batch,
    Magnitude,
    Above,
    OneMore,
    Ascending,
    All,
}

pub(super) fn length(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

pub(super) const RIGHT: Parts = Parts {
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

/// A column per input.
pub(super) fn toy_output([weights, bias]: &Toy, inputs: &Tensor, parts: Parts) -> Result<Tensor> {
    let hidden = weights.matmul(&inputs.t()?)?; // [units, inputs]
    let back = weights.t()?.matmul(&(parts.units)(&hidden)?)?;
    (parts.output)(&back, &bias.unsqueeze(1)?)?.t()
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
pub(super) fn codes(dictionary: &Dictionary, activations: &Tensor, keep: usize, parts: Parts) -> Result<Tensor> {
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

pub(super) fn price(
    dictionary: &Dictionary,
    activations: &Tensor,
    keep: usize,
    weight: f64,
    parts: Parts,
) -> Result<Tensor> {
    let [_, _, decoder, decoder_bias] = dictionary;
    let z = codes(dictionary, activations, keep, parts)?;
    let mut rebuilt = decoder.t()?.matmul(&z.t()?)?.t()?;
    if parts.added_back {
        rebuilt = rebuilt.broadcast_add(decoder_bias)?;
    }
    let missed = (rebuilt - activations)?;
    (parts.rows)(&((parts.missed)(&missed)? + (parts.said)(&z, weight)?)?)
}

pub(super) fn unit_rows(directions: &Tensor, parts: Parts) -> Result<Tensor> {
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

pub(super) fn answer(parts: Parts) -> Sparse {
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
