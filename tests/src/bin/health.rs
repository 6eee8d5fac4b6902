//! The bill of health: what each exam does with the stub, the solution, and the right and wrong answers it knows.
//!
//! `cargo run -p graders --bin health` prints it; `-- --write` also writes it to `tests/HEALTH.md`, with a hash of the
//! solutions and the graders; `-- --check` only says whether that file is up to date, in no time. The mutants come from
//! `tests/mutants`, where `--bin mutants` puts them.

use anyhow::{Context, Result};
use clap::Parser;
use course::{
    Exercise, Lesson,
    report::{Outcome, Report, Verdict},
};
use graders::{
    catalogue::{self, Findings},
    mutants::{self, Equivalent, Results, Tally},
    perturbation,
};
use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

/// Prints the bill of health
#[derive(Parser)]
struct Arguments {
    /// Write it to tests/HEALTH.md
    #[arg(long, conflicts_with = "check")]
    write: bool,
    /// Only look whether tests/HEALTH.md was made from the present solutions and graders
    #[arg(long)]
    check: bool,
}

/// What a change of makes the bill stale.
const COVERED: [&str; 9] = [
    "solutions/lesson01/src",
    "solutions/lesson02/src",
    "solutions/lesson03/src",
    "solutions/lesson04/src",
    "solutions/lesson05/src",
    "tests/src",
    "tests/snapshots",
    "tests/fixtures",
    "tests/mutants",
];

/// The seed of everything that is graded for the bill.
const SEED: u64 = 0;

fn main() -> Result<ExitCode> {
    writing::end_with_the_reader();
    let args = Arguments::parse();
    let hash = mutants::hash(&COVERED)?;
    if args.check {
        return check(&hash);
    }
    let bill = Bill::draw_up()?;
    let text = bill.text(&hash);
    println!("{text}");
    if args.write {
        writing::whole(&path(), text.as_bytes())?;
        println!("wrote {}", path().display());
    }
    let complaints = bill.complaints();
    for complaint in &complaints {
        println!("not in health: {complaint}");
    }
    Ok(ExitCode::from(u8::from(!complaints.is_empty())))
}

fn path() -> PathBuf {
    mutants::root().join("tests/HEALTH.md")
}

fn check(hash: &str) -> Result<ExitCode> {
    let text = fs::read_to_string(path()).context("tests/HEALTH.md")?;
    if text.contains(hash) {
        println!("tests/HEALTH.md is up to date");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "tests/HEALTH.md is stale: solutions or graders have changed. Run\n  cargo run -p graders --bin health -- \
         --write"
    );
    Ok(ExitCode::FAILURE)
}

struct Bill {
    rows: Vec<Row>,
    mutants: Vec<Mutants>,
    listed: Vec<Equivalent>,
}

/// One exercise.
struct Row {
    exercise: &'static Exercise,
    stub: String,
    solution: String,
    seconds: f64,
    findings: Findings,
    mutants: Option<Tally>,
}

/// The mutants of one lesson.
struct Mutants {
    lesson: &'static Lesson,
    results: Option<Results>,
    current: bool,
}

impl Bill {
    fn draw_up() -> Result<Self> {
        let listed = mutants::equivalent()?;
        let mut bill = Self {
            rows: vec![],
            mutants: vec![],
            listed,
        };
        for (package, exams) in catalogue::lessons() {
            let lesson = course::lesson(package).context("a lesson of the course")?;
            let stubs = graded(lesson, &["--package", package])?;
            let solutions = graded(lesson, &["--package", "solutions", "--test", package])?;
            let results = mutants::read(package)?;
            let source = mutants::code_hash(lesson)?;
            for exam in exams(SEED) {
                let exercise = lesson.exercise(exam.id()).context("an exercise of the lesson")?;
                let of = |outcomes: &[Outcome]| {
                    let found = outcomes.iter().find(|outcome| outcome.id == exercise.id);
                    let words = found.map_or("no verdict", |outcome| outcome.verdict.words());
                    (words.to_string(), found.map_or(0.0, |outcome| outcome.seconds))
                };
                let tally = results.as_ref().map(|results| {
                    let mut tallies = results.exercises.iter();
                    let found = tallies.find(|tally| tally.exercise == exercise.id);
                    found.cloned().unwrap_or_default()
                });
                let (solution, seconds) = of(&solutions);
                bill.rows.push(Row {
                    exercise,
                    stub: of(&stubs).0,
                    solution,
                    seconds,
                    findings: Findings::of(exam.as_ref(), SEED),
                    mutants: tally,
                });
            }
            bill.mutants.push(Mutants {
                lesson,
                current: results.as_ref().is_some_and(|results| results.solution == source),
                results,
            });
        }
        Ok(bill)
    }

