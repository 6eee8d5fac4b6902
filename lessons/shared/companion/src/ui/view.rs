//! Draws the screen.

use std::time::Instant;

use course::memory::{Entry, Standing};
use course::report::Verdict;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};

use super::app::{App, Panel, Question, Run, Screen};
use crate::diff::{Diff, Row};
use crate::grade::Failure;
use crate::print::{Count, after_rows};

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Whether colours are used; without them weight and brightness have to do.
    pub colors: bool,
}

impl Theme {
    /// No colours if `NO_COLOR` is set, <https://no-color.org>.
    pub fn of_environment() -> Self {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Self { colors }
    }

    fn color(self, color: Color) -> Style {
        if self.colors {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    fn good(self) -> Style {
        self.color(Color::Green)
    }

    fn fair(self) -> Style {
        self.color(Color::Yellow)
    }

    fn bad(self) -> Style {
        self.color(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn of(self, standing: &Standing) -> (char, Style) {
        match standing {
            Standing::NotStarted => ('·', DIM),
            Standing::Written | Standing::Changed(_) => ('~', self.fair()),
            Standing::Graded(graded) if graded.verdict.is_understood() => ('✓', self.good()),
            Standing::Graded(graded) => match graded.verdict {
                Verdict::Waiting | Verdict::Begun => ('~', self.fair()),
                _ => ('✗', self.bad()),
            },
        }
    }
}

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws everything. The size of the panel is noted in `app`, for scrolling.
pub fn draw(frame: &mut Frame, app: &mut App, theme: Theme, now: Instant) {
    let width = frame.area().width;
    let keys = wrap_words(&keys(app), width);
    let footer = Text::from(
        keys.iter()
            .map(|line| Line::styled(line.clone(), DIM))
            .collect::<Vec<_>>(),
    );
    let status = Paragraph::new(status(app, theme, now)).wrap(Wrap { trim: false });
    let status_height = status.line_count(width).max(1) as u16;
    let heights = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(status_height),
        Constraint::Length(footer.height() as u16),
    ];
    let [title, bar, _, body, status_area, footer_area] = Layout::vertical(heights).areas(frame.area());
    frame.render_widget(headline(app, theme), title);
    frame.render_widget(progress(app, theme, width), bar);
    match app.screen {
        Screen::List => list(frame, app, theme, body),
        Screen::Watch => panel(frame, app, theme, body),
    }
    frame.render_widget(status, status_area);
    frame.render_widget(footer, footer_area);
}

fn headline(app: &App, theme: Theme) -> Line<'static> {
    match app.screen {
        Screen::List => {
            let lesson = app
                .lesson
                .map_or("all lessons".to_string(), |lesson| format!("lesson {lesson:02}"));
            let mut spans = vec![
                Span::styled("Exercises", TITLE),
                Span::styled(format!("  {lesson}, {}", app.which.word()), DIM),
            ];
            if app.is_searching || !app.search.is_empty() {
                let cursor = if app.is_searching { "▏" } else { "" };
                spans.push(Span::raw(format!("  /{}{cursor}", app.search)));
            }
            Line::from(spans)
        }
        Screen::Watch => {
            let Entry { exercise, standing, .. } = app.entry();
            let (mark, style) = theme.of(standing);
            let kind = if exercise.core { "core" } else { "further" };
            Line::from(vec![
                Span::styled(format!("{mark} "), style),
                Span::styled(format!("{} {}", exercise.id, exercise.title), TITLE),
                Span::styled(format!("  {kind}, {} min", exercise.minutes), DIM),
            ])
        }
    }
}

fn progress(app: &App, theme: Theme, width: u16) -> Line<'static> {
    let Count { done, all } = Count::of(&app.entries, |entry| entry.exercise.core);
    let label = format!(" {done} of {all} core exercises");
    let room = usize::from(width).saturating_sub(label.chars().count()).min(60);
    let full = room * done / all.max(1);
    Line::from(vec![
        Span::styled("█".repeat(full), theme.good()),
        Span::styled("░".repeat(room - full), DIM),
        Span::raw(label),
    ])
}

/// The line above the keys: what runs, what is asked, what was said.
fn status(app: &App, theme: Theme, now: Instant) -> Line<'static> {
    let id = &app.entry().exercise.id;
    if let Some(question) = app.question {
        let text = match question {
            Question::Diff => format!("{id} does not pass yet. Show the solution all the same? y/n"),
            Question::Reset => format!("Put the stub of {id} back? What you wrote is kept. y/n"),
        };
        return Line::styled(text, theme.fair().add_modifier(Modifier::BOLD));
    }
    if let Some(said) = &app.said {
        return Line::styled(said.clone(), theme.fair());
    }
    let since = |start: Instant| now.saturating_duration_since(start).as_secs();
    match &app.run {
        Run::Grading(id, start) => Line::from(format!("grading {id} … {} s", since(*start))),
        Run::Drawing(start) => Line::from(format!("drawing … {} s", since(*start))),
        _ if app.screen == Screen::List => Line::default(),
        Run::Graded(id, took) => Line::styled(
            format!("graded {id} in {:.1} s; waiting for a save", took.as_secs_f64()),
            DIM,
        ),
        Run::Failed(_, failure) if failure.messages.is_empty() => {
            Line::styled("could not be graded; waiting for a save", theme.bad())
        }
        Run::Failed(..) => Line::styled("does not compile; waiting for a save", theme.bad()),
        Run::Broken(error) => Line::styled(error.clone(), theme.bad()),
        Run::Idle => Line::styled("waiting for a save", DIM),
    }
}

