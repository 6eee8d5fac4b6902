//! How things look on the terminal: a few styles, and errors without their innards.
//!
//! `anstream` drops the styles where output is not a terminal or `NO_COLOR` is set.

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
