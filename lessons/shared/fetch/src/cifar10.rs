//! From parquet or binary batches to rows in the cache, by candle-datasets.
//!
//! candle-datasets reads parquet only from the hub client's own cache, panics on a broken image, and skips broken rows. So
//! the files are verified first and laid out as that cache would be, and the loader runs in a process of its own whose
//! environment points there and to no hub.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Tensor};
use candle_datasets::vision::{Dataset, cifar};
use indicatif::ProgressBar;
use parquet::file::reader::{FileReader, SerializedFileReader};
use real_data::catalogue::{Item, RemoteFile};
use real_data::{About, Cache, Cifar10, Split};

use crate::{Fetch, find, verify};

/// Where the hub client keeps what candle-datasets asks for: repository `cifar10`, this reference, these files.
const REPOSITORY: &str = "datasets--cifar10";
const REFERENCE: &str = "refs/convert/parquet";
const PARQUET: [&str; 2] = ["plain_text/train/0000.parquet", "plain_text/test/0000.parquet"];
/// An address at which nothing answers.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What candle-datasets is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Parquet files in the hub client's cache.
    Parquet,
    /// Binary batches in this folder.
    Batches(PathBuf),
}

impl Fetch {
    pub(crate) fn cifar10(&self, item: &Item, from: Option<&Path>) -> Result<PathBuf> {
        match from {
            None => {
                let download = |file| self.download(item, file);
                let files = item.files.iter().map(download).collect::<Result<Vec<_>>>()?;
                let source = format!("{}/{} at revision {}", item.owner, item.repository, item.revision);
                self.take_parquet(item, &files, &source)?;
                for path in files {
                    std::fs::remove_file(path)?;
                }
            }
            Some(folder) => self.take_folder(item, folder)?,
        }
        Ok(self.cache.cifar10())
    }

    /// Binary batches if there are any in the folder, else parquet.
    fn take_folder(&self, item: &Item, folder: &Path) -> Result<()> {
        let batches = [folder.to_path_buf(), folder.join("cifar-10-batches-bin")];
        let has_batch = |folder: &&PathBuf| folder.join("test_batch.bin").is_file();
        let source = format!("files in {}", folder.display());
        if let Some(folder) = batches.iter().find(has_batch) {
            let files = &self.catalogue.batches;
            for file in files {
                verify(&find(folder, file, &[])?, file)?;
            }
            let images = images(files.split_last().map(|(test, train)| (train, test)))?;
            return self.run_loader(&["--batches".as_ref(), folder.as_os_str()], None, images, &source);
        }
        let found = |file: &RemoteFile| {
            let path = find(folder, file, &[])
                .context("it has no binary batches (test_batch.bin and its kin) and not both parquet files")?;
            verify(&path, file)?;
            Ok(path)
        };
        let files = item.files.iter().map(found).collect::<Result<Vec<_>>>()?;
        self.take_parquet(item, &files, &source)
    }

    /// From verified parquet files, train and test.
    fn take_parquet(&self, item: &Item, files: &[PathBuf], source: &str) -> Result<()> {
        for (path, file) in files.iter().zip(&item.files) {
            let reader = SerializedFileReader::new(File::open(path)?)
                .with_context(|| format!("{}: not a parquet file", path.display()))?;
            let rows = reader.metadata().file_metadata().num_rows();
            ensure!(
                rows == file.images as i64,
                "{}: expected {} rows, got {rows}",
                path.display(),
                file.images
            );
        }
        let hub = tempfile::tempdir_in(self.cache.downloads())?;
        let repository = hub.path().join(REPOSITORY);
        let reference = repository.join("refs").join(REFERENCE);
        std::fs::create_dir_all(reference.parent().expect("a folder"))?;
        std::fs::write(&reference, &item.revision)?;
        let snapshot = repository.join("snapshots").join(&item.revision);
        for (path, name) in files.iter().zip(PARQUET) {
            let place = snapshot.join(name);
            std::fs::create_dir_all(place.parent().expect("a folder"))?;
            let link = std::fs::hard_link(path, &place);
            link.or_else(|_| std::fs::copy(path, &place).map(drop))?;
        }
        let images = images(
            item.files
                .split_first()
                .map(|(train, test)| (std::slice::from_ref(train), &test[0])),
        )?;
        self.run_loader(&[], Some(hub.path()), images, source)
    }

    /// Starts this program again to [`convert`], and sees whether as many images have come as should.
    fn run_loader(
        &self,
        arguments: &[&std::ffi::OsStr],
        hub: Option<&Path>,
        images: [usize; 2],
        source: &str,
    ) -> Result<()> {
        let spinner = ProgressBar::new_spinner().with_message("unpacking with candle-datasets");
        spinner.enable_steady_tick(Duration::from_millis(200));
        let output = Command::new(&self.program)
            .arg("convert")
            .args(arguments)
            .args(["--source", source])
            .env(real_data::VARIABLE, self.cache.folder())
            .env("HF_HUB_CACHE", hub.unwrap_or(Path::new("")))
            .env("HF_ENDPOINT", NOWHERE)
            .env("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
            .env_remove("RUST_BACKTRACE")
            .output()
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        spinner.finish_and_clear();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("candle-datasets cannot read {source}: {}", error.trim());
        }
        let about = About::read(&self.cache).context("candle-datasets left nothing")?;
        if [about.train, about.test] != images {
            std::fs::remove_dir_all(self.cache.cifar10())?;
            bail!(
                "expected {images:?} images to train and to test on, got {:?}; nothing was kept",
                [about.train, about.test]
            );
        }
        Ok(())
    }
}

/// The numbers of images to train and to test on.
fn images(files: Option<(&[RemoteFile], &RemoteFile)>) -> Result<[usize; 2]> {
    let (train, test) = files.context("the catalogue has no files of CIFAR-10")?;
    Ok([train.iter().map(|file| file.images).sum(), test.images])
}

/// Reads with candle-datasets and writes rows into the cache. The loader wants about 2 GB of memory.
///
/// **Errors** if there is nothing to read or it is broken; candle-datasets panics on some broken files.
pub fn convert(source: &Source, cache: &Cache, name: &str) -> Result<About> {
    let Dataset {
        train_images,
        train_labels,
        test_images,
        test_labels,
        ..
    } = match source {
        Source::Parquet => upright(cifar::load()?)?,
        Source::Batches(folder) => cifar::load_dir(folder)?,
    };
    let rows = |split, images: Tensor, labels: Tensor| {
        let labels = labels.to_dtype(DType::U8)?.to_vec1::<u8>()?;
        Cifar10::from_tensors(split, &images, &labels)
    };
    let test = rows(Split::Test, test_images, test_labels)?;
    let train = rows(Split::Train, train_images, train_labels)?;
    Ok(Cifar10::store(cache, name, &train, &test)?)
}

/// candle-datasets 0.11.1 reads parquet as `[images, 3, width, height]`: it takes the rows of a decoded picture for
/// columns. `load_dir` does not.
fn upright(data: Dataset) -> candle_core::Result<Dataset> {
    Ok(Dataset {
        train_images: data.train_images.transpose(2, 3)?,
        test_images: data.test_images.transpose(2, 3)?,
        ..data
    })
}
