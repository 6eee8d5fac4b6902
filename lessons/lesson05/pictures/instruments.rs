//! 5.3 and 5.6 for the bench of the course's page.

use candle_core::{Result, Tensor};
use lesson05::{grad_cam, saliency};
use resnet::ResNet;
use studio::Instrument;
use studio::instruments::Function;

/// The functions that the bench can use.
pub const ALL: [Instrument; 2] = [
    Instrument {
        name: "grad_cam",
        function: Function::OfImage(cam),
    },
    Instrument {
        name: "saliency",
        function: Function::OfImage(slopes),
    },
];

fn cam(network: &ResNet, image: &Tensor, class: u32, site: &str) -> Result<Tensor> {
    grad_cam(network, image, &[class], site)?.squeeze(0)
}

fn slopes(network: &ResNet, image: &Tensor, class: u32, _site: &str) -> Result<Tensor> {
    saliency(network, image, &[class])?.squeeze(0)
}
