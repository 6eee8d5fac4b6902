//! An exam: the experiments an attempt goes through, and the answers, right and wrong, known beforehand.
//!
//! How an exam is written is said in `tests/README.md`; how an attempt is graded, in `judging.rs`.

use crate::{compare::Tolerance, grade::Grade, hazard::Hazard, judging::Judged, observed::Observed, panics::Panic};
use std::{cell::OnceCell, rc::Rc};

/// What running an experiment gave: a value, or a panic.
pub(crate) type Outcome = Result<Observed, Panic>;

/// The check of one exercise. `F` is what an attempt looks like: a function pointer, a `&'static dyn Fn` (see [`keep`]),
/// or a struct of these.
///
/// ```
/// use graders::{Exam, Hazard, Wrong, wrong};
///
/// type Double = fn(usize) -> usize;
///
/// const WRONG: &[Wrong<Double>] = &[
///     wrong("square", "You squared n; doubling adds it to itself.", |n| n * n),
///     wrong("constant", "You return 4 whatever n is.", |_| 4),
/// ];
///
/// fn double(_seed: u64) -> Exam<Double> {
///     Exam::new("1.1", (|n| 2 * n) as Double)
///         .mistakes(WRONG)
///         .alternative("a sum", |n| n + n)
///         .case("n = 3", |f| f(3))
///         .truth("n = 0", 0, |f| f(0))
///         .case("n = 100,000", |f| f(100_000))
///         .holds(Hazard::Scale)
///         .hazard(Hazard::Scale, "in a byte", |n| usize::from((2 * n) as u8))
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
    pub(crate) unnamed: Vec<(String, F)>,
    pub(crate) hazards: Vec<(Hazard, String, F)>,
    pub(crate) spared: Vec<(Hazard, String)>,
    pub(crate) pairs: Vec<(String, String, F)>,
    pub(crate) experiments: Vec<Experiment<F>>,
    part: Option<String>,
}

/// A wrong answer that learners give, and the sentence that would have helped: a row of a table for [`Exam::mistakes`].
pub struct Wrong<F> {
    id: &'static str,
    sentence: &'static str,
    attempt: F,
}

/// A row of a table of wrong answers.
pub const fn wrong<F: Copy>(id: &'static str, sentence: &'static str, attempt: F) -> Wrong<F> {
    Wrong { id, sentence, attempt }
}

/// A wrong answer that is a right one with one part changed: a row of a table for [`Exam::faults`].
pub struct Fault<P> {
    id: &'static str,
    sentence: &'static str,
    change: fn(&mut P),
}

/// A row of a table of faults: its id, the sentence that helps, and what changes in the parts of a right answer.
pub const fn fault<P>(id: &'static str, sentence: &'static str, change: fn(&mut P)) -> Fault<P> {
    Fault { id, sentence, change }
}

/// An answer that is right but for one hazard: a row of a table for [`Exam::proofs`].
pub struct Slip<F> {
    hazard: Hazard,
    name: &'static str,
    change: fn(&mut F),
}

/// A row of a table of slips: the hazard, what the answer does, and what is replaced in a right one.
pub const fn slip<F>(hazard: Hazard, name: &'static str, change: fn(&mut F)) -> Slip<F> {
    Slip { hazard, name, change }
}

/// A row of a table for [`Exam::refused`]: what a wrong answer does, and what is replaced in a right one.
pub type Refused<F> = (&'static str, fn(&mut F));

/// A row of a table of slips: `ordered!("roll, only what lies in order", roll: |x, by| [x] => solution03::roll(x, by))` is
/// right, and refuses a tensor that is [askew](crate::inputs::askew). Without the field where an attempt is one function, and with
/// `dyn` before the name where it is a `&dyn Fn`.
macro_rules! ordered {
    (dyn $name:literal, $($field:ident:)? |$($argument:tt),*| [$($tensor:expr),*] => $answer:expr) => {
        $crate::slip($crate::Hazard::NotContiguous, $name, |attempt| {
            $crate::exam::ordered!(@attempt attempt $($field)?) = &|$($argument),*| {
                $crate::inputs::in_order(&[$($tensor),*])?;
                $answer
            }
        })
    };
    ($name:literal, $($field:ident:)? |$($argument:tt),*| [$($tensor:expr),*] => $answer:expr) => {
        $crate::slip($crate::Hazard::NotContiguous, $name, |attempt| {
            $crate::exam::ordered!(@attempt attempt $($field)?) = |$($argument),*| {
                $crate::inputs::in_order(&[$($tensor),*])?;
                $answer
            }
        })
    };
    (@attempt $attempt:ident) => { *$attempt };
    (@attempt $attempt:ident $field:ident) => { $attempt.$field };
}
pub(crate) use ordered;

/// Makes a closure that captures something an attempt. An attempt is copied freely, so it refers to what it captures; a
/// program that grades ends soon, and the few bytes are never given back.
///
/// ```
/// use graders::keep;
///
/// type Scale = &'static (dyn Fn(f64) -> f64 + Sync);
///
/// fn scale(factor: f64) -> Scale {
///     keep(Box::new(move |x| factor * x))
/// }
/// assert_eq!(scale(2.0)(3.0), 6.0);
/// ```
pub fn keep<F: ?Sized>(attempt: Box<F>) -> &'static F {
    Box::leak(attempt)
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
    /// Asked after all values, see [`Exam::refuses`].
    pub(crate) refusal: bool,
    pub(crate) part: Option<String>,
    pub(crate) hazards: Vec<Hazard>,
}

