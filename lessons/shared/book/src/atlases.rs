//! The pages of units that `cargo run -p microscope -- atlas` has made, as pages of the book.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where they lie, below the checkout's root; and below the book's.
pub const FOLDER: &str = "target/microscope";
const INSIDE: &str = "microscope";

/// The networks whose atlas is there. That of the case is no page: the server shows it once 5.9 passes.
fn made(root: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let folder = |name: &'static str| (name, root.join(FOLDER).join(name));
    let all: Vec<_> = ["scenes", "robust"].map(folder).into();
    all.into_iter()
        .filter(|(_, folder)| folder.join("index.html").is_file())
}

/// Links to them from the page of the microscope, or how to make them.
pub fn links(root: &Path) -> String {
    let link = |(name, _): (&str, PathBuf)| format!("- [All units of `{name}`](../../../{INSIDE}/{name}/index.html)\n");
    let links: String = made(root).map(link).collect();
    match links.as_str() {
        "" => String::new(),
        _ => format!("\n## Pages of all units\n\n{links}"),
    }
}

/// Copies them into a book that was built.
///
/// **Errors** name the file that cannot be copied.
pub fn copy(root: &Path, out: &Path) -> Result<()> {
    for (name, folder) in made(root) {
        let target = out.join(INSIDE).join(name);
        fs::create_dir_all(&target).with_context(|| format!("{} cannot be made", target.display()))?;
        for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
            let file = entry?.path();
            let (Some(file_name), true) = (file.file_name(), file.extension().is_some_and(|kind| kind == "html"))
            else {
                continue;
            };
            fs::copy(&file, target.join(file_name)).with_context(|| format!("{} cannot be copied", file.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_were_made_are_linked_and_copied_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(links(root.path()), "");
        for name in ["robust", "case"] {
            let folder = root.path().join(FOLDER).join(name);
            fs::create_dir_all(&folder).unwrap();
            for file in ["index.html", "layer4-1.html", "layer4-1.png"] {
                fs::write(folder.join(file), name).unwrap();
            }
        }
        let links = links(root.path());
        assert!(links.contains("microscope/robust/index.html") && !links.contains("case") && !links.contains("scenes"));
        let out = root.path().join("out");
        copy(root.path(), &out).unwrap();
        assert!(out.join("microscope/robust/layer4-1.html").is_file());
        assert!(!out.join("microscope/robust/layer4-1.png").exists() && !out.join("microscope/case").exists());
    }
}
