//! `report`: all lessons graded, in a form for programs. `tests/TEACHING.md` describes the formats.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use course::report::{Outcome, Report, Totals, Verdict};
use course::{Exercise, Lesson};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Checkout;
use crate::apart;
use crate::grade::{Failure, Graded};
use crate::together;

/// What the report is for.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Format {
    /// Everything that is known
    Json,
    /// The results.json of a Gradescope autograder
    Gradescope,
    /// A line per exercise: id, points, most points, verdict, mistake
    Points,
}

/// Who sees the tests of a Gradescope report.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[allow(missing_docs, reason = "Gradescope's words")]
#[value(rename_all = "snake_case")]
pub enum Visibility {
    Visible,
    Hidden,
    AfterDueDate,
    AfterPublished,
}

/// The options of `cargo lesson report`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The lessons, like 1 or lesson01 [default: all]
    lessons: Vec<String>,
    /// The form of the report
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    /// Write it here instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The seed of the random inputs [default: another one each time]
    #[arg(long)]
    seed: Option<u64>,
    /// Leave out the exercises that are not core
    #[arg(long)]
    core: bool,
    /// Who sees the tests in Gradescope
    #[arg(long, value_enum, default_value = "visible")]
    visibility: Visibility,
    /// Let the compiler read nothing but the course, the toolchain and the system (Linux)
    #[arg(long)]
    confine_build: bool,
}