pub(crate) enum Expectation {
    /// What the solution gives.
    Reference,
    /// Known without the solution: by hand, by analysis, by planting it.
    Known(Observed),
    /// The text kept in `tests/snapshots/NAME.snap`.
    Snapshot(String),
}

/// The experiments of one input, or of several that belong together: [`Exam::given`].
pub struct Given<F, G> {
    exam: Exam<F>,
    fixture: Rc<G>,
}

/// Declares the answers that are known beforehand.
impl<F: Copy + 'static> Exam<F> {
    /// The exam of exercise `id` with its solution.
    pub fn new(id: &str, reference: F) -> Self {
        Self {
            id: id.to_string(),
            reference,
            mistakes: vec![],
            alternatives: vec![],
            unnamed: vec![],
            hazards: vec![],
            spared: vec![],
            pairs: vec![],
            experiments: vec![],
            part: None,
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

    /// A table of [wrong answers](Self::mistake).
    pub fn mistakes(self, table: &[Wrong<F>]) -> Self {
        let add = |exam: Self, row: &Wrong<F>| exam.mistake(row.id, row.sentence, row.attempt);
        table.iter().fold(self, add)
    }

    /// Wrong answers that are one right answer, written independently of the solution, with one part changed.
    ///
    /// - `name`: of the right answer; it is an [alternative](Self::alternative) and must pass
    /// - `parts`: what the right answer is made of
    /// - `answer`: the answer made of these parts
    ///
    /// Two of them at once are used to test that no mistake is named that was not made.
    pub fn faults<P: Clone>(mut self, name: &str, parts: &P, answer: impl Fn(P) -> F, table: &[Fault<P>]) -> Self {
        let with = |faults: &[&Fault<P>]| {
            let mut parts = parts.clone();
            faults.iter().for_each(|fault| (fault.change)(&mut parts));
            answer(parts)
        };
        self = self.alternative(name, with(&[]));
        for (i, row) in table.iter().enumerate() {
            self = self.mistake(row.id, row.sentence, with(&[row]));
            let two = |other: &Fault<P>| (row.id.into(), other.id.into(), with(&[row, other]));
            self.pairs.extend(table[..i].iter().map(two));
        }
        self
    }

    /// Two of the [faults](Self::faults) that are a third one at once, whose name is then earned: not to be tried together.
    pub fn are_a_third(mut self, one: &str, other: &str) -> Self {
        let names = [one, other];
        let before = self.pairs.len();
        self.pairs
            .retain(|(a, b, _)| !(names.contains(&a.as_str()) && names.contains(&b.as_str())));
        assert_eq!(
            self.pairs.len() + 1,
            before,
            "{one} and {other} are two faults of a table"
        );
        self
    }

    /// Wrong answers that are `right` with something replaced, a function of several or all of it; `right` itself is no part
    /// of the exam by this. For parts inside of a function see [`faults`](Self::faults).
    pub fn changes(self, right: F, table: &[Fault<F>]) -> Self {
        table.iter().fold(self, |exam, row| {
            let mut attempt = right;
            (row.change)(&mut attempt);
            exam.mistake(row.id, row.sentence, attempt)
        })
    }

    /// A table of [attempts that are wrong in one hazard](Self::hazard): `right` with something replaced.
    pub fn proofs(self, right: F, table: &[Slip<F>]) -> Self {
        table.iter().fold(self, |exam, row| {
            let mut attempt = right;
            (row.change)(&mut attempt);
            exam.hazard(row.hazard, row.name, attempt)
        })
    }

    /// A right answer written differently. It must pass.
    pub fn alternative(mut self, name: &str, attempt: F) -> Self {
        self.alternatives.push((name.into(), attempt));
        self
    }

    /// A wrong answer that must not pass and that no mistake explains: the input it fails on says enough
    /// ([`because`](Self::because)), or it gives nothing but errors, which name nothing.
    pub fn unnamed(mut self, name: &str, attempt: F) -> Self {
        self.unnamed.push((name.into(), attempt));
        self
    }

    /// A table of [wrong answers without a name](Self::unnamed): what each does, and what is replaced in a right one.
    pub fn refused(self, right: F, table: &[Refused<F>]) -> Self {
        table.iter().fold(self, |exam, (name, change)| {
            let mut attempt = right;
            change(&mut attempt);
            exam.unnamed(name, attempt)
        })
    }

    /// An answer that is wrong on the inputs that [hold](Self::holds) this hazard and right on all others. It must be
    /// refused, without the name of a mistake: so it proves that these inputs are worth having. It may call the solution.
    pub fn hazard(mut self, hazard: Hazard, name: &str, attempt: F) -> Self {
        self.hazards.push((hazard, name.into(), attempt));
        self
    }

    /// Says why no input of this exercise can hold these hazards: "it takes no tensor".
    pub fn spared(mut self, hazards: &[Hazard], reason: &str) -> Self {
        self.spared
            .extend(hazards.iter().map(|hazard| (*hazard, reason.to_string())));
        self
    }

    /// The experiments from here on ask this function of several: the verdict says of each whether it passes.
    pub fn part(mut self, function: &str) -> Self {
        self.part = Some(function.into());
        self
    }

    /// Experiments that look at the same things: `experiments` adds them, and each is given `fixture`.
    ///
    /// ```
    /// use graders::Exam;
    ///
    /// type Sum = fn(&[f64]) -> f64;
    ///
    /// fn sum(seed: u64) -> Exam<Sum> {
    ///     let numbers = vec![seed as f64, 2.0, -2.0];
    ///     Exam::new("1.1", (|x| x.iter().sum()) as Sum).given(numbers, |on| {
    ///         on.case("three numbers", |f, x| f(x))
    ///             .truth("the last two", 0.0, |f, x| f(&x[1..]))
    ///     })
    /// }
    /// assert!(sum(3).grade(|x| x.iter().fold(0.0, |sum, x| sum + x)).is_pass());
    /// ```
    pub fn given<G: 'static>(self, fixture: G, experiments: impl FnOnce(Given<F, G>) -> Given<F, G>) -> Self {
        let given = Given {
            exam: self,
            fixture: Rc::new(fixture),
        };
        experiments(given).exam
    }
}

