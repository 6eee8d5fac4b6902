//! The forward pass of some units as a program, in blocks of channels from one end to the other.

use std::collections::HashMap;

use super::pieces;
use super::{Layer, Unit};
use crate::ops::convolution::direct::forward_job;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::convolution::job::Target;
use crate::ops::convolution::kernels::Pool;
use crate::ops::convolution::packing::Padded;
use crate::ops::program::{Convolve, Finish, Notes, Pieces, Place, Program, Sizes, Step};
use candle_core::Result;

/// Activations have a border of one pixel, as 3×3 windows want it; nobody writes there.
pub(super) const BORDER: usize = 1;

/// Pieces of memory by layout: one that is no longer read serves again where the layout is the same, so that a border
/// stays a border.
pub(super) struct Slots {
    images: usize,
    pub used: usize,
    free: HashMap<Padded, Vec<Place>>,
}

impl Slots {
    /// For so many images at a time.
    pub fn new(images: usize) -> Self {
        Self {
            images,
            used: 0,
            free: HashMap::new(),
        }
    }

    pub fn take(&mut self, layout: &Padded) -> Place {
        if let Some(place) = self.free.get_mut(layout).and_then(Vec::pop) {
            return place;
        }
        self.raw(self.images * layout.len())
    }

    /// Memory that is never given back.
    pub fn raw(&mut self, length: usize) -> Place {
        let place = Place::Memory(self.used, length);
        self.used += length.next_multiple_of(16);
        place
    }

    pub fn give(&mut self, layout: &Padded, place: Place) {
        self.free.entry(*layout).or_default().push(place);
    }
}

/// A convolution of the program: which layer, its sizes, and where the positive outputs are noted.
pub(super) struct Done {
    pub layer: usize,
    pub geometry: Geometry,
    pub positive: usize,
}

/// A max-pool of the program.
pub(super) struct Pooled {
    pub pool: Pool,
    /// Where the places of the maxima are noted.
    pub chosen: usize,
}

impl Pooled {
    /// Of all rows of an image, those of the border too.
    pub fn notes(&self) -> usize {
        let output = self.pool.output();
        self.pool.notes_of_row() * output.len() / output.row()
    }
}

/// What the backward pass needs to know of a unit.
pub(super) enum Record {
    Stem { layers: Vec<Done>, pool: Option<Pooled> },
    Block { branch: Vec<Done>, skip: Option<Done> },
}

impl Record {
    pub fn layers(&self) -> impl Iterator<Item = &Done> {
        match self {
            Self::Stem { layers, .. } => layers.iter().chain(None),
            Self::Block { branch, skip } => branch.iter().chain(skip.as_ref()),
        }
    }

    /// Of all kernels.
    pub fn weights(&self) -> usize {
        let weights = |done: &Done| done.geometry.out_channels * done.geometry.depth();
        self.layers().map(weights).sum()
    }

    /// Elements of the largest input and output.
    pub fn activations(&self) -> usize {
        let elements = |done: &Done| {
            let g = &done.geometry;
            g.in_channels * g.area() + g.out_channels * g.out_area()
        };
        self.layers().map(elements).max().unwrap_or(0)
    }
}

pub(super) struct Forward {
    pub program: Program,
    pub records: Vec<Record>,
    pub output: Padded,
}

struct Builder<'a> {
    images: usize,
    layers: &'a [Layer],
    steps: Vec<Step>,
    slots: Slots,
    notes: usize,
    /// Whether the backward pass will follow.
    keep: bool,
}

