//! The first command of the course, and the companion of the lessons.
//!
//! `cargo run -p verify_setup` checks the machine and shows the shared network at work. `cargo lesson` is the same
//! program: `next`, `progress`, `hint 1.2`, `watch`, `quiz` and `report`.

mod check;
mod hint;
mod lessons;
mod machine;
mod network;
mod progress;
mod quiz;
mod report;
mod setup;
mod show;
mod term;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use real_data::Cache;
use studio::{Choice, Data, Material};

use crate::term::{BAD, message};

/// Checks the machine and shows the shared network at work; guides through the lessons.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo lesson",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
#[command(after_help = "Without a command it checks, as `cargo run -p verify_setup` does.\n\
    Exit status: 0 all in order, 1 something is not, 2 a wrong option.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setup: Setup,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the machine, run the network on an image, write a figure
    Check(Setup),
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
    /// Print the numbers of the forward-pass check, for whoever trains a new network
    #[command(hide = true)]
    Golden {
        /// Write them into verify_setup/golden.json
        #[arg(long)]
        write: bool,
    },
}

#[derive(Debug, Args)]
struct Setup {
    /// Show the network this photo (JPEG, PNG or WebP of any size) instead of a generated scene
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Show another ResNet at work: a .safetensors or .pth file with torchvision's names, or resnet18 or resnet50 if fetched
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Show the network this generated scene
    #[arg(long, value_name = "NUMBER", default_value_t = 2, conflicts_with = "image")]
    scene: u64,
    /// Write the figure here [default: target/figures/verify_setup.png of the workspace]
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Print one JSON object, for machines
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command.unwrap_or(Command::Check(cli.setup))) {
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
        Command::Check(Setup {
            image,
            weights,
            scene,
            figure,
            json,
        }) => {
            let choice = Choice {
                data: Data::Scenes,
                weights,
                image: image.clone(),
            };
            let theirs = match choice.weights {
                Some(_) => Some(Material::open(&choice, &Cache::locate()?)?),
                None => None,
            };
            let theirs = theirs.as_ref();
            let input = match image {
                Some(path) => show::Input::photo(&path, theirs)?,
                None => show::Input::scene(scene)?,
            };
            let figure = figure.unwrap_or_else(|| lessons::root().join("target/figures/verify_setup.png"));
            return setup::check(&input, theirs, &figure, json);
        }
        Command::Next => progress::next()?,
        Command::Progress { json } => progress::progress(json)?,
        Command::Report(options) => report::report(&options)?,
        Command::Hint { exercise, all, reset } => {
            let exercise = exercise
                .map(|id| lessons::find_exercise(&id))
                .transpose()?
                .map(|(_, exercise)| exercise);
            let shown = hint::Shown::load();
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
            let lesson = match lesson {
                Some(name) => lessons::find_lesson(&name)?,
                None => lessons::first_stub().map_or(&course::lessons()[0], |(lesson, _)| lesson),
            };
            let source = lessons::root().join("lessons").join(&lesson.package).join("src");
            watch::lesson(lesson, &folder.unwrap_or(source), clear)?;
        }
        Command::Quiz(options) => return quiz::quiz(&options),
        Command::Golden { write } => {
            let golden = network::Golden::compute(&resnet::checkpoints::scenes()?)?;
            println!("{}", serde_json::to_string_pretty(&golden)?);
            if write {
                eprintln!("wrote {}", golden.write(lessons::root())?.display());
            }
        }
    }
    Ok(true)
}
