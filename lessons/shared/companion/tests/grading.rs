//! `next`, `progress` and `watch` with a stand-in for the grader: a shell script instead of a compilation.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Checkout, succeeds, text};
use course::report::{Outcome, Report, Totals, Verdict};
use serde_json::Value;

/// The program with this shell script as its grader; `$1` is the lesson.
fn lesson(checkout: &Checkout, script: &str, arguments: &[&str]) -> Command {
    let grader = checkout.0.join("grader.sh");
    fs::write(&grader, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&grader, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = checkout.lesson(arguments);
    command.env("LESSON_GRADER", &grader);
    command
}

/// A checkout in which something is written for every exercise.
fn folder(name: &str) -> Checkout {
    let checkout = Checkout::new(name);
    checkout.write_all();
    checkout
}

/// A grader that reports every exercise as `verdict` says, and fails, as graders do while something is open.
fn reports(folder: &Checkout, verdict: impl Fn(&course::Exercise) -> Verdict) -> String {
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
            shown: None,
            seconds: 0.01,
        };
        let report = Report {
            lesson: lesson.package.clone(),
            seed: 1,
            exercises: lesson.exercises.iter().map(outcome).collect(),
            totals: Totals::default(),
        };
        fs::write(folder.0.join(&lesson.package), serde_json::to_string(&report).unwrap()).unwrap();
    }
    format!("cat {}/$1; exit 1", folder.0.display())
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
        printed.contains("Next: 1.1") && printed.contains("not graded yet"),
        "{printed}"
    );
    succeeds(&lesson(&folder, &script, &["progress"]).output().unwrap());
    let printed = succeeds(&lesson(&folder, &script, &["next"]).output().unwrap());
    assert!(
        printed.contains(&format!("Next: {second} {}", core[1].title)),
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
        printed.contains(&format!("cargo test -p lesson01 -- {}", core[1].filter())),
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
    succeeds(&lesson(&folder, &script, &["progress"]).output().unwrap());
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
    succeeds(&lesson(&folder, &script, &["progress", "--again"]).output().unwrap());
    let printed = succeeds(&lesson(&folder, &script, &["next"]).output().unwrap());
    assert!(printed.contains("Every exercise is done."), "{printed}");
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
    let core = lesson01.exercises.iter().filter(|exercise| exercise.core).count();
    let further = lesson01.exercises.len() - core;
    let row = printed.lines().find(|line| line.starts_with("lesson01")).unwrap();
    let numbers: Vec<usize> = row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(
        numbers,
        [core, 0, 0, 0, further, 0],
        "passed, failing, not started, twice: {row}"
    );
    let ids = |core| {
        let wanted = lesson01.exercises.iter().filter(|e| e.core == core);
        wanted.map(|e| e.id.as_str()).collect::<Vec<_>>().join(" ")
    };
    let expected = format!("passed {}, failing {}", ids(true), ids(false));
    assert!(printed.contains(&expected), "the ids of the checklists: {printed}");

    let json = succeeds(&lesson(&folder, &script, &["progress", "--json"]).output().unwrap());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["lessons"][0]["lesson"], "lesson01");
}

/// Lesson 01 passes but for a mistake in 1.2; lesson 02 does not compile.
fn a_mixed_class(folder: &Checkout) -> String {
    let script = reports(folder, |exercise| match exercise.id.as_str() {
        "1.2" => Verdict::Mistake,
        _ => Verdict::Passed,
    });
    format!(
        "[ $1 = lesson02 ] && echo 'error: expected `;`' >&2 && exit 101\necho $@ >> {}/log\n{script}",
        folder.0.display()
    )
}

#[test]
fn the_report_has_each_exercise_with_seed_points_and_totals_over_all_lessons() {
    let folder = folder("report");
    let script = a_mixed_class(&folder);
    let json = succeeds(
        &lesson(&folder, &script, &["report", "--seed", "4711"])
            .output()
            .unwrap(),
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["seed"], 4711);
    let log = fs::read_to_string(folder.0.join("log")).unwrap();
    assert!(log.contains("lesson01 --json --seed 4711"), "{log}");

    let all = || course::lessons().iter().flat_map(|lesson| &lesson.exercises);
    assert_eq!(json["totals"]["exercises"], all().count());
    let most: u32 = all().map(|exercise| u32::from(exercise.difficulty)).sum();
    assert_eq!(json["totals"]["max_points"], most);

    let wrong = &json["lessons"][0]["exercises"][1];
    assert_eq!((&wrong["id"], &wrong["verdict"]), (&"1.2".into(), &"mistake".into()));
    assert_eq!((&wrong["points"], &wrong["max_points"]), (&0.into(), &2.into()));
    assert_eq!(json["lessons"][0]["exercises"][0]["points"], 1);
    for field in ["mistake", "seed", "seconds", "message", "core"] {
        assert!(wrong.get(field).is_some(), "{field}: {wrong}");
    }
}

