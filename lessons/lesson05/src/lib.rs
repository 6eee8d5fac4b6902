//! Lesson 05: class activation maps, sanity checks, and a network that should not be trusted.
//!
//! Read `lessons/lesson05/README.md` first; it says what to write when, and why.
//!
//! | exercise | file | core |
//! |---|---|---|
//! | 5.1 class activation map | `cam.rs` | |
//! | 5.2 channel weights | `weights.rs` | yes |
//! | 5.3 Grad-CAM | `grad_cam.rs` | yes |
//! | 5.4 upsampling and overlay | `overlay.rs` | yes |
//! | 5.5 Grad-CAM++ | `plus_plus.rs` | |
//! | 5.6 saliency, guided backprop, contributions | `backprop.rs` | |
//! | 5.7 scores against the true masks | `localization.rs` | yes |
//! | 5.8 sanity check by randomizing layers | `sanity.rs` | |
//! | 5.9 the case | `case.rs` | yes |
//! | 5.10 occlusion | `occlusion.rs` | |
//! | 5.11 integrated gradients, SmoothGrad | `integrated.rs` | |
//! | 5.12 deletion, insertion and the league | `deletion.rs`, `my_method.rs` | |
#![warn(missing_docs)]
#![allow(unused_imports, unused_variables, reason = "a stub does not use its arguments yet")]

mod backprop;
mod cam;
mod case;
mod deletion;
mod grad_cam;
mod integrated;
mod localization;
mod my_method;
mod occlusion;
mod overlay;
mod plus_plus;
mod sanity;
mod weights;

pub use backprop::{Guide, contributions, guided_backprop, saliency};
pub use cam::class_activation_map;
pub use case::{
    Effect, Finding, Repair, case_sampler, difference, effect, finding, push, remove, repair, repaired, test_scenes,
};
pub use deletion::{area_under, exchange_curve, exchanged, pixel_order};
pub use grad_cam::{class_score, grad_cam, weighted_map};
pub use integrated::{completeness_gap, integrated_gradients, noise, smooth_grad};
pub use localization::{Localization, energy_inside, localization, points_inside};
pub use my_method::my_method;
pub use occlusion::{Patch, class_logits, covered, occlusion, places};
pub use overlay::{overlay, relative, upsample};
pub use plus_plus::{grad_cam_plus_plus, plus_plus_weights};
pub use sanity::{TOP_DOWN, cascade, edges, randomized, rank_correlation};
pub use weights::channel_weights;

/// A filter before `--`, as in `cargo test -p lesson05 ex5_1`, makes cargo run the tests of this file too. There are none,
/// and this keeps cargo from saying that none of them passed.
#[cfg(test)]
fn main() {}
