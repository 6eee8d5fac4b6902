//! What the screen shows and what keys do, without a terminal: keys and events come in, effects go out.

use std::time::{Duration, Instant};

use course::memory::{Entry, Standing};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::Checkout;
use crate::diff::{Diff, diff};
use crate::grade::{Failure, Graded};
use crate::hint::{self, Hints};
use crate::reset;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// All exercises.
    List,
    /// The exercise at hand.
    Watch,
}

/// What stands below the title of the exercise at hand.
#[derive(Clone, Debug, PartialEq)]
pub enum Panel {
    /// What grading gave.
    Verdict,
    /// The hints shown so far.
    Hints(Hints),
    /// Both sides.
    Diff(Diff),
    /// What drawing its pictures printed.
    Pictures(String),
}

/// A question that waits for y or n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Show the solution of an exercise that does not pass?
    Diff,
    /// Bring back the stub?
    Reset,
}

/// What is running.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// Nothing yet.
    Idle,
    /// The grader, on this exercise, since then.
    Grading(String, Instant),
    /// The program that draws pictures.
    Drawing(Instant),
    /// The grader has finished with this exercise.
    Graded(String, Duration),
    /// The lesson of this exercise does not compile.
    Failed(String, Failure),
    /// The grader did not run.
    Broken(String),
}

/// Which exercises the list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those that are not understood.
    Open,
    /// Those that are.
    Done,
    /// Those that were begun and do not pass.
    Failing,
}

impl Which {
    const ORDER: [Self; 4] = [Self::All, Self::Open, Self::Failing, Self::Done];

    fn next(self) -> Self {
        let at = Self::ORDER.iter().position(|which| *which == self).unwrap_or(0);
        Self::ORDER[(at + 1) % Self::ORDER.len()]
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Open => "open",
            Self::Done => "done",
            Self::Failing => "failing",
        }
    }

    fn admits(self, standing: &Standing) -> bool {
        match self {
            Self::All => true,
            Self::Open => !standing.is_understood(),
            Self::Done => standing.is_understood(),
            Self::Failing => !standing.is_understood() && *standing != Standing::NotStarted,
        }
    }
}

/// What the caller is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Grade the exercise at hand.
    Grade,
    /// Draw its pictures.
    Draw,
    /// Open it in the editor.
    Open,
    /// End.
    Quit,
}

/// The state of the screen.
pub struct App {
    checkout: Checkout,
    /// All exercises, as they stand.
    pub entries: Vec<Entry>,
    /// What is shown.
    pub screen: Screen,
    /// The exercise at hand, a place in `entries`.
    pub at: usize,
    /// The chosen line of the list, a place in what the list shows.
    pub chosen: usize,
    /// Only this lesson.
    pub lesson: Option<u32>,
    /// Only these.
    pub which: Which,
    /// Only those whose id or title holds this.
    pub search: String,
    /// Keys go into the search.
    pub is_searching: bool,
    /// Below the title.
    pub panel: Panel,
    /// A question that is asked now.
    pub question: Option<Question>,
    /// Lines scrolled down.
    pub scroll: u16,
    /// What is running.
    pub run: Run,
    /// A word about the last key.
    pub said: Option<String>,
    /// The panel's height and the number of its lines, as last drawn.
    pub drawn: (u16, u16),
}

impl App {
    /// Shows an exercise, or the list.
    pub fn new(checkout: &Checkout, screen: Screen, id: &str) -> Self {
        let entries = checkout.memory().entries();
        let at = entries.iter().position(|entry| entry.exercise.id == id).unwrap_or(0);
        Self {
            checkout: checkout.clone(),
            entries,
            screen,
            at,
            chosen: at,
            lesson: None,
            which: Which::All,
            search: String::new(),
            is_searching: false,
            panel: Panel::Verdict,
            question: None,
            scroll: 0,
            run: Run::Idle,
            said: None,
            drawn: (0, 0),
        }
    }

    /// The checkout.
    pub fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// The exercise at hand: in the list the chosen one.
    pub fn entry(&self) -> &Entry {
        &self.entries[self.at]
    }

    /// The places in `entries` that the list shows.
    pub fn shown(&self) -> Vec<usize> {
        let search = self.search.to_lowercase();
        let admits = |entry: &Entry| {
            let text = format!("{} {}", entry.exercise.id, entry.exercise.title).to_lowercase();
            self.lesson.is_none_or(|lesson| entry.lesson.number == lesson)
                && self.which.admits(&entry.standing)
                && text.contains(&search)
        };
        (0..self.entries.len())
            .filter(|&index| admits(&self.entries[index]))
            .collect()
    }

