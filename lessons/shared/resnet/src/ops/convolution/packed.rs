//! What is kept of a kernel between calls.

use std::sync::{Arc, Mutex, PoisonError};

use super::direct;
use super::geometry::Geometry;

/// A constant kernel in the orders that the direct convolution reads, made when first needed.
#[derive(Debug, Default)]
pub(crate) struct PackedKernel {
    forward: Form,
    gradient: Form,
    /// Part of a network so large that the gradient's form is made anew in each backward pass.
    of_large: bool,
}

/// One order of the weights.
type Form = Mutex<Option<Arc<Vec<f32>>>>;

impl PackedKernel {
    pub fn of_network(of_large: bool) -> Self {
        Self {
            of_large,
            ..Self::default()
        }
    }

    pub fn forward(&self, kernel: &[f32], g: &Geometry) -> Arc<Vec<f32>> {
        kept(&self.forward, || direct::forward_weights(kernel, g))
    }

    pub fn gradient(&self, kernel: &[f32], g: &Geometry) -> Arc<Vec<f32>> {
        if self.of_large {
            Arc::new(direct::gradient_weights(kernel, g))
        } else {
            kept(&self.gradient, || direct::gradient_weights(kernel, g))
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
