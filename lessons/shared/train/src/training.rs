use std::ops::Range;

use anyhow::{Context, Result, anyhow};
use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use rayon::{ThreadPool, ThreadPoolBuilder};
use resnet::{Parameters, ResNet, parameters};

use crate::attack::cross_entropy;
use crate::parts::{self, Meeting, Member};
use crate::{AdamW, Attack, Task};

/// Parts of a batch, each computed by a thread of its own. The number decides in which order sums are taken, so it is the
/// same on every machine. Each part brings all kernels into the order of the inner loops once more: with 16 of them a step
/// takes a seventh more processor time.
const PARTS: usize = 8;

/// A network under training: its variables, its optimizer, and how it has done lately.
pub(crate) struct Training<'a, T> {
    recipe: &'a T,
    variables: Vec<(String, Var)>,
    network: ResNet,
    optimizer: AdamW,
    threads: Vec<ThreadPool>,
    loss: f64,
    accuracy: f64,
}

/// What one part of a batch leaves.
struct Part {
    gradients: GradStore,
    /// Summed over its images, divided by the batch.
    loss: f64,
    right: usize,
}

/// Fresh moments for all that is trained: weights and biases, not batch norm's stored statistics.
fn optimizer(variables: &[(String, Var)]) -> Result<AdamW> {
    let trainable = variables
        .iter()
        .filter(|(name, _)| parameters::is_trained(name))
        .cloned();
    Ok(AdamW::new(trainable)?)
}

impl<'a, T: Task> Training<'a, T> {
    pub fn new(recipe: &'a T) -> Result<Self> {
        let config = recipe.config();
        let fresh = parameters::initialize(&config, recipe.seed())?;
        // Everything is a `Var`, so that the network and this list share it; only weights and biases are optimized.
        let variables = config
            .tensors()
            .into_iter()
            .map(|(name, _)| Ok((name.clone(), Var::from_tensor(&fresh[&name])?)))
            .collect::<Result<Vec<_>>>()?;
        let tensors = variables
            .iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect();
        // A pool of one thread: what a part calls does not wait for the other parts' threads.
        let thread = |_| ThreadPoolBuilder::new().num_threads(1).build();
        Ok(Self {
            recipe,
            network: ResNet::new(&config, &tensors)?,
            optimizer: optimizer(&variables)?,
            variables,
            threads: (0..PARTS).map(thread).collect::<Result<_, _>>()?,
            loss: f64::NAN,
            accuracy: f64::NAN,
        })
    }

