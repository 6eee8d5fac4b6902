//! What pictures are made from: a network, images, and what is known about both.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use clap::ValueEnum;
use real_data::{Cache, Cifar10, Split, catalogue, imagenet};
use resnet::{Config, ResNet, Stem};
use scenes::{Rendered, Sampler, Scene, Shape, photo};

use crate::LeftOut;

/// Seed of the scenes in the pictures; image 7 is scene 7 of it.
const SEED: u64 = 7;

/// Where the images come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// Generated scenes, 128×128
    #[default]
    Scenes,
    /// CIFAR-10's test images, 32×32; `cargo run -p fetch -- cifar10` first
    Cifar10,
}

/// What a run is asked to work on.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Where the images come from.
    pub data: Data,
    /// A file with weights, or the name of shipped or fetched ones; without it the network that was trained on the data.
    pub weights: Option<PathBuf>,
    /// The learner's photo.
    pub image: Option<PathBuf>,
}

impl Choice {
    /// Where fetched files lie. A system without a place for caches is asked only where a file from there is needed.
    ///
    /// **Errors** if one is needed and there is no such place.
    pub fn cache(&self) -> Result<Cache> {
        let is_fetched = self.data == Data::Cifar10 || self.weights.as_ref().is_some_and(|path| !path.exists());
        match is_fetched {
            true => Ok(Cache::locate()?),
            false => Ok(Cache::at(PathBuf::new())),
        }
    }
}

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
    remarks: RefCell<Vec<String>>,
}

