//! How a lesson is graded: cargo runs its test program, and the report is read.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use course::Lesson;
use course::report::Report;

/// A program to run instead of `cargo test`, for tests: it gets the lesson's name and the grader's options.
const OTHER_GRADER: &str = "LESSON_GRADER";

/// The stand-in for `cargo test`, if there is one.
pub(crate) fn other_grader() -> Option<OsString> {
    std::env::var_os(OTHER_GRADER)
}

/// The command that grades a lesson: `cargo test -q -p lesson01 -- options`.
fn grader(lesson: &Lesson, options: &[&str]) -> Result<Command> {
    if let Some(program) = other_grader() {
        let mut command = Command::new(program);
        command.arg(&lesson.package).args(options);
        return Ok(command);
    }
    let mut command = cargo();
    command
        .args(["test", "--quiet", "--package", &lesson.package, "--"])
        .args(options);
    command.current_dir(course::root()?);
    Ok(command)
}

/// The command that grades a lesson without trusting it: `cargo run -q -p judge -- grade lesson01 -- options`. The judge
/// builds the lesson, runs it confined and compares what it gives.
fn judge(lesson: &Lesson, confine_build: bool, options: &[&str]) -> Result<Command> {
    if std::env::var_os(OTHER_GRADER).is_some() {
        return grader(lesson, options);
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

/// The cargo that started this program, or the one of the path.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Grades a lesson before the user's eyes. A lesson that does not compile shows the compiler's messages.
pub fn grade_aloud(lesson: &Lesson) -> Result<()> {
    let mut command = grader(lesson, &[])?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::piped());
    if std::env::var_os("CARGO_TERM_COLOR").is_none() && std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always"); // cargo writes into a pipe, which ends on a terminal
    }
    let output = command
        .output()
        .with_context(|| format!("cannot run {:?}", command.get_program()))?;
    anstream::eprint!("{}", without_epilogue(&String::from_utf8_lossy(&output.stderr)));
    Ok(())
}

/// What came of grading a lesson.
pub enum Graded {
    /// The verdicts.
    Report(Report),
    /// No verdict, because the lesson does not compile; the compiler's messages.
    Failed(String),
}

impl Graded {
    /// **Errors** with the compiler's messages if the lesson does not compile.
    pub fn report(self, lesson: &Lesson) -> Result<Report> {
        match self {
            Self::Report(report) => Ok(report),
            Self::Failed(said) => bail!(
                "{said}\n{} could not be graded; the messages above say why",
                lesson.package
            ),
        }
    }
}

/// Grades a lesson and reads the report.
///
/// **Errors** if cargo does not run.
pub fn grade(lesson: &Lesson, seed: Option<u64>) -> Result<Graded> {
    anstream::eprintln!("grading {} (compiles what changed) ...", lesson.package);
    let seed = seed.map(|seed| seed.to_string());
    let mut options = vec!["--json"];
    options.extend(seed.iter().flat_map(|seed| ["--seed", seed]));
    read(grader(lesson, &options)?)
}

/// What the compiler says of a lesson that does not compile, before anything of it runs.
///
/// **Errors** if cargo does not run.
pub fn build(lesson: &Lesson, confine: bool) -> Result<Option<String>> {
    if std::env::var_os(OTHER_GRADER).is_some() {
        return Ok(None);
    }
    anstream::eprintln!("building {} ...", lesson.package);
    let mut command = judge(lesson, confine, &["--list"])?;
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok((!output.status.success()).then(|| without_epilogue(&said).trim_end().to_string()))
}

/// Grades a lesson by a judge that does not trust it, and reads the report.
///
/// **Errors** if cargo does not run.
pub fn grade_apart(lesson: &Lesson, confine_build: bool, seed: u64) -> Result<Graded> {
    anstream::eprintln!("grading {} ...", lesson.package);
    read(judge(lesson, confine_build, &["--json", "--seed", &seed.to_string()])?)
}

fn read(mut command: Command) -> Result<Graded> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {:?}", command.get_program()))?;
    Ok(match serde_json::from_slice(&output.stdout) {
        Ok(report) => Graded::Report(report),
        Err(_) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Graded::Failed(without_epilogue(&said).trim_end().to_string())
        }
    })
}

/// What cargo wrote, without its last word on a failed test ("to rerun pass …"): the verdicts have said it better.
fn without_epilogue(said: &str) -> &str {
    let Some(at) = said.find("test failed, to rerun") else {
        return said;
    };
    let line = said[..at].rfind('\n').map_or(0, |newline| newline + 1);
    &said[..line]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_last_word_is_dropped_and_the_compilers_kept() {
        let coloured =
            "warning: unused\n\u{1b}[31merror\u{1b}[0m: test failed, to rerun pass `-p lesson01`\n\nCaused by:\n x\n";
        assert_eq!(without_epilogue(coloured), "warning: unused\n");
        let compiler = "error[E0308]: mismatched types\n";
        assert_eq!(without_epilogue(compiler), compiler);
    }
}
