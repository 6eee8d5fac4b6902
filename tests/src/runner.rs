//! The test program of a lesson: which exercises to grade, each in a child process, and the exit status.
//!
//! It takes what cargo and nextest pass to a test program, and a few flags of its own; `-- --help` lists them.

use crate::{AnyExam, Exam, Grade, attempt::Limits, judging::Observe, observe, process, report::Printer};
use clap::Parser;
use course::{
    Lesson,
    report::{Report, Totals, Verdict},
};
use std::{
    env,
    ffi::OsString,
    process::{Command, ExitCode},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// An exercise and the attempt at it that is to be graded.
pub struct Exercise {
    pub(crate) id: String,
    /// The exam with the inputs of a seed.
    exam: Box<dyn Fn(u64) -> Box<dyn AnyExam> + Send + Sync>,
    /// The attempt on these inputs.
    pub(crate) observe: Box<dyn Fn(u64) -> Box<dyn Observe> + Send + Sync>,
}

/// Pairs the check of an exercise with an attempt at it.
///
/// ```
/// use graders::{Exam, Exercise, exercise};
///
/// type Double = fn(usize) -> usize;
///
/// fn check(_seed: u64) -> Exam<Double> {
///     Exam::new("1.1", (|n| 2 * n) as Double).case("n = 3", |f| f(3))
/// }
///
/// fn attempt(n: usize) -> usize {
///     n + n
/// }
///
/// let graded: Exercise = exercise("1.1", check, attempt);
/// ```
pub fn exercise<F: Copy + Send + Sync + 'static>(id: &str, check: fn(u64) -> Exam<F>, attempt: F) -> Exercise {
    Exercise {
        id: id.into(),
        exam: Box::new(move |seed| Box::new(check(seed))),
        observe: Box::new(move |seed| Box::new((check(seed), attempt))),
    }
}

/// Grades a lesson. What follows is for the program's `--help`.
#[derive(Parser)]
#[command(about = "Grades the exercises of a lesson", disable_version_flag = true)]
struct Arguments {
    /// Grade only exercises whose test name contains one of these, or whose id is one of these
    filters: Vec<String>,
    /// The filters are whole test names or ids
    #[arg(long)]
    exact: bool,
    /// Leave out exercises whose test name contains this
    #[arg(long)]
    skip: Vec<String>,
    /// Print the test names and stop
    #[arg(long)]
    list: bool,
    /// Repeat a run's random inputs
    #[arg(long, env = "LESSON_SEED")]
    seed: Option<u64>,
    /// Print a report for programs
    #[arg(long)]
    json: bool,
    /// Show whole values where a verdict shows a corner of them, and all that an attempt printed
    #[arg(long)]
    full: bool,
    /// Show what the attempts print as they run, one exercise at a time
    #[arg(long, alias = "no-capture")]
    nocapture: bool,
    /// Grade so many exercises at a time (default: one per processor)
    #[arg(long)]
    test_threads: Option<usize>,
    /// Stop at the first exercise that does not pass
    #[arg(long)]
    fail_fast: bool,
    /// Seconds an attempt has for one input (or 30 times the solution's time, if that is more)
    #[arg(long, default_value_t = 10.0)]
    time_limit: f64,
    /// auto, always or never
    #[arg(long, default_value = "auto")]
    color: String,

    // What cargo or nextest may add, without meaning here
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    format: Option<String>,

    // The two processes that grade one exercise: see process.rs
    #[arg(long, hide = true)]
    judge: Option<String>,
    #[arg(long, hide = true)]
    observe: Option<String>,
}

/// What cargo expects from a test program that failed; any other status makes it print the command line.
const FAILED: u8 = 101;

/// The main function of a lesson's test program.
pub fn main(package: &str, exercises: Vec<Exercise>) -> ExitCode {
    match course::lesson(package) {
        Some(lesson) => run(lesson, &exercises),
        None => {
            eprintln!("error: no lesson `{package}` in the course");
            ExitCode::from(FAILED)
        }
    }
}

