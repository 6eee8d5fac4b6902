//! A right answer to 5.3, written independently of the solution, with flaws.

use candle_core::{DType, Result, Tensor};
use resnet::ResNet;

use super::super::tiny;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Flaw {
    None,
    Probability,
    Loss,
    Predicted,
    FirstClass,
    AllLogits,
    MeanScore,
    NoRelu,
    ReluOnWeights,
    ReluOnTerms,
    Stretched,
    SumOfGradients,
    EarlierSite,
}

fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)
}

pub(super) fn score(logits: &Tensor, classes: &[u32], fault: Flaw) -> Result<Tensor> {
    let batch = logits.dim(0)?;
    let scores = match fault {
        Flaw::Probability => log_softmax(logits)?.exp()?,
        Flaw::Loss => log_softmax(logits)?.neg()?,
        _ => logits.clone(),
    };
    let classes = match fault {
        Flaw::Predicted => logits.argmax(1)?.to_vec1::<u32>()?,
        Flaw::FirstClass => vec![classes[0]; batch],
        Flaw::AllLogits => return scores.sum_all(),
        _ => classes.to_vec(),
    };
    let picked = Tensor::stack(&tiny::logits_of(&scores, &classes)?, 0)?;
    match fault {
        Flaw::MeanScore => picked.mean_all(),
        _ => picked.sum_all(),
    }
}

pub(super) fn map(activations: &Tensor, weights: &Tensor, fault: Flaw) -> Result<Tensor> {
    match fault {
        Flaw::NoRelu => activations.broadcast_mul(weights)?.sum(1),
        Flaw::ReluOnWeights => activations.broadcast_mul(&weights.relu()?)?.sum(1),
        Flaw::ReluOnTerms => activations.broadcast_mul(weights)?.relu()?.sum(1),
        Flaw::Stretched => {
            let map = activations.broadcast_mul(weights)?.sum(1)?;
            let flat = map.flatten_from(1)?;
            let end = |extreme: Tensor| extreme.reshape(((), 1, 1));
            let (low, high) = (end(flat.min(1)?)?, end(flat.max(1)?)?);
            map.broadcast_sub(&low)?.broadcast_div(&(high - low)?)
        }
        _ => activations.broadcast_mul(weights)?.sum(1)?.relu(),
    }
}

pub(super) fn cam(network: &ResNet, images: &Tensor, classes: &[u32], site: &str, fault: Flaw) -> Result<Tensor> {
    let earlier = format!("{site}.1.add");
    let site = match fault {
        Flaw::EarlierSite if network.sites().contains(&earlier) => &earlier,
        _ => site,
    };
    let trace = network.tap(images, &[site])?;
    let gradients = trace.gradients(&score(&trace.logits, classes, fault)?)?.at(site)?;
    let weights = match fault {
        Flaw::SumOfGradients => gradients.sum_keepdim((2, 3))?,
        _ => gradients.mean_keepdim((2, 3))?,
    };
    map(&trace.activation(site)?.detach(), &weights, fault)
}

/// ReLU of the class activation map, divided by the number of places: what Grad-CAM is at the last feature maps.
pub(super) fn from_class_map(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let activations = network.capture(images, &["layer4"])?.activation("layer4")?.clone();
    let (_, _, height, width) = activations.dims4()?;
    let weights = classes
        .iter()
        .map(|&class| network.parameter("fc.weight")?.get(class as usize))
        .collect::<Result<Vec<_>>>()?;
    let weights = Tensor::stack(&weights, 0)?.unsqueeze(2)?.unsqueeze(3)?;
    activations.broadcast_mul(&weights)?.sum(1)?.relu()? / (height * width) as f64
}

/// The map at any site with weights that are measured: shift a whole channel up and down a little, in f64, and see what
/// the class's logit does.
pub(super) fn by_shifting(network: &ResNet, image: &Tensor, class: u32, site: &str) -> Result<Tensor> {
    const STEP: f64 = 1e-6;
    let network = tiny::in_f64(network)?;
    let image = image.to_dtype(DType::F64)?;
    let activation = network.capture(&image, &[site])?.activation(site)?.clone();
    let (_, channels, height, width) = activation.dims4()?;
    let logit = |channel: usize, shift: f64| -> Result<f64> {
        let mut one = vec![0f64; channels];
        one[channel] = shift;
        let shift = Tensor::new(one, image.device())?.reshape((1, channels, 1, 1))?;
        let logits = network.forward_visit(&image, &mut |at, activation| {
            let here = at == site;
            here.then(|| activation.broadcast_add(&shift)).transpose()
        })?;
        logits.get(0)?.get(class as usize)?.to_scalar()
    };
    let weights = (0..channels)
        .map(|k| Ok((logit(k, STEP)? - logit(k, -STEP)?) / (2.0 * STEP) / (height * width) as f64))
        .collect::<Result<Vec<f64>>>()?;
    let weights = Tensor::new(weights, image.device())?.reshape((1, channels, 1, 1))?;
    let map = activation.broadcast_mul(&weights)?.sum(1)?.relu()?;
    map.to_dtype(DType::F32)
}
