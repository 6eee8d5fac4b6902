//! Where the repository lies.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// What the root of the repository holds, and no folder above or below it.
const MARKS: [&str; 2] = ["Cargo.toml", "lessons/shared/course/Cargo.toml"];

/// No place that the running program knows of lies in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoot;

impl fmt::Display for NoRoot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the folder of the course is not found; run this in it, or in a folder of it")
    }
}

impl std::error::Error for NoRoot {}

/// The root of the repository that the running program works on.
///
/// It is looked for when the program runs, once, upwards from three places; the first that lies in a repository decides:
///
/// 1. the package that cargo runs, which `cargo run` and `cargo test` say,
/// 2. the current folder,
/// 3. the program itself.
///
/// No path from the time of compilation takes part, so a repository that was copied, moved or built into a target folder
/// of several works on itself.
///
/// **Errors** if none of them lies in a repository.
pub fn root() -> Result<&'static Path, NoRoot> {
    static ROOT: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let places = [package, env::current_dir().ok(), env::current_exe().ok()];
        places.into_iter().flatten().find_map(|place| above(&place))
    });
    ROOT.as_deref().ok_or(NoRoot)
}

/// The nearest root at or above a place.
fn above(place: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| MARKS.iter().all(|mark| folder.join(mark).is_file());
    place.ancestors().find(is_root).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_repository_decides() {
        let scratch = env::temp_dir().join(format!("course-root-{}", std::process::id()));
        let (outer, inner) = (scratch.clone(), scratch.join("target/copy"));
        for root in [&outer, &inner] {
            fs::create_dir_all(root.join("lessons/shared/course")).unwrap();
            MARKS.iter().for_each(|mark| fs::write(root.join(mark), "").unwrap());
        }
        assert_eq!(above(&inner.join("lessons/shared")), Some(inner.clone()));
        assert_eq!(above(&outer.join("target")), Some(outer.clone()));
        assert_eq!(above(&outer.join("lessons/not/there.rs")), Some(outer.clone()));
        fs::remove_file(inner.join("Cargo.toml")).unwrap();
        assert_eq!(above(&inner), Some(outer), "one mark is not enough");
        fs::remove_dir_all(scratch).unwrap();
    }

    #[test]
    fn this_repository_is_found() {
        let root = root().unwrap();
        assert!(
            root.join("lessons/lesson01/exercises.toml").is_file(),
            "{}",
            root.display()
        );
    }
}
