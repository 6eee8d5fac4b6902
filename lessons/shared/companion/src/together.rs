//! Several lessons graded at once: one cargo builds them all, and each is graded as soon as its program is there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use anyhow::{Context, Result};
use course::Lesson;
use course::memory::Memory;
use serde_json::Value;

use crate::grade::{self, Failure, Graded};

/// Grades lessons, remembers the verdicts, and shows what came of each, in their order, as soon as it is known.
///
/// **Errors** if cargo does not run, or with the first error of `show`.
pub fn grade(
    memory: &Memory,
    chosen: &[&Lesson],
    seed: Option<u64>,
    mut show: impl FnMut(&Lesson, Graded) -> Result<()>,
) -> Result<()> {
    if chosen.is_empty() {
        return Ok(());
    }
    if grade::other_grader().is_some() {
        let seed = seed.map(|seed| seed.to_string());
        let options: Vec<_> = seed.iter().flat_map(|seed| ["--seed", seed]).collect();
        return chosen
            .iter()
            .try_for_each(|lesson| show(lesson, grade::grade(memory, lesson, &options, false)?));
    }
    let sources: Vec<_> = chosen.iter().map(|lesson| memory.sources(lesson)).collect();
    let mut show = |lesson: &Lesson, graded: Graded| {
        let place = chosen.iter().position(|chosen| *chosen == lesson);
        if let (Graded::Report(report), Some(place)) = (&graded, place) {
            // Grading goes on where nothing can be written.
            if let Err(error) = memory.remember(report, &sources[place], false) {
                anstream::eprintln!("{} was graded; {error}", lesson.package);
            }
        }
        show(lesson, graded)
    };
    anstream::eprintln!("grading (compiles what changed) ...");
    let built = build(chosen)?;
    let mut waiting = chosen.iter().copied().peekable();
    let (mut programs, mut said) = (BTreeMap::new(), BTreeMap::<String, String>::new());
    for news in built {
        match news {
            News::Program(folder, program) => drop(programs.insert(folder, program)),
            News::Error(folder, text) => said.entry(folder).or_default().push_str(&text),
        }
        while let Some(lesson) = waiting.peek()
            && let Some(program) = programs.get(&lesson.package)
        {
            show(lesson, run(lesson, program, seed)?)?;
            waiting.next();
        }
    }
    for lesson in waiting {
        let graded = match programs.get(&lesson.package) {
            Some(program) => run(lesson, program, seed)?,
            None => {
                // Without an error of its own it is the victim of one in what all lessons share.
                let own = said.get(&lesson.package).cloned();
                let text = own.unwrap_or_else(|| said.values().map(String::as_str).collect());
                Graded::Failed(Failure::said(&text))
            }
        };
        show(lesson, graded)?;
    }
    Ok(())
}

/// What cargo says about a package below `lessons/`, which is named by its folder.
enum News {
    Program(String, PathBuf),
    Error(String, String),
}

/// Builds the test programs of these lessons; the receiver ends when cargo does.
fn build(chosen: &[&Lesson]) -> Result<Receiver<News>> {
    let mut command = grade::cargo();
    command.args(["test", "--quiet", "--no-run", "--no-fail-fast"]);
    command.arg("--message-format=json-diagnostic-rendered-ansi");
    command.args(chosen.iter().flat_map(|lesson| ["--package", &lesson.package]));
    command
        .current_dir(course::root()?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot run cargo")?;
    let messages = BufReader::new(child.stdout.take().context("cargo has no output")?);
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in messages.lines().map_while(Result::ok) {
            // Nobody listens any more once the first error has been shown.
            let news = serde_json::from_str(&line).ok().and_then(|message| news(&message));
            if news.is_some_and(|news| sender.send(news).is_err()) {
                break;
            }
        }
        let _ = child.wait();
    });
    Ok(receiver)
}

fn news(message: &Value) -> Option<News> {
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = folder.file_name()?.to_str()?.to_string();
    match message["reason"].as_str()? {
        "compiler-artifact" if message["profile"]["test"] == true => {
            let program = message["executable"].as_str()?;
            Some(News::Program(package, program.into()))
        }
        "compiler-message" if message["message"]["level"] == "error" => {
            let text = message["message"]["rendered"].as_str()?;
            Some(News::Error(package, text.to_string()))
        }
        _ => None,
    }
}

/// Runs a lesson's test program as cargo would.
fn run(lesson: &Lesson, program: &Path, seed: Option<u64>) -> Result<Graded> {
    let folder = course::root()?.join("lessons").join(&lesson.package);
    let output = Command::new(program)
        .arg("--json")
        .args(seed.iter().flat_map(|seed| ["--seed".to_string(), seed.to_string()]))
        .current_dir(&folder)
        .env("CARGO_MANIFEST_DIR", &folder)
        .env("CARGO_PKG_NAME", &lesson.package)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    Ok(match serde_json::from_slice(&output.stdout) {
        Ok(report) => Graded::Report(report),
        Err(_) => Graded::Failed(Failure::said(&String::from_utf8_lossy(&output.stderr))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn test_programs_and_errors_are_news_and_nothing_else_is() {
        let of = |reason: &str, test: bool, level: &str| {
            news(&json!({
                "reason": reason, "manifest_path": "/x/lessons/lesson02/Cargo.toml", "profile": { "test": test },
                "executable": "/x/target/grade02", "message": { "level": level, "rendered": "error: expected `;`" },
            }))
        };
        assert!(
            matches!(of("compiler-artifact", true, ""), Some(News::Program(package, program))
            if package == "lesson02" && program == Path::new("/x/target/grade02"))
        );
        assert!(
            matches!(of("compiler-message", false, "error"), Some(News::Error(package, text))
            if package == "lesson02" && text == "error: expected `;`")
        );
        assert!(of("compiler-artifact", false, "").is_none(), "a library or a program");
        assert!(of("compiler-message", false, "warning").is_none());
        assert!(of("build-finished", true, "error").is_none());
    }
}
