//! An attempt in a process of its own, seen by the one that judges it: what it gives, what it prints, and how it ends.

use crate::{
    channel::{Reply, Request, Tokens},
    exam::Outcome,
    grade::Grade,
    output::{Clip, Lines, Piece, Stream},
};
use course::report::Verdict;
use std::{
    io::{self, Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// Address space of the process. It maps well under 1 GiB by itself, threads included.
pub const MEMORY: u64 = 3 << 30;
/// The longest reply: some eight million numbers.
const REPLY: usize = 128 << 20;
/// The least time for all inputs together, in times that for one.
const INPUTS: u32 = 6;
/// An attempt that takes so many times as long as the solution is given up.
const TIMES: u32 = 30;
/// Until the inputs stand.
const START: Duration = Duration::from_secs(120);
/// How often to look whether the process lives.
const LOOK: Duration = Duration::from_millis(50);

/// How an attempt is graded.
#[derive(Clone, Copy)]
pub struct Limits {
    /// The least time an attempt has for one input.
    pub time: Duration,
    /// Let the attempt's output through as it comes.
    pub show_output: bool,
    /// Show whole values in the verdict.
    pub full: bool,
}

/// A running attempt.
pub struct Attempt {
    child: Child,
    stdin: Option<ChildStdin>,
    events: Receiver<Event>,
    printed: [Arc<Mutex<Printed>>; 2],
    limits: Limits,
    /// How long the attempt ran so far, and the solution on the same inputs.
    used: Duration,
    solution: Duration,
}

enum Event {
    Reply(Vec<u8>),
    TooLong,
    End,
}

/// What one stream brought for the input that runs, and for the one before it.
#[derive(Default)]
struct Printed {
    now: Clip,
    last: Clip,
    marks: usize,
}

/// The attempt ended before it gave an answer; the verdict on that.
pub struct Ended(pub Box<Grade>);

impl Attempt {
    /// Starts the program that holds the attempt.
    ///
    /// **Errors** if it does not start.
    pub fn start(mut command: Command, limits: Limits) -> io::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.env("RUST_BACKTRACE", "0").env("MALLOC_ARENA_MAX", "2");
        // Settings of .cargo/config.toml that make tensors faster, and allocation without end slow to reach its limit.
        command
            .env_remove("MALLOC_MMAP_THRESHOLD_")
            .env_remove("MALLOC_TRIM_THRESHOLD_");
        family::own_group(&mut command);
        let mut child = command.spawn()?;
        #[cfg(windows)]
        {
            use process_control::{ChildExt, Control};
            let control = child.controlled().memory_limit(MEMORY as usize);
            let _ = control.time_limit(Duration::ZERO).wait();
        }
        let secret = Tokens::secret();
        let (event, events) = mpsc::channel();
        let printed = [(); 2].map(|()| Arc::new(Mutex::new(Printed::default())));
        let out = child.stdout.take().expect("piped");
        let errors = child.stderr.take().expect("piped");
        listen(out, &secret, Arc::clone(&printed[0]), limits.show_output, Some(event));
        listen(errors, &secret, Arc::clone(&printed[1]), limits.show_output, None);
        let mut stdin = child.stdin.take().expect("piped");
        // A program that ended already is found out by the first question.
        let _ = writeln!(stdin, "{secret}");
        Ok(Self {
            child,
            stdin: Some(stdin),
            events,
            printed,
            limits,
            used: Duration::ZERO,
            solution: Duration::ZERO,
        })
    }

    /// Waits until the inputs stand, and says how many there are.
    ///
    /// **Errors** with the verdict if they do not.
    pub fn ready(&mut self) -> Result<usize, Ended> {
        let broken = |what: String| Ended(Box::new(Grade::broken(what)));
        let early = |what: &str| broken(format!("the process with your function did not start: {what}"));
        match self.wait(START) {
            Ok(Reply::Ready(experiments)) => Ok(experiments),
            Ok(Reply::Broken(what)) => Err(broken(what)),
            Ok(_) => Err(early("an answer to no question")),
            Err(End::Late) => Err(early("no sign of life")),
            Err(End::TooLong) => Err(early("an answer without end")),
            Err(End::Gone(status)) => Err(early(&status.map_or("it is gone".into(), |status| status.to_string()))),
        }
    }

    /// What the attempt gives on experiment `i`, on which the solution took so long.
    ///
    /// **Errors** with the verdict if it ends or does not return.
    pub fn answer(&mut self, i: usize, label: &str, solution: Duration) -> Result<Outcome, Ended> {
        self.solution += solution;
        let one = self.limits.time.max(solution * TIMES);
        let all = (self.limits.time * INPUTS).max(self.solution * TIMES);
        let left = all.saturating_sub(self.used);
        self.printed
            .iter()
            .for_each(|stream| lock(stream).now = Clip::default());
        let request = Request {
            experiment: i,
            label: label.to_string(),
        };
        let line = serde_json::to_string(&request).expect("a request serialises");
        if let Some(stdin) = &mut self.stdin {
            let _ = writeln!(stdin, "{line}"); // a process that is gone is found below
        }
        let start = Instant::now();
        let reply = self.wait(one.min(left));
        self.used += start.elapsed();
        let grade = match reply {
            Ok(Reply::Gave(outcome)) => return Ok(outcome),
            Ok(_) => Grade::broken("the process with your function has other inputs; build it again"),
            Err(End::Late) if one <= left => hung(one, solution),
            Err(End::Late) => too_slow(self.used, self.solution),
            Err(End::TooLong) => Grade::new(
                Verdict::Crashed,
                "Your function returned millions of numbers, far more than this input can need.",
            ),
            Err(End::Gone(status)) => self.crashed(status),
        };
        Err(Ended(Box::new(grade.input(label))))
    }

    fn wait(&mut self, limit: Duration) -> Result<Reply, End> {
        let start = Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match self.events.recv_timeout(left.min(LOOK)) {
                Ok(Event::Reply(text)) => {
                    return serde_json::from_slice(&text).map_err(|_| End::Gone(None));
                }
                Ok(Event::TooLong) => return Err(End::TooLong),
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => {
                    // The stream ends a little before the process, or the attempt closed it.
                    for _ in 0..20 {
                        if let Ok(Some(status)) = self.child.try_wait() {
                            return Err(End::Gone(Some(status)));
                        }
                        thread::sleep(Duration::from_millis(10));
                    }
                    return Err(End::Gone(None));
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Err(End::Late),
                Err(RecvTimeoutError::Timeout) => {
                    if let Ok(Some(status)) = self.child.try_wait() {
                        // A last reply may be on its way; a child of the attempt may hold the stream open for ever.
                        return match self.events.recv_timeout(4 * LOOK) {
                            Ok(Event::Reply(text)) => serde_json::from_slice(&text).map_err(|_| End::Gone(None)),
                            _ => Err(End::Gone(Some(status))),
                        };
                    }
                }
            }
        }
    }

    /// What the attempt printed for the input it was asked for last, both streams.
    pub fn printed(&self) -> String {
        let stream = |stream: &Arc<Mutex<Printed>>| {
            let stream = lock(stream);
            let text = match stream.marks {
                0 => stream.now.text(),
                _ => stream.last.text() + &stream.now.text(),
            };
            let kept = text.lines().filter(|line| !from_runtime(line)).map(plain);
            kept.map(|line| line + "\n").collect::<String>()
        };
        // Both streams are complete up to their marks; that of the errors may be a moment behind.
        let start = Instant::now();
        while lock(&self.printed[1]).marks < lock(&self.printed[0]).marks && start.elapsed() < 4 * LOOK {
            thread::sleep(Duration::from_millis(1));
        }
        stream(&self.printed[0]) + &stream(&self.printed[1])
    }

    /// The attempt took its process down.
    fn crashed(&self, status: Option<ExitStatus>) -> Grade {
        thread::sleep(LOOK); // what it said last
        let errors = {
            let stream = lock(&self.printed[1]);
            stream.now.text()
        };
        let sentence = if errors.contains("has overflowed its stack") {
            "The stack overflowed. Either the function calls itself without end, or it builds one graph of operations \
             over many steps (`detach` between steps ends it)."
                .to_string()
        } else if errors.contains("memory allocation of") {
            format!(
                "Out of memory: an attempt has {} GiB. Look for a collection that grows without end.",
                MEMORY >> 30
            )
        } else if let Some(code) = status.and_then(|status| status.code()) {
            format!("Your function ended the whole program (exit code {code}). Return a value or an error instead.")
        } else if let Some(status) = status {
            format!("Your function took its process down ({status}).")
        } else {
            "Your function closed the channel of the program that runs it.".to_string()
        };
        Grade::new(Verdict::Crashed, sentence)
    }
}

impl Drop for Attempt {
    /// Whatever is left of it, children included, ends here.
    fn drop(&mut self) {
        drop(self.stdin.take());
        family::end(&self.child);
        let _ = self.child.kill();
        let _ = self.child.wait();
        family::end_orphans();
    }
}

/// Why there is no reply.
enum End {
    Late,
    TooLong,
    /// The process ended, or closed its side.
    Gone(Option<ExitStatus>),
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a stream to its end: keeps what is printed, and sends the replies on. The marks of the error stream are replies
/// without content.
fn listen(
    mut from: impl Read + Send + 'static,
    secret: &str,
    printed: Arc<Mutex<Printed>>,
    show: bool,
    events: Option<Sender<Event>>,
) {
    let mut tokens = Tokens::new(secret);
    thread::spawn(move || {
        let mut lines = show.then(Lines::default);
        let mut stream = Stream::new(tokens.next(), REPLY);
        let mut buffer = vec![0; 1 << 16];
        let mut keep = |bytes: &[u8]| {
            lock(&printed).now.push(bytes);
            lines.iter_mut().for_each(|lines| lines.push(bytes));
        };
        loop {
            let count = match from.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            for piece in stream.push(&buffer[..count], || tokens.next()) {
                let event = match piece {
                    Piece::Printed(bytes) => {
                        keep(&bytes);
                        continue;
                    }
                    Piece::Reply(text) => Event::Reply(text),
                    Piece::TooLong => Event::TooLong,
                };
                let mut printed = lock(&printed);
                printed.last = std::mem::take(&mut printed.now);
                printed.marks += 1;
                drop(printed);
                let _ = events.as_ref().map(|events| events.send(event));
            }
        }
        keep(&stream.rest());
        let _ = events.map(|events| events.send(Event::End));
    });
}

fn hung(limit: Duration, solution: Duration) -> Grade {
    Grade::new(
        Verdict::Hung,
        format!(
            "Your function had not returned after {} s on this input; the solution takes {}. Look for a loop that \
             cannot end, or for work that grows with every step.",
            limit.as_secs_f32().round(),
            seconds(solution),
        ),
    )
}

fn too_slow(used: Duration, solution: Duration) -> Grade {
    Grade::new(
        Verdict::Hung,
        format!(
            "Your function is too slow: up to this input it took {:.0} s in all; the solution takes {} for the same. \
             Look for work that is done again and again.",
            used.as_secs_f32(),
            seconds(solution),
        ),
    )
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f32() {
        seconds if seconds < 0.1 => "less than 0.1 s".to_string(),
        seconds => format!("{seconds:.1} s"),
    }
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

/// A line without characters that move the cursor or change colours.
fn plain(line: &str) -> String {
    let mut kept = String::new();
    let mut escaped = false;
    for c in line.chars() {
        match c {
            '\u{1b}' => escaped = true,
            _ if escaped => escaped = !c.is_ascii_alphabetic(),
            '\t' => kept.push_str("    "),
            c if !c.is_control() => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// The processes that an attempt starts.
#[cfg(unix)]
pub mod family {
    use rustix::process::{Pid, Signal, kill_process_group};
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    /// Puts the program into a group of its own, which its children belong to.
    pub fn own_group(command: &mut Command) {
        command.process_group(0);
    }

    /// Ends the group of a child.
    pub fn end(child: &Child) {
        if let Some(group) = Pid::from_raw(child.id() as i32) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// From now on whatever outlives its parent becomes a child of this process.
    pub fn adopt_orphans() {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }

    /// Ends what left its group, too. For a process whose only children are attempts.
    pub fn end_orphans() {
        #[cfg(target_os = "linux")]
        for _ in 0..100 {
            let children = children();
            if children.is_empty() {
                return;
            }
            for child in children {
                let _ = rustix::process::kill_process(child, Signal::KILL);
                let _ = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
            }
        }
    }

    /// The children of all threads of this process.
    #[cfg(target_os = "linux")]
    fn children() -> Vec<Pid> {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let of_task =
            |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let lists: Vec<String> = tasks.map(of_task).collect();
        let numbers = lists.iter().flat_map(|list| list.split_whitespace());
        numbers
            .filter_map(|number| Pid::from_raw(number.parse().ok()?))
            .collect()
    }
}

/// Without process groups only the attempt's own process is ended.
#[cfg(not(unix))]
pub mod family {
    use std::process::{Child, Command};

    pub fn own_group(_: &mut Command) {}
    pub fn end(_: &Child) {}
    pub fn adopt_orphans() {}
    pub fn end_orphans() {}
}
