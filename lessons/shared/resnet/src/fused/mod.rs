//! Where nobody looks: residual units run as one operation, from the image or from a site to the next site that somebody
//! wants to see. Activations stay in blocks of channels, batch norm, the addition and ReLU happen before a convolution's
//! sums are written, and memory is used again. With gradients, the operation keeps one bit per ReLU and channel, and which
//! pixel won each max-pool window.
//!
//! Not fused, but computed site by site as where somebody looks: units with a grouped convolution (ResNeXt), with a shortcut
//! that averages pixels (timm's "d" networks) or pads channels (the ResNets of CIFAR-10), with fewer than four channels,
//! a kernel that training moves, or numbers in `f64`. The rest of such a network is fused.
//!
//! [`forward`] and [`backward`] are programs of steps for one image, or for several where weights are larger than activations
//! and shall come into a core's cache once for all of them; [`pieces`] is what happens between convolutions; [`kept`] is
//! what stays in memory from call to call.

mod backward;
mod forward;
mod kept;
mod pieces;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use self::forward::{Forward, Record, forward};
use self::kept::{Folded, Memory};
use crate::Window;
use crate::layers::{BatchNorm, Convolution};
use crate::ops::convolution::{direct, packing};
use crate::ops::program::{Arguments, Program, RunNotes};
use crate::ops::{Chosen, Instructions};

/// A convolution and the batch norm behind it.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub convolution: Convolution,
    pub norm: BatchNorm,
}

/// A part of the network that is fused whole or not at all, by index into the layers.
#[derive(Debug, Clone)]
pub(crate) enum Unit {
    /// Convolutions with ReLU, and the pool.
    Stem { layers: Vec<usize>, pool: Option<Window> },
    /// `relu(branch(x) + skip(x))`; without a skip, `relu(branch(x) + x)`.
    Block { branch: Vec<usize>, skip: Option<usize> },
}

/// The units of a network, those that can be fused among them.
pub(crate) struct Fused {
    layers: Vec<Layer>,
    units: Vec<Option<Unit>>,
    /// Whether only the last of such networks shall keep packed weights.
    is_large: bool,
    folded: Mutex<Option<Arc<Folded>>>,
    plans: Mutex<HashMap<Key, Arc<Plan>>>,
}

impl fmt::Debug for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fused")
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}

/// Which units, on how many images at a time and of which size, with or without notes for a gradient.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    units: Range<usize>,
    images: usize,
    sizes: (usize, usize, usize),
    keep: bool,
}

/// The programs of a key, and memory for them.
struct Plan {
    forward: Forward,
    backward: OnceLock<Program>,
    forward_memory: Memory,
    backward_memory: Memory,
}

