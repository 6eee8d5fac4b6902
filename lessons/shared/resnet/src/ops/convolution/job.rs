//! What a direct convolution reads and writes: sizes and strides, compared with the memory once, cut into tasks.

use std::ops::Range;

use crate::ops::{Chosen, Instructions};

/// Channels of a block: one AVX-512 register of `f32`.
pub(crate) const LANES: usize = 16;

/// Where a job reads: blocks of channels; strides in elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    pub blocks: usize,
    /// Channels of a block.
    pub channels: usize,
    pub image: usize,
    pub block: usize,
    pub channel: usize,
    /// From the pixels under one row of window positions to those under the next.
    pub row: usize,
    /// From the pixels under one window position to those under the next: 1, 2, 16 or 32.
    pub column: usize,
}

/// Where a job writes: strides in elements. Each is at least what lies below it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Whether the 16 channels of a block lie beside each other.
    pub in_blocks: bool,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// The first pixel.
    pub offset: usize,
    pub image: usize,
    pub channel: usize,
    pub block: usize,
    pub row: usize,
    pub column: usize,
}

/// The outputs that see the same taps: every `step`-th row and column from a first one on.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub first_row: usize,
    pub first_column: usize,
    pub taps: Vec<Tap>,
    /// Of each row of outputs, the taps that lie on the image. The others would meet the border's zeros: a sixth of all
    /// products where 3×3 windows slide over 4 rows.
    pub rows: Vec<Range<usize>>,
    /// Where this phase's weights begin: `[out blocks, in blocks, taps, channels, 16]`.
    pub weights: usize,
}

/// One place of the window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tap {
    /// Where its pixel lies for the first output.
    pub offset: usize,
    /// Whether it lies in the border for the first output of a row.
    pub left: bool,
    /// Whether it lies in the border for the last one.
    pub right: bool,
}

/// A convolution: `images` · `source` · weights → `target`.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub images: usize,
    pub source: Source,
    pub target: Target,
    pub step: usize,
    pub phases: Vec<Phase>,
}

/// Some rows of some blocks of the outputs of some images.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub first_image: usize,
    pub images: usize,
    pub block: usize,
    pub blocks: usize,
    /// In steps.
    pub first_row: usize,
    pub rows: usize,
}

impl Target {
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// One past the last element, for `images` images.
    pub fn end(&self, images: usize) -> usize {
        let last_block = self.blocks() - 1;
        let lanes = if self.in_blocks {
            LANES
        } else {
            self.channels - last_block * LANES
        };
        self.offset
            + (images - 1) * self.image
            + last_block * self.block
            + (lanes - 1) * self.channel
            + (self.height - 1) * self.row
            + (self.width - 1) * self.column
            + 1
    }

    /// Whether different outputs are different elements.
    fn is_injective(&self) -> bool {
        let (inner, outer) = if self.in_blocks {
            (LANES, self.block) // [block, row, column, lane]
        } else {
            (1, self.channel) // [channel, row, column]
        };
        self.column >= inner
            && self.row >= (self.width - 1) * self.column + inner
            && outer >= (self.height - 1) * self.row + (self.width - 1) * self.column + inner
            && (self.in_blocks || self.block == LANES * self.channel)
            && self.image >= self.blocks() * self.block - if self.in_blocks { 0 } else { LANES * self.channel }
    }
}

impl Job {
    pub fn rows(&self, phase: &Phase) -> usize {
        self.target.height.saturating_sub(phase.first_row).div_ceil(self.step)
    }

    pub fn columns(&self, phase: &Phase) -> usize {
        self.target.width.saturating_sub(phase.first_column).div_ceil(self.step)
    }

    /// Elements of the weights from one block of output channels to the next.
    pub fn weights_per_block(&self, phase: &Phase) -> usize {
        self.source.blocks * phase.taps.len() * self.source.channels * LANES
    }

    /// Multiplications of all images.
    pub fn work(&self) -> usize {
        let of_phase = |phase: &Phase| self.rows(phase) * self.columns(phase) * self.weights_per_block(phase);
        self.images * self.target.blocks() * self.phases.iter().map(of_phase).sum::<usize>()
    }

    /// Elements of all phases' weights.
    pub fn weights(&self) -> usize {
        let end = |phase: &Phase| phase.weights + self.target.blocks() * self.weights_per_block(phase);
        self.phases.iter().map(end).max().unwrap_or(0)
    }

