//! Draws the pictures of lesson 05 from the functions in `src/`: `cargo run -p lesson05`.
//!
//! `NAME.rs` draws `NAME.png`, which lies beside it; the other files hold what several pictures need.

mod cascade;
mod cascade_maps;
mod case;
mod case_effect;
mod case_maps;
mod deletion;
mod importance;
mod instruments;
mod integrated;
mod layers;
mod league;
mod league_methods;
mod league_scenes;
mod league_scores;
mod league_table;
mod localization;
mod methods;
mod occlusion;
mod pixels;
mod scores;
mod shipped;
mod steps;
mod test;
mod two_classes;
mod view;

use studio::Picture;

/// The pictures in the order of the lesson, and what each shows.
const ALL: [Picture; 15] = [
    Picture::new(
        "two_classes",
        "one image, two questions: a map for each class",
        two_classes::draw,
    ),
    Picture::new("steps", "from the activation to the picture", steps::draw),
    Picture::new("layers", "the same question to four layers", layers::draw),
    Picture::new(
        "importance",
        "the channels that are most active, and those that matter",
        importance::draw,
    ),
    Picture::new(
        "pixels",
        "down to the pixels: saliency, guided backprop, edges",
        pixels::draw,
    ),
    Picture::new(
        "localization",
        "which layer finds the figure that was asked for",
        localization::draw,
    ),
    Picture::new(
        "cascade",
        "whether a random network gives the same map, in numbers",
        cascade::draw,
    ),
    Picture::new(
        "cascade_maps",
        "the maps themselves on the way to a random network",
        cascade_maps::draw,
    ),
    Picture::new("case", "what the test of the case looks like", case::draw),
    Picture::new("case_maps", "where the network of the case looks", case_maps::draw),
    Picture::new(
        "case_effect",
        "what the cause does, before and after the repair",
        case_effect::draw,
    ),
    Picture::new("occlusion", "what the logit loses where a patch lies", occlusion::draw),
    Picture::new(
        "integrated",
        "integrated gradients and SmoothGrad, and the gap by steps",
        integrated::draw,
    ),
    Picture::new(
        "deletion",
        "the score while pixels go or come, in four orders",
        deletion::draw,
    ),
    Picture::new(
        "league",
        "every method by every criterion, in both networks",
        league::draw,
    ),
];

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main_with(env!("CARGO_PKG_NAME"), &ALL, &instruments::ALL)
}
