//! The checks of lesson 02: hooks, statistics, heatmaps.

mod answer;
mod colors;
mod dead_units;
mod display;
mod histogram;
mod hooks;
mod sparsity;
mod statistics;
mod taps;

pub use answer::{StrongestAnswer, observed as answer_observed, strongest_answer};
pub use colors::{Colors, colors};
pub use dead_units::{DeadUnits, dead_units};
pub use display::{ForDisplay, Scaling, for_display};
pub use histogram::{Bins, HistogramOver, histogram, observed as histogram_observed};
pub use hooks::{Attempt, Captured, Hook, Hooked, NewHooks, attempt as hooked, hooks};
pub use sparsity::{SparsityOf, observed as sparsity_observed, sparsity};
pub use statistics::{StatisticsOver, observed as statistics_observed, statistics};
pub use taps::{Gradients, gradients};

use candle_core::{Result, Tensor};

use crate::AnyExam;

/// The exams of the lesson, in the order of its exercises.
pub fn catalogue(seed: u64) -> Vec<Box<dyn AnyExam>> {
    vec![
        Box::new(hooks(seed)),
        Box::new(gradients(seed)),
        Box::new(statistics(seed)),
        Box::new(sparsity(seed)),
        Box::new(dead_units(seed)),
        Box::new(histogram(seed)),
        Box::new(for_display(seed)),
        Box::new(colors(seed)),
        Box::new(strongest_answer(seed)),
    ]
}

/// Feeds every batch to an exercise that keeps state, and gives what it has then become.
pub fn fed<S>(mut state: S, batches: &[Tensor], update: fn(&mut S, &Tensor) -> Result<()>) -> Result<S> {
    for batch in batches {
        update(&mut state, batch)?;
    }
    Ok(state)
}
