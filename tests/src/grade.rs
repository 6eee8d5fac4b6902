//! What a check says about an attempt, and its words.

use crate::{
    compare::Difference,
    observed::{Observed, first_lines},
    panics::Panic,
};
use course::{
    panics::{self, Todo},
    report::Verdict,
};
use serde::{Deserialize, Serialize};

/// A verdict with what a learner needs to act on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// The kind of verdict.
    pub verdict: Verdict,
    /// The id of the recognised mistake.
    pub mistake: Option<String>,
    /// The exercise this one waits for.
    pub waiting_for: Option<String>,
    /// What happened and what to do, in a sentence or two.
    pub sentence: String,
    /// The place in the source, `file:line`.
    pub at: Option<String>,
    /// The input that shows it: the first failing one, so the smallest.
    pub input: Option<String>,
    /// Label and text: yours, expected, difference.
    pub evidence: Vec<(String, String)>,
    /// Both values as they are, for `Grade::in_full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Box<(Observed, Observed)>>,
}

impl Grade {
    /// A verdict and a sentence.
    pub fn new(verdict: Verdict, sentence: impl Into<String>) -> Self {
        Self {
            verdict,
            mistake: None,
            waiting_for: None,
            sentence: sentence.into(),
            at: None,
            input: None,
            evidence: vec![],
            whole: None,
        }
    }

    /// With all of both values instead of a corner, if that was asked for. Either way they are not passed on.
    pub(crate) fn in_full(mut self, full: bool) -> Self {
        if let (Some(whole), true) = (self.whole.take(), full) {
            for (label, text) in &mut self.evidence {
                match label.as_str() {
                    "yours" => *text = whole.0.show_whole(),
                    "expected" if !matches!(whole.1, Observed::Refused(_)) => *text = whole.1.show_whole(),
                    _ => {}
                }
            }
            if self.evidence.iter().all(|(label, _)| label != "yours") {
                self.evidence.insert(0, ("yours".into(), whole.0.show_whole()));
                self.evidence.insert(1, ("expected".into(), whole.1.show_whole()));
            }
        }
        self
    }

    /// Right.
    pub fn passed() -> Self {
        Self::new(Verdict::Passed, "")
    }

    /// Did the attempt pass?
    pub fn is_pass(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// The input that shows it.
    pub(crate) fn input(self, label: &str) -> Self {
        Self {
            input: Some(label.to_string()),
            ..self
        }
    }

    /// The check itself failed.
    pub(crate) fn broken(what: impl Into<String>) -> Self {
        let what = what.into();
        Self::new(
            Verdict::Broken,
            format!("This is a fault of the course, not of your code: {what}. Please report it with the replay line."),
        )
    }

    /// The exercise calls another one that does not pass yet.
    pub(crate) fn waiting(required: &str) -> Self {
        let sentence = format!("This exercise calls {required}, which does not pass yet. Finish {required} first.");
        Self {
            waiting_for: Some(required.to_string()),
            ..Self::new(Verdict::Waiting, sentence)
        }
    }

    /// The same verdict beside an exercise that this one calls and that does not pass. A mistake that was recognised was
    /// made here; anything else is shown, too, because it may come from there or not.
    pub(crate) fn beside(self, required: &str) -> Self {
        let waiting = Self::waiting(required);
        match self.verdict {
            Verdict::Waiting => waiting,
            Verdict::Mistake => Self {
                sentence: format!("{} (It also calls {required}, which does not pass yet.)", self.sentence),
                ..self
            },
            _ => Self {
                verdict: waiting.verdict,
                waiting_for: waiting.waiting_for,
                sentence: format!(
                    "{} If this does not come from there: {}",
                    waiting.sentence, self.sentence
                ),
                ..self
            },
        }
    }

    /// The attempt at exercise `id` panicked; a stub's `todo!` is "not started".
    pub(crate) fn panicked(id: &str, panic: &Panic) -> Self {
        let grade = match panics::todo(&panic.message) {
            Some(Todo::Stub { exercise, step }) if exercise == id => Self::new(Verdict::NotStarted, step),
            Some(Todo::Stub { exercise, .. }) => Self::waiting(exercise),
            Some(Todo::Other) => Self::new(Verdict::Panicked, "A todo!() is still reached."),
            None => Self::new(
                Verdict::Panicked,
                format!("Your function panicked: {}", sentence(&first_lines(&panic.message, 3))),
            ),
        };
        Self {
            at: Some(place(&panic.at)),
            ..grade
        }
    }

    /// Says also what was expected, and why, of a panic.
    pub(crate) fn because(mut self, because: Option<&str>) -> Self {
        if let (Verdict::Panicked, Some(because)) = (self.verdict, because) {
            self.sentence = format!("{} {because}", self.sentence);
        }
        self
    }

    /// The attempt gave something else than expected.
    pub(crate) fn differs(
        difference: &Difference,
        yours: &Observed,
        expected: &Observed,
        because: Option<&str>,
    ) -> Self {
        let general = match difference.verdict {
            Verdict::WrongShape => "The shape is wrong, so the values were not looked at.",
            Verdict::WrongDtype => "The numbers have the wrong type, so the values were not looked at.",
            Verdict::NotFinite => {
                "NaN or infinity where a finite number is expected. Look for a division by 0, the logarithm or root \
                 of 0, or an exp that overflows."
            }
            Verdict::ReturnedError => "Your function returned an error for an input that is valid.",
            Verdict::MissingError => {
                "This input makes no sense, so the function should return an error. Yours returned a value."
            }
            Verdict::Close if difference.relative.is_some_and(|error| error <= 1e-4) => {
                "Nearly right: off by less than 1e-4, more than rounding alone, which stays below about 1e-6. Look for \
                 digits lost on the way: a small difference of large numbers, f32 where f64 is asked for."
            }
            Verdict::Close => {
                "Nearly right: off by between 1e-4 and 1e-2. Rounding alone stays below about 1e-6, another formula is \
                 mostly above 1e-2. In between it is often a small constant: an eps, or n for n − 1."
            }
            _ => "The value is wrong.",
        };
        let sentence = match because {
            Some(because) if difference.verdict == Verdict::ReturnedError => format!("{general} {because}"),
            Some(because) => because.to_string(),
            None => general.to_string(),
        };
        let mut grade = Self::new(difference.verdict, sentence);
        let tables = matches!((yours, expected), (Observed::Text(_), Observed::Text(_)));
        if !tables {
            let (field, worst) = (&difference.field, difference.worst);
            grade.evidence.push(("yours".into(), yours.show_at(field, worst)));
            let shown = match expected {
                Observed::Refused(_) => "an error".to_string(),
                value => value.show_at(field, worst),
            };
            grade.evidence.push(("expected".into(), shown));
        }
        if !difference.text.is_empty() {
            grade.evidence.push(("difference".into(), difference.text.clone()));
        }
        grade.whole = Some(Box::new((yours.clone(), expected.clone())));
        grade
    }
}

/// A text with its full stop.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '…', '!', '?']) {
        text.to_string()
    } else {
        format!("{text}.")
    }
}

/// A panic's place without the machine's folders: `lessons/lesson01/src/shapes.rs:31`, `candle-core-0.11.1/src/…`.
pub(crate) fn place(at: &str) -> String {
    if at.starts_with("/rustc/") {
        return "inside the standard library".into();
    }
    match at.split_once("/registry/src/") {
        Some((_, rest)) => rest.split_once('/').map_or(rest, |(_, path)| path).to_string(),
        None => at.to_string(),
    }
}
