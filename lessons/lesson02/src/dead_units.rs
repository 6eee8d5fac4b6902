//! Exercise 2.5: units that never answer.

use candle_core::{Result, Tensor, bail};

/// The largest activation of each unit on the images so far.
#[derive(Debug, Clone)]
pub struct Peaks {
    /// One per channel; empty before the first image.
    peaks: Vec<f32>,
}

/// ## 2.5 Which units never fire?
///
/// A channel whose ReLU stops everything has no gradient either: nothing in its own weights can bring it back. It is
/// *dead* if it was never above zero, on any image, at any place. That is a statement about a whole data set:
///
/// ```math
/// peak_c = max over all images and places of activations[image, c, y, x]
/// dead   = { c : peak_c ≤ 0 }
/// ```
/// **Trap** One batch proves that a unit is alive. It never proves that a unit is dead.
/// **Source** the guide's topic 2.3.
/// **Accepted by** `cargo test -p lesson02 -- ex2_5`
impl Peaks {
    /// No image seen yet.
    #[allow(clippy::new_without_default, reason = "one way to begin is enough")]
    pub fn new() -> Self {
        Self { peaks: vec![] }
    }

    /// Takes in a batch.
    ///
    /// - `activations`: f32, `[batch, channels, height, width]`, before or after the ReLU
    ///
    /// **Errors** if the rank is not 4, if the number of channels is not that of the batches before, or if a value is
    /// NaN: a unit that is broken must not pass for dead, nor for alive.
    pub fn update(&mut self, activations: &Tensor) -> Result<()> {
        let channels = activations.dims4()?.1;
        if !self.peaks.is_empty() && channels != self.peaks.len() {
            bail!("expected {} channels, got {channels}", self.peaks.len());
        }
        todo!("exercise 2.5: raise each peak to the largest value of its channel in this batch")
    }

    /// The dead units, smallest index first.
    ///
    /// **Errors** if no image was seen: nothing is known then.
    pub fn dead(&self) -> Result<Vec<usize>> {
        todo!("exercise 2.5: the channels whose peak is not above zero")
    }
}
