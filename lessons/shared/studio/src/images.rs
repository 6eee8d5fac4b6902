//! The images of a run: generated scenes, CIFAR-10, a folder, or none.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use real_data::Cifar10;
use resnet::{Config, Stem};
use scenes::{Rendered, Sampler, Scene, Shape, photo};

use crate::LeftOut;
use crate::folder::Folder;
use crate::networks::file_name;

/// Seed of the scenes in the pictures; image 7 is scene 7 of it.
const SEED: u64 = 7;

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
    /// A generated scene.
    pub fn scene(sampler: &Sampler, seed: u64, index: u64) -> candle_core::Result<Self> {
        let rendered = Scene::sample(sampler, seed, index)?.render();
        let figure = rendered.scene.figures[0];
        Ok(Self {
            pixels: rendered.image.to_tensor(&Device::Cpu)?,
            name: format!(
                "scene {index} of seed {seed} ({} {}, {})",
                figure.colour, figure.shape, figure.texture
            ),
            label: Some(rendered.scene.class().index()),
            rendered: Some(rendered),
        })
    }

    /// A photo, prepared for a network.
    ///
    /// **Errors** as [`Preparation::load`].
    pub fn photo(path: &Path, preparation: Preparation) -> candle_core::Result<Self> {
        if photo::is_animated(path) {
            eprintln!("{}: an animation; its first frame is used", path.display());
        }
        Ok(Self {
            pixels: preparation.load(path)?,
            name: file_name(path),
            label: None,
            rendered: None,
        })
    }

    /// What the network takes: `[1, 3, height, width]`, normalized.
    pub fn input(&self) -> candle_core::Result<Tensor> {
        resnet::normalize(&self.pixels.unsqueeze(0)?)
    }
}

/// Some images in a row.
pub struct Batch {
    /// `[batch, 3, height, width]` in [0, 1]; [`resnet::normalize`] makes it what the network takes.
    pub pixels: Tensor,
    /// Index of each image's class among the data's classes; empty where the data has none.
    pub labels: Vec<usize>,
    /// The scenes and their masks; empty where the images are not generated.
    pub rendered: Vec<Rendered>,
}

impl Batch {
    /// How many images these are.
    #[allow(clippy::len_without_is_empty, reason = "it never is empty")]
    pub fn len(&self) -> usize {
        self.pixels.dims()[0]
    }
}

/// How a photo becomes what a network knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// As torchvision prepares what it tests: the shorter side made 256, the central 224×224.
    ImageNet,
    /// The central square, made this large.
    Square(usize),
}

impl Preparation {
    /// For networks with this configuration, which may have been trained on scenes.
    pub(crate) fn of(config: &Config, knows_scenes: bool) -> Self {
        match config.stem {
            Stem::Cifar => Self::Square(real_data::SIDE),
            Stem::ImageNet if knows_scenes => Self::Square(Sampler::default().canvas.width),
            Stem::ImageNet | Stem::Deep => Self::ImageNet,
        }
    }

    /// The side of what it makes.
    pub fn side(self) -> usize {
        match self {
            Self::ImageNet => photo::IMAGENET_SIDE,
            Self::Square(side) => side,
        }
    }

    /// A file as `[3, side, side]` in [0, 1].
    ///
    /// **Errors** if it is no JPEG, PNG or WebP image, or broken.
    pub fn load(self, path: &Path) -> candle_core::Result<Tensor> {
        let image = match self {
            Self::ImageNet => photo::load_for_imagenet(path)?,
            Self::Square(side) => photo::load(path, side)?,
        };
        image.to_tensor(&Device::Cpu)
    }

    /// What is done to a photo, for captions.
    pub fn words(self) -> String {
        match self {
            Self::ImageNet => "shorter side made 256, central 224×224 kept".into(),
            Self::Square(side) => format!("central square made {side}×{side}"),
        }
    }
}

/// The images of a run.
#[derive(Clone)]
pub(crate) enum Images {
    Scenes(Sampler),
    /// The images, and the side to which they are enlarged.
    Cifar10(Arc<Cifar10>, usize),
    Folder(Arc<Folder>),
    /// The network is the learner's, and nothing was said about what it knows.
    Unknown,
}

