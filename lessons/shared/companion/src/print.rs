//! What `cargo lesson`, `list --plain`, `hint`, `diff` and `reset` print.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

use anstyle::Style;
use anyhow::Result;
use course::after::After;
use course::memory::{Entry, Standing};
use course::report::Verdict;
use course::{Exercise, Lesson};

use crate::Checkout;
use crate::diff::{Diff, Row};
use crate::hint::Hints;
use crate::term::{BAD, DIM, FAIR, GOOD, TITLE, width, wrap};

/// Most characters in a line of text.
const WIDTH: usize = 90;

/// How many exercises of a kind are understood, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Understood.
    pub done: usize,
    /// All.
    pub all: usize,
}

impl Count {
    /// Counts the entries that `chosen` chooses.
    pub fn of(entries: &[Entry], chosen: impl Fn(&Entry) -> bool) -> Self {
        let chosen = entries.iter().filter(|entry| chosen(entry));
        chosen.fold(Self::default(), |count, entry| Self {
            done: count.done + usize::from(entry.standing.is_understood()),
            all: count.all + 1,
        })
    }
}

/// Where one stands and what is next, in a few lines.
pub fn next(checkout: &Checkout) -> Result<()> {
    let entries = checkout.memory().entries();
    let core = Count::of(&entries, |entry| entry.exercise.core);
    let further = Count::of(&entries, |entry| !entry.exercise.core);
    anstream::println!(
        "{TITLE}{} of {}{TITLE:#} core exercises done, {} of {} further ones",
        core.done,
        core.all,
        further.done,
        further.all
    );
    let changed = entries
        .iter()
        .filter(|entry| matches!(entry.standing, Standing::Changed(_)));
    let changed: Vec<_> = changed.map(|entry| entry.exercise.id.as_str()).collect();
    if !changed.is_empty() {
        anstream::println!("{FAIR}changed since they were graded:{FAIR:#} {}", changed.join(" "));
    }
    let Some(entry) = checkout.memory().next() else {
        let done = "Every exercise is done.";
        anstream::println!("{GOOD}{done}{GOOD:#} Compare with solutions/, and write lessons/LEARNINGS.md.");
        return Ok(());
    };
    let Entry { lesson, exercise, .. } = entry;
    let Exercise {
        id,
        title,
        minutes,
        difficulty,
        ..
    } = exercise;
    if !exercise.core && core.done == core.all {
        println!("Every core exercise passes. A further one, for those who want more:");
    }
    anstream::println!("\n{TITLE}Next: {id} {title}{TITLE:#}");
    anstream::println!(
        "  about {minutes} minutes, difficulty {difficulty} of 3, {}",
        entry.standing.words()
    );
    if !exercise.requires.is_empty() {
        println!("  uses   {}", exercise.requires.join(", "));
    }
    println!("  read   {}", lesson.text());
    println!("  write  {}", lesson.place(checkout.root(), exercise));
    println!("  check  {}", lesson.command(exercise));
    anstream::println!("  {DIM}or{DIM:#}     cargo lesson watch {id} {DIM}(grades on every save){DIM:#}");
    println!("  stuck  cargo lesson hint {id}");
    Ok(())
}

/// The mark, colour and words of a standing.
pub fn look(standing: &Standing) -> (char, Style, String) {
    let (mark, style) = match standing {
        Standing::NotStarted => ('·', DIM),
        Standing::Written | Standing::Changed(_) => ('~', FAIR),
        Standing::Graded(graded) if graded.verdict.is_understood() => ('✓', GOOD),
        Standing::Graded(graded) => match graded.verdict {
            Verdict::Waiting | Verdict::Begun => ('~', FAIR),
            _ => ('✗', BAD),
        },
    };
    (mark, style, standing.words())
}

/// All exercises, a line each.
pub fn list(entries: &[Entry]) {
    let titles = entries.iter().map(|entry| entry.exercise.title.chars().count());
    let title = titles.max().unwrap_or(0);
    for entry in entries {
        let Entry { exercise, standing, .. } = entry;
        let (mark, style, words) = look(standing);
        let kind = if exercise.core { "core" } else { "further" };
        anstream::println!(
            "{style}{mark}{style:#} {:<5} {:<title$} {kind:<8} {:>3} min  {style}{words}{style:#}",
            exercise.id,
            exercise.title,
            exercise.minutes
        );
    }
}

/// What comes after an exercise that is right.
pub fn after(after: &After) {
    for (label, text) in after_rows(after) {
        anstream::println!("  {DIM}{label:<11}{DIM:#} {text}");
    }
}

/// The same as labels and texts.
pub fn after_rows(after: &After) -> Vec<(&'static str, String)> {
    let mut rows = vec![];
    rows.extend(after.see.clone().map(|see| ("see it", see)));
    for picture in &after.pictures {
        rows.push(("picture", format!("{}.png: {}", picture.name, picture.drawn.words())));
    }
    rows.push(("read on", after.read.clone()));
    if let Some(end) = &after.end {
        rows.push(("", "All core exercises of this lesson are done.".into()));
        rows.push(("draw all", end.draw.clone()));
        rows.push(("compare", end.compare.clone()));
        rows.push(("write down", format!("what you saw, in {}", end.notes)));
        rows.extend(end.next.clone().map(|next| ("next lesson", next)));
    }
    rows
}

