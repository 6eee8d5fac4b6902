//! The exams of every lesson and what makes an exam sound, for the workspace tests.

use crate::{AnyExam, Grade};

/// Builds a lesson's exams from a seed.
pub type Catalogue = fn(u64) -> Vec<Box<dyn AnyExam>>;

/// Package and exams of each lesson that has graders.
pub fn lessons() -> Vec<(&'static str, Catalogue)> {
    vec![("lesson01", crate::lesson01::catalogue)]
}

/// What is wrong with an exam; empty if nothing is.
///
/// The solution and every alternative must pass, every mistake must fail and be recognised as itself, and at least one
/// value must be known without the solution.
pub fn faults(exam: &dyn AnyExam) -> Vec<String> {
    let mut faults = vec![];
    let mut rule = |holds: bool, what: String| {
        if !holds {
            faults.push(format!("{}: {what}", exam.id()));
        }
    };
    let solution = exam.solution();
    rule(
        solution.is_pass(),
        format!("the solution fails: {}", summary(&solution)),
    );

    let mistakes = exam.mistakes();
    rule(
        mistakes.len() >= 2,
        format!("expected at least 2 mistakes, got {}", mistakes.len()),
    );
    for (id, grade) in &mistakes {
        let recognised = grade.mistake.as_ref() == Some(id);
        let said = grade
            .mistake
            .as_ref()
            .map_or_else(|| summary(grade), |other| format!("taken for `{other}`"));
        rule(
            recognised,
            format!("the mistake `{id}` is not recognised: {said}"),
        );
        rule(
            !recognised || grade.sentence.len() >= 20,
            format!("the mistake `{id}` needs a sentence that helps"),
        );
    }
    let alternatives = exam.alternatives();
    rule(
        !alternatives.is_empty(),
        "expected at least 1 alternative, got none".into(),
    );
    for (name, grade) in &alternatives {
        rule(
            grade.is_pass(),
            format!("the alternative `{name}` fails: {}", summary(grade)),
        );
    }
    let mut inputs = exam.inputs();
    rule(
        exam.truths() >= 1,
        "expected at least 1 truth (a value known without the solution), got none".into(),
    );
    let all = inputs.len();
    inputs.sort_unstable();
    inputs.dedup();
    rule(
        inputs.len() == all,
        "two experiments have the same label".into(),
    );
    faults
}

fn summary(grade: &Grade) -> String {
    let mut parts = vec![grade.verdict.words().to_string(), grade.sentence.clone()];
    parts.extend(grade.input.iter().map(|input| format!("input: {input}")));
    parts.extend(
        grade
            .evidence
            .iter()
            .map(|(label, text)| format!("{label}: {text}")),
    );
    parts.join("; ")
}