fn keys(app: &App) -> String {
    let common = "h hint  d diff  o open  v pictures  x reset  u undo";
    match app.screen {
        _ if app.is_searching => "type to search  Enter keep  Esc drop".into(),
        Screen::List => format!("Enter watch  / search  1-5 lesson  s state  g next  {common}  q quit"),
        Screen::Watch => format!("n next  p previous  r run  {common}  l list  q quit"),
    }
}

/// Breaks between the keys, which two spaces part.
fn wrap_words(text: &str, width: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split("  ") {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && line.chars().count() + 2 + word.chars().count() > width.into() {
            lines.push(word.into());
        } else {
            line.push_str(if line.is_empty() { "" } else { "  " });
            line.push_str(word);
        }
    }
    lines
}

fn list(frame: &mut Frame, app: &mut App, theme: Theme, area: Rect) {
    let shown = app.shown();
    if shown.is_empty() {
        frame.render_widget(
            Line::styled("No exercise is left with this search. Esc shows all.", DIM),
            area,
        );
        return;
    }
    let height = usize::from(area.height).max(1);
    let first = app
        .chosen
        .saturating_sub(height / 2)
        .min(shown.len().saturating_sub(height));
    let is_wide = area.width >= 76;
    for (row, &index) in shown.iter().enumerate().skip(first).take(height) {
        let Entry { exercise, standing, .. } = &app.entries[index];
        let (mark, style) = theme.of(standing);
        let kind = if exercise.core { "core   " } else { "further" };
        let words = standing.words();
        let mut spans = vec![
            Span::styled(format!("{mark} "), style),
            Span::raw(format!("{:<5}", exercise.id)),
        ];
        if is_wide {
            let room = usize::from(area.width).saturating_sub(7 + 18 + 26).min(60);
            spans.push(Span::raw(format!("{:<room$} ", cut(&exercise.title, room))));
            spans.push(Span::styled(format!("{kind} {:>3} min  ", exercise.minutes), DIM));
            spans.push(Span::styled(words, style));
        } else {
            let title = cut(&exercise.title, usize::from(area.width).saturating_sub(7));
            spans.push(Span::raw(title));
        }
        let mut line = Line::from(spans);
        if row == app.chosen {
            line = line.style(Style::new().add_modifier(Modifier::REVERSED));
        }
        let place = Rect::new(area.x, area.y + (row - first) as u16, area.width, 1);
        frame.render_widget(line, place);
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() > width {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    } else {
        text.into()
    }
}

fn panel(frame: &mut Frame, app: &mut App, theme: Theme, area: Rect) {
    let text = match &app.panel {
        Panel::Verdict => verdict(app, theme),
        Panel::Hints(hints) => {
            let mut lines = vec![];
            for (index, hint) in hints.shown.iter().enumerate() {
                lines.push(Line::styled(format!("hint {} of {}", index + 1, hints.total), DIM));
                lines.extend(hint.trim().lines().map(|line| Line::from(line.to_string())));
                lines.push(Line::default());
            }
            let more = if hints.has_more() {
                "h shows one more"
            } else {
                "that was the last one"
            };
            lines.push(Line::styled(more, DIM));
            Text::from(lines)
        }
        Panel::Diff(diff) => diff_text(diff, theme, area.width.into()),
        Panel::Pictures(output) => pictures(app, output),
    };
    let paragraph = Paragraph::new(text).wrap(Wrap { trim: false });
    let lines = paragraph.line_count(area.width) as u16;
    app.drawn = (area.height, lines);
    app.scroll = app.scroll.min(lines.saturating_sub(area.height));
    frame.render_widget(paragraph.scroll((app.scroll, 0)), area);
    if lines > area.height + app.scroll {
        let more = format!(" {} more lines ↓ ", lines - area.height - app.scroll);
        let width = (more.chars().count() as u16).min(area.width);
        let place = Rect::new(area.right() - width, area.bottom() - 1, width, 1);
        frame.render_widget(Span::styled(more, Style::new().add_modifier(Modifier::REVERSED)), place);
    }
}

fn verdict(app: &App, theme: Theme) -> Text<'static> {
    let Entry {
        lesson,
        exercise,
        standing,
    } = app.entry();
    let mut lines = vec![];
    match &app.run {
        Run::Failed(id, failure) if *id == exercise.id => return failure_text(failure, theme),
        _ => {}
    }
    let (_, style) = theme.of(standing);
    lines.push(Line::styled(standing.words(), style));
    lines.push(Line::default());
    match standing.graded() {
        Some(graded) if graded.verdict.is_understood() => {
            if !graded.message.is_empty() {
                lines.extend(graded.message.lines().map(|line| Line::from(line.to_string())));
                lines.push(Line::default());
            }
            let after = course::after::after(app.checkout().root(), lesson, exercise, &app.entries);
            let rows = after_rows(&after);
            lines.extend(rows.into_iter().map(|(label, text)| row(label, text)));
            lines.extend(next(app));
        }
        Some(graded) => lines.extend(graded.message.lines().map(|line| Line::from(line.to_string()))),
        None => {
            let root = app.checkout().root();
            let step = lesson.first_step(root, exercise);
            lines.extend(step.map(|step| row("first step", step)));
            lines.push(row("write", lesson.place(root, exercise)));
            lines.push(row("read", lesson.text()));
            if !exercise.requires.is_empty() {
                lines.push(row("uses", exercise.requires.join(", ")));
            }
        }
    }
    Text::from(lines)
}

