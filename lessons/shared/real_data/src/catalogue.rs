//! What can be fetched, pinned: repository, revision, sizes, SHA-256.
//!
//! Sizes and checksums are those that the hub lists for these revisions, and for the binary batches those of the files in
//! `cifar-10-binary.tar.gz` of <https://www.cs.toronto.edu/~kriz/cifar.html>.

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
    /// Its SHA-256 in hexadecimal.
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

/// What this version of the course fetches.
pub fn shipped() -> Catalogue {
    let weights = |name: &str, title: &str, revision: &str, size, sha256: &str| Item {
        name: name.into(),
        title: title.into(),
        kind: Kind::Weights,
        owner: "timm".into(),
        repository: format!("{name}.tv_in1k"),
        revision: revision.into(),
        files: vec![file("model.safetensors", size, sha256, 0)],
    };
    let cifar10 = Item {
        name: "cifar10".into(),
        title: "CIFAR-10".into(),
        kind: Kind::Data,
        owner: "uoft-cs".into(),
        repository: "cifar10".into(),
        revision: "0b2714987fa478483af9968de7c934580d0bb9a2".into(),
        files: vec![
            file(
                "plain_text/train-00000-of-00001.parquet",
                119_705_255,
                "8428b53a88a11ac374111006708df51469e315a22ac6d66470afd9c78d2ae883",
                50_000,
            ),
            file(
                "plain_text/test-00000-of-00001.parquet",
                23_940_850,
                "841389e6f2d64f28bf17310e430aebac20ec3ba611a3c5e231dc93c645ce84de",
                10_000,
            ),
        ],
    };
    Catalogue {
        items: vec![
            cifar10,
            weights(
                "resnet18",
                "ResNet-18 of ImageNet",
                "bbd144b3e5565108aad885f145491d11bc6ce807",
                46_807_446,
                "694f673df6520a3158624e8a89af086f59923ee4cd7436fe5bc3bc71d295ad81",
            ),
            weights(
                "resnet50",
                "ResNet-50 of ImageNet",
                "78f3ecfdb38e06d9b8397f662e7ab8fee96026fa",
                102_469_840,
                "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888",
            ),
        ],
        batches: batches(),
    }
}

/// CIFAR-10's binary batches.
fn batches() -> Vec<RemoteFile> {
    let sums = [
        (
            "data_batch_1.bin",
            "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        ),
        (
            "data_batch_2.bin",
            "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        ),
        (
            "data_batch_3.bin",
            "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        ),
        (
            "data_batch_4.bin",
            "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        ),
        (
            "data_batch_5.bin",
            "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        ),
        (
            "test_batch.bin",
            "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        ),
    ];
    const IMAGES: usize = 10_000;
    let batch = |(name, sha256)| file(name, (IMAGES * ROW) as u64, sha256, IMAGES);
    sums.map(batch).into()
}

fn file(path: &str, size: u64, sha256: &str, images: usize) -> RemoteFile {
    RemoteFile {
        path: path.into(),
        size,
        sha256: sha256.into(),
        images,
    }
}

/// The weights of this name.
pub fn weights(name: &str) -> Option<Item> {
    let mut items = shipped().items.into_iter();
    items.find(|item| item.kind == Kind::Weights && item.name == name)
}

/// What weights there are.
pub fn names_of_weights() -> Vec<String> {
    let weights = shipped().items.into_iter().filter(|item| item.kind == Kind::Weights);
    weights.map(|item| item.name).collect()
}

/// CIFAR-10.
pub fn cifar10() -> Item {
    shipped().items.swap_remove(0)
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
        for item in &items {
            assert!(item.revision.len() == 40 && is_hex(&item.revision));
        }
        for file in items.iter().flat_map(|item| &item.files).chain(&batches) {
            assert!(file.sha256.len() == 64 && is_hex(&file.sha256) && file.size > 0);
        }
        assert_eq!(cifar10().name, "cifar10");
        assert_eq!(names_of_weights(), ["resnet18", "resnet50"]);
        assert_eq!(megabytes(cifar10().download_size()), "144 MB");
        assert_eq!(megabytes(cifar10().kept_size()), "184 MB");
    }
}
