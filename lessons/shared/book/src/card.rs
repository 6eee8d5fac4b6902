//! An exercise as it stands in a lesson's page: what is asked, hints, and the place for state and verdict.

use std::path::Path;

use anyhow::{Context, Result};
use course::{Exercise, Lesson};

use crate::html::{escape, from_markdown};
use crate::stub;

/// HTML on one line. Where the learner's file cannot be read, a half-written one say, the card says so and what is asked comes
/// from the solution, which differs in bodies alone.
///
/// **Errors** if the solution's file does not hold the exercise's documentation either.
pub fn card(root: &Path, lesson: &Lesson, exercise: &Exercise) -> Result<String> {
    let read = |path: String| stub::read(&root.join(path), &exercise.id);
    let (stub, note) = match read(lesson.path(exercise)) {
        Ok(stub) => (stub, String::new()),
        Err(error) => {
            let why = format!("{error:#}").replace(&format!("{}/", root.display()), "");
            let note = format!("When this page was made, {why}. What is asked stands here as it came.");
            let note = format!("<p class=\"note\">{}</p>", escape(&note));
            (read(lesson.solution_path(exercise)).with_context(|| why)?, note)
        }
    };
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
         <details class=\"task\" open><summary>What is asked: {heading}</summary>{note}{text}{items}</details>\
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_leaves_the_task_as_it_came() {
        let course = course::root().unwrap();
        let (lesson, exercise) = course::exercise("1.1").unwrap();
        let place = tempfile::tempdir().unwrap();
        let put = |path: String, text: &str| {
            let path = place.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let solution = std::fs::read_to_string(course.join(lesson.solution_path(exercise))).unwrap();
        put(lesson.solution_path(exercise), &solution);
        let whole = card(course, lesson, exercise).unwrap();
        for (broken, why) in [
            (Some("fn f( {"), "is not valid Rust"),
            (Some("// all is gone"), "no item in"),
            (None, "cannot be read"),
        ] {
            let file = lesson.path(exercise);
            match broken {
                Some(text) => put(file.clone(), text),
                None => std::fs::remove_file(place.path().join(&file)).unwrap(),
            }
            let html = card(place.path(), lesson, exercise).unwrap();
            assert!(html.contains(why) && html.contains(&file), "{html}");
            assert!(!html.contains(&place.path().display().to_string()), "{html}");
            let (start, end) = (
                html.find("<p class=\"note\">").unwrap(),
                html.find("as it came.</p>").unwrap(),
            );
            let without = html[..start].to_string() + &html[end + "as it came.</p>".len()..];
            assert_eq!(without, whole);
        }
    }
}
