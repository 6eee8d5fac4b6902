//! Draws the pictures of lesson 04 from the functions in `src/`: `cargo run -p lesson04`.
//!
//! `NAME.rs` draws `NAME.png`, which lies beside it; the other files hold what several pictures need.

mod ablation;
mod averaging;
mod axes;
mod circuit;
mod counting;
mod depth;
mod dictionary;
mod dissected;
mod features;
mod images;
mod instruments;
mod leak;
mod null;
mod probes;
mod question;
mod removal;
mod selectivity;
mod superposition;
mod tuning;
mod unit;
mod units;

use studio::Picture;

/// The pictures in the order of the lesson, and what each shows.
const ALL: [Picture; 14] = [
    Picture::new(
        "question",
        "what a linear probe can tell from each layer",
        question::draw,
    ),
    Picture::new(
        "depth",
        "what can be read at which depth, and from an untrained network",
        depth::draw,
    ),
    Picture::new("averaging", "what averaging over the map hides", averaging::draw),
    Picture::new(
        "leak",
        "the same probes with views of one scene on both sides, and on one",
        leak::draw,
    ),
    Picture::new("selectivity", "tasks and control tasks over depth", selectivity::draw),
    Picture::new("units", "how many units stand for which concept", units::draw),
    Picture::new("unit", "the scenes that drive a few units most", unit::draw),
    Picture::new("null", "what chance and other axes give", null::draw),
    Picture::new(
        "tuning",
        "what a unit answers to each shape, colour and texture of the same scenes",
        tuning::draw,
    ),
    Picture::new(
        "superposition",
        "when toys keep more features than they have units",
        superposition::draw,
    ),
    Picture::new(
        "dictionary",
        "how pure units, dictionary features and random directions are",
        dictionary::draw,
    ),
    Picture::new(
        "features",
        "images that drive features of a dictionary, and the units beside them",
        features::draw,
    ),
    Picture::new(
        "ablation",
        "units and directions taken away: what can be read and is not used",
        ablation::draw,
    ),
    Picture::new(
        "circuit",
        "what the units of a block say to one unit, by their weights and when they are silenced",
        circuit::draw,
    ),
];

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main_with(env!("CARGO_PKG_NAME"), &ALL, &instruments::ALL)
}
