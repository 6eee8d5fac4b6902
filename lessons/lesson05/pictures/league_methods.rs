//! The methods of the league: each gives maps of a batch for the classes asked for.

use anyhow::Result;
use candle_core::Tensor;
use lesson05::{
    Patch, class_activation_map, class_score, edges, grad_cam, grad_cam_plus_plus, guided_backprop,
    integrated_gradients, my_method, noise, occlusion, saliency, smooth_grad, upsample,
};
use resnet::ResNet;

use super::shipped::one_colour;

/// Images, what is asked about them, and a number that no two batches share.
pub struct Question<'q> {
    pub network: &'q ResNet,
    pub images: &'q Tensor,
    pub classes: &'q [u32],
    pub masks: &'q Tensor,
    pub seed: u64,
}

pub struct Method {
    pub name: &'static str,
    map: fn(&Question) -> Result<Tensor>,
    /// Whether it stands in the table to compare with, and is no method: it is left out where methods are ranked.
    pub is_reference: bool,
}

const fn method(name: &'static str, map: fn(&Question) -> Result<Tensor>) -> Method {
    Method {
        name,
        map,
        is_reference: false,
    }
}

const fn reference(name: &'static str, map: fn(&Question) -> Result<Tensor>) -> Method {
    Method {
        name,
        map,
        is_reference: true,
    }
}

/// 49 places on an image of 128×128.
const PATCH: Patch = Patch {
    side: 32,
    stride: 16,
    colour: GREY,
};
const GREY: [f32; 3] = [0.5; 3];
/// Of integrated gradients.
const STEPS: usize = 10;
/// Of SmoothGrad: samples, and the deviation of their noise.
const SAMPLES: usize = 8;
const DEVIATION: f64 = 0.5;

pub const METHODS: [Method; 14] = [
    method("CAM", cam),
    method("Grad-CAM, layer4", |q| {
        Ok(grad_cam(q.network, q.images, q.classes, "layer4")?)
    }),
    method("Grad-CAM, layer3", |q| {
        Ok(grad_cam(q.network, q.images, q.classes, "layer3")?)
    }),
    method("Grad-CAM++, layer4", |q| {
        Ok(grad_cam_plus_plus(q.network, q.images, q.classes, "layer4")?)
    }),
    method("HiResCAM, layer3", hires_cam),
    method("saliency", |q| Ok(saliency(q.network, q.images, q.classes)?)),
    method("guided backprop", |q| {
        Ok(guided_backprop(q.network, q.images, q.classes)?.abs()?.max(1)?)
    }),
    method("occlusion", |q| Ok(occlusion(q.network, q.images, q.classes, &PATCH)?)),
    method("integrated gradients", integrated),
    method("SmoothGrad", |q| {
        let noise = noise(q.images, SAMPLES, DEVIATION, q.seed)?;
        Ok(smooth_grad(q.network, q.images, q.classes, &noise)?)
    }),
    method("my method", |q| Ok(my_method(q.network, q.images, q.classes)?)),
    method("edges", |q| Ok(edges(q.images)?)),
    reference("random", |q| Ok(noise(q.masks, 1, 1.0, q.seed)?.squeeze(0)?)),
    reference("true mask", |q| Ok(q.masks.clone())),
];

impl Method {
    /// The maps, `[batch, height, width]`, in the size of the images.
    pub fn maps(&self, question: &Question) -> Result<Tensor> {
        let maps = (self.map)(question)?;
        let (_, _, height, width) = question.images.dims4()?;
        match maps.dims3()? {
            (_, h, w) if (h, w) == (height, width) => Ok(maps),
            _ => Ok(upsample(&maps, height, width)?),
        }
    }
}

fn cam(q: &Question) -> Result<Tensor> {
    let trace = q.network.capture(q.images, &["layer4"])?;
    let activations = trace.activation("layer4")?;
    let weight = q.network.parameter("fc.weight")?;
    let one = |(image, &class): (usize, &u32)| {
        class_activation_map(&activations.narrow(0, image, 1)?, weight, class as usize)
    };
    let maps = q
        .classes
        .iter()
        .enumerate()
        .map(one)
        .collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&maps, 0)?)
}

/// Activation times gradient at each place, without an average over the map (Draelos and Carin 2020).
fn hires_cam(q: &Question) -> Result<Tensor> {
    let trace = q.network.tap(q.images, &["layer3"])?;
    let gradients = trace.gradients(&class_score(&trace.logits, q.classes)?)?.at("layer3")?;
    Ok((trace.activation("layer3")?.detach() * gradients)?.sum(1)?.relu()?)
}

/// What speaks for the class, added up over the colours.
fn integrated(q: &Question) -> Result<Tensor> {
    let (_, _, height, width) = q.images.dims4()?;
    let baseline = one_colour(GREY, height, width)?;
    Ok(integrated_gradients(q.network, q.images, q.classes, &baseline, STEPS)?.sum(1)?)
}
