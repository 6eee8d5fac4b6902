//! What a run is asked to work on.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use real_data::Cache;

/// Where the images come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// Generated scenes, 128×128; where no network of one's own is asked for, these are taken
    Scenes,
    /// CIFAR-10's test images, 32×32; `cargo run -p fetch -- cifar10` first
    Cifar10,
}

/// What a run is asked to work on.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Where the images come from. Without it a shipped network is shown scenes, and another one nothing: it knows none.
    pub data: Option<Data>,
    /// A folder of images, instead of `data`.
    pub images: Option<PathBuf>,
    /// A file with weights, or the name of shipped or fetched ones; without it the network that was trained on the data.
    pub weights: Option<PathBuf>,
    /// The learner's photo.
    pub image: Option<PathBuf>,
    /// Classes to ask about, each a name or a number.
    pub classes: Vec<String>,
    /// Units to ask about, each `SITE:CHANNEL`.
    pub units: Vec<String>,
    /// How many scenes a picture counts over that counts over many; without it as many as the picture says.
    pub scenes: Option<u64>,
}

impl Choice {
    /// Where fetched files lie. A system without a place for caches is asked only where a file from there is needed.
    ///
    /// **Errors** if one is needed and there is no such place.
    pub fn cache(&self) -> Result<Cache> {
        let is_fetched = self.data == Some(Data::Cifar10) || self.weights.as_ref().is_some_and(|path| !path.exists());
        if is_fetched {
            return Ok(Cache::locate()?);
        }
        Ok(Cache::at(PathBuf::new()))
    }

    /// Whether this is the course's own network on its own scenes.
    pub(crate) fn is_own(&self) -> bool {
        let elsewhere = [&self.weights, &self.image, &self.images];
        elsewhere.iter().all(|path| path.is_none()) && self.data != Some(Data::Cifar10)
    }
}
