//! Builds the test program of a lesson.

use crate::confine;
use anyhow::{Context, Result, bail};
use course::Lesson;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The exit status of cargo where something does not compile.
pub const FAILED: u8 = 101;

/// What came of it.
pub enum Built {
    /// The program.
    Program(PathBuf),
    /// The compiler has said why.
    Failed,
}

/// Builds what `cargo test -p LESSON` runs; the compiler's messages go to stderr.
///
/// **Errors** if cargo does not run or says nothing of a program.
pub fn lesson(lesson: &Lesson, root: &Path, confined: bool) -> Result<Built> {
    let (package, name) = (&lesson.package, format!("grade{:02}", lesson.number));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = if confined {
        confine::compiler(&cargo, root)?
    } else {
        Command::new(&cargo)
    };
    command
        .current_dir(root)
        .args(["test", "--quiet", "--package", package, "--bin", &name]);
    command.args(["--no-run", "--message-format", "json-render-diagnostics"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot run {}", cargo.display()))?;
    if !output.status.success() {
        return Ok(Built::Failed);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = messages.filter_map(|message| {
        let is_it = message["target"]["name"] == name.as_str() && message["profile"]["test"] == true;
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    match programs.next() {
        Some(program) => Ok(Built::Program(program)),
        None => bail!("cargo built no test program for {package}"),
    }
}
