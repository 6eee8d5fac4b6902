//! Tensors to put into an attempt: random ones from the seed of the run, and small ones written out.

use candle_core::{Device, Result, Shape, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A source of random tensors, the same for the same seed on every machine.
pub struct Random(ChaCha8Rng);

impl Random {
    /// Exercises of one run share the seed and must not share the numbers, so each brings its own `stream`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Evenly distributed values between `low` and `high`.
    pub fn between(&mut self, low: f32, high: f32, shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let values = (0..shape.elem_count()).map(|_| self.0.random_range(low..high));
        Tensor::from_vec(values.collect(), shape, &Device::Cpu).expect("as many values as the shape has")
    }

    /// Evenly distributed values between −1 and 1.
    pub fn signed(&mut self, shape: impl Into<Shape>) -> Tensor {
        self.between(-1.0, 1.0, shape)
    }

    /// A whole number between `low` and `high`, both included.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }
}

/// A tensor with these values, row by row.
pub fn tensor(values: &[f32], shape: impl Into<Shape>) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).expect("as many values as the shape has")
}

/// Zeros, and a 1 at `place`.
pub fn delta<const RANK: usize>(place: [usize; RANK], shape: [usize; RANK]) -> Tensor {
    let index = place.iter().zip(&shape).fold(0, |index, (i, side)| index * side + i);
    let mut values = vec![0.0; shape.iter().product()];
    values[index] = 1.0;
    tensor(&values, &shape[..])
}

/// The same values in another order in memory, column by column as a transposed tensor has them; of a list, every second
/// number. candle's matrix product takes such tensors; its `gather` and `index_select` do not.
pub fn askew(x: &Tensor) -> Tensor {
    let other = || match *x.dims() {
        [_] => Tensor::stack(&[x, x], 1)?.narrow(1, 0, 1)?.squeeze(1),
        [.., a, b] if a > 1 && b > 1 => x.t()?.force_contiguous()?.t(),
        _ => x.transpose(0, 1)?.force_contiguous()?.transpose(0, 1),
    };
    let askew = other().expect("a tensor of rank 1 or more");
    assert!(!askew.is_contiguous(), "{:?} has one order only", x.dims());
    askew
}

/// Errs where a tensor is [askew]: what an answer does that was tried on tensors in order only.
///
/// [askew]: askew()
pub fn in_order(tensors: &[&Tensor]) -> Result<()> {
    if tensors.iter().all(|x| x.is_contiguous()) {
        Ok(())
    } else {
        bail!("expected a contiguous tensor")
    }
}

/// The first `count` images, and copies of the last of them for all that follow: what an answer sees that looks at some
/// images of a batch only.
pub fn first_of(x: &Tensor, count: usize) -> Result<Tensor> {
    let images = x.dim(0)?;
    if images <= count {
        return Ok(x.clone());
    }
    let copies = vec![x.narrow(0, count - 1, 1)?; images - count];
    let parts: Vec<_> = std::iter::once(x.narrow(0, 0, count)?).chain(copies).collect();
    Tensor::cat(&parts, 0)
}