impl Builder<'_> {
    fn geometry(&self, layer: usize, input: &Padded) -> Result<Geometry> {
        let layer = &self.layers[layer];
        let shape = (self.images, input.channels, input.height, input.width).into();
        Geometry::new(&shape, layer.convolution.kernel().shape(), layer.convolution.window())
    }

    fn convolve(
        &mut self,
        layer: usize,
        (x, input): (Place, Padded),
        residual: Option<Place>,
        relu: bool,
    ) -> Result<(Place, Padded, Done)> {
        let geometry = self.geometry(layer, &input)?;
        let output = Padded::blocks_of(geometry.out_channels, geometry.out_height, geometry.out_width, BORDER);
        let y = self.slots.take(&output);
        let positive = self.notes;
        let keep = relu && self.keep;
        if keep {
            self.notes += self.images * output.planes() * output.height * output.width;
        }
        self.steps.push(Step::Convolve(Convolve {
            job: forward_job(&geometry, &input, Target::blocks_like(&output)),
            weights: layer,
            x,
            y,
            finish: Finish {
                affine: Some(layer),
                residual,
                relu,
                keep: keep.then_some(positive),
                gate: None,
            },
        }));
        let done = Done {
            layer,
            geometry,
            positive,
        };
        Ok((y, output, done))
    }

    fn stem(
        &mut self,
        layers: &[usize],
        pool: Option<crate::Window>,
        input: (Place, Padded),
    ) -> Result<((Place, Padded), Record)> {
        let mut at = input;
        let mut done = Vec::new();
        for &layer in layers {
            let (y, output, record) = self.convolve(layer, at, None, true)?;
            self.slots.give(&at.1, at.0);
            at = (y, output);
            done.push(record);
        }
        let Some(window) = pool else {
            return Ok((
                at,
                Record::Stem {
                    layers: done,
                    pool: None,
                },
            ));
        };
        let (height, width) = (window.positions(at.1.height)?, window.positions(at.1.width)?);
        let output = Padded::blocks_of(at.1.channels, height, width, BORDER);
        let y = self.slots.take(&output);
        let pooled = Pooled {
            pool: Pool::new(window, at.1, output),
            chosen: self.notes,
        };
        let notes = if self.keep {
            Notes::Write(self.notes, pooled.pool.notes_of_row())
        } else {
            Notes::None
        };
        if self.keep {
            self.notes += self.images * pooled.notes();
        }
        self.steps.push(Step::Pieces(Pieces {
            x: at.0,
            x_of_image: at.1.len(),
            y,
            piece: output.row(),
            notes,
            weights: None,
            function: pieces::max_pool(pooled.pool),
        }));
        self.slots.give(&at.1, at.0);
        let record = Record::Stem {
            layers: done,
            pool: Some(pooled),
        };
        Ok(((y, output), record))
    }

    fn block(
        &mut self,
        branch: &[usize],
        skip: Option<usize>,
        input: (Place, Padded),
    ) -> Result<((Place, Padded), Record)> {
        let mut at = input;
        let mut done = Vec::new();
        let (last, first) = branch.split_last().expect("a branch has layers");
        for &layer in first {
            let (y, output, record) = self.convolve(layer, at, None, true)?;
            if !done.is_empty() {
                self.slots.give(&at.1, at.0);
            }
            at = (y, output);
            done.push(record);
        }
        let projected = skip.map(|layer| self.convolve(layer, input, None, false)).transpose()?;
        let residual = projected.as_ref().map_or(input.0, |(place, ..)| *place);
        let (y, output, record) = self.convolve(*last, at, Some(residual), true)?;
        done.push(record);
        if branch.len() > 1 {
            self.slots.give(&at.1, at.0);
        }
        if let Some((place, layout, _)) = &projected {
            self.slots.give(layout, *place);
        }
        self.slots.give(&input.1, input.0);
        let record = Record::Block {
            branch: done,
            skip: projected.map(|(.., record)| record),
        };
        Ok(((y, output), record))
    }
}

/// The program of `units` on so many images or activations, `[channels, height, width]`.
pub(super) fn forward(
    units: &[Unit],
    layers: &[Layer],
    images: usize,
    (channels, height, width): (usize, usize, usize),
    keep: bool,
) -> Result<Forward> {
    let mut builder = Builder {
        images,
        layers,
        steps: Vec::new(),
        slots: Slots::new(images),
        notes: 0,
        keep,
    };
    let input = match &units[0] {
        Unit::Stem { layers: stem, .. } => {
            let window = layers[stem[0]].convolution.window();
            Padded {
                lanes: 1,
                ..Padded::blocks_of(channels, height, width, window.padding)
            }
        }
        Unit::Block { .. } => Padded::blocks_of(channels, height, width, BORDER),
    };
    let x = builder.slots.take(&input);
    builder.steps.push(Step::Pieces(Pieces {
        x: Place::Input,
        x_of_image: channels * height * width,
        y: x,
        piece: input.plane(),
        notes: Notes::None,
        weights: None,
        function: pieces::pack(input),
    }));
    let mut at = (x, input);
    let mut records = Vec::new();
    for unit in units {
        let (next, record) = match unit {
            Unit::Stem { layers, pool } => builder.stem(layers, *pool, at)?,
            Unit::Block { branch, skip } => builder.block(branch, *skip, at)?,
        };
        at = next;
        records.push(record);
    }
    let output = at.1;
    builder.steps.push(Step::Pieces(Pieces {
        x: at.0,
        x_of_image: output.len(),
        y: Place::Output,
        piece: output.height * output.width,
        notes: Notes::None,
        weights: None,
        function: pieces::unpack(output),
    }));
    let sizes = Sizes {
        input: images * channels * height * width,
        output: images * output.channels * output.height * output.width,
        memory: builder.slots.used,
        notes: builder.notes,
    };
    let program = Program::new(builder.steps, images, sizes);
    Ok(Forward {
        program,
        records,
        output,
    })
}
