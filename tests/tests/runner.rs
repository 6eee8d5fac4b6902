//! The runner, on a lesson of toys whose attempts do everything an attempt can do (`src/bin/toys.rs`).

use course::report::{Report, Verdict};
use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::LazyLock,
    time::{Duration, Instant},
};

fn toys(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toys"));
    // As in a lesson's own folder.
    command
        .args(args)
        .env("CARGO_PKG_NAME", "lesson09")
        .env_remove("LESSON_SEED");
    command.output().expect("the toys run")
}

fn text(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn report(args: &[&str]) -> Report {
    let output = toys(&[&["--json"], args].concat());
    serde_json::from_str(&text(&output)).expect("nothing but the report on stdout")
}

/// An endless toy has two seconds. Most of the time is spent waiting for such, so there is room for more than one on a processor.
const TIME_LIMIT: [&str; 3] = ["--time-limit", "2", "--test-threads=6"];

/// All toys at once.
static ALL: LazyLock<Report> = LazyLock::new(|| report(&[&["--seed", "4711"], &TIME_LIMIT[..]].concat()));

fn found(name: &str) -> (Verdict, &'static str) {
    let outcome = ALL.exercises.iter().find(|outcome| outcome.name == name).expect(name);
    (outcome.verdict, &outcome.message)
}

#[track_caller]
fn says(name: &str, verdict: Verdict, part: &str) {
    let (found, message) = found(name);
    let one_line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(found, verdict, "{message}");
    assert!(one_line.contains(part), "{message}");
}

#[test]
fn a_right_attempt_passes() {
    assert_eq!(found("passes"), (Verdict::Passed, ""));
}

#[test]
fn a_mistake_is_named_with_input_hint_and_replay() {
    says(
        "mistaken",
        Verdict::Mistake,
        "You squared n. Doubling adds n to itself.",
    );
    says("mistaken", Verdict::Mistake, "next hint cargo lesson hint 9.2");
    says(
        "mistaken",
        Verdict::Mistake,
        "replay cargo test -p lesson09 -- ex9_2 --seed 4711",
    );
}

#[test]
fn an_endless_loop_costs_one_exercise() {
    says("hangs", Verdict::Hung, "had not returned after 2 s on this input");
    says("hangs", Verdict::Hung, "input n = 0");
}

#[test]
fn a_stack_overflow_costs_one_exercise() {
    says("overflows", Verdict::Crashed, "The stack overflowed.");
    says("overflows", Verdict::Crashed, "input n = 0");
}

#[test]
fn an_exit_costs_one_exercise_and_is_no_pass() {
    says("exits", Verdict::Crashed, "ended the whole program (exit code 0)");
}

#[test]
fn a_panic_costs_one_exercise_and_shows_its_line() {
    says(
        "panics",
        Verdict::Panicked,
        "index out of bounds: the len is 1 but the index is 1",
    );
    says("panics", Verdict::Panicked, "at tests/src/bin/toys.rs:");
}

#[test]
#[cfg(target_os = "linux")] // macOS has no such limit
fn memory_without_end_costs_one_exercise() {
    says("hoards", Verdict::Crashed, "Out of memory");
}

#[test]
fn nan_wrong_rank_and_errors_have_their_verdicts() {
    says("nan", Verdict::NotFinite, "6 of 6 values; the first, NaN, at [0, 0]");
    says("flattens", Verdict::WrongShape, "rank 1, expected rank 2");
    says(
        "refuses",
        Verdict::ReturnedError,
        "yours error: unexpected rank, expected: 1, got: 2",
    );
    says("lenient", Verdict::Understood, "input a list instead of a map");
}

#[test]
fn a_little_off_is_close_and_says_how_much() {
    says("close", Verdict::Close, "relative error 1e-3; up to 0.0001 is accepted");
}

#[test]
fn a_stub_shows_its_first_step() {
    says("untouched", Verdict::NotStarted, "first step add n to itself");
    says("untouched", Verdict::NotStarted, "open tests/src/bin/toys.rs:");
}

#[test]
fn an_exercise_waits_for_what_it_requires_or_calls() {
    says(
        "waits",
        Verdict::Waiting,
        "This exercise calls 9.2, which does not pass yet.",
    );
    says("borrows", Verdict::Waiting, "Finish 9.11 first.");
}

#[test]
fn what_it_printed_for_the_failing_input_is_shown_and_nothing_else() {
    let (_, message) = found("prints");
    let n = message
        .lines()
        .find_map(|line| line.trim().strip_prefix("input       n = "))
        .unwrap();
    says(
        "prints",
        Verdict::Wrong,
        &format!("it printed working on {n} [src/toys.rs:1:1] n = {n} replay"),
    );
}

#[test]
fn a_broken_check_is_not_the_learners_fault() {
    says(
        "breaks",
        Verdict::Broken,
        "This is a fault of the course, not of your code: the solution panicked",
    );
}

#[test]
fn totals_add_up() {
    let totals = ALL.totals;
    assert_eq!(
        (
            totals.exercises,
            totals.passed,
            totals.understood,
            totals.not_started,
            totals.failed
        ),
        (25, 3, 1, 1, 20)
    );
}

#[test]
fn a_run_without_failures_succeeds_and_any_failure_is_101() {
    assert_eq!(toys(&["passes"]).status.code(), Some(0));
    assert_eq!(toys(&["untouched"]).status.code(), Some(101));
    assert_eq!(toys(&["--json", "untouched"]).status.code(), Some(101));
    assert_eq!(toys(&["no_such_exercise"]).status.code(), Some(0));
}

#[test]
fn a_seed_repeats_a_run_and_does_not_depend_on_the_filter() {
    let message = |args: &[&str]| report(args).exercises[0].message.clone();
    let (_, in_full_run) = found("mistaken");
    assert_eq!(message(&["mistaken", "--seed", "4711"]), in_full_run);
    assert_ne!(message(&["mistaken", "--seed", "4712"]), in_full_run);
    assert_ne!(report(&["passes"]).seed, report(&["passes"]).seed, "one in a million");
}

#[test]
fn a_replay_from_the_solutions_names_their_test() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toys"));
    let output = command
        .args(["mistaken", "--seed", "1"])
        .env("CARGO_PKG_NAME", "solutions")
        .output();
    let page = text(&output.unwrap());
    assert!(
        page.contains("cargo test -p solutions --test lesson09 -- ex9_2 --seed 1\n"),
        "{page}"
    );
}

