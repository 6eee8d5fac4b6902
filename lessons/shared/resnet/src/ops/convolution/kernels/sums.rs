//! The outputs of a convolution: sums of products in registers, finished and written.

use std::marker::PhantomData;
use std::ptr::{null, null_mut};

use super::Shared;
use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::ops::convolution::job::{Job, LANES, Source, Task};
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

/// # Safety
/// As [`Job::outputs`].
#[inline(always)]
unsafe fn outputs<L: Lanes, const COLUMN: usize>(job: &Job, task: Task, operands: Operands) {
    let mut sums = [[0f32; LANES]; MOST_SUMS];
    for phase in &job.phases {
        let columns = job.columns(phase);
        let per_block = job.weights_per_block(phase);
        for row in task.first_row..(task.first_row + task.rows).min(job.rows(phase)) {
            let mut column = 0;
            while column < columns {
                // Tiles of nearly equal width.
                let left = columns - column;
                let count = left.div_ceil(left.div_ceil(L::COLUMNS));
                // SAFETY: `Job::check` has compared the last row, column, tap and weight with the memory.
                unsafe {
                    let x = task.image * job.source.image + row * job.source.row + column * COLUMN;
                    let (x, w) = (
                        operands.x.add(x),
                        operands.weights.add(phase.weights + task.block * per_block),
                    );
                    let out = sums.as_mut_ptr().cast();
                    tile::<L, COLUMN>(&job.source, &phase.taps, (task.blocks, count), x, w, per_block, out);
                    let place = (phase.first_row + row * job.step, phase.first_column + column * job.step);
                    finish::<L>(job, task, place, count, &sums, operands);
                }
                column += count;
            }
        }
    }
}

/// Calls [`accumulate`] with the number of columns as a constant.
///
/// # Safety
/// As [`Job::outputs`]; `sums` holds `blocks · columns` registers.
#[inline(always)]
unsafe fn tile<L: Lanes, const COLUMN: usize>(
    source: &Source,
    taps: &[usize],
    (blocks, columns): (usize, usize),
    x: *const f32,
    w: *const f32,
    per_block: usize,
    sums: *mut f32,
) {
    macro_rules! widths {
        ($($n:literal)*) => {
            match (blocks, columns) {
                $((1, $n) if $n <= L::COLUMNS => accumulate::<L, $n, 1, COLUMN>(source, taps, x, w, per_block, sums),)*
                $((2, $n) if $n <= L::COLUMNS && L::BLOCKS == 2 => {
                    accumulate::<L, $n, 2, COLUMN>(source, taps, x, w, per_block, sums)
                })*
                _ => unreachable!("tiles have at most {} columns", L::COLUMNS),
            }
        };
    }
    // SAFETY: the caller has promised the same for so many blocks and columns.
    unsafe { widths!(1 2 3 4 5 6 7 8 9 10 11 12 13 14) }
}

/// The sums of `N` neighbouring outputs of `M` blocks of channels, in registers all along.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
#[allow(clippy::needless_range_loop)] // loops of constant length over several arrays: all unrolled
unsafe fn accumulate<L: Lanes, const N: usize, const M: usize, const COLUMN: usize>(
    source: &Source,
    taps: &[usize],
    x: *const f32,
    w: *const f32,
    per_block: usize,
    sums: *mut f32,
) {
    // Constants where the input lies in blocks.
    let (channels, channel) = if COLUMN < LANES {
        (source.channels, source.channel)
    } else {
        (LANES, 1)
    };
    // SAFETY: each tap of each block and channel is one that `Job::check` has seen, and so are the weights.
    unsafe {
        let mut acc = [[L::zero(); N]; M];
        let mut w = w;
        for block in 0..source.blocks {
            let x = x.add(block * source.block);
            for &tap in taps {
                let mut x = x.add(tap);
                for _ in 0..channels {
                    let mut weights = [L::zero(); M];
                    for m in 0..M {
                        weights[m] = L::load(w.add(m * per_block));
                    }
                    for n in 0..N {
                        let value = L::splat(x.add(n * COLUMN));
                        for m in 0..M {
                            acc[m][n] = value.multiply_add(weights[m], acc[m][n]);
                        }
                    }
                    x = x.wrapping_add(channel); // beyond the last channel it is not read
                    w = w.add(LANES);
                }
            }
        }
        for m in 0..M {
            for n in 0..N {
                acc[m][n].store(sums.add((m * N + n) * LANES));
            }
        }
    }
}

/// Writes the sums of a tile to where they belong.
///
/// # Safety
/// As [`Job::outputs`].
#[inline(always)]
unsafe fn finish<L: Lanes>(
    job: &Job,
    task: Task,
    (row, column): (usize, usize),
    count: usize,
    sums: &[[f32; LANES]; MOST_SUMS],
    operands: Operands,
) {
    let target = &job.target;
    for m in 0..task.blocks {
        let block = task.block + m;
        let at = target.offset + task.image * target.image + block * target.block + row * target.row;
        let first = at + column * target.column;
        let sums = &sums[m * count..][..count];
        // SAFETY: `Job::check` has compared the target's last element with `y`; scales, residual and notes reach as far, by
        // `Program::check` and `Program::check_arguments`.
        unsafe {
            if !target.in_blocks {
                for lane in 0..LANES.min(target.channels - block * LANES) {
                    let y = operands.y.add(first + lane * target.channel);
                    for (n, sum) in sums.iter().enumerate() {
                        *y.add(n * job.step * target.column) = sum[lane];
                    }
                }
                continue;
            }
            let (mut scale, mut shift) = (L::zero(), L::zero());
            if !operands.scale.is_null() {
                scale = L::load(operands.scale.add(block * LANES));
                shift = L::load(operands.shift.add(block * LANES));
            }
            let note = (block * target.height + row) * target.width + column;
            for (n, sum) in sums.iter().enumerate() {
                let at = first + n * job.step * target.column;
                let mut value = L::load(sum.as_ptr());
                if !operands.scale.is_null() {
                    value = value.multiply_then_add(scale, shift);
                }
                if !operands.residual.is_null() {
                    value = value.add(L::load(operands.residual.add(at)));
                }
                if operands.relu {
                    value = value.relu();
                }
                if !operands.keep.is_null() {
                    *operands.keep.add(note + n * job.step) = value.positive();
                }
                if !operands.gate.is_null() {
                    value = value.only(*operands.gate.add(note + n * job.step));
                }
                value.store(operands.y.add(at));
            }
        }
    }
}
