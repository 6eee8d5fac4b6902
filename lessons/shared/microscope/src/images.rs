//! The images that units are looked at with: generated scenes, whose truth is known, or a folder of one's own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use scenes::{Image, Rendered, Sampler, Scene, photo};

/// Seed of the scenes, that of the lessons' pictures.
pub const SEED: u64 = 7;
/// How many scenes are looked at.
pub const COUNT: usize = 1000;
/// Images in a batch.
pub const BATCH: usize = 50;

/// Where the images come from.
#[derive(Clone, Debug)]
pub enum Images {
    /// So many scenes of seed [`SEED`], from the first.
    Scenes(usize),
    /// Photographs of a folder.
    Folder {
        /// The folder, for captions.
        path: PathBuf,
        /// Names and pictures.
        photos: Vec<(String, Image)>,
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
    /// All JPEG, PNG and WebP files of a folder, made as large as the network's images, in the order of their names.
    ///
    /// **Errors** if one cannot be read, or there are fewer than two.
    pub fn folder(path: &Path, side: usize) -> Result<Self> {
        let entries = std::fs::read_dir(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|file| is_photo(file))
            .collect();
        files.sort();
        let read = |file: PathBuf| {
            let name = file
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let image = match side {
                photo::IMAGENET_SIDE => photo::load_for_imagenet(&file),
                _ => photo::load(&file, side),
            };
            Ok((name, image?))
        };
        let photos = files.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        if photos.len() < 2 {
            bail!(
                "{}: expected two photos or more (JPEG, PNG, WebP), got {}",
                path.display(),
                photos.len()
            )
        }
        Ok(Self::Folder {
            path: path.to_path_buf(),
            photos,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Scenes(count) => *count,
            Self::Folder { photos, .. } => photos.len(),
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
            Self::Folder { path, photos } => format!("{} photos of {}", photos.len(), path.display()),
        }
    }

    /// For the name of a cache: what tells these images from others.
    pub fn key(&self) -> String {
        match self {
            Self::Scenes(count) => format!("scenes{count}"),
            Self::Folder { photos, .. } => {
                let bytes: Vec<u8> = photos
                    .iter()
                    .flat_map(|(_, image)| image.pixels.iter().copied())
                    .collect();
                format!("photos{}-{}", photos.len(), &checkpoints::checksum(&bytes)[..12])
            }
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
            Self::Folder { photos, .. } => Ok(photos.get(index).context("there is no such photo")?.0.clone()),
        }
    }

    /// The class of each scene, the index of its shape; `None` for photographs.
    ///
    /// **Errors** if a scene cannot be drawn.
    pub fn labels(&self) -> Result<Option<Vec<usize>>> {
        let Self::Scenes(count) = self else {
            return Ok(None);
        };
        let label = |index| Ok(Scene::sample(&Sampler::default(), SEED, index as u64)?.class().index());
        (0..*count).map(label).collect::<Result<Vec<_>>>().map(Some)
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
            Self::Folder { photos, .. } => {
                let tensors = photos[first..end]
                    .iter()
                    .map(|(_, image)| image.to_tensor(&Device::Cpu));
                Ok(Batch {
                    pixels: Tensor::stack(&tensors.collect::<candle_core::Result<Vec<_>>>()?, 0)?,
                    rendered: vec![],
                })
            }
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

fn is_photo(file: &Path) -> bool {
    let extension = file
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| ["jpg", "jpeg", "png", "webp"].contains(&extension.as_str()))
}