/// Declares the experiments.
impl<F: Copy + 'static> Exam<F> {
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

    /// An input that the function must answer with an error. These are asked last, whatever the order: an attempt that
    /// is right on everything else is told all that it should refuse, and its idea counts as understood.
    pub fn refuses<R: Into<Observed>>(self, label: impl Into<String>, run: impl Fn(F) -> R + 'static) -> Self {
        let mut exam = self.experiment(label, Expectation::Known(Observed::Refused(String::new())), run);
        exam.last("refuses").refusal = true;
        exam
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
        self.last("because").because = (!sentence.is_empty()).then(|| sentence.into());
        self
    }

    /// The experiment just added holds this hazard, or these; some [`hazard`](Self::hazard) proves each.
    pub fn holds(mut self, hazards: impl IntoIterator<Item = Hazard>) -> Self {
        self.last("holds").hazards.extend(hazards);
        self
    }

    fn last(&mut self, method: &str) -> &mut Experiment<F> {
        let last = self.experiments.last_mut();
        last.unwrap_or_else(|| panic!("exam {}: `{method}` comes after an experiment", self.id))
    }

    /// A label that can be read alone: whoever is shown one input sees none of those before it.
    fn whole(&self, label: String) -> String {
        const BACK: &str = "the same";
        if !label.starts_with(BACK) {
            return label;
        }
        let mut before = self.experiments.iter().rev().map(|one| &one.label);
        match before.find(|before| !before.starts_with(BACK)) {
            Some(before) => format!("{label}, as in: {before}"),
            None => panic!("exam {}: the same as what? {label}", self.id),
        }
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
        let label = self.whole(label.into());
        self.experiments.push(Experiment {
            label,
            run: Box::new(move |attempt| run(attempt).into()),
            expectation,
            tolerance: Tolerance::default(),
            because: None,
            expected: OnceCell::new(),
            refusal: false,
            part: self.part.clone(),
            hazards: vec![],
        });
        self
    }
}

