//! Grading by a judge that does not trust the lesson: for those who grade what others wrote.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use course::Lesson;

use crate::grade::{Failure, Graded, cargo, other_grader, without_epilogue};

/// The command that grades a lesson without trusting it: `cargo run -q -p judge -- grade lesson01 -- options`. The judge
/// builds the lesson, runs it confined and compares what it gives.
fn judge(lesson: &Lesson, confine_build: bool, options: &[&str]) -> Result<Command> {
    if let Some(program) = other_grader() {
        let mut command = Command::new(program);
        command.arg(&lesson.package).args(options);
        return Ok(command);
    }
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "judge", "--", "grade", &lesson.package]);
    command
        .args(confine_build.then_some("--confine-build"))
        .arg("--")
        .args(options);
    command.current_dir(course::root()?);
    Ok(command)
}

/// What the compiler says of a lesson that does not compile, before anything of it runs.
///
/// **Errors** if cargo does not run.
pub fn build(lesson: &Lesson, confine: bool) -> Result<Option<String>> {
    if other_grader().is_some() {
        return Ok(None);
    }
    anstream::eprintln!("building {} ...", lesson.package);
    let mut command = judge(lesson, confine, &["--list"])?;
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| without_epilogue(&said).trim_end().to_string()))
}

/// Grades a lesson and reads the report.
///
/// **Errors** if cargo does not run.
pub fn grade(lesson: &Lesson, confine_build: bool, seed: u64) -> Result<Graded> {
    anstream::eprintln!("grading {} ...", lesson.package);
    let mut command = judge(lesson, confine_build, &["--json", "--seed", &seed.to_string()])?;
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {:?}", command.get_program()))?;
    Ok(match serde_json::from_slice(&output.stdout) {
        Ok(report) => Graded::Report(report),
        Err(_) => Graded::Failed(Failure::said(without_epilogue(&String::from_utf8_lossy(
            &output.stderr,
        )))),
    })
}