#[test]
fn the_seed_can_come_from_the_environment() {
    let output = Command::new(env!("CARGO_BIN_EXE_toys"))
        .args(["passes", "--json"])
        .env("LESSON_SEED", "12")
        .output();
    let report: Report = serde_json::from_str(&text(&output.unwrap())).unwrap();
    assert_eq!(report.seed, 12);
}

#[test]
fn filters_select_by_part_of_the_name_by_id_and_exactly() {
    let names = |args: &[&str]| {
        let report = report(args);
        assert_eq!(report.totals.filtered_out, 25 - report.exercises.len());
        report
            .exercises
            .into_iter()
            .map(|outcome| outcome.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["nan"]), ["nan"]);
    assert_eq!(names(&["pass", "ex9_8"]), ["passes", "nan"]);
    assert_eq!(names(&["ex9_1"]), ["passes"], "and not 9.10 and those after it");
    assert_eq!(names(&["9.1"]), ["passes"]);
    assert_eq!(names(&["--exact", "ex9_8_nan"]), ["nan"]);
    assert_eq!(names(&["--exact", "ex9_8"]), [""; 0]);
    assert_eq!(names(&["pass", "nan", "--skip", "ex9_8"]), ["passes"]);
}

#[test]
fn a_required_exercise_is_graded_even_when_filtered_out() {
    let report = report(&["ex9_12_waits"]);
    assert_eq!(report.exercises.len(), 1);
    assert_eq!(report.exercises[0].verdict, Verdict::Waiting);
}

/// Whatever insta is told to do, an attempt is compared with a snapshot and never becomes one.
#[test]
fn a_wrong_snapshot_cannot_be_accepted() {
    let folder = course::root().unwrap().join("tests/snapshots");
    let files = || {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| (fs::read(&path).unwrap(), path);
        entries.map(read).collect::<BTreeSet<_>>()
    };
    let before = files();
    for update in ["always", "new", "unseen", "force", "no"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toys"));
        command.args(["--json", "photographs"]);
        let output = command
            .env("INSTA_UPDATE", update)
            .env("INSTA_FORCE_UPDATE", "1")
            .env("INSTA_FORCE_PASS", "1")
            .output();
        let report: Report = serde_json::from_str(&text(&output.unwrap())).unwrap();
        assert_eq!(report.exercises[0].verdict, Verdict::Wrong, "{update}");
    }
    assert_eq!(files(), before);
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let args = ["passes", "mistaken", "nan", "--fail-fast", "--test-threads=1"];
    let graded = report(&args).exercises;
    assert_eq!(graded.len(), 2);
    assert_eq!(graded[1].verdict, Verdict::Mistake);
    assert_eq!(toys(&["waits", "--fail-fast"]).status.code(), Some(101));
    assert_eq!(toys(&["passes", "--fail-fast"]).status.code(), Some(0));
}

#[test]
fn an_attempt_may_take_thirty_times_the_solutions_time() {
    assert_eq!(found("slow").0, Verdict::Passed, "{}", found("slow").1);
}

#[test]
fn list_is_what_nextest_expects() {
    let list = text(&toys(&["--list", "--format", "terse"]));
    assert_eq!(list.lines().count(), 25);
    assert!(list.starts_with("ex9_1_passes: test\nex9_2_mistaken: test\n"));
    assert_eq!(text(&toys(&["--list", "--format", "terse", "--ignored"])), "");
}

#[test]
fn nocapture_lets_the_output_through() {
    let output = toys(&["ex9_14_prints", "--nocapture"]);
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(
        shown.contains("working on 0\n") && shown.contains("[src/toys.rs:1:1] n = 0\n"),
        "{shown}"
    );
    assert!(!shown.contains(['\u{1d}', '\u{1e}']), "{shown:?}");
}

