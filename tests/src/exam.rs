//! An exam: the experiments an attempt goes through, and the answers, right and wrong, known beforehand.

use crate::{
    compare::{Tolerance, compare},
    grade::Grade,
    observed::Observed,
    panics::{self, Panic},
    snapshot,
};
use course::report::Verdict;
use std::{
    cell::OnceCell,
    time::{Duration, Instant},
};

/// What running an experiment gave: a value, or a panic.
type Outcome = Result<Observed, Panic>;

/// The check of one exercise. `F` is the exercise's function-pointer type, or a struct of such pointers.
///
/// ```
/// use graders::Exam;
///
/// type Double = fn(usize) -> usize;
///
/// fn double(_seed: u64) -> Exam<Double> {
///     Exam::new("1.1", (|n| 2 * n) as Double)
///         .mistake("square", "You squared n; doubling adds it to itself.", |n| n * n)
///         .alternative("a sum", |n| n + n)
///         .case("n = 3", |f| f(3))
///         .truth("n = 0", 0, |f| f(0))
/// }
///
/// let exam = double(4711);
/// assert!(exam.grade(|n| n << 1).is_pass());
/// assert_eq!(exam.grade(|n| n * n).mistake.as_deref(), Some("square"));
/// ```
pub struct Exam<F> {
    id: String,
    reference: F,
    mistakes: Vec<Mistake<F>>,
    alternatives: Vec<(String, F)>,
    experiments: Vec<Experiment<F>>,
}

struct Mistake<F> {
    id: String,
    sentence: String,
    attempt: F,
    /// What it gives on each experiment, once it was asked.
    outcomes: Vec<OnceCell<Outcome>>,
}

struct Experiment<F> {
    label: String,
    run: Box<dyn Fn(F) -> Observed>,
    expectation: Expectation,
    tolerance: Tolerance,
    because: Option<String>,
    expected: OnceCell<Outcome>,
}

