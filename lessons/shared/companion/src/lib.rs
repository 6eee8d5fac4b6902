//! The companion of the lessons, `cargo lesson`: what is next, hints, grading at each save, the solution beside one's own
//! code, stubs brought back, the quiz, reports.
//!
//! The parts below are for any program that accompanies a learner; each returns what was found or done, and prints nothing:
//!
//! | module | |
//! |---|---|
//! | [`Checkout`] | the checkout, how its exercises stand, which one is next |
//! | [`hint`] | hints, one more at a time |
//! | [`quiz::record`] | which questions were answered rightly |
//! | [`mod@diff`], [`reset`] | one's own code beside the solution's; the stub back, and one's own code back |
//! | [`editor`] | how the learner's editor opens a file at a line |
//! | [`grade`], [`watch`] | the grader and the compiler's messages; saves |
//!
//! [`mod@print`], [`progress`], [`report`], [`quiz`] and [`ui`] show them in the terminal. What a checkout remembers lies in the
//! files that [`course::state`] describes.

pub mod apart;
pub mod diff;
pub mod editor;
pub mod exercise;
pub mod functions;
pub mod grade;
pub mod hint;
pub mod print;
pub mod progress;
pub mod quiz;
pub mod report;
pub mod reset;
pub mod term;
pub mod together;
pub mod ui;
pub mod watch;

use std::path::Path;

use course::after::After;
use course::memory::{Entry, Memory};
use course::state::State;
use course::{Exercise, Lesson, NoRoot};

/// The checkout that this program works on.
#[derive(Clone, Debug)]
pub struct Checkout {
    memory: Memory,
}

impl Checkout {
    /// Finds it; see [`course::root`].
    ///
    /// **Errors** if there is none.
    pub fn open() -> Result<Self, NoRoot> {
        Ok(Self {
            memory: Memory::open()?,
        })
    }

    /// The one at `root`, whose state is kept in `state`.
    pub fn at(root: &Path, state: State) -> Self {
        Self {
            memory: Memory::of(root, state),
        }
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        self.memory.root()
    }

    /// What it remembers of the exercises.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The folder of what it remembers.
    pub fn state(&self) -> &State {
        self.memory.state()
    }

    /// What comes after an exercise.
    pub fn after(&self, lesson: &Lesson, exercise: &Exercise) -> After {
        course::after::after(self.root(), lesson, exercise, &self.memory.entries())
    }

    /// An exercise, and how it stands.
    pub fn entry(&self, id: &str) -> Option<Entry> {
        self.memory.entries().into_iter().find(|entry| entry.exercise.id == id)
    }
}
