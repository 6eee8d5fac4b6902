//! What a network answers, in words.

use candle_core::Result;

use crate::{Material, Sample};

/// Classes that are printed.
const SHOWN: usize = 5;

/// One class and its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// Index of the class.
    pub class: usize,
    /// Its name.
    pub name: String,
    /// Softmax of the class scores.
    pub probability: f32,
}

impl Material {
    /// The network's five most probable classes for an image, the first one first; fewer if it has fewer.
    pub fn answer(&self, sample: &Sample) -> Result<Vec<Guess>> {
        let logits = self.network().forward(&sample.input()?)?.squeeze(0)?;
        let logits = logits.to_vec1::<f32>()?;
        let probabilities = softmax(&logits);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        order.truncate(SHOWN);
        let guess = |class: usize| Guess {
            class,
            name: self.class_name(class).to_string(),
            probability: probabilities[class],
        };
        Ok(order.into_iter().map(guess).collect())
    }

    /// The answer as lines for the terminal, with the truth where it is known.
    pub fn answer_text(&self, sample: &Sample) -> Result<String> {
        let mut text = format!("{} on {}:\n", self.network_name(), sample.name);
        for guess in self.answer(sample)? {
            text += &format!("  {:>6.2} %  {}\n", 100.0 * guess.probability, guess.name);
        }
        Ok(text)
    }
}

/// `exp(logit) / Σ exp(logit)`, shifted by the largest so that nothing overflows.
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
