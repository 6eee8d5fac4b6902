//! The companion of the lessons, `cargo lesson`: what is next, hints, grading at each save, the quiz, reports.

pub mod hint;
pub mod lessons;
pub mod progress;
pub mod quiz;
pub mod report;
pub mod term;
pub mod together;
pub mod watch;