/// A label and a text.
fn row(label: &str, text: String) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{label:<11} "), DIM), Span::raw(text)])
}

/// The exercise to do next, as `cargo lesson next` says it.
fn next(app: &App) -> Option<Line<'static>> {
    let next = app.checkout().memory().next()?;
    Some(row("next", format!("{} {}", next.exercise.id, next.exercise.title)))
}

/// The first error in full, a line for each other one, the warnings counted.
fn failure_text(failure: &Failure, theme: Theme) -> Text<'static> {
    let mut lines = vec![];
    let errors: Vec<_> = failure.messages.iter().filter(|message| message.is_error).collect();
    if let Some(first) = errors.first() {
        for (index, line) in first.rendered.trim_end().lines().enumerate() {
            let style = if index == 0 { theme.bad() } else { Style::new() };
            lines.push(Line::styled(line.to_string(), style));
        }
    } else {
        lines.extend(failure.said.lines().map(|line| Line::from(line.to_string())));
    }
    if errors.len() > 1 {
        lines.push(Line::default());
        lines.push(Line::styled(
            format!("{} more, perhaps because of it:", errors.len() - 1),
            DIM,
        ));
        for error in &errors[1..] {
            let place = error.place.clone().unwrap_or_default();
            lines.push(Line::from(format!("{place}  {}", error.text)));
        }
    }
    let warnings = failure.messages.len() - errors.len();
    if warnings > 0 {
        lines.push(Line::default());
        lines.push(Line::styled(
            format!("and {warnings} warning{}", if warnings == 1 { "" } else { "s" }),
            DIM,
        ));
    }
    Text::from(lines)
}

