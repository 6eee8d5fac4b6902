//! A folder of images: `--images FOLDER`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use rayon::prelude::*;
use walkdir::WalkDir;

use crate::images::{Batch, Preparation, Sample};
use crate::near::plain;
use crate::progress;

/// Images that are taken at most; of more, evenly spaced ones. Each is decoded once to see whether it can be.
const MOST: usize = 5_000;
/// Files that are named one by one when they cannot be read.
const NAMED: usize = 10;
/// What ends the name of an image. HEIC and its kin cannot be read; that is said instead of passing them over.
const ENDINGS: [&str; 14] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "heic", "heif", "avif", "gif", "bmp", "tif", "tiff", "ppm",
];

/// The readable images below a folder, in the order of their paths; labelled ones interleaved, so that the first hundred have of
/// every class. Pixels are read when they are asked for and not kept.
pub struct Folder {
    path: PathBuf,
    preparation: Preparation,
    /// Below `path`.
    files: Vec<PathBuf>,
    /// Of each file, if there are labels.
    classes: Vec<usize>,
    labels: Vec<String>,
    /// Whether a label is the index of a class of the network.
    has_known_classes: bool,
}

impl Folder {
    /// Finds the images, and says on the error stream which cannot be read.
    ///
    /// Where every image lies in a folder of its class, the first folder below `path` is its label: a class of the network
    /// if all of them are called like one.
    ///
    /// **Errors** if there is no such folder, or no image in it that can be read.
    pub fn open(path: &Path, preparation: Preparation, network_classes: &[String]) -> Result<Self> {
        let found = images_below(path)?;
        let all = found.len();
        let found = thinned(found, MOST);
        if found.len() < all {
            eprintln!(
                "{}: {} of {all} images are taken, evenly spaced",
                path.display(),
                found.len()
            );
        }
        let bar = progress(found.len() as u64, "reading images");
        let tried = found.into_par_iter().map(|file| {
            let result = preparation.load(&path.join(&file));
            bar.inc(1);
            (file, result.err())
        });
        let (good, bad): (Vec<_>, Vec<_>) = tried
            .collect::<Vec<_>>()
            .into_iter()
            .partition(|(_, error)| error.is_none());
        bar.finish_and_clear();
        bad.iter()
            .take(NAMED)
            .filter_map(|(_, error)| error.as_ref())
            .for_each(|error| eprintln!("skipped: {}", course::panics::without_backtrace(&error.to_string())));
        if bad.len() > NAMED {
            eprintln!("skipped: {} more", bad.len() - NAMED);
        }
        let files: Vec<PathBuf> = good.into_iter().map(|(file, _)| file).collect();
        if files.is_empty() {
            bail!(
                "{}: expected JPEG, PNG or WebP images, found none that can be read",
                path.display()
            );
        }
        let mut folder = Self {
            path: path.into(),
            preparation,
            files,
            classes: vec![],
            labels: vec![],
            has_known_classes: false,
        };
        folder.label(network_classes);
        Ok(folder)
    }

    /// Takes the first folder of each path for its label.
    fn label(&mut self, network_classes: &[String]) {
        let of_file = |file: &PathBuf| {
            let mut parts = file.components();
            let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
            parts.next().map(|_| first)
        };
        let Some(names) = self.files.iter().map(of_file).collect::<Option<Vec<String>>>() else {
            return; // an image that lies in no folder
        };
        let mut labels = names.clone();
        labels.sort();
        labels.dedup();
        if labels.len() < 2 {
            return; // one name tells nothing apart
        }
        let place = |name: &String| labels.binary_search(name).unwrap_or_default();
        let own: Vec<usize> = names.iter().map(place).collect();
        let order = interleaved(&own, labels.len());
        self.files = order.iter().map(|&at| self.files[at].clone()).collect();
        let own = order.iter().map(|&at| own[at]);
        let known = |label: &String| network_classes.iter().position(|class| plain(class) == plain(label));
        match labels.iter().map(known).collect::<Option<Vec<usize>>>() {
            Some(known) => {
                self.classes = own.map(|label| known[label]).collect();
                self.labels = network_classes.to_vec();
                self.has_known_classes = true;
            }
            None => {
                self.classes = own.collect();
                self.labels = labels;
            }
        }
    }

