//! The checks of lesson 04: probing and dissection.

mod ablation;
mod circuit;
mod control;
mod curve;
mod dictionary;
mod dissection;
mod features;
mod probe;
mod score;
mod split;
mod standardize;
mod tuning;

pub use ablation::{Ablation, ablation};
pub use circuit::{Circuit, circuit};
pub use control::{Control, control};
pub use curve::{DepthCurve, depth_curve};
pub use dictionary::{Dictionary, Sparse, Toy, dictionary};
pub use dissection::{Dissect, dissection};
pub use features::{Features, exam as features};
pub use probe::{Fitted, Probing, probe};
pub use score::{Scored, Scoring, exam as score};
pub use split::{Split, exam as split};
pub use standardize::{Standardize, standardize};
pub use tuning::{Tuning, tuning};

use crate::AnyExam;

/// The exams of the lesson, in the order of its exercises.
pub fn catalogue(seed: u64) -> Vec<Box<dyn AnyExam>> {
    vec![
        Box::new(features(seed)),
        Box::new(split(seed)),
        Box::new(standardize(seed)),
        Box::new(probe(seed)),
        Box::new(score(seed)),
        Box::new(control(seed)),
        Box::new(depth_curve(seed)),
        Box::new(dissection(seed)),
        Box::new(ablation(seed)),
        Box::new(tuning(seed)),
        Box::new(dictionary(seed)),
        Box::new(circuit(seed)),
    ]
}
