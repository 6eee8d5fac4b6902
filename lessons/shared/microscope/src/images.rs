//! The images that units are looked at with: generated scenes, whose truth is known, or a folder of one's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use scenes::{Rendered, Sampler, Scene, Shape};
use studio::Folder;

use crate::subject::Subject;

/// Seed of the scenes, that of the lessons' pictures.
pub const SEED: u64 = 7;
/// How many scenes are looked at.
pub const COUNT: usize = 1000;
/// Images in a batch.
pub const BATCH: usize = 50;

/// Where the images come from.
#[derive(Clone)]
pub enum Images {
    /// So many scenes of seed [`SEED`], from the first.
    Scenes(usize),
    /// Photographs of a folder.
    Folder {
        /// The folder, for captions.
        path: PathBuf,
        /// What lies in it.
        folder: Arc<Folder>,
    },
}

/// Some images in a row.
pub struct Batch {
    /// `[batch, 3, height, width]` in [0, 1].
    pub pixels: Tensor,
    /// The scenes with their masks; empty for photographs.
    pub rendered: Vec<Rendered>,
}

impl Images {
    /// The JPEG, PNG and WebP files of a folder, prepared for the network. What cannot be read is named on the error stream and
    /// left out; where each photo lies in a folder of its class, the classes are known.
    ///
    /// **Errors** if fewer than two can be read.
    pub fn folder(path: &Path, subject: &Subject) -> Result<Self> {
        let folder = Folder::open(path, subject.preparation, &subject.classes)?;
        if folder.len() < 2 {
            bail!(
                "{}: expected two photos or more, found one that can be read",
                path.display()
            )
        }
        Ok(Self::Folder {
            path: path.to_path_buf(),
            folder: Arc::new(folder),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Scenes(count) => *count,
            Self::Folder { folder, .. } => folder.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether what was drawn is known.
    pub fn have_truth(&self) -> bool {
        matches!(self, Self::Scenes(_))
    }

    /// In words, for captions: "1000 scenes of seed 7".
    pub fn words(&self) -> String {
        match self {
            Self::Scenes(count) => format!("{count} scenes of seed {SEED}"),
            Self::Folder { path, folder } => format!("{} photos of {}", folder.len(), path.display()),
        }
    }

    /// For the name of a cache: what tells these images from others.
    pub fn key(&self) -> String {
        match self {
            Self::Scenes(count) => format!("scenes{count}"),
            Self::Folder { folder, .. } => format!("photos{}-{}", folder.len(), &folder.fingerprint()[..12]),
        }
    }

    /// An image's name: "scene 12 (teal ring, dots)", or that of the file.
    ///
    /// **Errors** if there is no such image.
    pub fn name(&self, index: usize) -> Result<String> {
        match self {
            Self::Scenes(_) => {
                let figure = Scene::sample(&Sampler::default(), SEED, index as u64)?.figures[0];
                Ok(format!(
                    "scene {index}: {} {}, {}",
                    figure.colour, figure.shape, figure.texture
                ))
            }
            Self::Folder { folder, .. } => Ok(folder
                .file(index)
                .context("there is no such photo")?
                .display()
                .to_string()),
        }
    }

    /// The class of each image, an index of [`Self::label_names`]: the shape of a scene, the folder of a photograph; `None`
    /// where it is not known.
    ///
    /// **Errors** if a scene cannot be drawn.
    pub fn labels(&self) -> Result<Option<Vec<usize>>> {
        match self {
            Self::Scenes(count) => {
                let label = |index| Ok(Scene::sample(&Sampler::default(), SEED, index as u64)?.class().index());
                (0..*count).map(label).collect::<Result<Vec<_>>>().map(Some)
            }
            Self::Folder { folder, .. } if folder.labels().is_empty() => Ok(None),
            Self::Folder { folder, .. } => Ok(Some(folder.classes().to_vec())),
        }
    }

    /// The names of the images' classes.
    pub fn label_names(&self) -> Vec<String> {
        match self {
            Self::Scenes(_) => Shape::ALL.map(|shape| shape.name().to_string()).into(),
            Self::Folder { folder, .. } => folder.labels().to_vec(),
        }
    }

    /// Whether an image's class is one of the network's.
    pub fn are_of_classes_of(&self, subject: &Subject) -> bool {
        match self {
            Self::Scenes(_) => subject.knows_shapes,
            Self::Folder { folder, .. } => folder.has_known_classes(),
        }
    }

    /// Images `first` to `end` (without it).
    ///
    /// **Errors** if one cannot be drawn.
    pub fn batch(&self, first: usize, end: usize) -> Result<Batch> {
        match self {
            Self::Scenes(_) => {
                let render = |index| Ok(Scene::sample(&Sampler::default(), SEED, index as u64)?.render());
                let rendered = (first..end).map(render).collect::<Result<Vec<_>>>()?;
                Ok(Batch {
                    pixels: scenes::batch(&rendered, &Device::Cpu)?,
                    rendered,
                })
            }
            Self::Folder { folder, .. } => Ok(Batch {
                pixels: folder.batch(first..end)?.pixels,
                rendered: vec![],
            }),
        }
    }

    /// First and end of each batch.
    pub fn ranges(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let count = self.len();
        (0..count)
            .step_by(BATCH)
            .map(move |first| (first, (first + BATCH).min(count)))
    }
}