impl Plan {
    fn backward(&self) -> &Program {
        self.backward.get_or_init(|| backward::backward(&self.forward))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves whole values behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fused {
    pub fn new(layers: Vec<Layer>, units: Vec<Option<Unit>>, is_large: bool) -> Self {
        let mut fused = Self {
            layers,
            units: Vec::new(),
            is_large,
            folded: Mutex::default(),
            plans: Mutex::default(),
        };
        fused.units = units
            .into_iter()
            .map(|unit| unit.filter(|unit| fused.suits(unit)))
            .collect();
        fused
    }

    /// Whether a unit can be fused.
    pub fn has(&self, unit: usize) -> bool {
        self.units[unit].is_some()
    }

    /// Constant weights in `f32`, windows that the direct convolution has, and channels that lie in blocks.
    fn suits(&self, unit: &Unit) -> bool {
        let suits = |layer: usize, of_image: bool| {
            let Layer { convolution, norm } = &self.layers[layer];
            let kernel = convolution.kernel();
            let inputs = kernel.dims()[1];
            let padding = convolution.window().padding;
            let is_constant = |tensor: &&Tensor| !tensor.track_op() && tensor.dtype() == DType::F32;
            convolution.groups() == 1
                && direct::suits(convolution.window())
                && if of_image {
                    inputs == 3
                } else {
                    inputs > packing::FEW_CHANNELS && padding <= forward::BORDER
                }
                && is_constant(&kernel)
                && norm.parts()[..2].iter().all(is_constant)
                && norm.parts().iter().all(|part| part.dtype() == DType::F32)
        };
        match unit {
            Unit::Stem { layers, .. } => layers
                .iter()
                .enumerate()
                .all(|(index, &layer)| suits(layer, index == 0)),
            Unit::Block { branch, skip } => branch.iter().chain(skip).all(|&layer| suits(layer, false)),
        }
    }

    /// Runs `units`, all of which can be fused, on `[batch, channels, height, width]`, and gives the output of the last.
    pub fn run(self: &Arc<Self>, units: Range<usize>, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let alone = Key {
            units: units.clone(),
            images: 1,
            sizes: (channels, height, width),
            keep: x.track_op(),
        };
        let plan = self.plan(&alone)?;
        if batch <= 1 || plan.forward.program.multiplications() < LARGE {
            return self.run_alike(alone, x);
        }
        // Where weights are larger than activations, each comes into a core's cache once for many images.
        let heavy = plan.forward.records.iter().rev();
        let together = heavy
            .take_while(|record| record.weights() > 2 * record.activations())
            .count();
        let middle = units.end - together;
        let mut x = x.clone();
        if units.start < middle {
            let first = Key {
                units: units.start..middle,
                ..alone
            };
            x = self.run_alike(first, &x)?;
        }
        if middle < units.end {
            let (_, channels, height, width) = x.dims4()?;
            let mut rest = Key {
                units: middle..units.end,
                images: 1,
                sizes: (channels, height, width),
                keep: x.track_op(),
            };
            let memory = self.plan(&rest)?.forward.program.sizes().memory;
            rest.images = (TOGETHER / memory.max(1)).clamp(1, batch);
            x = self.run_alike(rest, &x)?;
        }
        Ok(x)
    }

    /// Runs the key's units, as many images at a time as it says.
    fn run_alike(self: &Arc<Self>, key: Key, x: &Tensor) -> Result<Tensor> {
        let batch = x.dim(0)?;
        let mut runs = vec![self.plan(&key)?; batch / key.images];
        let images = batch % key.images;
        if images > 0 {
            runs.push(self.plan(&Key { images, ..key })?);
        }
        let segment = Segment {
            runs,
            fused: self.clone(),
            folded: self.folded()?,
            notes: OnceLock::new(),
            instructions: Instructions::chosen(),
        };
        x.contiguous()?.apply_op1(segment)
    }

    fn plan(&self, key: &Key) -> Result<Arc<Plan>> {
        if let Some(plan) = lock(&self.plans).get(key) {
            return Ok(plan.clone());
        }
        let units = self.units[key.units.clone()]
            .iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>();
        let plan = Arc::new(Plan {
            forward: forward(&units, &self.layers, key.images, key.sizes, key.keep)?,
            backward: OnceLock::new(),
            forward_memory: Memory::new(),
            backward_memory: Memory::new(),
        });
        // Whoever looks at many sizes or sites shall not keep memory for all of them.
        const MOST: usize = 16;
        let mut plans = lock(&self.plans);
        if plans.len() >= MOST {
            plans.clear();
        }
        plans.insert(key.clone(), plan.clone());
        Ok(plan)
    }

    /// Batch norm's scales and shifts, made anew if the stored statistics have changed.
    fn folded(&self) -> Result<Arc<Folded>> {
        let mut folded = lock(&self.folded);
        if let Some(folded) = folded.as_ref()
            && folded.is_current(&self.layers)?
        {
            return Ok(folded.clone());
        }
        let new = Arc::new(Folded::new(&self.layers)?);
        *folded = Some(new.clone());
        Ok(new)
    }
}

/// Calls `f` with the values of a contiguous `f32` tensor.
fn with_values<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(storage) => Ok(f(crate::ops::slice::<f32>(storage, layout)?)),
        _ => candle_core::bail!("expected a tensor in the processor's memory"),
    }
}

