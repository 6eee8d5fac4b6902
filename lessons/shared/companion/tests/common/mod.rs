//! A checkout for one test: the sources of this one, with nothing to build.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that lies in no other checkout.
pub struct Checkout(pub PathBuf);

impl Checkout {
    /// A copy in which every exercise is as it came.
    pub fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("companion-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let here = course::root().unwrap();
        let copy = |path: &str| {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::copy(here.join(path), root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        };
        copy("Cargo.toml");
        copy("lessons/shared/course/Cargo.toml");
        let checkout = Self(root.clone());
        for (lesson, exercise) in course::exercises() {
            copy(&lesson.text());
            copy(&lesson.solution_path(exercise));
            // Not the lesson's own file: the learner of this checkout may have been at work.
            let path = root.join(lesson.path(exercise));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(here.join(lesson.solution_path(exercise)), path).unwrap();
        }
        let state = course::state::State::at(root.join("unused"));
        for (lesson, exercise) in course::exercises() {
            companion::reset::reset(&root, &state, lesson, exercise).unwrap();
        }
        fs::remove_dir_all(root.join("unused")).unwrap();
        checkout
    }

    /// The file of an exercise.
    pub fn file(&self, id: &str) -> PathBuf {
        let (lesson, exercise) = course::exercise(id).unwrap();
        self.0.join(lesson.path(exercise))
    }

    /// Something in the place of every stub.
    pub fn write_all(&self) {
        for (_, exercise) in course::exercises() {
            let path = self.file(&exercise.id);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("\"exercise ", "\"my answer to ")).unwrap();
        }
    }

    /// The program, in this checkout.
    pub fn lesson(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lesson"));
        command.args(arguments).current_dir(&self.0).env("NO_COLOR", "1");
        for name in [
            "CARGO_MANIFEST_DIR",
            "LESSON_STATE",
            "LESSON_GRADER",
            "VISUAL",
            "EDITOR",
            "TERM_PROGRAM",
        ] {
            command.env_remove(name);
        }
        command.env_remove("LESSON_EDITOR").env_remove("TERMINAL_EMULATOR");
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.lesson(arguments).output().unwrap()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard output of a program that must end well.
#[track_caller]
pub fn succeeds(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Standard error of a program that must fail with status 1, in one message without a panic.
#[track_caller]
pub fn fails(output: &Output) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}{error}", text(&output.stdout));
    assert!(!error.contains("panicked") && !error.contains("backtrace"), "{error}");
    error
}

/// An empty folder of this name.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