    fn text(&self, hash: &str) -> String {
        let mut text = format!(
            "<!-- Written by `cargo run -p graders --bin health -- --write`. Do not edit. -->\n# Bill of \
             health\n\nWhat each exam does with the answers it knows, for seed {SEED}. `tests/README.md` says \
             what the columns are.\n\nSHA-256 of solutions and graders: `{hash}`\n\n{}",
            self.table()
        );
        text += &self.hazards();
        text += &self.perturbations();
        text += &self.survivors();
        text
    }

    fn table(&self) -> String {
        let mut lines = vec![
            "| exercise | stub | solution | wrong answers caught | alternatives accepted | perturbations rejected | \
             mutants caught | grading, ms |"
                .to_string(),
            "|---|---|---|---|---|---|---|---|".into(),
        ];
        lines.extend(self.rows.iter().map(Row::line));
        let sum = |part: &dyn Fn(&Row) -> usize| self.rows.iter().map(part).sum::<usize>();
        let of =
            |done: &dyn Fn(&Row) -> usize, all: &dyn Fn(&Row) -> usize| format!("**{} of {}**", sum(done), sum(all));
        let caught = |row: &Row| row.mutants.as_ref().map_or(0, |tally| tally.caught);
        let viable = |row: &Row| row.mutants.as_ref().map_or(0, |tally| tally.caught + tally.survived);
        lines.push(format!(
            "| **all {}** | {} | {} | {} | {} | {} | {} | **{:.0}** |",
            self.rows.len(),
            of(&|row| usize::from(row.stub == Verdict::NotStarted.words()), &|_| 1),
            of(&|row| usize::from(row.solution == Verdict::Passed.words()), &|_| 1),
            of(&|row| row.findings.recognised(), &|row| row.findings.mistakes.len()),
            of(&|row| row.findings.accepted(), &|row| row.findings.alternatives.len()),
            of(&|row| row.findings.rejected(), &|row| row.findings.perturbations.len()),
            of(&caught, &viable),
            self.rows.iter().map(|row| 1e3 * row.seconds).sum::<f64>()
        ));
        lines.join("\n") + "\n"
    }

    /// What the inputs of each exam hold, each proved by a wrong answer that is right on all other inputs.
    fn hazards(&self) -> String {
        let mut text = String::from(
            "\n## Hazards\n\n\
             What the inputs of an exam hold, each proved by a wrong answer that is right on all inputs that do not \
             hold it and is refused.\n\n\
             | exercise | held and proved | said to be impossible | not said yet |\n|---|---|---|---|\n",
        );
        for Row { exercise, findings, .. } in &self.rows {
            let spared: Vec<_> = findings.spared.iter().map(|(hazard, _)| hazard.name()).collect();
            let unsaid: Vec<_> = findings.unsaid().iter().map(|hazard| hazard.name()).collect();
            text += &format!(
                "| {} | {} | {} | {} |\n",
                exercise.id,
                findings.proved().join(", "),
                spared.join(", "),
                unsaid.join(", ")
            );
        }
        text
    }

    fn perturbations(&self) -> String {
        let mut text = String::from(
            "\n## Perturbations\n\nEach is put into all of the solution's answers to an exam at once. It counts \
             where it changes one of them.\n\n| perturbation | rejected |\n|---|---|\n",
        );
        for kind in perturbation::ALL {
            let tried = |row: &&Row| row.findings.perturbations.iter().any(|(name, _)| *name == kind.name);
            let rejected = |row: &&Row| {
                let mut found = row.findings.perturbations.iter();
                found.any(|(name, grade)| *name == kind.name && !grade.is_pass())
            };
            let count = |holds: &dyn Fn(&&Row) -> bool| self.rows.iter().filter(holds).count();
            let (rejected, tried) = (count(&rejected), count(&tried));
            text += &format!("| {} | {rejected} of {tried} exercises |\n", kind.name);
        }
        text
    }

