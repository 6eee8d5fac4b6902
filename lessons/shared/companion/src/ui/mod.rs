//! The companion on the whole screen: the list of exercises, and the exercise at hand graded on each save.

pub mod app;
#[cfg(test)]
mod tests;
pub mod view;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use course::memory::Sources;
use course::{Exercise, Lesson};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};

use self::app::{App, Effect, Run, Screen};
use self::view::Theme;
use crate::Checkout;
use crate::editor::Editor;
use crate::grade::{self, Graded, Grading};
use crate::watch::Watcher;

/// How long a key waits at most.
const TICK: Duration = Duration::from_millis(80);

/// Shows the list.
///
/// **Errors** if the terminal cannot be drawn on.
pub fn list(checkout: &Checkout, lesson: Option<u32>) -> Result<()> {
    let next = checkout.memory().next();
    let mut app = App::new(checkout, Screen::List, next.map_or("1.1", |entry| &entry.exercise.id));
    app.lesson = lesson;
    if lesson.is_some() {
        app.chosen = 0;
        app.at = app.shown().first().copied().unwrap_or(0);
    }
    run(app, false)
}

/// Shows an exercise and grades it on each save.
///
/// **Errors** if the terminal cannot be drawn on.
pub fn watch(checkout: &Checkout, exercise: &Exercise) -> Result<()> {
    run(App::new(checkout, Screen::Watch, &exercise.id), true)
}

/// What comes from other threads.
enum News {
    Saved,
    /// With what kept the verdicts from being remembered, if anything did.
    Graded(String, Result<Graded, String>, Duration, Option<String>),
    Drew(String),
}

/// The parts that run beside the screen.
struct Desk {
    news: Sender<News>,
    /// The process that grades or draws now.
    busy: Option<u32>,
    /// Something was saved while it ran.
    again: bool,
}

fn run(mut app: App, grade_now: bool) -> Result<()> {
    let (sender, news) = channel();
    watch_saves(app.checkout(), sender.clone());
    let mut desk = Desk {
        news: sender,
        busy: None,
        again: false,
    };
    let mut terminal = ratatui::try_init().context("the terminal cannot be drawn on; --plain needs none")?;
    let result = turn(&mut terminal, &mut app, &mut desk, &news, grade_now);
    ratatui::restore();
    if let Some(process) = desk.busy {
        stop(process);
    }
    result
}

/// Draws, waits for a key or news, and acts, until the learner quits.
fn turn(
    terminal: &mut DefaultTerminal,
    app: &mut App,
    desk: &mut Desk,
    news: &Receiver<News>,
    grade_now: bool,
) -> Result<()> {
    let theme = Theme::of_environment();
    if grade_now {
        desk.grade(app);
    }
    loop {
        terminal.draw(|frame| view::draw(frame, app, theme, Instant::now()))?;
        let mut effects = vec![];
        if event::poll(TICK)? {
            match event::read()? {
                Event::Key(key) => effects = app.key(key),
                Event::Resize(..) => terminal.autoresize()?,
                _ => {}
            }
        }
        for news in news.try_iter() {
            match news {
                News::Saved => {
                    app.refresh();
                    if app.screen == Screen::Watch {
                        effects.push(Effect::Grade);
                    }
                }
                News::Graded(id, graded, took, lost) => {
                    desk.busy = None;
                    app.graded(id, graded, took);
                    app.said = lost.map(|why| format!("Graded, but what is shown may be old: {why}"));
                }
                News::Drew(output) => {
                    desk.busy = None;
                    app.drew(output);
                }
            }
            if desk.busy.is_none() && std::mem::take(&mut desk.again) {
                effects.push(Effect::Grade);
            }
        }
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Grade => desk.grade(app),
                Effect::Draw => desk.draw(app),
                Effect::Open => open(terminal, app)?,
            }
        }
    }
}

/// Tells of each save in any lesson.
fn watch_saves(checkout: &Checkout, news: Sender<News>) {
    let lessons = course::lessons().iter();
    let folders = lessons.map(|lesson| checkout.root().join("lessons").join(&lesson.package).join("src"));
    let watcher = Watcher::new(folders.collect());
    thread::spawn(move || {
        loop {
            let before = watcher.stamps();
            watcher.wait(&before);
            if news.send(News::Saved).is_err() {
                return;
            }
        }
    });
}

