//! Exercise 3.1: what is to be maximized.

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

/// Which part of an activation is to be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One number: the channel with this index, at the unit in the middle of its map.
    Neuron(usize),
    /// The channel with this index, everywhere. At the site `fc` it is the class with this index.
    Channel(usize),
    /// Everything at once, whatever it is: DeepDream's objective.
    Layer,
}

/// ## 3.1 What is to be maximized?
///
/// An image is good if a neuron, a channel or a layer responds to it. Each is one number per image, made from the
/// activation at a site:
///
/// ```math
/// Neuron(k)    A[n, k, ⌊height / 2⌋, ⌊width / 2⌋]
/// Channel(k)   1/(height·width) · Σ_yx A[n, k, y, x]
/// Layer        1/(channels·height·width) · Σ_kyx A[n, k, y, x]²
/// ```
/// - `activation`: `[batch, channels, height, width]`, or class scores `[batch, classes]`, which are as maps of 1×1
/// - returns `[batch]`: one number per image, so that an image's number does not depend on the images beside it
///
/// **Errors** if `activation` is of another rank, or has no channel of this index.
/// **Trap** Class scores are taken as they are, before the softmax. A probability also rises when the *other* classes
/// sink, and an image can get there without looking any more like its class.
/// **Source** Olah, Mordvintsev and Schubert 2017, "Feature visualization", section "Optimization objectives".
/// **Accepted by** `cargo test -p lesson03 -- ex3_1`
pub fn objective(activation: &Tensor, target: Target) -> Result<Tensor> {
    let channels = match *activation.dims() {
        [_, channels, _, _] | [_, channels] => channels,
        _ => bail!(
            "expected an activation of rank 4 or class scores of rank 2, got {:?}",
            activation.dims()
        ),
    };
    if let Target::Neuron(channel) | Target::Channel(channel) = target
        && channel >= channels
    {
        bail!("expected a channel below {channels}, got {channel}");
    }
    todo!("exercise 3.1: one target at a time: narrow picks a channel, mean takes its mean")
}

/// The objective of an image: through the network to a site, and from there by [`objective`].
///
/// - `images`: `[batch, 3, height, width]` with values in [0, 1], as they are shown and saved. The network takes
///   normalized ones: `resnet::normalize` comes first
/// - `site`: a name such as `layer4.1.add` or `fc`; `network.activation(&images, site)?` gives the tensor there, by a forward
///   pass that ends there
/// - returns `[batch]`, connected to `images`, so that it can be differentiated
///
/// **Errors** if there is no such site, or as [`objective`] does.
/// **Trap** Without the normalization the numbers look plausible, and the image that comes out is one that the network
/// never sees: saved, loaded and normalized like any other it activates the unit less.
pub fn score(network: &ResNet, images: &Tensor, site: &str, target: Target) -> Result<Tensor> {
    todo!("exercise 3.1: normalize, take the activation at the site, and call objective")
}
