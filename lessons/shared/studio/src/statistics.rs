//! How sure a number is: intervals for shares and means of rows that belong together in groups.
//!
//! Six views of one scene are one observation, not six. So variation is counted between groups: an interval does not
//! become narrower because every row is there twice.

use std::collections::BTreeMap;
use std::fmt;

/// 95 % of a normal distribution lie within so many standard deviations.
const Z: f64 = 1.96;

/// A number with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The share or the mean.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
}

impl Estimate {
    /// Both ends, as charts take them.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

/// `0.71 (0.67 to 0.75)`, with the number of digits that is asked for.
impl fmt::Display for Estimate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = formatter.precision().unwrap_or(2);
        let Self { value, low, high } = self;
        write!(formatter, "{value:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

/// Wilson's interval of a share of `total` independent observations; `total` need not be whole.
pub fn wilson(share: f64, total: f64) -> (f64, f64) {
    let middle = (share + Z * Z / (2.0 * total)) / (1.0 + Z * Z / total);
    let half = Z / (1.0 + Z * Z / total) * (share * (1.0 - share) / total + Z * Z / (4.0 * total * total)).sqrt();
    (middle - half, middle + half)
}

/// The share of hits, by Wilson's interval for as many independent rows as vary like these groups.
///
/// - `groups`: for each row what it belongs to, any numbers. Where each row is its own group this is Wilson's interval
///
/// # Panics
/// If there are no rows, or not as many groups.
pub fn share(hits: &[bool], groups: &[usize]) -> Estimate {
    let values: Vec<f64> = hits.iter().map(|&hit| f64::from(u8::from(hit))).collect();
    let (value, variance, count) = moments(&values, groups);
    // Rows that are all alike say nothing of how they vary; then groups are what can be counted.
    let independent = if variance > 0.0 {
        value * (1.0 - value) / variance
    } else {
        count as f64
    };
    let (low, high) = wilson(value, independent);
    Estimate { value, low, high }
}

/// The mean of values, ± 1.96 standard errors between groups.
///
/// # Panics
/// As [`share`].
pub fn mean(values: &[f64], groups: &[usize]) -> Estimate {
    let (value, variance, _) = moments(values, groups);
    let half = Z * variance.sqrt();
    Estimate {
        value,
        low: value - half,
        high: value + half,
    }
}

/// The mean, the variance of that mean between groups, and the number of groups.
fn moments(values: &[f64], groups: &[usize]) -> (f64, f64, usize) {
    assert_eq!(values.len(), groups.len(), "expected a group for each row");
    assert!(!values.is_empty(), "expected rows, got none");
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    // The mean is a ratio, sum by number; each group pulls at it by its sum of deviations.
    let mut pulls: BTreeMap<usize, f64> = BTreeMap::new();
    for (value, group) in values.iter().zip(groups) {
        *pulls.entry(*group).or_default() += value - mean;
    }
    let variance = pulls.values().map(|pull| pull * pull).sum::<f64>() / (count * count);
    (mean, variance, pulls.len())
}

/// The smallest of the values that at least this share of them does not exceed: 0.5 gives the median, 1 the largest.
///
/// # Panics
/// If there are no values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Scenes of one to six views; the views of a scene tend to agree.
    fn views(random: &mut ChaCha8Rng, scenes: usize) -> (Vec<bool>, Vec<usize>) {
        let (mut hits, mut groups) = (vec![], vec![]);
        for scene in 0..scenes {
            let tendency: f64 = if random.random_bool(0.3) { 0.95 } else { 0.2 };
            for _ in 0..random.random_range(1..=6) {
                hits.push(random.random_bool(tendency));
                groups.push(scene);
            }
        }
        (hits, groups)
    }

    /// The slow way: draw scenes with replacement, many times, and look at how the mean varies.
    fn bootstrap(values: &[f64], groups: &[usize], random: &mut ChaCha8Rng) -> (f64, f64) {
        const TIMES: usize = 4000;
        let scenes = 1 + groups.iter().max().unwrap();
        let mut of_scene = vec![vec![]; scenes];
        for (&value, &group) in values.iter().zip(groups) {
            of_scene[group].push(value);
        }
        let means: Vec<f64> = (0..TIMES)
            .map(|_| {
                let drawn = (0..scenes).map(|_| &of_scene[random.random_range(0..scenes)]);
                let all: Vec<f64> = drawn.flatten().copied().collect();
                all.iter().sum::<f64>() / all.len() as f64
            })
            .collect();
        (quantile(&means, 0.025), quantile(&means, 0.975))
    }

    #[test]
    fn intervals_agree_with_a_bootstrap_by_group() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for scenes in [75, 300] {
            let (hits, groups) = views(&mut random, scenes);
            let values: Vec<f64> = hits.iter().map(|&hit| f64::from(u8::from(hit))).collect();
            let (low, high) = bootstrap(&values, &groups, &mut random);
            for found in [share(&hits, &groups), mean(&values, &groups)] {
                let width = high - low;
                assert!(
                    (found.low - low).abs() < 0.1 * width && (found.high - high).abs() < 0.1 * width,
                    "{scenes} scenes: {found:.3}, bootstrap {low:.3} to {high:.3}"
                );
            }
            let naive = wilson(mean(&values, &groups).value, values.len() as f64);
            assert!(
                naive.1 - naive.0 < 0.8 * (high - low),
                "views that agree must widen the interval, or this shows nothing"
            );
        }
    }

    #[test]
    fn copies_add_nothing() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let (hits, groups) = views(&mut random, 60);
        let six = |n: usize| (0..n).flat_map(|row| [row; 6]).collect::<Vec<_>>();
        let copies: Vec<bool> = six(hits.len()).iter().map(|&row| hits[row]).collect();
        let of: Vec<usize> = six(hits.len()).iter().map(|&row| groups[row]).collect();
        let (once, often) = (share(&hits, &groups), share(&copies, &of));
        assert!((once.low - often.low).abs() < 1e-12 && (once.high - often.high).abs() < 1e-12);
    }

    #[test]
    fn rows_of_their_own_have_wilsons_interval() {
        let hits: Vec<bool> = (0..450).map(|row| row % 3 == 0).collect();
        let own: Vec<usize> = (0..450).collect();
        let found = share(&hits, &own);
        let (low, high) = wilson(1.0 / 3.0, 450.0);
        assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9);
        // By hand: 0 of 1 reaches to 3.8416/4.8416.
        assert!((wilson(0.0, 1.0).1 - 3.8416 / 4.8416).abs() < 1e-9);
        // All hits: eight scenes are eight observations, however many views they have.
        let all = share(&[true; 48], &(0..48).map(|row| row / 6).collect::<Vec<_>>());
        assert_eq!(all.ends(), wilson(1.0, 8.0));
    }

    #[test]
    fn quantiles_are_values_that_are_there() {
        let values = [3.0, 1.0, 4.0, 2.0];
        let found = [0.0, 0.25, 0.5, 0.51, 1.0].map(|share| quantile(&values, share));
        assert_eq!(found, [1.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