/// Some units as one operation.
struct Segment {
    fused: Arc<Fused>,
    /// One after the other, each for the next images; alike but for how many those are. At least one.
    runs: Vec<Arc<Plan>>,
    folded: Arc<Folded>,
    /// Of each run.
    notes: OnceLock<Vec<Vec<u16>>>,
    instructions: Chosen,
}

impl Segment {
    /// The layers of the program with their sizes.
    fn layers(&self) -> impl Iterator<Item = &forward::Done> {
        self.runs[0].forward.records.iter().flat_map(Record::layers)
    }

    fn forward(&self, x: &[f32], y: &mut [f32]) -> Result<()> {
        let packed = self.layers().map(|done| {
            let convolution = &self.fused.layers[done.layer].convolution;
            let packed = |kernel: &[f32]| convolution.packed().forward(kernel, &done.geometry);
            Ok((done.layer, with_values(convolution.kernel(), packed)?))
        });
        let packed = packed.collect::<Result<Vec<_>>>()?;
        let mut weights: Vec<&[f32]> = vec![&[]; self.fused.layers.len()];
        for (layer, packed) in &packed {
            weights[*layer] = packed;
        }
        let affine: Vec<(&[f32], &[f32])> = self
            .folded
            .affine
            .iter()
            .map(|(scale, shift)| (&scale[..], &shift[..]))
            .collect();
        let mut notes: Vec<Vec<u16>> = self
            .runs
            .iter()
            .map(|plan| vec![0; plan.forward.program.sizes().notes])
            .collect();
        let keeps = notes.iter().any(|notes| !notes.is_empty());
        let (mut x, mut y) = (x, y);
        let runs = self.runs.iter().zip(&mut notes).map(|(plan, notes)| {
            let sizes = plan.forward.program.sizes();
            let input = x.split_off(..sizes.input).expect("the inputs of each run");
            let output = y.split_off_mut(..sizes.output).expect("the outputs of each run");
            (plan, input, output, notes)
        });
        for_each_run(
            &self.runs[0].forward.program,
            runs.collect(),
            |(plan, input, output, notes), threads| {
                let program = &plan.forward.program;
                plan.forward_memory.with(program.sizes().memory, |memory| {
                    let arguments = Arguments {
                        input,
                        output,
                        memory,
                        notes: if notes.is_empty() {
                            RunNotes::None
                        } else {
                            RunNotes::Write(notes)
                        },
                        weights: &weights,
                        affine: &affine,
                    };
                    program.run(arguments, self.instructions, threads);
                });
            },
        );
        if keeps {
            self.notes.set(notes).ok();
        }
        Ok(())
    }

    fn backward(&self, gradient: &[f32], dx: &mut [f32]) -> Result<()> {
        let Some(notes) = self.notes.get() else {
            candle_core::bail!("a gradient was asked for where none was expected");
        };
        let cells = self.folded.gradient_weights(&self.fused.layers);
        let mut weights: Vec<&[f32]> = vec![&[]; self.fused.layers.len()];
        for done in self.layers() {
            weights[done.layer] = cells.of(done, &self.fused.layers[done.layer], &self.folded)?;
        }
        let (mut gradient, mut dx) = (gradient, dx);
        let runs = self.runs.iter().zip(notes).map(|(plan, notes)| {
            let program = plan.backward();
            let input = gradient
                .split_off(..program.sizes().input)
                .expect("the gradients of each run");
            let output = dx
                .split_off_mut(..program.sizes().output)
                .expect("the gradients of each run");
            (plan, input, output, notes)
        });
        for_each_run(
            self.runs[0].backward(),
            runs.collect(),
            |(plan, input, output, notes), threads| {
                let program = plan.backward();
                plan.backward_memory.with(program.sizes().memory, |memory| {
                    let arguments = Arguments {
                        input,
                        output,
                        memory,
                        notes: RunNotes::Read(notes),
                        weights: &weights,
                        affine: &[],
                    };
                    program.run(arguments, self.instructions, threads);
                });
            },
        );
        Ok(())
    }
}

