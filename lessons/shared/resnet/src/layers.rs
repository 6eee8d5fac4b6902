//! The parts that hold weights.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use candle_core::{Result, Tensor, TensorId, Var};

use crate::ops::{self, BatchStatistics, PackedKernel, Window};
use crate::parameters::{self, Parameters};

/// Whether batch norm uses the statistics it has stored, or those of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Stored statistics: each image's result depends on that image alone.
    Evaluation,
    /// The batch's statistics, which also update the stored ones: images influence each other.
    Training,
}

/// Constant kernels that networks own, with their packed forms: networks that share a kernel share both.
static OWNED: LazyLock<Mutex<HashMap<TensorId, Weak<PackedKernel>>>> = LazyLock::new(Mutex::default);

fn owned() -> MutexGuard<'static, HashMap<TensorId, Weak<PackedKernel>>> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a network that is alive has made this constant, so that no variable lies in its memory.
pub(crate) fn is_owned(tensor: &Tensor) -> bool {
    owned()
        .get(&tensor.id())
        .is_some_and(|packed| packed.strong_count() > 0)
}

/// The packed form of a network's kernel; that of a variable is nobody else's.
fn packed(kernel: &Tensor, of_large: bool) -> Arc<PackedKernel> {
    if kernel.track_op() {
        return Arc::default();
    }
    let mut owned = owned();
    if let Some(packed) = owned.get(&kernel.id()).and_then(Weak::upgrade) {
        return packed;
    }
    owned.retain(|_, packed| packed.strong_count() > 0);
    let packed = Arc::new(PackedKernel::of_network(of_large));
    owned.insert(kernel.id(), Arc::downgrade(&packed));
    packed
}

/// A convolution without bias: batch norm follows and has one.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    kernel: Tensor,
    window: Window,
    groups: usize,
    packed: Arc<PackedKernel>,
}

impl Convolution {
    pub fn new(parameters: &Parameters, path: &str, window: Window, groups: usize) -> Result<Self> {
        let kernel = parameters::find(parameters, &format!("{path}.weight"))?.clone();
        Ok(Self {
            packed: packed(&kernel, parameters::are_large(parameters)),
            kernel,
            window,
            groups,
        })
    }

    pub fn kernel(&self) -> &Tensor {
        &self.kernel
    }

    pub fn window(&self) -> Window {
        self.window
    }

    pub fn groups(&self) -> usize {
        self.groups
    }

    pub fn packed(&self) -> &Arc<PackedKernel> {
        &self.packed
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if self.groups > 1 {
            return ops::grouped_conv2d(x, &self.kernel, self.window, self.groups);
        }
        let packed = if self.kernel.track_op() {
            Arc::default() // a variable changes from call to call
        } else if x.track_op() {
            self.packed.under_gradients()
        } else {
            self.packed.clone()
        };
        ops::conv2d_packed(x, &self.kernel, self.window, &packed)
    }
}

/// Batch norm with stored statistics.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
}

impl BatchNorm {
    /// PyTorch's defaults.
    const EPSILON: f64 = 1e-5;
    const MOMENTUM: f64 = 0.1;

    pub fn new(parameters: &Parameters, path: &str) -> Result<Self> {
        let part = |name: &str| parameters::find(parameters, &format!("{path}.{name}")).cloned();
        Ok(Self {
            weight: part("weight")?,
            bias: part("bias")?,
            running_mean: Var::from_tensor(&part("running_mean")?)?,
            running_var: Var::from_tensor(&part("running_var")?)?,
        })
    }

    /// Weight, bias, mean and variance.
    pub fn parts(&self) -> [&Tensor; 4] {
        [
            &self.weight,
            &self.bias,
            self.running_mean.as_tensor(),
            self.running_var.as_tensor(),
        ]
    }

    /// What [`Self::forward`] does with a channel in evaluation mode, `scale · x + shift`, with zeros up to whole blocks.
    pub fn scale_and_shift(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let [weight, bias, mean, variance] = self.parts();
        ops::scale_and_shift(weight, bias, &values(mean)?, &values(variance)?, Self::EPSILON)
    }

    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let statistics = match mode {
            Mode::Evaluation => BatchStatistics {
                mean: values(&self.running_mean)?,
                variance: values(&self.running_var)?,
                count: 0,
            },
            Mode::Training => {
                let statistics = ops::batch_statistics(x)?;
                self.remember(&statistics)?;
                statistics
            }
        };
        let from_this_batch = mode == Mode::Training;
        ops::batch_norm(x, &self.weight, &self.bias, &statistics, Self::EPSILON, from_this_batch)
    }

    /// Moves the stored statistics a tenth of the way to the batch's; the stored variance is the unbiased one.
    fn remember(&self, statistics: &BatchStatistics) -> Result<()> {
        let unbiased = statistics.count as f64 / (statistics.count as f64 - 1.0);
        let move_to = |stored: &Var, new: &[f64], factor: f64| {
            let blended: Vec<f64> = values(stored)?
                .iter()
                .zip(new)
                .map(|(old, new)| (1.0 - Self::MOMENTUM) * old + Self::MOMENTUM * factor * new)
                .collect();
            stored.set(&Tensor::new(blended, stored.device())?.to_dtype(stored.dtype())?)
        };
        move_to(&self.running_mean, &statistics.mean, 1.0)?;
        move_to(&self.running_var, &statistics.variance, unbiased)
    }
}

fn values(stored: &Tensor) -> Result<Vec<f64>> {
    stored.to_dtype(candle_core::DType::F64)?.to_vec1()
}
