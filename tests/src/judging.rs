//! Judging an attempt by what it gave: the first experiment that fails, and the mistake that gives the same.
//!
//! The values come first. If all are right, the inputs that must be refused are asked, and all that are missing are told
//! at once.

use crate::{
    compare::{Tolerance, compare},
    exam::{Exam, Expectation, Experiment, Mistake, Outcome},
    explain::{self, Tried},
    grade::Grade,
    hazard::Hazard,
    observed::{Observed, first_lines},
    panics, snapshot,
};
use course::report::Verdict;
use std::time::{Duration, Instant};

/// How far grading has come; a watcher can stop an attempt that takes too long.
#[derive(Clone, Debug)]
pub enum Step {
    /// The attempt now runs on this input and has this long.
    Trying {
        /// The input.
        label: String,
        /// How long the solution took on it.
        solution: Duration,
    },
    /// The attempt came back.
    Returned,
    /// The attempt failed like this; what follows only looks for a known mistake.
    Failed(Grade),
}

impl<F: Copy + 'static> Exam<F> {
    /// Grades an attempt.
    pub fn grade(&self, attempt: F) -> Grade {
        self.grade_watched(attempt, &mut |_| {})
    }

    /// Grades an attempt and tells `watch` before and after each run of it.
    pub fn grade_watched(&self, attempt: F, watch: &mut dyn FnMut(Step)) -> Grade {
        let answer = |i: usize| self.experiments[i].run(attempt);
        self.examine(&answer, true, watch)
    }

    /// Grades answers given per experiment, however they came about: first the values, and if all are right, the errors.
    pub(crate) fn examine(
        &self,
        answer: &dyn Fn(usize) -> Outcome,
        recognise: bool,
        watch: &mut dyn FnMut(Step),
    ) -> Grade {
        let mut seen = Seen {
            gave: self.experiments.iter().map(|_| None).collect(),
            ..Seen::default()
        };
        let (refusals, values): (Vec<_>, Vec<_>) =
            (0..self.experiments.len()).partition(|&i| self.experiments[i].refusal);
        let mut first: Option<Grade> = None;
        for i in values {
            let found = match self.ask(i, answer, watch, &mut seen) {
                Ok(found) => found,
                Err(broken) => return *broken,
            };
            match (found, &first) {
                (Some(grade), None) if grade.verdict == Verdict::Waiting => return grade,
                (Some(grade), None) if grade.verdict != Verdict::NotStarted => {
                    watch(Step::Failed(grade.clone()));
                    if !recognise {
                        return grade;
                    }
                    first = Some(grade);
                }
                _ => {}
            }
        }
        match first {
            Some(grade) => self.named_or_explained(grade, &seen),
            None if !seen.unwritten.is_empty() => self.begun(&seen),
            None => self.refusals(&refusals, answer, recognise, watch, seen),
        }
    }

    /// Asks one experiment: a grade if the attempt is not right on it.
    ///
    /// **Errors** if the check is broken.
    fn ask(
        &self,
        i: usize,
        answer: &dyn Fn(usize) -> Outcome,
        watch: &mut dyn FnMut(Step),
        seen: &mut Seen,
    ) -> Result<Option<Grade>, Box<Grade>> {
        let experiment = &self.experiments[i];
        let broken = |why: String| Box::new(Grade::broken(why).input(&experiment.label));
        let (expected, solution) = self.expected(experiment).map_err(broken)?;
        watch(Step::Trying {
            label: experiment.label.clone(),
            solution,
        });
        let outcome = answer(i);
        watch(Step::Returned);
        let grade = match &outcome {
            Err(panic) => Some(Grade::panicked(&self.id, panic).because(experiment.because.as_deref())),
            Ok(yours) => compare(yours, expected, experiment.tolerance)
                .map(|difference| Grade::differs(&difference, yours, expected, experiment.because.as_deref())),
        };
        let grade = grade.map(|grade| grade.input(&experiment.label));
        match &grade {
            None => seen.right.push(i),
            Some(grade) if grade.verdict == Verdict::NotStarted => {
                seen.unwritten.push((i, grade.clone()));
                return Ok(Some(grade.clone()));
            }
            Some(_) => seen.wrong.push(i),
        }
        seen.gave[i] = Some(outcome);
        Ok(grade)
    }

    /// Some value is wrong: the mistake that gives what the attempt gave, or what can be said about it without one.
    fn named_or_explained(&self, mut grade: Grade, seen: &Seen) -> Grade {
        match self.recognise(seen) {
            Some(mistake) => {
                grade.verdict = Verdict::Mistake;
                grade.mistake = Some(mistake.id.clone());
                grade.sentence.clone_from(&mistake.sentence);
            }
            None => explain::explain(
                &mut grade,
                &self.tried(&seen.right, seen),
                &self.tried(&seen.wrong, seen),
            ),
        }
        grade
            .evidence
            .splice(0..0, self.functions(seen).map(|text| ("functions".into(), text)));
        grade
    }

    /// Nothing is wrong so far, but a `todo!` of this exercise was reached.
    fn begun(&self, seen: &Seen) -> Grade {
        let grade = seen.unwritten[0].1.clone();
        if seen.right.is_empty() {
            return Grade { input: None, ..grade };
        }
        let what = self.functions(seen).unwrap_or_else(|| {
            let all = seen.right.len() + seen.unwritten.len();
            format!("{} of {all} inputs are right so far", seen.right.len())
        });
        let step = if grade.sentence.is_empty() {
            "a todo!() is left"
        } else {
            &grade.sentence
        };
        Grade {
            verdict: Verdict::Begun,
            sentence: format!("{what}. Next: {step}."),
            ..grade
        }
    }

    /// All values are right; now the inputs that must be refused, and those that are not, all at once.
    fn refusals(
        &self,
        refusals: &[usize],
        answer: &dyn Fn(usize) -> Outcome,
        recognise: bool,
        watch: &mut dyn FnMut(Step),
        mut seen: Seen,
    ) -> Grade {
        for &i in refusals {
            let before = seen.wrong.len();
            match self.ask(i, answer, watch, &mut seen) {
                Err(broken) => return *broken,
                Ok(Some(grade)) if grade.verdict == Verdict::Waiting => return grade,
                Ok(_) => {}
            }
            if seen.wrong.len() > before {
                // Should a later one never return, this much is known.
                watch(Step::Failed(explain::understood(&self.tried(&seen.wrong, &seen))));
            }
        }
        if !seen.unwritten.is_empty() {
            return self.begun(&seen);
        }
        if seen.wrong.is_empty() {
            return Grade::passed();
        }
        let mut grade = explain::understood(&self.tried(&seen.wrong, &seen));
        if recognise && let Some(mistake) = self.recognise(&seen) {
            grade.mistake = Some(mistake.id.clone());
            grade.sentence = format!("The values are right. {}", mistake.sentence);
        }
        grade
    }

    /// Which of several functions pass, fail, or are still to be written.
    fn functions(&self, seen: &Seen) -> Option<String> {
        let mut parts: Vec<&String> = vec![];
        for part in self
            .experiments
            .iter()
            .filter_map(|experiment| experiment.part.as_ref())
        {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let of = |part: &String, i: &usize| self.experiments[*i].part.as_ref() == Some(part);
        let state = |part: &&String| {
            let wrong = seen.wrong.iter().any(|i| of(part, i));
            let unwritten = seen.unwritten.iter().any(|(i, _)| of(part, i));
            match (wrong, unwritten) {
                (true, _) => format!("{part} fails"),
                (false, true) => format!("{part} is not started"),
                (false, false) => format!("{part} passes"),
            }
        };
        (parts.len() > 1).then(|| parts.iter().map(state).collect::<Vec<_>>().join(", "))
    }

    fn tried<'a>(&'a self, which: &[usize], seen: &'a Seen) -> Vec<Tried<'a>> {
        let tried = |&i: &usize| {
            let experiment = &self.experiments[i];
            Some(Tried {
                label: &experiment.label,
                because: experiment.because.as_deref(),
                hazards: &experiment.hazards,
                gave: seen.gave[i].as_ref()?,
                expected: experiment.expected.get()?.as_ref().ok()?,
            })
        };
        which.iter().filter_map(tried).collect()
    }

    /// The one mistake that gives what the attempt gave on every experiment where either differs from what is expected.
    /// Two errors are the same answer only if they say the same, and even then they are no evidence: some value must
    /// agree. If several mistakes give the same, nothing is known.
    fn recognise(&self, seen: &Seen) -> Option<&Mistake<F>> {
        let mut found = self.mistakes.iter().filter(|mistake| self.explains(mistake, seen));
        match (found.next(), found.next()) {
            (Some(mistake), None) => Some(mistake),
            _ => None,
        }
    }

    fn explains(&self, mistake: &Mistake<F>, seen: &Seen) -> bool {
        let mut evidence = false;
        // The failing experiments first: they clear most mistakes.
        for &i in seen.wrong.iter().chain(&seen.right) {
            let experiment = &self.experiments[i];
            let (Some(yours), Some(Ok(expected))) = (&seen.gave[i], experiment.expected.get()) else {
                continue;
            };
            let known = mistake.outcomes[i].get_or_init(|| experiment.run(mistake.attempt));
            let right = |gave: &Outcome| {
                gave.as_ref()
                    .is_ok_and(|gave| compare(gave, expected, experiment.tolerance).is_none())
            };
            if seen.right.contains(&i) && right(known) {
                continue;
            }
            match (yours, known) {
                (Ok(yours), Ok(known)) if agree(yours, known, experiment.tolerance) => {
                    evidence |= evident(yours, expected, experiment.tolerance);
                }
                (Err(yours), Err(known)) if yours.message == known.message => {}
                _ => return false,
            }
        }
        evidence
    }

    /// Is this the right answer on this experiment?
    pub(crate) fn is_right(&self, experiment: &Experiment<F>, gave: &Outcome) -> bool {
        match (gave, self.expected(experiment)) {
            (Ok(yours), Ok((expected, _))) => compare(yours, expected, experiment.tolerance).is_none(),
            _ => false,
        }
    }

    /// The expected value of an experiment and how long the solution took to give it (nothing if it was not asked).
    ///
    /// **Errors** if there is none, which is a fault of the check.
    fn expected<'a>(&self, experiment: &'a Experiment<F>) -> Result<(&'a Observed, Duration), String> {
        let start = Instant::now();
        let expected = experiment.expected.get_or_init(|| match &experiment.expectation {
            Expectation::Reference => experiment.run(self.reference),
            Expectation::Known(value) => Ok(value.clone()),
            Expectation::Snapshot(name) => Ok(snapshot::read(name).into()),
        });
        match (expected, &experiment.expectation) {
            (Err(panic), _) => Err(format!("the solution panicked at {}: {}", panic.at, panic.message)),
            (Ok(Observed::Refused(error)), Expectation::Reference | Expectation::Snapshot(_)) => {
                Err(format!("no expected value: {error}"))
            }
            (Ok(value), _) => Ok((value, start.elapsed())),
        }
    }
}

