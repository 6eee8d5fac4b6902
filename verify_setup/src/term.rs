//! How things look on the terminal: a few styles, and errors without their innards.
//!
//! `anstream` drops the styles where output is not a terminal or `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const FAIR: Style = AnsiColor::Yellow.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const DIM: Style = Style::new().dimmed();
pub const TITLE: Style = Style::new().bold();

/// An error as one message, without the frames of this program.
pub fn message(error: impl std::fmt::Display) -> String {
    course::panics::without_backtrace(&format!("{error:#}")).to_string()
}