#[test]
fn a_color_code_appears_only_when_asked_for() {
    assert!(!text(&toys(&["passes"])).contains('\u{1b}'));
    assert!(text(&toys(&["passes", "--color", "always"])).contains('\u{1b}'));
}

#[test]
fn a_waiting_exercise_alone_says_what_to_do() {
    let page = text(&toys(&["ex9_12_waits"]));
    assert!(page.contains("Finish 9.2 first."), "{page}");
    assert!(page.contains("cargo test -p lesson09 -- ex9_2\n"), "{page}");
}

#[test]
fn output_without_end_is_cut_as_it_comes() {
    let start = Instant::now();
    let outcome = &report(&["chatters"]).exercises[0];
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(outcome.verdict, Verdict::Wrong, "{}", outcome.message);
    assert!(outcome.message.contains("it printed"), "{}", outcome.message);
    assert!(outcome.message.len() < 4000, "{} bytes", outcome.message.len());
}

#[test]
#[cfg(target_os = "linux")]
fn a_child_that_is_left_is_ended_and_holds_nothing_up() {
    let start = Instant::now();
    let outcome = &report(&["leaves"]).exercises[0];
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(outcome.verdict, Verdict::Wrong, "{}", outcome.message);
    let left = outcome.message.split_once("left ").expect("it printed which").1;
    let child: String = left.chars().take_while(char::is_ascii_digit).collect();
    assert!(child != "0" && !child.is_empty(), "{}", outcome.message);
    assert!(!std::path::Path::new("/proc").join(&child).exists(), "{child} goes on");
}

#[test]
fn all_inputs_together_have_a_limit() {
    let outcome = &report(&["dawdles", "--time-limit", "0.2"]).exercises[0];
    assert_eq!(outcome.verdict, Verdict::Hung, "{}", outcome.message);
    assert!(outcome.message.contains("too slow"), "{}", outcome.message);
}

/// Nothing of the runner grows with what attempts print, return or say.
#[test]
#[cfg(target_os = "linux")]
fn the_runner_itself_stays_small() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toys"));
    command.args(["--json", "--time-limit", "2", "chatters", "rants", "sprawls", "hoards"]);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(kilobytes.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!((1..100 << 10).contains(&most), "{most} kB");
}

/// Verdicts need no files: neither a temporary folder nor a home.
#[test]
fn no_folder_for_files_is_needed() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_toys"));
    command.args(["--json", "passes", "mistaken"]);
    command
        .env("TMPDIR", "/no/such/folder")
        .env("TEMP", "Z:\\none")
        .env_remove("HOME");
    let report: Report = serde_json::from_str(&text(&command.output().unwrap())).unwrap();
    let verdicts: Vec<_> = report.exercises.iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, [Verdict::Passed, Verdict::Mistake]);
}

#[test]
fn a_large_value_is_shown_around_its_worst_place_and_in_full_on_request() {
    says(
        "sprawls",
        Verdict::Wrong,
        "shape [3, 40, 50], f32, values from 0 to 59990 of it [1, 29..32, 44..50]:",
    );
    says("sprawls", Verdict::Wrong, "›1‹");
    says("sprawls", Verdict::Wrong, "--full");
    let (_, short) = found("sprawls");
    assert!(short.lines().count() < 22, "{short}");
    let full = report(&["sprawls", "--full"]).exercises[0].message.clone();
    assert!(full.lines().count() > 240, "{}", full.lines().count());
}

#[test]
fn a_long_panic_is_cut_by_characters() {
    says("rants", Verdict::Panicked, "Your function panicked: no room for this");
    let (_, message) = found("rants");
    assert!(message.len() < 1000, "{} bytes", message.len());
}

#[test]
fn a_terminal_of_eighty_columns_holds_every_line() {
    for outcome in &ALL.exercises {
        for line in outcome.message.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", outcome.name);
        }
    }
}

/// The whole page as a learner sees it, to be read as a whole.
#[test]
fn the_words() {
    // What these two print is never the same twice.
    let skipped = ["--skip", "chatters", "--skip", "leaves"];
    let page = text(&toys(
        &[&["--seed", "4711", "--color", "never"][..], &TIME_LIMIT, &skipped].concat(),
    ));
    let untimed = |line: &str| match line.rsplit_once("  (") {
        Some((line, _)) => line.to_string(),
        None => line.split("; finished in").next().unwrap_or_default().to_string(),
    };
    let unplaced = |line: String| match line.split_once("toys.rs:") {
        Some((start, at)) => format!(
            "{start}toys.rs:LINE{}",
            at.trim_start_matches(|c: char| c.is_ascii_digit())
        ),
        None => line,
    };
    let page: Vec<_> = page.lines().map(untimed).map(unplaced).collect();
    graders::snapshot::assert("runner_words", &page.join("\n"));
    assert!(
        !page
            .iter()
            .any(|line| line.contains("RUST_BACKTRACE") || line.contains("thread '"))
    );
}
