//! Random tensors.

use anyhow::Result;
use candle_core::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Normally distributed numbers (Box and Muller).
pub fn normal(random: &mut ChaCha8Rng, shape: [usize; 4], deviation: f64) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    let mut one = || {
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * random.random::<f64>()).cos() * deviation) as f32
    };
    let values = (0..count).map(|_| one()).collect();
    Ok(Tensor::from_vec(values, &shape[..], &Device::Cpu)?)
}
