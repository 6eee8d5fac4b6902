//! Attempts that set out to forge get no pass from a judge that does not contain them (`src/bin/forger.rs`).
#![cfg(target_os = "linux")]

use course::report::{Outcome, Report, Verdict};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

/// The forger under the name of a trick, where every user can run it.
fn forger(trick: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forgers");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(trick);
    let _ = fs::remove_file(&path);
    fs::hard_link(env!("CARGO_BIN_EXE_forger"), &path).unwrap();
    path
}

fn judge(trick: &str, seconds: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_judge"));
    command.args(["grade", "lesson01", "--attempts"]).arg(forger(trick));
    command.args([
        "--",
        "--json",
        "--seed",
        "4711",
        "--time-limit",
        seconds,
        "--exact",
        "1.1",
    ]);
    command.output().expect("the judge runs")
}

#[track_caller]
fn judged(trick: &str) -> Outcome {
    judged_within(trick, "2")
}

/// An attempt that has so many seconds for an input, and six times as many for all.
#[track_caller]
fn judged_within(trick: &str, seconds: &str) -> Outcome {
    let start = Instant::now();
    let output = judge(trick, seconds);
    let report: Report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{trick} took {:?}",
        start.elapsed()
    );
    assert_eq!(report.exercises.len(), 1);
    report.exercises.into_iter().next().unwrap()
}

#[track_caller]
fn refused(trick: &str, verdict: Verdict, says: &str) {
    let outcome = judged(trick);
    assert_eq!(outcome.verdict, verdict, "{trick}: {}", outcome.message);
    let message = outcome.message.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(message.contains(says), "{trick}: {message}");
}

/// The same program without a judge of its own: what a learner runs, where nothing is confined.
fn alone(trick: &str) -> Verdict {
    let output = Command::new(forger(trick))
        .args(["--json", "--seed", "4711", "1.1", "--exact"])
        .output()
        .unwrap();
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    report.exercises[0].verdict
}

#[test]
fn an_honest_attempt_passes() {
    let outcome = judged("honest");
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.message);
}

#[test]
fn a_result_file_does_not_help() {
    refused("files", Verdict::Wrong, "yours 80");
}

#[test]
fn an_early_answer_does_not_help() {
    refused("early", Verdict::Wrong, "yours 80");
}

#[test]
fn printed_verdicts_are_printed_text() {
    refused(
        "verdicts",
        Verdict::Wrong,
        "it printed {\"grade\":{\"verdict\":\"passed\"",
    );
}

#[test]
fn an_exit_with_success_is_a_crash() {
    refused("exit", Verdict::Crashed, "ended the whole program (exit code 0)");
}

#[test]
fn another_panic_hook_does_not_help() {
    refused("hook", Verdict::Crashed, "ended the whole program (exit code 0)");
}

#[test]
fn a_child_that_goes_on_is_ended_and_holds_nothing_up() {
    let start = Instant::now();
    let outcome = judged("child");
    assert_eq!(outcome.verdict, Verdict::Crashed, "{}", outcome.message);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let left = outcome.message.split_once("left ").expect("it says which").1;
    let child: String = left.chars().take_while(char::is_ascii_digit).collect();
    assert!(child.parse::<u32>().unwrap() > 0, "{}", outcome.message);
    assert!(!Path::new("/proc").join(&child).exists(), "{child} goes on");
}

#[test]
fn nothing_of_the_reference_can_be_read_at_run_time() {
    for trick in ["snapshots", "solutions", "memory", "judges_memory"] {
        refused(trick, Verdict::Wrong, "Permission denied");
    }
    // So it is the confinement that prevents it.
    assert_eq!(alone("snapshots"), Verdict::Passed);
    assert_eq!(alone("memory"), Verdict::Passed);
}

#[test]
fn nothing_can_be_written_and_nobody_called() {
    refused("write_course", Verdict::Wrong, "Permission denied");
    refused("network", Verdict::Wrong, "yours 77");
    assert_eq!(alone("network"), Verdict::Passed);
}

/// As root, the attempt is another user.
#[test]
fn root_does_not_run_attempts() {
    let here = fs::metadata("/proc/self")
        .map(|data| std::os::unix::fs::MetadataExt::uid(&data))
        .unwrap();
    let forger = forger("who");
    let open = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 1 != 0;
    if here != 0 || !forger.ancestors().skip(1).all(open) {
        return;
    }
    refused("who", Verdict::Wrong, "it printed user 65534");
}

#[test]
fn output_without_end_costs_this_exercise_little() {
    let start = Instant::now();
    let outcome = judged_within("chatter", "0.5");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_ne!(outcome.verdict, Verdict::Passed);
    assert!(outcome.message.len() < 10_000, "{} bytes", outcome.message.len());
}