    /// How many images there are.
    #[allow(clippy::len_without_is_empty, reason = "it never is empty")]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The folder's own name.
    pub fn name(&self) -> String {
        crate::networks::file_name(&self.path)
    }

    /// The names of the classes; empty where the images have none.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The class of each image, an index of [`Self::labels`]; empty where the images have none.
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// Whether a class is one of the network's.
    pub fn has_known_classes(&self) -> bool {
        self.has_known_classes
    }

    /// The path of an image below the folder, if there is one of this index.
    pub fn file(&self, index: usize) -> Option<&Path> {
        self.files.get(index).map(PathBuf::as_path)
    }

    /// What changes with the images: their paths, how long the files are, and when they were last written.
    pub fn fingerprint(&self) -> String {
        let about = |file: &PathBuf| {
            let about = std::fs::metadata(self.path.join(file)).ok();
            let time = about.as_ref().and_then(|about| about.modified().ok());
            format!("{} {:?} {time:?}\n", file.display(), about.map(|about| about.len()))
        };
        let all: String = self.files.iter().map(about).collect();
        checkpoints::checksum(all.as_bytes())
    }

    /// An image with what is known about it.
    ///
    /// **Errors** if it can no longer be read.
    pub fn sample(&self, index: usize) -> Result<Sample> {
        let file = &self.files[index];
        Ok(Sample {
            pixels: self.load(file)?,
            name: file.display().to_string(),
            label: self.classes.get(index).copied(),
            rendered: None,
        })
    }

    /// Some images in a row.
    ///
    /// **Errors** if one can no longer be read.
    pub fn batch(&self, range: Range<usize>) -> Result<Batch> {
        let files = self.files[range.clone()].par_iter();
        let pixels = files.map(|file| self.load(file)).collect::<Result<Vec<_>>>()?;
        Ok(Batch {
            pixels: Tensor::stack(&pixels, 0)?,
            labels: self.classes.get(range).unwrap_or_default().to_vec(),
            rendered: vec![],
        })
    }

    fn load(&self, file: &Path) -> Result<Tensor> {
        let load = self.preparation.load(&self.path.join(file));
        load.context("an image that could be read at the start")
    }
}

/// The places of images of these classes in an order in which each stretch has about its share of every class; within a class the
/// order stays.
fn interleaved(classes: &[usize], count: usize) -> Vec<usize> {
    let mut sizes = vec![0u32; count];
    classes.iter().for_each(|&class| sizes[class] += 1);
    let mut seen = vec![0u32; count];
    let mut order: Vec<(f64, usize)> = vec![];
    for (at, &class) in classes.iter().enumerate() {
        order.push(((f64::from(seen[class]) + 0.5) / f64::from(sizes[class]), at));
        seen[class] += 1;
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    order.into_iter().map(|(_, at)| at).collect()
}

/// The paths of all images, without `path` itself and in their own order; what is hidden is passed over.
fn images_below(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        bail!("{}: expected a folder of images, found none", path.display());
    }
    let is_hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter();
    let mut found = vec![];
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name())) {
        // A folder that may not be read, a link that leads in a circle: named, as a broken image is.
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                eprintln!("skipped: {error}");
                continue;
            }
        };
        let ending = entry
            .path()
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        let is_image = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
        if entry.file_type().is_file() && is_image {
            found.push(entry.path().strip_prefix(path)?.to_path_buf());
        }
    }
    Ok(found)
}

