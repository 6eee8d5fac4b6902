//! One attempt in a process of its own, so that an endless loop, a stack overflow or an exit costs one exercise.
//!
//! The child writes what happens into a file as it happens; whatever ends it, the parent finds how far it came.

use crate::{grade::Grade, judging::Step, panics, runner::Exercise};
use course::report::Verdict;
use process_control::{ChildExt, Control, Output};
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    fs::File,
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The stack an attempt runs on: what the main thread has on Linux.
const STACK: usize = 8 << 20;
/// Address space of the child. It maps well under 1 GiB by itself, threads included.
const MEMORY: usize = 3 << 30;
/// Threads for matrix products in a child; their stacks count as address space.
const THREADS: &str = "2";
/// For a check that never ends for reasons of its own.
const LAST_RESORT: Duration = Duration::from_secs(900);
/// Set off what the attempt prints for each input.
const TRYING: &str = "\u{1e}";
const FAILED: &str = "\u{1d}";

#[derive(Serialize, Deserialize)]
enum Message {
    Trying(String),
    Grade(Grade),
}

/// How to grade in a child.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The least time an attempt has for one input.
    pub time: Duration,
    /// Let the attempt's output through as it comes.
    pub show_output: bool,
}

/// Grades in this process, which was started for it, and ends it.
pub fn child(exercise: &Exercise, seed: u64, limits: Limits, to: &Path) -> ExitCode {
    panics::silence();
    let Ok(file) = File::options().append(true).open(to) else {
        eprintln!("cannot write to {}", to.display());
        return ExitCode::FAILURE;
    };
    let write = |message: Message| {
        let line = serde_json::to_string(&message).expect("a message serialises");
        writeln!(&file, "{line}").expect("the runner's file takes a line");
    };
    let mark = |mark: &str| {
        if !limits.show_output {
            print!("{mark}");
            eprint!("{mark}");
        }
    };
    // The solution's time is known before each run of the attempt: `Some` starts the clock, `None` stops it.
    let (clock, ticks) = mpsc::channel::<Option<(String, Duration)>>();
    thread::scope(|scope| {
        let work = move || {
            let mut failed = false;
            let grade = panics::catch(|| {
                exercise.grade(seed, &mut |step| match step {
                    Step::Trying { label, solution } => {
                        if !failed {
                            write(Message::Trying(label.clone()));
                            mark(TRYING);
                        }
                        let _ = clock.send(Some((label, solution)));
                    }
                    Step::Returned => {
                        let _ = clock.send(None);
                    }
                    Step::Failed(grade) => {
                        failed = true;
                        write(Message::Grade(grade));
                        mark(FAILED);
                    }
                })
            });
            let broken = |panic: panics::Panic| Grade::broken(format!("{} ({})", panic.message, panic.at));
            write(Message::Grade(grade.unwrap_or_else(broken)));
            mark(FAILED);
        };
        let thread = thread::Builder::new().name(exercise.id.clone()).stack_size(STACK);
        thread.spawn_scoped(scope, work).expect("a thread starts");

        let mut running: Option<(String, Duration)> = None;
        loop {
            let tick = match &running {
                None => ticks.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
                Some((_, solution)) => ticks.recv_timeout(limits.time.max(*solution * 30)),
            };
            match (tick, running.take()) {
                (Ok(next), _) => running = next,
                (Err(mpsc::RecvTimeoutError::Timeout), Some((label, solution))) => {
                    hung(to, &label, limits.time.max(solution * 30), solution);
                    std::process::exit(0)
                }
                _ => return, // graded
            }
        }
    });
    ExitCode::SUCCESS
}

/// Records that the attempt did not return, unless it is known already how it fails.
fn hung(to: &Path, label: &str, limit: Duration, solution: Duration) {
    if read(to).0.is_some() {
        return;
    }
    let grade = Grade::new(
        Verdict::Hung,
        format!(
            "Your function had not returned after {} s on this input; the solution takes {}. Look for a loop that \
             cannot end, or for work that grows with every step.",
            limit.as_secs_f32().round(),
            match solution.as_secs_f32() {
                seconds if seconds < 0.1 => "less than 0.1 s".to_string(),
                seconds => format!("{seconds:.1} s"),
            }
        ),
    );
    let line = serde_json::to_string(&Message::Grade(grade.input(label))).expect("a message serialises");
    if let Ok(mut file) = File::options().append(true).open(to) {
        let _ = writeln!(file, "{line}");
    }
}

/// Grades an exercise in a child process: its grade, and what the attempt printed for the input in question.
pub fn grade(exercise: &str, seed: u64, limits: Limits) -> (Grade, String) {
    run(exercise, seed, limits).unwrap_or_else(|error| {
        let what = format!("the process that grades it did not run ({error})");
        (Grade::broken(what), String::new())
    })
}