/// The images of a run.
#[derive(Clone)]
enum Images {
    Scenes(Sampler),
    /// The images, and the side to which they are enlarged.
    Cifar10(Rc<Cifar10>, usize),
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
        let choice = Choice {
            data: Data::Scenes,
            weights: weights.map(Path::to_path_buf),
            image: photo.map(Path::to_path_buf),
        };
        Self::open(&choice, &choice.cache()?)
    }

    /// What was chosen, with the fetched files of `cache`.
    ///
    /// **Errors** if a file cannot be used or was not fetched; the error names it and says what to do.
    pub fn open(choice: &Choice, cache: &Cache) -> Result<Self> {
        let data = match choice.data {
            Data::Scenes => None,
            Data::Cifar10 => Some(Cifar10::open(cache, Split::Test)?),
        };
        let Loaded {
            network,
            name,
            knows_scenes,
        } = Loaded::new(choice, cache)?;
        let config = network.config();
        let images = match data {
            None => Images::Scenes(Sampler::default()),
            Some(data) => Images::Cifar10(Rc::new(data), network_side(config, knows_scenes)),
        };
        let photo = choice.image.as_deref();
        let photo = photo.map(|path| photo_sample(path, config, knows_scenes));
        Ok(Self {
            class_names: class_names(config, choice.data, knows_scenes),
            network_name: name,
            photo: photo.transpose()?,
            knows_labels: match choice.data {
                Data::Scenes => knows_scenes,
                Data::Cifar10 => choice.weights.is_none(),
            },
            knows_scenes,
            images,
            network,
            remarks: RefCell::default(),
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
            network,
            remarks: RefCell::default(),
        })
    }

    /// Something to say in the terminal about the picture that is being drawn, e.g. which exercises would make it better.
    pub fn remark(&self, text: impl Into<String>) {
        let text = text.into();
        let mut remarks = self.remarks.borrow_mut();
        if !remarks.contains(&text) {
            remarks.push(text);
        }
    }

    /// What was remarked since this was last called.
    pub(crate) fn take_remarks(&self) -> Vec<String> {
        self.remarks.take()
    }

    /// The side in pixels of the images that the network knows: 128 for scenes, 32 for CIFAR's stem, 224 for ImageNet's.
    /// A picture that makes an image for the network makes it of this size.
    pub fn side(&self) -> usize {
        network_side(self.network.config(), self.knows_scenes)
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

    /// The image that a picture is of: the learner's photo if there is one, otherwise image `index` of the data.
    pub fn image(&self, index: u64) -> Result<Sample> {
        match &self.photo {
            Some(photo) => Ok(photo.clone()),
            None => self.sample(index),
        }
    }

    /// Image `index` of the data.
    pub fn sample(&self, index: u64) -> Result<Sample> {
        match &self.images {
            Images::Scenes(sampler) => {
                let rendered = Scene::sample(sampler, SEED, index)?.render();
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
            Images::Cifar10(data, side) => {
                let label = data.label(index as usize)?;
                Ok(Sample {
                    pixels: enlarged(&data.batch(&[index as usize])?, *side)?.squeeze(0)?,
                    name: format!("CIFAR-10 test image {index} ({})", real_data::CLASSES[label]),
                    label: Some(label),
                    rendered: None,
                })
            }
        }
    }

    /// How many images there are; scenes are drawn when they are asked for and have no end.
    pub fn image_count(&self) -> Option<u64> {
        match &self.images {
            Images::Scenes(_) => None,
            Images::Cifar10(data, _) => Some(data.len() as u64),
        }
    }

    /// Images of the data in batches of `size`, the last one smaller if need be; each is made when it is asked for.
    pub fn batches(&self, images: Range<u64>, size: usize) -> impl Iterator<Item = Result<Batch>> + '_ {
        let (start, end) = (images.start, images.end);
        images.step_by(size).map(move |first| {
            self.batch(first..end.min(first + size as u64))
                .with_context(|| format!("images {start} to {end}"))
        })
    }

    fn batch(&self, range: Range<u64>) -> Result<Batch> {
        match &self.images {
            Images::Scenes(sampler) => {
                let render = |index| Ok(Scene::sample(sampler, SEED, index)?.render());
                let rendered = range.map(render).collect::<Result<Vec<_>>>()?;
                Ok(Batch {
                    pixels: scenes::batch(&rendered, &Device::Cpu)?,
                    labels: rendered.iter().map(|one| one.scene.class().index()).collect(),
                    rendered,
                })
            }
            Images::Cifar10(data, side) => {
                let indices: Vec<usize> = range.map(|index| index as usize).collect();
                let labels = indices.iter().map(|&index| data.label(index));
                Ok(Batch {
                    labels: labels.collect::<candle_core::Result<_>>()?,
                    pixels: enlarged(&data.batch(&indices)?, *side)?,
                    rendered: vec![],
                })
            }
        }
    }

    /// The data in words, for captions: "scenes of seed 7".
    pub fn data_name(&self) -> String {
        match &self.images {
            Images::Scenes(_) => format!("scenes of seed {SEED}"),
            Images::Cifar10(..) => "CIFAR-10 test images".into(),
        }
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

/// A network with what it is called.
struct Loaded {
    network: ResNet,
    name: String,
    knows_scenes: bool,
}

impl Loaded {
    fn new(choice: &Choice, cache: &Cache) -> Result<Self> {
        let loaded = |path: PathBuf, name: &dyn Fn(&Config) -> String| -> Result<Self> {
            let (network, changes) = ResNet::load_with_changes(path)?;
            if let Some(changes) = changes {
                eprintln!("{changes}");
            }
            Ok(Self {
                name: name(network.config()),
                network,
                knows_scenes: false,
            })
        };
        let shipped = |name: &str| -> Result<Self> {
            let network = resnet::checkpoints::shipped(name)?;
            Ok(Self {
                name: called(network.config(), name),
                network,
                knows_scenes: true,
            })
        };
        let Some(path) = &choice.weights else {
            return match choice.data {
                Data::Scenes => shipped("scenes"),
                Data::Cifar10 => {
                    let path = cache.trained().join("cifar10.safetensors");
                    if !path.is_file() {
                        bail!(
                            "there is no network trained on CIFAR-10 on this machine; `cargo run -p train -- cifar10` \
                             makes one, `--weights FILE` takes another"
                        );
                    }
                    loaded(path, &|config| called(config, "cifar10"))
                }
            };
        };
        // A file that is called like a network is that file.
        let name = path.to_str().filter(|_| !path.exists());
        if let Some(name) = name.filter(|name| checkpoints::NAMES.contains(name)) {
            return shipped(name);
        }
        if let Some(item) = name.and_then(catalogue::weights) {
            return loaded(cache.weights(&item.name)?, &|config| {
                format!("{} of ImageNet", config.name())
            });
        }
        if let Some(near) = name.and_then(near_name) {
            bail!(
                "there is no file {}; did you mean `{near}`? The names are {}",
                path.display(),
                names().join(", ")
            );
        }
        loaded(path.clone(), &|config| {
            format!("{} of {}", config.name(), file_name(path))
        })
    }
}

/// `ResNet-18 “scenes”`: a network of the course by its name.
fn called(config: &Config, name: &str) -> String {
    format!("{} “{name}”", config.name())
}

/// The names that stand for weights.
fn names() -> Vec<String> {
    let shipped = checkpoints::NAMES.map(String::from);
    shipped.into_iter().chain(catalogue::names_of_weights()).collect()
}

/// The name that is meant by one that is nearly it.
fn near_name(typed: &str) -> Option<String> {
    const FARTHEST: usize = 3;
    let distance = |name: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), name);
    // A long text is near to nothing, and comparing takes its length.
    let names = names().into_iter().filter(|name| typed.len() <= 2 * name.len());
    let near = names.map(|name| (distance(&name), name)).min()?;
    (near.0 <= FARTHEST && near.0 < typed.chars().count()).then_some(near.1)
}

