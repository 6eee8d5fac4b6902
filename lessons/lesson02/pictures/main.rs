//! Draws the pictures of lesson 02 from the functions in `src/`: `cargo run -p lesson02`.
//!
//! `NAME.rs` draws `NAME.png`, which lies beside it; the other files hold what several pictures need.

mod channel;
mod dead_units;
mod filters;
mod gradient;
mod histograms;
mod images;
mod instruments;
mod jet;
mod maps;
mod scales;
mod scaling;
mod sites;
mod sparsity;
mod statistics;

use studio::Picture;

/// The pictures in the order of the lesson, and what each shows.
const ALL: [Picture; 10] = [
    Picture::new("maps", "what one image leaves in each layer", maps::draw),
    Picture::new("channel", "the same two channels for several images", channel::draw),
    Picture::new(
        "gradient",
        "in each layer the channel that matters most for the answer, and how",
        gradient::draw,
    ),
    Picture::new(
        "statistics",
        "mean, deviation, minimum and maximum over depth",
        statistics::draw,
    ),
    Picture::new("sparsity", "how much of each layer is zero", sparsity::draw),
    Picture::new(
        "dead_units",
        "how many images it takes until a unit has fired",
        dead_units::draw,
    ),
    Picture::new(
        "histograms",
        "the distribution of the values before and after the ReLU",
        histograms::draw,
    ),
    Picture::new(
        "scales",
        "the same maps with a scale each and with one for all",
        scales::draw,
    ),
    Picture::new(
        "jet",
        "the same numbers in three colormaps, and why one of them lies",
        jet::draw,
    ),
    Picture::new(
        "filters",
        "what a filter asks, the patch that answers most, what one image answers",
        filters::draw,
    ),
];

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main_with(env!("CARGO_PKG_NAME"), &ALL, &instruments::ALL)
}
