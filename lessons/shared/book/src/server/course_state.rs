//! What the pages show of the learner: verdicts, hints, answers, pictures; and the one worker that grades.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use companion::grade::{Graded, Grading};
use companion::watch::Watcher;
use companion::{Checkout, hint, quiz};
use course::Lesson;
use course::memory::{Entry, Standing};
use course::report::{Shown, Verdict};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::drawing::{self, Drawing, Drawn};

#[derive(Default)]
struct Inner {
    /// Lessons to be graded, in order; the first one is at work.
    queue: Vec<&'static str>,
    /// Lessons that do not compile, with the compiler's first messages.
    broken: BTreeMap<&'static str, String>,
    /// What the last run of each exercise gave beside what was expected.
    differences: BTreeMap<String, Shown>,
    drawing: Option<Drawing>,
    drawn: Option<Drawn>,
    problem: Option<String>,
    stopped: bool,
}

/// The state, and whoever is to hear of its changes.
pub struct CourseState {
    checkout: Checkout,
    inner: Mutex<Inner>,
    wake: std::sync::Condvar,
    changes: watch::Sender<String>,
}

/// How often the files that the terminal's companion writes are looked at.
const LOOK: Duration = Duration::from_secs(1);

impl CourseState {
    /// Starts the grader, and grades what was written since it was graded last.
    ///
    /// **Errors** if there is no checkout.
    pub fn start() -> Result<Arc<Self>> {
        let state = Arc::new(Self {
            checkout: Checkout::open()?,
            inner: Mutex::new(Inner::default()),
            wake: std::sync::Condvar::new(),
            changes: watch::channel(String::new()).0,
        });
        for entry in state.checkout.memory().entries() {
            if matches!(entry.standing, Standing::Written | Standing::Changed(_)) {
                state.grade(entry.lesson);
            }
        }
        state.publish();
        state.thread("grader", Self::work)?;
        state.thread("saves", Self::watch)?;
        state.thread("files", |state| {
            while !state.lock().stopped {
                std::thread::sleep(LOOK);
                state.publish();
            }
        })?;
        Ok(state)
    }