/// The methods of [`Exam`] that add an experiment, with the fixture as the second argument.
impl<F: Copy + 'static, G: 'static> Given<F, G> {
    /// The fixture, for what is expected: `let on_all = on.fixture().mean();`.
    pub fn fixture(&self) -> Rc<G> {
        Rc::clone(&self.fixture)
    }

    /// See [`Exam::case`].
    pub fn case<R: Into<Observed>>(self, label: impl Into<String>, run: impl Fn(F, &G) -> R + 'static) -> Self {
        let fixture = self.fixture();
        self.map(|exam| exam.case(label, move |f| run(f, &fixture)))
    }

    /// See [`Exam::truth`].
    pub fn truth<R: Into<Observed>>(
        self,
        label: impl Into<String>,
        expected: impl Into<Observed>,
        run: impl Fn(F, &G) -> R + 'static,
    ) -> Self {
        let fixture = self.fixture();
        self.map(|exam| exam.truth(label, expected, move |f| run(f, &fixture)))
    }

    /// See [`Exam::refuses`].
    pub fn refuses<R: Into<Observed>>(self, label: impl Into<String>, run: impl Fn(F, &G) -> R + 'static) -> Self {
        let fixture = self.fixture();
        self.map(|exam| exam.refuses(label, move |f| run(f, &fixture)))
    }

    /// See [`Exam::snapshot`].
    pub fn snapshot<R: Into<Observed>>(
        self,
        label: impl Into<String>,
        name: &str,
        run: impl Fn(F, &G) -> R + 'static,
    ) -> Self {
        let fixture = self.fixture();
        self.map(|exam| exam.snapshot(label, name, move |f| run(f, &fixture)))
    }

    /// See [`Exam::within`].
    pub fn within(self, tolerance: Tolerance) -> Self {
        self.map(|exam| exam.within(tolerance))
    }

    /// See [`Exam::because`].
    pub fn because(self, sentence: &str) -> Self {
        self.map(|exam| exam.because(sentence))
    }

    /// See [`Exam::holds`].
    pub fn holds(self, hazards: impl IntoIterator<Item = Hazard>) -> Self {
        self.map(|exam| exam.holds(hazards))
    }

    /// See [`Exam::part`].
    pub fn part(self, function: &str) -> Self {
        self.map(|exam| exam.part(function))
    }

    fn map(self, change: impl FnOnce(Exam<F>) -> Exam<F>) -> Self {
        Self {
            exam: change(self.exam),
            fixture: self.fixture,
        }
    }
}

/// An exam without its function type, so that one workspace test can go through the exams of all lessons.
pub trait AnyExam: Judged {
    /// The exercise.
    fn id(&self) -> &str;
    /// The verdict on the solution.
    fn solution(&self) -> Grade;
    /// Each mistake and what became of it.
    fn mistakes(&self) -> Vec<Tested>;
    /// Name and verdict of each alternative.
    fn alternatives(&self) -> Vec<(String, Grade)>;
    /// Each wrong answer that has no name of its own, and what became of it.
    fn unnamed(&self) -> Vec<Tested>;
    /// Each hazard attempt: the hazard, its name, its verdict, and the inputs on which it is wrong that do not hold the
    /// hazard.
    fn hazards(&self) -> Vec<Proof>;
    /// The hazards that some input holds.
    fn held(&self) -> Vec<Hazard>;
    /// The hazards that no input can hold, and why.
    fn spared(&self) -> Vec<(Hazard, String)>;
    /// Two faults at once: their ids, and the verdict on both; at most `most` of them, those from `first` on.
    fn pairs(&self, first: usize, most: usize) -> Vec<(String, String, Grade)>;
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

/// What became of a wrong answer.
pub struct Tested {
    /// Its id, or what it does.
    pub name: String,
    /// The verdict on it.
    pub grade: Grade,
    /// The hazards that every input holds on which it is wrong.
    pub shows: Vec<Hazard>,
}

/// What became of an attempt that is wrong in nothing but one hazard.
pub struct Proof {
    /// The hazard.
    pub hazard: Hazard,
    /// What the attempt does.
    pub name: String,
    /// The verdict on it.
    pub grade: Grade,
    /// Inputs that do not hold the hazard and on which it is wrong all the same.
    pub elsewhere: Vec<String>,
}

impl<F: Copy + 'static> AnyExam for Exam<F> {
    fn id(&self) -> &str {
        &self.id
    }

