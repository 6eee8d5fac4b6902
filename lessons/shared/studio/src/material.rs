//! What pictures are made from: a network, images, and what is known about both.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use resnet::ResNet;
use scenes::{Rendered, Sampler, Scene, Shape, photo};

use crate::LeftOut;

/// Seed of the scenes in the pictures; image 7 is scene 7 of it.
const SEED: u64 = 7;
/// Side of a photo in pixels, for a network that was not trained on scenes.
const PHOTO_SIDE: usize = 224;

/// The network and the images of one run.
pub struct Material {
    network: ResNet,
    network_name: String,
    class_names: Vec<String>,
    sampler: Sampler,
    photo: Option<Sample>,
}

/// An image with what is known about it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `[3, height, width]` in [0, 1].
    pub pixels: Tensor,
    /// In words, for captions: "scene 7 of seed 7 (teal ring, dots)".
    pub name: String,
    /// Index of its class among the data's classes; unknown for a photo.
    pub label: Option<usize>,
    /// The scene and its masks; only generated images have them.
    pub rendered: Option<Rendered>,
}

impl Sample {
    /// What the network takes: `[1, 3, height, width]`, normalized.
    pub fn input(&self) -> candle_core::Result<Tensor> {
        resnet::normalize(&self.pixels.unsqueeze(0)?)
    }
}

/// Some images in a row.
pub struct Batch {
    /// `[batch, 3, height, width]` in [0, 1]; [`resnet::normalize`] makes it what the network takes.
    pub pixels: Tensor,
    /// Index of each image's class.
    pub labels: Vec<usize>,
    /// The scenes and their masks; empty where the images are not generated.
    pub rendered: Vec<Rendered>,
}

impl Material {
    /// The shipped network, or the one in `weights`; generated scenes, and the learner's `photo` where a picture is of
    /// one image.
    ///
    /// **Errors** if a file cannot be used; the error names it.
    pub fn new(weights: Option<&Path>, photo: Option<&Path>) -> Result<Self> {
        let (network, network_name) = match weights {
            None => {
                let network = resnet::checkpoints::scenes()?;
                let name = format!("{} `scenes`", network.config().name());
                (network, name)
            }
            Some(path) => {
                let network = ResNet::load(path)?;
                let name = format!("{} of {}", network.config().name(), file_name(path));
                (network, name)
            }
        };
        let classes = network.config().classes;
        let class_names = match classes {
            Shape::COUNT if weights.is_none() => {
                Shape::ALL.map(|shape| shape.name().to_string()).to_vec()
            }
            _ => (0..classes).map(|class| format!("class {class}")).collect(),
        };
        let sampler = Sampler::default();
        let side = match weights {
            None => sampler.canvas.width,
            Some(_) => PHOTO_SIDE,
        };
        let photo = photo.map(|path| photo_sample(path, side)).transpose()?;
        Ok(Self {
            network,
            network_name,
            class_names,
            sampler,
            photo,
        })
    }

    /// The network.
    pub fn network(&self) -> &ResNet {
        &self.network
    }

    /// The network in words, for captions: "ResNet-18 `scenes`".
    pub fn network_name(&self) -> &str {
        &self.network_name
    }

    /// The name of one of the network's classes.
    pub fn class_name(&self, class: usize) -> &str {
        self.class_names
            .get(class)
            .map_or("no such class", String::as_str)
    }

    /// The image that a picture is of: the learner's photo if there is one, otherwise image `index` of the data.
    pub fn image(&self, index: u64) -> Result<Sample> {
        match &self.photo {
            Some(photo) => Ok(photo.clone()),
            None => self.sample(index),
        }
    }

    /// Image `index` of the data.
    pub fn sample(&self, index: u64) -> Result<Sample> {
        let rendered = self.render(index)?;
        let figure = rendered.scene.figures[0];
        Ok(Sample {
            pixels: rendered.image.to_tensor(&Device::Cpu)?,
            name: format!(
                "scene {index} of seed {SEED} ({} {}, {})",
                figure.colour, figure.shape, figure.texture
            ),
            label: Some(rendered.scene.class().index()),
            rendered: Some(rendered),
        })
    }

    /// Images of the data in batches of `size`, the last one smaller if need be; each is made when it is asked for.
    pub fn batches(
        &self,
        images: Range<u64>,
        size: usize,
    ) -> impl Iterator<Item = Result<Batch>> + '_ {
        let (start, end) = (images.start, images.end);
        images.step_by(size).map(move |first| {
            let rendered = (first..end.min(first + size as u64))
                .map(|index| self.render(index))
                .collect::<Result<Vec<_>>>()
                .with_context(|| format!("images {start} to {end}"))?;
            Ok(Batch {
                pixels: scenes::batch(&rendered, &Device::Cpu)?,
                labels: rendered
                    .iter()
                    .map(|one| one.scene.class().index())
                    .collect(),
                rendered,
            })
        })
    }

    /// The data in words, for captions: "scenes of seed 7".
    pub fn data_name(&self) -> String {
        format!("scenes of seed {SEED}")
    }

    /// For a picture that compares with what was drawn, by a network that knows it.
    ///
    /// **Errors** with [`LeftOut`] unless the network is the shipped one and there is no photo.
    pub fn needs_scenes(&self, why: &str) -> Result<()> {
        let shipped = self.network_name.ends_with("`scenes`");
        if shipped && self.photo.is_none() {
            return Ok(());
        }
        Err(LeftOut(format!(
            "it needs the shipped network and generated scenes: {why}"
        ))
        .into())
    }

    fn render(&self, index: u64) -> Result<Rendered> {
        Ok(Scene::sample(&self.sampler, SEED, index)?.render())
    }
}

fn photo_sample(path: &Path, side: usize) -> Result<Sample> {
    Ok(Sample {
        pixels: photo::load(path, side)?.to_tensor(&Device::Cpu)?,
        name: file_name(path),
        label: None,
        rendered: None,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_each_image_once_and_agree_with_samples() {
        let material = Material::new(None, None).unwrap();
        let batches: Vec<_> = material.batches(3..8, 2).map(|b| b.unwrap()).collect();
        let sizes: Vec<_> = batches.iter().map(|batch| batch.pixels.dims()[0]).collect();
        assert_eq!(sizes, [2, 2, 1]);
        let last = material.sample(7).unwrap();
        assert_eq!(batches[2].labels, [last.label.unwrap()]);
        let difference = (batches[2].pixels.get(0).unwrap() - last.pixels).unwrap();
        assert_eq!(
            difference
                .abs()
                .unwrap()
                .max_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap(),
            0.0
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Material::new(Some(Path::new("no.pth")), None)
            .err()
            .unwrap();
        assert!(error.to_string().contains("no.pth"), "{error}");
        let error = Material::new(None, Some(Path::new("no.jpg")))
            .err()
            .unwrap();
        assert!(error.to_string().contains("no.jpg"), "{error}");
    }
}
