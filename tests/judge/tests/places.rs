//! No program knows at run time where it was compiled: a copied or moved checkout works on itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The Rust files of all programs, libraries and tests; examples are for maintainers.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !["target", "examples"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "places.rs" {
            found.push(path);
        }
    }
}

#[test]
fn no_place_of_compilation_decides() {
    let mut found = vec![];
    sources(course::root().unwrap(), &mut found);
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