/// The hints that may be shown, the newest bright.
pub fn hints(lesson: &Lesson, exercise: &Exercise, hints: &Hints, all: bool) {
    anstream::println!("{TITLE}{} {}{TITLE:#}", exercise.id, exercise.title);
    let (now, total) = (hints.shown.len(), hints.total);
    for (index, hint) in hints.shown.iter().enumerate() {
        let is_old = index + 1 < now && !all;
        let style = if is_old { DIM } else { Style::new() };
        anstream::println!("  {style}hint {} of {total}{style:#}", index + 1);
        for line in wrap(hint.trim(), WIDTH.min(width().saturating_sub(4))) {
            anstream::println!("    {style}{line}{style:#}");
        }
    }
    if hints.has_more() {
        println!("\nOne more: cargo lesson hint {}", exercise.id)
    } else {
        println!(
            "\nThat was the last one. The reference: {}",
            lesson.solution_path(exercise)
        );
    }
}

/// Both sides of an exercise, in the pager where there is a terminal.
pub fn diff(diff: &Diff) -> Result<()> {
    let text = diff_text(diff, width());
    let is_terminal = std::io::stdout().is_terminal();
    let colored = anstream::stdout().current_choice() != anstream::ColorChoice::Never;
    let text = if is_terminal && colored {
        text
    } else {
        anstream::adapter::strip_str(&text).to_string()
    };
    if is_terminal && page(&text) {
        return Ok(());
    }
    let written = std::io::stdout().write_all(text.as_bytes());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()), // whoever reads has seen enough
        written => Ok(written?),
    }
}

/// Shows a text in `$PAGER`, or in `less`. `false` if there is none.
fn page(text: &str) -> bool {
    let set = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let pager = set.unwrap_or_else(|| "less".into());
    let mut words = pager.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("less"));
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "-FRX"); // short texts stay on the screen; colours are kept
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(text.as_bytes()); // it may have been left early
    }
    child.wait().is_ok_and(|status| status.success())
}

/// Both sides in columns, or one below the other where the terminal is narrow.
pub fn diff_text(diff: &Diff, width: usize) -> String {
    const NARROW: usize = 100;
    let mut text = format!(
        "{TITLE}yours{TITLE:#} {}   {TITLE}reference{TITLE:#} {}\n",
        diff.yours, diff.reference
    );
    for pair in &diff.pairs {
        text += &format!("\n{TITLE}{}{TITLE:#}", pair.name);
        if pair.rows.iter().all(|row| row.same) {
            text += &format!("  {GOOD}the same code{GOOD:#}\n");
            continue;
        }
        text.push('\n');
        text += &if width >= NARROW {
            columns(&pair.rows, (width - 3) / 2)
        } else {
            stacked(&pair.rows)
        };
    }
    text
}

fn columns(rows: &[Row], width: usize) -> String {
    let mut text = String::new();
    for row in rows {
        let (left, right) = (
            row.yours.as_deref().unwrap_or_default(),
            row.reference.as_deref().unwrap_or_default(),
        );
        let (left, right) = (pieces(left, width), pieces(right, width));
        for index in 0..left.len().max(right.len()) {
            let side = |side: &[String]| side.get(index).cloned().unwrap_or_default();
            let (left, right) = (side(&left), side(&right));
            let (bad, good) = if row.same {
                (Style::new(), Style::new())
            } else {
                (BAD, GOOD)
            };
            text += &format!("{bad}{left:<width$}{bad:#} {DIM}│{DIM:#} {good}{right}{good:#}\n");
        }
    }
    text
}

/// A line cut into pieces of at most so many characters.
fn pieces(line: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    chars.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

fn stacked(rows: &[Row]) -> String {
    let mut text = String::new();
    for group in rows.chunk_by(|a, b| a.same == b.same) {
        if group[0].same {
            for line in group.iter().filter_map(|row| row.yours.as_ref()) {
                text += &format!("  {line}\n");
            }
            continue;
        }
        for line in group.iter().filter_map(|row| row.yours.as_ref()) {
            text += &format!("{BAD}- {line}{BAD:#}\n");
        }
        for line in group.iter().filter_map(|row| row.reference.as_ref()) {
            text += &format!("{GOOD}+ {line}{GOOD:#}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Pair;

    fn example() -> Diff {
        let row = |yours: Option<&str>, reference: Option<&str>| Row {
            yours: yours.map(String::from),
            reference: reference.map(String::from),
            same: yours == reference,
        };
        Diff {
            yours: "lessons/f.rs".into(),
            reference: "solutions/f.rs".into(),
            pairs: vec![
                Pair {
                    name: "f".into(),
                    rows: vec![
                        row(Some("fn f() {"), Some("fn f() {")),
                        row(Some("    1"), Some("    2")),
                        row(None, Some("    + 3")),
                        row(Some("}"), Some("}")),
                    ],
                },
                Pair {
                    name: "g".into(),
                    rows: vec![row(Some("fn g() {}"), Some("fn g() {}"))],
                },
            ],
        }
    }

    fn plain(width: usize) -> String {
        anstream::adapter::strip_str(&diff_text(&example(), width)).to_string()
    }

    #[test]
    fn a_wide_terminal_shows_two_columns_and_a_narrow_one_two_signs() {
        let wide = plain(120);
        let line = wide.lines().find(|line| line.contains("    2")).unwrap();
        assert!(line.starts_with("    1 ") && line.contains("│     2"), "{wide}");
        let narrow = plain(60);
        assert!(
            narrow.contains("  fn f() {\n-     1\n+     2\n+     + 3\n  }\n"),
            "{narrow}"
        );
        for text in [wide, narrow] {
            assert!(text.contains("g  the same code"), "{text}");
        }
    }

    #[test]
    fn a_long_line_goes_on_below() {
        assert_eq!(pieces("abcdefg", 3), ["abc", "def", "g"]);
        assert!(pieces("", 3).is_empty());
    }
}
