//! The files in which a checkout remembers what its learner did.
//!
//! They lie in `.lesson/` at the root of the checkout (git passes it over), or in the folder that `$LESSON_STATE` names:
//!
//! | file | an entry for each | holds |
//! |---|---|---|
//! | `verdicts.json` | exercise, `"1.2"` | the last verdict, when, and a fingerprint of the sources it is about |
//! | `place.json` | `"lesson"` | the lesson at hand: the one that was graded last |
//! | `hints.json` | exercise | how many of its hints were shown |
//! | `quiz.json` | question, `"B1"` | whether it was answered rightly the last time |
//! | `page.key` | | the secret in the address of the course's page |
//! | `backups/1.2/` | | a lesson's file as it was before a `reset` or an `--undo`, the newest with the highest number |
//!
//! Each `.json` file is an object with one entry for each id. A file is replaced as a whole, by renaming, so that an
//! interruption leaves the old one; changes of several programs come one after the other. What cannot be read, a file or
//! one entry, counts as not there, and the next change writes it anew: nothing in them is needed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

pub use writing::whole as write_whole;

/// The environment variable that moves the folder.
pub const VARIABLE: &str = "LESSON_STATE";
/// The folder's name at the root of the checkout.
const NAME: &str = ".lesson";
/// No state file comes near this; a larger one is garbage.
const LARGEST: u64 = 16 << 20;

/// The folder with the state of one checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    folder: PathBuf,
}

/// What a file holds: entries by exercise, question, ….
pub type Entries<T> = BTreeMap<String, T>;

impl State {
    /// That of the checkout at `root`: `$LESSON_STATE` if it is set, else `.lesson/`.
    pub fn of(root: &Path) -> Self {
        let set = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
        Self::at(set.map_or_else(|| root.join(NAME), PathBuf::from))
    }

    /// The one in this folder, which need not exist.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The entries of a file. What cannot be read is left out.
    pub fn read<T: DeserializeOwned>(&self, file: &str) -> Entries<T> {
        let path = self.folder.join(file);
        let size = fs::metadata(&path).map(|about| about.len());
        if size.is_ok_and(|size| size > LARGEST) {
            return Entries::new();
        }
        let bytes = fs::read(path).unwrap_or_default();
        let values: Entries<serde_json::Value> = serde_json::from_slice(&bytes).unwrap_or_default();
        let entry = |(id, value)| Some((id, serde_json::from_value(value).ok()?));
        values.into_iter().filter_map(entry).collect()
    }

    /// Changes the entries of a file, and returns what `change` returned.
    ///
    /// **Errors** name the file that cannot be written.
    pub fn update<T: Serialize + DeserializeOwned, R>(
        &self,
        file: &str,
        change: impl FnOnce(&mut Entries<T>) -> R,
    ) -> Result<R> {
        let path = self.folder.join(file);
        let update = || {
            fs::create_dir_all(&self.folder)?;
            let lock = File::create(self.folder.join("lock"))?;
            let _ = lock.lock(); // some network drives have no locks; the rename below keeps the file whole all the same
            let mut entries = self.read(file);
            let result = change(&mut entries);
            let mut text = serde_json::to_string_pretty(&entries)?;
            text.push('\n');
            writing::whole(&path, text.as_bytes())?;
            Ok(result)
        };
        update().map_err(|error: Error| {
            let what = format!("cannot remember it in {}: {error}", path.display());
            Error::new(error.kind(), what)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> State {
        let folder = std::env::temp_dir().join(format!("course-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        State::at(folder)
    }

    #[test]
    fn what_was_written_is_read() {
        let state = scratch("round");
        assert!(state.read::<u32>("hints.json").is_empty(), "no folder, no entries");
        let count = |entries: &mut Entries<u32>| {
            *entries.entry("1.2".into()).or_default() += 1;
            entries["1.2"]
        };
        assert_eq!(state.update("hints.json", count).unwrap(), 1);
        assert_eq!(state.update("hints.json", count).unwrap(), 2);
        assert_eq!(state.read::<u32>("hints.json")["1.2"], 2);
        let files = fs::read_dir(state.folder()).unwrap().count();
        assert_eq!(files, 2, "the file and the lock, nothing half-written");
        fs::remove_dir_all(state.folder()).unwrap();
    }

    #[test]
    fn garbage_counts_as_not_there_and_spares_the_entries_beside_it() {
        let state = scratch("garbage");
        fs::create_dir_all(state.folder()).unwrap();
        let file = state.folder().join("hints.json");
        for garbage in ["", "{ not json", "[1, 2]", "null", "\u{0}\u{0}", "{\"1.1\": \"many\"}"] {
            fs::write(&file, garbage).unwrap();
            assert!(state.read::<u32>("hints.json").is_empty(), "{garbage:?}");
        }
        fs::write(&file, [0xff, 0xfe, 0x00]).unwrap();
        assert!(state.read::<u32>("hints.json").is_empty());
        fs::write(&file, "{\"1.1\": \"many\", \"1.2\": 3}").unwrap();
        assert_eq!(state.read::<u32>("hints.json"), Entries::from([("1.2".to_string(), 3)]));
        let set = |entries: &mut Entries<u32>| entries.insert("1.1".into(), 1);
        state.update("hints.json", set).unwrap();
        assert_eq!(state.read::<u32>("hints.json").len(), 2);
        fs::remove_dir_all(state.folder()).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let state = scratch("file");
        fs::write(state.folder(), "a file in the way").unwrap();
        let error = state.update("quiz.json", |_: &mut Entries<bool>| ()).unwrap_err();
        assert!(error.to_string().contains("quiz.json"), "{error}");
        assert!(state.read::<bool>("quiz.json").is_empty());
        fs::remove_file(state.folder()).unwrap();
    }

    #[test]
    fn changes_of_many_threads_all_count() {
        let state = scratch("threads");
        let count = || {
            let add = |entries: &mut Entries<u32>| *entries.entry("1.1".into()).or_default() += 1;
            (0..20).for_each(|_| state.update("hints.json", add).unwrap());
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count))));
        assert_eq!(state.read::<u32>("hints.json")["1.1"], 80);
        fs::remove_dir_all(state.folder()).unwrap();
    }
}
