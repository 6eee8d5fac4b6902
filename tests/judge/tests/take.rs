//! Taking a submission: what is a link, or lies behind one, stays out, and the lines to read are named.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

fn take(submission: &Path, course: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_judge"));
    command
        .arg("take")
        .args([submission, course])
        .output()
        .expect("it runs")
}

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const WINDOW: &str = "lessons/lesson01/src/window.rs";

/// A course with a stub, and a submission with an answer to it.
fn scene() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (course, submission) = (folder.path().join("course"), folder.path().join("ada"));
    write(&course, WINDOW, "use std::fs;\npub fn f() { todo!() }\n");
    write(&submission, WINDOW, "use std::fs;\npub fn f() -> usize { 3 }\n");
    (folder, course, submission)
}

#[test]
fn the_exercises_are_taken_and_nothing_else() {
    let (_folder, course, submission) = scene();
    for other in [
        "src/main.rs",
        "src/figures.rs",
        "Cargo.toml",
        "build.rs",
        "tests/grade.rs",
        "src/note.txt",
    ] {
        write(&submission, &format!("lessons/lesson01/{other}"), "not taken");
    }
    write(&submission, "lessons/lesson01/src/more/helper.rs", "pub fn g() {}\n");
    let output = take(&submission, &course);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "", "the stub brings `use std::fs`");
    assert!(fs::read_to_string(course.join(WINDOW)).unwrap().contains("-> usize"));
    assert!(course.join("lessons/lesson01/src/more/helper.rs").is_file());
    for other in [
        "src/main.rs",
        "src/figures.rs",
        "Cargo.toml",
        "build.rs",
        "tests/grade.rs",
        "src/note.txt",
    ] {
        assert!(!course.join("lessons/lesson01").join(other).exists(), "{other}");
    }
}

#[test]
fn a_link_is_refused_at_every_level() {
    for linked in [
        "lessons",
        "lessons/lesson01",
        "lessons/lesson01/src",
        WINDOW,
        "lessons/lesson01/src/more",
    ] {
        let (folder, course, submission) = scene();
        // Another answer, which lies elsewhere.
        let elsewhere = folder.path().join("bob");
        write(&elsewhere, WINDOW, "pub fn secret() {}\n");
        write(
            &elsewhere,
            "lessons/lesson01/src/more/secret.rs",
            "pub fn secret() {}\n",
        );
        write(
            &submission,
            "lessons/lesson02/src/lib.rs",
            "// so that something is taken\n",
        );
        write(&course, "lessons/lesson02/src/lib.rs", "");
        let place = submission.join(linked);
        if place.is_dir() {
            fs::remove_dir_all(&place).unwrap();
        } else if place.exists() {
            fs::remove_file(&place).unwrap();
        }
        symlink(elsewhere.join(linked), &place).unwrap();
        let output = take(&submission, &course);
        let said = said(&output);
        assert!(said.contains(&format!("not taken: {linked}")), "{linked}: {said}");
        let text = fs::read_to_string(course.join(WINDOW)).unwrap();
        assert!(!text.contains("secret"), "{linked}");
        assert!(!course.join("lessons/lesson01/src/more").exists(), "{linked}");
    }
}

#[test]
fn lines_that_no_exercise_needs_are_named() {
    let (_folder, course, submission) = scene();
    write(
        &submission,
        WINDOW,
        "use std::{env, fs};\npub fn f() -> usize {\n    env::args().count()\n}\n",
    );
    let output = take(&submission, &course);
    assert!(output.status.success());
    let said = said(&output);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        [
            format!("read this: {WINDOW}:1: std::env | use std::{{env, fs}};"),
            format!("read this: {WINDOW}:1: std::fs | use std::{{env, fs}};"),
            format!("read this: {WINDOW}:3: std::env::args | env::args().count()"),
        ]
    );
}

#[test]
fn a_folder_without_exercises_is_an_error() {
    let (folder, course, _) = scene();
    let output = take(&folder.path().join("nobody"), &course);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("holds no lessons/lesson01/src"),
        "{}",
        said(&output)
    );
}
