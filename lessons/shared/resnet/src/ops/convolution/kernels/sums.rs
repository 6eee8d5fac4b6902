//! The outputs of a convolution: sums of products in registers, finished and written.

use std::marker::PhantomData;
use std::ptr::{null, null_mut};

use super::Shared;
use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::ops::convolution::job::{Job, LANES, Source, Tap, Task};
use crate::ops::steps::in_steps;
use crate::ops::{Chosen, Instructions};

/// The memory of one convolution, whose addresses have been compared with the job's.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    pub x: *const f32,
    pub weights: *const f32,
    pub y: *mut f32,
    /// Null pointers where nothing is to be done.
    pub scale: *const f32,
    pub shift: *const f32,
    pub residual: *const f32,
    pub relu: bool,
    pub keep: *mut u16,
    pub gate: *const u16,
}

impl Job {
    /// Computes all outputs.
    ///
    /// # Panics
    /// if the job reaches beyond a slice.
    pub fn run(&self, x: &[f32], weights: &[f32], y: &mut [f32], instructions: Chosen) {
        self.check(x.len(), y.len());
        assert!(self.weights() <= weights.len());
        // Waking a second thread costs as much as a few hundred thousand multiplications.
        let threads = if self.work() < 1 << 20 {
            1
        } else {
            rayon::current_num_threads()
        };
        let cut = self.cut(instructions, threads);
        let y = Shared(y.as_mut_ptr(), PhantomData);
        in_steps(threads, &[cut.tasks()], |_, task| {
            let operands = Operands {
                x: x.as_ptr(),
                weights: weights.as_ptr(),
                y: y.start(),
                scale: null(),
                shift: null(),
                residual: null(),
                relu: false,
                keep: null_mut(),
                gate: null(),
            };
            // SAFETY: `check` has compared all addresses with the slices; no two tasks write to the same element, because
            // the target is injective and each (image, block, row) belongs to one task; the processor has what was `Chosen`.
            unsafe { self.outputs(self.task(&cut, task), operands, instructions) }
        });
    }

