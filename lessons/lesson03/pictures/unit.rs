//! A unit, and its optimum.

use anyhow::{Context, Result};
use candle_core::Tensor;
use lesson03::{Target, score};
use resnet::ResNet;
use studio::Material;

use super::images::PICTURE;
use super::making::{Wish, make};
use super::recipe::Recipe;

/// The last place of a layer before its ReLU: a unit that is at rest still has a gradient there.
pub fn before_relu(network: &ResNet, layer: &str) -> Result<String> {
    let sites = network.sites();
    let last = sites.iter().rev();
    let site = last
        .into_iter()
        .find(|site| site.starts_with(layer) && site.ends_with(".add"));
    Ok(site.with_context(|| format!("expected a sum in {layer}"))?.clone())
}

/// The standard deviation of a channel's objective over 32 images of the data: what penalties are measured in.
pub fn spread(material: &Material, site: &str, channel: usize) -> Result<f64> {
    let mut values = vec![];
    for batch in material.batches(0..32, 16) {
        let scores = score(material.network(), &batch?.pixels, site, Target::Channel(channel))?;
        values.extend(scores.to_vec1::<f32>()?);
    }
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
    Ok(f64::from(variance.sqrt().max(1e-6)))
}

/// One optimum of a channel.
pub fn optimum(
    material: &Material,
    site: &str,
    channel: usize,
    recipe: &Recipe,
    side: usize,
) -> Result<(Tensor, Vec<f64>)> {
    let network = material.network();
    let objective = |images: &Tensor| score(network, images, site, Target::Channel(channel));
    let wish = Wish {
        objective: &objective,
        scale: spread(material, site, channel)?,
    };
    make(&wish, recipe, 1, side, format!("{site} {channel}"))
}

/// The objective of an image as it is, unmoved.
pub fn value(material: &Material, image: &Tensor, site: &str, channel: usize) -> Result<f32> {
    let scores = score(material.network(), image, site, Target::Channel(channel))?;
    Ok(scores.to_vec1::<f32>()?[0])
}

/// The channel with this index, or another one where there are not so many.
pub fn within(material: &Material, site: &str, channel: usize) -> Result<usize> {
    let trace = material
        .network()
        .capture(&material.image(PICTURE)?.input()?, &[site])?;
    Ok(channel % trace.activation(site)?.dim(1)?)
}
