//! How a lesson is graded: cargo builds and runs its test program; the report, or the compiler's messages, are read.

use std::ffi::OsString;
use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use course::Lesson;
use course::memory::Memory;
use course::report::Report;
use serde::Deserialize;

/// A program to run instead of `cargo test`, for tests: it gets the lesson's name and the grader's options.
const OTHER_GRADER: &str = "LESSON_GRADER";

/// The stand-in for `cargo test`, if there is one.
pub(crate) fn other_grader() -> Option<OsString> {
    std::env::var_os(OTHER_GRADER)
}

/// The command that grades a lesson: `cargo test -q -p lesson01 -- options`.
fn grader(root: &Path, lesson: &Lesson, of_cargo: &[&str], options: &[&str]) -> Command {
    if let Some(program) = other_grader() {
        let mut command = Command::new(program);
        command.arg(&lesson.package).args(options);
        return command;
    }
    let mut command = cargo();
    command
        .args(["test", "--quiet", "--package", &lesson.package])
        .args(of_cargo);
    command.arg("--").args(options).current_dir(root);
    command
}

/// The cargo that started this program, or the one of the path.
pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Grades a lesson before the user's eyes. A lesson that does not compile shows the compiler's messages. `options` are the
/// test program's.
pub fn grade_aloud(root: &Path, lesson: &Lesson, options: &[&str]) -> Result<()> {
    let mut command = grader(root, lesson, &[], options);
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
#[derive(Clone, Debug)]
pub enum Graded {
    /// The verdicts.
    Report(Report),
    /// No verdict, because the lesson does not compile.
    Failed(Failure),
}

/// Why there are no verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The compiler's messages, errors first.
    pub messages: Vec<Message>,
    /// What cargo said beside them.
    pub said: String,
}

/// A message of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// An error, and no warning.
    pub is_error: bool,
    /// In one line.
    pub text: String,
    /// `lessons/lesson01/src/window.rs:26:5`
    pub place: Option<String>,
    /// In full, as the compiler prints it.
    pub rendered: String,
}

