//! Exercise 2.6: how values are distributed.

use candle_core::{DType, Result, Tensor, bail};

/// How many values fell into each of some bins of equal width.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Lower end of the first bin.
    pub low: f64,
    /// Upper end of the last bin.
    pub high: f64,
    /// Values per bin.
    pub counts: Vec<usize>,
    /// Values smaller than `low`.
    pub below: usize,
    /// Values larger than `high`.
    pub above: usize,
    /// Values that are not numbers.
    pub nan: usize,
}

/// ## 2.6 How are the values distributed?
///
/// Mean and standard deviation do not tell a bell from two hills. A histogram does. Its bins are fixed before the first
/// batch, so that batches can be added up:
///
/// ```math
/// bin(x) = ⌊ (x − low) / (high − low) · bins ⌋,    x = high in the last bin
/// ```
/// Every value is counted exactly once: in a bin, below, above, or as NaN.
///
/// **Trap** In Rust `-0.3 as usize` is 0, and so is `f64::NAN as usize`: both would land in the first bin.
/// **Source** numpy's `histogram`, for the closed last bin.
/// **Accepted by** `cargo test -p lesson02 -- ex2_6`
impl Histogram {
    /// Empty bins between `low` and `high`.
    ///
    /// **Errors** if there is no bin, or if `low < high` is not true of two finite numbers.
    pub fn new(low: f64, high: f64, bins: usize) -> Result<Self> {
        let is_range = low < high && low.is_finite() && high.is_finite();
        if bins == 0 || !is_range {
            bail!("expected at least one bin in a range, got {bins} from {low} to {high}");
        }
        todo!("exercise 2.6: begin with zeros")
    }

    /// Counts a batch.
    ///
    /// - `activations`: f32 or f64, any shape; compute in f64. Infinities are below or above
    pub fn update(&mut self, activations: &Tensor) -> Result<()> {
        todo!("exercise 2.6: for each value: NaN, below, above, or which bin?")
    }
}
