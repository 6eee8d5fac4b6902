//! `progress` and `next`: both grade anew, so they say what is true now.

use anyhow::Result;
use course::report::{Outcome, Report, Verdict};
use course::{Exercise, Lesson};

use crate::term::{BAD, DIM, GOOD, TITLE};
use crate::{lessons, report, together};

/// Prints a table of all lessons, core and further exercises apart.
pub fn progress(json: bool) -> Result<()> {
    let written: Vec<_> = course::written().collect();
    if json {
        println!("{:#}", report::Course::grade(&written, None)?.json());
        return Ok(());
    }
    let titles = written.iter().map(|lesson| lesson.title.chars().count());
    let width = titles.max().unwrap_or(0);
    anstream::println!(
        "{TITLE}{:<9} {:width$}  {:^28}  {:^28}{TITLE:#}",
        "",
        "",
        "core",
        "further"
    );
    let columns = format!("{:>7} {:>8} {:>11}", "passed", "failing", "not started");
    anstream::println!("{DIM}{:<9} {:width$}  {columns}  {columns}{DIM:#}", "", "");
    let mut failed = None;
    together::grade(&written, None, |lesson, graded| {
        let report = graded.report(lesson);
        let line = match &report {
            Ok(report) => format!("{}  {}", Tally::of(report, true), Tally::of(report, false)),
            Err(_) => format!("{BAD}could not be graded{BAD:#} (cargo test -p {})", lesson.package),
        };
        anstream::println!("{:<9} {:width$}  {line}", lesson.package, lesson.title);
        if let Some(ids) = report.as_ref().ok().and_then(ids) {
            anstream::println!("{DIM}{:<9} {ids}{DIM:#}", "");
        }
        failed = failed.take().or(report.err());
        Ok(())
    })?;
    for lesson in course::lessons().iter().filter(|lesson| lesson.exercises.is_empty()) {
        anstream::println!(
            "{DIM}{:<9} {:width$}  still to be written{DIM:#}",
            lesson.package,
            lesson.title
        );
    }
    failed.map_or(Ok(()), Err)
}

/// Which exercises pass and which fail, by the ids of the study guide's checklists; `None` if none was started.
fn ids(report: &Report) -> Option<String> {
    let of = |words: &str, wanted: fn(&Verdict) -> bool| {
        let outcomes = report.exercises.iter();
        let ids: Vec<_> = outcomes
            .filter(|outcome| wanted(&outcome.verdict))
            .map(|outcome| outcome.id.as_str())
            .collect();
        (!ids.is_empty()).then(|| format!("{words} {}", ids.join(" ")))
    };
    let passed = of("passed", |verdict| verdict.is_understood());
    let failing = of("failing", |verdict| {
        !verdict.is_understood() && *verdict != Verdict::NotStarted
    });
    let parts: Vec<_> = passed.into_iter().chain(failing).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// How many exercises of one kind stand where.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: usize,
    failing: usize,
    not_started: usize,
}

impl Tally {
    fn of(report: &Report, core: bool) -> Self {
        let mut tally = Self::default();
        for outcome in report.exercises.iter().filter(|outcome| outcome.core == core) {
            match outcome.verdict {
                verdict if verdict.is_understood() => tally.passed += 1,
                Verdict::NotStarted => tally.not_started += 1,
                _ => tally.failing += 1,
            }
        }
        tally
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self {
            passed,
            failing,
            not_started,
        } = self;
        // Colour only what is there.
        let good = if *passed > 0 { GOOD } else { DIM };
        let bad = if *failing > 0 { BAD } else { DIM };
        write!(
            f,
            "{good}{passed:>7}{good:#} {bad}{failing:>8}{bad:#} {not_started:>11}"
        )
    }
}

/// Prints the first exercise that does not pass: core ones of all lessons first, then the further ones.
pub fn next() -> Result<()> {
    let mut reports = Vec::new();
    for lesson in course::written() {
        let report = lessons::grade(lesson, None)?.report(lesson)?;
        if let Some(exercise) = first_open(lesson, &report, true) {
            return print_next(lesson, exercise, &report);
        }
        reports.push((lesson, report));
    }
    for (lesson, report) in &reports {
        if let Some(exercise) = first_open(lesson, report, false) {
            anstream::println!("Every core exercise passes. Further ones, for those who want more:\n");
            return print_next(lesson, exercise, report);
        }
    }
    anstream::println!("{GOOD}Every exercise passes.{GOOD:#} Compare with solutions/, and write lessons/LEARNINGS.md.");
    Ok(())
}

fn first_open<'a>(lesson: &'a Lesson, report: &Report, core: bool) -> Option<&'a Exercise> {
    lesson
        .exercises
        .iter()
        .find(|exercise| exercise.core == core && !report.is_understood(&exercise.id))
}

fn print_next(lesson: &Lesson, exercise: &Exercise, report: &Report) -> Result<()> {
    let Exercise {
        id,
        title,
        minutes,
        difficulty,
        ..
    } = exercise;
    anstream::println!("{TITLE}{id} {title}{TITLE:#}");
    anstream::println!("  about {minutes} minutes, difficulty {difficulty} of 3");
    let outcome = report.outcome(id);
    if let Some(Outcome { verdict, .. }) = outcome {
        anstream::println!("  now    {}", verdict.words());
    }
    if !exercise.requires.is_empty() {
        anstream::println!("  uses   {}", exercise.requires.join(", "));
    }
    anstream::println!("  write  {}", lesson.place(course::root()?, exercise));
    anstream::println!("  check  {}", lesson.command(exercise));
    anstream::println!("  stuck  cargo lesson hint {id}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_and_further_are_counted_apart() {
        let outcome = |core, verdict| Outcome {
            id: "1.1".into(),
            name: "double".into(),
            test: "ex1_1_double".into(),
            title: "Doubling".into(),
            core,
            verdict,
            mistake: None,
            message: String::new(),
            seconds: 0.0,
        };
        let report = Report {
            lesson: "lesson01".into(),
            seed: 1,
            exercises: vec![
                outcome(true, Verdict::Understood),
                outcome(true, Verdict::Waiting),
                outcome(true, Verdict::Mistake),
                outcome(false, Verdict::NotStarted),
            ],
            totals: Default::default(),
        };
        assert_eq!(
            Tally::of(&report, true),
            Tally {
                passed: 1,
                failing: 2,
                not_started: 0
            }
        );
        assert_eq!(
            Tally::of(&report, false),
            Tally {
                passed: 0,
                failing: 0,
                not_started: 1
            }
        );
    }
}