    /// # Safety
    /// [`Self::check`] has passed for the operands, nobody else uses the task's outputs, and the processor has the
    /// instructions.
    pub(super) unsafe fn outputs(&self, task: Task, operands: Operands, instructions: Chosen) {
        // SAFETY: the caller has promised the same of addresses and outputs, and each arm is what was `Chosen`.
        unsafe {
            match (instructions.get(), self.source.column) {
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 1) => avx512::<1>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 2) => avx512::<2>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 16) => avx512::<16>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 32) => avx512::<32>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 1) => avx2::<1>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 2) => avx2::<2>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 16) => avx2::<16>(self, task, operands),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 32) => avx2::<32>(self, task, operands),
                (_, 1) => outputs::<Portable, 1>(self, task, operands),
                (_, 2) => outputs::<Portable, 2>(self, task, operands),
                (_, 16) => outputs::<Portable, 16>(self, task, operands),
                (_, 32) => outputs::<Portable, 32>(self, task, operands),
                (_, other) => unreachable!("no loop for columns {other} apart"),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const COLUMN: usize>(job: &Job, task: Task, operands: Operands) {
    // SAFETY: the caller has promised the same, and calls this where the processor has the instructions.
    unsafe { outputs::<Avx512, COLUMN>(job, task, operands) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const COLUMN: usize>(job: &Job, task: Task, operands: Operands) {
    // SAFETY: the caller has promised the same, and calls this where the processor has the instructions.
    unsafe { outputs::<Avx2, COLUMN>(job, task, operands) }
}

/// Sums of one tile: up to 2 blocks of 14 columns of 16 channels.
const MOST_SUMS: usize = 28;

/// Neighbouring outputs of a row, of one or two blocks of channels.
#[derive(Clone, Copy)]
struct Tile<'a> {
    blocks: usize,
    columns: usize,
    source: &'a Source,
    /// Those on the image, and where their weights begin in a block of input channels.
    taps: &'a [Tap],
    first_weight: usize,
    /// Elements of the weights of a block of input channels, and of all of them.
    weights: usize,
    all_weights: usize,
    /// Whether the first output is the first of its row, and the last one the last.
    is_first: bool,
    is_last: bool,
}

/// # Safety
/// As [`Job::outputs`].
#[inline(always)]
unsafe fn outputs<L: Lanes, const COLUMN: usize>(job: &Job, task: Task, operands: Operands) {
    let mut sums = [[0f32; LANES]; MOST_SUMS];
    let most = if task.blocks == 1 { L::ALONE } else { L::COLUMNS };
    for phase in &job.phases {
        let columns = job.columns(phase);
        let per_block = job.weights_per_block(phase);
        let rows = task.first_row..(task.first_row + task.rows).min(job.rows(phase));
        let images = task.first_image..task.first_image + task.images;
        for (image, row) in images.flat_map(|image| rows.clone().map(move |row| (image, row))) {
            let taps = phase.rows[row].clone();
            let mut column = 0;
            while column < columns {
                let left = columns - column;
                let count = width(left, most);
                let tile_of = Tile {
                    blocks: task.blocks,
                    columns: count,
                    source: &job.source,
                    taps: &phase.taps[taps.clone()],
                    first_weight: taps.start * job.source.channels * LANES,
                    weights: phase.taps.len() * job.source.channels * LANES,
                    all_weights: per_block,
                    is_first: column == 0,
                    is_last: count == left,
                };
                // SAFETY: `Job::check` has compared the last row, column, tap and weight with the memory.
                unsafe {
                    let x = image * job.source.image + row * job.source.row + column * COLUMN;
                    let (x, w) = (
                        operands.x.add(x),
                        operands.weights.add(phase.weights + task.block * per_block),
                    );
                    tile::<L, COLUMN>(tile_of, x, w, sums.as_mut_ptr().cast());
                    let place = (phase.first_row + row * job.step, phase.first_column + column * job.step);
                    finish::<L>(job, (image, task.block, task.blocks), place, count, &sums, operands);
                }
                column += count;
            }
        }
    }
}

/// The width of the next tile of `left` columns: nearly equal widths, of which the large ones are even, since each is a loop
/// that the compiler writes out.
fn width(left: usize, most: usize) -> usize {
    let mut tiles = left.div_ceil(most);
    loop {
        let width = left.div_ceil(tiles);
        if width <= 8 || width.is_multiple_of(2) {
            return width;
        }
        tiles += 1;
    }
}

/// Calls [`accumulate`] with the number of columns as a constant.
///
/// # Safety
/// As [`Job::outputs`]; `sums` holds `blocks · columns` registers.
#[inline(always)]
unsafe fn tile<L: Lanes, const COLUMN: usize>(tile: Tile, x: *const f32, w: *const f32, sums: *mut f32) {
    macro_rules! widths {
        ($($n:literal)*; $more:literal) => {
            match (tile.blocks, tile.columns) {
                $((1, $n) if $n <= L::ALONE => accumulate::<L, $n, 1, COLUMN>(tile, x, w, sums),)*
                (1, $more) if $more <= L::ALONE => accumulate::<L, $more, 1, COLUMN>(tile, x, w, sums),
                $((2, $n) if $n <= L::COLUMNS && L::BLOCKS == 2 => accumulate::<L, $n, 2, COLUMN>(tile, x, w, sums),)*
                _ => unreachable!("no tile of {} blocks and {} columns", tile.blocks, tile.columns),
            }
        };
    }
    // SAFETY: the caller has promised the same for so many blocks and columns.
    unsafe { widths!(1 2 3 4 5 6 7 8 10 12 14; 16) }
}

/// The sums of `N` neighbouring outputs of `M` blocks of channels, in registers all along.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn accumulate<L: Lanes, const N: usize, const M: usize, const COLUMN: usize>(
    tile: Tile,
    x: *const f32,
    w: *const f32,
    sums: *mut f32,
) {
    let source = tile.source;
    // SAFETY: each tap of each block and channel is one that `Job::check` has seen, and so are the weights.
    unsafe {
        let mut acc = [[L::zero(); N]; M];
        for block in 0..source.blocks {
            let x = x.add(block * source.block);
            let mut w = w.add(block * tile.weights + tile.first_weight);
            for tap in tile.taps {
                let x = x.add(tap.offset);
                // What lies in the border is left out, where that is much: not of images, and on the right seldom if the
                // window moves by two.
                let left = COLUMN >= LANES && tap.left && tile.is_first;
                let right = COLUMN == LANES && tap.right && tile.is_last;
                w = match (left, right) {
                    (true, false) => products::<L, N, M, COLUMN, 1, 0>(source, tile.all_weights, x, w, &mut acc),
                    (false, true) => products::<L, N, M, COLUMN, 0, 1>(source, tile.all_weights, x, w, &mut acc),
                    _ => products::<L, N, M, COLUMN, 0, 0>(source, tile.all_weights, x, w, &mut acc),
                };
            }
        }
        for (m, acc) in acc.iter().enumerate() {
            for (n, acc) in acc.iter().enumerate() {
                acc.store(sums.add((m * N + n) * LANES));
            }
        }
    }
}

/// Adds the products of one tap with one block of input channels, but for the first `LEFT` and the last `RIGHT` columns.
/// Returns where the next tap's weights begin.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
#[allow(clippy::needless_range_loop)] // loops of constant length over several arrays: all unrolled
unsafe fn products<
    L: Lanes,
    const N: usize,
    const M: usize,
    const COLUMN: usize,
    const LEFT: usize,
    const RIGHT: usize,