/// At most so many, evenly spaced, the first one among them.
fn thinned(files: Vec<PathBuf>, most: usize) -> Vec<PathBuf> {
    let all = files.len();
    if all <= most {
        return files;
    }
    (0..most).map(|place| files[place * all / most].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of one colour.
    fn save(folder: &Path, file: &str, red: u8) {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_pixel(12, 10, image::Rgb([red, 0, 0]))
            .save(path)
            .unwrap();
    }

    fn open(path: &Path, classes: &[&str]) -> Result<Folder> {
        let classes: Vec<String> = classes.iter().map(|class| class.to_string()).collect();
        Folder::open(path, Preparation::Square(4), &classes)
    }

    fn reds(batch: &Batch) -> Vec<f32> {
        let first = batch.pixels.narrow(1, 0, 1).unwrap().flatten_from(1).unwrap();
        (first.mean(1).unwrap() * 255.0)
            .unwrap()
            .round()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
    }

    #[test]
    fn subfolders_are_labels_and_the_order_is_that_of_the_paths_class_by_turns() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "dog/2.png", 3);
        save(folder.path(), "cat/10.png", 1);
        save(folder.path(), "dog/deep/1.png", 4);
        save(folder.path(), "cat/9.png", 2);
        save(folder.path(), ".hidden/1.png", 9);
        std::fs::write(folder.path().join("notes.txt"), "about them").unwrap();
        let found = open(folder.path(), &["tench"]).unwrap();
        assert_eq!(
            (found.len(), found.labels()),
            (4, &["cat".to_string(), "dog".to_string()][..])
        );
        assert!(!found.has_known_classes());
        let batch = found.batch(0..4).unwrap();
        assert_eq!(reds(&batch), [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(batch.labels, [0, 1, 0, 1]);
        assert_eq!(found.batch(1..3).unwrap().labels, [1, 0]);
        let sample = found.sample(3).unwrap();
        assert_eq!((sample.label, sample.pixels.dims()), (Some(1), &[3, 4, 4][..]));
        assert!(sample.name.ends_with("1.png") && sample.name.starts_with("dog"));
    }

    #[test]
    fn labels_that_are_classes_of_the_network_are_its_classes() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "n02123045_tabby/1.png", 1);
        save(folder.path(), "Siamese_cat/1.png", 2);
        let found = open(folder.path(), &["tench", "Siamese cat", "tabby"]).unwrap();
        assert!(found.has_known_classes());
        assert_eq!(found.batch(0..2).unwrap().labels, [1, 2], "Siamese cat, then tabby");
        assert_eq!(found.labels()[2], "tabby");
    }

    #[test]
    fn an_image_outside_of_all_folders_means_that_folders_are_no_labels() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "cat/1.png", 1);
        save(folder.path(), "dog/1.png", 1);
        save(folder.path(), "zebra.png", 2);
        let found = open(folder.path(), &[]).unwrap();
        assert!(found.labels().is_empty() && found.batch(0..3).unwrap().labels.is_empty());
        assert_eq!(found.sample(2).unwrap().label, None);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "a.png", 1);
        save(folder.path(), "c.png", 3);
        std::fs::write(folder.path().join("b.png"), "no image").unwrap();
        std::fs::write(folder.path().join("d.heic"), "of a phone").unwrap();
        let found = open(folder.path(), &[]).unwrap();
        assert_eq!(reds(&found.batch(0..2).unwrap()), [1.0, 3.0]);
        assert_eq!(found.len(), 2);

        let empty = tempfile::tempdir().unwrap();
        std::fs::write(empty.path().join("b.png"), "no image").unwrap();
        let error = open(empty.path(), &[]).err().unwrap().to_string();
        assert!(error.contains("found none that can be read"), "{error}");
        let error = open(&empty.path().join("b.png"), &[]).err().unwrap().to_string();
        assert!(error.contains("expected a folder"), "{error}");
    }

    #[test]
    fn every_stretch_has_its_share_of_each_class() {
        assert_eq!(interleaved(&[0, 0, 0, 0, 1, 1], 2), [0, 4, 1, 2, 5, 3]);
    }

    #[test]
    fn of_many_evenly_spaced_ones_are_taken() {
        let files: Vec<PathBuf> = (0..10).map(|n| PathBuf::from(n.to_string())).collect();
        assert_eq!(thinned(files.clone(), 4), ["0", "2", "5", "7"].map(PathBuf::from));
        assert_eq!(thinned(files.clone(), 10), files);
    }
}
