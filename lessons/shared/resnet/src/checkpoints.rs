//! The two networks that ship with the workspace, verified on every load.

use std::path::PathBuf;

use candle_core::{Error, Result, bail};
use sha2::{Digest, Sha256};

use crate::ResNet;

/// The folder of the shipped checkpoints.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../train/checkpoints"))
}

/// The network of lessons 1 to 5: ResNet-18 of width 16, trained on generated scenes, 10 classes.
pub fn scenes() -> Result<ResNet> {
    shipped("scenes")
}

/// The network of the last exercise: the same architecture and classes.
pub fn case() -> Result<ResNet> {
    shipped("case")
}

/// Loads `name.safetensors` from [`folder`] after comparing its SHA-256 with the one in `SHA256SUMS` beside it.
///
/// **Errors** if the file is missing, differs from the one that was shipped, or is not a ResNet's.
pub fn shipped(name: &str) -> Result<ResNet> {
    let path = folder().join(format!("{name}.safetensors"));
    let restore = || format!("restore it with `git checkout -- {}`", path.display());
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|e| Error::Msg(format!("{}: cannot be read ({e}); {}", path.display(), restore())))
    };
    let sums = String::from_utf8_lossy(&read(&folder().join("SHA256SUMS"))?).into_owned();
    let file = format!("{name}.safetensors");
    let Some(expected) = sums
        .lines()
        .find_map(|line| line.strip_suffix(&file)?.split_whitespace().next())
    else {
        bail!(
            "{}: no checksum for {file}; {}",
            folder().join("SHA256SUMS").display(),
            restore()
        );
    };
    let actual = checksum(&read(&path)?);
    if actual != expected {
        bail!(
            "{}: expected SHA-256 {expected}, got {actual}; {}",
            path.display(),
            restore()
        );
    }
    ResNet::load(&path)
}

/// SHA-256 of some bytes, in hexadecimal.
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
