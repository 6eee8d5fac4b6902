//! What stays in memory from call to call: working memory of programs, and weights in the order of the inner loops.
//!
//! Large networks would keep three times their own size, so of those only the one that last ran keeps its weights'
//! packed forms; a cascade of eight networks holds the weights of eight, and the packed ones of one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use candle_core::Result;

use super::forward::Done;
use super::{Fused, Layer, lock, with_values};
use crate::memory;
use crate::ops::PackedKernel;
use crate::ops::convolution::direct;

/// Memory of a program that is used again: its borders are zeros, and no other program's. Whoever runs the program takes
/// one.
pub(super) struct Memory {
    owner: usize,
}

/// All that waits to be used again, the latest first.
static WAITING: Mutex<VecDeque<(usize, Vec<f32>)>> = Mutex::new(VecDeque::new());

impl Memory {
    /// What is kept between calls, for all programs together, in elements: 64 MiB.
    const KEPT: usize = 1 << 24;

    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self {
            owner: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub fn with<T>(&self, length: usize, f: impl FnOnce(&mut [f32]) -> T) -> T {
        let taken = {
            let mut waiting = lock(&WAITING);
            let own = waiting.iter().position(|(owner, _)| *owner == self.owner);
            if own.is_none() {
                make_room(&mut waiting, length);
            }
            own.and_then(|index| waiting.remove(index))
        };
        let mut memory = taken.map_or_else(|| vec![0.0; length], |(_, memory)| memory);
        let result = f(&mut memory);
        let mut waiting = lock(&WAITING);
        waiting.push_front((self.owner, memory));
        make_room(&mut waiting, 0);
        result
    }
}

/// Frees what waited longest until there is room for `length` elements more.
fn make_room(waiting: &mut VecDeque<(usize, Vec<f32>)>, length: usize) {
    let mut kept = length;
    let mut within = |(_, memory): &(usize, Vec<f32>)| {
        kept += memory.len();
        kept <= Memory::KEPT
    };
    let count = waiting.iter().take_while(|memory| within(memory)).count();
    waiting.truncate(count);
}

impl Drop for Memory {
    fn drop(&mut self) {
        lock(&WAITING).retain(|(owner, _)| *owner != self.owner);
    }
}

/// Batch norm as one scale and one shift per channel, and kernels times their scale for the gradients.
pub(super) struct Folded {
    /// What it was made of, to see whether that has changed.
    sources: Vec<f32>,
    pub affine: Vec<(Vec<f32>, Vec<f32>)>,
    gradient_weights: Mutex<Option<Arc<GradientWeights>>>,
}

impl Folded {
    pub fn new(layers: &[Layer]) -> Result<Self> {
        let mut sources = Vec::new();
        let mut affine = Vec::new();
        for layer in layers {
            for part in layer.norm.parts() {
                sources.extend(part.to_vec1::<f32>()?);
            }
            affine.push(layer.norm.scale_and_shift()?);
        }
        Ok(Self {
            sources,
            affine,
            gradient_weights: Mutex::default(),
        })
    }