    fn survivors(&self) -> String {
        let mut text = String::from(
            "\n## Mutants\n\nEvery mutant that cargo-mutants makes of a solution was graded as if a learner had \
             handed it in.\n\n| lesson | viable | caught | survived | unviable | minutes \
             |\n|---|---|---|---|---|---|\n",
        );
        let mut notes = String::new();
        for Mutants {
            lesson,
            results,
            current,
        } in &self.mutants
        {
            let Some(results) = results else {
                text += &format!("| {} | not run | | | | |\n", lesson.package);
                continue;
            };
            let sum = |part: fn(&Tally) -> usize| results.exercises.iter().map(part).sum::<usize>();
            let (caught, survived) = (sum(|tally| tally.caught), sum(|tally| tally.survived));
            text += &format!(
                "| {} | {} | {caught} | {survived} | {} | {} |\n",
                lesson.package,
                caught + survived,
                sum(|tally| tally.unviable),
                results.seconds.div_ceil(60)
            );
            if results.untried > 0 {
                notes += &format!(
                    "\n{}: {} mutants were not tried yet.\n",
                    lesson.package, results.untried
                );
            }
            if !current {
                notes += &format!("\n{}: the solution has changed since.\n", lesson.package);
            }
        }
        text += &notes;
        let all = || self.mutants.iter().filter_map(|mutants| mutants.results.as_ref());
        if all().any(|results| !results.survivors.is_empty()) {
            text += "\n| survivor | line after the change | why it is right |\n|---|---|---|\n";
        }
        for results in all() {
            for survivor in &results.survivors {
                let entry = survivor.entry(&self.listed);
                let reason = match entry {
                    _ if survivor.given => "given with the stub: no exercise, so no exam looks at it",
                    Some(entry) => entry.reason.trim(),
                    None => "**not explained**",
                };
                let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
                text += &format!(
                    "| {} | `{}` | {} |\n",
                    cell(&survivor.mutant),
                    cell(&survivor.line),
                    cell(reason)
                );
            }
        }
        text
    }

    /// What is not as it should be.
    fn complaints(&self) -> Vec<String> {
        let mut found: Vec<String> = self.rows.iter().flat_map(|row| row.findings.faults()).collect();
        for row in &self.rows {
            let id = &row.exercise.id;
            if row.stub != Verdict::NotStarted.words() {
                found.push(format!("{id}: the stub is {}", row.stub));
            }
            if row.solution != Verdict::Passed.words() {
                found.push(format!("{id}: the solution is {}", row.solution));
            }
        }
        for Mutants {
            lesson,
            results,
            current,
        } in &self.mutants
        {
            let package = &lesson.package;
            match results {
                None => found.push(format!("{package}: its mutants were never run")),
                Some(_) if !current => found.push(format!("{package}: its mutants are those of an older solution")),
                Some(results) => {
                    let unlisted = results.unlisted(&self.listed).count();
                    if unlisted + results.untried > 0 {
                        let untried = results.untried;
                        found.push(format!(
                            "{package}: {unlisted} survivors not explained, {untried} mutants not tried"
                        ));
                    }
                }
            }
        }
        found
    }
}

impl Row {
    fn line(&self) -> String {
        let of = |done: usize, all: usize| format!("{done} of {all}");
        // A run that was cut short has a tally for each exercise; an empty one says that none of its mutants was tried.
        let tried = |tally: &&Tally| tally.caught + tally.survived + tally.unviable > 0;
        let tally = self.mutants.as_ref().filter(tried);
        let mutants = tally.map_or("not run".into(), |tally| {
            of(tally.caught, tally.caught + tally.survived)
        });
        let Self { exercise, findings, .. } = self;
        format!(
            "| {} {} | {} | {} | {} | {} | {} | {mutants} | {:.0} |",
            exercise.id,
            exercise.title,
            self.stub,
            self.solution,
            of(findings.recognised(), findings.mistakes.len()),
            of(findings.accepted(), findings.alternatives.len()),
            of(findings.rejected(), findings.perturbations.len()),
            1e3 * self.seconds
        )
    }
}

/// The verdicts of a test program on a lesson's exercises, one after the other, so that the times are their own.
fn graded(lesson: &Lesson, program: &[&str]) -> Result<Vec<Outcome>> {
    let shown = program.join(" ");
    eprintln!("grading {} with {shown} (compiles what changed) ...", lesson.package);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet"])
        .args(program)
        .args(["--", "--json", "--test-threads", "1", "--seed", &SEED.to_string()])
        .current_dir(mutants::root())
        .output()
        .context("cargo does not run")?;
    let report: Report = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{said}\n{shown} gave no report")
    })?;
    Ok(report.exercises)
}
