//! Grading for those who must not trust what they grade: `cargo lesson report` and the teacher's `container/grade`.
//!
//! `cargo test -p lessonNN` plays three parts with one program: it runs, judges, and holds the attempts. This program
//! holds none. It builds the lesson's test program, draws the seed afterwards, runs that program confined, asks it for
//! observations and judges them itself. `tests/TEACHING.md` says what that prevents.
//!
//! | command | |
//! |---|---|
//! | `judge grade lesson01 [--json …]` | grades a lesson, with the options of `cargo test -p lesson01 --` |
//! | `judge take SUBMISSION COURSE` | takes a submission's exercises, and nothing else, into a course |
//! | `judge read COURSE` | lists what no exercise needs, by the syntax of the sources |

mod build;
mod confine;
mod source;
mod take;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use graders::{catalogue, runner::Judge};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Grades without trusting what is graded
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Grade a lesson
    Grade {
        /// Like 1 or lesson01
        lesson: String,
        /// The lesson's test program, if it is built
        #[arg(long)]
        attempts: Option<PathBuf>,
        /// Let the compiler read and write nothing but the course, the toolchain and the system
        #[arg(long)]
        confine_build: bool,
        /// What the lesson's test program takes, like --json and --seed
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
    /// Take the exercises of a submission into a course, and say what one should read before believing a pass
    Take {
        /// The folder with lessons/lesson01/src and so on
        submission: PathBuf,
        /// The course; its exercises are overwritten
        course: PathBuf,
    },
    /// List what no exercise needs in the lessons of a course, against a course that nobody has touched
    Read {
        /// The course with the attempts
        course: PathBuf,
        /// What is in these stubs is not listed
        #[arg(long)]
        stubs: Option<PathBuf>,
    },
    /// Run a program that can read and write only what is named here
    #[command(hide = true)]
    Confine(confine::Options),
}

fn main() -> ExitCode {
    writing::end_with_the_reader();
    match run(Arguments::parse().command) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: Part) -> Result<ExitCode> {
    match part {
        Part::Grade {
            lesson,
            attempts,
            confine_build,
            options,
        } => grade(&lesson, attempts, confine_build, &options),
        Part::Take { submission, course } => {
            take::submission(&submission, &course)?;
            Ok(ExitCode::SUCCESS)
        }
        Part::Read { course, stubs } => {
            for line in source::read(&course, stubs.as_deref().unwrap_or(Path::new("")))? {
                println!("{line}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Part::Confine(options) => confine::run(&options),
    }
}

fn grade(lesson: &str, attempts: Option<PathBuf>, confine_build: bool, options: &[OsString]) -> Result<ExitCode> {
    let lesson = course::find_lesson(lesson)?;
    let (_, exams) = catalogue::lessons()
        .into_iter()
        .find(|(package, _)| *package == lesson.package)
        .with_context(|| format!("{} has no exams", lesson.package))?;
    let root = course::root()?;
    let attempts = match attempts {
        Some(program) => program,
        None => match build::lesson(lesson, root, confine_build)? {
            build::Built::Program(program) => program,
            build::Built::Failed => return Ok(ExitCode::from(build::FAILED)),
        },
    };
    let this = env::current_exe().context("the program does not know its own place")?;
    let again = ["grade", &lesson.package, "--attempts"].map(OsString::from);
    let again = again
        .into_iter()
        .chain([attempts.clone().into(), "--".into()])
        .collect();
    let start = || -> Command { confine::command(&this, &attempts, root) };
    let judge = Judge {
        lesson,
        exams,
        attempts: &start,
        again,
    };
    Ok(judge.run(options))
}