    /// One step of a stage.
    pub fn step(&mut self, stage: usize, step: usize) -> Result<()> {
        let plan = &self.recipe.stages()[stage];
        if step == 0 {
            self.optimizer = optimizer(&self.variables)?;
        }
        let attack = self.recipe.attack();
        let adversary = attack
            .map(|attack| Ok::<_, anyhow::Error>((attack.reaching(attack.epsilon * plan.reach(step)), self.frozen()?)))
            .transpose()?;
        let count = PARTS.min(plan.batch);
        let meeting = Meeting::new(count);
        let results: Vec<Result<Part>> = std::thread::scope(|scope| {
            let start = |index: usize| {
                let images = index * plan.batch / count..(index + 1) * plan.batch / count;
                let (member, thread, adversary) = (meeting.member(index), &self.threads[index], adversary.as_ref());
                let (recipe, network) = (self.recipe, &self.network);
                scope.spawn(move || {
                    let absent = Absent(&member);
                    let part = thread.install(|| part(recipe, network, adversary, (stage, step, images), &member))?;
                    std::mem::forget(absent);
                    Ok(part)
                })
            };
            let threads: Vec<_> = (0..count).map(start).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<Part>>| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a part of the batch panicked")))
            };
            threads.into_iter().map(join).collect()
        });
        // Where several failed, all but one say only that another has.
        let parts = results.into_iter().collect::<Result<Vec<_>>>()?;
        let loss = parts.iter().map(|part| part.loss).sum();
        let right: usize = parts.iter().map(|part| part.right).sum();
        let gradients: Vec<_> = parts.into_iter().map(|part| part.gradients).collect();
        self.optimizer
            .step(&gradients, plan.learning_rate(step), plan.weight_decay)?;
        self.remember(loss, right as f64 / plan.batch as f64);
        Ok(())
    }

    /// The network as it is now, for gradients with respect to its images alone.
    fn frozen(&self) -> Result<ResNet> {
        let constants = self
            .variables
            .iter()
            .map(|(name, var)| (name.clone(), var.as_detached_tensor()));
        Ok(ResNet::new(self.network.config(), &constants.collect())?)
    }

    /// Running means over about the last fifty steps.
    fn remember(&mut self, loss: f64, accuracy: f64) {
        let blend = |old: f64, new: f64| {
            if old.is_nan() { new } else { 0.98 * old + 0.02 * new }
        };
        (self.loss, self.accuracy) = (blend(self.loss, loss), blend(self.accuracy, accuracy));
    }

    pub fn summary(&self) -> String {
        format!("loss {:.3}, accuracy {:.1} %", self.loss, 100.0 * self.accuracy)
    }

    pub fn parameters(&self) -> Result<Parameters> {
        let copies = self.variables.iter().map(|(name, var)| Ok((name.clone(), var.copy()?)));
        copies.collect()
    }

    /// All that the next step depends on, but the recipe.
    pub fn state(&self) -> Result<Parameters> {
        let mut state = self.optimizer.state()?;
        state.extend(self.parameters()?);
        state.insert("loss".into(), Tensor::new(self.loss, &Device::Cpu)?);
        state.insert("accuracy".into(), Tensor::new(self.accuracy, &Device::Cpu)?);
        Ok(state)
    }

    /// Takes up a saved state.
    pub fn restore(&mut self, state: &Parameters) -> Result<()> {
        let get = |name: &str| state.get(name).with_context(|| format!("{name} is missing"));
        for (name, variable) in &self.variables {
            variable.set(get(name)?)?;
        }
        self.loss = get("loss")?.to_scalar()?;
        self.accuracy = get("accuracy")?.to_scalar()?;
        Ok(self.optimizer.restore(state)?)
    }
}

/// Says that a part has failed when it is dropped, by an error or a panic.
struct Absent<'a>(&'a Member);

impl Drop for Absent<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Draws some images, lets the adversary change them, and takes them through the network, there and back.
fn part(
    recipe: &impl Task,
    network: &ResNet,
    adversary: Option<&(Attack, ResNet)>,
    (stage, step, images): (usize, usize, Range<usize>),
    member: &Member,
) -> Result<Part> {
    let plan = &recipe.stages()[stage];
    let (mut pixels, targets) = recipe.examples(stage, step, images.clone())?;
    if let Some((attack, frozen)) = adversary {
        let first = ((stage as u64) << 40) + (step * plan.batch + images.start) as u64;
        pixels = attacked(*attack, frozen, &pixels, &targets, first)?;
    }
    let logits = parts::forward(network, &resnet::normalize(&pixels)?, member)?;
    let loss = (cross_entropy(&logits, &targets)? / plan.batch as f64)?;
    let gradients = loss.backward()?;
    // Right is the class of any figure in the scene.
    let guesses = logits.argmax_keepdim(1)?;
    let right = targets.gather(&guesses, 1)?.gt(0f32)?.to_dtype(DType::F32)?;
    Ok(Part {
        gradients,
        loss: loss.to_scalar::<f32>()?.into(),
        right: right.sum_all()?.to_scalar::<f32>()? as usize,
    })
}

/// Every image changed by the adversary.
fn attacked(attack: Attack, network: &ResNet, pixels: &Tensor, targets: &Tensor, first: u64) -> Result<Tensor> {
    let (_, _, height, width) = pixels.dims4()?;
    let rows = pixels
        .flatten_from(1)?
        .to_vec2::<f32>()?
        .into_iter()
        .zip(targets.to_vec2::<f32>()?);
    let mut changed = Vec::with_capacity(pixels.elem_count());
    for (stream, (image, target)) in (first..).zip(rows) {
        changed.extend(attack.on(network, &image, (height, width), &target, stream)?);
    }
    Ok(Tensor::from_vec(changed, pixels.shape(), pixels.device())?)
}
