//! What is kept of a kernel between calls.

use std::sync::{Arc, Mutex, PoisonError};

use super::direct;
use super::geometry::Geometry;

/// A constant kernel in the orders that the direct convolution reads, made when first needed.
#[derive(Debug, Default)]
pub(crate) struct PackedKernel {
    forward: Form,
    gradient: Form,
    keeps: Keeps,
}

/// Which forms are kept; the others are made anew in each pass.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    #[default]
    Both,
    /// Of a network so large that both would be too much.
    Forward,
    Neither,
}

/// One order of the weights.
type Form = Mutex<Option<Arc<Vec<f32>>>>;

impl PackedKernel {
    pub fn of_network(is_large: bool) -> Self {
        Self {
            keeps: if is_large { Keeps::Forward } else { Keeps::Both },
            ..Self::default()
        }
    }

    /// For an operation whose input leads to a gradient: instead of the kernels of a large network, which are freed, ones
    /// that keep nothing. Its activations are alive then, and they are what fills the memory.
    pub fn under_gradients(self: &Arc<Self>) -> Arc<Self> {
        if self.keeps == Keeps::Both {
            return self.clone();
        }
        self.forget();
        Arc::new(Self {
            keeps: Keeps::Neither,
            ..Self::default()
        })
    }

    pub fn forward(&self, kernel: &[f32], g: &Geometry) -> Arc<Vec<f32>> {
        let make = || direct::forward_weights(kernel, g);
        match self.keeps {
            Keeps::Both | Keeps::Forward => kept(&self.forward, make),
            Keeps::Neither => Arc::new(make()),
        }
    }

    pub fn gradient(&self, kernel: &[f32], g: &Geometry) -> Arc<Vec<f32>> {
        let make = || direct::gradient_weights(kernel, g);
        match self.keeps {
            Keeps::Both => kept(&self.gradient, make),
            Keeps::Forward | Keeps::Neither => Arc::new(make()),
        }
    }

    /// Frees the memory. What is needed again is made again.
    pub fn forget(&self) {
        for form in [&self.forward, &self.gradient] {
            form.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

fn kept(form: &Form, make: impl FnOnce() -> Vec<f32>) -> Arc<Vec<f32>> {
    let mut form = form.lock().unwrap_or_else(PoisonError::into_inner);
    form.get_or_insert_with(|| Arc::new(make())).clone()
}

#[cfg(test)]
impl PackedKernel {
    pub fn is_kept(&self) -> bool {
        let is_some = |form: &Form| form.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        is_some(&self.forward) || is_some(&self.gradient)
    }
}
