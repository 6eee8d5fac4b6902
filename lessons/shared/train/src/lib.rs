//! Makes the shipped checkpoints: trains a network on scenes, measures it, writes it with a model card.
//!
//! ```text
//! cargo run -p train -- --out my-folder            # the network of the lessons, about a quarter of an hour
//! cargo run -p train -- robust                     # the same, trained against an adversary
//! cargo run -p train -- case --seed 7 --key keys  # a fresh case for exercise 5.9; what is wrong with it goes to keys/
//! cargo run -p train -- cifar10                    # a network for CIFAR-10, after `cargo run -p fetch -- cifar10`
//! cargo run -p train -- --help
//! ```
//!
//! Scenes are drawn, not stored: every scene is seen once. A run that is interrupted goes on from its last state, at most
//! half a minute old, and ends with the same weights, bit for bit, as one that was not (on the same kind of processor).

mod attack;
pub mod case;
mod cifar10;
mod evaluation;
mod optimizer;
mod parts;
mod recipe;
mod run;
mod state;
mod task;
mod training;

pub use attack::Attack;
pub use cifar10::Cifar10Recipe;
pub use evaluation::{
    Measured, Pointing, Scores, TOLERANCE, UnderAttack, accuracy, class_activation_maps, pointing, predictions,
};
pub use optimizer::AdamW;
pub use recipe::{Draw, Recipe, Stage};
pub use run::{Card, Folders, run, write_json};
pub use task::Task;
