//! Exercise 4.4: a linear classifier on frozen features.

use candle_core::{D, DType, Device, Result, Tensor, bail};

/// A linear classifier: one direction in feature space per class.
#[derive(Debug, Clone)]
pub struct Probe {
    /// `[classes, features]`: row k points to where class k becomes more likely.
    pub weights: Tensor,
    /// `[classes]`.
    pub bias: Tensor,
}

impl Probe {
    /// Class scores before the softmax, z = x·Wᵀ + b.
    ///
    /// - `features`: x, `[rows, features]`; returns `[rows, classes]`
    ///
    /// **Errors** if the number of features is not that of the weights.
    pub fn logits(&self, features: &Tensor) -> Result<Tensor> {
        todo!("exercise 4.4: features.matmul(&self.weights.t()?), and broadcast_add the bias")
    }

    /// The class with the largest score, for each row.
    ///
    /// **Errors** as [`logits`](Self::logits).
    pub fn predict(&self, features: &Tensor) -> Result<Vec<usize>> {
        todo!("exercise 4.4: argmax over the classes")
    }

    /// ## 4.4 Which way does the probe improve?
    ///
    /// The loss is the mean cross-entropy plus a penalty on large weights, and its gradient fits on a line: what the
    /// probe believes minus what is true, times the features.
    ///
    /// ```math
    /// P = softmax(x·Wᵀ + b), row by row          Y = 1 at each row's label, else 0
    /// loss = −1/n · Σ_i log P_(i, label_i) + penalty/2 · Σ W²
    /// ∂loss/∂W = 1/n · (P − Y)ᵀ·x + penalty·W
    /// ∂loss/∂b = 1/n · Σ_i (P − Y)_i             the penalty leaves the bias alone
    /// ```
    /// - `features`: x, f32, `[rows, features]`
    /// - `targets`: Y, f32, `[rows, classes]`
    /// - returns ∂loss/∂W, `[classes, features]`, and ∂loss/∂b, `[classes]`
    ///
    /// **Errors** if the shapes do not fit.
    /// **Trap** e^100 is infinite in f32. `candle_nn::ops::softmax(&z, D::Minus1)` subtracts each row's maximum first.
    /// **Source** Bishop 2006, "Pattern Recognition and Machine Learning", section 4.3.4.
    /// **Accepted by** `cargo test -p lesson04 -- ex4_4`
    pub fn gradients(&self, features: &Tensor, targets: &Tensor, penalty: f64) -> Result<(Tensor, Tensor)> {
        todo!("exercise 4.4: P from candle_nn::ops::softmax, then P − Y over the number of rows")
    }
}

/// 1 at each row's label, else 0: f32, `[rows, classes]`.
///
/// **Errors** if there are no labels, or one is not below `classes`.
pub fn one_hot(labels: &[usize], classes: usize) -> Result<Tensor> {
    if labels.is_empty() {
        bail!("expected labels, got none")
    }
    let mut values = vec![0f32; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        if label >= classes {
            bail!("expected labels below {classes}, got {label} in row {row}")
        }
        values[row * classes + label] = 1.0;
    }
    Tensor::from_vec(values, (labels.len(), classes), &Device::Cpu)
}

/// The probe with the smallest loss, from zero weights, by gradient descent with momentum (Nesterov's method).
///
/// The loss is convex: it has one minimum, so the answer is that of any other method that converges, scikit-learn's
/// `LogisticRegression(C=1/(penalty·rows))` for one. Each step looks ahead along the way it came, and goes downhill from
/// there:
///
/// ```math
/// step = 1 / ( (1 + mean_i Σ_j x_ij²)/2 + penalty )       the bracket bounds the curvature of the loss
/// ahead = now + k/(k + 3)·(now − before)                  k = 0, 1, 2, … since the last start
/// before, now = now, ahead − step·gradients(ahead)        for W and b alike
/// k starts again at 0 where Σ gradients(ahead)·(now − before) > 0 after that: it had begun to go uphill
/// ```
/// - `features`: f32, `[rows, features]`, standardized
/// - `labels`: one per row, below `classes`
/// - `penalty`: above 0
/// - returns `ahead` as soon as no entry of either gradient there is larger than 1e-4 in absolute value, and `now` after
///   10,000 steps
///
/// [`one_hot`] makes Y.
///
/// **Errors** if there are not as many labels as rows, or as [`one_hot`] does.
/// **Trap** A probe stopped early measures your patience, not the layer.
/// **Source** Nesterov 1983; O'Donoghue and Candès 2015, section 3.2, for the restarts.
pub fn fit_probe(features: &Tensor, labels: &[usize], classes: usize, penalty: f64) -> Result<Probe> {
    let (rows, width) = features.dims2()?;
    if labels.len() != rows {
        bail!("expected {rows} labels, got {}", labels.len())
    }
    let targets = one_hot(labels, classes)?;
    todo!("exercise 4.4: zero weights, the step, and the loop with two probes, `now` and `before`")
}