    fn solution(&self) -> Grade {
        self.grade(self.reference)
    }

    fn mistakes(&self) -> Vec<Tested> {
        let tested = |mistake: &Mistake<F>| self.tested(&mistake.id, mistake.attempt);
        self.mistakes.iter().map(tested).collect()
    }

    fn alternatives(&self) -> Vec<(String, Grade)> {
        let graded = |(name, attempt): &(String, F)| (name.clone(), self.grade(*attempt));
        self.alternatives.iter().map(graded).collect()
    }

    fn unnamed(&self) -> Vec<Tested> {
        let tested = |(name, attempt): &(String, F)| self.tested(name, *attempt);
        self.unnamed.iter().map(tested).collect()
    }

    fn hazards(&self) -> Vec<Proof> {
        let proof = |(hazard, name, attempt): &(Hazard, String, F)| {
            let answers = self.answers_of(*attempt);
            let grade = answers.grade();
            let elsewhere = answers.wrong().filter(|experiment| !experiment.holds(*hazard));
            Proof {
                hazard: *hazard,
                name: name.clone(),
                grade,
                elsewhere: elsewhere.map(|experiment| experiment.label.clone()).collect(),
            }
        };
        self.hazards.iter().map(proof).collect()
    }

    fn held(&self) -> Vec<Hazard> {
        let mut held: Vec<_> = self.experiments.iter().flat_map(|e| e.hazards.clone()).collect();
        held.extend(self.experiments.iter().any(|e| e.refusal).then_some(Hazard::Errors));
        held.sort_unstable();
        held.dedup();
        held
    }

    fn spared(&self) -> Vec<(Hazard, String)> {
        self.spared.clone()
    }

    fn pairs(&self, first: usize, most: usize) -> Vec<(String, String, Grade)> {
        let count = self.pairs.len();
        // Spread over the list: neighbours are alike.
        let stride = (count / most.max(1)).max(1);
        let chosen = (0..count.min(most)).map(|i| &self.pairs[(first + i * stride) % count]);
        let graded = |(a, b, attempt): &(String, String, F)| (a.clone(), b.clone(), self.grade(*attempt));
        chosen.map(graded).collect()
    }

    fn inputs(&self) -> Vec<&str> {
        self.experiments
            .iter()
            .map(|experiment| experiment.label.as_str())
            .collect()
    }

    fn truths(&self) -> usize {
        let truth = |e: &&Experiment<F>| matches!(e.expectation, Expectation::Known(_)) && !e.refusal;
        self.experiments.iter().filter(truth).count()
    }

    fn snapshots(&self) -> Vec<(String, String)> {
        let text = |experiment: &Experiment<F>| match &experiment.expectation {
            Expectation::Snapshot(name) => Some((name.clone(), (experiment.run)(self.reference).show_whole())),
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

impl<F: Copy + 'static> Exam<F> {
    fn answers_of(&self, attempt: F) -> Answers<'_, F> {
        let gave = self.experiments.iter().map(|_| OnceCell::new()).collect();
        Answers {
            exam: self,
            attempt,
            gave,
        }
    }

    fn tested(&self, name: &str, attempt: F) -> Tested {
        let answers = self.answers_of(attempt);
        let grade = answers.grade();
        let mut wrong = answers.wrong().peekable();
        let mut shows = wrong.peek().map_or(vec![], |_| self.held());
        // Once no hazard is left, the rest need not be asked.
        while let Some(experiment) = wrong.next_if(|_| !shows.is_empty()) {
            shows.retain(|hazard| experiment.holds(*hazard));
        }
        Tested {
            name: name.to_string(),
            grade,
            shows,
        }
    }
}

/// What one attempt gives; it is run once on each experiment, however often it is asked.
struct Answers<'a, F> {
    exam: &'a Exam<F>,
    attempt: F,
    gave: Vec<OnceCell<Outcome>>,
}

impl<F: Copy + 'static> Answers<'_, F> {
    fn to(&self, i: usize) -> &Outcome {
        self.gave[i].get_or_init(|| self.exam.experiments[i].run(self.attempt))
    }

    fn grade(&self) -> Grade {
        self.exam.examine(&|i| self.to(i).clone(), true, &mut |_| {})
    }

    /// The experiments on which the attempt is not right.
    fn wrong(&self) -> impl Iterator<Item = &Experiment<F>> {
        let experiments = self.exam.experiments.iter().enumerate();
        experiments
            .filter(|(i, experiment)| !self.exam.is_right(experiment, self.to(*i)))
            .map(|(_, experiment)| experiment)
    }
}
