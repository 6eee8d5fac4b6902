//! Lesson 03: feature visualization.
//!
//! Read `lessons/lesson03/README.md` first; it says what to write when, and why.
//!
//! | exercise | file | core |
//! |---|---|---|
//! | 3.1 objectives: a neuron, a channel, a layer | `objective.rs` | yes |
//! | 3.2 one step of gradient ascent | `ascent.rs` | yes |
//! | 3.3 total variation, L2, blur | `regularize.rs` | yes |
//! | 3.4 jitter, rotation, scale | `transform.rs` | |
//! | 3.5 the whole maximization | `maximize.rs` | yes |
//! | 3.6 waves and decorrelated colours | `fourier.rs` | |
//! | 3.7 DeepDream | `dream.rs` | |
//! | 3.8 several optima, and real examples beside them | `facets.rs` | yes |
//! | 3.9 fooling a network, and how little it takes | `fool.rs` | |
#![warn(missing_docs)]
#![allow(
    unused_imports,
    unused_variables,
    dead_code,
    reason = "a stub does not use its arguments yet"
)]

mod ascent;
mod dream;
mod facets;
mod fool;
mod fourier;
mod maximize;
mod objective;
mod regularize;
mod transform;

pub use ascent::{Function, ascent_step, direction, into_ball, value_and_gradient};
pub use dream::{Dream, dream, octave_sizes, resize};
pub use facets::{similarity, top_examples};
pub use fool::{Goal, HALVINGS, fool, is_class, margin, smallest_change};
pub use fourier::{from_spectrum, mix_colours, paint};
pub use maximize::{Optimizer, Problem, Settings, maximize};
pub use objective::{Target, objective, score};
pub use regularize::{blur, l2, total_variation};
pub use transform::{Wobble, roll, turn};

/// A filter before `--`, as in `cargo test -p lesson03 ex3_1`, makes cargo run the tests of this file too. There are none,
/// and this keeps cargo from saying that none of them passed.
#[cfg(test)]
fn main() {}
