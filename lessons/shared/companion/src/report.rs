//! `report`: all lessons graded, in a form for programs. `tests/TEACHING.md` describes the formats.

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};
use clap::ValueEnum;
use course::report::{Outcome, Report, Totals, Verdict};
use course::{Exercise, Lesson};
use serde_json::{Value, json};

use crate::lessons::Graded;
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
}

/// Grades and writes the report. Failed exercises are no error: the report says what they are.
pub fn report(options: &Options) -> Result<()> {
    let chosen = match options.lessons.is_empty() {
        true => course::written().collect(),
        false => {
            let names = options.lessons.iter();
            names
                .map(|name| course::find_lesson(name))
                .collect::<Result<Vec<_>, _>>()?
        }
    };
    let mut graded = Course::grade(&chosen, options.seed)?;
    if options.core {
        graded.leave_out_further();
    }
    let text = match options.format {
        Format::Json => pretty(&graded.json()),
        Format::Gradescope => pretty(&graded.gradescope(options.visibility)),
        Format::Points => graded.points(),
    };
    match &options.out {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?,
        None => print!("{text}"),
    }
    Ok(())
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
    /// Grades these lessons, all with one seed. A lesson that does not compile costs only its own exercises.
    pub fn grade(chosen: &[&Lesson], seed: Option<u64>) -> Result<Self> {
        let start = Instant::now();
        let seed = seed.unwrap_or_else(|| {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            u64::from(now.subsec_micros())
        });
        let mut reports = vec![];
        together::grade(chosen, Some(seed), |lesson, graded| {
            reports.push(match graded {
                Graded::Report(report) => report,
                Graded::Failed(said) => ungraded(lesson, seed, &said),
            });
            Ok(())
        })?;
        Ok(Self {
            seed,
            seconds: start.elapsed().as_secs_f64(),
            lessons: reports,
        })
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
        let mut lessons = json!(self.lessons);
        for (value, lesson) in lessons.as_array_mut().into_iter().flatten().zip(&self.lessons) {
            let exercises = value["exercises"].as_array_mut().into_iter().flatten();
            for (exercise, outcome) in exercises.zip(&lesson.exercises) {
                exercise["seed"] = json!(lesson.seed);
                exercise["points"] = json!(points(outcome));
                exercise["max_points"] = json!(max_points(outcome));
            }
        }
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