fn run(exercise: &str, seed: u64, limits: Limits) -> io::Result<(Grade, String)> {
    let file = tempfile::NamedTempFile::new()?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["--child", exercise, "--seed", &seed.to_string()]);
    command.args(["--time-limit", &limits.time.as_secs_f64().to_string()]);
    // Settings of .cargo/config.toml that make tensors faster, and allocation without end slow to reach its limit.
    command
        .env_remove("MALLOC_MMAP_THRESHOLD_")
        .env_remove("MALLOC_TRIM_THRESHOLD_");
    command.arg("--to").arg(file.path());
    command.env("RUST_BACKTRACE", "0").env("MALLOC_ARENA_MAX", "2");
    if env::var_os("RAYON_NUM_THREADS").is_none() {
        command.env("RAYON_NUM_THREADS", THREADS);
    }
    if limits.show_output {
        command.arg("--nocapture");
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pass_on = || {
        let mut lines = limits.show_output.then(Lines::default);
        move |bytes: &[u8]| match &mut lines {
            Some(lines) => lines.pass_on(bytes).map(|()| true),
            None => Ok(true),
        }
    };
    let control = child
        .controlled_with_output()
        .stdout_filter(pass_on())
        .stderr_filter(pass_on());
    let control = control.time_limit(LAST_RESORT).terminate_for_timeout();
    #[cfg(any(windows, all(target_os = "linux", any(target_env = "gnu", target_env = "musl"))))]
    let control = control.memory_limit(MEMORY);
    let output = control.wait()?;

    let (grade, trying) = read(file.path());
    let printed = output.as_ref().map_or(String::new(), printed);
    let grade = match (grade, output) {
        (Some(grade), _) => grade,
        (None, Some(output)) => match trying {
            Some(label) => crashed(&output).input(&label),
            None => Grade::broken(format!("the process that grades it ended early ({})", output.status)),
        },
        (None, None) => Grade::broken(format!("it did not end within {} s", LAST_RESORT.as_secs())),
    };
    Ok((grade, printed))
}

/// Passes a stream on in whole lines: an attempt's two streams come at the same time.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn pass_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        let end = self.0.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        io::stderr().write_all(&self.0[..end])?;
        self.0.drain(..end);
        Ok(())
    }
}

impl Drop for Lines {
    /// The last line may have no end.
    fn drop(&mut self) {
        let _ = io::stderr().write_all(&self.0);
    }
}

/// The last grade in the child's file, and the input the attempt ran on last.
fn read(path: &Path) -> (Option<Grade>, Option<String>) {
    let text = fs::read_to_string(path).unwrap_or_default();
    let (mut grade, mut trying) = (None, None);
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Message::Grade(found)) => grade = Some(found),
            Ok(Message::Trying(label)) => trying = Some(label),
            Err(_) => {}
        }
    }
    (grade, trying)
}

/// The attempt took its process down.
fn crashed(output: &Output) -> Grade {
    let errors = String::from_utf8_lossy(&output.stderr);
    let sentence = if errors.contains("has overflowed its stack") {
        "The stack overflowed. Either the function calls itself without end, or it builds one graph of operations over \
         many steps (`detach` between steps ends it)."
            .to_string()
    } else if errors.contains("memory allocation of") {
        format!(
            "Out of memory: an attempt has {} GiB. Look for a collection that grows without end.",
            MEMORY >> 30
        )
    } else if let Some(code) = output.status.code() {
        format!("Your function ended the whole program (exit code {code}). Return a value or an error instead.")
    } else {
        format!("Your function took its process down ({}).", output.status)
    };
    Grade::new(Verdict::Crashed, sentence)
}

/// What the attempt printed for the input it failed on, both streams.
fn printed(output: &Output) -> String {
    let of = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let before = text.split(FAILED).next().unwrap_or_default();
        let last = before.rsplit(TRYING).next().unwrap_or_default();
        let kept = last.lines().filter(|line| !from_runtime(line));
        kept.map(|line| format!("{line}\n")).collect::<String>()
    };
    of(&output.stdout) + &of(&output.stderr)
}

/// A line that Rust itself prints when a process dies.
fn from_runtime(line: &str) -> bool {
    let starts = [
        "fatal runtime error:",
        "memory allocation of ",
        "note: run with `RUST_BACKTRACE",
        "stack backtrace:",
    ];
    line.trim().is_empty()
        || line.contains("has overflowed its stack")
        || starts.iter().any(|start| line.starts_with(start))
}
