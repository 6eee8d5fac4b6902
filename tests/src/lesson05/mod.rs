//! The checks of lesson 05: class activation maps, sanity checks, the case.

mod backprop;
mod cam;
mod case;
mod deletion;
mod grad_cam;
mod integrated;
mod localization;
mod occlusion;
mod overlay;
mod planted;
mod plus_plus;
mod sanity;
mod tiny;
mod weights;

pub use backprop::{Backprop, backprop};
pub use cam::{ClassMap, class_activation_map};
pub use case::{Case, Finding, MeasureEffect, SOLUTION as CASE_SOLUTION, case};
pub use deletion::{Exchange, exchange};
pub use grad_cam::{GradCam, grad_cam};
pub use integrated::{Integrate, integrated_gradients};
pub use localization::{Localize, Scores, localization};
pub use occlusion::{Occlude, PatchOf, occlusion_map};
pub use overlay::{Overlay, overlay};
pub use plus_plus::{PlusPlus, plus_plus};
pub use sanity::{Sanity, sanity};
pub use weights::{ChannelWeights, channel_weights};

use crate::AnyExam;

/// The exams of the lesson, in the order of its exercises.
pub fn catalogue(seed: u64) -> Vec<Box<dyn AnyExam>> {
    vec![
        Box::new(class_activation_map(seed)),
        Box::new(channel_weights(seed)),
        Box::new(grad_cam(seed)),
        Box::new(overlay(seed)),
        Box::new(plus_plus(seed)),
        Box::new(backprop(seed)),
        Box::new(localization(seed)),
        Box::new(sanity(seed)),
        Box::new(case(seed)),
        Box::new(occlusion_map(seed)),
        Box::new(integrated_gradients(seed)),
        Box::new(exchange(seed)),
    ]
}