impl<F: Copy + 'static> Experiment<F> {
    pub(crate) fn holds(&self, hazard: Hazard) -> bool {
        self.hazards.contains(&hazard) || (hazard == Hazard::Errors && self.refusal)
    }

    pub(crate) fn run(&self, attempt: F) -> Outcome {
        panics::catch(|| (self.run)(attempt))
    }
}

/// What an attempt gave so far.
#[derive(Default)]
struct Seen {
    /// By experiment; `None` if it was not asked, or not written yet.
    gave: Vec<Option<Outcome>>,
    right: Vec<usize>,
    wrong: Vec<usize>,
    /// Experiments that reach a `todo!` of this exercise.
    unwritten: Vec<(usize, Grade)>,
}

/// Do two answers say the same? Errors do if their first lines do.
fn agree(a: &Observed, b: &Observed, tolerance: Tolerance) -> bool {
    match (a, b) {
        (Observed::Refused(a), Observed::Refused(b)) => first_lines(a, 1) == first_lines(b, 1),
        (Observed::Fields(a), Observed::Fields(b)) => {
            let both = || a.iter().zip(b);
            a.len() == b.len() && both().all(|((x, a), (y, b))| x == y && agree(a, b, tolerance))
        }
        _ => compare(a, b, tolerance).is_none(),
    }
}

