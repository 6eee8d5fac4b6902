//! `cargo lesson`: the command line of the companion.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use companion::editor::Editor;
use companion::term::{BAD, DIM, GOOD, can_draw, confirm, message};
use companion::watch::Watcher;
use companion::{Checkout, diff, exercise, grade, hint, print, progress, quiz, report, reset, ui};
use course::{Exercise, Lesson};

/// Guides through the lessons.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo lesson", disable_help_subcommand = true)]
#[command(after_help = "Without a command it says where you stand and what is next.\n\
    Exit status: 0 all in order, 1 something is not, 2 a wrong option.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the machine, run the network on an image, write a figure: cargo run -p verify_setup
    Check {
        /// Its options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Where you stand, and the exercise to do next
    Next,
    /// All exercises on the screen: search, open, hint, diff, reset, go to one
    List {
        /// Print a line for each instead
        #[arg(long)]
        plain: bool,
        /// Only this lesson, like 1 or lesson01
        lesson: Option<String>,
    },
    /// Grade an exercise at each save, and go about with keys
    Watch {
        /// The exercise, like 2.1, or the lesson, like 2 [default: the exercise to do next]
        exercise: Option<String>,
        /// Print each verdict below the last one, without keys; a pipe and a dumb terminal get this anyway
        #[arg(long)]
        plain: bool,
        /// Watch this folder instead of the lesson's
        #[arg(long, hide = true)]
        folder: Option<PathBuf>,
    },
    /// One more hint for an exercise at each call
    Hint {
        /// The exercise, like 1.2
        #[arg(required_unless_present = "reset")]
        exercise: Option<String>,
        /// Show all hints at once
        #[arg(long, conflicts_with = "reset")]
        all: bool,
        /// Forget which hints were shown, for this exercise or for all
        #[arg(long)]
        reset: bool,
    },
    /// Open an exercise in your editor: $LESSON_EDITOR, $VISUAL, $EDITOR, or the one this runs in
    Open {
        /// The exercise, like 1.2
        exercise: String,
        /// The lesson's text instead
        #[arg(long)]
        page: bool,
        /// Print the place instead
        #[arg(long)]
        print: bool,
    },
    /// Your own code of an exercise beside the solution's; asks first while the exercise does not pass
    Diff {
        /// The exercise, like 1.2
        exercise: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Bring back the stub of an exercise; keeps what you wrote
    Reset {
        /// The exercise, like 1.2
        exercise: String,
        /// Bring back what you wrote
        #[arg(long)]
        undo: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// The questions of the study guide as multiple choice; exit status 1 unless all were answered rightly
    Quiz(quiz::Options),
    /// A table of all lessons: what passes, what fails, what is not started
    Progress {
        /// Grade everything again, not only what has changed
        #[arg(long)]
        again: bool,
        /// Print what `report` prints
        #[arg(long)]
        json: bool,
    },
    /// A report on all lessons for programs: JSON, Gradescope's results.json, or points
    Report(report::Options),
    /// Write the stubs of all exercises into stubs.json, for whoever changes one
    #[command(hide = true)]
    Stubs {
        /// Fail if the file is not what it would be
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    writing::end_with_the_reader();
    let arguments = Arguments::parse();
    match run(arguments.command.unwrap_or(Command::Next)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            anstream::eprintln!("{BAD}error:{BAD:#} {}", message(error));
            ExitCode::FAILURE
        }
    }
}

/// Whether all is in order.
fn run(command: Command) -> Result<bool> {
    let checkout = Checkout::open()?;
    match command {
        Command::Check { options } => return check(&checkout, &options),
        Command::Next => print::next(&checkout)?,
        Command::List { plain, lesson } => {
            let lesson = lesson.map(|name| course::find_lesson(&name)).transpose()?;
            if plain || !can_draw() {
                let mut entries = checkout.memory().entries();
                entries.retain(|entry| lesson.is_none_or(|lesson| entry.lesson == lesson));
                print::list(&entries);
            } else {
                ui::list(&checkout, lesson.map(|lesson| lesson.number))?;
            }
        }
        Command::Watch {
            exercise,
            plain,
            folder,
        } => watch(&checkout, exercise.as_deref(), plain, folder)?,
        Command::Hint { exercise, all, reset } => {
            let found = exercise.map(|id| course::find_exercise(&id)).transpose()?;
            match found {
                Some((lesson, exercise)) if !reset => {
                    let hints = match hint::reveal(checkout.state(), exercise, all) {
                        Ok(hints) => hints,
                        Err(error) => {
                            anstream::eprintln!("{DIM}{error}{DIM:#}");
                            let mut hints = hint::shown(checkout.state(), exercise);
                            hints.shown = exercise.hints[..if all { hints.total } else { 1 }].to_vec();
                            hints
                        }
                    };
                    print::hints(lesson, exercise, &hints, all);
                }
                found => {
                    let exercise = found.map(|(_, exercise)| exercise);
                    hint::forget(checkout.state(), exercise)?;
                    let of = exercise.map_or("all exercises", |exercise| &exercise.id);
                    println!("The hints of {of} begin anew.");
                }
            }
        }
        Command::Open { exercise, page, print } => {
            let (lesson, exercise) = course::find_exercise(&exercise)?;
            open(&checkout, lesson, exercise, page, print)?;
        }
        Command::Diff { exercise, yes } => {
            let (lesson, exercise) = course::find_exercise(&exercise)?;
            let id = &exercise.id;
            let passes = checkout.entry(id).is_some_and(|entry| entry.standing.is_understood());
            if !passes && !yes && !confirm(&format!("{id} does not pass yet. Show the solution all the same?")) {
                bail!("{id} does not pass yet; `cargo lesson diff {id} --yes` shows the solution all the same");
            }
            print::diff(&diff::diff(checkout.root(), lesson, exercise)?)?;
        }
        Command::Reset { exercise, undo, yes } => {
            let (lesson, exercise) = course::find_exercise(&exercise)?;
            let id = &exercise.id;
            if undo {
                let done = reset::undo(checkout.root(), checkout.state(), lesson, exercise)?;
                println!("{id} in {} is as it was before the last reset.", done.file);
                println!("As it was until now: {}", done.backup.display());
            } else {
                if !yes && !confirm(&format!("Put the stub of {id} back? What you wrote is kept.")) {
                    bail!("nothing was changed; `cargo lesson reset {id} --yes` does not ask");
                }
                let done = reset::reset(checkout.root(), checkout.state(), lesson, exercise)?;
                println!("{id} in {} is a stub again.", done.file);
                println!("The file as it was: {}", done.backup.display());
                println!("Back to it:         cargo lesson reset {id} --undo");
            }
        }
        Command::Quiz(options) => return quiz::quiz(&options),
        Command::Progress { again, json } => progress::progress(&checkout, again, json)?,
        Command::Report(options) => report::report(&options)?,
        Command::Stubs { check } => stubs(&checkout, check)?,
    }
    Ok(true)
}

/// The set-up check, which needs the network and is a program of its own. Paths in its options are the caller's.
fn check(checkout: &Checkout, options: &[String]) -> Result<bool> {
    let mut command = grade::cargo();
    command.args(["run", "--quiet", "--package", "verify_setup", "--manifest-path"]);
    command.arg(checkout.root().join("Cargo.toml")).arg("--").args(options);
    let status = command.status().context("cargo does not start")?;
    Ok(status.success())
}

/// Opens an exercise, or its lesson's text where the exercise stands in it.
fn open(checkout: &Checkout, lesson: &Lesson, exercise: &Exercise, page: bool, print: bool) -> Result<()> {
    let place = if page {
        ui::page(checkout.root(), lesson, exercise)
    } else {
        lesson.place(checkout.root(), exercise)
    };
    if print {
        println!("{place}");
        return Ok(());
    }
    let (file, line) = ui::split_place(&place);
    let Some(editor) = Editor::find(|name| std::env::var(name).ok()) else {
        bail!("no editor is known; set $VISUAL or $EDITOR, or open {place}");
    };
    let mut command = editor.command(&checkout.root().join(file), line);
    let status = command
        .status()
        .with_context(|| format!("{} does not start; open {place}", editor.program()))?;
    ensure!(
        status.success(),
        "{} ended with {status}; open {place}",
        editor.program()
    );
    if !editor.in_terminal {
        println!("opened {place}");
    }
    Ok(())
}

/// Grades at each save, on the screen or line by line.
fn watch(checkout: &Checkout, which: Option<&str>, plain: bool, folder: Option<PathBuf>) -> Result<()> {
    let memory = checkout.memory();
    let next = || {
        memory.next().map_or((&course::lessons()[0], None), |entry| {
            (entry.lesson, Some(entry.exercise))
        })
    };
    let (lesson, exercise) = match which {
        None => next(),
        Some(id) if id.contains('.') => {
            let (lesson, exercise) = course::find_exercise(id)?;
            (lesson, Some(exercise))
        }
        Some(name) => (course::find_lesson(name)?, None),
    };
    if !plain && can_draw() {
        let first_open = || {
            let entries = memory.entries();
            let of_lesson = entries.iter().filter(|entry| entry.lesson == lesson);
            let open = of_lesson
                .clone()
                .find(|entry| entry.exercise.core && !entry.standing.is_understood());
            open.or(of_lesson.clone().next()).map(|entry| entry.exercise)
        };
        let exercise = exercise.or_else(first_open).context("the lesson has no exercises")?;
        return ui::watch(checkout, exercise);
    }
    let folder = folder.unwrap_or_else(|| checkout.root().join("lessons").join(&lesson.package).join("src"));
    ensure!(
        folder.is_dir(),
        "cannot watch {}: there is no such folder",
        folder.display()
    );
    let filter: Vec<&str> = exercise
        .iter()
        .filter(|_| which.is_some())
        .map(|exercise| exercise.id.as_str())
        .collect();
    let watcher = Watcher::new(vec![folder.clone()]);
    loop {
        let before = watcher.stamps();
        let start = Instant::now();
        grade::grade_aloud(checkout.root(), lesson, &filter)?;
        let took = start.elapsed().as_secs_f64();
        let place = folder.display();
        anstream::println!("{DIM}{took:.1} s. Waiting for a save in {place} (Ctrl-C ends){DIM:#}");
        watcher.wait(&before);
    }
}

/// Writes or checks the file with the stubs that are built into this program.
fn stubs(checkout: &Checkout, check: bool) -> Result<()> {
    let of = |(lesson, exercise): (&Lesson, &Exercise)| {
        let source = exercise::read(checkout.root(), &lesson.path(exercise))?;
        let stubs = exercise::stubs(&source, &exercise.id);
        ensure!(
            !stubs.is_empty(),
            "{} holds no stub of {}",
            lesson.path(exercise),
            exercise.id
        );
        Ok((exercise.id.clone(), stubs))
    };
    let stubs: std::collections::BTreeMap<_, _> = course::exercises().map(of).collect::<Result<_>>()?;
    let text = serde_json::to_string_pretty(&stubs)? + "\n";
    let file = checkout.root().join("lessons/shared/companion/stubs.json");
    if check {
        let is_same = std::fs::read_to_string(&file).is_ok_and(|found| found == text);
        ensure!(is_same, "stubs.json is not up to date; `cargo lesson stubs` writes it");
        anstream::println!("{GOOD}stubs.json is up to date{GOOD:#}");
    } else {
        writing::whole(&file, text.as_bytes())?;
        println!("wrote {}", file.display());
    }
    Ok(())
}
