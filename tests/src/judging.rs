//! Judging an attempt by what it gave: the first experiment that fails, and the mistake that gives the same.

use crate::{
    compare::{Tolerance, compare},
    exam::{Exam, Expectation, Experiment, Mistake, Outcome},
    grade::Grade,
    observed::Observed,
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

    /// Grades answers given per experiment, however they came about.
    pub(crate) fn examine(
        &self,
        answer: &dyn Fn(usize) -> Outcome,
        recognise: bool,
        watch: &mut dyn FnMut(Step),
    ) -> Grade {
        let mut outcomes = vec![];
        for (i, experiment) in self.experiments.iter().enumerate() {
            let (expected, solution) = match self.expected(experiment) {
                Ok(expected) => expected,
                Err(why) => return Grade::broken(why).input(&experiment.label),
            };
            watch(Step::Trying {
                label: experiment.label.clone(),
                solution,
            });
            outcomes.push(answer(i));
            watch(Step::Returned);
            let grade = match &outcomes[outcomes.len() - 1] {
                Err(panic) => Grade::panicked(&self.id, panic),
                Ok(yours) => match compare(yours, expected, experiment.tolerance) {
                    None => continue,
                    Some(difference) => Grade::differs(&difference, yours, expected, experiment.because.as_deref()),
                },
            };
            let grade = grade.input(&experiment.label);
            if matches!(grade.verdict, Verdict::NotStarted | Verdict::Waiting) {
                return grade;
            }
            watch(Step::Failed(grade.clone()));
            if !recognise {
                return grade;
            }
            return match self.recognise(answer, outcomes, watch) {
                Some(mistake) => Grade {
                    verdict: Verdict::Mistake,
                    mistake: Some(mistake.id.clone()),
                    sentence: mistake.sentence.clone(),
                    ..grade
                },
                None => grade,
            };
        }
        Grade::passed()
    }

    /// The mistake that gives what the attempt gave: on every experiment up to the first failing one, and then on all
    /// others; or, for an attempt with a second fault, on most of them. One agreement alone may be chance.
    fn recognise(
        &self,
        answer: &dyn Fn(usize) -> Outcome,
        mut outcomes: Vec<Outcome>,
        watch: &mut dyn FnMut(Step),
    ) -> Option<&Mistake<F>> {
        let failing = outcomes.len();
        let agrees = |mistake: &Mistake<F>, i: usize, outcome: &Outcome| {
            let experiment = &self.experiments[i];
            let known = mistake.outcomes[i].get_or_init(|| experiment.run(mistake.attempt));
            same(known, outcome, experiment.tolerance)
        };
        let mut suspects: Vec<&Mistake<F>> = self.mistakes.iter().collect();
        // The failing experiment first: it clears most of them.
        for i in (0..failing).rev() {
            suspects.retain(|mistake| agrees(mistake, i, &outcomes[i]));
        }
        if suspects.is_empty() {
            return None;
        }
        for (i, experiment) in self.experiments.iter().enumerate().skip(failing) {
            let solution = self.expected(experiment).ok()?.1;
            watch(Step::Trying {
                label: experiment.label.clone(),
                solution,
            });
            outcomes.push(answer(i));
            watch(Step::Returned);
        }
        let mut explained = vec![];
        for mistake in suspects {
            let agreeing: Vec<_> = (0..outcomes.len())
                .filter(|&i| agrees(mistake, i, &outcomes[i]))
                .collect();
            if agreeing.len() == outcomes.len() {
                return Some(mistake);
            }
            let failed = |i: &&usize| match (&self.experiments[**i].expected.get(), &outcomes[**i]) {
                (Some(expected), outcome) => !same(expected, outcome, self.experiments[**i].tolerance),
                _ => false,
            };
            explained.push((agreeing.iter().filter(failed).count(), mistake));
        }
        let most = explained.iter().map(|(count, _)| *count).max()?;
        let mut best = explained.iter().filter(|(count, _)| *count == most);
        let (first, second) = (best.next()?, best.next());
        (most >= 2 && second.is_none()).then_some(first.1)
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
    pub(crate) fn run(&self, attempt: F) -> Outcome {
        panics::catch(|| (self.run)(attempt))
    }
}

/// Did two answers do the same?
fn same(a: &Outcome, b: &Outcome, tolerance: Tolerance) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => compare(a, b, tolerance).is_none(),
        (Err(a), Err(b)) => a.message == b.message,
        _ => false,
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