>(
    source: &Source,
    all_weights: usize,
    mut x: *const f32,
    mut w: *const f32,
    acc: &mut [[L; N]; M],
) -> *const f32 {
    // Constants where the input lies in blocks.
    let (channels, channel) = if COLUMN < LANES {
        (source.channels, source.channel)
    } else {
        (LANES, 1)
    };
    for _ in 0..channels {
        // SAFETY: the caller has promised each of these values.
        unsafe {
            let mut weights = [L::zero(); M];
            for m in 0..M {
                weights[m] = L::load(w.add(m * all_weights));
            }
            for n in LEFT..N - RIGHT {
                let value = L::splat(x.add(n * COLUMN));
                for m in 0..M {
                    acc[m][n] = value.multiply_add(weights[m], acc[m][n]);
                }
            }
            w = w.add(LANES);
        }
        x = x.wrapping_add(channel); // beyond the last channel it is not read
    }
    w
}

/// Writes the sums of a tile to where they belong.
///
/// # Safety
/// As [`Job::outputs`].
#[inline(always)]
unsafe fn finish<L: Lanes>(
    job: &Job,
    (image, first_block, blocks): (usize, usize, usize),
    (row, column): (usize, usize),
    count: usize,
    sums: &[[f32; LANES]; MOST_SUMS],
    operands: Operands,
) {
    let target = &job.target;
    for m in 0..blocks {
        let block = first_block + m;
        let at = target.offset + image * target.image + block * target.block + row * target.row;
        let first = at + column * target.column;
        let sums = &sums[m * count..][..count];
        // SAFETY: `Job::check` has compared the target's last element with `y`; scales, residual and notes reach as far, by
        // `Program::check` and `Program::check_arguments`.
        unsafe {
            if !target.in_blocks {
                let channels = LANES.min(target.channels - block * LANES);
                if job.step * target.column == 1 {
                    let y = operands.y.add(first);
                    L::store_columns(sums.as_ptr().cast(), count, y, target.channel, channels);
                    continue;
                }
                for lane in 0..channels {
                    let y = operands.y.add(first + lane * target.channel);
                    for (n, sum) in sums.iter().enumerate() {
                        *y.add(n * job.step * target.column) = sum[lane];
                    }
                }
                continue;
            }
            let note = ((image * target.blocks() + block) * target.height + row) * target.width + column;
            let row_of = Row {
                first,
                stride: job.step * target.column,
                note,
                note_stride: job.step,
                block,
            };
            let Operands {
                scale,
                residual,
                keep,
                gate,
                ..
            } = operands;
            match (scale.is_null(), residual.is_null(), keep.is_null(), gate.is_null()) {
                (false, true, true, true) => finish_row::<L, true, false, false, false>(row_of, sums, operands),
                (false, false, true, true) => finish_row::<L, true, true, false, false>(row_of, sums, operands),
                (false, true, false, true) => finish_row::<L, true, false, true, false>(row_of, sums, operands),
                (false, false, false, true) => finish_row::<L, true, true, true, false>(row_of, sums, operands),
                (true, true, true, true) => finish_row::<L, false, false, false, false>(row_of, sums, operands),
                (true, false, true, true) => finish_row::<L, false, true, false, false>(row_of, sums, operands),
                (true, true, true, false) => finish_row::<L, false, false, false, true>(row_of, sums, operands),
                (true, false, true, false) => finish_row::<L, false, true, false, true>(row_of, sums, operands),
                _ => unreachable!("notes are written forward, with scales, and read backward, without"),
            }
        }
    }
}

/// Neighbouring pixels of a block.
struct Row {
    first: usize,
    stride: usize,
    note: usize,
    note_stride: usize,
    block: usize,
}

/// # Safety
/// As [`Job::outputs`]; of the operands, those that are named are no null pointers.
#[inline(always)]
unsafe fn finish_row<L: Lanes, const AFFINE: bool, const RESIDUAL: bool, const KEEP: bool, const GATE: bool>(
    row: Row,
    sums: &[[f32; LANES]],
    operands: Operands,
) {
    // SAFETY: the caller has promised the same.
    unsafe {
        let (mut scale, mut shift) = (L::zero(), L::zero());
        if AFFINE {
            scale = L::load(operands.scale.add(row.block * LANES));
            shift = L::load(operands.shift.add(row.block * LANES));
        }
        for (n, sum) in sums.iter().enumerate() {
            let at = row.first + n * row.stride;
            let mut value = L::load(sum.as_ptr());
            if AFFINE {
                value = value.multiply_then_add(scale, shift);
            }
            if RESIDUAL {
                value = value.add(L::load(operands.residual.add(at)));
            }
            if operands.relu {
                value = value.relu();
            }
            if KEEP {
                *operands.keep.add(row.note + n * row.note_stride) = value.positive();
            }
            if GATE {
                value = value.only(*operands.gate.add(row.note + n * row.note_stride));
            }
            value.store(operands.y.add(at));
        }
    }
}