impl Desk {
    /// Grades the exercise at hand; what is saved meanwhile is graded afterwards.
    fn grade(&mut self, app: &mut App) {
        if self.busy.is_some() {
            self.again = true;
            return;
        }
        let (lesson, exercise) = (app.entry().lesson, app.entry().exercise);
        let memory = app.checkout().memory().clone();
        let sources: Sources = memory.sources(lesson);
        let start = Instant::now();
        app.grading(start);
        let grading = match Grading::start(memory.root(), lesson, &[&exercise.id]) {
            Ok(grading) => grading,
            Err(error) => {
                app.run = Run::Broken(format!("{error:#}"));
                return;
            }
        };
        self.busy = Some(grading.id());
        let (news, id) = (self.news.clone(), exercise.id.clone());
        thread::spawn(move || {
            let graded = grading.finish();
            let lost = match &graded {
                Ok(Graded::Report(report)) => memory.remember(report, &sources, true).err(),
                _ => None,
            };
            let graded = graded.map_err(|error| format!("{error:#}"));
            let lost = lost.map(|error| error.to_string());
            let _ = news.send(News::Graded(id, graded, start.elapsed(), lost));
        });
    }

    /// Draws the pictures of the exercise at hand.
    fn draw(&mut self, app: &mut App) {
        if self.busy.is_some() {
            app.said = Some("The grader is at work; press v again when it is done.".into());
            return;
        }
        let (lesson, exercise) = (app.entry().lesson, app.entry().exercise);
        let mut command = grade::cargo();
        command
            .args(["run", "--quiet", "--package", &lesson.package, "--"])
            .args(&exercise.pictures);
        command.current_dir(app.checkout().root());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                app.said = Some(format!("cargo does not start: {error}"));
                return;
            }
        };
        self.busy = Some(child.id());
        app.run = Run::Drawing(Instant::now());
        let news = self.news.clone();
        thread::spawn(move || {
            let output = match child.wait_with_output() {
                Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
                Ok(output) => {
                    let (said, error) = (
                        String::from_utf8_lossy(&output.stdout),
                        String::from_utf8_lossy(&output.stderr),
                    );
                    format!("{said}{error}")
                }
                Err(error) => error.to_string(),
            };
            let _ = news.send(News::Drew(output));
        });
    }
}

/// Ends a process that is no longer needed.
fn stop(process: u32) {
    let command = if cfg!(windows) {
        Command::new("taskkill")
            .args(["/T", "/F", "/PID", &process.to_string()])
            .output()
    } else {
        Command::new("kill").arg(process.to_string()).output()
    };
    let _ = command;
}

/// Opens the exercise at hand. An editor that needs the terminal gets it until it ends.
fn open(terminal: &mut DefaultTerminal, app: &mut App) -> Result<()> {
    let (lesson, exercise) = (app.entry().lesson, app.entry().exercise);
    let place = lesson.place(app.checkout().root(), exercise);
    let (file, line) = split_place(&place);
    let Some(editor) = Editor::find(|name| std::env::var(name).ok()) else {
        app.said = Some(format!("No editor is known: set $VISUAL or $EDITOR, or open {place}"));
        return Ok(());
    };
    let mut command = editor.command(&app.checkout().root().join(file), line);
    let told = |status: std::io::Result<std::process::ExitStatus>| match status {
        Ok(status) if status.success() => format!("opened {place}"),
        Ok(status) => format!("{} ended with {status}; open {place}", editor.program()),
        Err(error) => format!("{} does not start ({error}); open {place}", editor.program()),
    };
    if editor.in_terminal {
        ratatui::restore();
        let said = told(command.status());
        *terminal = ratatui::try_init().context("the terminal cannot be drawn on any more")?;
        terminal.clear()?;
        app.said = Some(said);
    } else {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        app.said = Some(told(command.status()));
    }
    app.refresh();
    Ok(())
}

/// `src/f.rs:7` → `src/f.rs` and 7.
pub fn split_place(place: &str) -> (&str, usize) {
    let parts = place
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, line.parse().ok()?)));
    parts.unwrap_or((place, 1))
}

/// The line of a lesson's text where it asks for an exercise.
pub fn page(root: &Path, lesson: &Lesson, exercise: &Exercise) -> String {
    let text = std::fs::read_to_string(root.join(lesson.text())).unwrap_or_default();
    match course::after::line_that_asks(&text, &exercise.id) {
        Some(line) => format!("{}:{line}", lesson.text()),
        None => lesson.text(),
    }
}