/// Grades the attempts at a lesson's exercises as the command line says. This program plays all three parts: it runs, it
/// judges, and it holds the attempts.
pub fn run(lesson: &Lesson, exercises: &[Exercise]) -> ExitCode {
    let args = Arguments::parse();
    let find = |id: &str| {
        exercises
            .iter()
            .find(|exercise| exercise.id == *id)
            .expect("the runner knows it")
    };
    if let Some(id) = &args.observe {
        return observe::serve(find(id), args.seed());
    }
    if let Some(id) = &args.judge {
        let program = env::current_exe().map(|path| observer(Command::new(path), id, args.seed()));
        return match program {
            Ok(program) => process::judge(|| (find(id).exam)(args.seed()), program, args.limits()),
            Err(error) => failed(&format!("the program does not know its own place ({error})")),
        };
    }
    if let Err(message) = same_exercises(lesson, exercises) {
        return failed(&message);
    }
    args.run(lesson, &[])
}

/// Grades attempts that another program holds: for one that must not trust them.
pub struct Judge<'a> {
    /// The lesson.
    pub lesson: &'a Lesson,
    /// Its exams with the inputs of a seed.
    pub exams: fn(u64) -> Vec<Box<dyn AnyExam>>,
    /// What starts the program with the attempts: the lesson's test program.
    pub attempts: &'a dyn Fn() -> Command,
    /// The arguments that make this program call [`Judge::run`] with the same lesson and attempts.
    pub again: Vec<OsString>,
}

impl Judge<'_> {
    /// Grades as these arguments say, which are those of a lesson's test program.
    pub fn run(&self, args: &[OsString]) -> ExitCode {
        let args = Arguments::parse_from([OsString::from("judge")].iter().chain(args));
        match &args.judge {
            None => args.run(self.lesson, &self.again),
            Some(id) => {
                let program = observer((self.attempts)(), id, args.seed());
                let exam = || {
                    let exam = (self.exams)(args.seed()).into_iter().find(|exam| exam.id() == id);
                    exam.unwrap_or_else(|| panic!("there is no exam {id}"))
                };
                process::judge(exam, program, args.limits())
            }
        }
    }
}

fn observer(mut program: Command, id: &str, seed: u64) -> Command {
    program.args(["--observe", id, "--seed", &seed.to_string()]);
    program
}

fn failed(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(FAILED)
}

impl Arguments {
    /// The runner: a judge for each exercise, started with these arguments.
    fn run(&self, lesson: &Lesson, judge: &[OsString]) -> ExitCode {
        writing::end_with_the_reader();
        let selected: Vec<&course::Exercise> = lesson
            .exercises
            .iter()
            .filter(|exercise| self.selects(exercise))
            .collect();
        if self.list {
            selected.iter().for_each(|exercise| println!("{}: test", exercise.test));
            return ExitCode::SUCCESS;
        }
        let seed = self.seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
        let printer = Printer::new(lesson, seed, &self.color, self.json, self.full);
        let how = How {
            seed,
            limits: self.limits(),
            jobs: self.test_threads,
            fail_fast: self.fail_fast,
            judge,
        };
        let report = grade_all(lesson, &selected, how, printer);
        // Not the exercises of the report: with --fail-fast some are missing.
        if report.totals.passed == selected.len() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(FAILED)
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            time: Duration::try_from_secs_f64(self.time_limit).unwrap_or(Duration::from_secs(10)),
            show_output: self.nocapture,
            full: self.full,
        }
    }

    /// Of one exercise; the runner gives it.
    fn seed(&self) -> u64 {
        self.seed.unwrap_or_default()
    }

    fn selects(&self, exercise: &course::Exercise) -> bool {
        let matches = |filter: &String| {
            *filter == exercise.id
                || if self.exact {
                    *filter == exercise.test
                } else if names_one(filter) {
                    *filter == exercise.filter()
                } else {
                    exercise.test.contains(filter.as_str())
                }
        };
        // There are no ignored exercises, so a run of only those is empty.
        !self.ignored && (self.filters.is_empty() || self.filters.iter().any(matches)) && !self.skip.iter().any(matches)
    }
}

/// Whether a filter looks like `ex4_1`: that is one exercise, and not the tenth and eleventh as well.
fn names_one(filter: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = filter.strip_prefix("ex").and_then(|id| id.split_once('_'));
    parts.is_some_and(|(lesson, number)| is_number(lesson) && is_number(number))
}

fn same_exercises(lesson: &Lesson, exercises: &[Exercise]) -> Result<(), String> {
    let graded: Vec<&str> = exercises.iter().map(|exercise| exercise.id.as_str()).collect();
    let listed: Vec<&str> = lesson.exercises.iter().map(|exercise| exercise.id.as_str()).collect();
    if graded == listed {
        return Ok(());
    }
    let package = &lesson.package;
    Err(format!(
        "the test program of {package} grades {}; lessons/{package}/exercises.toml lists {}",
        graded.join(", "),
        listed.join(", ")
    ))
}

