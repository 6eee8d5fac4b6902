//! The screen in a terminal that only exists in memory.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use course::report::{Outcome, Report, Totals, Verdict};
use course::state::State;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::app::{App, Effect, Panel, Run, Screen, Which};
use super::view::{Theme, draw};
use crate::Checkout;
use crate::grade::{Failure, Graded, Message};

/// The solutions' sources in the place of the lessons', but the one of 1.1, which is a stub.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("companion-ui-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let here = course::root().unwrap();
        for (lesson, exercise) in course::exercises() {
            let solution = fs::read_to_string(here.join(lesson.solution_path(exercise))).unwrap();
            let own = solution.replacen("{\n", "{\n    // my own\n", 1);
            for (path, text) in [
                (lesson.solution_path(exercise), &solution),
                (lesson.path(exercise), &own),
            ] {
                fs::create_dir_all(root.join(&path).parent().unwrap()).unwrap();
                fs::write(root.join(path), text).unwrap();
            }
            fs::copy(here.join(lesson.text()), root.join(lesson.text())).unwrap();
        }
        let scratch = Self(root);
        let (lesson, exercise) = course::exercise("1.1").unwrap();
        crate::reset::reset(&scratch.0, &scratch.state(), lesson, exercise).unwrap();
        scratch
    }

    fn state(&self) -> State {
        State::at(self.0.join(".lesson"))
    }

    fn app(&self, screen: Screen, id: &str) -> App {
        App::new(&Checkout::at(&self.0, self.state()), screen, id)
    }

    /// Remembers a verdict.
    fn graded(&self, id: &str, verdict: Verdict, message: &str) {
        let (lesson, exercise) = course::exercise(id).unwrap();
        let outcome = Outcome {
            id: id.into(),
            name: exercise.name.clone(),
            test: exercise.test.clone(),
            title: exercise.title.clone(),
            core: exercise.core,
            verdict,
            mistake: None,
            message: message.into(),
            shown: None,
            seconds: 0.1,
        };
        let report = Report {
            lesson: lesson.package.clone(),
            seed: 1,
            exercises: vec![outcome],
            totals: Totals::default(),
        };
        let checkout = Checkout::at(&self.0, self.state());
        let memory = checkout.memory();
        memory.remember(&report, &memory.sources(lesson), true).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the screen shows, and whether any of it is coloured.
fn shown(app: &mut App, width: u16, height: u16, colors: bool) -> (String, bool) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(frame, app, Theme { colors }, Instant::now()))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let is_colored = buffer.content().iter().any(|cell| cell.fg != Color::Reset);
    let rows = buffer.content().chunks(width.into());
    let row = |cells: &[ratatui::buffer::Cell]| cells.iter().map(|cell| cell.symbol()).collect::<String>();
    let rows: Vec<_> = rows.map(|cells| row(cells).trim_end().to_string()).collect();
    (rows.join("\n"), is_colored)
}

fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let code = |c| match c {
        '\n' => KeyCode::Enter,
        '\u{1b}' => KeyCode::Esc,
        c => KeyCode::Char(c),
    };
    keys.chars()
        .flat_map(|c| app.key(KeyEvent::new(code(c), KeyModifiers::NONE)))
        .collect()
}

