//! The catalogue of lessons and exercises, and what graders, companion and page share: the report of a graded run, the
//! words of stubs and panics, and the repository's root.
//!
//! Each lesson keeps its list in `lessons/lessonNN/exercises.toml`, beside its code. The lists are built into this
//! crate, so a program that knows `course` knows every exercise without reading a file:
//!
//! ```
//! let lesson = course::lesson("lesson01").unwrap();
//! assert_eq!(lesson.number, 1);
//! let first = lesson.exercise("1.1").unwrap();
//! assert!(first.hints.len() >= 2);
//! ```
//!
//! An entry looks like this:
//!
//! ```toml
//! title = "Convolutions, residual blocks, forward pass"
//!
//! [[exercises]]
//! id = "1.1"
//! name = "output_size"              # the function the learner writes
//! test = "ex1_1_output_size"        # begins with ex1_1_; `cargo test -p lesson01 -- ex1_1` selects it
//! title = "Output size of a convolution"
//! file = "src/shapes.rs"            # relative to the lesson's folder
//! difficulty = 1                    # 1 to 3
//! minutes = 15
//! core = true                       # false: further, for those who want more
//! requires = []                     # earlier exercises whose functions this one calls
//! pictures = ["shapes"]             # the lesson's pictures that show what it makes
//! hints = ["a nudge", "a second", "the line"]
//! ```

pub mod after;
pub mod memory;
pub mod panics;
pub mod questions;
pub mod report;
mod root;
pub mod source;
pub mod state;

pub use root::{NoRoot, root};

use serde::Deserialize;
use std::{collections::HashSet, fmt, sync::LazyLock};

/// One lesson and its exercises, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// 1 to 5.
    pub number: u32,
    /// The cargo package, `lesson01`.
    pub package: String,
    /// What the lesson is about, in a few words.
    pub title: String,
    /// The exercises in the order in which they are meant to be done; empty for a lesson still to be written.
    pub exercises: Vec<Exercise>,
}

/// One exercise as the catalogue describes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// Lesson and place in it, `1.3`. Stable: notes and reports refer to it.
    pub id: String,
    /// The function the learner writes.
    pub name: String,
    /// The name of its test, `ex1_3_…`.
    pub test: String,
    /// What it is about, in a few words.
    pub title: String,
    /// The file with the stub, relative to the lesson's folder.
    pub file: String,
    /// 1 (a few lines) to 3 (a small program).
    pub difficulty: u8,
    /// How long it takes a person who meets it for the first time.
    pub minutes: u32,
    /// Part of the shortest way through the lesson.
    pub core: bool,
    /// Earlier exercises whose functions this one calls.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The lesson's pictures that show what it makes.
    #[serde(default)]
    pub pictures: Vec<String>,
    /// From a first nudge to the line itself.
    pub hints: Vec<String>,
}

/// What is wrong with a catalogue file.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogueError(String);

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CatalogueError {}

const FILES: [&str; 5] = [
    include_str!("../../../lesson01/exercises.toml"),
    include_str!("../../../lesson02/exercises.toml"),
    include_str!("../../../lesson03/exercises.toml"),
    include_str!("../../../lesson04/exercises.toml"),
    include_str!("../../../lesson05/exercises.toml"),
];

/// All lessons, 1 to 5.
///
/// # Panics
/// If a built-in catalogue file is invalid; a test of this crate rules that out.
pub fn lessons() -> &'static [Lesson] {
    static LESSONS: LazyLock<Vec<Lesson>> = LazyLock::new(|| {
        let parse = |(i, text): (usize, &&str)| Lesson::parse(i as u32 + 1, text);
        let lessons: Result<_, _> = FILES.iter().enumerate().map(parse).collect();
        lessons.unwrap_or_else(|e: CatalogueError| panic!("{e}"))
    });
    &LESSONS
}

/// The lesson of a cargo package (`lesson01`), or `None`.
pub fn lesson(package: &str) -> Option<&'static Lesson> {
    lessons().iter().find(|lesson| lesson.package == package)
}

/// An exercise by its id (`1.3`) with its lesson, or `None`.
pub fn exercise(id: &str) -> Option<(&'static Lesson, &'static Exercise)> {
    lessons().iter().find_map(|lesson| Some((lesson, lesson.exercise(id)?)))
}

/// The lessons that have exercises.
pub fn written() -> impl Iterator<Item = &'static Lesson> {
    lessons().iter().filter(|lesson| !lesson.exercises.is_empty())
}

/// All exercises with their lessons, in order.
pub fn exercises() -> impl Iterator<Item = (&'static Lesson, &'static Exercise)> {
    let of = |lesson: &'static Lesson| lesson.exercises.iter().map(move |exercise| (lesson, exercise));
    lessons().iter().flat_map(of)
}

