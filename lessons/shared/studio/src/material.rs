//! What pictures are made from: a network, images, and what is known about both.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use real_data::{Cache, Cifar10, Split, imagenet};
use resnet::ResNet;
use scenes::{COLOUR_AXES, Sampler};

use crate::folder::Folder;
use crate::images::{Batch, Images, Preparation, Sample};
use crate::near;
use crate::networks::{Loaded, called, class_names};
use crate::{Choice, Data, LeftOut, Unit};

/// The network and the images of one run.
///
/// A picture that compares two networks asks for the other one with [`Material::beside`] and draws both in the same way:
///
/// ```ignore
/// for material in [material, &material.beside("robust")?] {
///     figure = figure.panel(optimum(material)?.title(material.network_name()));
/// }
/// ```
pub struct Material {
    network: ResNet,
    network_name: String,
    /// Was the network trained on scenes? Only shipped ones are known to be.
    knows_scenes: bool,
    knows_labels: bool,
    class_names: Vec<String>,
    images: Images,
    photo: Option<Sample>,
    /// The classes of `--class`.
    wanted: Vec<usize>,
    /// The units of `--unit`.
    units: Vec<Unit>,
    scenes: Option<u64>,
    remarks: Mutex<Vec<String>>,
}

impl Material {
    /// The shipped network and generated scenes; or the network in `weights`, and the learner's `photo` where a picture is of
    /// one image.
    ///
    /// **Errors** if a file cannot be used; the error names it.
    pub fn new(weights: Option<&Path>, photo: Option<&Path>) -> Result<Self> {
        let choice = Choice {
            weights: weights.map(Path::to_path_buf),
            image: photo.map(Path::to_path_buf),
            ..Choice::default()
        };
        Self::open(&choice, &choice.cache()?)
    }

    /// What was chosen, with the fetched files of `cache`.
    ///
    /// **Errors** if a file cannot be used or was not fetched, or a class is not there; the error names it and says what to do.
    pub fn open(choice: &Choice, cache: &Cache) -> Result<Self> {
        let cifar10 = match choice.data {
            Some(Data::Cifar10) => Some(Cifar10::open(cache, Split::Test)?),
            _ => None,
        };
        let Loaded {
            network,
            name,
            knows_scenes,
        } = Loaded::new(choice, cache)?;
        let config = network.config();
        let class_names = class_names(config, choice.data, knows_scenes);
        let wanted = choice.classes.iter().map(|typed| near::class(typed, &class_names));
        let wanted = wanted.collect::<Result<Vec<_>>>()?;
        let units = choice.units.iter().map(|typed| Unit::find(typed, &network));
        let units = units.collect::<Result<Vec<_>>>()?;
        let preparation = Preparation::of(config, knows_scenes);
        let images = match (&choice.images, cifar10, choice.data) {
            (Some(folder), ..) => Images::Folder(Arc::new(Folder::open(folder, preparation, &class_names)?)),
            (None, Some(data), _) => Images::Cifar10(Arc::new(data), preparation.side()),
            (None, None, None) if !knows_scenes => Images::Unknown,
            (None, None, _) => Images::Scenes(Sampler::default()),
        };
        let photo = choice.image.as_deref();
        let photo = photo.map(|path| Sample::photo(path, preparation));
        Ok(Self {
            knows_labels: match &images {
                Images::Scenes(_) => knows_scenes,
                Images::Cifar10(..) => choice.weights.is_none(),
                Images::Folder(folder) => folder.has_known_classes(),
                Images::Unknown => false,
            },
            class_names,
            network_name: name,
            photo: photo.transpose()?,
            scenes: choice.scenes,
            knows_scenes,
            images,
            wanted,
            units,
            network,
            remarks: Mutex::default(),
        })
    }

    /// The same images before another network of the course, by its name: `scenes`, `robust`.
    ///
    /// **Errors** with [`LeftOut`] where the run is about a network of one's own, with which it cannot be compared; or if
    /// the checkpoint cannot be loaded.
    pub fn beside(&self, name: &str) -> Result<Self> {
        if !self.knows_scenes {
            return Err(LeftOut(format!("it compares a network that knows scenes with `{name}`")).into());
        }
        let network = resnet::checkpoints::shipped(name)?;
        Ok(Self {
            class_names: self.class_names.clone(),
            network_name: called(network.config(), name),
            knows_scenes: true,
            knows_labels: self.knows_labels,
            images: self.images.clone(),
            photo: self.photo.clone(),
            wanted: self.wanted.clone(),
            units: self.units.clone(),
            scenes: self.scenes,
            network,
            remarks: Mutex::default(),
        })
    }

