//! The checks of lesson 01: convolutions, residual blocks, forward pass.

mod block;
mod convolution;
mod depth;
mod forward;
mod parameters;
mod pooling;
mod receptive_field;
mod shapes;
mod window;

pub use block::{Block, exam as basic_block};
pub use convolution::{Convolve, convolve};
pub use depth::{Design, GradientNorms, gradient_norms};
pub use forward::{Forward, forward};
pub use parameters::{ParameterCount, parameter_count};
pub use pooling::{Pooling, pooling};
pub use receptive_field::{Receptive, receptive_field};
pub use shapes::{ShapeTable, shape_table};
pub use window::{OutputSize, output_size};

use crate::AnyExam;

/// The exams of the lesson, in the order of its exercises.
pub fn catalogue(seed: u64) -> Vec<Box<dyn AnyExam>> {
    vec![
        Box::new(output_size(seed)),
        Box::new(convolve(seed)),
        Box::new(pooling(seed)),
        Box::new(forward(seed)),
        Box::new(basic_block(seed)),
        Box::new(shape_table(seed)),
        Box::new(parameter_count(seed)),
        Box::new(receptive_field(seed)),
        Box::new(gradient_norms(seed)),
    ]
}
