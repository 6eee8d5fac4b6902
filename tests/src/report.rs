//! What the runner prints: a line per exercise, then in full what needs the learner.

use crate::{grade::Grade, observed::indent_rest};
use course::{
    Exercise, Lesson,
    report::{Outcome, Report, Verdict},
};
use owo_colors::{OwoColorize, Style};
use std::{env, io::IsTerminal, time::Duration};

/// Characters in a line of a paragraph, and of a table's second column.
const PROSE: usize = 86;
const TABLE: usize = 74;

/// Prints a run as it goes; for programs (`--json`), only the report at the end.
pub struct Printer<'a> {
    lesson: &'a Lesson,
    seed: u64,
    color: bool,
    json: bool,
    details: Vec<(String, String)>,
    next: bool,
    seen: Vec<String>,
}

impl<'a> Printer<'a> {
    /// `color`: auto, always or never.
    pub fn new(lesson: &'a Lesson, seed: u64, color: &str, json: bool) -> Self {
        let color = match color {
            "always" => true,
            "never" => false,
            _ => env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()) && std::io::stdout().is_terminal(),
        };
        Self {
            lesson,
            seed,
            color,
            json,
            details: vec![],
            next: false,
            seen: vec![],
        }
    }

    /// The heading.
    pub fn start(&self, exercises: usize) {
        if !self.json {
            let plural = if exercises == 1 { "" } else { "s" };
            println!(
                "\n{}: {exercises} exercise{plural}, seed {}\n",
                self.lesson.title, self.seed
            );
        }
    }

    /// The line of one exercise; its details are kept for the end.
    pub fn exercise(&mut self, exercise: &Exercise, grade: &Grade, printed: &str, seconds: f64) -> Outcome {
        let verdict = match &grade.waiting_for {
            Some(required) => format!("waiting for {required}"),
            None => grade.verdict.words().to_string(),
        };
        if !self.json {
            let time = if seconds < 0.5 {
                String::new()
            } else {
                format!("  ({seconds:.1} s)")
            };
            let words = self.paint(&format!("{verdict:>22}"), style(grade.verdict));
            println!("{words}: exercise {}, {}{time}", exercise.id, exercise.title);
        }
        let message = match grade.verdict {
            Verdict::Passed => String::new(),
            Verdict::NotStarted => self.first_step(exercise, grade),
            _ => self.failure(exercise, grade, printed),
        };
        let heading = format!("{} {}", exercise.id, exercise.title);
        // What it waits for is shown already, unless a filter left that out.
        let seen = |required: &String| self.seen.contains(required);
        match grade.verdict {
            Verdict::Passed => {}
            Verdict::NotStarted if self.next => {}
            Verdict::NotStarted => {
                self.next = true;
                self.details.push((format!("Next: {heading}"), message.clone()));
            }
            _ if grade.waiting_for.as_ref().is_some_and(seen) => {}
            _ => self.details.push((format!("{heading}: {verdict}"), message.clone())),
        }
        self.seen.push(exercise.id.clone());
        Outcome {
            id: exercise.id.clone(),
            name: exercise.name.clone(),
            test: exercise.test.clone(),
            title: exercise.title.clone(),
            core: exercise.core,
            verdict: grade.verdict,
            mistake: grade.mistake.clone(),
            message,
            seconds,
        }
    }

    /// The details and the closing line, or the report as JSON.
    pub fn finish(&self, report: &Report, elapsed: Duration) {
        if self.json {
            println!("{}", serde_json::to_string_pretty(report).expect("a report serialises"));
            return;
        }
        for (heading, text) in &self.details {
            println!("\n{}\n\n{text}", self.paint(heading, Style::new().bold()));
        }
        let totals = report.totals;
        let all = totals.passed == totals.exercises;
        let result = match all {
            true => self.paint("ok", style(Verdict::Passed)),
            false => self.paint("FAILED", style(Verdict::Wrong)),
        };
        println!(
            "\ntest result: {result}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in \
             {:.2}s\n",
            totals.passed,
            totals.exercises - totals.passed,
            totals.filtered_out,
            elapsed.as_secs_f64()
        );
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.color {
            text.style(style).to_string()
        } else {
            text.to_string()
        }
    }

    fn first_step(&self, exercise: &Exercise, grade: &Grade) -> String {
        let at = grade.at.clone().unwrap_or_else(|| self.lesson.path(exercise));
        let kind = if exercise.core { "core" } else { "further" };
        let size = format!(
            "difficulty {} of 3, about {} minutes, {kind}",
            exercise.difficulty, exercise.minutes
        );
        table(&[
            ("what it is", size),
            ("open", at),
            ("first step", wrap(&grade.sentence, TABLE)),
            ("hint", format!("cargo lesson hint {}", exercise.id)),
            ("grade it", command(self.lesson, exercise)),
        ])
    }

    fn failure(&self, exercise: &Exercise, grade: &Grade, printed: &str) -> String {
        let mut rows = vec![];
        if let Some(required) = grade.waiting_for.as_ref().and_then(|id| self.lesson.exercise(id)) {
            rows.push(("grade it", command(self.lesson, required)));
        } else {
            rows.extend(grade.at.clone().map(|at| ("at", at)));
            rows.extend(grade.input.as_ref().map(|input| ("input", wrap(input, TABLE))));
            rows.extend(
                grade
                    .evidence
                    .iter()
                    .map(|(label, text)| (label.as_str(), text.clone())),
            );
            if !printed.trim().is_empty() {
                rows.push(("it printed", excerpt(printed)));
            }
            rows.push((
                "replay",
                format!("{} --seed {}", command(self.lesson, exercise), self.seed),
            ));
            if grade.verdict != Verdict::Broken {
                rows.push(("next hint", format!("cargo lesson hint {}", exercise.id)));
            }
        }
        format!(
            "  {}\n\n{}",
            indent_rest(&wrap(&grade.sentence, PROSE), 2),
            table(&rows)
        )
    }
}

/// What grades one exercise. The filter stands behind `--`: in front of it cargo would also build and run the library's
/// own tests, of which there are none.
fn command(lesson: &Lesson, exercise: &Exercise) -> String {
    format!("cargo test -p {} -- {}", package(lesson), exercise.filter())
}

/// What cargo is to test: the lesson, or the lesson's part of the package that runs the same tests on the solutions.
fn package(lesson: &Lesson) -> String {
    match env::var("CARGO_PKG_NAME") {
        Ok(running) if running != lesson.package => format!("{running} --test {}", lesson.package),
        _ => lesson.package.clone(),
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Passed => Style::new().green(),
        Verdict::NotStarted | Verdict::Waiting => Style::new().dimmed(),
        Verdict::Begun | Verdict::Understood | Verdict::Close | Verdict::Mistake => Style::new().yellow(),
        _ => Style::new().red(),
    }
}

/// Labels and texts in two columns; the lines of a text stay below each other.
fn table(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let row = |(label, text): &(&str, String)| {
        format!("  {}  {}", format_args!("{label:width$}"), indent_rest(text, width + 4))
    };
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// Breaks prose into lines of at most so many characters.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_string());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The first lines of what an attempt printed.
fn excerpt(printed: &str) -> String {
    const SHOWN: usize = 8;
    let lines: Vec<&str> = printed.lines().collect();
    let mut text = lines[..lines.len().min(SHOWN)].join("\n");
    if lines.len() > SHOWN {
        text.push_str(&format!("\n… {} lines more with `-- --nocapture`", lines.len() - SHOWN));
    }
    text
}
