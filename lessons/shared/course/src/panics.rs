//! What stubs, panics and candle's errors say, and how it is read.

use std::any::Any;

/// What `todo!` puts before its text.
const TODO: &str = "not yet implemented";
/// What a stub's `todo!` begins with, before the number of its exercise: `exercise 1.3: …`.
const STUB: &str = "exercise ";

/// The text of a panic.
pub fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no message)")
}

/// What a `todo!` said when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Todo<'a> {
    /// A stub, as it came.
    Stub {
        /// The exercise, `1.3`.
        exercise: &'a str,
        /// What to do first.
        step: &'a str,
    },
    /// Another one.
    Other,
}

/// The `todo!` behind the text of a panic; `None` if it is none.
pub fn todo(message: &str) -> Option<Todo<'_>> {
    let text = message.strip_prefix(TODO)?;
    let stub = text.strip_prefix(": ").and_then(|text| text.strip_prefix(STUB));
    Some(stub.map_or(Todo::Other, |stub| {
        let (exercise, step) = stub.split_once(": ").unwrap_or((stub, ""));
        Todo::Stub { exercise, step }
    }))
}

/// The first steps that the stubs of an exercise name, as far as they still stand in this source. It need not compile; a
/// stub that is commented out does not count.
pub fn stubs<'a>(source: &'a str, exercise: &str) -> Vec<&'a str> {
    let start = format!("\"{STUB}{exercise}:");
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let after = code.filter_map(|line| line.split_once(&start));
    let step = after.map(|(_, step)| step.split_once('"').map_or(step, |(step, _)| step).trim());
    step.collect()
}

/// The first line of a text.
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A message without the stack that candle's errors print below it if `RUST_BACKTRACE` is set.
pub fn without_backtrace(text: &str) -> &str {
    let end = text.find("\n   0: ").unwrap_or(text.len());
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_is_told_from_other_panics() {
        let stub = todo("not yet implemented: exercise 1.8: start with one pixel");
        let (exercise, step) = ("1.8", "start with one pixel");
        assert_eq!(stub, Some(Todo::Stub { exercise, step }));
        assert_eq!(todo("not yet implemented"), Some(Todo::Other));
        assert_eq!(todo("not yet implemented: later"), Some(Todo::Other));
        assert_eq!(todo("index out of bounds"), None);
    }

    #[test]
    fn the_text_of_a_real_todo_is_read() {
        let payload = std::panic::catch_unwind(|| -> () { todo!("exercise {}: add", "1.2") }).unwrap_err();
        let (exercise, step) = ("1.2", "add");
        assert_eq!(todo(message(&*payload)), Some(Todo::Stub { exercise, step }));
        assert_eq!(message(&5), "(no message)");
    }

    #[test]
    fn a_stub_is_found_in_a_source() {
        let source = "fn f() {\n    todo!(\n        \"exercise 1.2: add\"\n    )\n}";
        assert_eq!(stubs(source, "1.2"), ["add"]);
        assert!(stubs(source, "1.1").is_empty() && stubs(source, "1.22").is_empty());
        assert!(stubs("// todo!(\"exercise 1.2: add\")", "1.2").is_empty());
    }

    #[test]
    fn a_backtrace_is_cut_off_and_a_message_kept_whole() {
        assert_eq!(without_backtrace("two\nlines\n   0: main\n   1: start\n"), "two\nlines");
        assert_eq!(without_backtrace("ends here"), "ends here");
    }
}
