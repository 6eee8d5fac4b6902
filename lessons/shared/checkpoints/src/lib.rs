//! The weights that ship with the course, which lie in this folder, each with its checksum in `SHA256SUMS`.
//!
//! `train` makes them, `resnet` loads them; both only know this package.

use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The folder of the shipped checkpoints, relative to the root of the repository.
pub const FOLDER: &str = "lessons/shared/checkpoints";
/// The networks that a learner can ask for by name: the ordinary one, and the one that was trained against an adversary.
pub const NAMES: [&str; 2] = ["scenes", "robust"];
/// The file with the checksums.
const SUMS: &str = "SHA256SUMS";

/// What is wrong with a shipped file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub todo: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.todo)
    }
}

impl std::error::Error for Fault {}

/// The path of the shipped checkpoint `name`, after comparing its SHA-256 with the one that shipped.
///
/// **Errors** if the file is missing or is not the one that shipped; each says what to do.
pub fn shipped(name: &str) -> Result<PathBuf, Fault> {
    let root = course::root().map_err(|error| Fault {
        what: format!("checkpoint `{name}`: {error}"),
        todo: "change to the folder of the course".into(),
    })?;
    verified(root, name)
}

fn verified(root: &Path, name: &str) -> Result<PathBuf, Fault> {
    let fault = |file: &str, what: String| Fault {
        what: format!("{FOLDER}/{file}: {what}"),
        todo: format!("restore it with `git checkout -- {FOLDER}`"),
    };
    let folder = root.join(FOLDER);
    let read = |file: &str| {
        let bytes = std::fs::read(folder.join(file));
        bytes.map_err(|error| fault(file, format!("cannot be read ({error})")))
    };
    let file = format!("{name}.safetensors");
    let sums = String::from_utf8_lossy(&read(SUMS)?).into_owned();
    let of_file = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [sum, of] if of == file => Some(sum.to_string()),
        _ => None,
    };
    let expected = sums.lines().find_map(of_file);
    let expected = expected.ok_or_else(|| fault(SUMS, format!("no checksum for {file}")))?;
    match checksum(&read(&file)?) {
        actual if actual == expected => Ok(folder.join(file)),
        actual => Err(fault(&file, format!("expected SHA-256 {expected}, got {actual}"))),
    }
}

/// SHA-256 of some bytes, in hexadecimal.
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // FIPS 180-4, the example of one block.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(checksum(b"abc"), expected);
    }

    #[test]
    fn what_ships_is_whole() {
        for name in NAMES.into_iter().chain(["case"]) {
            let path = shipped(name).unwrap();
            assert!(
                path.ends_with(format!("{FOLDER}/{name}.safetensors")),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn a_fault_names_file_and_remedy() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        fs::create_dir_all(&folder).unwrap();
        let found = |name: &str| verified(root.path(), name).map_err(|fault| fault.to_string());
        let error = found("a").unwrap_err();
        assert!(error.contains("SHA256SUMS: cannot be read"), "{error}");

        fs::write(folder.join(SUMS), format!("{}  a.safetensors\n", checksum(b"weights"))).unwrap();
        assert!(found("a").unwrap_err().contains("a.safetensors: cannot be read"));
        fs::write(folder.join("a.safetensors"), b"weightz").unwrap();
        let error = found("a").unwrap_err();
        assert!(error.contains("expected SHA-256"), "{error}");
        assert!(
            error.ends_with("; restore it with `git checkout -- lessons/shared/checkpoints`"),
            "{error}"
        );
        fs::write(folder.join("a.safetensors"), b"weights").unwrap();
        assert!(found("a").is_ok());
        // A name that ends like a listed one is another name.
        fs::write(folder.join("aa.safetensors"), b"weights").unwrap();
        assert!(found("aa").unwrap_err().contains("no checksum for aa.safetensors"));
    }
}
