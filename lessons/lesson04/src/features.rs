//! Exercise 4.1: what a layer says about an image, as one row of numbers.

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

/// ## 4.1 What does a layer say about an image?
///
/// A probe reads rows of numbers, a layer gives maps. Cut each map into `grid`×`grid` cells and average every cell. With
/// a grid of 1 the whole map becomes one number: how much of it there is, and no longer where.
///
/// ```math
/// row_(c, i, j) = mean of maps_c over rows ⌊i·height/grid⌋ … ⌈(i+1)·height/grid⌉ − 1, and columns likewise
/// ```
/// - `maps`: f32, `[batch, channels, height, width]`
/// - `grid`: cells along a side. Where it does not divide a side, neighbouring cells share a row or column
/// - returns `[batch, channels·grid·grid]`: channel by channel, each cell row by cell row
///
/// By hand: a map of [[1, 2], [3, 4]] gives [2.5] with a grid of 1, and [1, 2, 3, 4] with a grid of 2.
///
/// **Errors** if `maps` is not of rank 4, and unless 1 ≤ `grid` ≤ height and width.
/// **Source** PyTorch's `AdaptiveAvgPool2d` cuts in the same way.
/// **Accepted by** `cargo test -p lesson04 -- ex4_1`
pub fn pool(maps: &Tensor, grid: usize) -> Result<Tensor> {
    let (_, _, height, width) = maps.dims4()?;
    if grid == 0 || grid > height.min(width) {
        bail!("expected a grid of 1 to {}, got {grid}", height.min(width))
    }
    todo!("exercise 4.1: grid 1 first: flatten_from(2), then the mean over dimension 2")
}

/// The features of some images at several sites, from one forward pass.
///
/// - `images`: what the network takes, `[batch, 3, height, width]`, already normalized
/// - `sites`: names such as `layer3`; `network.capture(images, sites)?` keeps their activations, and
///   `.activation(site)?` of that gives a reference to one; `network.sites()` lists the names there are
/// - `grid`: as in [`pool`]. The site `fc` has no maps: its logits, `[batch, classes]`, are returned as they are
/// - returns one tensor per site, *in the order of `sites`*
///
/// **Errors** if there is no such site, or as [`pool`] does.
/// **Trap** The backbone is frozen: what you return must not lead back into the network, or whoever trains on it trains
/// the network too. `detach()` cuts the way; it returns a tensor, no `Result`.
pub fn features(network: &ResNet, images: &Tensor, sites: &[&str], grid: usize) -> Result<Vec<Tensor>> {
    todo!("exercise 4.1: network.capture(images, sites), then pool what it kept at each site")
}
