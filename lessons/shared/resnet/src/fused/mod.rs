//! Where nobody looks: residual units run as one operation, from the image or from a site to the next site that somebody
//! wants to see. Activations stay in blocks of channels, batch norm, the addition and ReLU happen before a convolution's
//! sums are written, and memory is used again. With gradients, the operation keeps one bit per ReLU and channel, and which
//! pixel won each max-pool window.
//!
//! Not fused, but computed site by site as where somebody looks: units with a grouped convolution (ResNeXt), with a shortcut
//! that averages pixels (timm's "d" networks) or pads channels (the ResNets of CIFAR-10), with fewer than four channels,
//! a kernel that training moves, or numbers in `f64`. The rest of such a network is fused.
//!
//! [`forward`] and [`backward`] are programs of steps for one image; [`pieces`] is what happens between convolutions;
//! [`kept`] is what stays in memory from call to call.

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

use self::forward::{Forward, forward};
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

/// Which units, on which sizes, with or without notes for a gradient.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    units: Range<usize>,
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
        let (_, channels, height, width) = x.dims4()?;
        let key = Key {
            units,
            sizes: (channels, height, width),
            keep: x.track_op(),
        };
        let segment = Segment {
            plan: self.plan(&key)?,
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
            forward: forward(&units, &self.layers, key.sizes, key.keep)?,
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
    plan: Arc<Plan>,
    folded: Arc<Folded>,
    /// Of each image.
    notes: OnceLock<Vec<Vec<u16>>>,
    instructions: Chosen,
}

impl Segment {
    /// The layers of the program with their sizes.
    fn layers(&self) -> impl Iterator<Item = &forward::Done> {
        self.plan.forward.records.iter().flat_map(|record| match record {
            forward::Record::Stem { layers, .. } => layers.iter().chain(None),
            forward::Record::Block { branch, skip } => branch.iter().chain(skip.as_ref()),
        })
    }

    /// Calls `run` with each image's weights ready.
    fn forward(&self, x: &[f32], y: &mut [f32]) -> Result<()> {
        let program = &self.plan.forward.program;
        let sizes = program.sizes();
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
        let keeps = sizes.notes > 0;
        let mut notes = vec![vec![0; sizes.notes]; if keeps { x.len() / sizes.input } else { 0 }];
        let run = |input: &[f32], output: &mut [f32], notes: Option<&mut Vec<u16>>, threads: usize| {
            self.plan.forward_memory.with(sizes.memory, |memory| {
                let arguments = Arguments {
                    input,
                    output,
                    memory,
                    notes: notes.map_or(RunNotes::None, |notes| RunNotes::Write(notes)),
                    weights: &weights,
                    affine: &affine,
                };
                program.run(arguments, self.instructions, threads);
            });
        };
        let images = x.chunks_exact(sizes.input).zip(y.chunks_exact_mut(sizes.output));
        let mut notes_of_images = notes.iter_mut();
        let images: Vec<_> = images.map(|(x, y)| (x, y, notes_of_images.next())).collect();
        for_each_image(program, images, |(x, y, notes), threads| run(x, y, notes, threads));
        if keeps {
            self.notes.set(notes).ok();
        }
        Ok(())
    }

    fn backward(&self, gradient: &[f32], dx: &mut [f32]) -> Result<()> {
        let program = self
            .plan
            .backward
            .get_or_init(|| backward::backward(&self.plan.forward));
        let sizes = program.sizes();
        let Some(notes) = self.notes.get() else {
            candle_core::bail!("a gradient was asked for where none was expected");
        };
        let cells = self.folded.gradient_weights(&self.fused.layers);
        let mut weights: Vec<&[f32]> = vec![&[]; self.fused.layers.len()];
        for done in self.layers() {
            weights[done.layer] = cells.of(done, &self.fused.layers[done.layer], &self.folded)?;
        }
        let images = gradient
            .chunks_exact(sizes.input)
            .zip(dx.chunks_exact_mut(sizes.output));
        for_each_image(
            program,
            images.zip(notes).collect(),
            |((gradient, dx), notes), threads| {
                self.plan.backward_memory.with(sizes.memory, |memory| {
                    let arguments = Arguments {
                        input: gradient,
                        output: dx,
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

/// Calls `run(image, threads)` for each image: images side by side where there are enough of them and their weights are
/// small, the work of one image divided otherwise.
fn for_each_image<I: Send>(program: &Program, images: Vec<I>, run: impl Fn(I, usize) + Sync + Send) {
    /// Waking a second thread costs as much as a few hundred thousand multiplications.
    const WORTH_WAKING: usize = 1 << 20;
    /// From here on weights fill a core's cache, and two threads share them better.
    const LARGE: usize = 1 << 28;
    let threads = rayon::current_num_threads();
    let work = program.multiplications();
    if threads == 1 || work * images.len() < WORTH_WAKING {
        images.into_iter().for_each(|image| run(image, 1));
        return;
    }
    let mut images = images;
    let alone = if work < LARGE {
        images.len() % threads
    } else {
        images.len()
    };
    let rest = images.split_off(images.len() - alone);
    images.into_par_iter().for_each(|image| run(image, 1));
    rest.into_iter().for_each(|image| run(image, threads));
}

impl CustomOp1 for Segment {
    fn name(&self) -> &'static str {
        "residual-units"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = crate::ops::slice::<f32>(x, layout)?;
        let (batch, ..) = layout.shape().dims4()?;
        let output = &self.plan.forward.output;
        let mut y = vec![0.0; batch * self.plan.forward.program.sizes().output];
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
