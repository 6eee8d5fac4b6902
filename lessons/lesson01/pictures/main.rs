//! Draws the pictures of lesson 01 from the functions in `src/`: `cargo run -p lesson01`.
//!
//! `NAME.rs` draws `NAME.png`, which lies beside it; the other files hold what several pictures need.

mod block;
mod convolution;
mod filters;
mod gradient_norms;
mod input;
mod parameters;
mod pooling;
mod random;
mod receptive_field;
mod shapes;

use studio::Picture;

/// The pictures in the order of the lesson, and what each shows.
const ALL: [Picture; 8] = [
    Picture::new(
        "convolution",
        "three filters made by hand, before and after the ReLU",
        convolution::draw,
    ),
    Picture::new(
        "filters",
        "the filters of the first layer, and what your convolution finds with them",
        filters::draw,
    ),
    Picture::new(
        "pooling",
        "one feature map, pooled by maximum and by mean until little is left",
        pooling::draw,
    ),
    Picture::new(
        "block",
        "the residual block, with a projection, and the bottleneck",
        block::draw,
    ),
    Picture::new(
        "shapes",
        "an image on its way: fewer places, more features",
        shapes::draw,
    ),
    Picture::new(
        "parameters",
        "the parameters of the five networks of the paper",
        parameters::draw,
    ),
    Picture::new(
        "receptive_field",
        "how much of the image a unit of each layer sees",
        receptive_field::draw,
    ),
    Picture::new(
        "gradient_norms",
        "the gradient on its way back through 100 layers, in four designs",
        gradient_norms::draw,
    ),
];

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main(env!("CARGO_PKG_NAME"), &ALL)
}
