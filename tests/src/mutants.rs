//! What became of the mutants of the solutions: `tests/mutants/lessonNN.json`, written by `src/bin/mutants.rs`, and the
//! reasons in `tests/mutants/equivalent.toml`.

use anyhow::{Context, Result};
use course::Lesson;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};
use walkdir::{DirEntry, WalkDir};

/// The results of one lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// `lesson01`.
    pub lesson: String,
    /// The hash of the code that was mutated, as [`code_hash`] gives it.
    pub solution: String,
    /// The version of cargo-mutants.
    pub tool: String,
    /// How long it took, over all runs that led here.
    pub seconds: u64,
    /// Mutants per exercise, in the order of the catalogue.
    pub exercises: Vec<Tally>,
    /// Those that no check caught.
    pub survivors: Vec<Survivor>,
    /// Those that were not tried yet.
    pub untried: usize,
}

/// What became of the mutants of one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// `1.3`.
    pub exercise: String,
    /// Rejected by the lesson's exams.
    pub caught: usize,
    /// Accepted by them.
    pub survived: usize,
    /// Not Rust that compiles, so no answer anybody could give.
    pub unviable: usize,
}

/// A mutant that the exams accept. File, change and the changed line say which; line numbers would not last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Survivor {
    /// `solutions/lesson01/src/window.rs: replace > with >= in output_size`.
    pub mutant: String,
    /// The line after the change.
    pub line: String,
    /// In a function that the lesson gives: no exercise, so no exam looks at it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given: bool,
}

/// A survivor that does what the solution does, and why.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalent {
    /// As in [`Survivor`].
    pub mutant: String,
    /// As in [`Survivor`].
    pub line: String,
    /// Why no exam can or should tell it from the solution.
    pub reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    equivalent: Vec<Equivalent>,
}

/// The root of the repository.
///
/// # Panics
/// If this runs outside of one.
pub fn root() -> &'static Path {
    course::root().unwrap_or_else(|error| panic!("{error}"))
}

fn folder() -> PathBuf {
    root().join("tests/mutants")
}

/// The results of a lesson; `None` if it was never run.
///
/// **Errors** if the file cannot be read or does not hold results.
pub fn read(lesson: &str) -> Result<Option<Results>> {
    let path = folder().join(format!("{lesson}.json"));
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let results = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(Some(results))
}

/// The listed survivors with their reasons.
///
/// **Errors** if the list cannot be read, or has a reason too short to be one.
pub fn equivalent() -> Result<Vec<Equivalent>> {
    let path = folder().join("equivalent.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let listed: Listed = toml::from_str(&text).with_context(|| path.display().to_string())?;
    for entry in &listed.equivalent {
        anyhow::ensure!(
            entry.reason.trim().len() >= 20,
            "{}: {} needs a reason",
            path.display(),
            entry.mutant
        );
    }
    Ok(listed.equivalent)
}

impl Results {
    /// The survivors that need a reason and have none.
    pub fn unlisted<'a>(&'a self, listed: &'a [Equivalent]) -> impl Iterator<Item = &'a Survivor> {
        let explained = |survivor: &Survivor| survivor.given || survivor.entry(listed).is_some();
        self.survivors.iter().filter(move |survivor| !explained(survivor))
    }

    /// Writes `tests/mutants/lessonNN.json`.
    ///
    /// **Errors** if that is not possible.
    pub fn write(&self) -> Result<PathBuf> {
        let path = folder().join(format!("{}.json", self.lesson));
        let text = serde_json::to_string_pretty(self)? + "\n";
        writing::whole(&path, text.as_bytes()).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

impl Survivor {
    /// Its entry in the list.
    pub fn entry<'a>(&self, listed: &'a [Equivalent]) -> Option<&'a Equivalent> {
        listed
            .iter()
            .find(|entry| entry.mutant == self.mutant && entry.line == self.line)
    }
}

/// SHA-256 over the names and texts of the files in these files and folders of the repository. Line ends do not count.
///
/// **Errors** if one of them cannot be read.
pub fn hash(places: &[&str]) -> Result<String> {
    let mut files = vec![];
    for place in places {
        files.extend(files_below(&root().join(place))?);
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        let name = file.strip_prefix(root()).expect("below the root");
        let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
        hasher.update(name.to_string_lossy().replace('\\', "/"));
        hasher.update([0]);
        // A checkout on Windows may have other line ends.
        let lines: Vec<u8> = bytes.into_iter().filter(|&byte| byte != b'\r').collect();
        hasher.update((lines.len() as u64).to_le_bytes());
        hasher.update(lines);
    }
    Ok(hexadecimal(hasher))
}

/// SHA-256 of a text.
pub fn sha256(text: &str) -> String {
    hexadecimal(Sha256::new_with_prefix(text))
}

fn hexadecimal(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of a Rust source that are neither empty nor comments.
pub fn code(source: &str) -> String {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    source.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The files below a folder but hidden ones, or a file itself.
fn files_below(place: &Path) -> Result<Vec<PathBuf>> {
    let is_shown = |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
    let entries = WalkDir::new(place).into_iter().filter_entry(is_shown);
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let files = entries.into_iter().filter(|entry| entry.file_type().is_file());
    Ok(files.map(DirEntry::into_path).collect())
}

/// SHA-256 over the code of a lesson's solution: comments may change without new mutants.
///
/// **Errors** if a source cannot be read.
pub fn code_hash(lesson: &Lesson) -> Result<String> {
    let folder = root().join("solutions").join(&lesson.package).join("src");
    let mut files = files_below(&folder)?;
    files.retain(|file| !file.ends_with("main.rs"));
    files.sort();
    let mut text = String::new();
    for file in files {
        let source = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(&folder).expect("below it").to_string_lossy();
        text += &format!("{}\n{}\n", name.replace('\\', "/"), code(&source));
    }
    Ok(sha256(&text))
}