/// The lesson that a person means by `lesson02`, `02` or `2`.
///
/// **Errors** list the lessons.
pub fn find_lesson(name: &str) -> Result<&'static Lesson, NotFound> {
    let number = name.trim_start_matches("lesson").trim_start_matches('0');
    let found = lessons().iter().find(|lesson| lesson.number.to_string() == number);
    found.ok_or_else(|| {
        let known: Vec<_> = lessons().iter().map(|lesson| lesson.package.as_str()).collect();
        NotFound(format!(
            "there is no lesson {name:?}; the lessons are {}",
            known.join(", ")
        ))
    })
}

/// The exercise with this id, for a person who may have mistyped it.
///
/// **Errors** list the ids of the lesson it would belong to, or the lessons.
pub fn find_exercise(id: &str) -> Result<(&'static Lesson, &'static Exercise), NotFound> {
    if let Some(found) = exercise(id) {
        return Ok(found);
    }
    let Ok(lesson) = find_lesson(id.split('.').next().unwrap_or(id)) else {
        let what = format!("there is no exercise {id:?}; an id looks like 1.2, the second of lesson 1");
        return Err(NotFound(what));
    };
    let package = &lesson.package;
    if lesson.exercises.is_empty() {
        let what = format!("there is no exercise {id:?}: {package} is still to be written");
        return Err(NotFound(what));
    }
    let known = lesson.exercises.iter().map(|e| format!("\n  {} {}", e.id, e.title));
    let known: String = known.collect();
    Err(NotFound(format!("there is no exercise {id:?}; {package} has{known}")))
}

/// There is no lesson or exercise of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound(String);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFound {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    #[serde(default)]
    exercises: Vec<Exercise>,
}

impl Lesson {
    /// Reads and checks the text of an `exercises.toml`.
    ///
    /// **Errors** name the lesson, the exercise and the field, and what was expected.
    pub fn parse(number: u32, toml: &str) -> Result<Self, CatalogueError> {
        let package = format!("lesson{number:02}");
        let fail = |what: String| CatalogueError(format!("lessons/{package}/exercises.toml: {what}"));
        let file: File = toml::from_str(toml).map_err(|e| fail(e.to_string()))?;
        let mut earlier = HashSet::new();
        let mut next = 1;
        for exercise in &file.exercises {
            // Ids are stable and rise; a number may be left out, for an exercise that is not there.
            let own = exercise.id.strip_prefix(&format!("{number}."));
            let place = own
                .and_then(|own| own.parse().ok())
                .filter(|&place| place >= next)
                .unwrap_or(next);
            let id = format!("{number}.{place}");
            next = place + 1;
            exercise
                .check(&id, &earlier)
                .map_err(|what| fail(format!("exercise {id}: {what}")))?;
            earlier.insert(id);
        }
        Ok(Self {
            number,
            package,
            title: file.title,
            exercises: file.exercises,
        })
    }

    /// The exercise with this id, or `None`.
    pub fn exercise(&self, id: &str) -> Option<&Exercise> {
        self.exercises.iter().find(|exercise| exercise.id == id)
    }

    /// The file with the exercise's stub, relative to the root of the repository.
    pub fn path(&self, exercise: &Exercise) -> String {
        format!("lessons/{}/{}", self.package, exercise.file)
    }

    /// The file with the reference, relative to the root of the repository.
    pub fn solution_path(&self, exercise: &Exercise) -> String {
        format!("solutions/{}/{}", self.package, exercise.file)
    }

    /// The lesson's text, relative to the root of the repository.
    pub fn text(&self) -> String {
        format!("lessons/{}/README.md", self.package)
    }

    /// What grades one of its exercises. The filter stands behind `--`: before it cargo would build and run the tests of
    /// every target of the lesson, and there are none.
    pub fn command(&self, exercise: &Exercise) -> String {
        format!("cargo test -p {} -- {}", self.package, exercise.filter())
    }
}

impl Exercise {
    /// The shortest filter that selects only this exercise: `ex1_3`.
    pub fn filter(&self) -> String {
        format!("ex{}", self.id.replace('.', "_"))
    }

