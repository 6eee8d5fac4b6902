//! The process with the attempt: it runs the attempt on what it is asked for, hands back what that gave, and judges nothing.

use crate::{
    attempt::MEMORY,
    channel::{Reply, Request, Tokens},
    panics,
    runner::Exercise,
};
use std::{
    io::{self, Write},
    process::{self, ExitCode},
    sync::mpsc,
    thread,
};

/// The stack an attempt runs on: what the main thread has on Linux.
const STACK: usize = 8 << 20;

/// Serves the requests on stdin until it ends.
pub fn serve(exercise: &Exercise, seed: u64) -> ExitCode {
    limit_memory();
    panics::silence();
    // Everything from stdin is read here and nowhere else, the secret before the attempt runs.
    let mut secret = String::new();
    if !io::stdin().read_line(&mut secret).is_ok_and(|bytes| bytes > 0) {
        eprintln!("this is for the runner: see --help");
        return ExitCode::FAILURE;
    }
    let (ask, asked) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let Ok(request) = serde_json::from_str(&line) else {
                break;
            };
            if ask.send(request).is_err() {
                break;
            }
        }
        // The judge is gone, or done.
        process::exit(0)
    });
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(exercise.id.clone()).stack_size(STACK);
        let work = || answer(exercise, seed, Tokens::new(&secret), asked);
        thread.spawn_scoped(scope, work).expect("a thread starts");
    });
    ExitCode::SUCCESS
}

fn answer(exercise: &Exercise, seed: u64, mut tokens: Tokens, asked: mpsc::Receiver<Request>) {
    let mut reply = |reply: &Reply| {
        let text = serde_json::to_string(reply).expect("a reply serialises");
        let token = tokens.next();
        // First a mark on the other stream, so that what was printed there is known to be complete.
        let _ = writeln!(io::stderr(), "{token}");
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "{token}{text}").and_then(|()| out.flush());
    };
    let attempt = match panics::catch(|| (exercise.observe)(seed)) {
        Ok(attempt) => attempt,
        Err(panic) => return reply(&Reply::Broken(format!("{} ({})", panic.message, panic.at))),
    };
    reply(&Reply::Ready(attempt.experiments()));
    for Request { experiment, label } in asked {
        reply(&attempt.observe(experiment, &label).map_or(Reply::Unknown, Reply::Gave));
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn limit_memory() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::As);
    let limit = now.maximum.map_or(MEMORY, |most| most.min(MEMORY));
    let limits = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    let _ = setrlimit(Resource::As, limits);
}

/// macOS has no such limit; on Windows the judge sets it.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn limit_memory() {}
