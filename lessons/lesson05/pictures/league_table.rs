//! What the league says: means with intervals, and which criteria agree.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::Table;
use lesson05::rank_correlation;

use super::league_methods::METHODS;
use super::league_scores::{CRITERIA, Scores};

/// A mean over scenes and half the width of its interval of 95 %.
#[derive(Clone, Copy)]
pub struct Mean {
    pub mean: f64,
    pub half: f64,
}

impl Mean {
    /// `None` of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let half = 1.96 * (squares / (count - 1.0).max(1.0) / count).sqrt();
        Some(Self { mean, half })
    }

    fn text(mean: Option<Self>) -> String {
        match mean {
            Some(Self { mean, half }) => format!("{mean:.2} ± {half:.2}"),
            None => "waits".into(),
        }
    }
}

/// By method and criterion.
pub fn means(scores: &Scores) -> Vec<[Option<Mean>; CRITERIA.len()]> {
    let row = |values: &[Vec<f64>; CRITERIA.len()]| std::array::from_fn(|place| Mean::of(&values[place]));
    scores.values.iter().map(row).collect()
}

/// As a picture.
pub fn table(title: String, means: &[[Option<Mean>; CRITERIA.len()]]) -> Table {
    let heads = ["method"]
        .into_iter()
        .chain(CRITERIA.iter().map(|criterion| criterion.name));
    let rows = METHODS.iter().zip(means);
    rows.fold(Table::new(heads).title(title), |table, (method, means)| {
        table.row([method.name.to_string()].into_iter().chain(means.map(Mean::text)))
    })
}

/// As lines for the terminal, in Markdown, with the seconds.
pub fn lines(name: &str, scores: &Scores, means: &[[Option<Mean>; CRITERIA.len()]]) -> Vec<String> {
    let heads: String = CRITERIA
        .iter()
        .map(|criterion| format!(" {:11} |", criterion.name))
        .collect();
    let mut lines = vec![format!("| {name:20} |{heads} seconds |")];
    for ((method, means), seconds) in METHODS.iter().zip(means).zip(&scores.seconds) {
        let cells: String = means
            .iter()
            .map(|mean| format!(" {:11} |", Mean::text(*mean)))
            .collect();
        lines.push(format!("| {:20} |{cells} {seconds:7.1} |", method.name));
    }
    lines
}

/// Spearman's ρ between the orders in which two criteria put the methods, the better the higher; references are left out.
pub fn agreement(means: &[[Option<Mean>; CRITERIA.len()]]) -> Result<Vec<Vec<Option<f64>>>> {
    let ranked = |place: usize| -> Option<Vec<f32>> {
        let methods = METHODS
            .iter()
            .zip(means)
            .filter(|(method, means)| !method.is_reference && means.iter().any(|mean| mean.is_some()));
        let value = |mean: &[Option<Mean>; CRITERIA.len()]| Some((CRITERIA[place].good * mean[place]?.mean) as f32);
        methods.map(|(_, means)| value(means)).collect()
    };
    let pair = |a: usize, b: usize| -> Result<Option<f64>> {
        let (Some(a), Some(b)) = (ranked(a), ranked(b)) else {
            return Ok(None);
        };
        let list = |values: Vec<f32>| Tensor::new(values, &Device::Cpu);
        Ok(studio::unless_it_waits(|| Ok(rank_correlation(&list(a)?, &list(b)?)?))?.ok())
    };
    let row = |a: usize| (0..CRITERIA.len()).map(|b| pair(a, b)).collect();
    (0..CRITERIA.len()).map(row).collect()
}
