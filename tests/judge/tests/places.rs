//! No program knows at run time where it was compiled: a copied or moved checkout works on itself.

use std::{
    fs,
    path::{Path, PathBuf},
};
use walkdir::{DirEntry, WalkDir};

/// The Rust files of all programs, libraries and tests; examples are for maintainers.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let is_read = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || ["target", "examples", "places.rs"].contains(&&*name))
    };
    let entries = WalkDir::new(folder).into_iter().filter_entry(is_read);
    let paths = entries.map(|entry| entry.unwrap().into_path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn no_place_of_compilation_decides() {
    let found = sources(course::root().unwrap());
    assert!(found.len() > 100, "{}", found.len());
    let baked = [
        "env!(\"CARGO_MANIFEST_DIR\")",
        "env!(\"CARGO_WORKSPACE_DIR\")",
        "env!(\"OUT_DIR\")",
    ];
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            assert!(
                !baked.iter().any(|place| line.contains(place)),
                "{}: {line}",
                path.display()
            );
        }
    }
}
