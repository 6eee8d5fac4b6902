//! What a page can ask for. Bodies and answers are JSON; a refusal is `{"problem": "a sentence"}`.

use std::convert::Infallible;
use std::path::{Component, Path as FilePath};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use companion::editor::Editor;
use course::{Exercise, Lesson};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, course_state, drawing};

/// A sentence for the page, with status 400.
pub struct Refused(anyhow::Error);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (
            StatusCode::BAD_REQUEST,
            Json(json!({ "problem": format!("{:#}", self.0) })),
        )
            .into_response()
    }
}

impl<E: Into<anyhow::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

type Answer = Result<Json<Value>, Refused>;
type Shared = State<Arc<App>>;

/// The whole state.
pub async fn state(State(app): Shared) -> Json<Value> {
    Json(app.state.json())
}

/// The whole state at once and after each change, as server-sent events.
pub async fn events(State(app): Shared) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    app.state.publish();
    let mut changes = app.state.changes();
    changes.mark_changed();
    let stream = futures_util::stream::unfold(changes, |mut changes| async move {
        changes.changed().await.ok()?;
        let text = changes.borrow_and_update().clone();
        (text != course_state::STOPPED).then(|| (Ok(Event::default().data(text)), changes))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

#[derive(Deserialize)]
pub struct WhichLesson {
    /// Without one, all.
    lesson: Option<String>,
}

/// Grades a lesson, or all.
pub async fn grade(State(app): Shared, Json(which): Json<WhichLesson>) -> Answer {
    match which.lesson {
        Some(package) => app.state.grade(find_lesson(&package)?),
        None => course::lessons().iter().for_each(|lesson| app.state.grade(lesson)),
    }
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct HintShown {
    exercise: String,
    shown: usize,
}

/// Remembers that a hint was unfolded, together with the terminal.
pub async fn hint(State(app): Shared, Json(hint): Json<HintShown>) -> Answer {
    let (_, exercise) = find_exercise(&hint.exercise)?;
    let state = app.state.checkout().state();
    while companion::hint::shown(state, exercise).shown.len() < hint.shown.min(exercise.hints.len()) {
        companion::hint::reveal(state, exercise, false).context("the hint cannot be remembered")?;
    }
    app.state.publish();
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct AnsweredQuestion {
    question: String,
    right: bool,
}

/// Remembers an answer, together with the terminal.
pub async fn quiz(State(app): Shared, Json(answer): Json<AnsweredQuestion>) -> Answer {
    let known = course::questions::questions()
        .iter()
        .any(|question| question.id == answer.question);
    require(known, || format!("there is no question {:?}", answer.question))?;
    companion::quiz::record::answer(app.state.checkout().state(), &answer.question, answer.right)
        .context("the answer cannot be remembered")?;
    app.state.publish();
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct WhatToOpen {
    exercise: Option<String>,
    file: Option<String>,
}

/// Opens an exercise or a file of the course in the editor.
pub async fn open(State(app): Shared, Json(what): Json<WhatToOpen>) -> Answer {
    let root = app.state.checkout().root();
    let (file, line) = match (what.exercise, what.file) {
        (Some(id), _) => {
            let (lesson, exercise) = find_exercise(&id)?;
            let file = lesson.path(exercise);
            let source = std::fs::read_to_string(root.join(&file)).unwrap_or_default();
            (file, course::source::line_of(&source, &exercise.name).unwrap_or(1))
        }
        (None, Some(file)) => (file, 1),
        (None, None) => return Err(anyhow::anyhow!("say which exercise or file to open").into()),
    };
    let path = FilePath::new(&file);
    let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let known = [
        "lessons",
        "solutions",
        "tests",
        "verify_setup",
        "README.md",
        "GUIDE.md",
        "GUIDE.es.md",
    ];
    let first = path.components().next().and_then(|part| part.as_os_str().to_str());
    let belongs = is_plain && first.is_some_and(|first| known.contains(&first)) && root.join(path).exists();
    require(belongs, || format!("{file} is no file of the course"))?;
    let editor = Editor::find(|name| std::env::var(name).ok()).filter(|editor| !editor.in_terminal);
    let editor = editor.with_context(|| {
        format!("no editor with a window is known: open {file}:{line} yourself, or set LESSON_EDITOR (cargo lesson open --help)")
    })?;
    let started = editor
        .command(&root.join(path), line)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let mut child = started.with_context(|| format!("{} does not start", editor.program()))?;
    std::thread::spawn(move || child.wait());
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub struct WhichExercise {
    exercise: String,
}

/// One's own code beside the solution's, once the exercise passes.
pub async fn diff(State(app): Shared, Json(which): Json<WhichExercise>) -> Answer {
    let (lesson, exercise) = find_exercise(&which.exercise)?;
    let checkout = app.state.checkout();
    let passes = checkout
        .entry(&exercise.id)
        .is_some_and(|entry| entry.standing.is_understood());
    require(passes, || {
        format!("{} does not pass yet; the solution can wait", exercise.id)
    })?;
    let diff = companion::diff::diff(checkout.root(), lesson, exercise)?;
    let row = |row: &companion::diff::Row| json!([row.yours, row.reference, row.same]);
    let pairs = diff
        .pairs
        .iter()
        .map(|pair| json!({ "name": pair.name, "rows": pair.rows.iter().map(row).collect::<Vec<_>>() }));
    Ok(Json(json!({
        "yours": diff.yours,
        "reference": diff.reference,
        "same": diff.is_same(),
        "pairs": pairs.collect::<Vec<_>>(),
    })))
}

#[derive(Deserialize)]
pub struct WhichPicture {
    lesson: String,
    picture: String,
}

/// Draws a picture with the learner's code.
pub async fn draw(State(app): Shared, Json(which): Json<WhichPicture>) -> Answer {
    let lesson = find_lesson(&which.lesson)?;
    let reference = app
        .state
        .checkout()
        .root()
        .join("lessons")
        .join(&lesson.package)
        .join("pictures");
    let is_plain = which
        .picture
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let known = is_plain && reference.join(&which.picture).with_extension("png").is_file();
    require(known, || {
        format!("{} has no picture {:?}", lesson.package, which.picture)
    })?;
    app.state.draw(lesson, &which.picture)?;
    Ok(Json(json!({})))
}

/// Ends the drawing that runs.
pub async fn cancel(State(app): Shared) -> Answer {
    app.state.cancel();
    Ok(Json(json!({})))
}

/// A picture that the learner's code has drawn.
pub async fn picture(State(app): Shared, Path((lesson, name)): Path<(String, String)>) -> Response {
    let bytes = drawing::file(app.state.checkout().root(), &lesson, &name).and_then(|file| std::fs::read(file).ok());
    match bytes {
        Some(bytes) => ([(header::CONTENT_TYPE, "image/png")], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

const LEARNINGS: &str = "lessons/LEARNINGS.md";

/// The notebook, and which version of it this is.
pub async fn read_learnings(State(app): Shared) -> Answer {
    let file = app.state.checkout().root().join(LEARNINGS);
    let text = std::fs::read_to_string(&file).with_context(|| format!("{LEARNINGS} cannot be read"))?;
    Ok(Json(json!({ "version": version(&text), "text": text })))
}

#[derive(Deserialize)]
pub struct Notebook {
    text: String,
    version: String,
}

/// Saves the notebook, unless it was changed elsewhere since it was read.
pub async fn write_learnings(State(app): Shared, Json(new): Json<Notebook>) -> Answer {
    let file = app.state.checkout().root().join(LEARNINGS);
    let now = std::fs::read_to_string(&file).unwrap_or_default();
    let changed = "LEARNINGS.md was changed elsewhere since this page read it. Nothing was saved and your text is still here: \
        copy it, reload the page, and put both together.";
    require(version(&now) == new.version, || changed.into())?;
    writing::whole(&file, new.text.as_bytes())
        .with_context(|| format!("{LEARNINGS} cannot be written; it is as it was, and your text is still here"))?;
    Ok(Json(json!({ "version": version(&new.text) })))
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { bail!(otherwise()) }
}

/// Tells two texts apart.
fn version(text: &str) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

fn find_lesson(package: &str) -> Result<&'static Lesson> {
    course::lesson(package).with_context(|| format!("there is no lesson {package:?}"))
}

fn find_exercise(id: &str) -> Result<(&'static Lesson, &'static Exercise)> {
    course::exercise(id).with_context(|| format!("there is no exercise {id:?}"))
}
