//! The program as a person uses it: what it prints, and with which exit status it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program, with a folder of its own for the hints it remembers.
fn lesson(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lesson"));
    command
        .args(arguments)
        .env("LESSON_STATE", state)
        .env("NO_COLOR", "1")
        .env_remove("LESSON_GRADER");
    command
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit status and standard output; the latter from a program that must end well.
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

/// Standard error of a program that must fail with status 1, in one message without a panic.
#[track_caller]
fn fails(output: &Output) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}{error}", text(&output.stdout));
    assert!(!error.contains("panicked") && !error.contains("backtrace"), "{error}");
    error
}

#[test]
fn help_names_every_command() {
    let state = folder("help");
    let help = succeeds(&lesson(&state, &["--help"]).output().unwrap());
    for word in [
        "next",
        "progress",
        "hint",
        "watch",
        "quiz",
        "check",
        "report",
        "Exit status",
    ] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
}

#[test]
fn hints_come_one_at_a_time_and_are_remembered() {
    let state = folder("hints");
    let exercise = course::exercise("1.2").unwrap().1;
    // Line breaks are the terminal's business.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = |arguments: &[&str]| {
        let printed = words(&succeeds(&lesson(&state, arguments).output().unwrap()));
        exercise
            .hints
            .iter()
            .filter(|hint| printed.contains(&words(hint)))
            .count()
    };
    let total = exercise.hints.len();
    for call in 1..=total {
        assert_eq!(shown(&["hint", "1.2"]), call, "call {call} shows one more");
    }
    assert_eq!(shown(&["hint", "1.2"]), total, "after the last all stay");
    assert_eq!(shown(&["hint", "1.2", "--reset"]), 0);
    assert_eq!(shown(&["hint", "1.2"]), 1, "after a reset it begins anew");
    assert_eq!(shown(&["hint", "1.2", "--all"]), total);
    assert_eq!(shown(&["hint", "--reset"]), 0);
    assert_eq!(shown(&["hint", "1.2"]), 1, "a reset of all resets this one");
}

#[test]
fn a_damaged_memory_of_hints_begins_anew() {
    let state = folder("damaged_hints");
    fs::write(state.join("hints.json"), "{ not json").unwrap();
    let printed = succeeds(&lesson(&state, &["hint", "1.1"]).output().unwrap());
    assert!(
        printed.contains("hint 1 of") && !printed.contains("hint 2 of"),
        "{printed}"
    );
}

#[test]
fn an_unknown_exercise_or_lesson_is_answered_with_the_known_ones() {
    let state = folder("unknown");
    let error = fails(&lesson(&state, &["hint", "1.22"]).output().unwrap());
    assert!(error.contains("1.22") && error.contains("  1.2 "), "{error}");
    let error = fails(&lesson(&state, &["hint", "output size"]).output().unwrap());
    assert!(error.contains("an id looks like 1.2"), "{error}");
    let error = fails(&lesson(&state, &["watch", "lesson99"]).output().unwrap());
    assert!(error.contains("lesson01"), "{error}");
}

/// What a quiz prints when these lines are typed, with its exit status.
fn quiz(arguments: &[&str], typed: &str) -> (String, Option<i32>) {
    let state = folder("quiz");
    let mut command = lesson(&state, &["quiz"]);
    command.args(arguments);
    let pipe = std::process::Stdio::piped;
    let mut child = command.stdin(pipe()).stdout(pipe()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, typed.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (text(&output.stdout), output.status.code())
}

#[test]
fn a_quiz_reads_a_pipe_and_its_exit_status_says_whether_all_was_right() {
    let question = &course::questions::questions()[7];
    let arguments = [question.id.as_str(), "--seed", "3"];
    let (shown, _) = quiz(&arguments, "");
    let letter = |text: &str| {
        let line = shown.lines().find(|line| line.ends_with(&format!(") {text}")));
        line.unwrap_or_else(|| panic!("{text} is not offered in\n{shown}"))
            .trim()[..1]
            .to_string()
    };
    for (index, choice) in question.choices.iter().enumerate() {
        let (said, status) = quiz(&arguments, &format!("{}\n", letter(&choice.en.text)));
        let is_right = index == 0;
        assert_eq!(status, Some(i32::from(!is_right)), "{said}");
        assert_eq!(said.contains("1 of 1 right."), is_right, "{said}");
        assert!(
            said.contains("cargo test -p lesson01 -- ex1_5"),
            "it says what to practise: {said}"
        );
    }
}

#[test]
fn a_seed_replays_the_order_of_the_choices() {
    let run = |seed: &str| quiz(&["--level", "basic", "--seed", seed], &"s\n".repeat(11)).0;
    assert_eq!(run("11"), run("11"));
    assert_ne!(run("11").replace("11", ""), run("12").replace("12", ""));
    assert!(run("11").contains("--seed 11"), "{}", run("11"));
}

#[test]
fn the_quiz_lists_what_its_options_choose() {
    let (all, status) = quiz(&["--list"], "");
    assert_eq!(status, Some(0));
    for question in course::questions::questions() {
        assert!(
            all.contains(&format!("  {} ", question.id)),
            "{} is not listed",
            question.id
        );
    }
    let (some, _) = quiz(&["--list", "--lang", "es", "--lesson", "1", "--level", "basic"], "");
    assert!(
        some.contains("básico") && some.contains("¿Qué es un filtro convolucional"),
        "{some}"
    );
    assert!(!some.contains("intermedio") && !some.contains(" 2."), "{some}");
}

#[test]
fn an_unknown_question_or_an_empty_choice_is_an_error() {
    let state = folder("unknown_question");
    let error = fails(&lesson(&state, &["quiz", "B99"]).output().unwrap());
    assert!(error.contains("B99") && error.contains("B1 B2"), "{error}");
    let error = fails(&lesson(&state, &["quiz", "B1", "--lesson", "5"]).output().unwrap());
    assert!(error.contains("no question is left"), "{error}");
}

#[test]
fn it_works_from_any_folder() {
    let state = folder("any_folder");
    let deep = course::root().unwrap().join("lessons/shared/companion/src");
    let mut command = lesson(&state, &["hint", "1.1"]);
    succeeds(&command.current_dir(deep).output().unwrap());
}
