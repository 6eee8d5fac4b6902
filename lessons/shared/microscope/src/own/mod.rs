//! The learner's own functions on a card: where an exercise passes, its panel shows what the learner's function found, and
//! says so. A function that panics, hangs or gives nonsense costs its panel.

mod process;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use course::memory::Sources;
use scenes::Concept;
use serde::{Deserialize, Serialize};
use studio::instruments::{NO_NETWORK, numbers_of};

pub use process::{Patience, Program, Said, end, in_its_own_group};

use crate::card::{UnitCard, Zeros};
use crate::images::{Images, SEED};
use crate::optimum::Unit;
use crate::scope::Microscope;
use crate::survey::Standing;
use crate::tuning::{self, Factor, SHUFFLES, Selectivity, mean_and_95th};

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
        for (line, numbers) in questions? {
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

/// The factors that exercise 4.10 knows, in its order.
const FACTORS: [Factor; 3] = [Factor::Shape, Factor::Colour, Factor::Texture];

impl Part {
    /// Whether the card has no such part.
    fn is_left_out(self, scope: &Microscope, card: &UnitCard) -> bool {
        match self {
            Self::Statistics => false,
            Self::Optimum => card.optima.is_none(),
            Self::Concept => card.standing.is_none(),
            Self::Tuning => card.tuning.is_none() || !scope.images.have_truth(),
        }
    }

    fn remove(self, card: &mut UnitCard) {
        match self {
            Self::Statistics => card.statistics.zeros = None,
            Self::Optimum => {
                if let Some(optima) = &mut card.optima {
                    optima.starts.clear();
                    optima.minima.clear();
                }
            }
            Self::Concept => card.standing = None,
            Self::Tuning => {
                if let Some(curves) = &mut card.tuning {
                    curves.retain(|curve| !FACTORS.contains(&curve.factor));
                }
            }
        }
    }

    /// What the lesson's program is asked, one question after the other: a line and numbers. `None` if it cannot load the
    /// network.
    pub fn asked(self, scope: &Microscope, card: &UnitCard) -> Option<Result<Vec<(String, Vec<f32>)>>> {
        let network = match self {
            Self::Statistics | Self::Concept => NO_NETWORK,
            Self::Optimum | Self::Tuning => scope.subject.source.as_deref()?,
        };
        let ask = || {
            let site = scope.site(&card.site)?;
            let name = match self {
                Self::Optimum => &site.before,
                _ => &site.name,
            };
            let line = |count: usize| format!("unit {} {name} {} {count} {network}", self.name(), card.unit);
            let questions = self.questions(scope, card)?.into_iter();
            Ok(questions.map(|numbers| (line(numbers.len()), numbers)).collect())
        };
        Some(ask())
    }

    /// The numbers of each question.
    fn questions(self, scope: &Microscope, card: &UnitCard) -> Result<Vec<Vec<f32>>> {
        Ok(match self {
            Self::Statistics => vec![numbers_of(&maps(scope, card)?)?],
            Self::Optimum => [1.0, -1.0]
                .iter()
                .map(|sign| scope.recipe.question(scope.subject.side, *sign))
                .collect::<Result<_>>()?,
            Self::Concept => {
                let mut numbers = vec![SEED as f32];
                numbers.extend(numbers_of(&maps(scope, card)?)?);
                vec![numbers]
            }
            Self::Tuning => {
                let bases = tuning::bases(tuning::BASES)?;
                let is_rectified = f32::from(u8::from(scope.site(&card.site)?.is_rectified));
                let of_factor = |(at, _): (usize, &Factor)| {
                    let head = [at as f32, is_rectified, SHUFFLES as f32];
                    head.into_iter()
                        .chain(bases.iter().map(|(index, _)| *index as f32))
                        .collect()
                };
                FACTORS.iter().enumerate().map(of_factor).collect()
            }
        })
    }

    /// Puts the answers into the card.
    ///
    /// **Errors** say what was given instead of what can be shown.
    fn put(self, scope: &Microscope, card: &mut UnitCard, answers: &[Vec<f32>]) -> Result<()> {
        for answer in answers {
            let odd = answer.iter().filter(|number| !number.is_finite()).count();
            ensure!(odd == 0, "{odd} values that are not finite");
        }
        match self {
            Self::Statistics => card.statistics.zeros = Some(zeros(&answers[0])?),
            Self::Optimum => {
                let site = scope.site(&card.site)?;
                let one = Unit {
                    subject: &scope.subject,
                    site: &site,
                    unit: card.unit,
                };
                let (best, least) = (images(&answers[0], scope)?, images(&answers[1], scope)?);
                let optima = card.optima.as_mut().context("no optima")?;
                (optima.starts, optima.minima) = (one.ranked(&best, false)?, one.ranked(&least, true)?);
            }
            Self::Concept => {
                let concepts = Concept::all();
                let count = 1 + 2 * concepts.len();
                ensure!(
                    answers[0].len() == count,
                    "{} numbers, expected {count}",
                    answers[0].len()
                );
                let iou: Vec<f64> = answers[0][1..].iter().map(|&iou| f64::from(iou)).collect();
                ensure!(
                    iou.iter().all(|iou| (0.0..=1.0).contains(iou)),
                    "an IoU that is not between 0 and 1"
                );
                card.standing = Some(Standing::of(&iou, &concepts));
            }
            Self::Tuning => put_curves(card, answers, scope.site(&card.site)?.is_rectified)?,
        }
        Ok(())
    }
}

fn zeros(answer: &[f32]) -> Result<Zeros> {
    let [share, is_dead] = *answer else {
        anyhow::bail!("{} numbers, expected 2", answer.len())
    };
    ensure!((0.0..=1.0).contains(&share), "a share of zeros of {share}");
    Ok(Zeros {
        share: f64::from(share),
        is_dead: is_dead > 0.5,
    })
}

/// Images in [0, 1], at least one.
fn images(answer: &[f32], scope: &Microscope) -> Result<Tensor> {
    let side = scope.subject.side;
    let each = 3 * side * side;
    ensure!(
        !answer.is_empty() && answer.len().is_multiple_of(each),
        "{} numbers, expected images of {each}",
        answer.len()
    );
    let beyond = answer.iter().filter(|value| !(-1e-3..=1.001).contains(*value)).count();
    ensure!(beyond == 0, "{beyond} values beyond 0 to 1");
    Ok(Tensor::from_slice(
        answer,
        (answer.len() / each, 3, side, side),
        &Device::Cpu,
    )?)
}

fn put_curves(card: &mut UnitCard, answers: &[Vec<f32>], is_rectified: bool) -> Result<()> {
    let curves = card.tuning.as_mut().context("no curves")?;
    let mut new = curves.clone();
    for (factor, answer) in FACTORS.iter().zip(answers) {
        let curve = new
            .iter_mut()
            .find(|curve| curve.factor == *factor)
            .context("no such curve")?;
        let levels = curve.levels.len();
        let expected = 2 * levels + if is_rectified { 1 + SHUFFLES } else { 0 };
        ensure!(
            answer.len() == expected,
            "{} numbers, expected {expected}",
            answer.len()
        );
        let numbers: Vec<f64> = answer.iter().map(|&number| f64::from(number)).collect();
        let (mean, half) = (&numbers[..levels], &numbers[levels..2 * levels]);
        ensure!(
            half.iter().all(|half| *half >= 0.0),
            "an interval of less than no width"
        );
        curve.mean = mean.to_vec();
        curve.interval = mean
            .iter()
            .zip(half)
            .map(|(mean, half)| (mean - half, mean + half))
            .collect();
        curve.selectivity = is_rectified.then(|| Selectivity {
            index: numbers[2 * levels],
            null: mean_and_95th(numbers[2 * levels + 1..].to_vec()),
        });
    }
    *curves = new;
    Ok(())
}

/// The unit's maps over all images, `[images, 1, height, width]`.
fn maps(scope: &Microscope, card: &UnitCard) -> Result<Tensor> {
    let images: &Images = &scope.images;
    let of_batch = |(first, end): (usize, usize)| -> Result<Tensor> {
        let input = resnet::normalize(&images.batch(first, end)?.pixels)?;
        let activation = scope.subject.network.activation(&input, &card.site)?;
        Ok(activation.narrow(1, card.unit, 1)?.force_contiguous()?)
    };
    let all = images.ranges().map(of_batch).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&all, 0)?)
}