impl Failure {
    /// A failure of which only a text is known.
    pub fn said(text: &str) -> Self {
        Self {
            messages: vec![],
            said: text.trim_end().into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let rendered = self.messages.iter().map(|message| message.rendered.trim_end());
        let said = Some(self.said.trim_end()).filter(|said| !said.is_empty());
        let parts: Vec<_> = rendered.chain(said).collect();
        f.write_str(&parts.join("\n\n"))
    }
}

impl Graded {
    /// **Errors** with the compiler's messages if the lesson does not compile.
    pub fn report(self, lesson: &Lesson) -> Result<Report> {
        match self {
            Self::Report(report) => Ok(report),
            Self::Failed(failure) => bail!(
                "{failure}\n{} could not be graded; the messages above say why",
                lesson.package
            ),
        }
    }
}

/// A run of the grader that can be stopped.
#[derive(Debug)]
pub struct Grading {
    child: Child,
}

impl Grading {
    /// Starts grading. `options` are the test program's.
    ///
    /// **Errors** if cargo does not start.
    pub fn start(root: &Path, lesson: &Lesson, options: &[&str]) -> Result<Self> {
        let options: Vec<_> = ["--json"].iter().chain(options).copied().collect();
        let mut command = grader(root, lesson, &["--message-format", "json"], &options);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn();
        let child = child.with_context(|| format!("cannot run {:?}", command.get_program()))?;
        Ok(Self { child })
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the verdicts.
    ///
    /// **Errors** if the grader's output cannot be read.
    pub fn finish(self) -> Result<Graded> {
        let output = self
            .child
            .wait_with_output()
            .context("cannot read what the grader says")?;
        let (mut messages, report) = read(&String::from_utf8_lossy(&output.stdout));
        if let Ok(report) = serde_json::from_str(&report) {
            return Ok(Graded::Report(report));
        }
        messages.sort_by_key(|message| !message.is_error);
        let said = String::from_utf8_lossy(&output.stderr);
        let said = without_epilogue(&said).trim_end();
        // What cargo adds to the compiler's errors says nothing more.
        let said = match (messages.is_empty(), said.is_empty()) {
            (true, true) => format!("the grader ended without a verdict ({})", output.status),
            (true, false) => said.to_string(),
            (false, _) => String::new(),
        };
        Ok(Graded::Failed(Failure { messages, said }))
    }
}

/// Grades a lesson and remembers the verdicts; `at_hand` if the learner asked for this lesson.
///
/// **Errors** if cargo does not run.
pub fn grade(memory: &Memory, lesson: &Lesson, options: &[&str], at_hand: bool) -> Result<Graded> {
    let sources = memory.sources(lesson);
    let graded = Grading::start(memory.root(), lesson, options)?.finish()?;
    if let Graded::Report(report) = &graded {
        let _ = memory.remember(report, &sources, at_hand); // a checkout that cannot be written is graded all the same
    }
    Ok(graded)
}

/// The compiler's messages in cargo's output, and what follows them: the report.
fn read(output: &str) -> (Vec<Message>, String) {
    #[derive(Deserialize)]
    struct Line {
        reason: String,
        message: Option<Compiler>,
    }
    #[derive(Deserialize)]
    struct Compiler {
        level: String,
        message: String,
        rendered: Option<String>,
        spans: Vec<Span>,
    }
    #[derive(Deserialize)]
    struct Span {
        file_name: String,
        line_start: usize,
        column_start: usize,
        is_primary: bool,
    }
    let mut messages: Vec<Message> = vec![];
    let mut report = String::new();
    for line in output.lines() {
        let of_cargo = Some(line).filter(|line| line.starts_with("{\"reason\":"));
        match of_cargo.and_then(|line| serde_json::from_str::<Line>(line).ok()) {
            None => {
                report += line;
                report.push('\n');
            }
            Some(Line {
                reason,
                message: Some(said),
            }) if reason == "compiler-message" => {
                let span = said.spans.iter().find(|span| span.is_primary);
                let message = Message {
                    is_error: said.level.starts_with("error"),
                    place: span.map(|span| format!("{}:{}:{}", span.file_name, span.line_start, span.column_start)),
                    rendered: said.rendered.unwrap_or_else(|| said.message.clone()),
                    text: said.message,
                };
                // Without a place it counts the others ("aborting due to 2 previous errors").
                if message.place.is_some() && !messages.contains(&message) {
                    messages.push(message);
                }
            }
            Some(_) => {}
        }
    }
    (messages, report)
}

/// What cargo wrote, without its last word on a failed test ("to rerun pass …"): the verdicts have said it better.
pub(crate) fn without_epilogue(said: &str) -> &str {
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

    #[test]
    fn the_compilers_messages_are_told_from_the_report() {
        let message = |level: &str, text: &str, spans: &str| {
            format!(
                "{{\"reason\":\"compiler-message\",\"message\":{{\"level\":\"{level}\",\"message\":\"{text}\",\
                 \"rendered\":\"{level}: {text}\\n\",\"spans\":[{spans}]}}}}"
            )
        };
        let span = "{\"file_name\":\"a.rs\",\"line_start\":3,\"column_start\":5,\"is_primary\":true}";
        let lines = [
            message("warning", "unused", span),
            message("error", "mismatched types", span),
            message("error", "mismatched types", span),
            message("error", "aborting due to 1 previous error", ""),
            "{\"reason\":\"build-finished\",\"success\":true}".into(),
            "{".into(),
            "  \"lesson\": \"lesson01\"".into(),
            "}".into(),
        ];
        let (messages, report) = read(&lines.join("\n"));
        let texts: Vec<_> = messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(
            texts,
            ["unused", "mismatched types"],
            "each once, and none that only counts"
        );
        assert_eq!(messages[1].place.as_deref(), Some("a.rs:3:5"));
        assert!(messages[1].is_error && !messages[0].is_error);
        assert_eq!(report, "{\n  \"lesson\": \"lesson01\"\n}\n");
    }
}
