//! Texts kept in `tests/snapshots`, in the format of `insta`.
//!
//! An attempt is only ever compared with them. They are written on purpose, from the solution, by
//! `INSTA_UPDATE=always cargo test -p graders --test health snapshots`; read the diff before committing it.

use insta::{Settings, Snapshot, assert_snapshot};
use std::path::PathBuf;

fn folder() -> Result<PathBuf, course::NoRoot> {
    Ok(course::root()?.join("tests/snapshots"))
}

/// The text of `tests/snapshots/NAME.snap`.
///
/// **Errors** if the file is missing or not a text snapshot.
pub fn read(name: &str) -> Result<String, String> {
    // insta's own error for a missing file does not name the file.
    let missing = |error: String| format!("tests/snapshots/{name}.snap cannot be read ({error})");
    let path = folder()
        .map_err(|error| missing(error.to_string()))?
        .join(format!("{name}.snap"));
    if !path.is_file() {
        return Err(missing("no such file".into()));
    }
    let snapshot = Snapshot::from_file(&path).map_err(|e| missing(e.to_string()))?;
    let text = snapshot.as_text().ok_or_else(|| missing("not a text".into()))?;
    Ok(text.to_string())
}

/// Asserts that `text` is what `tests/snapshots/NAME.snap` holds. For workspace tests.
#[track_caller]
pub fn assert(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(folder().unwrap_or_else(|error| panic!("{error}")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, text));
}
