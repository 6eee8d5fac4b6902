//! Exercise 4.5: how good a probe is, how sure that number is, and what it has to beat.

use candle_core::{Device, Result, Tensor, bail};

use crate::probe::fit_probe;
use crate::standardize::Standardizer;

/// The penalty of every probe of this lesson.
pub const PENALTY: f64 = 1e-3;

/// A probe's result on the test rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Share of test rows whose label the probe names.
    pub accuracy: f64,
    /// Lower end of the 95 % interval of the accuracy.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// What naming the commonest training label every time would reach.
    pub majority: f64,
}

/// ## 4.5 What is 31 % worth?
///
/// First: how sure is it? A share of `correct` among `total` rows has an interval that holds the true share in 95 of 100
/// experiments. Wilson's stays inside [0, 1], and is right for shares near 0 and 1, where probes like to be.
///
/// ```math
/// p = correct/total,  n = total,  z = 1.96
/// centre = (p + z²/(2n)) / (1 + z²/n)
/// half   = z/(1 + z²/n) · √( p(1 − p)/n + z²/(4n²) )
/// ```
/// - returns centre − half and centre + half
///
/// By hand: 0 of 1 gives 0 and 3.8416/4.8416 = 0.793. One miss does not show that it never hits.
///
/// **Errors** if `total` is 0 or less than `correct`.
/// **Source** Wilson 1927, "Probable inference, the law of succession, and statistical inference".
/// **Accepted by** `cargo test -p lesson04 -- ex4_5`
pub fn interval(correct: usize, total: usize) -> Result<(f64, f64)> {
    if total == 0 || correct > total {
        bail!("expected at most {total} correct of at least 1, got {correct}")
    }
    todo!("exercise 4.5: p first, then centre and half")
}

/// What is reached without looking: the commonest *training* label, named for every test row.
///
/// - returns the share of test labels that are equal to it; of several commonest labels the smallest counts
///
/// **Errors** if one of the lists is empty.
pub fn majority(train_labels: &[usize], test_labels: &[usize]) -> Result<f64> {
    if train_labels.is_empty() || test_labels.is_empty() {
        bail!(
            "expected labels to train and to test on, got {} and {}",
            train_labels.len(),
            test_labels.len()
        )
    }
    todo!("exercise 4.5: count each label of the training rows")
}

/// Fits a probe on the training rows and scores it on the test rows.
///
/// Standardize (4.3), fit with [`PENALTY`] (4.4), predict, count.
///
/// - `features`: f32, `[rows, features]`, as they come from the network
/// - `labels`: one per row of `features`, below `classes`
/// - `train`, `test`: row numbers, from 4.2. `features.index_select(&rows, 0)?` takes rows; `rows` is a tensor of u32
///
/// The same function gives the baselines: call it with pixels for features, or with those of an untrained network.
///
/// **Errors** if there are not as many labels as rows, or `train` or `test` is empty.
/// **Trap** Whatever is fitted, scale included, is fitted without the test rows: changing them must not change what the
/// probe says about the others.
pub fn score(features: &Tensor, labels: &[usize], classes: usize, train: &[usize], test: &[usize]) -> Result<Score> {
    if labels.len() != features.dims2()?.0 || train.is_empty() || test.is_empty() {
        bail!(
            "expected a label for each row of {:?}, and rows to train and to test on, got {}, {} and {}",
            features.dims(),
            labels.len(),
            train.len(),
            test.len()
        )
    }
    todo!("exercise 4.5: take the training rows, fit a Standardizer to them, then a probe")
}