    /// The one check: whether everything lies inside memory of these lengths, and no two outputs are the same element.
    ///
    /// # Panics
    /// if not.
    pub fn check(&self, x: usize, y: usize) {
        let (source, target) = (&self.source, &self.target);
        assert!(self.images > 0 && target.channels > 0 && target.height > 0 && target.width > 0);
        assert!(target.end(self.images) <= y && target.is_injective());
        let mut places: Vec<_> = self.phases.iter().map(|p| (p.first_row, p.first_column)).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() == self.phases.len() && places.iter().all(|&(r, c)| r < self.step && c < self.step));
        for phase in &self.phases {
            let (rows, columns) = (self.rows(phase), self.columns(phase));
            assert!(phase.rows.len() == rows && phase.rows.iter().all(|taps| phase.taps.get(taps.clone()).is_some()));
            let Some(last_tap) = phase.taps.iter().map(|tap| tap.offset).max() else {
                continue;
            };
            if rows == 0 || columns == 0 {
                continue;
            }
            assert!(source.blocks > 0 && source.channels > 0);
            let last = (self.images - 1) * source.image
                + (source.blocks - 1) * source.block
                + (source.channels - 1) * source.channel
                + (rows - 1) * source.row
                + (columns - 1) * source.column
                + last_tap;
            assert!(last < x, "reads {last} of {x}");
        }
        if source.column >= LANES {
            assert!(source.channels == LANES && source.channel == 1);
        }
    }

    /// Cuts the outputs into tasks, several per thread.
    pub fn cut(&self, instructions: Chosen, threads: usize) -> Cut {
        const PER_THREAD: usize = 4;
        let blocks = self.target.blocks();
        let group = match instructions.get() {
            Instructions::Avx512 => blocks.min(2),
            _ => 1,
        };
        let groups = blocks.div_ceil(group);
        let steps = self.target.height.div_ceil(self.step);
        // What is larger should come into a core's cache once: the images, or the weights of a group.
        let weights = group
            * self
                .phases
                .iter()
                .map(|phase| self.weights_per_block(phase))
                .sum::<usize>();
        let images_each = if weights > self.source.blocks * self.source.block {
            self.images
        } else {
            1
        };
        let images = self.images / images_each;
        let bands = match threads {
            1 => 1,
            _ => (PER_THREAD * threads).div_ceil(images * groups).min(steps),
        };
        let rows = steps.div_ceil(bands);
        Cut {
            images,
            images_each,
            groups,
            group,
            rows,
            bands: steps.div_ceil(rows),
        }
    }

    /// A task of a cut.
    pub fn task(&self, cut: &Cut, index: usize) -> Task {
        let (band, group) = (index % cut.bands, index / cut.bands % cut.groups);
        let steps = self.target.height.div_ceil(self.step);
        let (block, first_row) = (group * cut.group, band * cut.rows);
        Task {
            first_image: index / (cut.bands * cut.groups) * cut.images_each,
            images: cut.images_each,
            block,
            blocks: cut.group.min(self.target.blocks() - block),
            first_row,
            rows: cut.rows.min(steps - first_row),
        }
    }
}

/// A division of the outputs: images, one or all of them × groups of blocks × bands of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    images: usize,
    /// Images of a task.
    images_each: usize,
    groups: usize,
    /// Blocks of a group.
    group: usize,
    /// Rows of a band, in steps.
    rows: usize,
    bands: usize,
}

impl Cut {
    /// So many tasks.
    pub fn pieces(count: usize) -> Self {
        Self {
            images: count,
            images_each: 1,
            groups: 1,
            group: 1,
            rows: 1,
            bands: 1,
        }
    }

    pub fn tasks(&self) -> usize {
        self.images * self.groups * self.bands
    }
}

/// The gradient of an image of three channels: sixteen neighbouring columns of one phase lie in a register, for three
/// channels would fill it badly.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    pub step: usize,
    pub height: usize,
    pub width: usize,
    /// The output's gradient: planes, and elements from plane to plane and row to row.
    pub planes: usize,
    pub plane: usize,
    pub row: usize,
    /// `step · step` of them, row by row.
    pub phases: Vec<SpreadPhase>,
}

/// The pixels of an image that meet the same taps.
#[derive(Debug, Clone)]
pub(crate) struct SpreadPhase {
    /// Where each tap's gradient lies for the first pixel.
    pub taps: Vec<usize>,
    /// Where the weights begin: `[planes, taps, 3]`.
    pub weights: usize,
}

impl Spread {
    pub const CHANNELS: usize = 3;
    /// Elements behind the planes that the last registers reach into.
    pub const BEYOND: usize = LANES;
}