    pub fn is_current(&self, layers: &[Layer]) -> Result<bool> {
        let mut rest = self.sources.as_slice();
        for layer in layers {
            for part in layer.norm.parts() {
                let (expected, after) = rest.split_at(part.elem_count());
                rest = after;
                if !with_values(part, |values| values == expected)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    pub fn gradient_weights(&self, layers: &[Layer]) -> Arc<GradientWeights> {
        let mut kept = lock(&self.gradient_weights);
        kept.get_or_insert_with(|| Arc::new(GradientWeights::new(layers)))
            .clone()
    }
}

/// Of each layer, made when first needed.
pub(super) struct GradientWeights(Vec<OnceLock<Vec<f32>>>);

impl GradientWeights {
    fn new(layers: &[Layer]) -> Self {
        Self(layers.iter().map(|_| OnceLock::new()).collect())
    }

    /// The kernel times batch norm's scale, as the gradient's inner loop reads it.
    pub fn of(&self, done: &Done, layer: &Layer, folded: &Folded) -> Result<&[f32]> {
        let cell = &self.0[done.layer];
        if cell.get().is_none() {
            let (scale, _) = &folded.affine[done.layer];
            let g = &done.geometry;
            let scaled = with_values(layer.convolution.kernel(), |kernel| {
                let mut scaled = kernel.to_vec();
                for (kernel, scale) in scaled.chunks_exact_mut(g.depth()).zip(scale) {
                    kernel.iter_mut().for_each(|weight| *weight *= scale);
                }
                scaled
            })?;
            cell.set(direct::gradient_weights(&scaled, g)).ok();
        }
        Ok(cell.get().expect("just made"))
    }
}

/// The large network that last ran, and its kernels, which others may share.
struct Current {
    fused: Weak<Fused>,
    kernels: Vec<Weak<PackedKernel>>,
}

static CURRENT: Mutex<Option<Current>> = Mutex::new(None);

impl Fused {
    /// Frees what the large network that ran before keeps and this one does not share.
    pub fn becomes_current(self: &Arc<Self>) {
        if !self.is_large {
            return;
        }
        memory::return_large_buffers();
        let mut current = lock(&CURRENT);
        if let Some(last) = &*current {
            if last.fused.ptr_eq(&Arc::downgrade(self)) {
                return;
            }
            if let Some(fused) = last.fused.upgrade() {
                fused.forget_gradient_weights();
            }
            let own: Vec<_> = self.kernels().collect();
            for kernel in last.kernels.iter().filter_map(Weak::upgrade) {
                if !own.iter().any(|own| Arc::ptr_eq(own, &kernel)) {
                    kernel.forget();
                }
            }
        }
        *current = Some(Current {
            fused: Arc::downgrade(self),
            kernels: self.kernels().map(Arc::downgrade).collect(),
        });
    }

    /// Frees, of a large network, what only fused units need, for none of them will run now.
    pub fn rests(&self) {
        if self.is_large {
            lock(&WAITING).clear();
            self.forget_gradient_weights();
        }
    }

    fn forget_gradient_weights(&self) {
        if let Some(folded) = &*lock(&self.folded) {
            lock(&folded.gradient_weights).take();
        }
    }

    fn kernels(&self) -> impl Iterator<Item = &Arc<PackedKernel>> {
        self.layers.iter().map(|layer| layer.convolution.packed())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;
    use crate::layers::{BatchNorm, Convolution};
    use crate::{Parameters, Window};
    use candle_core::{Device, Tensor};

    fn waiting() -> usize {
        lock(&WAITING).iter().map(|(_, memory)| memory.len()).sum()
    }

    #[test]
    fn a_program_gets_its_own_memory_again_and_all_of_them_keep_little() {
        let (one, other) = (Memory::new(), Memory::new());
        one.with(16, |memory| memory[3] = 1.0);
        other.with(16, |memory| assert_eq!(memory[3], 0.0, "another program's memory"));
        one.with(16, |memory| assert_eq!(memory[3], 1.0, "not its own memory"));
        let many: Vec<_> = (0..5).map(|_| Memory::new()).collect();
        for memory in &many {
            memory.with(Memory::KEPT / 3, |_| ());
            assert!(waiting() <= Memory::KEPT);
        }
        one.with(16, |memory| assert_eq!(memory[3], 0.0, "should have been given back"));
        drop(many);
        assert!(waiting() < Memory::KEPT / 3, "memory outlives its program");
    }

    /// A large network of two blocks of one convolution each.
    fn network(parameters: &Parameters) -> Arc<Fused> {
        let layer = |name: &str| Layer {
            convolution: Convolution::new(parameters, name, Window::new(1), 1).unwrap(),
            norm: BatchNorm::new(parameters, "norm").unwrap(),
        };
        let block = |layer: usize| {
            Some(Unit::Block {
                branch: vec![layer],
                skip: None,
            })
        };
        let layers = vec![layer("first"), layer("second")];
        Arc::new(Fused::new(layers, vec![block(0), block(1)], true))
    }

    #[test]
    fn the_large_network_that_ran_before_keeps_only_what_the_next_one_shares() {
        let ones = |shape: &[usize]| Tensor::ones(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
        let norm = ["weight", "bias", "running_mean", "running_var"];
        let norm = norm.map(|part| (format!("norm.{part}"), ones(&[16])));
        let mut parameters: Parameters = norm.into_iter().collect();
        for name in ["first.weight", "second.weight"] {
            parameters.insert(name.into(), ones(&[16, 16, 1, 1]));
        }
        let one = network(&parameters);
        parameters.insert("second.weight".into(), ones(&[16, 16, 1, 1]));
        let other = network(&parameters);
        let kept = |fused: &Fused| fused.kernels().map(|kernel| kernel.is_kept()).collect::<Vec<_>>();

        let x = ones(&[1, 16, 4, 4]);
        one.becomes_current();
        let before = one.run(0..2, &x).unwrap();
        assert_eq!(kept(&one), [true, true]);
        other.becomes_current();
        assert_eq!(kept(&one), [true, false]);
        one.becomes_current();
        let again = one.run(0..2, &x).unwrap();
        let difference = (before - again).unwrap().abs().unwrap().max_all().unwrap();
        assert_eq!(difference.to_scalar::<f32>().unwrap(), 0.0);
    }
}
