//! What a lesson's program is asked about a unit, and how its answers come into the card.

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use scenes::Concept;
use studio::instruments::{NO_NETWORK, numbers_of};

use super::Part;
use crate::card::{UnitCard, Zeros};
use crate::images::{Images, SEED};
use crate::optimum::Unit;
use crate::scope::Microscope;
use crate::survey::Standing;
use crate::tuning::{self, Factor, SHUFFLES, Selectivity, mean_and_95th};

/// What a lesson's program is asked: a line, and the numbers that follow it.
pub struct Question {
    /// The line.
    pub line: String,
    /// The numbers.
    pub numbers: Vec<f32>,
}

/// The factors that exercise 4.10 knows, in its order.
const FACTORS: [Factor; 3] = [Factor::Shape, Factor::Colour, Factor::Texture];

impl Part {
    /// Whether the card has no such part.
    pub(super) fn is_left_out(self, scope: &Microscope, card: &UnitCard) -> bool {
        match self {
            Self::Statistics => false,
            Self::Optimum => card.optima.is_none(),
            Self::Concept => card.standing.is_none(),
            Self::Tuning => card.tuning.is_none() || !scope.images.have_truth(),
        }
    }

    pub(super) fn remove(self, card: &mut UnitCard) {
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

    /// What the lesson's program is asked, one question after the other. `None` if it cannot load the network.
    pub fn asked(self, scope: &Microscope, card: &UnitCard) -> Option<Result<Vec<Question>>> {
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
            let question = |numbers: Vec<f32>| Question {
                line: format!("unit {} {name} {} {} {network}", self.name(), card.unit, numbers.len()),
                numbers,
            };
            Ok(self.numbers(scope, card)?.into_iter().map(question).collect())
        };
        Some(ask())
    }

    /// The numbers of each question.
    fn numbers(self, scope: &Microscope, card: &UnitCard) -> Result<Vec<Vec<f32>>> {
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
    pub(super) fn put(self, scope: &Microscope, card: &mut UnitCard, answers: &[Vec<f32>]) -> Result<()> {
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
