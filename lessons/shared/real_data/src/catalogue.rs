//! What can be fetched, pinned: repository, revision, sizes, SHA-256. The facts are in `catalogue.toml`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::cifar10::ROW;

/// Everything that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// What the hub has.
    pub items: Vec<Item>,
    /// CIFAR-10's binary batches, which can be taken from a folder instead: five to train on and one to test on.
    pub batches: Vec<RemoteFile>,
}

/// One thing that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is called on the command line.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// Data or a network.
    pub kind: Kind,
    /// Owner of the hub's repository.
    pub owner: String,
    /// Name of the hub's repository.
    pub repository: String,
    /// The commit, 40 hexadecimal digits.
    pub revision: String,
    /// What it holds, in a few words.
    #[serde(default)]
    pub about: String,
    /// What it takes for a while before it lies there, in words; nothing for most.
    #[serde(default)]
    pub meanwhile: String,
    /// Commands that use it.
    #[serde(default)]
    pub commands: Vec<String>,
    /// The files that are needed.
    pub files: Vec<RemoteFile>,
}

/// Whether an item is data or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A data set, in the hub's `datasets`: parquet files, first train, then test.
    Data,
    /// A network, in the hub's `models`: one safetensors file.
    Weights,
}

/// A file from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFile {
    /// Its path in the repository, or its name.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal; empty where nobody has told it.
    pub sha256: String,
    /// How many images it holds; none in a file of weights.
    #[serde(default)]
    pub images: usize,
}

impl Item {
    /// Bytes that are downloaded.
    pub fn download_size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Bytes that stay on the disk.
    pub fn kept_size(&self) -> u64 {
        let kept = |file: &RemoteFile| match self.kind {
            Kind::Data => (file.images * ROW) as u64,
            Kind::Weights => file.size,
        };
        self.files.iter().map(kept).sum()
    }
}

impl Catalogue {
    /// The item of this name.
    pub fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name == name)
    }
}

/// What this version of the course fetches: `catalogue.toml`.
pub fn shipped() -> &'static Catalogue {
    static SHIPPED: LazyLock<Catalogue> =
        LazyLock::new(|| toml::from_str(include_str!("catalogue.toml")).expect("catalogue.toml is a catalogue"));
    &SHIPPED
}

/// The weights of this name.
pub fn weights(name: &str) -> Option<&'static Item> {
    shipped().item(name).filter(|item| item.kind == Kind::Weights)
}

/// What weights there are.
pub fn names_of_weights() -> Vec<String> {
    let weights = shipped().items.iter().filter(|item| item.kind == Kind::Weights);
    weights.map(|item| item.name.clone()).collect()
}

/// CIFAR-10.
pub fn cifar10() -> &'static Item {
    shipped().item("cifar10").expect("the catalogue has CIFAR-10")
}

/// `144 MB`, in millions of bytes.
pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{} MB", (bytes + 500_000) / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_pinned() {
        let Catalogue { items, batches } = shipped();
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        for item in items {
            assert!(item.revision.len() == 40 && is_hex(&item.revision));
        }
        for file in items.iter().flat_map(|item| &item.files).chain(batches) {
            assert!(file.sha256.len() == 64 && is_hex(&file.sha256) && file.size > 0);
        }
        assert_eq!(batches.iter().map(|file| file.images).sum::<usize>(), 60_000);
        assert!(batches.iter().all(|file| file.size == (file.images * ROW) as u64));
        assert_eq!(names_of_weights(), ["resnet18", "resnet50"]);
        assert_eq!(megabytes(cifar10().download_size()), "144 MB");
        assert_eq!(megabytes(cifar10().kept_size()), "184 MB");
    }
}
