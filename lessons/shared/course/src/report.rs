//! The report of a graded run, as `cargo test -p lesson01 -- --json` prints it.

use serde::{Deserialize, Serialize};

/// A graded run of one lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The lesson's package, `lesson01`.
    pub lesson: String,
    /// The seed of the run's random inputs; `--seed` repeats it.
    pub seed: u64,
    /// The graded exercises, in the order of the catalogue.
    pub exercises: Vec<Outcome>,
    /// How many passed, and how many there are.
    pub totals: Totals,
}

/// What became of one exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Lesson and place in it, `1.3`.
    pub id: String,
    /// The function the learner writes.
    pub name: String,
    /// The name of its test.
    pub test: String,
    /// What it is about.
    pub title: String,
    /// Part of the shortest way through the lesson.
    pub core: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// The id of the recognised mistake, if the verdict is [`Verdict::Mistake`].
    pub mistake: Option<String>,
    /// The verdict in full, as it stands on the terminal; empty if the exercise passed.
    pub message: String,
    /// The smallest failing input in numbers, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// How long grading it took.
    pub seconds: f64,
}

/// What an attempt gave on an input, and what was expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The input, in words.
    pub input: Option<String>,
    /// The part of a result of several.
    pub part: Option<String>,
    /// What the attempt gave.
    pub yours: Tensor,
    /// What was expected.
    pub expected: Tensor,
    /// The place of the largest difference in `values`; `None` if the shapes differ.
    pub worst: Option<usize>,
}

/// A plane of a tensor: the rows and columns around the largest difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// The shape of the whole tensor.
    pub shape: Vec<usize>,
    /// Rows of the plane shown.
    pub rows: usize,
    /// Columns of the plane shown.
    pub columns: usize,
    /// The plane's numbers, row by row; `None` where one is not finite.
    pub values: Vec<Option<f64>>,
}

/// Counts over a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Exercises graded.
    pub exercises: usize,
    /// Of these, passed.
    pub passed: usize,
    /// Of these, not started.
    pub not_started: usize,
    /// Of these, started and not yet understood (or waiting for an earlier one).
    pub failed: usize,
    /// Of these, right except that some bad input is not refused.
    #[serde(default)]
    pub understood: usize,
    /// Exercises of the lesson that a filter left out.
    pub filtered_out: usize,
}

impl Totals {
    /// Counts outcomes; `filtered_out` more were left out.
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>, filtered_out: usize) -> Self {
        let mut totals = Self {
            filtered_out,
            ..Self::default()
        };
        for outcome in outcomes {
            totals.exercises += 1;
            match outcome.verdict {
                Verdict::Passed => totals.passed += 1,
                Verdict::Understood => totals.understood += 1,
                Verdict::NotStarted => totals.not_started += 1,
                _ => totals.failed += 1,
            }
        }
        totals
    }
}

impl Report {
    /// What became of an exercise; `None` if it was not graded.
    pub fn outcome(&self, id: &str) -> Option<&Outcome> {
        self.exercises.iter().find(|outcome| outcome.id == id)
    }

    /// Whether an exercise was graded and is understood; see [`Verdict::is_understood`].
    pub fn is_understood(&self, id: &str) -> bool {
        self.outcome(id).is_some_and(|outcome| outcome.verdict.is_understood())
    }
}

/// The kinds of verdict, from "nothing there yet" to "right". In JSON `passed`, `not_started`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The stub's `todo!` is still there.
    NotStarted,
    /// Some of the exercise's functions are right, the `todo!` of another one is still there.
    Begun,
    /// It calls an earlier exercise that does not pass yet.
    Waiting,
    /// The function panicked.
    Panicked,
    /// The function did not return in time.
    Hung,
    /// The function ended its process: stack overflow, memory, exit.
    Crashed,
    /// The function returned an error for a valid input.
    ReturnedError,
    /// The function accepted an input it should refuse.
    MissingError,
    /// The result has the wrong shape (or the wrong number of parts).
    WrongShape,
    /// The result has the wrong dtype.
    WrongDtype,
    /// The result contains NaN or infinity where it should not.
    NotFinite,
    /// The result is what a known mistake gives.
    Mistake,
    /// The result is wrong by little.
    Close,
    /// The result is wrong.
    Wrong,
    /// The check itself failed: a fault of the course, not of the learner.
    Broken,
    /// No check ran: the lesson does not compile.
    Ungraded,
    /// All values are right; some inputs that should be refused are not.
    Understood,
    /// Right.
    Passed,
}

impl Verdict {
    /// The verdict as it stands in a line of the report.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::Begun => "begun",
            Self::Waiting => "waiting",
            Self::Panicked => "panicked",
            Self::Hung => "hung",
            Self::Crashed => "crashed",
            Self::ReturnedError => "returned an error",
            Self::MissingError => "no error for bad input",
            Self::WrongShape => "wrong shape",
            Self::WrongDtype => "wrong dtype",
            Self::NotFinite => "not finite",
            Self::Mistake => "recognised mistake",
            Self::Close => "numerically close",
            Self::Wrong => "wrong",
            Self::Broken => "the check is broken",
            Self::Ungraded => "does not compile",
            Self::Understood => "right, errors missing",
            Self::Passed => "passed",
        }
    }

    /// The idea of the exercise is understood: what the function returns is right, whether or not it refuses bad input.
    /// One may go on to the next exercise, and it is worth all its points.
    pub fn is_understood(self) -> bool {
        matches!(self, Self::Passed | Self::Understood)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_by_what_became_of_them() {
        let outcome = |id: &str, verdict| Outcome {
            id: id.into(),
            name: "double".into(),
            test: "ex1_1_double".into(),
            title: "Doubling".into(),
            core: true,
            verdict,
            mistake: None,
            message: String::new(),
            shown: None,
            seconds: 0.0,
        };
        let exercises = vec![
            outcome("1.1", Verdict::Passed),
            outcome("1.2", Verdict::NotStarted),
            outcome("1.3", Verdict::Waiting),
            outcome("1.4", Verdict::Mistake),
            outcome("1.5", Verdict::Understood),
        ];
        let totals = Totals::of(&exercises, 5);
        let Totals {
            exercises: all,
            passed,
            not_started,
            failed,
            understood,
            filtered_out,
        } = totals;
        assert_eq!((all, passed, not_started, failed), (5, 1, 1, 2));
        assert_eq!((understood, filtered_out), (1, 5));
        let report = Report {
            lesson: "lesson01".into(),
            seed: 1,
            exercises,
            totals,
        };
        assert!(report.is_understood("1.1") && !report.is_understood("1.2") && !report.is_understood("1.9"));
    }
}