#[test]
fn the_list_shows_every_exercise_wide_and_narrow() {
    let scratch = Scratch::new("list");
    scratch.graded("1.2", Verdict::Passed, "");
    scratch.graded("1.3", Verdict::Mistake, "no");
    let mut app = scratch.app(Screen::List, "1.1");
    let (wide, _) = shown(&mut app, 200, 60, true);
    for (_, exercise) in course::exercises() {
        let start = format!(" {} ", exercise.id);
        let row = wide
            .lines()
            .find(|line| line.chars().skip(1).collect::<String>().starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{} is missing:\n{wide}", exercise.id));
        assert!(
            row.contains(&exercise.title) && row.contains(&format!("{} min", exercise.minutes)),
            "{row}"
        );
    }
    assert!(
        wide.contains("✓ 1.2") && wide.contains("✗ 1.3") && wide.contains("· 1.1"),
        "{wide}"
    );
    assert!(
        wide.contains("recognised mistake") && wide.contains("further"),
        "{wide}"
    );
    let (narrow, _) = shown(&mut app, 40, 20, true);
    assert!(
        narrow.contains("✓ 1.2  Convolution by hand") && narrow.contains("q quit"),
        "{narrow}"
    );
    assert!(narrow.lines().all(|line| line.chars().count() <= 40));
}

#[test]
fn the_list_is_searched_filtered_and_left_for_an_exercise() {
    let scratch = Scratch::new("search");
    scratch.graded("1.2", Verdict::Passed, "");
    let mut app = scratch.app(Screen::List, "1.1");
    press(&mut app, "/SPAR\n");
    assert_eq!(app.entry().exercise.id, "2.4");
    let (text, _) = shown(&mut app, 80, 20, true);
    assert!(text.contains("2.4") && !text.contains(" 2.5 "), "{text}");
    press(&mut app, "/2.7");
    assert_eq!(app.entry().exercise.id, "2.7", "an id jumps");
    press(&mut app, "\u{1b}\u{1b}3");
    assert!(app.shown().iter().all(|&index| app.entries[index].lesson.number == 3));
    press(&mut app, "3sss");
    assert_eq!(app.which, Which::Done);
    let done: Vec<_> = app
        .shown()
        .iter()
        .map(|&index| app.entries[index].exercise.id.as_str())
        .collect();
    assert_eq!(done, ["1.2"]);
    press(&mut app, "/nothing like it");
    let (text, _) = shown(&mut app, 80, 20, true);
    assert!(text.contains("No exercise is left"), "{text}");
    assert!(press(&mut app, "\n\n").is_empty(), "there is nothing to grade");
    press(&mut app, "g");
    assert_eq!(
        app.entry().exercise.id,
        "1.1",
        "the next open one, whatever was filtered"
    );
    assert_eq!(press(&mut app, "\n"), [Effect::Grade]);
    assert_eq!(app.screen, Screen::Watch);
}

#[test]
fn a_verdict_is_shown_and_what_comes_after_a_pass() {
    let scratch = Scratch::new("verdict");
    scratch.graded(
        "1.2",
        Verdict::Mistake,
        "  You flipped the kernel.\n\n  yours  1\n  expected  2",
    );
    let mut app = scratch.app(Screen::Watch, "1.2");
    let (text, is_colored) = shown(&mut app, 80, 24, true);
    assert!(
        text.contains("You flipped the kernel.") && text.contains("✗ 1.2"),
        "{text}"
    );
    assert!(is_colored);
    let (_, is_colored) = shown(&mut app, 80, 24, false);
    assert!(!is_colored, "NO_COLOR");

    scratch.graded("1.2", Verdict::Passed, "");
    app.refresh();
    let (text, _) = shown(&mut app, 80, 24, true);
    assert!(text.contains("cargo run -p lesson01 -- convolution filters"), "{text}");
    assert!(text.contains("not drawn yet") && text.contains("README.md#"), "{text}");
    assert!(text.contains("next        1.1 How large"), "{text}");
}

#[test]
fn the_first_error_is_on_top_and_the_others_are_folded() {
    let scratch = Scratch::new("errors");
    let mut app = scratch.app(Screen::Watch, "1.2");
    let message = |is_error, line: usize| Message {
        is_error,
        text: format!("message {line}"),
        place: Some(format!("lessons/lesson01/src/convolution.rs:{line}:5")),
        rendered: format!(
            "error: message {line}\n --> lessons/lesson01/src/convolution.rs:{line}:5\n  | a line of code {line}"
        ),
    };
    let failure = Failure {
        messages: vec![message(true, 7), message(true, 9), message(false, 3)],
        said: String::new(),
    };
    app.graded("1.2".into(), Ok(Graded::Failed(failure)), Duration::from_secs(1));
    let (text, _) = shown(&mut app, 80, 24, true);
    assert!(
        text.contains("a line of code 7") && !text.contains("a line of code 9"),
        "{text}"
    );
    assert!(
        text.contains("src/convolution.rs:9:5  message 9") && text.contains("and 1 warning"),
        "{text}"
    );
    assert!(text.contains("does not compile"), "{text}");
    // Another exercise does not show the errors of this one.
    press(&mut app, "n");
    assert_eq!(app.run, Run::Idle);
}

#[test]
fn the_solution_is_shown_at_once_after_a_pass_and_after_a_question_before_it() {
    let scratch = Scratch::new("diff");
    scratch.graded("1.2", Verdict::Passed, "");
    let mut app = scratch.app(Screen::Watch, "1.1");
    press(&mut app, "dn");
    assert_eq!(app.panel, Panel::Verdict, "no");
    press(&mut app, "dy");
    let (wide, _) = shown(&mut app, 200, 40, true);
    assert!(wide.contains("todo!(") && wide.contains(" ┃ "), "{wide}");
    let (narrow, _) = shown(&mut app, 40, 40, true);
    assert!(narrow.contains("- ") && narrow.contains("+ "), "{narrow}");
    press(&mut app, "n");
    press(&mut app, "d");
    assert!(matches!(app.panel, Panel::Diff(_)), "1.2 passes: nothing is asked");
    let (text, _) = shown(&mut app, 80, 40, true);
    assert!(text.contains("the same code"), "a comment is no code:\n{text}");
}

#[test]
fn a_stub_comes_back_and_goes_again() {
    let scratch = Scratch::new("reset");
    let (lesson, exercise) = course::exercise("2.1").unwrap();
    let path = scratch.0.join(lesson.path(exercise));
    let before = fs::read_to_string(&path).unwrap();
    let mut app = scratch.app(Screen::Watch, "2.1");
    press(&mut app, "xn");
    assert_eq!(fs::read_to_string(&path).unwrap(), before, "no means no");
    press(&mut app, "xy");
    let stub = fs::read_to_string(&path).unwrap();
    assert!(stub.contains("todo!(") && stub.contains("exercise 2.1"), "{stub}");
    assert!(app.said.as_deref().unwrap_or_default().contains("is a stub again"));
    press(&mut app, "u");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    press(&mut app, "u");
    assert_eq!(fs::read_to_string(&path).unwrap(), stub, "undo undoes itself");
}

#[test]
fn hints_unfold_and_long_texts_scroll() {
    let scratch = Scratch::new("hints");
    let mut app = scratch.app(Screen::Watch, "1.1");
    press(&mut app, "h");
    let (text, _) = shown(&mut app, 60, 20, true);
    assert!(text.contains("hint 1 of 3") && !text.contains("hint 2"), "{text}");
    press(&mut app, "hh");
    let (text, _) = shown(&mut app, 40, 12, true);
    assert!(text.contains("more lines ↓"), "{text}");
    press(&mut app, "      ");
    let (text, _) = shown(&mut app, 40, 12, true);
    assert!(text.contains("that was the last one"), "{text}");
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
}

#[test]
fn tiny_terminals_do_not_panic() {
    let scratch = Scratch::new("tiny");
    for screen in [Screen::List, Screen::Watch] {
        let mut app = scratch.app(screen, "1.1");
        for (width, height) in [(1, 1), (3, 2), (10, 4), (40, 5), (500, 3)] {
            shown(&mut app, width, height, true);
        }
    }
}
