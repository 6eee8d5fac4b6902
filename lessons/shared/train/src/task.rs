use std::ops::Range;

use candle_core::{Result, Tensor};
use indicatif::ProgressBar;
use resnet::{Config, ResNet};

use crate::{Attack, Measured, Stage};

/// Everything that decides what a training run produces.
pub trait Task: Sync {
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
    /// The adversary that changes every image before the network learns from it, if there is one.
    fn attack(&self) -> Option<Attack> {
        None
    }
    /// Some of the images of one step, counted from 0, in [0, 1], `[images, 3, height, width]`, and the share of each
    /// class in them, `[images, classes]`.
    fn examples(&self, stage: usize, step: usize, images: Range<usize>) -> Result<(Tensor, Tensor)>;
    /// What the trained network is worth on images it has not seen.
    fn measure(&self, network: &ResNet, progress: &ProgressBar) -> Result<Measured>;
}
