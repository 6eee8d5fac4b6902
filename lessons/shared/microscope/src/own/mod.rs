//! The learner's own functions on a card: where an exercise passes, its panel shows what the learner's function found, and
//! says so. A function that panics, hangs or gives nonsense costs its panel.

mod process;
mod questions;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use course::memory::Sources;
use serde::{Deserialize, Serialize};

pub use process::{Patience, Program, Said, end, in_its_own_group};
pub use questions::Question;

use crate::card::UnitCard;
use crate::scope::Microscope;

/// A part of a card that a learner's function can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The share of zeros, and whether the unit is dead.
    Statistics,
    /// Optima and minimum.
    Optimum,
    /// What the unit stands for.
    Concept,
    /// The curves of shape, colour and texture.
    Tuning,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Statistics, Self::Optimum, Self::Concept, Self::Tuning];

    /// The function's name in its lesson's program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statistics => "statistics",
            Self::Optimum => "optimum",
            Self::Concept => "concept",
            Self::Tuning => "tuning",
        }
    }

    /// The lesson.
    pub const fn lesson(self) -> &'static str {
        match self {
            Self::Statistics => "lesson02",
            Self::Optimum => "lesson03",
            Self::Concept | Self::Tuning => "lesson04",
        }
    }

    /// The exercises that have to pass.
    pub const fn exercises(self) -> &'static [&'static str] {
        match self {
            Self::Statistics => &["2.4", "2.5"],
            Self::Optimum => &["3.2", "3.5"],
            Self::Concept => &["4.8"],
            Self::Tuning => &["4.10"],
        }
    }

    /// Which panel it is, in a sentence's words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Statistics => "Zeros and dead or not",
            Self::Optimum => "Optima and minimum",
            Self::Concept => "Concept",
            Self::Tuning => "Curves of shape, colour and texture, with the index of 4.10",
        }
    }
}

/// Whose function made a part of a card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The learner's.
    Yours,
    /// The solution's, and why.
    Reference(String),
    /// Nobody's: the learner's gave nothing that could be shown.
    Nobody(String),
}

/// A part and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// The part.
    pub part: Part,
    /// Whose function made it.
    pub by: By,
}

impl Panel {
    /// For the card: "Optima and minimum: by your functions (3.2, 3.5)."
    pub fn words(&self) -> String {
        let (what, exercises) = (self.part.words(), self.part.exercises().join(", "));
        match &self.by {
            By::Yours => format!("{what}: by your functions ({exercises})."),
            By::Reference(why) => format!("{what}: by the reference ({exercises}); {why}."),
            By::Nobody(how) => format!("{what}: missing, {how} ({exercises})."),
        }
    }
}

/// The programs of the lessons, and what is known of the exercises.
pub struct Learner {
    root: PathBuf,
    programs: [(Program, &'static str); 3],
    patience: Patience,
}

/// How long is waited for a lesson's program, and for one answer of it.
const PATIENCE: Patience = Patience {
    building: Duration::from_secs(600),
    answer: Duration::from_secs(90),
};

/// What a checkout knows of the exercises.
pub struct Known<'a> {
    /// Whether an exercise passes, by its id.
    pub passes: &'a dyn Fn(&str) -> bool,
    /// Fingerprints of the exercises of a lesson.
    pub sources: &'a dyn Fn(&str) -> Sources,
}

impl Learner {
    /// That of a checkout.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self::with(root, Program::new, PATIENCE)
    }

    /// The same with other programs and another patience.
    pub fn with(root: impl Into<PathBuf>, program: impl Fn(&str) -> Program, patience: Patience) -> Self {
        Self {
            root: root.into(),
            programs: ["lesson02", "lesson03", "lesson04"].map(|lesson| (program(lesson), lesson)),
            patience,
        }
    }

    /// Ends the programs.
    pub fn stop(&self) {
        self.programs.iter().for_each(|(program, _)| program.stop());
    }

    /// Puts what the learner's functions find into a card, part by part.
    ///
    /// **Errors** if cargo does not start or the network cannot run.
    pub fn fill(&self, scope: &Microscope, card: &mut UnitCard, known: &Known) -> Result<()> {
        card.panels.clear();
        for part in Part::ALL {
            if part.is_left_out(scope, card) {
                continue;
            }
            let open: Vec<&str> = part
                .exercises()
                .iter()
                .copied()
                .filter(|id| !(known.passes)(id))
                .collect();
            let by = if open.is_empty() {
                match self.ask(scope, card, part, known)? {
                    Outcome::Put => By::Yours,
                    Outcome::NotYet(why) => By::Reference(why),
                    Outcome::Failed(how) => {
                        part.remove(card);
                        By::Nobody(how)
                    }
                }
            } else {
                By::Reference(match open.len() {
                    1 => format!("{} does not pass yet", open[0]),
                    _ => format!("{} do not pass yet", open.join(" and ")),
                })
            };
            card.panels.push(Panel { part, by });
        }
        Ok(())
    }

    fn ask(&self, scope: &Microscope, card: &mut UnitCard, part: Part, known: &Known) -> Result<Outcome> {
        let (program, lesson) = self
            .programs
            .iter()
            .find(|(_, lesson)| *lesson == part.lesson())
            .context("a program")?;
        let Some(questions) = part.asked(scope, card) else {
            return Ok(Outcome::NotYet("the lesson's program cannot load this network".into()));
        };
        let mut answers = vec![];
        for Question { line, numbers } in questions? {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            match program.ask(&self.root, (known.sources)(lesson), &line, &bytes, self.patience)? {
                Said::Answer(line) => match in_numbers(&line) {
                    Some(numbers) => answers.push(numbers),
                    None => return Ok(Outcome::Failed("the lesson's program gave no numbers".into())),
                },
                Said::Problem(how) => return Ok(Outcome::Failed(how)),
                Said::NotYet(why) => return Ok(Outcome::NotYet(why)),
            }
        }
        match part.put(scope, card, &answers) {
            Ok(()) => Ok(Outcome::Put),
            Err(error) => Ok(Outcome::Failed(format!("yours gave {error}"))),
        }
    }
}

enum Outcome {
    Put,
    NotYet(String),
    Failed(String),
}

/// `numbers 0.5 1 …`
fn in_numbers(line: &str) -> Option<Vec<f32>> {
    let rest = line.strip_prefix("numbers")?;
    rest.split_whitespace().map(|word| word.parse().ok()).collect()
}
