//! The network that is looked at, with what is known of it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use resnet::ResNet;
use studio::{Choice, Material, Preparation};

/// A network, its names and its hash.
pub struct Subject {
    /// The network.
    pub network: ResNet,
    /// In words: "ResNet-18 “scenes”".
    pub name: String,
    /// For addresses and folders: "scenes".
    pub slug: String,
    /// The names of its classes.
    pub classes: Vec<String>,
    /// Whether its classes are the shapes of the scenes, so that a scene's label is a class of the network.
    pub knows_shapes: bool,
    /// The side of the images that it knows, in pixels.
    pub side: usize,
    /// What is done to a photo before the network sees it.
    pub preparation: Preparation,
    /// The classes that were asked for by name, first on the card.
    pub wanted: Vec<usize>,
    /// What another program loads the network by: a name of the course or a file.
    pub source: Option<String>,
    /// A hash of all weights and stored statistics.
    pub hash: String,
}

/// A place in the network whose channels are the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name: "layer4".
    pub name: String,
    /// How many units it has.
    pub units: usize,
    /// Where an image is made for a unit: before the ReLU, if the site is a block's output. At rest a unit has no gradient
    /// behind it.
    pub before: String,
    /// Whether no activation is below zero there.
    pub is_rectified: bool,
}

/// The sites of an atlas, in forward order.
pub const STAGES: [&str; 5] = ["conv1", "layer1", "layer2", "layer3", "layer4"];

impl Subject {
    /// The network of these weights: a name (`scenes`, `robust`, a fetched one) or a file; without any the ordinary one.
    ///
    /// **Errors** if it cannot be loaded.
    pub fn open(weights: Option<&Path>) -> Result<Self> {
        Self::choose(weights, &[])
    }

    /// The same, with classes to ask about, each a name or a number.
    ///
    /// **Errors** if it cannot be loaded, or a class is not there; the error names those that are near.
    pub fn choose(weights: Option<&Path>, classes: &[String]) -> Result<Self> {
        let choice = Choice {
            weights: weights.map(Path::to_path_buf),
            classes: classes.to_vec(),
            ..Choice::default()
        };
        let material = Material::open(&choice, &choice.cache()?)?;
        let named = (0..material.network().config().classes).map(|class| material.class_name(class).to_string());
        Ok(Self {
            preparation: material.preparation(),
            wanted: material.wanted().to_vec(),
            source: source(weights),
            ..Self::new(
                material.network().clone(),
                material.network_name(),
                &weights.map_or("scenes".into(), slug),
                named.collect(),
                material.knows_labels(),
                material.side(),
            )?
        })
    }

    /// The network of exercise 5.9.
    ///
    /// **Errors** if its checkpoint cannot be loaded.
    pub fn case() -> Result<Self> {
        let network = resnet::checkpoints::case()?;
        let classes = scenes::Shape::ALL.map(|shape| shape.name().to_string()).into();
        let name = format!("{} “case”", network.config().name());
        Ok(Self {
            source: Some("case".into()),
            ..Self::new(network, &name, "case", classes, true, 128)?
        })
    }

    /// Any network.
    ///
    /// **Errors** if its weights cannot be read.
    pub fn new(
        network: ResNet,
        name: &str,
        slug: &str,
        classes: Vec<String>,
        knows_shapes: bool,
        side: usize,
    ) -> Result<Self> {
        Ok(Self {
            hash: hash(&network)?,
            name: name.into(),
            slug: slug.into(),
            classes,
            knows_shapes,
            side,
            preparation: Preparation::Square(side),
            wanted: vec![],
            source: None,
            network,
        })
    }

    /// A site by its name.
    ///
    /// **Errors** if there is none, or if it has no maps.
    pub fn site(&self, name: &str) -> Result<Site> {
        let image = Tensor::zeros((1, 3, self.side, self.side), DType::F32, &Device::Cpu)?;
        let Ok((_, units, ..)) = self.network.activation(&image, name)?.dims4() else {
            bail!(
                "{name} has no maps: choose a convolution or a layer, such as {}",
                STAGES.join(", ")
            )
        };
        let sites = self.network.sites();
        let sum = sites
            .iter()
            .rev()
            .find(|site| site.starts_with(name) && site.ends_with(".add"));
        let number = name.strip_prefix("layer").unwrap_or("x");
        let is_block = number.chars().all(|c| c.is_ascii_digit() || c == '.');
        let before = match (is_block, sum) {
            (true, Some(sum)) => sum.clone(),
            _ => name.to_string(),
        };
        Ok(Site {
            name: name.into(),
            units,
            is_rectified: before != name || name.contains("relu"),
            before,
        })
    }

    /// The sites of an atlas that this network has, in forward order.
    ///
    /// **Errors** if it cannot run.
    pub fn stages(&self) -> Result<Vec<Site>> {
        let known = self.network.sites();
        let stages = STAGES.iter().filter(|stage| known.iter().any(|site| site == *stage));
        stages.map(|stage| self.site(stage)).collect()
    }

    /// A class by its name, or by its number where names are not known.
    pub fn class_name(&self, class: usize) -> &str {
        self.classes.get(class).map_or("no such class", String::as_str)
    }
}

/// What another program loads the network by: a name of the course, or a file. A fetched network has no such name.
fn source(weights: Option<&Path>) -> Option<String> {
    let Some(path) = weights else {
        return Some("scenes".into());
    };
    match path.canonicalize() {
        Ok(whole) => Some(whole.display().to_string()),
        Err(_) => path
            .to_str()
            .filter(|name| checkpoints::NAMES.contains(name))
            .map(String::from),
    }
}

/// A file's or a name's last part in letters, digits and dashes.
fn slug(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    stem.chars().map(plain).collect()
}

/// SHA-256 over names, shapes and values of all parameters, in the order of their names.
fn hash(network: &ResNet) -> Result<String> {
    let mut names: Vec<_> = network.parameters().keys().collect();
    names.sort();
    let mut bytes = vec![];
    for name in names {
        let tensor = network.parameter(name)?;
        bytes.extend(format!("{name}{:?}", tensor.dims()).bytes());
        let values = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>();
        let values = values.with_context(|| format!("{name} cannot be read"))?;
        bytes.extend(values.into_iter().flat_map(f32::to_le_bytes));
    }
    Ok(checkpoints::checksum(&bytes))
}
