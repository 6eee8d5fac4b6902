//! Exercise 4.3: features on one scale, by what the training rows say.

use candle_core::{Result, Tensor, bail};

/// A scale for each feature, learned from the rows that train a probe.
#[derive(Debug, Clone)]
pub struct Standardizer {
    /// Mean of each feature, `[features]`.
    pub mean: Tensor,
    /// Standard deviation of each feature, `[features]`; 1 for a feature that does not vary.
    pub deviation: Tensor,
}

impl Standardizer {
    /// ## 4.3 What may a probe know about the test images?
    ///
    /// Nothing, not even their mean. Features are brought to one scale, so that the penalty of 4.4 means the same for
    /// each, and that scale comes from the training rows alone.
    ///
    /// ```math
    /// μ_j = 1/n · Σ_i x_ij        σ_j = √( 1/n · Σ_i (x_ij − μ_j)² )        σ_j = 1 where σ_j ≤ 1e-6·|μ_j|
    /// ```
    /// - `train`: x, f32, `[rows, features]`
    ///
    /// A dead unit has σ = 0, and 0/0 is NaN. A feature that is 0.1 everywhere has a σ of about 1e-9 from rounding: hence
    /// the comparison with μ, and not with 0. `condition.where_cond(&a, &b)?` takes a where the condition holds.
    ///
    /// **Errors** if `train` is not of rank 2.
    /// **Trap** candle's `Tensor::var` divides by n − 1.
    /// **Accepted by** `cargo test -p lesson04 -- ex4_3`
    pub fn fit(train: &Tensor) -> Result<Self> {
        train.dims2()?;
        todo!("exercise 4.3: train.mean(0), then the mean of the squared differences from it")
    }

    /// Brings rows to the scale: (x − μ) / σ, whichever rows they are.
    ///
    /// - `features`: `[rows, features]`; returns the same shape
    ///
    /// **Errors** if the number of features is not that of the training rows.
    pub fn apply(&self, features: &Tensor) -> Result<Tensor> {
        if features.dims2()?.1 != self.mean.elem_count() {
            bail!(
                "expected {} features, got {:?}",
                self.mean.elem_count(),
                features.dims()
            )
        }
        todo!("exercise 4.3: broadcast_sub the mean, broadcast_div the deviation")
    }
}