/// The names of the network's classes as far as they are known.
fn class_names(config: &Config, data: Data, knows_scenes: bool) -> Vec<String> {
    match (config.classes, data) {
        _ if knows_scenes => Shape::ALL.map(|shape| shape.name().into()).into(),
        (10, Data::Cifar10) => real_data::CLASSES.map(String::from).into(),
        (imagenet::CLASSES, _) => imagenet::class_names().into_iter().map(String::from).collect(),
        (classes, _) => (0..classes).map(|class| format!("class {class}")).collect(),
    }
}

/// The side of the images that a network knows.
fn network_side(config: &Config, knows_scenes: bool) -> usize {
    match config.stem {
        Stem::Cifar => real_data::SIDE,
        Stem::ImageNet if knows_scenes => Sampler::default().canvas.width,
        Stem::ImageNet | Stem::Deep => photo::IMAGENET_SIDE,
    }
}

/// `[batch, 3, side, side]`
fn enlarged(images: &Tensor, side: usize) -> candle_core::Result<Tensor> {
    match images.dims()[3] == side {
        true => Ok(images.clone()),
        false => images.upsample_bilinear2d(side, side, false),
    }
}

/// A photo as the network knows images: torchvision's preparation for one of ImageNet's size, else the central square.
fn photo_sample(path: &Path, config: &Config, knows_scenes: bool) -> Result<Sample> {
    say_if_animated(path);
    let image = match network_side(config, knows_scenes) {
        photo::IMAGENET_SIDE => photo::load_for_imagenet(path)?,
        side => photo::load(path, side)?,
    };
    Ok(Sample {
        pixels: image.to_tensor(&Device::Cpu)?,
        name: file_name(path),
        label: None,
        rendered: None,
    })
}