/// Does a value, not only an error, differ from what is expected?
fn evident(yours: &Observed, expected: &Observed, tolerance: Tolerance) -> bool {
    match (yours, expected) {
        (Observed::Refused(_), _) => false,
        (Observed::Fields(a), Observed::Fields(b)) if a.len() == b.len() => {
            a.iter().zip(b).any(|((_, a), (_, b))| evident(a, b, tolerance))
        }
        _ => compare(yours, expected, tolerance).is_some(),
    }
}

/// An exam that judges an attempt by what it gave, wherever it ran.
pub trait Judged {
    /// The verdict. `answer` gives what the attempt gave on the experiment of this number; `watch` is told before and after.
    fn judge(&self, answer: &dyn Fn(usize) -> Outcome, watch: &mut dyn FnMut(Step)) -> Grade;
}

impl<F: Copy + 'static> Judged for Exam<F> {
    fn judge(&self, answer: &dyn Fn(usize) -> Outcome, watch: &mut dyn FnMut(Step)) -> Grade {
        self.examine(answer, true, watch)
    }
}

/// An attempt and the inputs for it, without a judge.
pub trait Observe {
    /// The number of experiments.
    fn experiments(&self) -> usize;
    /// What the attempt gives on the experiment of this number; `None` if that has another label.
    fn observe(&self, i: usize, label: &str) -> Option<Outcome>;
}

impl<F: Copy + 'static> Observe for (Exam<F>, F) {
    fn experiments(&self) -> usize {
        self.0.experiments.len()
    }

    fn observe(&self, i: usize, label: &str) -> Option<Outcome> {
        let experiment = self
            .0
            .experiments
            .get(i)
            .filter(|experiment| experiment.label == label)?;
        Some(experiment.run(self.1))
    }
}
