//! Fetches real data and real weights into a [`Cache`], where the lessons find them.
//!
//! ```text
//! cargo run -p fetch -- cifar10            # 144 MB from the Hugging Face hub
//! cargo run -p fetch -- cifar10 --from DIR # the same from files that are on this machine
//! cargo run -p fetch -- resnet18           # 47 MB; resnet50: 102 MB
//! cargo run -p fetch -- resnet18 --revision main  # what the hub has there now, instead of what is pinned
//! cargo run -p fetch -- status
//! cargo run -p fetch -- remove all
//! ```
//!
//! Everything is pinned: revision, size and SHA-256 of each file stand in [`real_data::catalogue`]. A file is taken for
//! whole when its checksum is right, and gets its name in the cache only then.

mod cifar10;
mod download;
mod report;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use checkpoints::checksum;
use real_data::catalogue::{Catalogue, Item, Kind, RemoteFile, megabytes};
use real_data::{Cache, Other};
use resnet::ResNet;

pub use cifar10::{Source, convert};
pub use report::{remove, status};

/// Where to fetch from and to.
pub struct Fetch {
    /// What there is.
    pub catalogue: Catalogue,
    /// Where it goes.
    pub cache: Cache,
    /// The hub's address; without it `$HF_ENDPOINT`, else huggingface.co.
    pub endpoint: Option<String>,
    /// This program, which is started again to run candle-datasets in a process of its own.
    pub program: PathBuf,
}

impl Fetch {
    /// Fetches an item, or takes it `from` a folder. Nothing is contacted if it is there already.
    ///
    /// **Errors** if it cannot be had; the error says what to do.
    pub fn item(&self, name: &str, from: Option<&Path>) -> Result<()> {
        let item = self.known(name)?;
        if let Some(place) = report::place(&self.cache, item) {
            if report::is_whole(&self.cache, item) {
                println!("{} is here already: {}", item.title, place.display());
                say_what_next(item);
                return Ok(());
            }
            println!("{} is here but damaged: once more", item.title);
            remove(&self.cache, &self.catalogue, name)?;
        }
        self.take(item, from, None)
    }

    /// Fetches another revision of an item than the pinned one; what lies here of it is replaced.
    ///
    /// Its sizes and checksums are those that the hub tells for it. Where the hub tells no checksum, that is said, and size and
    /// content are looked at.
    ///
    /// **Errors** as [`Self::item`].
    pub fn item_at(&self, name: &str, revision: &str) -> Result<()> {
        let item = self.known(name)?;
        let other = self.at_revision(item, revision)?;
        if other.files.iter().all(|file| file.sha256.is_empty()) {
            println!("the hub tells no checksums for {revision}: sizes and content are looked at");
        }
        self.take(&other, None, Some(revision))
    }

    fn known(&self, name: &str) -> Result<&Item> {
        self.catalogue.item(name).with_context(|| {
            let names: Vec<_> = self.catalogue.items.iter().map(|item| item.name.as_str()).collect();
            format!("nothing called {name:?} can be fetched; there are {}", names.join(", "))
        })
    }

    fn take(&self, item: &Item, from: Option<&Path>, revision: Option<&str>) -> Result<()> {
        let _lock = self.lock()?;
        if from.is_none() {
            println!("{}", cost(item));
        }
        let place = match item.kind {
            Kind::Data => self.cifar10(item, from)?,
            Kind::Weights => self.weights(item, from, revision)?,
        };
        println!("{} is here now: {}", item.title, place.display());
        say_what_next(item);
        Ok(())
    }

    /// Held while something is fetched.
    fn lock(&self) -> Result<File> {
        let folder = self.cache.downloads();
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let path = folder.join("lock");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another `fetch` is at work in this cache"),
            Err(TryLockError::Error(error)) => {
                return Err(error).context("the cache cannot be locked");
            }
        }
        // Folders are left where an earlier run was killed while it unpacked.
        for entry in std::fs::read_dir(&folder)?.flatten() {
            if entry.path().is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(file)
    }

