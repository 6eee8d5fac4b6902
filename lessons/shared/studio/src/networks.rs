//! The network of a run: shipped, fetched, trained here or from a file, and what it and its classes are called.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use real_data::{Cache, catalogue, imagenet};
use resnet::{Config, ResNet};
use scenes::Shape;

use crate::near::near_name;
use crate::{Choice, Data};

/// A network with what it is called.
pub(crate) struct Loaded {
    pub network: ResNet,
    pub name: String,
    /// Was the network trained on scenes? Only shipped ones are known to be.
    pub knows_scenes: bool,
}

impl Loaded {
    pub fn new(choice: &Choice, cache: &Cache) -> Result<Self> {
        let Some(path) = &choice.weights else {
            return match choice.data {
                Some(Data::Cifar10) => {
                    let path = cache.trained().join("cifar10.safetensors");
                    if !path.is_file() {
                        bail!(
                            "there is no network trained on CIFAR-10 on this machine; `cargo run -p train -- cifar10` \
                             makes one, `--weights FILE` takes another"
                        );
                    }
                    Self::file(path, |config| called(config, "cifar10"))
                }
                _ => Self::shipped("scenes"),
            };
        };
        // A file that is called like a network is that file.
        let name = path.to_str().filter(|_| !path.exists());
        if let Some(name) = name.filter(|name| checkpoints::NAMES.contains(name)) {
            return Self::shipped(name);
        }
        if let Some(item) = name.and_then(catalogue::weights) {
            return Self::file(cache.weights(&item.name)?, |config| {
                format!("{} of ImageNet", config.name())
            });
        }
        if let Some(near) = name.and_then(|name| near_name(name, names())) {
            bail!(
                "there is no file {}; did you mean `{near}`? The names are {}",
                path.display(),
                names().join(", ")
            );
        }
        Self::file(path.clone(), |config| {
            format!("{} of {}", config.name(), file_name(path))
        })
    }

    fn shipped(name: &str) -> Result<Self> {
        let network = resnet::checkpoints::shipped(name)?;
        Ok(Self {
            name: called(network.config(), name),
            network,
            knows_scenes: true,
        })
    }

    fn file(path: PathBuf, name: impl Fn(&Config) -> String) -> Result<Self> {
        let (network, changes) = ResNet::load_with_changes(path)?;
        if let Some(changes) = changes {
            eprintln!("{changes}");
        }
        Ok(Self {
            name: name(network.config()),
            network,
            knows_scenes: false,
        })
    }
}

/// `ResNet-18 “scenes”`: a network of the course by its name.
pub(crate) fn called(config: &Config, name: &str) -> String {
    format!("{} “{name}”", config.name())
}

/// The names that stand for weights.
fn names() -> Vec<String> {
    let shipped = checkpoints::NAMES.map(String::from);
    shipped.into_iter().chain(catalogue::names_of_weights()).collect()
}

/// The names of the network's classes as far as they are known.
pub(crate) fn class_names(config: &Config, data: Option<Data>, knows_scenes: bool) -> Vec<String> {
    match (config.classes, data) {
        _ if knows_scenes => Shape::ALL.map(|shape| shape.name().into()).into(),
        (10, Some(Data::Cifar10)) => real_data::CLASSES.map(String::from).into(),
        (imagenet::CLASSES, _) => imagenet::class_names().into_iter().map(String::from).collect(),
        (classes, _) => (0..classes).map(|class| format!("class {class}")).collect(),
    }
}

/// A file's name without its folder.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