    /// Reads anew how the exercises stand.
    pub fn refresh(&mut self) {
        self.entries = self.checkout.memory().entries();
    }

    /// The grader has started on the exercise at hand.
    pub fn grading(&mut self, now: Instant) {
        self.run = Run::Grading(self.entry().exercise.id.clone(), now);
        (self.panel, self.scroll, self.said) = (Panel::Verdict, 0, None);
    }

    /// The grader has finished with an exercise.
    pub fn graded(&mut self, id: String, graded: Result<Graded, String>, took: Duration) {
        self.refresh();
        self.run = match graded {
            Ok(Graded::Report(_)) => Run::Graded(id, took),
            Ok(Graded::Failed(failure)) => Run::Failed(id, failure),
            Err(error) => Run::Broken(error),
        };
    }

    /// The program that draws has ended.
    pub fn drew(&mut self, output: String) {
        self.run = Run::Idle;
        self.panel = Panel::Pictures(output);
        self.scroll = 0;
    }

    /// A key.
    pub fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return vec![];
        }
        self.said = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return vec![Effect::Quit];
        }
        if let Some(question) = self.question.take() {
            return self.answer(question, key.code);
        }
        if self.is_searching {
            return self.type_search(key.code);
        }
        match key.code {
            KeyCode::Char('q') => return vec![Effect::Quit],
            KeyCode::Char('h') => self.hint(),
            KeyCode::Char('d') => self.ask_diff(),
            KeyCode::Char('x') => self.question = Some(Question::Reset),
            KeyCode::Char('u') => self.undo(),
            KeyCode::Char('o') => return vec![Effect::Open],
            KeyCode::Char('v') => return self.draw(),
            code => {
                return match self.screen {
                    Screen::List => self.key_in_list(code),
                    Screen::Watch => self.key_in_watch(code),
                };
            }
        }
        vec![]
    }

    fn key_in_watch(&mut self, code: KeyCode) -> Vec<Effect> {
        let page = self.drawn.0.max(2) - 1;
        match code {
            KeyCode::Char('n') | KeyCode::Right => return self.go(1),
            KeyCode::Char('p') | KeyCode::Left => return self.go(-1),
            KeyCode::Char('r') | KeyCode::Enter => return vec![Effect::Grade],
            KeyCode::Char('l') => self.show_list(),
            KeyCode::Esc => (self.panel, self.scroll) = (Panel::Verdict, 0),
            KeyCode::Down | KeyCode::Char('j') => self.scroll_by(1),
            KeyCode::Up | KeyCode::Char('k') => self.scroll_by(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll_by(page.into()),
            KeyCode::PageUp => self.scroll_by(-i32::from(page)),
            KeyCode::Home => self.scroll = 0,
            _ => {}
        }
        vec![]
    }

    fn key_in_list(&mut self, code: KeyCode) -> Vec<Effect> {
        let last = self.shown().len().saturating_sub(1);
        let chosen = match code {
            KeyCode::Down | KeyCode::Char('j' | 'n') => (self.chosen + 1).min(last),
            KeyCode::Up | KeyCode::Char('k' | 'p') => self.chosen.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => (self.chosen + 10).min(last),
            KeyCode::PageUp => self.chosen.saturating_sub(10),
            KeyCode::Home => 0,
            KeyCode::End => last,
            KeyCode::Char('/') => {
                self.is_searching = true;
                self.search.clear();
                0
            }
            KeyCode::Char('s') => {
                self.which = self.which.next();
                0
            }
            KeyCode::Char(digit @ '0'..='9') => {
                let number = digit.to_digit(10).filter(|number| *number > 0);
                self.lesson = number.filter(|number| self.lesson != Some(*number));
                0
            }
            KeyCode::Char('g') => {
                self.clear_filters();
                let next = self.checkout.memory().next().map(|entry| &entry.exercise.id);
                self.entries
                    .iter()
                    .position(|entry| next == Some(&entry.exercise.id))
                    .unwrap_or(0)
            }
            KeyCode::Esc => {
                let at = self.at;
                self.clear_filters();
                at
            }
            KeyCode::Enter | KeyCode::Char('w' | 'r') if !self.shown().is_empty() => {
                self.screen = Screen::Watch;
                return vec![Effect::Grade];
            }
            _ => self.chosen,
        };
        self.choose(chosen);
        vec![]
    }

    fn clear_filters(&mut self) {
        self.search.clear();
        self.lesson = None;
        self.which = Which::All;
    }

    /// Chooses a line of the list.
    fn choose(&mut self, chosen: usize) {
        self.chosen = chosen;
        if let Some(&at) = self.shown().get(chosen) {
            if at != self.at {
                (self.panel, self.scroll) = (Panel::Verdict, 0);
            }
            self.at = at;
        }
    }

    fn type_search(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Enter => self.is_searching = false,
            KeyCode::Esc => {
                self.is_searching = false;
                self.search.clear();
            }
            KeyCode::Backspace => drop(self.search.pop()),
            KeyCode::Char(c) => self.search.push(c),
            _ => {}
        }
        self.choose(0);
        vec![]
    }

    fn show_list(&mut self) {
        self.clear_filters();
        self.screen = Screen::List;
        self.refresh();
        self.chosen = self.at;
    }

    /// Goes to the exercise so many places on.
    fn go(&mut self, by: isize) -> Vec<Effect> {
        match self.at.checked_add_signed(by).filter(|at| *at < self.entries.len()) {
            Some(at) => {
                self.at = at;
                (self.panel, self.scroll, self.run) = (Panel::Verdict, 0, Run::Idle);
                self.refresh();
                vec![Effect::Grade]
            }
            None => {
                self.said = Some(
                    if by < 0 {
                        "This is the first one."
                    } else {
                        "This is the last one."
                    }
                    .into(),
                );
                vec![]
            }
        }
    }

    fn scroll_by(&mut self, by: i32) {
        let (height, lines) = self.drawn;
        let last = lines.saturating_sub(height);
        self.scroll = (i32::from(self.scroll) + by).clamp(0, last.into()) as u16;
    }

    fn hint(&mut self) {
        let exercise = self.entry().exercise;
        match hint::reveal(self.checkout.state(), exercise, false) {
            Ok(hints) => (self.panel, self.scroll, self.screen) = (Panel::Hints(hints), 0, Screen::Watch),
            Err(error) => self.said = Some(error.to_string()),
        }
    }

    fn ask_diff(&mut self) {
        if self.entry().standing.is_understood() {
            self.show_diff()
        } else {
            self.question = Some(Question::Diff)
        }
    }

    fn show_diff(&mut self) {
        let (lesson, exercise) = (self.entry().lesson, self.entry().exercise);
        match diff(self.checkout.root(), lesson, exercise) {
            Ok(diff) => (self.panel, self.scroll, self.screen) = (Panel::Diff(diff), 0, Screen::Watch),
            Err(error) => self.said = Some(format!("{error:#}")),
        }
    }

    fn draw(&mut self) -> Vec<Effect> {
        let exercise = self.entry().exercise;
        if exercise.pictures.is_empty() {
            self.said = Some(format!("{} has no picture of its own.", exercise.id));
            return vec![];
        }
        self.screen = Screen::Watch;
        vec![Effect::Draw]
    }

    fn answer(&mut self, question: Question, code: KeyCode) -> Vec<Effect> {
        if !matches!(code, KeyCode::Char('y' | 'Y')) {
            return vec![];
        }
        match question {
            Question::Diff => {
                self.show_diff();
                vec![]
            }
            Question::Reset => {
                let (lesson, exercise) = (self.entry().lesson, self.entry().exercise);
                let done = reset::reset(self.checkout.root(), self.checkout.state(), lesson, exercise);
                self.changed(done.map(|done| format!("{} is a stub again; u brings yours back.", done.file)))
            }
        }
    }

    fn undo(&mut self) {
        let (lesson, exercise) = (self.entry().lesson, self.entry().exercise);
        let done = reset::undo(self.checkout.root(), self.checkout.state(), lesson, exercise);
        self.changed(done.map(|done| format!("{} is as it was before the last reset.", done.file)));
    }

    fn changed(&mut self, done: anyhow::Result<String>) -> Vec<Effect> {
        self.said = Some(done.unwrap_or_else(|error| format!("{error:#}")));
        self.refresh();
        vec![] // the save starts the grader
    }
}
