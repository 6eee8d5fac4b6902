//! An exercise is graded by two processes. One holds the attempt and hands back what it gave (`observe.rs`). The other
//! judges: it has the solution and the exam, asks for one experiment after the other, and compares. The runner starts the
//! judge and reads the verdict, so neither an endless loop nor a lack of memory in either process costs more than this
//! exercise. Nothing is kept in files: a full or missing folder for them cannot matter.

use crate::{
    attempt::{Attempt, Ended, Limits, family},
    exam::{AnyExam, Outcome},
    grade::Grade,
    judging::Step,
    panics,
};
use process_control::{ChildExt, Control};
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    env,
    ffi::OsString,
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

/// Threads for matrix products in a child; their stacks count as address space.
const THREADS: &str = "2";
/// For a check that never ends for reasons of its own.
const LAST_RESORT: Duration = Duration::from_secs(900);

/// What the judge found.
#[derive(Serialize, Deserialize)]
struct Judged {
    grade: Grade,
    /// What the attempt printed for the input in question.
    printed: String,
}

/// Grades an exercise in processes of its own: its grade, and what the attempt printed for the input in question.
///
/// `judge` are the arguments that make this program judge.
pub fn grade(exercise: &str, seed: u64, limits: Limits, judge: &[OsString]) -> (Grade, String) {
    run(exercise, seed, limits, judge).unwrap_or_else(|error| {
        let what = format!("the process that judges did not run ({error})");
        (Grade::broken(what), String::new())
    })
}

fn run(exercise: &str, seed: u64, limits: Limits, judge: &[OsString]) -> io::Result<(Grade, String)> {
    let mut command = Command::new(env::current_exe()?);
    command
        .args(judge)
        .args(["--judge", exercise, "--seed", &seed.to_string()]);
    command.args(["--time-limit", &limits.time.as_secs_f64().to_string()]);
    if env::var_os("RAYON_NUM_THREADS").is_none() {
        command.env("RAYON_NUM_THREADS", THREADS);
    }
    command.args(limits.show_output.then_some("--nocapture"));
    command.args(limits.full.then_some("--full"));
    let errors = if limits.show_output {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()?;
    let control = child
        .controlled_with_output()
        .time_limit(LAST_RESORT)
        .terminate_for_timeout();
    let Some(output) = control.wait()? else {
        let what = format!("it was not judged within {} s", LAST_RESORT.as_secs());
        return Ok((Grade::broken(what), String::new()));
    };
    Ok(match serde_json::from_slice(&output.stdout) {
        Ok(Judged { grade, printed }) => (grade, printed),
        Err(_) => {
            let what = format!("the process that judges ended early ({})", output.status);
            (Grade::broken(what), String::new())
        }
    })
}

/// Judges in this process, which was started for it, the attempt that `program` runs, and prints the verdict for the
/// runner.
pub fn judge(exam: impl FnOnce() -> Box<dyn AnyExam>, program: Command, limits: Limits) -> ExitCode {
    family::adopt_orphans();
    panics::silence();
    let judged = match Attempt::start(program, limits) {
        Ok(attempt) => {
            let Judged { grade, printed } = examine(exam, attempt);
            Judged {
                grade: grade.in_full(limits.full),
                printed,
            }
        }
        Err(error) => Judged {
            grade: Grade::broken(format!("the process with your function does not start ({error})")),
            printed: String::new(),
        },
    };
    println!("{}", serde_json::to_string(&judged).expect("a verdict serialises"));
    ExitCode::SUCCESS
}

fn examine(exam: impl FnOnce() -> Box<dyn AnyExam>, attempt: Attempt) -> Judged {
    let attempt = RefCell::new(attempt);
    let found: RefCell<Option<Judged>> = RefCell::new(None);
    // Both sides make the inputs, at the same time.
    let ended = Cell::new(false);
    let judged = panics::catch(|| {
        let exam = exam();
        let experiments = match attempt.borrow_mut().ready() {
            Ok(experiments) => experiments,
            Err(Ended(grade)) => return *grade,
        };
        if experiments != exam.inputs().len() {
            return Grade::broken("the process with your function has other inputs; build it again");
        }
        let solution = Cell::new(Duration::ZERO);
        let labels = exam.inputs();
        let answer = |i: usize| -> Outcome {
            let answer = attempt.borrow_mut().answer(i, labels[i], solution.get());
            // There is no answer to compare: leave the examination.
            answer.unwrap_or_else(|ended| resume_unwind(Box::new(ended)))
        };
        let mut watch = |step: Step| match step {
            Step::Trying { solution: took, .. } => solution.set(took),
            Step::Returned => {}
            Step::Failed(grade) => {
                let printed = attempt.borrow().printed();
                found.replace(Some(Judged { grade, printed }));
            }
        };
        catch_unwind(AssertUnwindSafe(|| exam.judge(&answer, &mut watch))).unwrap_or_else(|cause| {
            match cause.downcast::<Ended>() {
                Ok(end) => {
                    ended.set(true);
                    *end.0
                }
                Err(panic) => resume_unwind(panic),
            }
        })
    });
    let grade = judged.unwrap_or_else(|panic| Grade::broken(format!("{} ({})", panic.message, panic.at)));
    match found.into_inner() {
        // What followed only looked for a known mistake, and came to an end or not.
        Some(known) if ended.get() => known,
        Some(known) => Judged { grade, ..known },
        None => Judged {
            printed: attempt.borrow().printed(),
            grade,
        },
    }
}
