//! How things look on the terminal: a few styles, and errors without their innards.
//!
//! `anstream` drops the styles where output is not a terminal or `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const FAIR: Style = AnsiColor::Yellow.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const DIM: Style = Style::new().dimmed();
pub const TITLE: Style = Style::new().bold();

/// An error as one message. With `RUST_BACKTRACE` set, candle's errors print the stack below it; a learner has no use
/// for the frames of this program.
pub fn message(error: impl std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let end = text.find("\n   0: ").unwrap_or(text.len());
    text[..end].trim_end().to_string()
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
    fn a_backtrace_is_cut_off_and_a_message_kept_whole() {
        assert_eq!(message("two\nlines\n   0: main\n   1: start\n"), "two\nlines");
        assert_eq!(message("ends here"), "ends here");
    }

    #[test]
    fn lines_break_between_words_and_keep_their_indentation() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("let a;\n    b c d", 8), ["let a;", "    b c", "    d"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
    }
}