fn pictures(app: &App, output: &str) -> Text<'static> {
    let Entry { lesson, exercise, .. } = app.entry();
    let mut lines: Vec<_> = output.lines().map(|line| Line::from(line.to_string())).collect();
    lines.push(Line::default());
    for name in &exercise.pictures {
        let picture = course::after::picture(app.checkout().root(), lesson, exercise, name);
        lines.push(row(&format!("{name}.png"), picture.drawn.words().into()));
        lines.push(row("reference", picture.reference));
    }
    Text::from(lines)
}

fn diff_text(diff: &Diff, theme: Theme, width: usize) -> Text<'static> {
    let mut lines = vec![
        row("yours", diff.yours.clone()),
        row("reference", diff.reference.clone()),
    ];
    for pair in &diff.pairs {
        lines.push(Line::default());
        if pair.rows.iter().all(|row| row.same) {
            let same = Span::styled("  the same code", theme.good());
            lines.push(Line::from(vec![Span::styled(pair.name.clone(), TITLE), same]));
            continue;
        }
        lines.push(Line::styled(pair.name.clone(), TITLE));
        if width >= 100 {
            lines.extend(pair.rows.iter().flat_map(|row| columns(row, theme, (width - 3) / 2)))
        } else {
            lines.extend(
                pair.rows
                    .chunk_by(|a, b| a.same == b.same)
                    .flat_map(|rows| stacked(rows, theme)),
            )
        }
    }
    Text::from(lines)
}

/// A row in two columns; a long line goes on in the next one.
fn columns(row: &Row, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let pieces = |side: &Option<String>| -> Vec<String> {
        let chars: Vec<char> = side.as_deref().unwrap_or_default().chars().collect();
        chars.chunks(width).map(|piece| piece.iter().collect()).collect()
    };
    let (left, right) = (pieces(&row.yours), pieces(&row.reference));
    let (bad, good) = if row.same {
        (Style::new(), Style::new())
    } else {
        (theme.bad(), theme.good())
    };
    let at = |side: &[String], index: usize| side.get(index).cloned().unwrap_or_default();
    let line = |index| {
        Line::from(vec![
            Span::styled(format!("{:<width$}", at(&left, index)), bad),
            Span::styled(if row.same { " │ " } else { " ┃ " }, DIM),
            Span::styled(at(&right, index), good),
        ])
    };
    (0..left.len().max(right.len()).max(1)).map(line).collect()
}

fn stacked(rows: &[Row], theme: Theme) -> Vec<Line<'static>> {
    let yours = rows.iter().filter_map(|row| row.yours.clone());
    if rows[0].same {
        return yours.map(|line| Line::from(format!("  {line}"))).collect();
    }
    let yours = yours.map(|line| Line::styled(format!("- {line}"), theme.bad()));
    let reference = rows.iter().filter_map(|row| row.reference.clone());
    yours
        .chain(reference.map(|line| Line::styled(format!("+ {line}"), theme.good())))
        .collect()
}
