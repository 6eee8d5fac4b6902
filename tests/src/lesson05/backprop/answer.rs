//! A right answer to 5.6, written independently of the solution, with flaws.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, Var, bail};
use resnet::ResNet;

use super::super::tiny;

/// The identity, with a rule for the gradient.
pub(super) struct Rule(pub(super) fn(&Tensor) -> Result<Tensor>);

impl CustomOp1 for Rule {
    fn name(&self) -> &'static str {
        "rule"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        match (x, layout.contiguous_offsets()) {
            (CpuStorage::F32(x), Some((start, end))) => {
                Ok((CpuStorage::F32(x[start..end].to_vec()), layout.shape().clone()))
            }
            _ => bail!("contiguous f32"),
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        (self.0)(gradient).map(Some)
    }
}

pub(super) type Sites = fn(&str) -> bool;

pub(super) fn every_relu(site: &str) -> bool {
    site == "relu" || site.contains(".relu")
}

/// ∂(sum of the classes' scores)/∂images under a rule at some sites.
pub(super) fn gradient(
    network: &ResNet,
    images: &Tensor,
    classes: &[u32],
    score: fn(&Tensor) -> Result<Tensor>,
    sites: Sites,
    rule: fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let images = Var::from_tensor(images)?;
    let logits = network.forward_visit(&images, &mut |site, activation| {
        sites(site).then(|| activation.apply_op1(Rule(rule))).transpose()
    })?;
    let picked = Tensor::stack(&tiny::logits_of(&score(&logits)?, classes)?, 0)?;
    let gradients = picked.sum_all()?.backward()?;
    Ok(gradients.get(&images).expect("it depends on the images").clone())
}

pub(super) fn logit(logits: &Tensor) -> Result<Tensor> {
    Ok(logits.clone())
}

pub(super) fn plain(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    gradient(network, images, classes, logit, |_| false, logit)
}

/// Guided backpropagation without an operation of its own: every ReLU's output becomes a variable, and the way back is
/// gone from one ReLU to the one before, with its rule in between.
pub(super) fn by_stages(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let images = Var::from_tensor(images)?;
    let mut before = images.as_tensor().clone();
    let mut stages: Vec<(Tensor, Var)> = vec![];
    let logits = network.forward_visit(&images, &mut |site, activation| {
        if !every_relu(site) {
            before = activation.clone();
            return Ok(None);
        }
        let after = Var::from_tensor(activation)?;
        stages.push((before.clone(), after.clone()));
        Ok(Some(after.as_tensor().clone()))
    })?;
    let mut arrived: Vec<Option<Tensor>> = vec![None; stages.len() + 1];
    let mut objective = Tensor::stack(&tiny::logits_of(&logits, classes)?, 0)?.sum_all()?;
    for stage in (0..=stages.len()).rev() {
        let gradients = objective.backward()?;
        for (earlier, arrived) in arrived.iter_mut().enumerate().take(stage + 1) {
            let variable = match earlier {
                0 => &images,
                _ => &stages[earlier - 1].1,
            };
            if let Some(gradient) = gradients.get(variable) {
                *arrived = Some(match arrived.take() {
                    Some(sum) => (sum + gradient)?,
                    None => gradient.clone(),
                });
            }
        }
        if stage == 0 {
            break;
        }
        let (before, after) = &stages[stage - 1];
        let gradient = arrived[stage].take().expect("every ReLU leads to the logits");
        let open = after.gt(0f32)?.to_dtype(DType::F32)?;
        objective = (before * (gradient.relu()? * open)?.detach())?.sum_all()?;
    }
    Ok(arrived[0].take().expect("the first ReLU sees the images"))
}

/// |∂logit/∂pixel| by moving each pixel a little, in f64; the largest of the three colours.
pub(super) fn by_moving_pixels(network: &ResNet, image: &Tensor, class: u32) -> Result<Tensor> {
    const STEP: f64 = 1e-6;
    let network = tiny::in_f64(network)?;
    let shape = image.shape().clone();
    let pixels = image.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let logit = |index: usize, step: f64| -> Result<f64> {
        let mut pixels = pixels.clone();
        pixels[index] += step;
        let image = Tensor::from_vec(pixels, shape.clone(), image.device())?;
        network.forward(&image)?.get(0)?.get(class as usize)?.to_scalar()
    };
    let slopes = (0..pixels.len())
        .map(|i| Ok(((logit(i, STEP)? - logit(i, -STEP)?) / (2.0 * STEP)).abs() as f32))
        .collect::<Result<Vec<_>>>()?;
    Tensor::from_vec(slopes, shape.clone(), image.device())?.max(1)
}
