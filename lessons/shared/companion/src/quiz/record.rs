//! Which questions were answered rightly the last time they were asked.

use std::collections::BTreeSet;
use std::io;

use course::state::{Entries, State};

const FILE: &str = "quiz.json";

/// The ids of the questions answered rightly.
pub fn right(state: &State) -> BTreeSet<String> {
    let answered = state.read::<bool>(FILE).into_iter();
    answered.filter_map(|(id, is_right)| is_right.then_some(id)).collect()
}

/// Remembers an answer.
///
/// **Errors** if it cannot be written.
pub fn answer(state: &State, id: &str, is_right: bool) -> io::Result<()> {
    state.update(FILE, |answers: &mut Entries<bool>| {
        answers.insert(id.to_string(), is_right);
    })
}

/// Forgets the answers to these questions.
///
/// **Errors** if that cannot be written.
pub fn forget<'a>(state: &State, ids: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    state.update(FILE, |answers: &mut Entries<bool>| {
        for id in ids {
            answers.remove(id);
        }
    })
}
