use candle_core::{Result, Tensor};
use indicatif::ProgressBar;
use resnet::{Config, ResNet};

use crate::{Pointing, Scores, Stage};

/// Everything that decides what a training run produces.
pub trait Task {
    /// The checkpoint's name, without extension.
    fn name(&self) -> &str;
    /// One sentence about the data for the model card.
    fn data(&self) -> &str;
    /// The architecture.
    fn config(&self) -> Config;
    /// What the network is trained on, one stage after the other; the optimizer starts afresh with each.
    fn stages(&self) -> &[Stage];
    /// Seeds the weights and the data.
    fn seed(&self) -> u64;
    /// The images of one step, normalized, `[batch, 3, height, width]`, and the share of each class in them,
    /// `[batch, classes]`.
    fn examples(&self, stage: usize, step: usize) -> Result<(Tensor, Tensor)>;
    /// What the trained network is worth on images it has not seen.
    fn measure(&self, network: &ResNet, progress: &ProgressBar) -> Result<(Scores, Vec<Pointing>)>;
}
