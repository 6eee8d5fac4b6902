//! A batch in parts, one thread each, that share batch norm's statistics.
//!
//! The gradients are those of the whole batch, and the sums are taken in the order of the parts: the result does not
//! depend on how many cores there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use candle_core::{Result, Tensor, Var, bail};
use resnet::{ResNet, ops};

/// PyTorch's constants of batch norm, as in the network's own.
const EPSILON: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Where the parts wait for each other and add up their numbers.
#[derive(Debug)]
pub(crate) struct Meeting {
    members: usize,
    /// Rounds that are over; read while spinning.
    over: AtomicU64,
    spins: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    round: u64,
    arrived: usize,
    parts: Vec<Vec<f64>>,
    sum: Arc<Vec<f64>>,
    is_broken: bool,
}

impl Meeting {
    pub fn new(members: usize) -> Arc<Self> {
        // Waking a thread takes longer than most waits do; but a core that waits must not keep another from working.
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        Arc::new(Self {
            members,
            over: AtomicU64::new(0),
            spins: if cores >= members { 20_000 } else { 0 },
            state: Mutex::new(State {
                round: 0,
                arrived: 0,
                parts: vec![Vec::new(); members],
                sum: Arc::default(),
                is_broken: false,
            }),
            changed: Condvar::new(),
        })
    }

