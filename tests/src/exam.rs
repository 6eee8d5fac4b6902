//! An exam: the experiments an attempt goes through, and the answers, right and wrong, known beforehand.

use crate::{compare::Tolerance, grade::Grade, judging::Judged, observed::Observed, panics::Panic};
use std::cell::OnceCell;

/// What running an experiment gave: a value, or a panic.
pub(crate) type Outcome = Result<Observed, Panic>;

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
    pub(crate) id: String,
    pub(crate) reference: F,
    pub(crate) mistakes: Vec<Mistake<F>>,
    pub(crate) alternatives: Vec<(String, F)>,
    pub(crate) experiments: Vec<Experiment<F>>,
}

pub(crate) struct Mistake<F> {
    pub(crate) id: String,
    pub(crate) sentence: String,
    pub(crate) attempt: F,
    /// What it gives on each experiment, once it was asked.
    pub(crate) outcomes: Vec<OnceCell<Outcome>>,
}

pub(crate) struct Experiment<F> {
    pub(crate) label: String,
    pub(crate) run: Box<dyn Fn(F) -> Observed>,
    pub(crate) expectation: Expectation,
    pub(crate) tolerance: Tolerance,
    pub(crate) because: Option<String>,
    pub(crate) expected: OnceCell<Outcome>,
}

pub(crate) enum Expectation {
    /// What the solution gives.
    Reference,
    /// Known without the solution: by hand, by analysis, by planting it.
    Known(Observed),
    /// The text kept in `tests/snapshots/NAME.snap`.
    Snapshot(String),
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
}

/// An exam without its function type, so that one workspace test can go through the exams of all lessons.
pub trait AnyExam: Judged {
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
