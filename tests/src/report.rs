//! What the runner prints: a line per exercise, then in full what needs the learner.

use crate::{
    grade::Grade,
    observed::{COLUMNS, cut, indent_rest},
};
use course::{
    Exercise, Lesson,
    after::after,
    memory::{Memory, Sources},
    report::{Outcome, Report, Verdict},
};
use owo_colors::{OwoColorize, Style};
use std::{env, io::IsTerminal, time::Duration};

/// Characters in a line of a paragraph, and of a table's second column: all within 80 columns.
const PROSE: usize = 76;
const TABLE: usize = COLUMNS;

/// Prints a run as it goes; for programs (`--json`), only the report at the end.
pub struct Printer<'a> {
    lesson: &'a Lesson,
    seed: u64,
    color: bool,
    json: bool,
    full: bool,
    details: Vec<(String, String)>,
    next: Option<(String, String)>,
    seen: Vec<String>,
    memory: Option<(Memory, Sources)>,
}

impl<'a> Printer<'a> {
    /// `color`: auto, always or never; `full`: nothing is shortened.
    pub fn new(lesson: &'a Lesson, seed: u64, color: &str, json: bool, full: bool) -> Self {
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
            full,
            details: vec![],
            next: None,
            seen: vec![],
            memory: learners(lesson).filter(|_| !json),
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
            Verdict::NotStarted => {
                self.next.get_or_insert((format!("Next: {heading}"), message.clone()));
            }
            _ if grade.evidence.is_empty() && grade.waiting_for.as_ref().is_some_and(seen) => {}
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
            shown: crate::shown::shown(grade),
            seconds,
        }
    }

    /// The details and the closing line, or the report as JSON.
    pub fn finish(&self, report: &Report, elapsed: Duration) {
        if self.json {
            println!("{}", serde_json::to_string_pretty(report).expect("a report serialises"));
            return;
        }
        let next = match &self.memory {
            Some((memory, sources)) => self.remember(memory, sources, report),
            None => self.next.clone(),
        };
        // Whoever asked for some exercises and sees one fail is not sent to another.
        let next = next.filter(|_| self.details.is_empty() || report.totals.filtered_out == 0);
        for (heading, text) in self.details.iter().chain(&next) {
            let space = if text.is_empty() { "" } else { "\n\n" };
            println!("\n{}{space}{text}", self.paint(heading, Style::new().bold()));
        }
        let totals = report.totals;
        let all = totals.passed == totals.exercises;
        let result = if all {
            self.paint("ok", style(Verdict::Passed))
        } else {
            self.paint("FAILED", style(Verdict::Wrong))
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

    /// Remembers a learner's run, and says what is next as `cargo lesson next` says it.
    fn remember(&self, memory: &Memory, sources: &Sources, report: &Report) -> Option<(String, String)> {
        // A checkout that cannot be written is graded all the same.
        let _ = memory.remember(report, sources, true);
        if let [only] = &report.exercises[..]
            && only.verdict.is_understood()
            && let Some(exercise) = self.lesson.exercise(&only.id)
        {
            self.after(memory, exercise);
        }
        let entry = memory.next()?;
        let (lesson, exercise) = (entry.lesson, entry.exercise);
        let heading = format!("Next: {} {}", exercise.id, exercise.title);
        match report.outcome(&exercise.id) {
            Some(outcome) if outcome.verdict == Verdict::NotStarted => Some((heading, outcome.message.clone())),
            Some(_) => Some((format!("{heading}, as above"), String::new())),
            None => {
                let step = lesson.first_step(memory.root(), exercise).unwrap_or_default();
                let place = lesson.place(memory.root(), exercise);
                Some((heading, first_step(lesson, exercise, place, &step)))
            }
        }
    }

    /// What comes after the one exercise that was graded and is right.
    fn after(&self, memory: &Memory, exercise: &Exercise) {
        let after = after(memory.root(), self.lesson, exercise, &memory.entries());
        let mut rows: Vec<(&str, String)> = vec![];
        rows.extend(after.see.map(|see| ("see it", see)));
        rows.push(("read on", after.read));
        if let Some(end) = after.end {
            rows.push(("draw all", end.draw));
            rows.push(("compare", end.compare));
            rows.push(("write down", end.notes.into()));
            rows.extend(end.next.map(|next| ("next lesson", next)));
        }
        println!("\n{}", table(&rows));
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
        first_step(self.lesson, exercise, at, &grade.sentence)
    }

    fn failure(&self, exercise: &Exercise, grade: &Grade, printed: &str) -> String {
        let mut rows = vec![];
        let required = grade.waiting_for.as_ref().and_then(|id| self.lesson.exercise(id));
        rows.extend(required.map(|required| ("grade it", command(self.lesson, required))));
        if required.is_none() || !grade.evidence.is_empty() {
            rows.extend(grade.at.clone().map(|at| ("at", at)));
            rows.extend(grade.input.as_ref().map(|input| ("input", self.short(input))));
            let evidence = grade.evidence.iter();
            rows.extend(evidence.map(|(label, text)| (label.as_str(), self.fit(label, text))));
            if !printed.trim().is_empty() {
                rows.push(("it printed", self.excerpt(printed)));
            }
            // The dots stand where something was left out.
            let more = rows
                .iter()
                .any(|(_, text)| text.contains('…') || text.contains("of it ["));
            let full = if more && !self.full { " --full" } else { "" };
            rows.push((
                "replay",
                format!("{} --seed {}{full}", command(self.lesson, exercise), self.seed),
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

    /// The words for an input, in a few lines.
    fn short(&self, input: &str) -> String {
        let most = if self.full { usize::MAX } else { 4 * COLUMNS };
        wrap(&cut(input, most), TABLE)
    }

    /// A text whose long lines are broken; of lists of inputs the beginning is enough.
    fn fit(&self, label: &str, text: &str) -> String {
        let list = matches!(label, "also wrong" | "right on");
        let line = |line: &str| {
            if self.full || line.chars().count() <= TABLE {
                line.to_string()
            } else if list {
                wrap(&cut(line, 2 * TABLE - 8), TABLE)
            } else {
                wrap(line, TABLE)
            }
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The first lines of what an attempt printed, and the last one.
    fn excerpt(&self, printed: &str) -> String {
        const SHOWN: usize = 6;
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        if self.full {
            return lines.join("\n");
        }
        let mut shown: Vec<String> = lines.iter().take(SHOWN).map(|line| cut(line, COLUMNS)).collect();
        if lines.len() > SHOWN + 1 {
            shown.push(format!(
                "… {} lines more with `-- --nocapture`",
                lines.len() - SHOWN - 1
            ));
        }
        shown.extend(lines.iter().skip(SHOWN).last().map(|line| cut(line, COLUMNS)));
        shown.join("\n")
    }
}

/// What a checkout remembers, if this is the learner's own run: not that of the solutions, of a toy, of a teacher.
fn learners(lesson: &Lesson) -> Option<(Memory, Sources)> {
    let is_learners = env::var("CARGO_PKG_NAME").is_ok_and(|running| running == lesson.package);
    let memory = Memory::open()
        .ok()
        .filter(|_| is_learners && course::lesson(&lesson.package).is_some())?;
    let sources = memory.sources(lesson);
    Some((memory, sources))
}

fn first_step(lesson: &Lesson, exercise: &Exercise, at: String, step: &str) -> String {
    let kind = if exercise.core { "core" } else { "further" };
    let size = format!(
        "difficulty {} of 3, about {} minutes, {kind}",
        exercise.difficulty, exercise.minutes
    );
    let mut rows = vec![("what it is", size), ("open", at)];
    rows.extend((!step.is_empty()).then(|| ("first step", wrap(step, TABLE))));
    rows.push(("hint", format!("cargo lesson hint {}", exercise.id)));
    rows.push(("grade it", command(lesson, exercise)));
    table(&rows)
}

/// What grades one exercise. The filter stands behind `--`: in front of it cargo would also build and run the library's
/// own tests, of which there are none.
fn command(lesson: &Lesson, exercise: &Exercise) -> String {
    format!("cargo test -p {} -- {}", package(lesson), exercise.filter())
}

/// What cargo is to test: the lesson, whichever lesson asks; or the lesson's part of the package that runs the same tests on the
/// solutions.
fn package(lesson: &Lesson) -> String {
    match env::var("CARGO_PKG_NAME") {
        Ok(running) if course::lesson(&running).is_none() && running != lesson.package => {
            format!("{running} --test {}", lesson.package)
        }
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

/// Breaks prose into lines of at most so many characters, and longer words, too.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    let pieces = |word: &str| -> Vec<String> {
        let characters: Vec<char> = word.chars().collect();
        characters.chunks(width).map(|piece| piece.iter().collect()).collect()
    };
    for word in text.split_whitespace().flat_map(pieces) {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word);
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(&word);
        }
    }
    lines.join("\n")
}
