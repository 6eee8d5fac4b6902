//! CIFAR-10 in its binary layout: a label byte, then 3,072 bytes red, green, blue, each 32 rows of 32 columns.
//!
//! **Source** Krizhevsky 2009, "Learning multiple layers of features from tiny images".

use candle_core::{Device, Error, Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use crate::cache::missing;
use crate::{Cache, catalogue};

/// Width and height of an image.
pub const SIDE: usize = 32;
/// The classes by their label.
pub const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];
const PIXELS: usize = 3 * SIDE * SIDE;
/// Bytes of an image with its label.
pub(crate) const ROW: usize = 1 + PIXELS;

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// What networks are trained on: 50,000 images.
    Train,
    /// What nothing is trained on: 10,000 images.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    fn file(self) -> String {
        format!("{}.bin", self.name())
    }
}

/// What lies in the cache and where it came from; written last, so that it stands for a complete copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// In words.
    pub source: String,
    /// Images to train on.
    pub train: usize,
    /// Images to test on.
    pub test: usize,
    /// SHA-256 of `train.bin`.
    pub train_sha256: String,
    /// SHA-256 of `test.bin`.
    pub test_sha256: String,
}

impl About {
    /// What is said about the data in this cache; `None` if it is not complete.
    pub fn read(cache: &Cache) -> Option<Self> {
        let text = std::fs::read(cache.cifar10().join("about.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn rows(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }

    fn sha256(&self, split: Split) -> &str {
        match split {
            Split::Train => &self.train_sha256,
            Split::Test => &self.test_sha256,
        }
    }
}

/// The images and labels of one part.
#[derive(Clone)]
pub struct Cifar10 {
    split: Split,
    rows: Vec<u8>,
}

impl Cifar10 {
    /// Reads a part from the cache.
    ///
    /// The number of rows must be right; [`Self::is_whole`] compares the checksum as well.
    ///
    /// **Errors** if it is not there or not complete; the error says what to do.
    pub fn open(cache: &Cache, split: Split) -> Result<Self> {
        let Some(about) = About::read(cache) else {
            return Err(missing(catalogue::cifar10()));
        };
        let path = cache.cifar10().join(split.file());
        let again = |what: String| {
            Error::Msg(format!(
                "{}: {what}; `cargo run -p fetch -- cifar10` fetches it again",
                path.display()
            ))
        };
        let rows = std::fs::read(&path).map_err(|error| again(error.to_string()))?;
        let data = Self::from_rows(split, rows).map_err(|error| again(error.to_string()))?;
        if data.len() == about.rows(split) {
            Ok(data)
        } else {
            Err(again(format!(
                "expected {} images, got {}",
                about.rows(split),
                data.len()
            )))
        }
    }

    /// Images and labels from bytes in the binary layout.
    ///
    /// **Errors** if the length is no multiple of a row's, or a label is over 9.
    pub fn from_rows(split: Split, rows: Vec<u8>) -> Result<Self> {
        if rows.is_empty() || !rows.len().is_multiple_of(ROW) {
            return Err(Error::Msg(format!(
                "expected rows of {ROW} bytes, got {} bytes",
                rows.len()
            )));
        }
        let label = rows.iter().step_by(ROW).find(|label| **label > 9);
        match label {
            Some(label) => Err(Error::Msg(format!("expected labels 0 to 9, got {label}"))),
            None => Ok(Self { split, rows }),
        }
    }

    /// The first four fifths of the images to train on, and the rest to test on: for a part of the data.
    ///
    /// **Errors** if there are fewer than five images.
    pub fn parted(mut self) -> Result<(Self, Self)> {
        let rest = self.len() / 5;
        if rest == 0 {
            bail!("expected five images or more, got {}", self.len())
        }
        let test = self.rows.split_off((self.len() - rest) * ROW);
        Ok((
            Self::from_rows(Split::Train, self.rows)?,
            Self::from_rows(Split::Test, test)?,
        ))
    }

    /// Images, `[images, 3, 32, 32]` with values in [0, 1], and their labels.
    ///
    /// **Errors** if the shape is another or the numbers of images and labels differ.
    pub fn from_tensors(split: Split, images: &Tensor, labels: &[u8]) -> Result<Self> {
        let dims = images.dims();
        if dims != [labels.len(), 3, SIDE, SIDE] {
            bail!(
                "expected images of shape [{}, 3, {SIDE}, {SIDE}], got {dims:?}",
                labels.len()
            )
        }
        let mut rows = Vec::with_capacity(labels.len() * ROW);
        for (index, label) in labels.iter().enumerate() {
            rows.push(*label);
            let values = images.get(index)?.flatten_all()?.to_vec1::<f32>()?;
            rows.extend(values.iter().map(|value| (255.0 * value).round() as u8));
        }
        Self::from_rows(split, rows)
    }

    /// Writes both parts into the cache, each file under another name first, and says so in `about.json` last.
    ///
    /// **Errors** if a file cannot be written.
    pub fn store(cache: &Cache, source: &str, train: &Self, test: &Self) -> Result<About> {
        let folder = cache.cifar10();
        std::fs::create_dir_all(&folder)?;
        let about = About {
            source: source.into(),
            train: train.len(),
            test: test.len(),
            train_sha256: train.sha256(),
            test_sha256: test.sha256(),
        };
        let json = serde_json::to_vec_pretty(&about).map_err(Error::wrap)?;
        writing::whole(&folder.join(Split::Train.file()), &train.rows)?;
        writing::whole(&folder.join(Split::Test.file()), &test.rows)?;
        writing::whole(&folder.join("about.json"), &json)?;
        Ok(about)
    }

    /// Whether these are the bytes that were stored.
    pub fn is_whole(&self, about: &About) -> bool {
        about.rows(self.split) == self.len() && about.sha256(self.split) == self.sha256()
    }

    fn sha256(&self) -> String {
        checkpoints::checksum(&self.rows)
    }

    /// Which part this is.
    pub fn split(&self) -> Split {
        self.split
    }

    /// How many images there are.
    #[allow(clippy::len_without_is_empty, reason = "it never is empty")]
    pub fn len(&self) -> usize {
        self.rows.len() / ROW
    }

    /// The label of an image.
    ///
    /// **Errors** if there is no such image.
    pub fn label(&self, index: usize) -> Result<usize> {
        Ok(usize::from(self.row(index)?[0]))
    }

    /// An image, `[3, 32, 32]` with values in [0, 1].
    ///
    /// **Errors** if there is no such image.
    pub fn image(&self, index: usize) -> Result<Tensor> {
        self.batch(&[index])?.squeeze(0)
    }

    /// Some images, `[batch, 3, 32, 32]` with values in [0, 1].
    ///
    /// **Errors** if there is no such image.
    pub fn batch(&self, indices: &[usize]) -> Result<Tensor> {
        let mut values = Vec::with_capacity(indices.len() * PIXELS);
        for &index in indices {
            let pixels = &self.row(index)?[1..];
            values.extend(pixels.iter().map(|&byte| f32::from(byte) / 255.0));
        }
        Tensor::from_vec(values, (indices.len(), 3, SIDE, SIDE), &Device::Cpu)
    }

    fn row(&self, index: usize) -> Result<&[u8]> {
        match self.rows.chunks_exact(ROW).nth(index) {
            Some(row) => Ok(row),
            None => Err(Error::Msg(format!(
                "expected an image below {}, got {index}",
                self.len()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows: one red pixel in the top right corner, one blue in the bottom left.
    fn rows() -> Vec<u8> {
        let mut rows = vec![0; 2 * ROW];
        rows[0] = 3;
        rows[1 + SIDE - 1] = 255;
        rows[ROW] = 9;
        rows[ROW + 1 + 2 * SIDE * SIDE + (SIDE - 1) * SIDE] = 51;
        rows
    }

    #[test]
    fn a_part_of_the_data_is_parted_four_to_one_and_no_image_is_in_both() {
        let data = |count: u8| {
            let row = |index: u8| std::iter::once(index % 10).chain(vec![index; PIXELS]);
            Cifar10::from_rows(Split::Train, (0..count).flat_map(row).collect()).unwrap()
        };
        let (train, test) = data(11).parted().unwrap();
        let brightness = |data: &Cifar10| -> Vec<u8> { data.rows.chunks(ROW).map(|row| row[1]).collect() };
        assert_eq!((brightness(&train), brightness(&test)), ((0..9).collect(), vec![9, 10]));
        assert_eq!((train.split(), test.split()), (Split::Train, Split::Test));
        assert!(data(4).parted().is_err());
    }

    #[test]
    fn pixels_are_where_the_layout_puts_them() {
        let data = Cifar10::from_rows(Split::Test, rows()).unwrap();
        let at = |image: &Tensor, place: [usize; 3]| {
            let [channel, row, column] = place;
            let value = image.get(channel).and_then(|c| c.get(row)).unwrap();
            value.get(column).unwrap().to_scalar::<f32>().unwrap()
        };
        assert_eq!(data.len(), 2);
        assert_eq!([data.label(0).unwrap(), data.label(1).unwrap()], [3, 9]);
        assert_eq!(at(&data.image(0).unwrap(), [0, 0, 31]), 1.0);
        assert_eq!(at(&data.image(1).unwrap(), [2, 31, 0]), 0.2);
        let sum = data.batch(&[0, 1]).unwrap().sum_all().unwrap();
        assert!((sum.to_scalar::<f32>().unwrap() - 1.2).abs() < 1e-6);
        assert!(data.label(2).is_err() && data.image(2).is_err());
    }

    #[test]
    fn tensors_become_the_same_rows() {
        let data = Cifar10::from_rows(Split::Test, rows()).unwrap();
        let images = data.batch(&[0, 1]).unwrap();
        let again = Cifar10::from_tensors(Split::Test, &images, &[3, 9]).unwrap();
        assert_eq!(again.rows, data.rows);
        assert!(Cifar10::from_tensors(Split::Test, &images, &[3]).is_err());
    }

    #[test]
    fn what_is_stored_is_read_and_what_is_damaged_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let error = Cifar10::open(&cache, Split::Test).err().unwrap();
        assert_eq!(
            error.to_string(),
            "CIFAR-10 is not on this machine; `cargo run -p fetch -- cifar10` fetches it (144 MB)"
        );

        let data = Cifar10::from_rows(Split::Train, rows()).unwrap();
        let test = Cifar10::from_rows(Split::Test, rows()[ROW..].to_vec()).unwrap();
        let about = Cifar10::store(&cache, "a test", &data, &test).unwrap();
        assert_eq!(About::read(&cache), Some(about.clone()));
        let opened = Cifar10::open(&cache, Split::Train).unwrap();
        assert!(opened.rows == data.rows && opened.is_whole(&about));

        let path = cache.cifar10().join("train.bin");
        let mut other = rows();
        other[7] = 1;
        std::fs::write(&path, other).unwrap();
        let opened = Cifar10::open(&cache, Split::Train).unwrap();
        assert!(!opened.is_whole(&about), "one byte is another");
        std::fs::write(&path, &rows()[..ROW]).unwrap();
        let error = Cifar10::open(&cache, Split::Train).err().unwrap();
        assert!(error.to_string().contains("expected 2 images, got 1"));
        std::fs::write(&path, &rows()[..ROW + 5]).unwrap();
        let error = Cifar10::open(&cache, Split::Train).err().unwrap();
        assert!(error.to_string().contains("expected rows of 3073 bytes"));
    }

    #[test]
    fn a_label_out_of_range_is_refused() {
        let mut rows = rows();
        rows[ROW] = 10;
        let error = Cifar10::from_rows(Split::Test, rows).err().unwrap();
        assert!(error.to_string().contains("got 10"), "{error}");
    }
}
