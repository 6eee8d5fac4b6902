//! Hints, one more at each call; how many were shown is remembered.

use std::io;

use course::Exercise;
use course::state::{Entries, State};

const FILE: &str = "hints.json";

/// The hints of an exercise that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hints {
    /// All that may be shown now, from the first nudge on.
    pub shown: Vec<String>,
    /// How many there are.
    pub total: usize,
}

impl Hints {
    fn of(exercise: &Exercise, count: usize) -> Self {
        let total = exercise.hints.len();
        let shown = exercise.hints[..count.min(total)].to_vec();
        Self { shown, total }
    }

    /// Whether one more can be asked for.
    pub fn has_more(&self) -> bool {
        self.shown.len() < self.total
    }
}

/// The hints shown so far.
pub fn shown(state: &State, exercise: &Exercise) -> Hints {
    let counts = state.read::<usize>(FILE);
    Hints::of(exercise, counts.get(&exercise.id).copied().unwrap_or(0))
}

/// One hint more than so far, or all of them.
///
/// **Errors** if that cannot be remembered.
pub fn reveal(state: &State, exercise: &Exercise, all: bool) -> io::Result<Hints> {
    state.update(FILE, |counts: &mut Entries<usize>| {
        let count = counts.entry(exercise.id.clone()).or_default();
        let total = exercise.hints.len();
        *count = if all {
            total
        } else {
            (*count).saturating_add(1).min(total)
        };
        Hints::of(exercise, *count)
    })
}

/// Forgets which hints of one exercise, or of all, were shown.
///
/// **Errors** if that cannot be remembered.
pub fn forget(state: &State, exercise: Option<&Exercise>) -> io::Result<()> {
    state.update(FILE, |counts: &mut Entries<usize>| match exercise {
        Some(exercise) => drop(counts.remove(&exercise.id)),
        None => counts.clear(),
    })
}