    fn weights(&self, item: &Item, from: Option<&Path>, revision: Option<&str>) -> Result<PathBuf> {
        let file = &item.files[0];
        let whole = match from {
            None => self.download(item, file)?,
            Some(folder) => {
                let named = format!("{}.safetensors", item.name);
                let path = find(folder, file, &[&named])?;
                verify(&path, file)?;
                let copy = download::complete_path(&self.cache, file);
                let partial = copy.with_extension("partial");
                std::fs::copy(&path, &partial).and_then(|_| std::fs::rename(&partial, &copy))?;
                copy
            }
        };
        ResNet::load(&whole)?;
        let place = self.cache.weights_file(&item.name);
        std::fs::create_dir_all(place.parent().expect("a folder"))?;
        let other = match revision {
            Some(revision) => Some(Other {
                revision: revision.into(),
                sha256: checksum(&std::fs::read(&whole)?),
            }),
            None => None,
        };
        self.cache.set_other(&item.name, other.as_ref())?;
        std::fs::rename(&whole, &place)?;
        Ok(place)
    }
}

/// A file of the catalogue in the learner's folder, under its path there, its name alone, or one of `others`.
fn find(folder: &Path, file: &RemoteFile, others: &[&str]) -> Result<PathBuf> {
    if folder.is_file() {
        return Ok(folder.into());
    }
    let name = file.path.rsplit('/').next().expect("a name");
    let names = [&[file.path.as_str(), name], others].concat();
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{}: expected {name}, found none", folder.display()))
}

/// Whether a file is the one in the catalogue.
///
/// **Errors** if it is not.
fn verify(path: &Path, file: &RemoteFile) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    ensure!(
        bytes.len() as u64 == file.size,
        "{}: expected {} bytes, got {}",
        path.display(),
        file.size,
        bytes.len()
    );
    let found = checksum(&bytes);
    ensure!(
        file.sha256.is_empty() || found == file.sha256,
        "{}: expected SHA-256 {}, got {found}",
        path.display(),
        file.sha256
    );
    Ok(())
}

/// What a download will cost, before it begins.
fn cost(item: &Item) -> String {
    let mut text = format!(
        "{}: {} to download; {} on the disk afterwards",
        item.title,
        estimate(item.download_size()),
        megabytes(item.kept_size())
    );
    if !item.meanwhile.is_empty() {
        text += &format!("; {}", item.meanwhile);
    }
    text
}

/// The commands that use an item.
fn say_what_next(item: &Item) {
    for (place, command) in item.commands.iter().enumerate() {
        let begin = if place == 0 { "Now:" } else { "    " };
        println!("{begin} {command}");
    }
}

/// `144 MB, 2 min at 10 Mbit/s, 12 s at 100 Mbit/s`
fn estimate(bytes: u64) -> String {
    let time = |megabits: u64| match bytes * 8 / (megabits * 1_000_000) {
        0..2 => "a second".to_string(),
        seconds @ 2..100 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    };
    format!(
        "{}, {} at 10 Mbit/s, {} at 100 Mbit/s",
        megabytes(bytes),
        time(10),
        time(100)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_told_with_what_stays_and_what_is_needed_meanwhile() {
        let text = cost(real_data::catalogue::cifar10());
        assert_eq!(
            text,
            "CIFAR-10: 144 MB, 2 min at 10 Mbit/s, 11 s at 100 Mbit/s to download; 184 MB on the disk afterwards; 330 MB of \
             disk and 1.4 GB of memory while it is unpacked"
        );
    }

    #[test]
    fn the_estimate_is_size_over_speed() {
        assert_eq!(estimate(143_646_105), "144 MB, 2 min at 10 Mbit/s, 11 s at 100 Mbit/s");
        assert_eq!(estimate(20_000), "20 kB, a second at 10 Mbit/s, a second at 100 Mbit/s");
    }
}
