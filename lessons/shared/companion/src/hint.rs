//! Hints, one more at each call; how many were shown is kept in a small file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anstyle::Style;
use anyhow::{Context, Result};
use course::Exercise;
use serde::{Deserialize, Serialize};

use crate::term::{DIM, TITLE, wrap};

/// Characters in a line of a hint.
const WIDTH: usize = 90;

/// How many hints of each exercise were shown. `cargo clean` forgets it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shown(BTreeMap<String, usize>);

impl Shown {
    /// `$LESSON_STATE` if set, else `target/` of the workspace.
    fn file() -> Result<PathBuf> {
        let folder = match std::env::var_os("LESSON_STATE") {
            Some(folder) => PathBuf::from(folder),
            None => course::root()?.join("target"),
        };
        Ok(folder.join("hints.json"))
    }

    /// What is on disk. No file, or one that cannot be read, means that nothing was shown: hints can be asked for again.
    pub fn load() -> Result<Self> {
        let text = std::fs::read_to_string(Self::file()?).unwrap_or_default();
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    fn save(&self) -> Result<()> {
        let file = Self::file()?;
        let write = || {
            std::fs::create_dir_all(file.parent().expect("the file is in a folder"))?;
            std::fs::write(&file, serde_json::to_string_pretty(self)?)?;
            anyhow::Ok(())
        };
        write().with_context(|| format!("cannot remember the hints shown in {}", file.display()))
    }

    /// Forgets one exercise, or all of them.
    pub fn reset(mut self, exercise: Option<&Exercise>) -> Result<()> {
        match exercise {
            Some(exercise) => {
                self.0.remove(&exercise.id);
            }
            None => self.0.clear(),
        }
        self.save()
    }

    /// Prints one hint more than last time, below those shown before; or all.
    pub fn print_next(mut self, exercise: &Exercise, all: bool) -> Result<()> {
        let total = exercise.hints.len();
        let before = self.0.get(&exercise.id).copied().unwrap_or(0);
        let now = if all { total } else { (before + 1).min(total) };

        anstream::println!("{TITLE}{} {}{TITLE:#}", exercise.id, exercise.title);
        for (index, hint) in exercise.hints[..now].iter().enumerate() {
            let is_old = index + 1 < now && !all;
            let style = if is_old { DIM } else { Style::new() };
            anstream::println!("  {style}hint {} of {total}{style:#}", index + 1);
            for line in wrap(hint.trim(), WIDTH) {
                anstream::println!("    {style}{line}{style:#}");
            }
        }
        if now < total {
            anstream::println!("\nOne more: cargo lesson hint {}", exercise.id);
        } else {
            anstream::println!(
                "\nThat was the last one. The reference: {}",
                course::exercise(&exercise.id)
                    .map_or(String::new(), |(lesson, exercise)| lesson.solution_path(exercise))
            );
        }
        self.0.insert(exercise.id.clone(), now);
        self.save()
    }
}