#[test]
fn a_lesson_that_does_not_compile_costs_only_itself() {
    let folder = folder("report_broken");
    let script = a_mixed_class(&folder);
    let json = succeeds(&lesson(&folder, &script, &["report"]).output().unwrap());
    let json: Value = serde_json::from_str(&json).unwrap();
    for graded in json["lessons"].as_array().unwrap() {
        for exercise in graded["exercises"].as_array().unwrap() {
            let broken = graded["lesson"] == "lesson02";
            assert_eq!(exercise["verdict"] == "ungraded", broken, "{exercise}");
            if broken {
                assert_eq!(exercise["message"], "error: expected `;`");
            }
        }
    }
}

/// What <https://gradescope-autograders.readthedocs.io/en/latest/specs/> allows (read in November 2026): the keys of the
/// object and of a test, their types, and the words for status, visibility and format.
#[test]
fn a_gradescope_report_keeps_to_the_published_format() {
    let folder = folder("gradescope");
    let script = a_mixed_class(&folder);
    let out = folder.0.join("results.json");
    let arguments = [
        "report",
        "--format",
        "gradescope",
        "--visibility",
        "after_due_date",
        "--out",
        out.to_str().unwrap(),
    ];
    succeeds(&lesson(&folder, &script, &arguments).output().unwrap());
    let results: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();

    let visibility = ["hidden", "after_due_date", "after_published", "visible"];
    let format = ["text", "html", "simple_format", "md", "ansi"];
    let is_one_of = |words: &[&str], value: &Value| value.as_str().is_some_and(|word| words.contains(&word));
    let conforms = |key: &str, value: &Value| match key {
        "score" | "max_score" | "execution_time" => value.is_number(),
        "name" | "number" | "output" => value.is_string(),
        "status" => is_one_of(&["passed", "failed"], value),
        "visibility" | "stdout_visibility" => is_one_of(&visibility, value),
        "name_format" | "output_format" | "test_output_format" | "test_name_format" => is_one_of(&format, value),
        "tags" => value.as_array().is_some_and(|tags| tags.iter().all(Value::is_string)),
        "tests" => value.is_array(),
        "extra_data" => value.is_object(),
        _ => false,
    };
    let of_tests = ["name", "number", "status", "max_score", "tags", "name_format"];
    let of_results = [
        "execution_time",
        "stdout_visibility",
        "tests",
        "test_output_format",
        "test_name_format",
    ];
    let check = |object: &Value, foreign: &[&str]| {
        for (key, value) in object.as_object().unwrap() {
            assert!(
                conforms(key, value) && !foreign.contains(&key.as_str()),
                "{key}: {value}"
            );
        }
    };
    check(&results, &of_tests);
    let tests = results["tests"].as_array().unwrap();
    let count: usize = course::lessons().iter().map(|lesson| lesson.exercises.len()).sum();
    assert_eq!(tests.len(), count);
    for test in tests {
        check(test, &of_results);
        // Without a score at the top each test must have one.
        let (score, most) = (test["score"].as_f64().unwrap(), test["max_score"].as_f64().unwrap());
        assert_eq!(test["status"] == "passed", score == most, "{test}");
        assert!((0.0..=most).contains(&score), "{test}");
        assert_eq!(test["visibility"], "after_due_date");
    }
}

#[test]
fn points_are_a_line_per_exercise_and_a_total() {
    let folder = folder("points");
    let script = a_mixed_class(&folder);
    let table = succeeds(
        &lesson(&folder, &script, &["report", "1", "--core", "--format", "points"])
            .output()
            .unwrap(),
    );
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["exercise", "points", "max_points", "verdict", "mistake"]);
    assert_eq!(rows[1], ["1.1", "1", "1", "passed", ""]);
    assert_eq!(rows[2], ["1.2", "0", "2", "mistake", ""]);
    let core = course::lessons()[0].exercises.iter().filter(|exercise| exercise.core);
    let most: u32 = core.map(|exercise| u32::from(exercise.difficulty)).sum();
    let total = rows.last().unwrap();
    assert_eq!(total[..3], ["total", &(most - 2).to_string(), &most.to_string()]);
}

#[test]
fn a_lesson_that_does_not_compile_shows_the_compilers_words() {
    let folder = folder("broken");
    let script = "echo 'error[E0308]: mismatched types' >&2; exit 101";
    let output = lesson(&folder, script, &["progress"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("error[E0308]: mismatched types"));
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
    let (source, log, printed) = (folder.0.join("watched"), folder.0.join("log"), folder.0.join("printed"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("lib.rs"), "fn first() {}").unwrap();
    // Reads the sources as a compiler does, and does not compile at the second run.
    let script = format!(
        "cat {0}/*.rs; echo run >> {1}; [ $(wc -l < {1}) = 2 ] && echo 'error: expected `;`' >&2 && exit 101; exit 1",
        source.display(),
        log.display()
    );
    let mut command = lesson(&folder, &script, &["watch", "1", "--folder", source.to_str().unwrap()]);
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
    assert!(waited < Duration::from_secs(1), "a save is noticed after {waited:?}");

    std::thread::sleep(quiet);
    assert_eq!(count(&log), 3, "one run for each save");
    let printed = fs::read_to_string(&printed).unwrap();
    assert!(
        printed.contains("error: expected `;`"),
        "the compiler's words are shown: {printed}"
    );
    assert!(printed.contains("fn third"), "and it went on: {printed}");
}
