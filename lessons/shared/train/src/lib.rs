//! Makes the shipped checkpoints: trains a network on scenes, measures it, writes it with a model card.
//!
//! ```text
//! cargo run -p train -- --out my-folder            # the network of the lessons, about a quarter of an hour
//! cargo run -p train -- --data cifar10             # a network for CIFAR-10, after `cargo run -p fetch -- cifar10`
//! cargo run -p train -- --help
//! ```
//!
//! Scenes are drawn, not stored: every scene is seen once. A run that is interrupted goes on from its last finished
//! epoch and ends with the same weights, bit for bit, as one that was not (on the same kind of processor).

mod cifar10;
mod evaluation;
mod optimizer;
mod recipe;
mod run;
mod task;

pub use cifar10::Cifar10Recipe;
pub use evaluation::{Pointing, Scores, TOLERANCE, accuracy, class_activation_maps, pointing, predictions};
pub use optimizer::AdamW;
pub use recipe::{Draw, Recipe, Stage};
pub use run::{Card, run};
pub use task::Task;
