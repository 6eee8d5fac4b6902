//! The learner's own functions, in a process of their own: the lesson's program, asked for one map at a time.
//!
//! `cargo run -p lesson05 -- --instruments` is started when an exercise passes and again after each change of the sources. While
//! it is being built, the reference answers. A function that panics costs its answer; a process that says nothing in time, or
//! ends, is ended with all it started, and not asked again until the sources change.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use companion::Checkout;
use course::memory::Sources;
use microscope::bench::{MARK, Map, Prepared};

use super::super::drawing::{end, in_its_own_group};

const LESSON: &str = "lesson05";

/// What came of asking the learner's function.
pub enum Said {
    /// A map.
    Map(Map),
    /// Why there is none.
    Problem(String),
    /// It cannot be asked now.
    NotYet(String),
}

/// The process, if there is one.
#[derive(Default)]
pub struct Own(Mutex<State>);

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

impl Own {
    /// Asks for a map of what was prepared.
    ///
    /// **Errors** if cargo does not start.
    pub fn ask(&self, checkout: &Checkout, instrument: &str, prepared: &Prepared, patience: Duration) -> Result<Said> {
        let lesson = course::lesson(LESSON).context("lesson 05")?;
        let sources = checkout.memory().sources(lesson);
        let mut state = self.lock();
        if let Some((broken, how)) = &state.broken {
            if *broken == sources {
                return Ok(Said::Problem(how.clone()));
            }
            state.broken = None;
        }
        if state.running.as_ref().is_none_or(|running| running.sources != sources) {
            state.running = None; // ends the old one
            state.running = Some(Running::start(checkout, sources.clone())?);
        }
        let running = state.running.as_mut().context("it was started")?;
        if !running.is_ready {
            match running.wait_until_ready() {
                Ok(true) => running.is_ready = true,
                Ok(false) => return Ok(Said::NotYet("yours is being built".into())),
                Err(()) => return Ok(state.give_up(sources, "the lesson's program does not build or ended".into())),
            }
        }
        let request = &prepared.request;
        let head = format!(
            "{instrument} {} {} {} {}\n",
            request.network, request.site, request.class, prepared.image.width
        );
        let sent = running.asked.write_all(head.as_bytes());
        let sent = sent.and_then(|()| running.asked.write_all(&prepared.image.pixels));
        if sent.and_then(|()| running.asked.flush()).is_err() {
            return Ok(state.give_up(sources, "your function ended the lesson's program".into()));
        }
        match running.lines.recv_timeout(patience) {
            Ok(line) => Ok(parse(&line)),
            Err(RecvTimeoutError::Timeout) => {
                let how = format!("your function did not end within {} s", patience.as_secs_f64());
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
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
    fn start(checkout: &Checkout, sources: Sources) -> Result<Self> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["run", "--quiet", "--package", LESSON, "--", "--instruments"])
            .current_dir(checkout.root())
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
            while std::io::Read::take(&mut reader, 8 << 20)
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
    fn wait_until_ready(&mut self) -> Result<bool, ()> {
        match self.lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => Ok(line == "ready"),
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => Err(()),
        }
    }
}

/// `map 2 2 0 0.5 1 0`, or `problem …`.
fn parse(line: &str) -> Said {
    if let Some(problem) = line.strip_prefix("problem ") {
        return Said::Problem(format!("your function {problem}"));
    }
    let read = || -> Option<Map> {
        let mut words = line.strip_prefix("map ")?.split(' ');
        let (height, width) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let values: Vec<f32> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let map = Map { height, width, values };
        (Some(map.values.len()) == map.height.checked_mul(map.width)).then_some(map)
    };
    read().map_or_else(|| Said::Problem("the lesson's program gave no map".into()), Said::Map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_map_or_a_sentence() {
        assert!(matches!(parse("map 1 2 0 0.5"), Said::Map(map) if map.values == [0.0, 0.5]));
        assert!(matches!(parse("problem panicked, no"), Said::Problem(how) if how == "your function panicked, no"));
        for nonsense in [
            "map 2 2 0 0.5",
            "map 1 1 x",
            "map",
            "map 99999999999 99999999999",
            "hello",
        ] {
            assert!(matches!(parse(nonsense), Said::Problem(_)), "{nonsense}");
        }
        assert!(
            matches!(parse("map 1 1 NaN"), Said::Map(map) if map.values[0].is_nan()),
            "shown as a problem later"
        );
    }
}
