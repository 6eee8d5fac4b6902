//! A copy of the course in a folder of its own, with a server, for both tests of the page.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Copies the course into `folder`, puts the stand-ins for `grader` and `cargo` beside it, and starts the server there.
///
/// - returns the server, and the address that it prints once it answers, with the key
pub fn serve(folder: &Path, grader: &str, cargo: &str) -> (Child, String) {
    copy(course::root().unwrap(), folder);
    for (name, text) in [("grader", grader), ("cargo", cargo)] {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut server = Command::new(env!("CARGO_BIN_EXE_book"))
        .args(["--no-open", "--port", "0"])
        .current_dir(folder)
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("LESSON_STATE")
        .env("LESSON_GRADER", folder.join("grader"))
        .env("CARGO", folder.join("cargo"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().strip_prefix("The course: ").expect("an address");
    (server, address.to_string())
}

/// Texts, pictures and sources, without what is built and what is known of the learner.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        if ["target", ".git", ".lesson"].iter().any(|skipped| name == *skipped) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
