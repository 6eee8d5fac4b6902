//! How things look on the terminal: a few styles, and errors without their innards.
//!
//! `anstream` drops the styles where output is not a terminal or `NO_COLOR` is set.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// What is right.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is nearly right.
pub const FAIR: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is beside the point.
pub const DIM: Style = Style::new().dimmed();
/// What it is about.
pub const TITLE: Style = Style::new().bold();

/// An error as one message.
pub fn message(error: impl std::fmt::Display) -> String {
    course::panics::without_backtrace(&format!("{error:#}")).to_string()
}

/// The width of the terminal in characters; 80 where there is none.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || {
        ratatui::crossterm::terminal::size()
            .ok()
            .map(|(columns, _)| columns.into())
    };
    if std::io::stdout().is_terminal() {
        of_terminal().or(columns).unwrap_or(80).max(20)
    } else {
        columns.unwrap_or(80).max(20)
    }
}

/// Whether the terminal can be drawn on: it is one, for both directions, and no dumb one.
pub fn can_draw() -> bool {
    let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term.is_empty());
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !is_dumb
}

/// Asks a question with the answers yes and no; no without a terminal.
pub fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    anstream::eprint!("{question} [y/N] ");
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Breaks text between words; its own line breaks, and what indents them, stay.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut current = indent.to_string();
        for word in line.split_whitespace() {
            let is_empty = current.len() == indent.len();
            if !is_empty && current.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::replace(&mut current, indent.to_string()));
            } else if !is_empty {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_keep_their_indentation() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("let a;\n    b c d", 8), ["let a;", "    b c", "    d"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
    }
}
