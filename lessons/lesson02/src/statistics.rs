//! Exercise 2.3: statistics of more numbers than fit into memory.

use candle_core::{DType, Result, Tensor, bail};

/// What is known after the batches so far.
#[derive(Debug, Clone)]
pub struct Statistics {
    count: usize,
    not_finite: usize,
    mean: f64,
    /// Sum of the squared differences from the mean, Σ (x − mean)².
    squares: f64,
    min: f64,
    max: f64,
}

/// Statistics of all values seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many finite values there were. All other numbers are about these.
    pub count: usize,
    /// How many values were NaN or infinite.
    pub not_finite: usize,
    /// Σ x / count.
    pub mean: f64,
    /// √(Σ (x − mean)² / count): the standard deviation of these values, divided by count and not by count − 1.
    pub std: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// ## 2.3 What do 250 million numbers look like?
///
/// The activations of one layer on a data set do not fit into memory, so each batch is looked at once and forgotten. Two
/// parts with n_a and n_b values join like this:
///
/// ```math
/// n = n_a + n_b,    δ = mean_b − mean_a
/// mean    = mean_a + δ · n_b / n
/// squares = squares_a + squares_b + δ² · n_a · n_b / n,    squares = Σ (x − mean)²
/// ```
/// The last term is what the two means lie apart: without it, the spread (how far apart the values lie) between batches is lost.
///
/// **Trap** Σx²/n − mean² is the same on paper. Where the mean is large and the spread small it subtracts two numbers
/// that agree in all digits, and what is left is rounding.
/// **Source** Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance".
/// **Accepted by** `cargo test -p lesson02 -- ex2_3`
impl Statistics {
    /// No value seen yet.
    ///
    /// **Trap** A smallest value that starts at 0 stays 0 when all values are positive.
    #[allow(clippy::new_without_default, reason = "one way to begin is enough")]
    pub fn new() -> Self {
        todo!("exercise 2.3: from what value does the smallest so far start?")
    }

    /// Takes in a batch.
    ///
    /// - `activations`: f32 or f64, any shape; every element is one value. Batches differ in size
    ///
    /// Compute in f64: a million f32 values do not add up in f32. NaN and infinities are counted in `not_finite` and
    /// left out of everything else, so that one of them neither vanishes nor takes all the rest with it.
    pub fn update(&mut self, activations: &Tensor) -> Result<()> {
        todo!("exercise 2.3: count, mean and squares of this batch, then join them to what is there")
    }

    /// The statistics of all batches so far.
    ///
    /// **Errors** if there was no finite value.
    pub fn summary(&self) -> Result<Summary> {
        todo!("exercise 2.3: the standard deviation is a root")
    }
}
