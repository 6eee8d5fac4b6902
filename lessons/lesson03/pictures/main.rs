//! Draws the pictures of lesson 03 from the functions in `src/`: `cargo run -p lesson03`.
//!
//! `NAME.rs` draws `NAME.png`, which lies beside it; the other files hold what several pictures need.

mod ablation;
mod both;
mod classes;
mod decoy;
mod diverse;
mod dream;
mod examples;
mod filters;
mod fooled;
mod images;
mod instruments;
mod layers;
mod legible;
mod making;
mod optima;
mod push;
mod recipe;
mod steps;
mod unit;

use studio::Picture;

/// The pictures in the order of the lesson, and what each shows.
const ALL: [Picture; 13] = [
    Picture::new("optima", "what channels of each layer want", optima::draw),
    Picture::new(
        "filters",
        "the filters of the first layer, and what they want",
        filters::draw,
    ),
    Picture::new("ablation", "what each remedy against noise does", ablation::draw),
    Picture::new(
        "steps",
        "the objective over the steps; a class by its score and by its probability",
        steps::draw,
    ),
    Picture::new(
        "classes",
        "what two networks would call by each class's name",
        classes::draw,
    ),
    Picture::new(
        "legible",
        "how many optima the other network names rightly",
        legible::draw,
    ),
    Picture::new("layers", "one unit of each layer, in both networks", layers::draw),
    Picture::new(
        "push",
        "scenes pushed towards another class, in both networks",
        push::draw,
    ),
    Picture::new(
        "fooled",
        "how far images have to go until the answer turns",
        fooled::draw,
    ),
    Picture::new("dream", "one picture, amplified by three layers", dream::draw),
    Picture::new(
        "diverse",
        "four optima of one unit, each for itself and together",
        diverse::draw,
    ),
    Picture::new("examples", "what units want, and what they find", examples::draw),
    Picture::new("decoy", "a unit that wants one thing and finds another", decoy::draw),
];

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main_with(env!("CARGO_PKG_NAME"), &ALL, &instruments::ALL)
}