/// How a run goes.
struct How<'a> {
    seed: u64,
    limits: Limits,
    jobs: Option<usize>,
    fail_fast: bool,
    judge: &'a [OsString],
}

/// Grades the selected exercises and what they require, prints as they finish, in order.
fn grade_all(lesson: &Lesson, selected: &[&course::Exercise], how: How, mut printer: Printer) -> Report {
    let How { seed, limits, .. } = how;
    let start = Instant::now();
    let chosen = |exercise: &course::Exercise| selected.iter().any(|selected| selected.id == exercise.id);
    let needed = with_required(lesson, selected);
    let jobs = match how.jobs {
        _ if limits.show_output => 1,
        Some(jobs) => jobs.max(1),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    printer.start(selected.len());

    let mut graded: Vec<Option<(Grade, String, f64)>> = vec![None; needed.len()];
    let mut outcomes = vec![];
    let (next, needed) = (&AtomicUsize::new(0), &needed);
    thread::scope(|scope| {
        let (done, results) = mpsc::channel();
        for _ in 0..jobs.min(needed.len()) {
            let done = done.clone();
            scope.spawn(move || {
                while let Some(exercise) = needed.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let seed = exercise_seed(seed, &exercise.id);
                    let (grade, printed) = process::grade(&exercise.id, seed, limits, how.judge);
                    if how.fail_fast && !grade.is_pass() {
                        next.store(needed.len(), Ordering::Relaxed);
                    }
                    let place = needed.iter().position(|other| other.id == exercise.id);
                    let _ = done.send((place, grade, printed, start.elapsed().as_secs_f64()));
                }
            });
        }
        drop(done);
        let mut reported = 0;
        for (place, grade, printed, seconds) in results {
            graded[place.expect("it was taken from this list")] = Some((grade, printed, seconds));
            while let Some(Some((grade, printed, seconds))) = graded.get(reported) {
                let exercise = needed[reported];
                let grade = wait_for_required(exercise, grade, needed, &graded);
                if chosen(exercise) {
                    outcomes.push(printer.exercise(exercise, &grade, printed, *seconds));
                }
                graded[reported].as_mut().expect("just seen").0 = grade;
                reported += 1;
            }
        }
    });
    let totals = Totals::of(&outcomes, lesson.exercises.len() - selected.len());
    let report = Report {
        lesson: lesson.package.clone(),
        seed,
        exercises: outcomes,
        totals,
    };
    printer.finish(&report, start.elapsed());
    report
}

/// The selected exercises and, before each, those it requires. The catalogue's order is such an order.
fn with_required<'a>(lesson: &'a Lesson, selected: &[&course::Exercise]) -> Vec<&'a course::Exercise> {
    let mut needed: Vec<&str> = selected.iter().map(|exercise| exercise.id.as_str()).collect();
    for exercise in lesson.exercises.iter().rev() {
        if needed.contains(&exercise.id.as_str()) {
            needed.extend(exercise.requires.iter().map(String::as_str));
        }
    }
    lesson
        .exercises
        .iter()
        .filter(|exercise| needed.contains(&exercise.id.as_str()))
        .collect()
}

/// An exercise that was started and fails, waits if one that it requires was started and does not pass. Had it called one that was
/// not started, it would have come upon that one's `todo!`, and its own verdict would say so.
fn wait_for_required(
    exercise: &course::Exercise,
    grade: &Grade,
    needed: &[&course::Exercise],
    graded: &[Option<(Grade, String, f64)>],
) -> Grade {
    if grade.verdict.is_understood() || matches!(grade.verdict, Verdict::NotStarted | Verdict::Broken) {
        return grade.clone();
    }
    let failed = |required: &&String| {
        let place = needed.iter().position(|other| other.id == **required);
        place
            .and_then(|place| graded[place].as_ref())
            .is_some_and(|(grade, _, _)| !grade.verdict.is_understood() && grade.verdict != Verdict::NotStarted)
    };
    match exercise.requires.iter().find(failed) {
        Some(required) => grade.clone().beside(required),
        None => grade.clone(),
    }
}

/// Each exercise has its own stream of inputs, which does not depend on what else is graded.
fn exercise_seed(run: u64, id: &str) -> u64 {
    // FNV-1a: short, and the same on every machine and version.
    let start = 0xcbf2_9ce4_8422_2325 ^ run;
    id.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
