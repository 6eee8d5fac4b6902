//! One line of the set-up report.

use serde::Serialize;

use crate::term::{BAD, DIM, FAIR, GOOD};

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Everything in order.
    Ok,
    /// Works, but slower or tighter than it should be.
    Warning,
    /// The lessons will not run like this.
    Failed,
    /// Needs something that failed before it.
    Skipped,
}

/// What was looked at, what was found, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    name: &'static str,
    outcome: Ended,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

impl Check {
    pub fn ok(name: &'static str, found: String) -> Self {
        Self {
            name,
            outcome: Ended::Ok,
            found,
            todo: None,
        }
    }

    pub fn warning(name: &'static str, found: String, todo: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Ended::Warning,
            found,
            todo: Some(todo.into()),
        }
    }

    pub fn failed(name: &'static str, found: String, todo: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Ended::Failed,
            found,
            todo: Some(todo.into()),
        }
    }

    pub fn skipped(name: &'static str, needs: &str) -> Self {
        Self {
            name,
            outcome: Ended::Skipped,
            found: format!("needs {needs}"),
            todo: None,
        }
    }

    pub fn outcome(&self) -> Ended {
        self.outcome
    }

    /// One line, and a second one saying what to do where something is to be done.
    pub fn print(&self) {
        let (style, word) = match self.outcome {
            Ended::Ok => (GOOD, "ok"),
            Ended::Warning => (FAIR, "warning"),
            Ended::Failed => (BAD, "FAILED"),
            Ended::Skipped => (DIM, "skipped"),
        };
        anstream::println!("  {style}{word:<8}{style:#} {:<17} {}", self.name, self.found);
        if let Some(todo) = &self.todo {
            anstream::println!("  {:26} -> {todo}", "");
        }
    }
}
