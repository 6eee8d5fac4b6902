//! The few draws a scene needs, written out so that their bytes stay the same whatever the version of `rand`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A random stream that belongs to one scene.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Stream `index` of `seed`.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform among 0 … count − 1.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    /// One of the values, each as likely as the others.
    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// 64 random bits: the seed of another stream.
    pub(crate) fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Close to normal, mean 0 and standard deviation 1, within ±3.46: the sum of four bytes, scaled.
    pub(crate) fn grain(&mut self) -> f32 {
        const MEAN: i32 = 510; // 4 · 255/2
        const DEVIATION: f32 = 147.8; // √(4 · (256² − 1)/12)
        let sum: i32 = self
            .0
            .next_u32()
            .to_le_bytes()
            .iter()
            .map(|&byte| i32::from(byte))
            .sum();
        (sum - MEAN) as f32 / DEVIATION
    }
}
