//! Progress on the terminal: a line for the picture that is being drawn, and a bar below it for each of its long steps.

use std::borrow::Cow;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// All lines on the terminal; silent where the output is no terminal.
static LINES: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);
/// The name of the picture that is being drawn.
static PICTURE: Mutex<String> = Mutex::new(String::new());

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a valid template")
}

/// The line of a picture; it disappears when this is dropped.
pub(crate) struct Line(ProgressBar);

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        LINES.remove(&self.0);
    }
}

/// Says which picture is being drawn, and for how long already.
pub(crate) fn begin(picture: &str) -> Line {
    *PICTURE.lock().unwrap_or_else(|error| error.into_inner()) = picture.to_string();
    let line = LINES.add(ProgressBar::new_spinner().with_style(style("{spinner} {prefix} {elapsed}")));
    line.set_prefix(picture.to_string());
    line.enable_steady_tick(Duration::from_millis(200));
    Line(line)
}

/// A progress bar on the terminal, with the picture it belongs to, the time left and room for a message; silent where the
/// output is no terminal.
///
/// It disappears when it is dropped or finished.
pub fn progress(steps: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let picture = PICTURE.lock().unwrap_or_else(|error| error.into_inner()).clone();
    let what = what.into();
    let prefix = if picture.is_empty() {
        what
    } else {
        format!("{picture}: {what}").into()
    };
    let bar = ProgressBar::new(steps).with_style(style("{prefix} {bar:30} {pos}/{len} {eta:>4} left {msg}"));
    LINES.add(bar.with_prefix(prefix))
}
