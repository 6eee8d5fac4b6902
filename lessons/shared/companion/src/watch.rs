//! Grades a lesson again whenever a Rust file below a folder is saved.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use course::Lesson;
use notify_debouncer_mini::new_debouncer;
use notify_debouncer_mini::notify::RecursiveMode;

use crate::lessons;
use crate::term::DIM;

/// Editors write a file in several steps; wait until they are done.
const SETTLE: Duration = Duration::from_millis(50);
/// Look at the clock of each file now and then all the same: network drives and some containers send no events.
const FALLBACK: Duration = Duration::from_secs(2);

/// Grades the lesson at once and after every save below `folder`, until the process is ended.
pub fn lesson(lesson: &Lesson, folder: &Path, clear: bool) -> Result<()> {
    again_and_again(folder, || {
        if clear && std::io::stdout().is_terminal() {
            print!("\x1b[2J\x1b[3J\x1b[H"); // erase screen and scrollback, cursor home
        }
        let start = Instant::now();
        lessons::grade_aloud(lesson)?;
        let took = start.elapsed().as_secs_f64();
        anstream::println!(
            "{DIM}{took:.1} s. Waiting for a save in {} (Ctrl-C ends){DIM:#}",
            folder.display()
        );
        Ok(())
    })
}

/// Calls `run` at once and after every save below `folder`, for ever.
///
/// **Errors** if the folder cannot be watched, or with the first error of `run`.
fn again_and_again(folder: &Path, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    let (sender, saved) = channel();
    let mut debouncer = new_debouncer(SETTLE, sender).context("the file watcher does not start")?;
    debouncer
        .watcher()
        .watch(folder, RecursiveMode::Recursive)
        .with_context(|| format!("cannot watch {}", folder.display()))?;
    loop {
        // Taken before the run, so that a save during it counts.
        let before = modified(folder);
        run()?;
        // Opening a file is an event, too, and the compiler opens them all: only a new time on a file is a save.
        while modified(folder) == before {
            match saved.recv_timeout(FALLBACK) {
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the file watcher stopped"),
            }
        }
    }
}

/// When each Rust file below `folder` was last written.
fn modified(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        // A file may vanish between listing and looking: an editor at work. The next look finds its successor.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && let Ok(time) = metadata.modified()
            {
                files.insert(path, time);
            }
        }
    }
    files
}
