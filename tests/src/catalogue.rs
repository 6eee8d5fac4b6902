//! The exams of every lesson and what makes an exam sound, for the workspace tests.

use crate::{
    AnyExam, Grade, Hazard,
    exam::{Proof, Tested},
    perturbation,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Builds a lesson's exams from a seed.
pub type Catalogue = fn(u64) -> Vec<Box<dyn AnyExam>>;

/// Package and exams of each lesson that has graders.
pub fn lessons() -> Vec<(&'static str, Catalogue)> {
    vec![
        ("lesson01", crate::lesson01::catalogue),
        ("lesson02", crate::lesson02::catalogue),
        ("lesson03", crate::lesson03::catalogue),
        ("lesson04", crate::lesson04::catalogue),
        ("lesson05", crate::lesson05::catalogue),
    ]
}

/// What is known about an exam after its own attempts went through it.
pub struct Findings {
    /// The exercise.
    pub id: String,
    /// The verdict on the solution.
    pub solution: Grade,
    /// Id and verdict of each mistake.
    pub mistakes: Vec<(String, Grade)>,
    /// Name and verdict of each alternative.
    pub alternatives: Vec<(String, Grade)>,
    /// Each perturbation that changes some answer of the solution, and the verdict on what comes out.
    pub perturbations: Vec<(&'static str, Grade)>,
    /// Name and verdict of each wrong answer that has no name.
    pub unnamed: Vec<(String, Grade)>,
    /// The hazards that some input holds.
    pub held: Vec<Hazard>,
    /// The hazards that no input can hold, and why.
    pub spared: Vec<(Hazard, String)>,
    /// What became of the attempts that are wrong in nothing but one hazard.
    pub proofs: Vec<Proof>,
    /// Hazards that a mistake or an unnamed wrong answer shows, and its name.
    pub shown: Vec<(Hazard, String)>,
    /// Two faults at once: their ids, and the verdict on both.
    pub pairs: Vec<(String, String, Grade)>,
    /// Experiments whose value is known without the solution.
    pub truths: usize,
    /// The labels of the experiments.
    pub inputs: Vec<String>,
}

/// Pairs of faults that are graded for one seed. All of them would take longer than all the rest.
const PAIRS: usize = 12;

impl Findings {
    /// Grades everything the exam knows; `seed` chooses the places of the perturbations.
    pub fn of(exam: &dyn AnyExam, seed: u64) -> Self {
        let (mistakes, unnamed) = (exam.mistakes(), exam.unnamed());
        let shows = |tested: &Tested| {
            tested
                .shows
                .iter()
                .map(|&hazard| (hazard, tested.name.clone()))
                .collect()
        };
        let shown = mistakes
            .iter()
            .chain(&unnamed)
            .flat_map(|tested| -> Vec<_> { shows(tested) });
        let shown = shown.collect();
        let graded = |tested: Vec<Tested>| tested.into_iter().map(|tested| (tested.name, tested.grade)).collect();
        Self {
            id: exam.id().to_string(),
            solution: exam.solution(),
            mistakes: graded(mistakes),
            alternatives: exam.alternatives(),
            perturbations: perturbed(exam, seed),
            unnamed: graded(unnamed),
            held: exam.held(),
            spared: exam.spared(),
            proofs: exam.hazards(),
            shown,
            pairs: exam.pairs(seed as usize, PAIRS),
            truths: exam.truths(),
            inputs: exam.inputs().into_iter().map(str::to_string).collect(),
        }
    }

    /// Ids of the mistakes that are recognised as themselves.
    pub fn recognised(&self) -> usize {
        let as_itself = |(id, grade): &&(String, Grade)| grade.mistake.as_ref() == Some(id);
        self.mistakes.iter().filter(as_itself).count()
    }

    /// Alternatives that pass.
    pub fn accepted(&self) -> usize {
        let passes = |(_, grade): &&(String, Grade)| grade.is_pass();
        self.alternatives.iter().filter(passes).count()
    }

    /// Hazards that are held and proved, by name.
    pub fn proved(&self) -> Vec<&'static str> {
        let proved = |hazard: &&Hazard| {
            let proof = |proof: &Proof| proof.hazard == **hazard && proof.holds();
            self.proofs.iter().any(proof) || self.is_shown(**hazard)
        };
        self.held.iter().filter(proved).map(|hazard| hazard.name()).collect()
    }

    fn is_shown(&self, hazard: Hazard) -> bool {
        self.shown.iter().any(|(shown, _)| *shown == hazard)
    }

    /// The hazards that this exam says nothing about: neither held nor said to be impossible.
    pub fn unsaid(&self) -> Vec<Hazard> {
        let said = |hazard: &Hazard| {
            self.proofs.iter().any(|proof| proof.hazard == *hazard)
                || self.is_shown(*hazard)
                || self.spared.iter().any(|(spared, _)| spared == hazard)
        };
        Hazard::ALL.into_iter().filter(|hazard| !said(hazard)).collect()
    }

    /// Perturbations that do not pass.
    pub fn rejected(&self) -> usize {
        let fails = |(_, grade): &&(&str, Grade)| !grade.is_pass();
        self.perturbations.iter().filter(fails).count()
    }
}

/// The solution's answers with a fault in all of them, one kind of fault at a time.
fn perturbed(exam: &dyn AnyExam, seed: u64) -> Vec<(&'static str, Grade)> {
    let right = exam.answers();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut found = vec![];
    for kind in perturbation::ALL {
        let mut changed = false;
        let mut answers = vec![];
        for answer in &right {
            let wrong = kind.of(answer, &mut random);
            changed |= wrong.is_some();
            answers.push(wrong.unwrap_or_else(|| answer.clone()));
        }
        if changed {
            found.push((kind.name, exam.grade_answers(&answers)));
        }
    }
    found
}

/// What is wrong with an exam; empty if nothing is.
///
/// The solution and every alternative must pass, every mistake must fail and be recognised as itself, every perturbation
/// must fail, and at least one value must be known without the solution.
pub fn faults(exam: &dyn AnyExam) -> Vec<String> {
    Findings::of(exam, 0).faults()
}

impl Findings {
    /// What is wrong with the exam; empty if nothing is.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = vec![];
        let mut rule = |holds: bool, what: String| {
            if !holds {
                faults.push(format!("{}: {what}", self.id));
            }
        };
        rule(
            self.solution.is_pass(),
            format!("the solution fails: {}", summary(&self.solution)),
        );
        rule(
            self.mistakes.len() >= 2,
            format!("expected at least 2 mistakes, got {}", self.mistakes.len()),
        );
        for (id, grade) in &self.mistakes {
            let recognised = grade.mistake.as_ref() == Some(id);
            let said = grade
                .mistake
                .as_ref()
                .map_or_else(|| summary(grade), |other| format!("taken for `{other}`"));
            rule(recognised, format!("the mistake `{id}` is not recognised: {said}"));
            rule(
                !recognised || grade.sentence.len() >= 20,
                format!("the mistake `{id}` needs a sentence that helps"),
            );
        }
        rule(
            !self.alternatives.is_empty(),
            "expected at least 1 alternative, got none".into(),
        );
        for (name, grade) in &self.alternatives {
            rule(
                grade.is_pass(),
                format!("the alternative `{name}` fails: {}", summary(grade)),
            );
        }
        for (name, grade) in &self.perturbations {
            rule(
                !grade.is_pass(),
                format!("the right answer passes with this fault: {name}"),
            );
        }
        for (name, grade) in &self.unnamed {
            rule(!grade.is_pass(), format!("the wrong answer `{name}` passes"));
            let named = grade.mistake.clone().unwrap_or_default();
            rule(
                named.is_empty(),
                format!("the wrong answer `{name}` is taken for `{named}`"),
            );
        }
        for proof in &self.proofs {
            if let Err(why) = proof.verdict() {
                rule(
                    false,
                    format!("the hazard `{}`, {}: {why}", proof.hazard.name(), proof.name),
                );
            }
        }
        for hazard in &self.held {
            let name = hazard.name();
            let tried = self.proofs.iter().any(|proof| proof.hazard == *hazard) || self.is_shown(*hazard);
            rule(tried, format!("no attempt proves the hazard `{name}`"));
            let spared = self.spared.iter().any(|(spared, _)| spared == hazard);
            rule(
                !spared,
                format!("the hazard `{name}` is held and said to be impossible"),
            );
        }
        for (a, b, grade) in &self.pairs {
            let other = grade.mistake.as_ref().filter(|named| *named != a && *named != b);
            rule(
                other.is_none(),
                format!(
                    "`{a}` and `{b}` at once are taken for `{}`",
                    other.map_or("", |other| other)
                ),
            );
        }
        rule(
            self.truths >= 1,
            "expected at least 1 truth (a value known without the solution), got none".into(),
        );
        let mut inputs = self.inputs.clone();
        inputs.sort_unstable();
        inputs.dedup();
        rule(
            inputs.len() == self.inputs.len(),
            "two experiments have the same label".into(),
        );
        faults
    }
}

impl Proof {
    /// Is the attempt refused, for this hazard alone, and without a name?
    pub fn holds(&self) -> bool {
        self.verdict().is_ok()
    }

    fn verdict(&self) -> Result<(), String> {
        match &self.grade.mistake {
            _ if self.grade.is_pass() => Err("it passes".into()),
            _ if !self.elsewhere.is_empty() => Err(format!(
                "it is wrong on inputs that do not hold it: {}",
                self.elsewhere.join("; ")
            )),
            Some(mistake) => Err(format!("it is taken for `{mistake}`")),
            None => Ok(()),
        }
    }
}

fn summary(grade: &Grade) -> String {
    let mut parts = vec![grade.verdict.words().to_string(), grade.sentence.clone()];
    parts.extend(grade.input.iter().map(|input| format!("input: {input}")));
    parts.extend(grade.evidence.iter().map(|(label, text)| format!("{label}: {text}")));
    parts.join("; ")
}
