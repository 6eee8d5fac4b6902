//! `cargo lesson`: the command line of the companion.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use companion::term::{BAD, message};
use companion::{hint, lessons, progress, quiz, report, watch};

/// Guides through the lessons.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo lesson", disable_help_subcommand = true)]
#[command(after_help = "Without a command it says what is next.\n\
    Exit status: 0 all in order, 1 something is not, 2 a wrong option.")]
struct Cli {
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
    /// The first core exercise that does not pass yet: where it is and how to check it
    Next,
    /// A table of all lessons: what passes, what fails, what is not started
    Progress {
        /// Print what `report` prints
        #[arg(long)]
        json: bool,
    },
    /// A report on all lessons for programs: JSON, Gradescope's results.json, or points
    Report(report::Options),
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
    /// Grade a lesson again at each save; Ctrl-C ends
    Watch {
        /// The lesson, like 1 or lesson01 [default: the one with the first stub left]
        lesson: Option<String>,
        /// Clear the screen before each run
        #[arg(long)]
        clear: bool,
        /// Watch this folder instead of the lesson's
        #[arg(long, hide = true)]
        folder: Option<PathBuf>,
    },
    /// The questions of the study guide as multiple choice; exit status 1 unless all were answered rightly
    Quiz(quiz::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command.unwrap_or(Command::Next)) {
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
    match command {
        Command::Check { options } => return check(&options),
        Command::Next => progress::next()?,
        Command::Progress { json } => progress::progress(json)?,
        Command::Report(options) => report::report(&options)?,
        Command::Hint { exercise, all, reset } => {
            let exercise = exercise
                .map(|id| course::find_exercise(&id))
                .transpose()?
                .map(|(_, exercise)| exercise);
            let shown = hint::Shown::load()?;
            match exercise {
                Some(exercise) if !reset => shown.print_next(exercise, all)?,
                _ => {
                    shown.reset(exercise)?;
                    let of = exercise.map_or("all exercises", |exercise| &exercise.id);
                    println!("The hints of {of} begin anew.");
                }
            }
        }
        Command::Watch { lesson, clear, folder } => {
            let root = course::root()?;
            let lesson = match lesson {
                Some(name) => course::find_lesson(&name)?,
                None => course::source::first_stub(root).map_or(&course::lessons()[0], |(lesson, _)| lesson),
            };
            let source = root.join("lessons").join(&lesson.package).join("src");
            watch::lesson(lesson, &folder.unwrap_or(source), clear)?;
        }
        Command::Quiz(options) => return quiz::quiz(&options),
    }
    Ok(true)
}

/// The set-up check, which needs the network and is a program of its own. Paths in its options are the caller's.
fn check(options: &[String]) -> Result<bool> {
    let mut command = lessons::cargo();
    command.args(["run", "--quiet", "--package", "verify_setup", "--manifest-path"]);
    command.arg(course::root()?.join("Cargo.toml")).arg("--").args(options);
    let status = command.status().context("cargo does not start")?;
    Ok(status.success())
}
