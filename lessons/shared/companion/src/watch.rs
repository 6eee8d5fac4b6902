//! Notices saves: when a Rust file below some folders has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, SystemTime};

use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use walkdir::WalkDir;

/// Editors write a file in several steps; wait until they are done.
const SETTLE: Duration = Duration::from_millis(50);
/// Look at the clock of each file now and then all the same: network drives and some containers send no events.
const FALLBACK: Duration = Duration::from_millis(700);

/// When each Rust file was last written, and its size.
pub type Stamps = BTreeMap<PathBuf, (SystemTime, u64)>;

/// Watches folders.
pub struct Watcher {
    folders: Vec<PathBuf>,
    saved: Receiver<DebounceEventResult>,
    /// Sends to `saved`; without it only the clocks of the files are looked at.
    _events: Option<Debouncer<RecommendedWatcher>>,
}

impl Watcher {
    /// Watches these folders, with what symbolic links in them lead to.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        let (sender, saved) = channel();
        // A system that is out of watches is no reason to give up.
        let mut events = new_debouncer(SETTLE, sender).ok();
        if let Some(events) = &mut events {
            let mut places: Vec<_> = folders
                .iter()
                .filter_map(|folder| fs::canonicalize(folder).ok())
                .collect();
            for path in stamps(&folders).keys() {
                let target = fs::canonicalize(path).ok();
                places.extend(target.and_then(|target| target.parent().map(Path::to_path_buf)));
            }
            places.sort();
            places.dedup();
            for place in places {
                let _ = events.watcher().watch(&place, RecursiveMode::Recursive);
            }
        }
        Self {
            folders,
            saved,
            _events: events,
        }
    }

    /// The files as they are now. Taken before a run, so that a save during it counts.
    pub fn stamps(&self) -> Stamps {
        stamps(&self.folders)
    }

    /// Waits until a file is not as it was. Opening a file is an event, too, and the compiler opens them all: only a new
    /// time or size on a file is a save.
    pub fn wait(&self, before: &Stamps) {
        while self.stamps() == *before {
            match self.saved.recv_timeout(FALLBACK) {
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(FALLBACK),
            }
        }
    }
}

fn stamps(folders: &[PathBuf]) -> Stamps {
    let walk = |folder| WalkDir::new(folder).follow_links(true).into_iter();
    // A file may vanish between listing and looking: an editor at work. The next look finds its successor.
    let entries = folders.iter().flat_map(walk).flatten();
    let sources = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"));
    sources
        .filter_map(|entry| {
            let about = entry.metadata().ok()?;
            Some((entry.path().to_path_buf(), (about.modified().ok()?, about.len())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("companion-watch-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(folder.join("src/deep")).unwrap();
            fs::write(folder.join("src/a.rs"), "fn a() {}").unwrap();
            Self(folder)
        }

        /// How long it takes until `save` is noticed.
        #[track_caller]
        fn notices(&self, save: impl FnOnce(&Path) + Send) -> Duration {
            let watcher = Watcher::new(vec![self.0.join("src")]);
            let before = watcher.stamps();
            std::thread::scope(|scope| {
                let saving = scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(60));
                    save(&self.0);
                    Instant::now()
                });
                watcher.wait(&before);
                let noticed = Instant::now();
                noticed.saturating_duration_since(saving.join().unwrap())
            })
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_way_of_saving_is_noticed() {
        let scratch = Scratch::new("ways");
        // In place, as VS Code and nano do.
        scratch.notices(|folder| fs::write(folder.join("src/a.rs"), "fn in_place() {}").unwrap());
        // The old file moved away and a new one written, as vim does.
        scratch.notices(|folder| {
            fs::rename(folder.join("src/a.rs"), folder.join("src/a.rs~")).unwrap();
            fs::write(folder.join("src/a.rs"), "fn moved_away() {}").unwrap();
            fs::remove_file(folder.join("src/a.rs~")).unwrap();
        });
        // A new file moved over the old one, as JetBrains editors do ("safe write").
        scratch.notices(|folder| {
            fs::write(folder.join("src/a.rs___jb_tmp___"), "fn moved_over() {}").unwrap();
            fs::rename(folder.join("src/a.rs___jb_tmp___"), folder.join("src/a.rs")).unwrap();
        });
        // A file of the same length.
        scratch.notices(|folder| fs::write(folder.join("src/a.rs"), "fn moved_uver() {}").unwrap());
        // A new file in a folder below.
        scratch.notices(|folder| fs::write(folder.join("src/deep/b.rs"), "").unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_symbolic_link_leads_to_is_watched() {
        let scratch = Scratch::new("links");
        let elsewhere = Scratch::new("elsewhere");
        fs::remove_file(scratch.0.join("src/a.rs")).unwrap();
        std::os::unix::fs::symlink(elsewhere.0.join("src/a.rs"), scratch.0.join("src/a.rs")).unwrap();
        std::os::unix::fs::symlink(&scratch.0, scratch.0.join("src/up")).unwrap(); // back to a folder above
        let took = scratch.notices(|_| fs::write(elsewhere.0.join("src/a.rs"), "fn elsewhere() {}").unwrap());
        assert!(
            took < Duration::from_millis(600),
            "by an event, not by the clock: {took:?}"
        );
    }

    #[test]
    fn without_events_the_clocks_of_the_files_are_enough() {
        let scratch = Scratch::new("clocks");
        let (_sender, saved) = channel();
        let folders = vec![scratch.0.join("src")];
        let watcher = Watcher {
            folders,
            saved,
            _events: None,
        };
        let before = watcher.stamps();
        fs::write(scratch.0.join("src/a.rs"), "fn without_events() {}").unwrap();
        watcher.wait(&before);
    }
}
