//! Checks of the shared network: its checkpoints, its numbers, its gradients.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use draw::grouped;
use resnet::ResNet;
use scenes::{Rendered, Sampler, Scene};
use serde::{Deserialize, Serialize};
use studio::Sample;

use crate::check::Check;
use crate::term::message;

/// Seed of the scenes shown here.
const SEED: u64 = 1912;
/// Largest difference from the committed logits, relative to the largest of them. Vector units add up in different
/// orders, which costs about 1e-6; anything wrong costs far more.
const GOLDEN_TOLERANCE: f64 = 1e-4;
/// Finite differences of a function in f32 with kinks (ReLU) agree no better than this.
const SLOPE_TOLERANCE: f64 = 2e-2;

const TODO: &str = "see whether `git status lessons/shared` lists a changed file; if not, please report this";

/// A generated scene with known truth.
pub fn scene(index: u64) -> Result<Rendered> {
    Ok(Scene::sample(&Sampler::default(), SEED, index)?.render())
}

/// A generated scene as it is shown.
pub fn sample(index: u64) -> Result<Sample> {
    Ok(Sample::scene(&Sampler::default(), SEED, index)?)
}

/// `[3, height, width]` in [0, 1] → what the network takes, `[1, 3, height, width]`.
pub fn input(pixels: &Tensor) -> Result<Tensor> {
    Ok(resnet::normalize(&pixels.unsqueeze(0)?)?)
}

/// Loads a shipped network; the loader checks its checksum, names, shapes and values.
pub fn checkpoint(name: &'static str) -> (Check, Option<ResNet>) {
    let check_name = match name {
        "scenes" => "network `scenes`",
        "robust" => "network `robust`",
        _ => "network `case`",
    };
    if let Err(fault) = checkpoints::shipped(name) {
        return (Check::failed(check_name, fault.what, fault.todo), None);
    }
    match resnet::checkpoints::shipped(name) {
        Ok(network) => {
            let config = network.config();
            let found = format!(
                "{} of width {}, {} parameters, all as shipped",
                config.name(),
                config.width,
                grouped(config.parameter_count())
            );
            (Check::ok(check_name, found), Some(network))
        }
        Err(error) => (Check::failed(check_name, message(error), TODO), None),
    }
}

/// What the shipped network once said about scene 0, committed as `golden.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Golden {
    seed: u64,
    index: u64,
    logits: Vec<f64>,
}

impl Golden {
    /// Computes it anew.
    pub fn compute(network: &ResNet) -> Result<Self> {
        let pixels = scene(0)?.image.to_tensor(&Device::Cpu)?;
        let logits = network.forward(&input(&pixels)?)?.flatten_all()?;
        let logits = logits.to_dtype(DType::F64)?.to_vec1()?;
        Ok(Self {
            seed: SEED,
            index: 0,
            logits,
        })
    }

    fn committed() -> Result<Self> {
        serde_json::from_str(include_str!("../golden.json")).context("verify_setup/golden.json cannot be read")
    }

    /// Replaces the committed file, for a new checkpoint. Returns its path.
    pub fn write(&self, root: &Path) -> Result<PathBuf> {
        let path = root.join("verify_setup/golden.json");
        writing::whole(&path, (serde_json::to_string_pretty(self)? + "\n").as_bytes())?;
        Ok(path)
    }

    /// Largest difference of the logits, relative to the largest logit.
    fn distance(&self, other: &Self) -> Result<f64> {
        ensure!(
            (self.seed, self.index, self.logits.len()) == (other.seed, other.index, other.logits.len()),
            "golden.json is of another scene or has {} logits where the network gives {}",
            self.logits.len(),
            other.logits.len()
        );
        let scale = self
            .logits
            .iter()
            .fold(f64::MIN_POSITIVE, |scale, logit| scale.max(logit.abs()));
        let pairs = self.logits.iter().zip(&other.logits);
        // `max` of the standard library drops NaN; a NaN must show.
        let worst = pairs
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst });
        Ok(worst / scale)
    }
}

