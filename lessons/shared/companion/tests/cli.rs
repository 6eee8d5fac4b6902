//! The program as a person uses it: what it prints, and with which exit status it ends.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Checkout, fails, folder, succeeds, text};

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

#[test]
fn help_names_every_command() {
    let state = folder("help");
    let help = succeeds(&lesson(&state, &["--help"]).output().unwrap());
    for word in [
        "next",
        "list",
        "open",
        "diff",
        "reset",
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

#[test]
fn what_is_next_is_said_in_a_few_lines_without_grading() {
    let checkout = Checkout::new("next");
    let printed = succeeds(&checkout.run(&[]));
    assert!(printed.starts_with("0 of "), "{printed}");
    for words in [
        "Next: 1.1 How large is the output?",
        "lessons/lesson01/src/window.rs:",
        "cargo test -p lesson01 -- ex1_1",
    ] {
        assert!(printed.contains(words), "{words} is missing in\n{printed}");
    }
    assert!(printed.lines().count() <= 12, "{printed}");
    assert_eq!(printed, succeeds(&checkout.run(&["next"])));
}

#[test]
fn a_list_in_a_pipe_has_a_line_for_each_exercise() {
    let checkout = Checkout::new("list");
    for arguments in [&["list"][..], &["list", "--plain"]] {
        let printed = succeeds(&checkout.run(arguments));
        assert_eq!(printed.lines().count(), course::exercises().count());
        assert!(!printed.contains('\u{1b}'), "no colours in a pipe");
    }
    let printed = succeeds(&checkout.run(&["list", "2"]));
    assert!(printed.lines().all(|line| line.starts_with("· 2.")), "{printed}");
}

#[test]
fn the_solution_is_shown_only_when_it_was_asked_for_twice() {
    let checkout = Checkout::new("diff");
    let error = fails(&checkout.run(&["diff", "1.1"]));
    assert!(
        error.contains("does not pass yet") && error.contains("--yes"),
        "{error}"
    );
    let printed = succeeds(&checkout.run(&["diff", "1.1", "--yes"]));
    assert!(
        printed.contains("-     todo!(") && printed.contains("+     let padded"),
        "{printed}"
    );
    assert!(!printed.contains("///"), "code only: {printed}");
}

#[test]
fn a_reset_brings_the_stub_of_one_exercise_back_and_undo_what_was_written() {
    let checkout = Checkout::new("reset");
    let path = checkout.file("2.1");
    let stub = fs::read_to_string(&path).unwrap();
    let own = stub.replacen("todo!(", "own_work!(", 1);
    assert_ne!(stub, own);
    fs::write(&path, &own).unwrap();
    let error = fails(&checkout.run(&["reset", "2.1"]));
    assert!(
        error.contains("nothing was changed"),
        "without a terminal nobody can say yes: {error}"
    );
    let printed = succeeds(&checkout.run(&["reset", "2.1", "--yes"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), stub);
    let backup = printed
        .lines()
        .find_map(|line| line.strip_prefix("The file as it was: "))
        .unwrap();
    assert_eq!(fs::read_to_string(backup).unwrap(), own);
    succeeds(&checkout.run(&["reset", "2.1", "--undo"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), own);
    let error = fails(&checkout.run(&["reset", "1.2", "--undo"]));
    assert!(error.contains("was not reset"), "{error}");

    // A file in which the function cannot be found is left alone.
    fs::write(&path, "impl Hooks { fn register( {").unwrap();
    let error = fails(&checkout.run(&["reset", "2.1", "--yes"]));
    assert!(error.contains("holds no function"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "impl Hooks { fn register( {");
}

#[test]
fn a_stub_comes_from_the_history_where_there_is_one() {
    let checkout = Checkout::new("history");
    let path = checkout.file("1.1");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let status = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(&checkout.0)
            .output()
            .unwrap();
        assert!(status.status.success(), "{arguments:?}: {}", text(&status.stderr));
    };
    let stub = fs::read_to_string(&path)
        .unwrap()
        .replace("how many pixels", "in this version, how many pixels");
    fs::write(&path, &stub).unwrap();
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "as it came"]);
    let own = stub.replace("todo!(\"exercise", "own!(\"my");
    fs::write(&path, &own).unwrap();
    git(&["commit", "-qam", "my own work is committed, too"]);
    succeeds(&checkout.run(&["reset", "1.1", "--yes"]));
    assert_eq!(fs::read_to_string(&path).unwrap(), stub);
}

#[test]
fn the_editor_is_told_file_and_line() {
    let checkout = Checkout::new("open");
    let run = |editor: &str, arguments: &[&str]| {
        let mut command = checkout.lesson(&["open", "1.1"]);
        command.args(arguments).env("LESSON_EDITOR", editor).output().unwrap()
    };
    if cfg!(unix) {
        let printed = succeeds(&run("echo at {line} of {file}", &[]));
        let line = course::source::line_of(&fs::read_to_string(checkout.file("1.1")).unwrap(), "output_size").unwrap();
        assert!(
            printed.contains(&format!("at {line} of ")) && printed.contains("window.rs"),
            "{printed}"
        );
    }
    let printed = succeeds(&run("x", &["--page", "--print"]));
    let place = printed.trim().strip_prefix("lessons/lesson01/README.md:").unwrap();
    assert!(place.parse::<usize>().unwrap() > 1);
    let error = fails(&checkout.run(&["open", "1.1"]));
    assert!(
        error.contains("$VISUAL") && error.contains("lessons/lesson01/src/window.rs:"),
        "{error}"
    );
    let error = fails(&run("/no/such/editor", &[]));
    assert!(error.contains("does not start"), "{error}");
}

#[test]
fn a_quiz_remembers_what_was_right_and_asks_it_last() {
    let state = folder("quiz_memory");
    // Two whose right choice stands in one line.
    let all = course::questions::questions().iter();
    let short: Vec<_> = all
        .filter(|question| question.choices[0].en.text.len() < 60)
        .take(2)
        .collect();
    let (first, second) = (short[0].id.as_str(), short[1].id.as_str());
    let run = |arguments: &[&str], typed: &str| {
        let mut command = lesson(&state, &["quiz", first, second, "--seed", "3"]);
        command.args(arguments);
        let pipe = std::process::Stdio::piped;
        let mut child = command.stdin(pipe()).stdout(pipe()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), typed.as_bytes()).unwrap();
        text(&child.wait_with_output().unwrap().stdout)
    };
    let right = short[0].choices[0].en.text.trim();
    let shown = run(&[], "");
    let letter = shown
        .lines()
        .find(|line| line.ends_with(&format!(") {right}")))
        .unwrap()
        .trim()[..1]
        .to_string();
    let said = run(&[], &format!("{letter}\n"));
    assert!(said.contains("Still to be answered rightly: 1."), "{said}");
    let said = run(&[], "");
    let at = |id: &str| said.find(&format!("· {id} ·")).unwrap_or(usize::MAX);
    assert!(at(second) < at(first), "the other one first:\n{said}");
    assert!(said.contains("asked last: 1;"), "{said}");
    let said = run(&["--again"], "");
    assert!(said.contains("Still to be answered rightly: 2."), "{said}");
    fs::write(state.join("quiz.json"), "garbage").unwrap();
    assert!(run(&[], "").contains("Still to be answered rightly: 2."));
}

#[test]
fn a_moved_checkout_works_on_itself() {
    let first = Checkout::new("moved");
    let second = Checkout(first.0.with_extension("elsewhere"));
    let _ = fs::remove_dir_all(&second.0);
    fs::rename(&first.0, &second.0).unwrap();
    fs::write(second.file("1.1"), "fn output_size() {}").unwrap();
    let printed = succeeds(&second.run(&["list", "1"]));
    assert!(printed.lines().next().unwrap().contains("not graded yet"), "{printed}");
    let mut nowhere = second.lesson(&["next"]);
    nowhere.current_dir(std::env::temp_dir());
    // The program itself lies in this checkout, which is the last place that is looked at.
    succeeds(&nowhere.output().unwrap());
}