    fn thread(self: &Arc<Self>, name: &str, run: impl FnOnce(&Self) + Send + 'static) -> Result<()> {
        let state = Arc::clone(self);
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || run(&state))?;
        Ok(())
    }

    /// The checkout.
    pub fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn sources(&self, lesson: &Lesson) -> PathBuf {
        self.checkout.root().join("lessons").join(&lesson.package).join("src")
    }

    /// Grades a lesson whenever one of its files is saved, for ever.
    fn watch(&self) {
        let folders: Vec<_> = course::lessons().iter().map(|lesson| self.sources(lesson)).collect();
        let watcher = Watcher::new(folders);
        let mut before = watcher.stamps();
        while !self.lock().stopped {
            watcher.wait(&before);
            let now = watcher.stamps();
            for lesson in course::lessons() {
                let folder = self.sources(lesson);
                let of = |stamps: &companion::watch::Stamps| -> Vec<_> {
                    let files = stamps.iter().filter(|(path, _)| path.starts_with(&folder));
                    files.map(|(path, stamp)| (path.clone(), *stamp)).collect()
                };
                if of(&before) != of(&now) {
                    self.grade(lesson);
                }
            }
            before = now;
        }
    }

    /// Puts a lesson into the queue. One that waits is not put there twice; one that is at work is graded once more.
    pub fn grade(&self, lesson: &'static Lesson) {
        let mut inner = self.lock();
        if !inner.queue.iter().skip(1).any(|package| *package == lesson.package) {
            inner.queue.push(&lesson.package);
        }
        drop(inner);
        self.wake.notify_all();
        self.publish();
    }

    /// Ends a drawing that runs, and every connection that listens.
    pub fn stop(&self) {
        let mut inner = self.lock();
        inner.stopped = true;
        if let Some(drawing) = &inner.drawing {
            drawing.cancel();
        }
        drop(inner);
        self.wake.notify_all();
        self.changes.send_replace(STOPPED.into());
    }

    fn work(&self) {
        loop {
            let mut inner = self.lock();
            while inner.queue.is_empty() && !inner.stopped {
                inner = self.wake.wait(inner).unwrap_or_else(|poisoned| poisoned.into_inner());
            }
            if inner.stopped {
                return;
            }
            let lesson = course::lesson(inner.queue[0]).expect("it came from the catalogue");
            drop(inner);
            let memory = self.checkout.memory();
            let sources = memory.sources(lesson);
            let graded = Grading::start(memory.root(), lesson, &[]).and_then(Grading::finish);
            let kept = match &graded {
                Ok(Graded::Report(report)) => memory.remember(report, &sources, true),
                _ => Ok(()),
            };
            self.take(lesson, graded);
            if let Err(error) = kept {
                let problem = format!(
                    "{} was graded, but its verdicts cannot be kept: {error}",
                    lesson.package
                );
                self.lock().problem = Some(problem);
            }
            self.publish();
        }
    }

    /// Takes in what came of grading a lesson.
    fn take(&self, lesson: &'static Lesson, graded: Result<Graded>) {
        let package = lesson.package.as_str();
        let mut inner = self.lock();
        inner.queue.remove(0);
        inner.broken.remove(package);
        inner.problem = None;
        match graded {
            Ok(Graded::Report(report)) => {
                for outcome in report.exercises {
                    match outcome.shown {
                        Some(shown) => drop(inner.differences.insert(outcome.id, shown)),
                        None => drop(inner.differences.remove(&outcome.id)),
                    }
                }
            }
            Ok(Graded::Failed(failure)) => {
                let first = failure.messages.first().map(|message| match &message.place {
                    Some(place) => format!("{} ({place})", message.text),
                    None => message.text.clone(),
                });
                inner.problem = Some(match first {
                    Some(first) => format!("{package} does not compile: {first}"),
                    None => format!("{package} could not be graded: {}", cut(&failure.said, 300)),
                });
                inner.broken.insert(package, cut(&failure.to_string(), 8000));
            }
            Err(error) => inner.problem = Some(format!("{package} could not be graded: {error:#}")),
        }
    }

    /// Begins a drawing if none runs.
    ///
    /// **Errors** say what runs already, or why it does not start.
    pub fn draw(self: &Arc<Self>, lesson: &'static Lesson, picture: &str) -> Result<()> {
        let mut inner = self.lock();
        if let Some(drawing) = &inner.drawing {
            anyhow::bail!("{} is being drawn; one picture at a time", drawing.name);
        }
        let state = Arc::clone(self);
        inner.drawn = None;
        let drawing = Drawing::start(self.checkout.root(), lesson, picture, move |event| state.drawing(event))?;
        inner.drawing = Some(drawing);
        drop(inner);
        self.publish();
        Ok(())
    }

    fn drawing(&self, event: drawing::Event) {
        let mut inner = self.lock();
        match event {
            drawing::Event::Line(line) => {
                if let Some(drawing) = &mut inner.drawing {
                    drawing.line = line;
                }
            }
            drawing::Event::Ended(drawn) => {
                inner.drawing = None;
                inner.drawn = Some(drawn);
            }
        }
        drop(inner);
        self.publish();
    }

    /// Ends the drawing that runs, if there is one.
    pub fn cancel(&self) {
        if let Some(drawing) = &self.lock().drawing {
            drawing.cancel();
        }
    }

    /// A receiver of the whole state, as JSON, after each change; [`STOPPED`] at the end.
    pub fn changes(&self) -> watch::Receiver<String> {
        self.changes.subscribe()
    }

    /// Tells all pages what has changed.
    pub fn publish(&self) {
        let text = self.json().to_string();
        if !self.lock().stopped && *self.changes.borrow() != text {
            self.changes.send_replace(text);
        }
    }

    /// The state as the pages read it.
    pub fn json(&self) -> Value {
        let entries = self.checkout.memory().entries();
        let right: BTreeMap<_, _> = quiz::record::right(self.checkout.state())
            .into_iter()
            .map(|id| (id, true))
            .collect();
        let next = self.checkout.memory().next();
        let pictures = drawing::own(self.checkout.root());
        let inner = self.lock();
        let exercises: BTreeMap<_, _> = entries
            .iter()
            .map(|entry| (entry.exercise.id.as_str(), self.exercise(entry, &inner)))
            .collect();
        let grading: BTreeSet<_> = inner.queue.iter().collect();
        json!({
            "exercises": exercises,
            "lessons": course::lessons().iter().map(|lesson| row(lesson, &entries)).collect::<Vec<_>>(),
            "next": next.map(|entry| json!({
                "id": entry.exercise.id,
                "title": entry.exercise.title,
                "href": href(entry.lesson, &entry.exercise.id),
            })),
            "grading": grading,
            "quiz": right,
            "pictures": pictures,
            "drawing": inner.drawing.as_ref().map(|drawing| json!({ "name": drawing.name, "line": drawing.line })),
            "drawn": inner.drawn,
            "problem": inner.problem,
        })
    }

    fn exercise(&self, entry: &Entry, inner: &Inner) -> Value {
        let id = &entry.exercise.id;
        let graded = entry.standing.graded();
        let broken = inner.broken.get(entry.lesson.package.as_str());
        let verdict = match (&entry.standing, broken) {
            (Standing::NotStarted, _) => Some(Verdict::NotStarted),
            (_, Some(_)) => Some(Verdict::Ungraded),
            (_, None) => graded.map(|graded| graded.verdict),
        };
        json!({
            "verdict": verdict,
            "changed": matches!(entry.standing, Standing::Changed(_)),
            "understood": entry.standing.is_understood(),
            "message": broken.or(graded.map(|graded| &graded.message)),
            "difference": inner.differences.get(id),
            "hints": hint::shown(self.checkout.state(), entry.exercise).shown.len(),
        })
    }
}

/// What a listener gets last.
pub const STOPPED: &str = "stopped";

fn href(lesson: &Lesson, id: &str) -> String {
    format!(
        "/lessons/{}/index.html#exercise-{}",
        lesson.package,
        id.replace('.', "-")
    )
}

/// A line of the table of progress.
fn row(lesson: &Lesson, entries: &[Entry]) -> Value {
    let entries: Vec<_> = entries
        .iter()
        .filter(|entry| entry.lesson.number == lesson.number)
        .collect();
    let done = entries.iter().filter(|entry| entry.standing.is_understood()).count();
    let open = entries
        .iter()
        .filter(|entry| entry.exercise.core && !entry.standing.is_understood());
    let exercises = entries.iter().map(|entry| {
        let exercise = entry.exercise;
        json!({ "id": exercise.id, "title": exercise.title, "core": exercise.core, "href": href(lesson, &exercise.id) })
    });
    json!({
        "title": format!("{:02} {}", lesson.number, lesson.title),
        "exercises": exercises.collect::<Vec<_>>(),
        "passed": format!("{done} of {}", entries.len()),
        "minutes_left": open.map(|entry| entry.exercise.minutes).sum::<u32>(),
    })
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_string(),
    }
}
