//! Lesson 01: convolutions, residual blocks, and the forward pass.
//!
//! Read `lessons/lesson01/README.md` first; it says what to write when, and why.
//!
//! | exercise | file | core |
//! |---|---|---|
//! | 1.1 output size of a window | `window.rs` | yes |
//! | 1.2 convolution by hand | `convolution.rs` | yes |
//! | 1.3 max and average pooling | `pooling.rs` | |
//! | 1.4 activations and a whole forward pass | `forward.rs` | yes |
//! | 1.5 the residual block | `block.rs` | yes |
//! | 1.6 shape table of a ResNet | `shapes.rs` | |
//! | 1.7 parameter counts | `parameters.rs` | |
//! | 1.8 receptive field | `receptive_field.rs` | |
//! | 1.9 gradient norm over depth | `depth.rs` | yes |
#![warn(missing_docs)]
#![allow(unused_imports, unused_variables, reason = "a stub does not use its arguments yet")]

mod block;
mod convolution;
mod depth;
mod forward;
mod parameters;
mod pooling;
mod receptive_field;
mod shapes;
mod window;

pub use block::{basic_block, batch_norm};
pub use convolution::convolve;
pub use depth::{Design, batch_normalize, gradient_norms};
pub use forward::{forward, relu, sigmoid, softmax, tanh};
pub use parameters::parameter_count;
pub use pooling::{average_pool, max_pool};
pub use receptive_field::{ReceptiveField, receptive_field};
pub use shapes::{format_table, shape_table};
pub use window::output_size;

/// A filter before `--`, as in `cargo test -p lesson01 ex1_1`, makes cargo run the tests of this file too. There are none,
/// and this keeps cargo from saying that none of them passed.
#[cfg(test)]
fn main() {}
