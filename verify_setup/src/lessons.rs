//! Where the lessons lie, which exercises are stubs, and how a lesson is graded.

use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use course::report::Report;
use course::{Exercise, Lesson};

/// Root of the workspace, whatever folder the command was started in.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("verify_setup lies in the workspace")
}

/// The lesson meant by `lesson02`, `02` or `2`.
///
/// **Errors** list the lessons.
pub fn find_lesson(name: &str) -> Result<&'static Lesson> {
    let number = name.trim_start_matches("lesson").trim_start_matches('0');
    course::lessons()
        .iter()
        .find(|lesson| lesson.number.to_string() == number)
        .with_context(|| {
            let known: Vec<_> = course::lessons().iter().map(|lesson| lesson.package.as_str()).collect();
            format!("there is no lesson {name:?}; the lessons are {}", known.join(", "))
        })
}

/// The exercise with this id.
///
/// **Errors** list the ids of the lesson it would belong to, or the lessons.
pub fn find_exercise(id: &str) -> Result<(&'static Lesson, &'static Exercise)> {
    if let Some(found) = course::exercise(id) {
        return Ok(found);
    }
    let Ok(lesson) = find_lesson(id.split('.').next().unwrap_or(id)) else {
        bail!("there is no exercise {id:?}; an id looks like 1.2, the second of lesson 1");
    };
    if lesson.exercises.is_empty() {
        bail!("there is no exercise {id:?}: {} is still to be written", lesson.package);
    }
    let known: Vec<_> = lesson
        .exercises
        .iter()
        .map(|e| format!("  {} {}", e.id, e.title))
        .collect();
    bail!(
        "there is no exercise {id:?}; {} has\n{}",
        lesson.package,
        known.join("\n")
    )
}

/// `lessons/lesson01/src/window.rs:42`, the line of the function; without a line if it is not there.
pub fn place(lesson: &Lesson, exercise: &Exercise) -> String {
    let path = lesson.path(exercise);
    let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
    match line_of(&text, &exercise.name) {
        Some(line) => format!("{path}:{line}"),
        None => path,
    }
}

/// The line, from 1, where a function or type of this name is declared.
fn line_of(source: &str, name: &str) -> Option<usize> {
    let declares = |line: &str| {
        ["fn ", "struct ", "enum ", "trait "].iter().any(|keyword| {
            let after = line.split_once(keyword).and_then(|(_, rest)| rest.strip_prefix(name));
            after.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    source
        .lines()
        .position(|line| is_code(line) && declares(line))
        .map(|index| index + 1)
}

/// The reference for an exercise, relative to the root.
pub fn solution(exercise: &Exercise) -> String {
    let number = exercise.id.split('.').next().unwrap_or_default();
    format!("solutions/lesson{number:0>2}/{}", exercise.file)
}

/// The first core exercise whose stub is untouched, read off the sources: no compiler, no grading.
pub fn first_stub() -> Option<(&'static Lesson, &'static Exercise)> {
    core_exercises().find(|(lesson, exercise)| {
        let text = std::fs::read_to_string(root().join(lesson.path(exercise))).unwrap_or_default();
        text.contains(&format!("\"exercise {}:", exercise.id))
    })
}

/// All core exercises in order.
pub fn core_exercises() -> impl Iterator<Item = (&'static Lesson, &'static Exercise)> {
    let pairs = course::lessons()
        .iter()
        .flat_map(|lesson| lesson.exercises.iter().map(move |e| (lesson, e)));
    pairs.filter(|(_, exercise)| exercise.core)
}

/// A program to run instead of `cargo test`, for tests: it gets the lesson's name and the grader's options.
const OTHER_GRADER: &str = "LESSON_GRADER";

/// The command that grades a lesson: `cargo test -q -p lesson01 --test grade -- options`.
fn grader(lesson: &Lesson, options: &[&str]) -> Command {
    if let Some(program) = std::env::var_os(OTHER_GRADER) {
        let mut command = Command::new(program);
        command.arg(&lesson.package).args(options);
        return command;
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["test", "--quiet", "--package", &lesson.package, "--test", "grade", "--"])
        .args(options);
    command.current_dir(root());
    command
}

/// Grades a lesson before the user's eyes. A lesson that does not compile shows the compiler's messages.
pub fn grade_aloud(lesson: &Lesson) -> Result<()> {
    let mut command = grader(lesson, &[]);
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
    let mut command = grader(lesson, &options);
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

/// Whether an exercise of a report is understood: it passed, or nothing but an error for bad input is missing.
pub fn passed(report: &Report, exercise: &Exercise) -> bool {
    report
        .exercises
        .iter()
        .any(|outcome| outcome.id == exercise.id && outcome.verdict.is_understood())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_found_whatever_stands_around_it() {
        let source = "/// fn double explains\nfn doubled() {}\npub fn double(n: usize) -> usize {\n";
        assert_eq!(line_of(source, "double"), Some(3));
        assert_eq!(line_of("pub struct Hooks<'a> {}", "Hooks"), Some(1));
        assert_eq!(line_of(source, "triple"), None);
    }

    #[test]
    fn a_lesson_is_found_by_number_or_name() {
        for name in ["1", "01", "lesson01", "lesson1"] {
            assert_eq!(find_lesson(name).unwrap().package, "lesson01", "{name}");
        }
        let error = find_lesson("six").unwrap_err().to_string();
        assert!(error.contains("lesson01") && error.contains("lesson05"), "{error}");
    }

    #[test]
    fn cargos_last_word_is_dropped_and_the_compilers_kept() {
        let coloured =
            "warning: unused\n\u{1b}[31merror\u{1b}[0m: test failed, to rerun pass `-p lesson01`\n\nCaused by:\n x\n";
        assert_eq!(without_epilogue(coloured), "warning: unused\n");
        let compiler = "error[E0308]: mismatched types\n";
        assert_eq!(without_epilogue(compiler), compiler);
    }
}