/// Multiplications of an image from which on weights fill a core's cache, and two threads share them better.
const LARGE: usize = 1 << 28;
/// Elements that the activations of images together may take: 32 MiB.
const TOGETHER: usize = 1 << 23;

/// Calls `work(run, threads)` for each run of a program or of ones like it: side by side where there are enough of them and
/// their weights are small, the work of one divided otherwise.
fn for_each_run<R: Send>(program: &Program, runs: Vec<R>, work: impl Fn(R, usize) + Sync + Send) {
    /// Waking a second thread costs as much as a few hundred thousand multiplications.
    const WORTH_WAKING: usize = 1 << 20;
    let threads = rayon::current_num_threads();
    let multiplications = program.multiplications();
    if threads == 1 || multiplications * runs.len() < WORTH_WAKING {
        runs.into_iter().for_each(|run| work(run, 1));
        return;
    }
    let mut runs = runs;
    let alone = if program.images() == 1 && multiplications < LARGE {
        runs.len() % threads
    } else {
        runs.len()
    };
    let rest = runs.split_off(runs.len() - alone);
    runs.into_par_iter().for_each(|run| work(run, 1));
    rest.into_iter().for_each(|run| work(run, threads));
}

impl CustomOp1 for Segment {
    fn name(&self) -> &'static str {
        "residual-units"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = crate::ops::slice::<f32>(x, layout)?;
        let (batch, ..) = layout.shape().dims4()?;
        let output = &self.runs[0].forward.output;
        let mut y = vec![0.0; batch * output.channels * output.height * output.width];
        self.forward(x, &mut y)?;
        Ok((
            CpuStorage::F32(y),
            Shape::from((batch, output.channels, output.height, output.width)),
        ))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(&Gradient(self)).map(Some)
    }
}

struct Gradient<'a>(&'a Segment);

impl CustomOp1 for Gradient<'_> {
    fn name(&self) -> &'static str {
        "residual-units-gradient"
    }

    fn cpu_fwd(&self, gradient: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let gradient = crate::ops::slice::<f32>(gradient, layout)?;
        let (batch, ..) = layout.shape().dims4()?;
        let first = self.0.layers().next().expect("units have layers").geometry;
        let shape = Shape::from((batch, first.in_channels, first.height, first.width));
        let mut dx = vec![0.0; shape.elem_count()];
        self.0.backward(gradient, &mut dx)?;
        Ok((CpuStorage::F32(dx), shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, ResNet};
    use candle_core::{Device, Var};

    /// Outputs and gradients of a batch are the same values however many images run together, the last ones fewer.
    #[test]
    fn images_together_are_as_they_are_alone() {
        let network = ResNet::untrained(&Config::resnet18().width(16).classes(3), 5).unwrap();
        for (units, shape) in [(0..9, [5, 3, 40, 33]), (2..6, [5, 16, 11, 9])] {
            let x = Var::randn(0f32, 1.0, &shape[..], &Device::Cpu).unwrap();
            let run = |images: usize| {
                let key = Key {
                    units: units.clone(),
                    images,
                    sizes: (shape[1], shape[2], shape[3]),
                    keep: true,
                };
                let y = network.fused.run_alike(key, &x).unwrap();
                let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
                let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                (values(&y), values(gradients.get(&x).unwrap()))
            };
            let (y, dx) = run(1);
            assert!(y.iter().chain(&dx).any(|&value| value != 0.0));
            for images in [2, 3, 5] {
                assert!(run(images) == (y.clone(), dx.clone()), "{images} images together");
            }
        }
    }
}
