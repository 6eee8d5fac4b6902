//! How every program of the course writes: files whole or not at all, and lines as long as somebody reads them.

#![warn(missing_docs)]

use std::any::Any;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Replaces a file by another content, or leaves it as it is: on a full disk, after an interruption, where nothing may be
/// written.
pub fn whole(path: &Path, bytes: &[u8]) -> Result<()> {
    // A pipe or a device holds nothing that could be lost.
    if fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    whole_by(path, |partial| File::create(partial)?.write_all(bytes))
}

/// The same for what another function writes: it gets the path of a file beside this one, which is moved here once it is
/// on the disk.
pub fn whole_by<E: From<Error>>(
    path: &Path,
    write: impl FnOnce(&Path) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    // Through a symbolic link: what it points to is replaced, not the link.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_name().ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let partial = path.with_file_name(format!(".{}.{}-{number}", name.to_string_lossy(), std::process::id()));
    let write = || {
        write(&partial)?;
        // Some systems tell only now that there is no room.
        File::options().write(true).open(&partial)?.sync_all()?;
        if let Ok(about) = fs::metadata(path) {
            fs::set_permissions(&partial, about.permissions())?;
        }
        Ok(fs::rename(&partial, path)?)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })
}

/// From now on a program that prints to a reader that has gone, as in `… | head -1`, ends without a word, with the status
/// that the shell gives a program which the signal of a broken pipe has ended. Without this `println!` panics.
pub fn end_with_the_reader() {
    const BROKEN_PIPE: i32 = 128 + 13;
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if is_of_a_lost_reader(panic.payload()) {
            std::process::exit(BROKEN_PIPE);
        }
        before(panic);
    }));
}

/// Whether a panic says that nobody reads what is printed any more.
pub fn is_of_a_lost_reader(payload: &(dyn Any + Send)) -> bool {
    let lost = Error::from(ErrorKind::BrokenPipe).to_string();
    let text = payload.downcast_ref::<String>().map_or("", String::as_str);
    // The system's own words, "Broken pipe (os error 32)", and the library's, "broken pipe".
    text.starts_with("failed printing to std") && text.to_lowercase().contains(&lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("writing-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = scratch("replaced");
        let file = folder.join("report.json");
        for text in ["old", "new"] {
            whole(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_beside_it() {
        let folder = scratch("fails");
        let file = folder.join("report.json");
        whole(&file, b"old").unwrap();
        let full = whole_by(&file, |partial| {
            fs::write(partial, "ne")?;
            Err(Error::from(ErrorKind::StorageFull))
        });
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(whole(&folder.join("no/such/folder.json"), b"").is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn links_devices_and_permissions_stay_what_they_are() {
        use std::os::unix::fs::PermissionsExt;
        let folder = scratch("links");
        let (file, link) = (folder.join("file"), folder.join("link"));
        whole(&file, b"old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        whole(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        whole(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_lost_reader_is_told_from_other_panics() {
        let said = |text: &str| is_of_a_lost_reader(&text.to_string());
        assert!(said("failed printing to stdout: Broken pipe (os error 32)"));
        assert!(!said(
            "failed printing to stdout: No space left on device (os error 28)"
        ));
        assert!(!said("Broken pipe"));
        assert!(!is_of_a_lost_reader(&5));
    }
}
