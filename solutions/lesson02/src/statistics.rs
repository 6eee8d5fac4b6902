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
        Self {
            count: 0,
            not_finite: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    /// Takes in a batch.
    ///
    /// - `activations`: f32 or f64, any shape; every element is one value. Batches differ in size
    ///
    /// Compute in f64: a million f32 values do not add up in f32. NaN and infinities are counted in `not_finite` and
    /// left out of everything else, so that one of them neither vanishes nor takes all the rest with it.
    pub fn update(&mut self, activations: &Tensor) -> Result<()> {
        // Eight columns side by side, so that no value waits for the sum of those before it.
        fn reduce(values: &[f64], start: f64, term: impl Fn(f64) -> f64, join: impl Fn(f64, f64) -> f64) -> f64 {
            let (rows, rest) = values.as_chunks::<8>();
            let mut columns = [start; 8];
            for row in rows {
                for (column, &value) in columns.iter_mut().zip(row) {
                    *column = join(*column, term(value));
                }
            }
            let rest = rest.iter().map(|&value| term(value));
            columns.into_iter().chain(rest).fold(start, join)
        }
        let mut values = activations.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let all = values.len();
        values.retain(|value| value.is_finite());
        self.not_finite += all - values.len();
        if values.is_empty() {
            return Ok(());
        }
        let (before, new) = (self.count as f64, values.len() as f64);
        let add = |a, b| a + b;
        let mean = reduce(&values, 0.0, |value| value, add) / new;
        let squares = reduce(&values, 0.0, |value| (value - mean).powi(2), add);
        let difference = mean - self.mean;
        self.count += values.len();
        let total = self.count as f64;
        self.mean += difference * new / total;
        self.squares += squares + difference.powi(2) * before * new / total;
        self.min = reduce(&values, self.min, |value| value, f64::min);
        self.max = reduce(&values, self.max, |value| value, f64::max);
        Ok(())
    }

    /// The statistics of all batches so far.
    ///
    /// **Errors** if there was no finite value.
    pub fn summary(&self) -> Result<Summary> {
        if self.count == 0 {
            bail!("expected at least one finite value, got none");
        }
        Ok(Summary {
            count: self.count,
            not_finite: self.not_finite,
            mean: self.mean,
            std: (self.squares / self.count as f64).sqrt(),
            min: self.min,
            max: self.max,
        })
    }
}
