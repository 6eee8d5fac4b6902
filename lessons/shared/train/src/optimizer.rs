//! AdamW whose moments can be saved: candle-nn's keeps them to itself, and a resumed run would differ.

use candle_core::{DType, Result, Tensor, Var, backprop::GradStore};
use rayon::prelude::*;
use resnet::Parameters;

/// Adam with decoupled weight decay.
///
/// **Source** Loshchilov and Hutter 2019, algorithm 2.
#[derive(Debug)]
pub struct AdamW {
    moments: Vec<Moments>,
    steps: usize,
}

#[derive(Debug)]
struct Moments {
    name: String,
    variable: Var,
    first: Tensor,
    second: Tensor,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    /// An optimizer for the variables, by name.
    pub fn new(variables: impl IntoIterator<Item = (String, Var)>) -> Result<Self> {
        let moments = variables.into_iter().map(|(name, variable)| {
            let zeros = variable.zeros_like()?;
            Ok(Moments {
                name,
                first: zeros.clone(),
                second: zeros,
                variable,
            })
        });
        Ok(Self {
            moments: moments.collect::<Result<_>>()?,
            steps: 0,
        })
    }

    /// One step down the gradients, summed over the parts of a batch, in their order. Weight decay applies to matrices and
    /// kernels, not to biases and batch norm.
    pub fn step(&mut self, parts: &[GradStore], learning_rate: f64, weight_decay: f64) -> Result<()> {
        self.steps += 1;
        let correction1 = 1.0 - BETA1.powi(self.steps as i32);
        let correction2 = 1.0 - BETA2.powi(self.steps as i32);
        self.moments.par_iter_mut().try_for_each(|moments| {
            let mut gradients = parts.iter().filter_map(|part| part.get(&moments.variable));
            let Some(first) = gradients.next() else {
                return Ok(());
            };
            let gradient = &gradients.try_fold(first.clone(), |sum, gradient| sum + gradient)?;
            moments.first = ((&moments.first * BETA1)? + (gradient * (1.0 - BETA1))?)?;
            moments.second = ((&moments.second * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
            let deviation = ((&moments.second / correction2)?.sqrt()? + EPSILON)?;
            let update = ((&moments.first / correction1)? / deviation)?;
            let decay = if moments.variable.rank() > 1 { weight_decay } else { 0.0 };
            let kept = (moments.variable.as_tensor() * (1.0 - learning_rate * decay))?;
            moments.variable.set(&(kept - (update * learning_rate)?)?.detach())
        })
    }

    /// The moments and the number of steps, by name.
    pub fn state(&self) -> Result<Parameters> {
        let mut state = Parameters::new();
        for moments in &self.moments {
            state.insert(format!("first.{}", moments.name), moments.first.clone());
            state.insert(format!("second.{}", moments.name), moments.second.clone());
        }
        let device = candle_core::Device::Cpu;
        state.insert("steps".into(), Tensor::new(self.steps as u32, &device)?);
        Ok(state)
    }

    /// Takes up a saved state.
    ///
    /// **Errors** if a moment is missing or has another shape than its variable.
    pub fn restore(&mut self, state: &Parameters) -> Result<()> {
        let get = |name: String| match state.get(&name) {
            Some(tensor) => Ok(tensor.clone()),
            None => candle_core::bail!("the saved training state lacks {name}"),
        };
        for moments in &mut self.moments {
            for (kind, target) in [("first", &mut moments.first), ("second", &mut moments.second)] {
                let saved = get(format!("{kind}.{}", moments.name))?;
                if saved.dims() != target.dims() {
                    candle_core::bail!(
                        "{kind}.{}: expected {:?}, got {:?}",
                        moments.name,
                        target.dims(),
                        saved.dims()
                    );
                }
                *target = saved;
            }
        }
        self.steps = get("steps".into())?.to_dtype(DType::U32)?.to_scalar::<u32>()? as usize;
        Ok(())
    }
}
