//! What lies on this machine from the world: CIFAR-10, networks trained on ImageNet, and the network that
//! `train` made of CIFAR-10. `cargo run -p fetch` puts it there; nothing here goes to the network.
//!
//! The files are in a [`Cache`], a folder of its own outside the workspace. [`catalogue`] lists what can be fetched, with
//! sizes and checksums.

mod cache;
pub mod catalogue;
mod cifar10;
pub mod imagenet;

pub use cache::{Cache, Other, VARIABLE, files_of};
pub use cifar10::{About, CLASSES, Cifar10, SIDE, Split};
