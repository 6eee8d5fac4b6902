//! A side of the comparison: a process that has prepared one piece of work and does it again each time it is asked.
//!
//! Each row has its own, so that the most memory it held is the row's. `serving.rs` says what is written and read.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A running side.
pub struct Worker {
    name: String,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What one request gave.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// The median of the runs, in milliseconds.
    pub ms: f64,
    /// The most memory the process has held so far.
    pub peak_mb: Option<f64>,
    /// What came out, to be compared between the sides.
    pub value: Option<f64>,
}

impl Worker {
    /// Starts a side and waits until it is ready.
    ///
    /// **Errors** if it does not start, or says why it cannot.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start: {:?}", command.get_program()))?;
        let mut worker = Self {
            name: name.into(),
            requests: child.stdin.take().context("a pipe")?,
            answers: BufReader::new(child.stdout.take().context("a pipe")?),
            child,
        };
        let first = worker.read()?;
        match first["error"].as_str() {
            Some(error) => bail!("{name}: {error}"),
            None => Ok(worker),
        }
    }

    /// Does the work for about so long, at least once, and returns the median.
    pub fn run(&mut self, seconds: f64) -> Result<Answer> {
        writeln!(self.requests, "{seconds}").with_context(|| format!("{} has ended", self.name))?;
        let answer = self.read()?;
        Ok(Answer {
            ms: answer["ms"]
                .as_f64()
                .with_context(|| format!("{}: {answer}", self.name))?,
            peak_mb: answer["peak_mb"].as_f64(),
            value: answer["value"].as_f64(),
        })
    }

    fn read(&mut self) -> Result<Value> {
        // What the work itself prints is not for us.
        for line in self.answers.by_ref().lines() {
            if let Ok(value) = serde_json::from_str(&line?) {
                return Ok(value);
            }
        }
        bail!("{} ended without an answer", self.name)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
