//! `next`, `progress` and `watch` with a stand-in for the grader: a shell script instead of a compilation.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use course::report::{Outcome, Report, Totals, Verdict};
use serde_json::Value;

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program with this shell script as its grader; `$1` is the lesson.
fn lesson(folder: &Path, script: &str, arguments: &[&str]) -> Command {
    let grader = folder.join("grader.sh");
    fs::write(&grader, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&grader, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify_setup"));
    command
        .args(arguments)
        .env("LESSON_GRADER", &grader)
        .env("NO_COLOR", "1");
    command
}

/// A grader that reports every exercise as `verdict` says, and fails, as graders do while something is open.
fn reports(folder: &Path, verdict: impl Fn(&course::Exercise) -> Verdict) -> String {
    for lesson in course::lessons() {
        let outcome = |exercise: &course::Exercise| Outcome {
            id: exercise.id.clone(),
            name: exercise.name.clone(),
            test: exercise.test.clone(),
            title: exercise.title.clone(),
            core: exercise.core,
            verdict: verdict(exercise),
            mistake: None,
            message: String::new(),
            seconds: 0.01,
        };
        let report = Report {
            lesson: lesson.package.clone(),
            seed: 1,
            exercises: lesson.exercises.iter().map(outcome).collect(),
            totals: Totals::default(),
        };
        fs::write(
            folder.join(&lesson.package),
            serde_json::to_string(&report).unwrap(),
        )
        .unwrap();
    }
    format!("cat {}/$1; exit 1", folder.display())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn next_is_the_first_core_exercise_that_does_not_pass() {
    let folder = folder("next");
    let core: Vec<_> = course::lessons()[0]
        .exercises
        .iter()
        .filter(|exercise| exercise.core)
        .collect();
    let second = core[1].id.clone();
    let script = reports(&folder, |exercise| match exercise {
        _ if exercise.id == core[0].id => Verdict::Passed,
        _ if exercise.id == second => Verdict::WrongShape,
        _ => Verdict::NotStarted,
    });
    let printed = succeeds(&lesson(&folder, &script, &["next"]).output().unwrap());
    assert!(
        printed.starts_with(&format!("{second} {}", core[1].title)),
        "{printed}"
    );
    assert!(
        printed.contains(&format!("about {} minutes", core[1].minutes)),
        "{printed}"
    );
    assert!(printed.contains("wrong shape"), "{printed}");
    assert!(
        printed.contains(&format!("lessons/lesson01/{}:", core[1].file)),
        "with the line: {printed}"
    );
    assert!(
        printed.contains(&format!("cargo test -p lesson01 {}", core[1].filter())),
        "{printed}"
    );
}

#[test]
fn after_the_core_exercises_come_the_further_ones_and_then_the_end() {
    let folder = folder("further");
    let script = reports(&folder, |exercise| {
        if exercise.core {
            Verdict::Passed
        } else {
            Verdict::NotStarted
        }
    });
    let printed = succeeds(&lesson(&folder, &script, &["next"]).output().unwrap());
    let further = course::lessons()[0]
        .exercises
        .iter()
        .find(|exercise| !exercise.core)
        .unwrap();
    assert!(
        printed.contains(&format!("{} {}", further.id, further.title)),
        "{printed}"
    );

    let script = reports(&folder, |_| Verdict::Passed);
    let printed = succeeds(&lesson(&folder, &script, &["next"]).output().unwrap());
    assert!(printed.starts_with("Every exercise passes."), "{printed}");
}

#[test]
fn progress_counts_core_and_further_exercises_apart() {
    let folder = folder("progress");
    let script = reports(&folder, |exercise| {
        if exercise.core {
            Verdict::Passed
        } else {
            Verdict::Waiting
        }
    });
    let printed = succeeds(&lesson(&folder, &script, &["progress"]).output().unwrap());
    let lesson01 = &course::lessons()[0];
    let core = lesson01
        .exercises
        .iter()
        .filter(|exercise| exercise.core)
        .count();
    let further = lesson01.exercises.len() - core;
    let row = printed
        .lines()
        .find(|line| line.starts_with("lesson01"))
        .unwrap();
    let numbers: Vec<usize> = row
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(
        numbers,
        [core, 0, 0, 0, further, 0],
        "passed, failing, not started, twice: {row}"
    );

    let json = succeeds(
        &lesson(&folder, &script, &["progress", "--json"])
            .output()
            .unwrap(),
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["lessons"][0]["lesson"], "lesson01");
}

#[test]
fn a_lesson_that_does_not_compile_shows_the_compilers_words() {
    let folder = folder("broken");
    let script = "echo 'error[E0308]: mismatched types' >&2; exit 101";
    for command in ["next", "progress"] {
        let output = lesson(&folder, script, &[command]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(
            text(&output.stderr).contains("error[E0308]: mismatched types"),
            "{command}"
        );
    }
}

/// A program that is ended with the test, also by a failed assertion.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `log` has `lines` lines; fails after ten seconds.
#[track_caller]
fn wait_for(log: &Path, lines: usize) -> Duration {
    let start = Instant::now();
    while count(log) < lines {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "still {} of {lines} runs",
            count(log)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

fn count(log: &Path) -> usize {
    fs::read_to_string(log).unwrap_or_default().lines().count()
}

#[test]
fn watch_grades_again_at_each_save_and_only_then() {
    let folder = folder("watch");
    let (source, log, printed) = (
        folder.join("src"),
        folder.join("log"),
        folder.join("printed"),
    );
    fs::create_dir(&source).unwrap();
    fs::write(source.join("lib.rs"), "fn first() {}").unwrap();
    // Reads the sources as a compiler does, and does not compile at the second run.
    let script = format!(
        "cat {0}/*.rs; echo run >> {1}; [ $(wc -l < {1}) = 2 ] && echo 'error: expected `;`' >&2 && exit 101; exit 1",
        source.display(),
        log.display()
    );
    let mut command = lesson(
        &folder,
        &script,
        &["watch", "1", "--folder", source.to_str().unwrap()],
    );
    let output = fs::File::create(&printed).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output);
    let _running = Running(command.spawn().unwrap());
    wait_for(&log, 1);

    let quiet = Duration::from_millis(400);
    std::thread::sleep(quiet);
    assert_eq!(count(&log), 1, "reading a file is not a save");

    fs::write(source.join("lib.rs"), "fn second() {").unwrap();
    wait_for(&log, 2);
    std::thread::sleep(quiet);

    // The way many editors save: a new file moved over the old one.
    fs::write(source.join(".lib.swp"), "fn third() {}").unwrap();
    fs::rename(source.join(".lib.swp"), source.join("lib.rs")).unwrap();
    let waited = wait_for(&log, 3);
    assert!(
        waited < Duration::from_secs(1),
        "a save is noticed after {waited:?}"
    );

    std::thread::sleep(quiet);
    assert_eq!(count(&log), 3, "one run for each save");
    let printed = fs::read_to_string(&printed).unwrap();
    assert!(
        printed.contains("error: expected `;`"),
        "the compiler's words are shown: {printed}"
    );
    assert!(printed.contains("fn third"), "and it went on: {printed}");
}
