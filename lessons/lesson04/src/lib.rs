//! Lesson 04: probing and dissection.
//!
//! Read `lessons/lesson04/README.md` first; it says what to write when, and why.
//!
//! | exercise | file | core |
//! |---|---|---|
//! | 4.1 features from a site | `features.rs` | yes |
//! | 4.2 a split without leakage | `split.rs` | |
//! | 4.3 standardization | `standardize.rs` | yes |
//! | 4.4 a linear softmax probe | `probe.rs` | yes |
//! | 4.5 accuracy and what it has to beat | `score.rs` | |
//! | 4.6 control tasks and selectivity | `control.rs` | |
//! | 4.7 the probe curve over depth | `curve.rs` | |
//! | 4.8 dissection of single units | `dissection.rs` | yes |
//! | 4.9 ablation | `ablation.rs` | yes |
//! | 4.10 tuning curves | `tuning.rs` | |
//! | 4.11 a dictionary for superposed features | `dictionary.rs` | |
//! | 4.12 the weights between two units | `circuit.rs` | |
#![warn(missing_docs)]
#![allow(unused_imports, unused_variables, reason = "a stub does not use its arguments yet")]

mod ablation;
mod circuit;
mod control;
mod curve;
mod dictionary;
mod dissection;
mod features;
mod probe;
mod score;
mod split;
mod standardize;
mod tuning;

pub use ablation::{Effect, effect, without_direction, without_units};
pub use circuit::{connection, measured_change, predicted_change, share_let_through, shortcut};
pub use control::{Selectivity, control_labels, selectivity};
pub use curve::{Task, depth_curve};
pub use dictionary::{
    Dictionary, Learning, ROWS, Toy, codes, dead, learn, learn_toy, price, recovered, toy_output, unit_rows,
};
pub use dissection::{Dissection, Thresholds, best_concepts, random_rotation, rotated, shuffled};
pub use features::{features, pool};
pub use probe::{Probe, fit_probe, one_hot};
pub use score::{PENALTY, Score, interval, majority, score};
pub use split::split;
pub use standardize::Standardizer;
pub use tuning::{Factor, TuningCurve, counterfactuals, responses, shuffled_indices, tuning_curve, tuning_index};

/// A filter before `--`, as in `cargo test -p lesson04 ex4_1`, makes cargo run the tests of this file too. There are none,
/// and this keeps cargo from saying that none of them passed.
#[cfg(test)]
fn main() {}