enum Expectation {
    /// What the solution gives.
    Reference,
    /// Known without the solution: by hand, by analysis, by planting it.
    Known(Observed),
    /// The text kept in `tests/snapshots/NAME.snap`.
    Snapshot(String),
}

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
    /// The exam of exercise `id` with its solution.
    pub fn new(id: &str, reference: F) -> Self {
        Self {
            id: id.to_string(),
            reference,
            mistakes: vec![],
            alternatives: vec![],
            experiments: vec![],
        }
    }

    /// A wrong answer that learners give, and the sentence that would have helped.
    ///
    /// It is recognised by what it returns, so some experiment must tell it from every other mistake.
    pub fn mistake(mut self, id: &str, sentence: &str, attempt: F) -> Self {
        self.mistakes.push(Mistake {
            id: id.into(),
            sentence: sentence.into(),
            attempt,
            outcomes: self.experiments.iter().map(|_| OnceCell::new()).collect(),
        });
        self
    }

    /// A right answer written differently. It must pass.
    pub fn alternative(mut self, name: &str, attempt: F) -> Self {
        self.alternatives.push((name.into(), attempt));
        self
    }

    /// An input on which the attempt must do what the solution does. Order inputs from small to large: the first that
    /// fails is shown.
    pub fn case<R: Into<Observed>>(self, label: impl Into<String>, run: impl Fn(F) -> R + 'static) -> Self {
        self.experiment(label, Expectation::Reference, run)
    }

    /// An input whose result is known without the solution: by hand, by analysis, or because it was planted.
    pub fn truth<R: Into<Observed>>(
        self,
        label: impl Into<String>,
        expected: impl Into<Observed>,
        run: impl Fn(F) -> R + 'static,
    ) -> Self {
        self.experiment(label, Expectation::Known(expected.into()), run)
    }

    /// An input that the function must answer with an error.
    pub fn refuses<R: Into<Observed>>(self, label: impl Into<String>, run: impl Fn(F) -> R + 'static) -> Self {
        self.experiment(label, Expectation::Known(Observed::Refused(String::new())), run)
    }

    /// An input whose result is a text kept in `tests/snapshots/NAME.snap`.
    pub fn snapshot<R: Into<Observed>>(
        self,
        label: impl Into<String>,
        name: &str,
        run: impl Fn(F) -> R + 'static,
    ) -> Self {
        self.experiment(label, Expectation::Snapshot(name.into()), run)
    }

    /// Sets how close the numbers of the experiment just added must be.
    pub fn within(mut self, tolerance: Tolerance) -> Self {
        self.last("within").tolerance = tolerance;
        self
    }

    /// Says why the experiment just added expects what it expects. Shown instead of the general sentence when it fails
    /// and no mistake is recognised.
    pub fn because(mut self, sentence: &str) -> Self {
        self.last("because").because = Some(sentence.into());
        self
    }

    fn last(&mut self, method: &str) -> &mut Experiment<F> {
        let last = self.experiments.last_mut();
        last.unwrap_or_else(|| panic!("exam {}: `{method}` comes after an experiment", self.id))
    }

    fn experiment<R: Into<Observed>>(
        mut self,
        label: impl Into<String>,
        expectation: Expectation,
        run: impl Fn(F) -> R + 'static,
    ) -> Self {
        for mistake in &mut self.mistakes {
            mistake.outcomes.push(OnceCell::new());
        }
        self.experiments.push(Experiment {
            label: label.into(),
            run: Box::new(move |attempt| run(attempt).into()),
            expectation,
            tolerance: Tolerance::default(),
            because: None,
            expected: OnceCell::new(),
        });
        self
    }

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
    fn examine(&self, answer: &dyn Fn(usize) -> Outcome, recognise: bool, watch: &mut dyn FnMut(Step)) -> Grade {
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
    fn run(&self, attempt: F) -> Outcome {
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

/// An exam without its function type, so that one workspace test can go through the exams of all lessons.
pub trait AnyExam {
    /// The exercise.
    fn id(&self) -> &str;
    /// The verdict on the solution.
    fn solution(&self) -> Grade;
    /// Id and verdict of each mistake.
    fn mistakes(&self) -> Vec<(String, Grade)>;
    /// Name and verdict of each alternative.
    fn alternatives(&self) -> Vec<(String, Grade)>;
    /// The labels of the experiments.
    fn inputs(&self) -> Vec<&str>;
    /// The number of experiments whose value is known without the solution.
    fn truths(&self) -> usize;
    /// Name of each snapshot and the text the solution gives for it.
    fn snapshots(&self) -> Vec<(String, String)>;
    /// What the solution gives on each input; a panic counts as an error.
    fn answers(&self) -> Vec<Observed>;
    /// The verdict on these answers, one per input, without a look at the known mistakes. An input without an answer
    /// gets an error.
    fn grade_answers(&self, answers: &[Observed]) -> Grade;
}

impl<F: Copy + 'static> AnyExam for Exam<F> {
    fn id(&self) -> &str {
        &self.id
    }

    fn solution(&self) -> Grade {
        self.grade(self.reference)
    }

    fn mistakes(&self) -> Vec<(String, Grade)> {
        self.mistakes
            .iter()
            .map(|mistake| (mistake.id.clone(), self.grade(mistake.attempt)))
            .collect()
    }

    fn alternatives(&self) -> Vec<(String, Grade)> {
        self.alternatives
            .iter()
            .map(|(name, attempt)| (name.clone(), self.grade(*attempt)))
            .collect()
    }

    fn inputs(&self) -> Vec<&str> {
        self.experiments
            .iter()
            .map(|experiment| experiment.label.as_str())
            .collect()
    }

    fn truths(&self) -> usize {
        let truth = |e: &&Experiment<F>| match &e.expectation {
            Expectation::Known(value) => !matches!(value, Observed::Refused(_)),
            _ => false,
        };
        self.experiments.iter().filter(truth).count()
    }

    fn snapshots(&self) -> Vec<(String, String)> {
        let text = |experiment: &Experiment<F>| match &experiment.expectation {
            Expectation::Snapshot(name) => Some((name.clone(), (experiment.run)(self.reference).show())),
            _ => None,
        };
        self.experiments.iter().filter_map(text).collect()
    }

    fn answers(&self) -> Vec<Observed> {
        let answer = |experiment: &Experiment<F>| {
            let outcome = match (&experiment.expectation, experiment.expected.get()) {
                (Expectation::Reference, Some(known)) => known.clone(),
                _ => experiment.run(self.reference),
            };
            outcome.unwrap_or_else(|panic| Observed::Refused(panic.message))
        };
        self.experiments.iter().map(answer).collect()
    }

    fn grade_answers(&self, answers: &[Observed]) -> Grade {
        let none = || Observed::Refused("no answer".into());
        let answer = |i: usize| Ok(answers.get(i).cloned().unwrap_or_else(none));
        self.examine(&answer, false, &mut |_| {})
    }
}
