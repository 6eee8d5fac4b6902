//! The folder in which fetched files lie.

use std::path::{Path, PathBuf};

use candle_core::{Error, Result};
use checkpoints::checksum;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::catalogue::{self, Item, megabytes};

/// The environment variable that moves the folder.
pub const VARIABLE: &str = "LESSON_CACHE";
/// The folder's name in the place that the system has for caches.
const NAME: &str = "neuron-lessons";

/// A revision that was fetched instead of the pinned one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// As it was asked for.
    pub revision: String,
    /// SHA-256 of what came.
    pub sha256: String,
}

/// The folder in which fetched files lie:
///
/// ```text
/// cifar10/{train,test}.bin, about.json   rows in CIFAR's binary layout
/// weights/NAME.safetensors               networks trained on ImageNet
/// trained/cifar10.safetensors            what `cargo run -p train -- cifar10` made
/// downloads/                             what is not complete yet
/// ```
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// `$LESSON_CACHE` if it is set, else `neuron-lessons` in the system's place for caches: `~/.cache` on Linux,
    /// `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
    ///
    /// **Errors** if the system has no such place.
    pub fn locate() -> Result<Self> {
        let set = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
        match set.map(PathBuf::from) {
            Some(folder) => Ok(Self::at(folder)),
            None => dirs::cache_dir()
                .map(|folder| Self::at(folder.join(NAME)))
                .ok_or_else(|| {
                    Error::Msg(format!(
                        "this system has no place for caches; set {VARIABLE} to a folder"
                    ))
                }),
        }
    }

    /// The cache in this folder, which need not exist.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where CIFAR-10 lies, fetched or not.
    pub fn cifar10(&self) -> PathBuf {
        self.folder.join("cifar10")
    }

    /// Where the network that was trained on CIFAR-10 here lies, made or not.
    pub fn trained(&self) -> PathBuf {
        self.folder.join("trained")
    }

    /// Where downloads lie until they are complete.
    pub fn downloads(&self) -> PathBuf {
        self.folder.join("downloads")
    }

    /// Where the weights of this name lie, fetched or not.
    pub fn weights_file(&self, name: &str) -> PathBuf {
        let weights = self.folder.join("weights").join(name);
        weights.with_extension("safetensors")
    }

    /// Where it is said which revision of the weights lies here, if it is not the pinned one.
    fn other_file(&self, name: &str) -> PathBuf {
        self.weights_file(name).with_extension("json")
    }

    /// Which revision of the weights lies here; `None` if it is the pinned one.
    pub fn other(&self, name: &str) -> Option<Other> {
        let text = std::fs::read(self.other_file(name)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Says which revision of the weights lies here; `None` for the pinned one.
    ///
    /// **Errors** if the file cannot be written or removed.
    pub fn set_other(&self, name: &str, other: Option<&Other>) -> Result<()> {
        let path = self.other_file(name);
        match other {
            Some(other) => std::fs::write(path, serde_json::to_vec_pretty(other).map_err(Error::wrap)?)?,
            None if path.exists() => std::fs::remove_file(path)?,
            None => {}
        }
        Ok(())
    }

    /// The checksum that the fetched weights must have.
    pub fn checksum_of(&self, item: &Item) -> String {
        let other = self.other(&item.name);
        other.map_or_else(|| item.files[0].sha256.clone(), |other| other.sha256)
    }

    /// The fetched weights of this name, checked against the checksum they came with.
    ///
    /// **Errors** if the catalogue has no such weights, or they are not here or not whole; the error says what to do.
    pub fn weights(&self, name: &str) -> Result<PathBuf> {
        let Some(item) = catalogue::weights(name) else {
            return Err(Error::Msg(format!(
                "there are no weights {name:?}; known are {}",
                catalogue::names_of_weights().join(", ")
            )));
        };
        let path = self.weights_file(name);
        let Ok(bytes) = std::fs::read(&path) else {
            return Err(missing(item));
        };
        if checksum(&bytes) != self.checksum_of(item) {
            return Err(Error::Msg(format!(
                "{}: not the file that was fetched; `cargo run -p fetch -- {name}` fetches it again",
                path.display()
            )));
        }
        Ok(path)
    }
}

/// What to do about an item that is not here.
pub(crate) fn missing(item: &Item) -> Error {
    Error::Msg(format!(
        "{} is not on this machine; `cargo run -p fetch -- {}` fetches it ({})",
        item.title,
        item.name,
        megabytes(item.download_size())
    ))
}

/// Every file below a folder with its size in bytes; nothing if there is no such folder.
pub fn files_of(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let files = entries.filter(|entry| entry.file_type().is_file());
    let sized = files.filter_map(|entry| Some((entry.path().to_path_buf(), entry.metadata().ok()?.len())));
    sized.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_are_not_here_are_answered_with_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let error = Cache::at(folder.path()).weights("resnet18").unwrap_err();
        assert_eq!(
            error.to_string(),
            "ResNet-18 of ImageNet is not on this machine; `cargo run -p fetch -- resnet18` fetches it (47 MB)"
        );
        let error = Cache::at(folder.path()).weights("resnet9000").unwrap_err();
        assert!(error.to_string().contains("resnet18, resnet50"), "{error}");
    }

    #[test]
    fn damaged_weights_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let path = cache.weights_file("resnet18");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"half a file").unwrap();
        let error = cache.weights("resnet18").unwrap_err().to_string();
        assert!(error.contains("not the file that was fetched"), "{error}");
        assert!(error.contains("fetch -- resnet18` fetches it again"), "{error}");
    }
}