    /// Something to say in the terminal about the picture that is being drawn, e.g. which exercises would make it better.
    pub fn remark(&self, text: impl Into<String>) {
        let text = text.into();
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        if !remarks.contains(&text) {
            remarks.push(text);
        }
    }

    /// What was remarked since this was last called.
    pub(crate) fn take_remarks(&self) -> Vec<String> {
        std::mem::take(&mut *self.remarks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many scenes to count over: `usual`, or what was asked for.
    pub fn scenes(&self, usual: u64) -> u64 {
        self.scenes.unwrap_or(usual)
    }

    /// The side in pixels of the images that the network knows: 128 for scenes, 32 for CIFAR's stem, 224 for ImageNet's.
    /// A picture that makes an image for the network makes it of this size.
    pub fn side(&self) -> usize {
        self.preparation().side()
    }

    /// What is done to a photo before the network sees it.
    pub fn preparation(&self) -> Preparation {
        Preparation::of(self.network.config(), self.knows_scenes)
    }

    /// Whether the network's classes are those of the data: a sample's label is then a class of the network.
    pub fn knows_labels(&self) -> bool {
        self.knows_labels
    }

    /// The network.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// The network in words, for captions: "ResNet-18 “scenes”".
    pub fn network_name(&self) -> &str {
        &self.network_name
    }

    /// The name of one of the network's classes.
    pub fn class_name(&self, class: usize) -> &str {
        self.class_names.get(class).map_or("no such class", String::as_str)
    }

    /// The classes of `--class`, in their order.
    pub fn wanted(&self) -> &[usize] {
        &self.wanted
    }

    /// The units of `--unit`, in their order.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// How red, green and blue vary together in the images that the network knows, as [`COLOUR_AXES`] says it of scenes: what
    /// lesson 03 paints with.
    pub fn colour_axes(&self) -> &'static [[f32; 3]; 3] {
        if self.knows_scenes {
            &COLOUR_AXES
        } else {
            &imagenet::COLOUR_AXES
        }
    }

    /// The image that a picture is of: the learner's photo if there is one, otherwise image `index` of the data.
    ///
    /// **Errors** with [`LeftOut`] where there is no photo and the network is not known to know any images.
    pub fn image(&self, index: u64) -> Result<Sample> {
        match &self.photo {
            Some(photo) => Ok(photo.clone()),
            None => self.sample(index),
        }
    }

    /// Image `index` of the data; of a folder with fewer images it begins again from the front.
    ///
    /// **Errors** with [`LeftOut`] where the network is not known to know any images.
    pub fn sample(&self, index: u64) -> Result<Sample> {
        self.images.sample(index)
    }

    /// How many images there are; scenes are drawn when they are asked for and have no end.
    pub fn image_count(&self) -> Option<u64> {
        self.images.count()
    }

    /// Images of the data in batches of `size`, the last one smaller if need be; each is made when it is asked for. Of data with
    /// fewer images, as many as there are.
    ///
    /// **Errors** with [`LeftOut`] in place of the first one where the network is not known to know any images.
    pub fn batches(&self, images: Range<u64>, size: usize) -> impl Iterator<Item = Result<Batch>> + '_ {
        let end = self.image_count().unwrap_or(u64::MAX).min(images.end);
        let start = images.start;
        (start..end).step_by(size).map(move |first| {
            let batch = self.images.batch(first..end.min(first + size as u64));
            batch.map_err(self.images.between(start..end))
        })
    }

    /// The data in words, for captions: "scenes of seed 7".
    pub fn data_name(&self) -> String {
        self.images.name()
    }

    /// The names of the data's classes, by label; empty where the images have no labels.
    pub fn label_names(&self) -> Vec<String> {
        self.images.label_names()
    }

    /// For a picture of many images.
    ///
    /// **Errors** with [`LeftOut`] where the network is the learner's and nothing was said about what it knows.
    pub fn needs_images(&self) -> Result<()> {
        self.images.needed()
    }

    /// For a picture that compares with what was drawn, by a network that knows it.
    ///
    /// **Errors** with [`LeftOut`] unless the network is a shipped one and the images are scenes.
    pub fn needs_scenes(&self, why: &str) -> Result<()> {
        if self.knows_scenes && self.photo.is_none() && matches!(self.images, Images::Scenes(_)) {
            return Ok(());
        }
        Err(LeftOut(format!("it needs a shipped network and generated scenes: {why}")).into())
    }
}

#[cfg(test)]
mod tests;
