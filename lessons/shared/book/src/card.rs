//! An exercise as it stands in a lesson's page: what is asked, hints, and the place for state and verdict.

use std::path::Path;

use anyhow::Result;
use course::{Exercise, Lesson};

use crate::html::{escape, from_markdown};
use crate::stub;

/// HTML on one line.
///
/// **Errors** if the exercise's file does not hold its documentation.
pub fn card(root: &Path, lesson: &Lesson, exercise: &Exercise) -> Result<String> {
    let stub = stub::read(&root.join(lesson.path(exercise)), &exercise.id)?;
    let (kind, id) = (if exercise.core { "core" } else { "further" }, &exercise.id);
    let path = lesson.path(exercise);
    let mut items = String::new();
    for (signature, docs) in &stub.items {
        let code = format!("<pre><code class=\"language-rust\">{}</code></pre>", escape(signature));
        items.push_str(&code.replace('\n', "&#10;"));
        items.push_str(&from_markdown(&labels_on_lines(docs)));
    }
    Ok(format!(
        "<section class=\"exercise\" id=\"exercise-{anchor}\" data-exercise=\"{id}\" data-lesson=\"{package}\" \
         aria-labelledby=\"title-{anchor}\">\
         <header><p class=\"exercise-title\" id=\"title-{anchor}\"><span class=\"number\">{id}</span> {title}</p>\
         <p class=\"facts\">{kind} · {minutes} minutes · difficulty {difficulty} of 3 · \
         <a class=\"source\" data-file=\"{path}\" href=\"{to_root}{path}\">{file}</a></p>\
         <p class=\"state\" role=\"status\"></p></header>\
         <details class=\"task\" open><summary>What is asked: {heading}</summary>{text}{items}</details>\
         {hints}<div class=\"verdict\"></div></section>",
        anchor = id.replace('.', "-"),
        package = lesson.package,
        title = escape(&exercise.title),
        minutes = exercise.minutes,
        difficulty = exercise.difficulty,
        file = escape(&exercise.file),
        to_root = "../../",
        heading = escape(&stub.heading),
        text = from_markdown(&labels_on_lines(&stub.text)),
        hints = hints(&exercise.hints),
    ))
}

/// "Errors", "Trap", "Source" and "Accepted by" begin lines of their own, as they do in the source.
fn labels_on_lines(docs: &str) -> String {
    let mut text = docs.to_string();
    for label in ["Errors", "Trap", "Source", "Accepted by"] {
        text = text.replace(&format!("\n**{label}**"), &format!("  \n**{label}**"));
    }
    text
}

/// Hints inside one another: the second can be seen only once the first is open.
fn hints(hints: &[String]) -> String {
    let mut html = String::new();
    for (index, hint) in hints.iter().enumerate().rev() {
        let name = match index {
            0 => "A hint".to_string(),
            _ if index + 1 == hints.len() => "The line".to_string(),
            _ => "A stronger hint".to_string(),
        };
        html = format!(
            "<details class=\"hint\" data-hint=\"{index}\"><summary>{name}</summary><p>{}</p>{html}</details>",
            escape(hint)
        );
    }
    html
}
