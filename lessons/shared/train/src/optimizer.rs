//! AdamW whose moments can be saved: candle-nn's keeps them to itself, and a resumed run would differ.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, Var, backprop::GradStore, bail};
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
    ///
    /// **Errors** if a gradient is not of `f32`.
    pub fn step(&mut self, parts: &[GradStore], learning_rate: f64, weight_decay: f64) -> Result<()> {
        self.steps += 1;
        let steps = self.steps as i32;
        self.moments.par_iter_mut().try_for_each(|moments| {
            let gradients = parts.iter().filter_map(|part| part.get(&moments.variable));
            let gradients: Vec<_> = gradients.collect();
            if gradients.is_empty() {
                return Ok(());
            }
            let decay = if moments.variable.rank() > 1 { weight_decay } else { 0.0 };
            moments.step(&sum(&gradients)?, steps, learning_rate, decay)
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
            None => bail!("the saved training state lacks {name}"),
        };
        for moments in &mut self.moments {
            for (kind, target) in [("first", &mut moments.first), ("second", &mut moments.second)] {
                let saved = get(format!("{kind}.{}", moments.name))?;
                if saved.dims() != target.dims() {
                    bail!(
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

impl Moments {
    /// One pass over the values: as tensor operations, a dozen of them would each wait for all threads.
    fn step(&mut self, gradient: &[f32], steps: i32, learning_rate: f64, decay: f64) -> Result<()> {
        let of = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (mut first, mut second) = (of(&self.first)?, of(&self.second)?);
        let mut values = of(&self.variable)?;
        let [old1, new1] = [BETA1 as f32, (1.0 - BETA1) as f32];
        let [old2, new2] = [BETA2 as f32, (1.0 - BETA2) as f32];
        let correction1 = (1.0 / (1.0 - BETA1.powi(steps))) as f32;
        let correction2 = (1.0 / (1.0 - BETA2.powi(steps))) as f32;
        let (rate, kept, epsilon) = (
            learning_rate as f32,
            (1.0 - learning_rate * decay) as f32,
            EPSILON as f32,
        );
        let moments = first.iter_mut().zip(&mut second);
        for ((value, &gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            *first = *first * old1 + gradient * new1;
            *second = *second * old2 + gradient * gradient * new2;
            let deviation = (*second * correction2).sqrt() + epsilon;
            *value = *value * kept - *first * correction1 / deviation * rate;
        }
        let tensor = |values: Vec<f32>| Tensor::from_vec(values, self.variable.shape(), self.variable.device());
        (self.first, self.second) = (tensor(first)?, tensor(second)?);
        self.variable.set(&tensor(values)?)
    }
}

/// The sum of gradients in their order.
fn sum(gradients: &[&Tensor]) -> Result<Vec<f32>> {
    let mut total = gradients[0].flatten_all()?.to_vec1::<f32>()?;
    for gradient in &gradients[1..] {
        let gradient = gradient.contiguous()?;
        let (storage, layout) = gradient.storage_and_layout();
        let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) = (&*storage, layout.contiguous_offsets())
        else {
            bail!("expected a gradient of f32, got {:?}", gradient.dtype())
        };
        total
            .iter_mut()
            .zip(&values[start..end])
            .for_each(|(sum, value)| *sum += value);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// The formula in tensor operations, the last part of each gradient added last.
    fn expected(value: &Tensor, gradients: &[Tensor], rate: f64, decay: f64) -> Result<Tensor> {
        let (mut value, mut first) = (value.clone(), value.zeros_like()?);
        let mut second = first.clone();
        for (step, gradient) in gradients.iter().enumerate() {
            first = ((first * BETA1)? + (gradient * (1.0 - BETA1))?)?;
            second = ((second * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
            let corrected = |moment: &Tensor, beta: f64| moment / (1.0 - beta.powi(step as i32 + 1));
            let deviation = (corrected(&second, BETA2)?.sqrt()? + EPSILON)?;
            let update = ((corrected(&first, BETA1)? / deviation)? * rate)?;
            value = ((value * (1.0 - rate * decay))? - update)?;
        }
        Ok(value)
    }

    #[test]
    fn steps_are_those_of_the_formula() -> Result<()> {
        const RATE: f64 = 0.01;
        const DECAY: f64 = 0.1;
        let start = |count: usize| (0..count).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>();
        // Decay is for matrices and kernels alone.
        for (shape, decay) in [(vec![3, 5], DECAY), (vec![15], 0.0)] {
            let start = Tensor::from_vec(start(15), shape, &Device::Cpu)?;
            let variable = Var::from_tensor(&start)?;
            let mut adam = AdamW::new([("w".into(), variable.clone())])?;
            let mut gradients = vec![];
            for step in 0..3 {
                // Of two parts, Σ w² · (step + 1) and Σ w.
                let one = (variable.sqr()? * f64::from(step + 1))?.sum_all()?.backward()?;
                let other = variable.sum_all()?.backward()?;
                let total = (one.get(&variable).unwrap() + other.get(&variable).unwrap())?;
                gradients.push(total);
                adam.step(&[one, other], RATE, DECAY)?;
            }
            let difference = (expected(&start, &gradients, RATE, decay)? - variable.as_tensor())?;
            let largest: f32 = difference.abs()?.max_all()?.to_scalar()?;
            assert!(largest < 1e-6, "{largest}");
            let moved: f32 = (start - variable.as_tensor())?.abs()?.max_all()?.to_scalar()?;
            assert!(moved > RATE as f32, "{moved}");
        }
        Ok(())
    }
}
