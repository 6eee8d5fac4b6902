//! A lesson's program, asked one question at a time: `cargo run -p lesson05 -- --instruments`.
//!
//! It is started when it is first asked, and again after each change of the sources. A function that panics costs its answer; a
//! process that says nothing in time, or ends, is ended with all it started, and not asked again until the sources change.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use course::memory::Sources;
use studio::instruments::MARK;

/// What came of asking.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// The answer, as [`studio::instruments`] describes it.
    Answer(String),
    /// Why there is none.
    Problem(String),
    /// It cannot be asked now.
    NotYet(String),
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the program to be built.
    pub building: Duration,
    /// For an answer.
    pub answer: Duration,
}

/// The program of a lesson, and its process, if there is one.
pub struct Program {
    lesson: String,
    cargo: OsString,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    /// The sources that were found to hang or to end the process, and how.
    broken: Option<(Sources, String)>,
}

struct Running {
    sources: Sources,
    child: Child,
    asked: ChildStdin,
    lines: Receiver<String>,
    is_ready: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
        let _ = self.child.wait();
    }
}

impl Program {
    /// That of a lesson, `lesson05`, started by the cargo that runs this program.
    pub fn new(lesson: &str) -> Self {
        Self::started_by(lesson, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// The same with another cargo.
    pub fn started_by(lesson: &str, cargo: impl Into<OsString>) -> Self {
        Self {
            lesson: lesson.into(),
            cargo: cargo.into(),
            state: Mutex::default(),
        }
    }

    /// Asks: a line, and what follows it. `root` is the checkout, `sources` the fingerprints of the lesson's exercises.
    ///
    /// **Errors** if cargo does not start.
    pub fn ask(&self, root: &Path, sources: Sources, line: &str, rest: &[u8], patience: Patience) -> Result<Said> {
        let mut state = self.lock();
        if let Some((broken, how)) = &state.broken {
            if *broken == sources {
                return Ok(Said::Problem(how.clone()));
            }
            state.broken = None;
        }
        if state.running.as_ref().is_none_or(|running| running.sources != sources) {
            state.running = None; // ends the old one
            state.running = Some(Running::start(&self.cargo, &self.lesson, root, sources.clone())?);
        }
        let running = state.running.as_mut().context("it was started")?;
        if !running.is_ready {
            match running.wait_until_ready(patience.building) {
                Ok(true) => running.is_ready = true,
                Ok(false) => return Ok(Said::NotYet("yours is being built".into())),
                Err(()) => return Ok(state.give_up(sources, "the lesson's program does not build or ended".into())),
            }
        }
        let sent = running.asked.write_all(format!("{line}\n").as_bytes());
        let sent = sent.and_then(|()| running.asked.write_all(rest));
        if sent.and_then(|()| running.asked.flush()).is_err() {
            return Ok(state.give_up(sources, "your function ended the lesson's program".into()));
        }
        match running.lines.recv_timeout(patience.answer) {
            Ok(line) => Ok(match line.strip_prefix("problem ") {
                Some(problem) => Said::Problem(format!("your function {problem}")),
                None => Said::Answer(line),
            }),
            Err(RecvTimeoutError::Timeout) => {
                let how = format!("your function did not end within {} s", patience.answer.as_secs_f64());
                Ok(state.give_up(sources, how))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Ok(state.give_up(sources, "your function ended the lesson's program".into()))
            }
        }
    }

    /// Ends the process.
    pub fn stop(&self) {
        self.lock().running = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn give_up(&mut self, sources: Sources, how: String) -> Said {
        self.running = None;
        self.broken = Some((sources, how.clone()));
        Said::Problem(how)
    }
}

impl Running {
    fn start(cargo: &OsString, lesson: &str, root: &Path, sources: Sources) -> Result<Self> {
        let mut command = Command::new(cargo);
        command
            .args(["run", "--quiet", "--package", lesson, "--", "--instruments"])
            .current_dir(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        in_its_own_group(&mut command);
        let mut child = command.spawn().context("cargo does not start")?;
        let asked = child.stdin.take().context("a pipe to the program")?;
        let said = child.stdout.take().context("a pipe from the program")?;
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(said);
            let mut line = vec![];
            // What a function prints is no answer, and a line without an end is not read without an end.
            while std::io::Read::take(&mut reader, 32 << 20)
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                if let Some(answer) = String::from_utf8_lossy(&line).trim_end().strip_prefix(MARK)
                    && tell.send(answer.to_string()).is_err()
                {
                    return;
                }
                line.clear();
            }
        });
        Ok(Self {
            sources,
            child,
            asked,
            lines,
            is_ready: false,
        })
    }

    /// Whether the program has begun; an error if it has ended.
    fn wait_until_ready(&mut self, patience: Duration) -> Result<bool, ()> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(line == "ready"),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }
}

/// Gives a program a process group of its own, so that all it starts can be ended with it.
#[cfg(unix)]
pub fn in_its_own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// Nothing to do here.
#[cfg(not(unix))]
pub fn in_its_own_group(_: &mut Command) {}

/// Ends a program and what it has started.
pub fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-TERM", "--", &group]).status();
    }
    let _ = child.kill();
}
