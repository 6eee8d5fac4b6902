//! Brings back the stub of one exercise, keeps what stood there, and brings that back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use course::state::State;
use course::{Exercise, Lesson};

use crate::exercise::{names, pristine, read, replaced, text};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The lesson's file, relative to the root.
    pub file: String,
    /// The file as it was before.
    pub backup: PathBuf,
}

/// Replaces the functions of an exercise by their stubs. The rest of the file stays.
///
/// **Errors** if the file does not hold them, or cannot be written; then nothing has changed.
pub fn reset(root: &Path, state: &State, lesson: &Lesson, exercise: &Exercise) -> Result<Done> {
    let file = lesson.path(exercise);
    let source = read(root, &file)?;
    let stubs = pristine(root, lesson, exercise)?;
    write(
        root,
        state,
        exercise,
        file.clone(),
        &source,
        &replaced(&source, &file, &stubs)?,
    )
}

/// Brings back the functions of an exercise as they were before the last `reset` or `undo`.
///
/// **Errors** if there was none.
pub fn undo(root: &Path, state: &State, lesson: &Lesson, exercise: &Exercise) -> Result<Done> {
    let Some((_, backup)) = backups(state, exercise).pop() else {
        bail!("exercise {} was not reset in this checkout", exercise.id);
    };
    let file = lesson.path(exercise);
    let source = read(root, &file)?;
    let before = std::fs::read_to_string(&backup).with_context(|| format!("cannot read {}", backup.display()))?;
    let functions = names(root, lesson, exercise)?.into_iter();
    let functions = functions.filter_map(|name| Some((name.clone(), text(&before, &name)?.to_string())));
    let functions: Vec<_> = functions.collect();
    write(
        root,
        state,
        exercise,
        file.clone(),
        &source,
        &replaced(&source, &file, &functions)?,
    )
}

/// Keeps the file as it was, then writes it.
fn write(root: &Path, state: &State, exercise: &Exercise, file: String, before: &str, after: &str) -> Result<Done> {
    let number = backups(state, exercise).last().map_or(1, |(number, _)| number + 1);
    let folder = folder(state, exercise);
    let backup = folder.join(format!("{number:03}.rs"));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    writing::whole(&backup, before.as_bytes()).with_context(|| format!("cannot write {}", backup.display()))?;
    writing::whole(&root.join(&file), after.as_bytes()).with_context(|| format!("cannot write {file}"))?;
    Ok(Done { file, backup })
}

fn folder(state: &State, exercise: &Exercise) -> PathBuf {
    state.folder().join("backups").join(&exercise.id)
}

/// The backups of an exercise with their numbers, the newest last.
fn backups(state: &State, exercise: &Exercise) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(folder(state, exercise))
        .into_iter()
        .flatten()
        .flatten();
    let numbered = |path: PathBuf| {
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        let number = path.file_stem()?.to_str()?.parse().ok().filter(|_| is_source)?;
        Some((number, path))
    };
    let mut found: Vec<_> = entries.filter_map(|entry| numbered(entry.path())).collect();
    found.sort();
    found
}