/// The shipped network gives the committed logits for a fixed scene.
pub fn golden_pass(network: &ResNet) -> Check {
    const NAME: &str = "forward pass";
    let distance = || Golden::committed()?.distance(&Golden::compute(network)?);
    match distance() {
        Ok(distance) if distance <= GOLDEN_TOLERANCE => {
            let found = format!("logits off by {distance:.0e} of the largest (tolerance {GOLDEN_TOLERANCE:.0e})");
            Check::ok(NAME, found)
        }
        Ok(distance) => {
            let found = format!("logits off by {distance:.0e} of the largest (tolerance {GOLDEN_TOLERANCE:.0e})");
            Check::failed(NAME, found, TODO)
        }
        Err(error) => Check::failed(NAME, message(error), TODO),
    }
}

/// The gradient at `layer3` of the highest class score, against finite differences along that gradient.
pub fn gradient(network: &ResNet) -> Check {
    const NAME: &str = "gradient";
    match slopes(network) {
        Ok((backward, differences)) => {
            let found = format!("at {GRADIENT_SITE}: slope {backward:.4}, by finite differences {differences:.4}");
            let is_right = backward > 0.0 && (backward - differences).abs() <= SLOPE_TOLERANCE * backward;
            if is_right {
                Check::ok(NAME, found)
            } else {
                Check::failed(NAME, found, TODO)
            }
        }
        Err(error) => Check::failed(NAME, message(error), TODO),
    }
}

const GRADIENT_SITE: &str = "layer3";

/// The slope of the class score along its own gradient at the site, once as the gradient's norm, once measured.
fn slopes(network: &ResNet) -> Result<(f64, f64)> {
    /// Step as a share of the activation's norm.
    const STEP: f64 = 2e-4;
    let image = input(&scene(0)?.image.to_tensor(&Device::Cpu)?)?;
    let trace = network.tap(&image, &[GRADIENT_SITE])?;
    let class = trace.logits.flatten_all()?.argmax(0)?.to_scalar::<u32>()? as usize;
    let score = |logits: &Tensor| logits.flatten_all()?.get(class);
    let gradient = trace.gradients(&score(&trace.logits)?)?.at(GRADIENT_SITE)?;

    let norm = |tensor: &Tensor| {
        anyhow::Ok(
            tensor
                .to_dtype(DType::F64)?
                .sqr()?
                .sum_all()?
                .to_scalar::<f64>()?
                .sqrt(),
        )
    };
    let slope = norm(&gradient)?;
    let step = STEP * norm(trace.activation(GRADIENT_SITE)?)?;
    let moved_by = |step: f64| {
        let nudge = (&gradient * (step / slope.max(f64::MIN_POSITIVE)))?;
        let logits = network.forward_visit(&image, &mut |site, activation| match site {
            GRADIENT_SITE => Ok(Some((activation + &nudge)?)),
            _ => Ok(None),
        })?;
        anyhow::Ok(f64::from(score(&logits)?.to_scalar::<f32>()?))
    };
    Ok((slope, (moved_by(step)? - moved_by(-step)?) / (2.0 * step)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use resnet::Config;

    fn untrained() -> ResNet {
        ResNet::untrained(&Config::resnet18().width(8).classes(10), 1).unwrap()
    }

    #[test]
    fn slopes_by_backward_and_by_differences_agree() {
        let (backward, differences) = slopes(&untrained()).unwrap();
        assert!(backward > 0.0, "the score depends on {GRADIENT_SITE}");
        assert!(
            (backward - differences).abs() < 5e-3 * backward,
            "{backward} against {differences}"
        );
    }

    #[test]
    fn golden_numbers_notice_a_changed_weight_and_nan() {
        let golden = Golden::compute(&untrained()).unwrap();
        assert_eq!(golden.distance(&golden).unwrap(), 0.0);
        let logits = |change: f64| Golden {
            logits: golden.logits.iter().map(|logit| logit + change).collect(),
            ..golden
        };
        assert!(golden.distance(&logits(0.1)).unwrap() > GOLDEN_TOLERANCE);
        assert!(
            golden.distance(&logits(f64::NAN)).unwrap().is_nan(),
            "NaN is not close to anything"
        );
    }
}