/// Grades and writes the report. Failed exercises are no error: the report says what they are.
pub fn report(options: &Options) -> Result<()> {
    // Before half an hour of grading, not after it.
    options.out.as_deref().map_or(Ok(()), can_write)?;
    let mut chosen: Vec<&Lesson> = vec![];
    for name in &options.lessons {
        let lesson = course::find_lesson(name)?;
        if !chosen.contains(&lesson) {
            chosen.push(lesson);
        }
    }
    if options.lessons.is_empty() {
        chosen.extend(course::written());
    }
    let mut graded = Course::judge(&chosen, options.seed, options.confine_build)?;
    if options.core {
        graded.leave_out_further();
    }
    let text = match options.format {
        Format::Json => pretty(&graded.json()),
        Format::Gradescope => pretty(&graded.gradescope(options.visibility)),
        Format::Points => graded.points(),
    };
    match &options.out {
        Some(path) => {
            writing::whole(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?
        }
        None => print!("{text}"),
    }
    Ok(())
}

/// Opens the file for the report; what it holds stays until the report is there.
fn can_write(path: &Path) -> Result<()> {
    let file = File::options().write(true).create(true).truncate(false).open(path);
    file.map(drop)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Graded lessons.
#[derive(Debug)]
pub struct Course {
    seed: u64,
    seconds: f64,
    lessons: Vec<Report>,
}

impl Course {
    /// Grades these lessons as `cargo test` does, all with one seed. A lesson that does not compile costs only its own
    /// exercises.
    pub fn grade(chosen: &[&Lesson], seed: Option<u64>) -> Result<Self> {
        let seed = seed.unwrap_or_else(any_seed);
        let mut course = Self::new(seed);
        let start = Instant::now();
        let checkout = Checkout::open()?;
        together::grade(checkout.memory(), chosen, Some(seed), |lesson, graded| {
            course.add(lesson, graded);
            Ok(())
        })?;
        course.seconds = start.elapsed().as_secs_f64();
        Ok(course)
    }

    /// The same by a judge that trusts nothing of the lessons. The seed is drawn when all of them are built.
    fn judge(chosen: &[&Lesson], seed: Option<u64>, confine_build: bool) -> Result<Self> {
        let start = Instant::now();
        let mut failed = HashMap::new();
        for lesson in chosen {
            if let Some(said) = apart::build(lesson, confine_build)? {
                failed.insert(lesson.number, said);
            }
        }
        let seed = seed.unwrap_or_else(any_seed);
        let mut course = Self::new(seed);
        for lesson in chosen {
            let graded = match failed.remove(&lesson.number) {
                Some(said) => Graded::Failed(Failure::said(&said)),
                None => apart::grade(lesson, confine_build, seed)?,
            };
            course.add(lesson, graded);
        }
        course.seconds = start.elapsed().as_secs_f64();
        Ok(course)
    }

    fn new(seed: u64) -> Self {
        Self {
            seed,
            seconds: 0.0,
            lessons: vec![],
        }
    }

    fn add(&mut self, lesson: &Lesson, graded: Graded) {
        self.lessons.push(match graded {
            Graded::Report(report) => report,
            Graded::Failed(failure) => ungraded(lesson, self.seed, &failure.to_string()),
        });
    }

    fn leave_out_further(&mut self) {
        for lesson in &mut self.lessons {
            let all = lesson.exercises.len();
            lesson.exercises.retain(|outcome| outcome.core);
            let filtered_out = lesson.totals.filtered_out + all - lesson.exercises.len();
            lesson.totals = Totals::of(&lesson.exercises, filtered_out);
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.lessons.iter().flat_map(|lesson| &lesson.exercises)
    }

    fn totals(&self) -> Value {
        let totals = Totals::of(self.outcomes(), 0);
        json!({
            "exercises": totals.exercises,
            "passed": totals.passed,
            "not_started": totals.not_started,
            "failed": totals.failed,
            "understood": totals.understood,
            "points": self.outcomes().map(points).sum::<u32>(),
            "max_points": self.outcomes().map(max_points).sum::<u32>(),
        })
    }

    /// Everything, with seed and points beside each exercise.
    pub fn json(&self) -> Value {
        let of_lesson = |lesson: &Report| {
            let counted = |outcome: &Outcome| {
                json!(Counted {
                    outcome,
                    seed: lesson.seed,
                    points: points(outcome),
                    max_points: max_points(outcome),
                })
            };
            let exercises: Vec<Value> = lesson.exercises.iter().map(counted).collect();
            json!({
                "lesson": lesson.lesson,
                "seed": lesson.seed,
                "exercises": exercises,
                "totals": lesson.totals,
            })
        };
        let lessons: Vec<Value> = self.lessons.iter().map(of_lesson).collect();
        json!({ "seed": self.seed, "seconds": self.seconds, "lessons": lessons, "totals": self.totals() })
    }

    /// <https://gradescope-autograders.readthedocs.io/en/latest/specs/>
    fn gradescope(&self, visibility: Visibility) -> Value {
        let visibility = visibility.to_possible_value();
        let visibility = visibility.map_or(String::new(), |value| value.get_name().into());
        let mut tests = vec![];
        for lesson in &self.lessons {
            let of_lesson = lesson.exercises.iter();
            tests.extend(of_lesson.map(|outcome| gradescope_test(lesson, outcome, &visibility)));
        }
        json!({
            "execution_time": self.seconds.round() as u64,
            "output": format!("Random inputs from seed {}.", self.seed),
            "output_format": "text",
            "stdout_visibility": "hidden",
            "tests": tests,
            "extra_data": { "seed": self.seed, "totals": self.totals() },
        })
    }

    /// Tab-separated: id, points, most points, verdict, mistake; then `total`. The first line names the columns.
    fn points(&self) -> String {
        let mut lines = vec!["exercise\tpoints\tmax_points\tverdict\tmistake".to_string()];
        for outcome in self.outcomes() {
            let (points, max_points) = (points(outcome), max_points(outcome));
            let verdict = json!(outcome.verdict);
            let verdict = verdict.as_str().unwrap_or_default();
            let mistake = outcome.mistake.as_deref().unwrap_or_default();
            lines.push(format!("{}\t{points}\t{max_points}\t{verdict}\t{mistake}", outcome.id));
        }
        let totals = self.totals();
        lines.push(format!("total\t{}\t{}\t\t", totals["points"], totals["max_points"]));
        lines.join("\n") + "\n"
    }
}

/// An exercise as the JSON report has it: the grader's outcome, and what it counts.
#[derive(Serialize)]
struct Counted<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    seed: u64,
    points: u32,
    max_points: u32,
}

fn gradescope_test(lesson: &Report, outcome: &Outcome, visibility: &str) -> Value {
    let passed = outcome.verdict.is_understood();
    let kind = if outcome.core { "core" } else { "further" };
    json!({
        "number": outcome.id,
        "name": format!("{}: {}", outcome.title, outcome.verdict.words()),
        "score": points(outcome),
        "max_score": max_points(outcome),
        "status": if passed { "passed" } else { "failed" },
        "output": outcome.message,
        "output_format": "text",
        "visibility": visibility,
        "tags": [lesson.lesson, kind],
        "extra_data": {
            "verdict": outcome.verdict,
            "mistake": outcome.mistake,
            "seed": lesson.seed,
            "seconds": outcome.seconds,
        },
    })
}

/// An exercise is worth its difficulty, all or nothing; errors for bad input cost nothing.
fn max_points(outcome: &Outcome) -> u32 {
    course::exercise(&outcome.id).map_or(1, |(_, exercise)| exercise.difficulty.into())
}

fn points(outcome: &Outcome) -> u32 {
    match outcome.verdict {
        verdict if verdict.is_understood() => max_points(outcome),
        _ => 0,
    }
}

fn any_seed() -> u64 {
    rand::random_range(0..1_000_000)
}

/// The report of a lesson whose grader did not come to report: each exercise carries what the compiler said.
fn ungraded(lesson: &Lesson, seed: u64, said: &str) -> Report {
    let outcome = |exercise: &Exercise| Outcome {
        id: exercise.id.clone(),
        name: exercise.name.clone(),
        test: exercise.test.clone(),
        title: exercise.title.clone(),
        core: exercise.core,
        verdict: Verdict::Ungraded,
        mistake: None,
        message: said.to_string(),
        shown: None,
        seconds: 0.0,
    };
    let exercises: Vec<_> = lesson.exercises.iter().map(outcome).collect();
    Report {
        lesson: lesson.package.clone(),
        seed,
        totals: Totals::of(&exercises, 0),
        exercises,
    }
}
