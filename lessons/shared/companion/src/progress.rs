//! `progress`: what passes, what fails, what is not started, in all lessons.

use std::iter::Peekable;
use std::slice;

use anyhow::{Result, anyhow};
use course::Lesson;
use course::memory::{Entry, Memory, Standing};

use crate::Checkout;
use crate::grade::{Failure, Graded};
use crate::report;
use crate::term::{BAD, DIM, GOOD, TITLE};
use crate::together;

/// Prints a table of all lessons, core and further exercises apart. Lessons with something that was not graded as it stands
/// are graded first, with `again` all in which something is written; each has its row as soon as it and those before it are.
pub fn progress(checkout: &Checkout, again: bool, json: bool) -> Result<()> {
    let memory = checkout.memory();
    if json {
        let written: Vec<_> = course::written().collect();
        println!("{:#}", report::Course::grade(&written, None)?.json());
        return Ok(());
    }
    let before = memory.entries();
    let is_open = |entry: &Entry| match &entry.standing {
        Standing::Written | Standing::Changed(_) => true,
        Standing::Graded(_) => again,
        Standing::NotStarted => false,
    };
    let has_open = |lesson: &Lesson| before.iter().any(|entry| entry.lesson == lesson && is_open(entry));
    let open: Vec<_> = course::written().filter(|lesson| has_open(lesson)).collect();
    // Up to the one that was graded last, and those that are not graded now.
    let ready = |graded: u32| {
        let open = &open;
        move |lesson: &Lesson| lesson.number <= graded || !open.contains(&lesson)
    };
    let mut table = Table::new(memory);
    table.head();
    table.rows(ready(0));
    together::grade(memory, &open, None, |lesson, graded| {
        if let Graded::Failed(failure) = graded {
            table.failures.push((lesson.number, failure));
        }
        table.rows(ready(lesson.number));
        Ok(())
    })?;
    match table.failures.into_iter().next() {
        None => Ok(()),
        Some((number, failure)) => Err(anyhow!(
            "{failure}\nlesson{number:02} could not be graded; the messages above say why"
        )),
    }
}

/// The table, whose rows are printed one after the other.
struct Table<'a> {
    memory: &'a Memory,
    /// What has no row yet.
    left: Peekable<slice::Iter<'static, Lesson>>,
    width: usize,
    /// Lessons that could not be graded, by number.
    failures: Vec<(u32, Failure)>,
}

impl<'a> Table<'a> {
    fn new(memory: &'a Memory) -> Self {
        let lessons = course::lessons();
        let widths = lessons.iter().map(|lesson| lesson.title.chars().count());
        Self {
            memory,
            left: lessons.iter().peekable(),
            width: widths.max().unwrap_or(0),
            failures: vec![],
        }
    }

    fn head(&self) {
        let width = self.width;
        anstream::println!(
            "{TITLE}{:<9} {:width$}  {:^28}  {:^28}{TITLE:#}",
            "",
            "",
            "core",
            "further"
        );
        let columns = format!("{:>7} {:>8} {:>11}", "passed", "failing", "not started");
        anstream::println!("{DIM}{:<9} {:width$}  {columns}  {columns}{DIM:#}", "", "");
    }

    /// Prints the next rows, of lessons that are `ready`.
    fn rows(&mut self, ready: impl Fn(&Lesson) -> bool) {
        let entries = self.memory.entries();
        while let Some(lesson) = self.left.next_if(|lesson| ready(lesson)) {
            self.row(lesson, &entries);
        }
    }

    fn row(&self, lesson: &Lesson, entries: &[Entry]) {
        let width = self.width;
        let of_lesson: Vec<_> = entries.iter().filter(|entry| entry.lesson == lesson).collect();
        let line = if self.failures.iter().any(|(failed, _)| *failed == lesson.number) {
            format!("{BAD}does not compile{BAD:#} (cargo test -p {})", lesson.package)
        } else if of_lesson.is_empty() {
            format!("{DIM}still to be written{DIM:#}")
        } else {
            format!("{}  {}", Tally::of(&of_lesson, true), Tally::of(&of_lesson, false))
        };
        anstream::println!("{:<9} {:width$}  {line}", lesson.package, lesson.title);
        if let Some(ids) = ids(&of_lesson) {
            anstream::println!("{DIM}{:<9} {ids}{DIM:#}", "");
        }
    }
}

/// Which exercises pass and which fail, by the ids of the study guide's checklists; `None` if none was started.
fn ids(entries: &[&Entry]) -> Option<String> {
    let of = |words: &str, wanted: fn(&Standing) -> bool| {
        let chosen = entries.iter().filter(|entry| wanted(&entry.standing));
        let ids: Vec<_> = chosen.map(|entry| entry.exercise.id.as_str()).collect();
        (!ids.is_empty()).then(|| format!("{words} {}", ids.join(" ")))
    };
    let passed = of("passed", Standing::is_understood);
    let failing = of("failing", |standing| {
        !standing.is_understood() && *standing != Standing::NotStarted
    });
    let parts: Vec<_> = passed.into_iter().chain(failing).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// How many exercises of one kind stand where.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    passed: usize,
    failing: usize,
    not_started: usize,
}

impl Tally {
    fn of(entries: &[&Entry], core: bool) -> Self {
        let mut tally = Self::default();
        for entry in entries.iter().filter(|entry| entry.exercise.core == core) {
            match &entry.standing {
                standing if standing.is_understood() => tally.passed += 1,
                Standing::NotStarted => tally.not_started += 1,
                _ => tally.failing += 1,
            }
        }
        tally
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self {
            passed,
            failing,
            not_started,
        } = self;
        // Colour only what is there.
        let good = if *passed > 0 { GOOD } else { DIM };
        let bad = if *failing > 0 { BAD } else { DIM };
        write!(
            f,
            "{good}{passed:>7}{good:#} {bad}{failing:>8}{bad:#} {not_started:>11}"
        )
    }
}