    pub fn member(self: &Arc<Self>, index: usize) -> Member {
        Member {
            meeting: self.clone(),
            index,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One part's seat. A part that ends with an error says so with [`Member::leave`], or the others would wait for ever.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    meeting: Arc<Meeting>,
    index: usize,
}

impl Member {
    /// Ends the meeting for all.
    pub fn leave(&self) {
        self.meeting.lock().is_broken = true;
        self.meeting.over.fetch_add(1, Ordering::Release);
        self.meeting.changed.notify_all();
    }
}

impl ops::Together for Member {
    fn sum(&self, part: Vec<f64>) -> Result<Vec<f64>> {
        let Meeting {
            members,
            over,
            spins,
            changed,
            ..
        } = &*self.meeting;
        let mut state = self.meeting.lock();
        let round = state.round;
        let seen = over.load(Ordering::Acquire);
        state.parts[self.index] = part;
        state.arrived += 1;
        if state.arrived == *members {
            let mut sum = vec![0.0; state.parts[0].len()];
            for part in &state.parts {
                if part.len() != sum.len() {
                    state.is_broken = true;
                    break;
                }
                sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            }
            state.sum = Arc::new(sum);
            state.arrived = 0;
            state.round += 1;
            over.fetch_add(1, Ordering::Release);
            changed.notify_all();
        } else if !state.is_broken {
            drop(state);
            for _ in 0..*spins {
                if over.load(Ordering::Acquire) != seen {
                    break;
                }
                std::hint::spin_loop();
            }
            state = self.meeting.lock();
            while state.round == round && !state.is_broken {
                state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if state.is_broken {
            bail!("another part of the batch has failed");
        }
        Ok(state.sum.to_vec())
    }
}

/// A forward pass in training mode on one part of a batch: batch norm takes the statistics of all parts.
///
/// Batch norm is put in by a visitor, who sees what every convolution gives and answers for the norm that follows. The
/// first part also moves the stored statistics a tenth of the way.
pub(crate) fn forward(network: &ResNet, images: &Tensor, member: &Member) -> Result<Tensor> {
    let mut before = None;
    network.forward_visit(images, &mut |site, activation| {
        let last = site.rsplit('.').next().unwrap_or(site);
        if last.starts_with("bn") || site.ends_with("downsample.1") {
            let Some(x) = before.take() else {
                bail!("expected a convolution before {site}");
            };
            return norm(network, site, &x, member).map(Some);
        }
        if last.starts_with("conv") || site.ends_with("downsample.0") {
            before = Some(activation.clone());
        }
        Ok(None)
    })
}

fn norm(network: &ResNet, site: &str, x: &Tensor, member: &Member) -> Result<Tensor> {
    let statistics = ops::batch_statistics_together(x, member)?;
    let parameter = |name: &str| network.parameter(&format!("{site}.{name}"));
    if member.index == 0 {
        let count = statistics.count as f64;
        remember(parameter("running_mean")?, &statistics.mean, 1.0)?;
        remember(parameter("running_var")?, &statistics.variance, count / (count - 1.0))?;
    }
    let (weight, bias) = (parameter("weight")?, parameter("bias")?);
    ops::batch_norm_together(x, weight, bias, &statistics, EPSILON, Arc::new(member.clone()))
}

/// Moves a stored statistic a tenth of the way to `factor` times a new one.
fn remember(stored: &Tensor, new: &[f64], factor: f64) -> Result<()> {
    let stored = Var::from_tensor(stored)?; // the same variable
    let old = stored.to_dtype(candle_core::DType::F64)?.to_vec1::<f64>()?;
    let pairs = old.iter().zip(new);
    let blended: Vec<f64> = pairs
        .map(|(old, new)| (1.0 - MOMENTUM) * old + MOMENTUM * factor * new)
        .collect();
    stored.set(&Tensor::new(blended, stored.device())?.to_dtype(stored.dtype())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use resnet::{Config, parameters};

    /// Variables of a small network, and the network over them.
    fn variables() -> (Vec<(String, Var)>, ResNet) {
        let config = Config::resnet18().width(4).classes(3);
        let fresh = parameters::initialize(&config, 2).unwrap();
        let named = |(name, _): (String, _)| (name.clone(), Var::from_tensor(&fresh[&name]).unwrap());
        let variables: Vec<_> = config.tensors().into_iter().map(named).collect();
        let tensors = variables
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        let network = ResNet::new(&config, &tensors).unwrap();
        (variables, network)
    }

    fn largest(difference: &Tensor) -> f64 {
        let largest = difference.abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        largest.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    /// The oracle is the network's own training mode on the whole batch.
    #[test]
    fn parts_give_the_logits_gradients_and_statistics_of_the_whole_batch() {
        let (whole_variables, whole) = variables();
        let (part_variables, in_parts) = variables();
        let values: Vec<f32> = (0..7 * 3 * 48 * 32)
            .map(|i| (i as f32 * 0.173).sin() + (i % 11) as f32 * 0.1)
            .collect();
        let images = Tensor::from_vec(values, (7, 3, 48, 32), &Device::Cpu).unwrap();
        let targets = Tensor::new(&[0u32, 1, 2, 0, 1, 2, 2], &Device::Cpu).unwrap();
        let targets = targets
            .unsqueeze(1)
            .unwrap()
            .broadcast_eq(&Tensor::new(&[[0u32, 1, 2]], &Device::Cpu).unwrap())
            .unwrap();
        let targets = targets.to_dtype(DType::F32).unwrap();
        let loss = |logits: &Tensor, targets: &Tensor| crate::attack::cross_entropy(logits, targets).unwrap();

        let logits = whole.forward_training(&images).unwrap();
        let whole_gradients = loss(&logits, &targets).backward().unwrap();

        let meeting = Meeting::new(3);
        let cuts = [(0, 2), (2, 1), (3, 4)];
        let parts: Vec<_> = std::thread::scope(|scope| {
            let run = |(index, (start, length)): (usize, (usize, usize))| {
                let (member, in_parts) = (meeting.member(index), &in_parts);
                let (images, targets) = (
                    images.narrow(0, start, length).unwrap(),
                    targets.narrow(0, start, length).unwrap(),
                );
                scope.spawn(move || {
                    let logits = forward(in_parts, &images, &member).unwrap();
                    let gradients = loss(&logits, &targets).backward().unwrap();
                    (logits, gradients)
                })
            };
            let threads: Vec<_> = cuts.into_iter().enumerate().map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let joined = Tensor::cat(&parts.iter().map(|(logits, _)| logits).collect::<Vec<_>>(), 0).unwrap();
        assert!(largest(&(joined - logits).unwrap()) < 1e-4);
        for ((name, whole), (_, part)) in whole_variables.iter().zip(&part_variables) {
            if !parameters::is_trained(name) {
                assert!(
                    largest(&(whole.as_tensor() - part.as_tensor()).unwrap()) < 1e-5,
                    "{name}"
                );
                continue;
            }
            let expected = whole_gradients.get(whole).unwrap();
            let sum = parts.iter().map(|(_, gradients)| gradients.get(part).unwrap().clone());
            let sum = sum.reduce(|a, b| (a + b).unwrap()).unwrap();
            let (apart, size) = (largest(&(expected - sum).unwrap()), largest(expected));
            assert!(apart < 1e-3 * size.max(1e-2), "{name}: {apart} of {size}");
        }
    }

    #[test]
    fn nobody_waits_for_a_part_that_has_failed() {
        use ops::Together;
        let meeting = Meeting::new(3);
        let waiting = [0, 1].map(|index| {
            let member = meeting.member(index);
            std::thread::spawn(move || member.sum(vec![1.0]))
        });
        meeting.member(2).leave();
        for thread in waiting {
            assert!(thread.join().unwrap().is_err());
        }
        assert!(meeting.member(0).sum(vec![1.0]).is_err());
    }
}
