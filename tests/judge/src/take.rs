//! Taking a submission's exercises into a course: the Rust files of `lessons/lessonNN/src`, and nothing that is a link.

use crate::source;
use anyhow::{Context, Result, bail};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// Programs that draw; they belong to the course.
const NOT_TAKEN: [&str; 2] = ["main.rs", "figures.rs"];
/// More than any lesson's sources; a file of gigabytes is none.
const LARGEST: u64 = 1 << 20;

/// The Rust files below a folder.
#[derive(Debug, Default, PartialEq)]
pub struct Sources {
    /// Their paths, relative to the root, in order.
    pub files: Vec<PathBuf>,
    /// What was left out, and why.
    pub refused: Vec<String>,
}

/// The Rust files of a folder, which is given relative to `root`. No link is followed, wherever below `root` it lies.
///
/// **Errors** if a folder cannot be read; one that is not there has no files.
pub fn sources(root: &Path, folder: &Path) -> Result<Sources> {
    let mut sources = Sources::default();
    let mut place = PathBuf::new();
    for part in folder.components() {
        place.push(part);
        match fs::symlink_metadata(root.join(&place)) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                sources.refused.push(format!("{} is not a folder", place.display()));
                return Ok(sources);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(sources),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", root.join(&place).display())),
        }
    }
    let reading = || format!("cannot read {}", root.join(folder).display());
    for entry in WalkDir::new(root.join(folder)) {
        let entry = entry.with_context(reading)?;
        let place = entry.path().strip_prefix(root).with_context(reading)?.to_path_buf();
        // Of the entry itself, not of what a link points to.
        let data = entry.metadata().with_context(reading)?;
        let rust = place.extension().is_some_and(|extension| extension == "rs");
        if data.is_dir() {
            continue;
        } else if data.is_symlink() {
            sources.refused.push(format!("{} is a link", place.display()));
        } else if rust && !data.is_file() {
            sources.refused.push(format!("{} is not a file", place.display()));
        } else if rust && data.len() > LARGEST {
            sources.refused.push(format!("{} is too large", place.display()));
        } else if rust {
            sources.files.push(place);
        }
    }
    sources.files.sort();
    Ok(sources)
}

/// Copies the exercises of a submission into a course, and writes to stderr what was refused and what one should read.
///
/// **Errors** if a file cannot be read or written, or if the submission has no exercises at all.
pub fn submission(submission: &Path, course: &Path) -> Result<()> {
    let mut taken = 0;
    for lesson in course::lessons() {
        let folder = Path::new("lessons").join(&lesson.package).join("src");
        let sources = sources(submission, &folder)?;
        for refused in sources.refused {
            eprintln!("not taken: {refused}");
        }
        for file in sources.files {
            if file
                .file_name()
                .is_some_and(|name| NOT_TAKEN.iter().any(|not| name == *not))
            {
                continue;
            }
            let bytes = fs::read(submission.join(&file)).with_context(|| format!("cannot read {}", file.display()))?;
            let source = String::from_utf8_lossy(&bytes);
            let to = course.join(&file);
            let stub = fs::read_to_string(&to).unwrap_or_default();
            for line in source::report(&file, &source, &stub) {
                eprintln!("read this: {line}");
            }
            let written = to
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| writing::whole(&to, source.as_bytes()));
            written.with_context(|| format!("cannot write {}", to.display()))?;
            taken += 1;
        }
    }
    if taken == 0 {
        bail!(
            "{} holds no lessons/lesson01/src/… with Rust files",
            submission.display()
        );
    }
    Ok(())
}