/// Says on the error stream that of an animation the first frame is used.
pub fn say_if_animated(path: &Path) {
    if photo::is_animated(path) {
        eprintln!("{}: an animation; its first frame is used", path.display());
    }
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
        assert_eq!(last.pixels.dims()[1..], [material.side(); 2]);
        assert_eq!(batches[2].labels, [last.label.unwrap()]);
        let difference = (batches[2].pixels.get(0).unwrap() - last.pixels).unwrap();
        assert_eq!(
            difference.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap(),
            0.0
        );
    }

    #[test]
    fn two_networks_see_the_same_images() {
        let material = Material::new(None, None).unwrap();
        let other = material.beside("case").unwrap();
        assert_eq!(other.network_name(), "ResNet-18 “case”");
        let image = |material: &Material| material.sample(3).unwrap().pixels.to_vec3::<f32>().unwrap();
        assert_eq!(image(&material), image(&other));
        let input = material.sample(3).unwrap().input().unwrap();
        let logits = |material: &Material| material.network().forward(&input).unwrap().to_vec2::<f32>().unwrap();
        assert_ne!(logits(&material), logits(&other));
        assert!(material.beside("nobody").is_err());

        let folder = tempfile::tempdir().unwrap();
        let own = Material::open(&cifar10(), &cache(folder.path())).unwrap();
        assert!(own.beside("case").err().unwrap().is::<LeftOut>());
    }

    /// A cache with twelve test images and an untrained network for them.
    fn cache(folder: &Path) -> Cache {
        let cache = Cache::at(folder);
        let rows = |split| {
            let row = |index: usize| {
                (0..3073).map(move |at| {
                    if at == 0 {
                        index as u8 % 10
                    } else {
                        (at * (index + 1)) as u8
                    }
                })
            };
            Cifar10::from_rows(split, (0..12).flat_map(row).collect()).unwrap()
        };
        Cifar10::store(&cache, "a test", &rows(Split::Train), &rows(Split::Test)).unwrap();
        std::fs::create_dir_all(cache.trained()).unwrap();
        let config = Config::resnet18().width(4).stem(Stem::Cifar).classes(10);
        let weights = resnet::parameters::initialize(&config, 1).unwrap();
        resnet::parameters::save(&weights, cache.trained().join("cifar10.safetensors")).unwrap();
        cache
    }

    fn cifar10() -> Choice {
        Choice {
            data: Data::Cifar10,
            ..Choice::default()
        }
    }

    #[test]
    fn cifar10_comes_in_the_size_that_the_network_knows() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let material = Material::open(&cifar10(), &cache).unwrap();
        let sample = material.sample(11).unwrap();
        assert_eq!(sample.pixels.dims(), [3, 32, 32]);
        assert_eq!(sample.name, "CIFAR-10 test image 11 (automobile)");
        assert_eq!((sample.label, sample.rendered.is_none()), (Some(1), true));
        assert_eq!(material.network_name(), "ResNet-18 “cifar10”");
        assert_eq!(material.side(), 32);
        assert_eq!(material.data_name(), "CIFAR-10 test images");
        assert_eq!((material.class_name(9), material.image_count()), ("truck", Some(12)));
        let batches: Vec<_> = material.batches(7..12, 3).map(|b| b.unwrap()).collect();
        let labels: Vec<_> = batches.iter().flat_map(|batch| &batch.labels).collect();
        assert_eq!(labels, [&7, &8, &9, &0, &1]);
        assert_eq!(batches[1].pixels.dims(), [2, 3, 32, 32]);
        assert!(batches[1].rendered.is_empty());
        assert!(material.needs_scenes("masks").unwrap_err().is::<LeftOut>());
        assert!(material.sample(12).is_err(), "there are twelve");

        // A network with ImageNet's stem and classes: larger images, other names.
        let config = Config::resnet18().width(2);
        let path = folder.path().join("wide.safetensors");
        let weights = resnet::parameters::initialize(&config, 1).unwrap();
        resnet::parameters::save(&weights, &path).unwrap();
        let choice = Choice {
            weights: Some(path),
            ..cifar10()
        };
        let material = Material::open(&choice, &cache).unwrap();
        assert_eq!(material.sample(0).unwrap().pixels.dims(), [3, 224, 224]);
        assert_eq!(material.side(), 224);
        assert_eq!(material.class_name(207), "golden retriever");
        assert_eq!(material.network_name(), "ResNet-18 of wide.safetensors");
    }

    #[test]
    fn answers_are_the_largest_probabilities_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let material = Material::open(&cifar10(), &cache(folder.path())).unwrap();
        let sample = material.sample(3).unwrap();
        let answer = material.answer(&sample).unwrap();
        assert_eq!(answer.len(), 5);
        assert!(answer.is_sorted_by(|a, b| a.probability >= b.probability));
        let logits = material.network().forward(&sample.input().unwrap()).unwrap();
        let softmax = candle_core::Tensor::exp(&logits).unwrap();
        let share = softmax.broadcast_div(&softmax.sum_all().unwrap()).unwrap();
        let expected = share.squeeze(0).unwrap().to_vec1::<f32>().unwrap();
        for guess in &answer {
            assert!((guess.probability - expected[guess.class]).abs() < 1e-6);
            assert_eq!(guess.name, real_data::CLASSES[guess.class]);
        }
        let text = material.answer_text(&sample).unwrap();
        assert!(text.starts_with("ResNet-18 “cifar10” on CIFAR-10 test image 3 (cat):\n"));
    }

    #[test]
    fn what_was_not_fetched_or_trained_is_answered_with_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Cache::at(folder.path());
        let refusal = |choice: &Choice| Material::open(choice, &empty).err().unwrap().to_string();
        assert!(refusal(&cifar10()).contains("`cargo run -p fetch -- cifar10`"));
        let rows = Cifar10::from_rows(Split::Test, vec![0; 3073]).unwrap();
        Cifar10::store(&empty, "a test", &rows, &rows).unwrap();
        assert!(refusal(&cifar10()).contains("`cargo run -p train -- cifar10` makes one"));
        let fetched = Choice {
            weights: Some("resnet18".into()),
            ..Choice::default()
        };
        assert!(refusal(&fetched).contains("`cargo run -p fetch -- resnet18`"));
    }

    #[test]
    fn shipped_networks_have_names_and_a_near_one_is_answered_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let opened = |weights: &str, data: Data, cache: &Cache| {
            let choice = Choice {
                weights: Some(weights.into()),
                data,
                ..Choice::default()
            };
            Material::open(&choice, cache)
        };
        let empty = Cache::at(folder.path());
        for name in checkpoints::NAMES {
            let material = opened(name, Data::Scenes, &empty).unwrap();
            assert_eq!(material.network_name(), format!("ResNet-18 “{name}”"));
            assert_eq!((material.side(), material.class_name(4)), (128, "star"));
            material.needs_scenes("masks").unwrap();
            assert!(material.knows_labels());
            let sample = material.sample(7).unwrap();
            assert_eq!(Some(material.answer(&sample).unwrap()[0].class), sample.label, "{name}");
        }
        // What it was trained on does not depend on what it is shown.
        let material = opened("robust", Data::Cifar10, &cache(folder.path())).unwrap();
        assert_eq!(material.class_name(4), "star");
        assert!(!material.knows_labels());
        assert!(material.needs_scenes("masks").unwrap_err().is::<LeftOut>());

        for (typed, meant) in [
            ("rboust", "robust"),
            ("Robust", "robust"),
            ("scene", "scenes"),
            ("resnet-18", "resnet18"),
            ("resnt50", "resnet50"),
        ] {
            let error = opened(typed, Data::Scenes, &empty).err().unwrap().to_string();
            assert!(error.contains(&format!("did you mean `{meant}`?")), "{typed}: {error}");
            assert!(
                error.contains(typed) && error.contains("scenes, robust, resnet18, resnet50"),
                "{error}"
            );
        }
        for typed in ["no.pth", "x", "weights/robust.safetensors"] {
            let error = opened(typed, Data::Scenes, &empty).err().unwrap().to_string();
            assert!(
                !error.contains("did you mean") && error.contains(typed),
                "{typed}: {error}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Material::new(Some(Path::new("no.pth")), None).err().unwrap();
        assert!(error.to_string().contains("no.pth"), "{error}");
        let error = Material::new(None, Some(Path::new("no.jpg"))).err().unwrap();
        assert!(error.to_string().contains("no.jpg"), "{error}");
    }
}
