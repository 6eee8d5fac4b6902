//! One's own functions of an exercise beside the solution's, code only.

use std::path::Path;

use anyhow::Result;
use course::{Exercise, Lesson};
use similar::{ChangeTag, TextDiff};

use crate::exercise::{names, read, text};
use crate::functions::code_only;

/// A line of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The learner's line, if there is one.
    pub yours: Option<String>,
    /// The solution's.
    pub reference: Option<String>,
    /// Whether they are the same.
    pub same: bool,
}

/// One function of an exercise on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// `convolve`, or `impl Hooks / add`.
    pub name: String,
    /// Its lines side by side; where they differ, the lines of one place stand in one row.
    pub rows: Vec<Row>,
}

/// All functions of an exercise on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The learner's file, relative to the root.
    pub yours: String,
    /// The solution's.
    pub reference: String,
    /// Function by function.
    pub pairs: Vec<Pair>,
}

impl Diff {
    /// Whether the learner's code is the solution's.
    pub fn is_same(&self) -> bool {
        self.pairs.iter().flat_map(|pair| &pair.rows).all(|row| row.same)
    }
}

/// Sets the functions of an exercise beside the solution's. One that the learner's file does not hold has no lines.
pub fn diff(root: &Path, lesson: &Lesson, exercise: &Exercise) -> Result<Diff> {
    let (yours, reference) = (lesson.path(exercise), lesson.solution_path(exercise));
    let (mine, theirs) = (read(root, &yours)?, read(root, &reference)?);
    let pair = |name: String| {
        let code = |source| text(source, &name).map(code_only).map(outdented).unwrap_or_default();
        let rows = rows(&code(&mine), &code(&theirs));
        Pair { name, rows }
    };
    let pairs = names(root, lesson, exercise)?.into_iter().map(pair).collect();
    Ok(Diff {
        yours,
        reference,
        pairs,
    })
}

/// A function of a type as if it stood alone: its first line has no indentation, and the others lose that of the last.
fn outdented(function: String) -> String {
    let last = function.lines().last().unwrap_or_default();
    let indent = &last[..last.len() - last.trim_start().len()];
    let lines = function.lines().map(|line| line.strip_prefix(indent).unwrap_or(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The lines of two texts side by side.
fn rows(yours: &str, reference: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = vec![];
    let mut open = 0; // the first row whose right side may be filled
    for change in TextDiff::from_lines(yours, reference).iter_all_changes() {
        let line = change.value().trim_end_matches('\n').to_string();
        match change.tag() {
            ChangeTag::Equal => {
                rows.push(Row {
                    yours: Some(line.clone()),
                    reference: Some(line),
                    same: true,
                });
                open = rows.len();
            }
            ChangeTag::Delete => rows.push(Row {
                yours: Some(line),
                reference: None,
                same: false,
            }),
            ChangeTag::Insert => match rows[open..].iter_mut().find(|row| row.reference.is_none()) {
                Some(row) => row.reference = Some(line),
                None => rows.push(Row {
                    yours: None,
                    reference: Some(line),
                    same: false,
                }),
            },
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_stand_in_one_row() {
        let rows = rows("a\nb\nc\nd\n", "a\nB\nd\ne\n");
        let row = |row: &Row| {
            let side = |side: &Option<String>| side.clone().unwrap_or_default();
            (side(&row.yours), side(&row.reference), row.same)
        };
        let found: Vec<_> = rows.iter().map(row).collect();
        let expected = [
            ("a", "a", true),
            ("b", "B", false),
            ("c", "", false),
            ("d", "d", true),
            ("", "e", false),
        ];
        assert_eq!(found, expected.map(|(a, b, same)| (a.to_string(), b.to_string(), same)));
    }

    #[test]
    fn a_function_of_a_type_loses_the_indentation_of_its_block() {
        let function = "fn f() {\n        1\n    }\n".to_string();
        assert_eq!(outdented(function), "fn f() {\n    1\n}\n");
    }

    #[test]
    fn solution_and_solution_are_the_same() {
        let text = "fn f() {\n    1\n}\n";
        assert!(rows(text, text).iter().all(|row| row.same));
    }
}
