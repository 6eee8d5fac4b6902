//! What can be read off the sources: where an exercise's function stands, and whether it is still a stub.
//!
//! No compiler and no grading; it works on sources that do not compile.

use std::path::Path;

use crate::{Exercise, Lesson, exercises, panics};

impl Lesson {
    /// `lessons/lesson01/src/window.rs:42`, the line of an exercise's function; without a line if it is not there.
    pub fn place(&self, root: &Path, exercise: &Exercise) -> String {
        let path = self.path(exercise);
        let text = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        match line_of(&text, &exercise.name) {
            Some(line) => format!("{path}:{line}"),
            None => path,
        }
    }

    /// Whether a stub of an exercise is still untouched; one of several is enough.
    pub fn is_stub(&self, root: &Path, exercise: &Exercise) -> bool {
        self.first_step(root, exercise).is_some()
    }

    /// The step that an exercise's first untouched stub names.
    pub fn first_step(&self, root: &Path, exercise: &Exercise) -> Option<String> {
        let text = std::fs::read_to_string(root.join(self.path(exercise))).unwrap_or_default();
        panics::stubs(&text, &exercise.id).first().map(|step| step.to_string())
    }
}

/// The first core exercise whose stub is untouched.
pub fn first_stub(root: &Path) -> Option<(&'static Lesson, &'static Exercise)> {
    exercises().find(|(lesson, exercise)| exercise.core && lesson.is_stub(root, exercise))
}

/// The line, from 1, where a function or type of this name is declared.
pub fn line_of(source: &str, name: &str) -> Option<usize> {
    let declares = |line: &str| {
        ["fn ", "struct ", "enum ", "trait "].iter().any(|keyword| {
            let after = line.split_once(keyword).and_then(|(_, rest)| rest.strip_prefix(name));
            after.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    let place = source.lines().position(|line| is_code(line) && declares(line));
    place.map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_found_whatever_stands_around_it() {
        let source = "/// fn double explains\nfn doubled() {}\npub fn double(n: usize) -> usize {\n";
        assert_eq!(line_of(source, "double"), Some(3));
        assert_eq!(line_of("pub struct Hooks<'a> {}", "Hooks"), Some(1));
        assert_eq!(line_of(source, "triple"), None);
    }

    #[test]
    fn every_exercise_has_a_solution_with_its_function_and_every_lesson_a_text() {
        let root = crate::root().unwrap();
        for (lesson, exercise) in exercises() {
            let text = std::fs::read_to_string(root.join(lesson.solution_path(exercise))).unwrap();
            assert!(
                line_of(&text, &exercise.name).is_some(),
                "{}: {}",
                exercise.id,
                exercise.name
            );
            assert!(root.join(lesson.text()).is_file());
        }
    }
}
