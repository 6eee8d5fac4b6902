//! Lesson 02: hooks, statistics, heatmaps.
//!
//! Read `lessons/lesson02/README.md` first; it says what to write when, and why.
//!
//! | exercise | file | core |
//! |---|---|---|
//! | 2.1 forward hooks with handles | `hooks.rs` | yes |
//! | 2.2 gradient taps | `taps.rs` | yes |
//! | 2.3 streaming statistics | `statistics.rs` | yes |
//! | 2.4 sparsity | `sparsity.rs` | yes |
//! | 2.5 dead units over a data set | `dead_units.rs` | |
//! | 2.6 histograms | `histogram.rs` | |
//! | 2.7 normalization for display | `display.rs` | yes |
//! | 2.8 colormap and feature-map grid | `colors.rs` | |
//! | 2.9 weights against activations | `answer.rs` | |

#![warn(missing_docs)]

mod answer;
mod colors;
mod dead_units;
mod display;
mod histogram;
mod hooks;
mod sparsity;
mod statistics;
mod taps;

pub use answer::{Answer, strongest_answer};
pub use colors::{DIVERGING, JET, NAN, PAPER, Rgb, VIRIDIS, colorize, map_grid};
pub use dead_units::Peaks;
pub use display::{Scaling, for_display};
pub use histogram::Histogram;
pub use hooks::{Handle, Hook, Hooks, capture};
pub use sparsity::{Sparsity, sparsity};
pub use statistics::{Statistics, Summary};
pub use taps::gradients;

/// A filter before `--`, as in `cargo test -p lesson02 ex2_1`, makes cargo run the tests of this file too. There are none,
/// and this keeps cargo from saying that none of them passed.
#[cfg(test)]
fn main() {}
