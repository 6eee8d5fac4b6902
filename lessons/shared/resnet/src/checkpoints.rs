//! The networks that ship with the workspace, verified on every load.

use candle_core::{Error, Result};

use crate::ResNet;

/// The network of lessons 1 to 5: ResNet-18 of width 16, trained on generated scenes, 10 classes.
pub fn scenes() -> Result<ResNet> {
    shipped("scenes")
}

/// The same architecture and classes, trained on the same scenes after an adversary has changed them.
///
/// **Source** Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks".
pub fn robust() -> Result<ResNet> {
    shipped("robust")
}

/// The network of the last exercise: the same architecture and classes.
pub fn case() -> Result<ResNet> {
    shipped("case")
}

/// Loads a shipped network after comparing its SHA-256 with the one that shipped; see [`checkpoints::shipped`].
///
/// **Errors** if the file is missing, differs from the one that was shipped, or is not a ResNet's.
pub fn shipped(name: &str) -> Result<ResNet> {
    ResNet::load(checkpoints::shipped(name).map_err(Error::wrap)?)
}
