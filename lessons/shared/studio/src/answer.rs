//! What a network answers, in words.

use candle_core::Result;
use serde::Serialize;

use crate::{Material, Sample};

/// Classes that are printed.
const SHOWN: usize = 5;

/// One class and its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guess {
    /// Index of the class.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Softmax of the class scores.
    pub probability: f32,
}

impl Guess {
    /// The first of the names that a class has.
    pub fn short_name(&self) -> &str {
        self.name.split(',').next().unwrap_or(&self.name)
    }

    /// The probability in percent: `99.95 %`.
    pub fn percent(&self) -> String {
        format!("{:.2} %", 100.0 * self.probability)
    }
}

impl Material {
    /// The network's five most probable classes for an image, the first one first; fewer if it has fewer.
    pub fn answer(&self, sample: &Sample) -> Result<Vec<Guess>> {
        Ok(first(&self.guesses(sample)?))
    }

    /// All classes in their order, with their probabilities for an image.
    pub fn guesses(&self, sample: &Sample) -> Result<Vec<Guess>> {
        let logits = self.network().forward(&sample.input()?)?.squeeze(0)?;
        let probabilities = softmax(&logits.to_vec1::<f32>()?);
        let guess = |(class, probability)| Guess {
            class,
            name: self.class_name(class).to_string(),
            probability,
        };
        Ok(probabilities.into_iter().enumerate().map(guess).collect())
    }

    /// What to ask about an image: the classes of `--class`, and if they are fewer than `least`, the most probable others.
    pub fn questions(&self, sample: &Sample, least: usize) -> Result<Vec<Guess>> {
        let all = self.guesses(sample)?;
        let mut asked: Vec<Guess> = self.wanted().iter().map(|&class| all[class].clone()).collect();
        for guess in first(&all) {
            if asked.len() < least && !asked.contains(&guess) {
                asked.push(guess);
            }
        }
        Ok(asked)
    }

    /// The answer as lines for the terminal, and below it the classes of `--class` that are not among the first.
    pub fn answer_text(&self, sample: &Sample) -> Result<String> {
        let all = self.guesses(sample)?;
        let mut lines = first(&all);
        for &class in self.wanted() {
            if !lines.contains(&all[class]) {
                lines.push(all[class].clone());
            }
        }
        let mut text = format!("{} on {}:\n", self.network_name(), sample.name);
        for guess in lines {
            text += &format!("  {:>8}  {}\n", guess.percent(), guess.name);
        }
        Ok(text)
    }
}

/// The most probable ones, the first one first.
fn first(guesses: &[Guess]) -> Vec<Guess> {
    let mut guesses = guesses.to_vec();
    guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    guesses.truncate(SHOWN);
    guesses
}

/// `exp(logit) / Σ exp(logit)`, shifted by the largest so that nothing overflows.
///
/// candle-nn has one on tensors; the first command does without candle-nn.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_large_logits_is_finite() {
        assert_eq!(softmax(&[1000.0, 1000.0]), [0.5, 0.5]);
        assert!((softmax(&[0.0, 3f32.ln()])[1] - 0.75).abs() < 1e-6, "odds of 3 to 1");
    }
}