    fn check(&self, id: &str, earlier: &HashSet<String>) -> Result<(), String> {
        let rule = |holds: bool, what: String| if holds { Ok(()) } else { Err(what) };
        rule(
            self.id == id,
            format!("expected id \"{id}\" in this place, got \"{}\"", self.id),
        )?;
        let prefix = format!("{}_", self.filter());
        rule(
            self.test.starts_with(&prefix),
            format!("expected a test that begins with {prefix}, got {}", self.test),
        )?;
        for (field, text) in [("name", &self.name), ("title", &self.title)] {
            rule(!text.trim().is_empty(), format!("{field} is empty"))?;
        }
        let in_src = self.file.starts_with("src/") && self.file.ends_with(".rs");
        rule(in_src, format!("expected a file like src/shapes.rs, got {}", self.file))?;
        rule(
            (1..=3).contains(&self.difficulty),
            format!("expected difficulty 1, 2 or 3, got {}", self.difficulty),
        )?;
        rule(
            (1..=180).contains(&self.minutes),
            format!("expected 1 to 180 minutes, got {}", self.minutes),
        )?;
        for required in &self.requires {
            let known = earlier.contains(required);
            rule(
                known,
                format!("requires \"{required}\", which is not an earlier exercise of this lesson"),
            )?;
        }
        rule(
            self.hints.len() >= 2,
            format!("expected at least two hints, got {}", self.hints.len()),
        )?;
        rule(
            self.hints.iter().all(|hint| !hint.trim().is_empty()),
            "a hint is empty".into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
        title = "Toys"
        [[exercises]]
        id = "1.1"
        name = "double"
        test = "ex1_1_double"
        title = "Doubling"
        file = "src/toys.rs"
        difficulty = 1
        minutes = 5
        core = true
        hints = ["add it to itself", "n + n"]
    "#;

    /// The message for `VALID` with one piece of text replaced.
    #[track_caller]
    fn error(from: &str, to: &str) -> String {
        assert!(VALID.contains(from));
        Lesson::parse(1, &VALID.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn the_five_lessons_are_valid() {
        let packages: Vec<_> = lessons().iter().map(|lesson| lesson.package.as_str()).collect();
        assert_eq!(packages, ["lesson01", "lesson02", "lesson03", "lesson04", "lesson05"]);
        assert!(lessons().iter().all(|lesson| !lesson.title.is_empty()));
    }

    #[test]
    fn a_valid_file_gives_path_and_filter() {
        let lesson = Lesson::parse(1, VALID).unwrap();
        let exercise = lesson.exercise("1.1").unwrap();
        assert_eq!(lesson.path(exercise), "lessons/lesson01/src/toys.rs");
        assert_eq!(lesson.solution_path(exercise), "solutions/lesson01/src/toys.rs");
        assert_eq!(lesson.command(exercise), "cargo test -p lesson01 -- ex1_1");
        assert_eq!(exercise.filter(), "ex1_1");
        assert!(exercise.requires.is_empty());
    }

    #[test]
    fn an_error_names_lesson_exercise_and_what_was_expected() {
        assert_eq!(
            error("\"1.1\"", "\"2.1\""),
            "lessons/lesson01/exercises.toml: exercise 1.1: expected id \"1.1\" in this place, got \"2.1\""
        );
        assert!(error("ex1_1_double", "double").contains("a test that begins with ex1_1_, got double"));
        assert!(error("src/toys.rs", "toys.rs").contains("a file like src/shapes.rs, got toys.rs"));
        assert!(error("difficulty = 1", "difficulty = 4").contains("difficulty 1, 2 or 3, got 4"));
        assert!(error("minutes = 5", "minutes = 0").contains("1 to 180 minutes, got 0"));
        assert!(error("core = true", "core = true\nrequires = [\"1.2\"]").contains("requires \"1.2\""));
        assert!(error(", \"n + n\"", "").contains("at least two hints, got 1"));
        assert!(error("\"n + n\"", "\" \"").contains("a hint is empty"));
        assert!(error("\"Doubling\"", "\"\"").contains("title is empty"));
    }

    #[test]
    fn a_lesson_and_an_exercise_are_found_as_people_write_them() {
        for name in ["2", "02", "lesson02", "lesson2"] {
            assert_eq!(find_lesson(name).unwrap().number, 2);
        }
        for name in ["", "0", "9", "lesson", "two"] {
            let error = find_lesson(name).unwrap_err().to_string();
            assert!(error.contains("lesson01, lesson02"), "{error}");
        }
        assert_eq!(find_exercise("1.2").unwrap().1.id, "1.2");
        let of_lesson = find_exercise("2.99").unwrap_err().to_string();
        assert!(of_lesson.contains("lesson02 has\n  2.1 "), "{of_lesson}");
        let no_id = find_exercise("window").unwrap_err().to_string();
        assert!(no_id.contains("an id looks like 1.2"), "{no_id}");
    }

    #[test]
    fn a_misspelt_field_is_an_error() {
        assert!(error("minutes = 5", "minuets = 5").contains("minuets"));
    }
}
