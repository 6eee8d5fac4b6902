//! Catching panics without their noise.

use crate::observed::{LONGEST, cut};
use course::panics::message;
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// What it said.
    pub message: String,
    /// `file:line` of the `panic!`, `todo!`, `unwrap` or index.
    pub at: String,
}

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

static SILENT: AtomicBool = AtomicBool::new(false);

/// Runs `f`; a panic in it comes back as a value and prints nothing.
pub fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    install();
    let before = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(before);
    let caught = CAUGHT.take();
    result.map_err(|payload| {
        // A panic that crossed a thread (rayon) left its record on the other thread.
        caught.unwrap_or_else(|| Panic {
            message: cut(message(payload.as_ref()), LONGEST),
            at: "a thread your function started".into(),
        })
    })
}

/// From now on no panic prints anything, on any thread. For the process that grades one attempt.
pub fn silence() {
    install();
    SILENT.store(true, Ordering::Relaxed);
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                CAUGHT.set(Some(record(info)));
            } else if !SILENT.load(Ordering::Relaxed) {
                usual(info);
            }
        }));
    });
}

fn record(info: &PanicHookInfo) -> Panic {
    let at = info
        .location()
        .map_or(String::new(), |at| format!("{}:{}", at.file(), at.line()));
    Panic {
        message: cut(message(info.payload()), LONGEST),
        at,
    }
}