impl Images {
    /// Image `index`; of a folder with fewer images another one.
    pub fn sample(&self, index: u64) -> Result<Sample> {
        match self {
            Self::Scenes(sampler) => Ok(Sample::scene(sampler, SEED, index)?),
            Self::Cifar10(data, side) => {
                let label = data.label(index as usize)?;
                Ok(Sample {
                    pixels: enlarged(&data.batch(&[index as usize])?, *side)?.squeeze(0)?,
                    name: format!("CIFAR-10 test image {index} ({})", real_data::CLASSES[label]),
                    label: Some(label),
                    rendered: None,
                })
            }
            Self::Folder(folder) => folder.sample(index as usize % folder.len()),
            Self::Unknown => Err(nothing_known()),
        }
    }

    /// How many there are; scenes are drawn when they are asked for and have no end.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Scenes(_) | Self::Unknown => None,
            Self::Cifar10(data, _) => Some(data.len() as u64),
            Self::Folder(folder) => Some(folder.len() as u64),
        }
    }

    /// Some of them.
    pub fn batch(&self, range: Range<u64>) -> Result<Batch> {
        match self {
            Self::Scenes(sampler) => {
                let render = |index| Ok(Scene::sample(sampler, SEED, index)?.render());
                let rendered = range.map(render).collect::<Result<Vec<_>>>()?;
                Ok(Batch {
                    pixels: scenes::batch(&rendered, &Device::Cpu)?,
                    labels: rendered.iter().map(|one| one.scene.class().index()).collect(),
                    rendered,
                })
            }
            Self::Cifar10(data, side) => {
                let indices: Vec<usize> = range.map(|index| index as usize).collect();
                let labels = indices.iter().map(|&index| data.label(index));
                Ok(Batch {
                    labels: labels.collect::<candle_core::Result<_>>()?,
                    pixels: enlarged(&data.batch(&indices)?, *side)?,
                    rendered: vec![],
                })
            }
            Self::Folder(folder) => {
                let range = range.start as usize..range.end as usize;
                if range.is_empty() || range.end > folder.len() {
                    bail!("expected images below {}, got {range:?}", folder.len())
                }
                folder.batch(range)
            }
            Self::Unknown => Err(nothing_known()),
        }
    }

    /// In words, for captions: "scenes of seed 7".
    pub fn name(&self) -> String {
        match self {
            Self::Scenes(_) => format!("scenes of seed {SEED}"),
            Self::Cifar10(..) => "CIFAR-10 test images".into(),
            Self::Folder(folder) => format!("photos in {}", folder.name()),
            Self::Unknown => "no images".into(),
        }
    }

    /// The names of the data's classes; empty where it has none.
    pub fn label_names(&self) -> Vec<String> {
        match self {
            Self::Scenes(_) => Shape::ALL.map(|shape| shape.name().into()).into(),
            Self::Cifar10(..) => real_data::CLASSES.map(String::from).into(),
            Self::Folder(folder) => folder.labels().to_vec(),
            Self::Unknown => vec![],
        }
    }

    /// **Errors** with [`LeftOut`] where there are none.
    pub fn needed(&self) -> Result<()> {
        match self {
            Self::Unknown => Err(nothing_known()),
            _ => Ok(()),
        }
    }

    /// Adds to an error which images it is about.
    pub fn between(&self, range: Range<u64>) -> impl Fn(anyhow::Error) -> anyhow::Error + use<> {
        move |error| {
            if error.is::<LeftOut>() {
                return error;
            }
            error.context(format!("images {} to {}", range.start, range.end))
        }
    }
}

fn nothing_known() -> anyhow::Error {
    let what = "it is of images that the network knows; name a folder of such with `--images FOLDER`";
    LeftOut(what.into()).into()
}

/// `[batch, 3, side, side]`
fn enlarged(images: &Tensor, side: usize) -> candle_core::Result<Tensor> {
    if images.dims()[3] == side {
        return Ok(images.clone());
    }
    images.upsample_bilinear2d(side, side, false)
}
