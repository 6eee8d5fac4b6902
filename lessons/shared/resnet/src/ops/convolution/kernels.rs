//! The inner loops, and the only `unsafe` of this crate.
//!
//! A [`Job`] says where a convolution reads and writes. Its safe entry, [`Job::run`], compares every address that the job
//! can form with the slices it is given, once; below it, pointers are not checked again.
#![allow(unsafe_code)] // vector registers and the matrix product take pointers, and tasks write into one output

use std::marker::PhantomData;

use rayon::prelude::*;

use crate::ops::Instructions;
use crate::ops::element::Element;

/// Channels of a block: one AVX-512 register of `f32`.
pub(crate) const LANES: usize = 16;

/// A matrix in memory: where it starts and how far apart rows and columns are.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    values: &'a [T],
    row_stride: usize,
    column_stride: usize,
}

/// A matrix to write into.
pub(crate) struct MatrixMut<'a, T> {
    values: &'a mut [T],
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    pub fn new(values: &'a [T], row_stride: usize, column_stride: usize) -> Self {
        Self {
            values,
            row_stride,
            column_stride,
        }
    }
}

impl<'a, T> MatrixMut<'a, T> {
    /// Rows follow each other: no element stands in two places.
    pub fn new(values: &'a mut [T], row_stride: usize, column_stride: usize) -> Self {
        Self {
            values,
            row_stride,
            column_stride,
        }
    }
}

/// `output = left · right`, or `output += left · right`, for `left` of `rows` × `depth` and `right` of `depth` × `columns`.
///
/// # Panics
/// if a matrix does not lie inside its slice, or if rows of `output` overlap.
pub(crate) fn multiply<T: Element>(
    (rows, depth, columns): (usize, usize, usize),
    left: Matrix<T>,
    right: Matrix<T>,
    output: &mut MatrixMut<T>,
    accumulate: bool,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, row_stride: usize, column_stride: usize| {
        rows.saturating_sub(1) * row_stride + columns.saturating_sub(1) * column_stride
    };
    if depth > 0 {
        assert!(last(rows, depth, left.row_stride, left.column_stride) < left.values.len());
        assert!(last(depth, columns, right.row_stride, right.column_stride) < right.values.len());
    }
    assert!(last(rows, columns, output.row_stride, output.column_stride) < output.values.len());
    assert!(output.column_stride == 1 && (output.row_stride >= columns || rows == 1));
    // SAFETY: the last element of each matrix lies inside its slice, by the assertions above, so all do; `output` is
    // borrowed exclusively, and its rows do not overlap.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            output.values.as_mut_ptr(),
            output.column_stride as isize,
            output.row_stride as isize,
            accumulate,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            if accumulate { T::one() } else { T::zero() },
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Sixteen `f32` in registers.
///
/// # Safety
/// All methods: the processor must have the instructions that the implementation is named after. `load` and `store`: sixteen
/// values must lie at the pointer; `splat`: one.
trait Lanes: Copy {
    /// Output columns, for one block of output channels, whose sums fit into the registers.
    const COLUMNS: usize;
    /// Blocks of output channels at a time.
    const BLOCKS: usize;
    /// Values of one pixel whose products with sixteen others fit into the registers, for the kernel's gradient.
    const PRODUCTS: usize;

    unsafe fn zero() -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(from: *const f32) -> Self;
    /// `self · factor + sum`
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    #[derive(Clone, Copy)]
    pub(super) struct Avx512(__m512);

    // SAFETY: as the trait asks for; the intrinsics have no other condition.
    impl Lanes for Avx512 {
        const COLUMNS: usize = 14;
        const BLOCKS: usize = 2;
        const PRODUCTS: usize = 16;

        #[inline(always)]
        unsafe fn zero() -> Self {
            unsafe { Self(_mm512_setzero_ps()) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Self(_mm512_loadu_ps(from)) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            unsafe { Self(_mm512_set1_ps(*from)) }
        }
        #[inline(always)]
        unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
            unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, sum.0)) }
        }
    }

    #[derive(Clone, Copy)]
    pub(super) struct Avx2(__m256, __m256);

    // SAFETY: as above.
    impl Lanes for Avx2 {
        const COLUMNS: usize = 6;
        const BLOCKS: usize = 1;
        const PRODUCTS: usize = 6;

        #[inline(always)]
        unsafe fn zero() -> Self {
            unsafe { Self(_mm256_setzero_ps(), _mm256_setzero_ps()) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }
        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            unsafe {
                let value = _mm256_broadcast_ss(&*from);
                Self(value, value)
            }
        }
        #[inline(always)]
        unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
            unsafe {
                Self(
                    _mm256_fmadd_ps(self.0, factor.0, sum.0),
                    _mm256_fmadd_ps(self.1, factor.1, sum.1),
                )
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Portable([f32; LANES]);

// SAFETY: nothing but what the trait asks for.
impl Lanes for Portable {
    const COLUMNS: usize = 2;
    const BLOCKS: usize = 1;
    const PRODUCTS: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(*from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { *to.cast() = self.0 }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe { Self([*from; LANES]) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        let mut result = sum;
        for i in 0..LANES {
            result.0[i] += self.0[i] * factor.0[i];
        }
        result
    }
}

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
    /// Where each tap's pixel lies for the first output.
    pub taps: Vec<usize>,
    /// Where this phase's weights begin: `[out blocks, in blocks, taps, channels, 16]`.
    pub weights: usize,
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

/// Some rows of some blocks of one image's output.
#[derive(Clone, Copy)]
struct Task {
    image: usize,
    block: usize,
    blocks: usize,
    /// In steps.
    first_row: usize,
    rows: usize,
}

/// A pointer that several threads may write through, each to its own elements.
struct Shared<'a, T>(*mut T, PhantomData<&'a mut [T]>);
// SAFETY: every use below writes to elements that belong to one task alone, and to nothing that is read meanwhile.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl Target {
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// One past the last element, for `images` images.
    fn end(&self, images: usize) -> usize {
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
    fn rows(&self, phase: &Phase) -> usize {
        self.target.height.saturating_sub(phase.first_row).div_ceil(self.step)
    }

    fn columns(&self, phase: &Phase) -> usize {
        self.target.width.saturating_sub(phase.first_column).div_ceil(self.step)
    }

    /// Elements of the weights from one block of output channels to the next.
    fn weights_per_block(&self, phase: &Phase) -> usize {
        self.source.blocks * phase.taps.len() * self.source.channels * LANES
    }

    /// Multiplications of all images.
    pub fn work(&self) -> usize {
        let of_phase = |phase: &Phase| self.rows(phase) * self.columns(phase) * self.weights_per_block(phase);
        self.images * self.target.blocks() * self.phases.iter().map(of_phase).sum::<usize>()
    }

    /// Whether everything lies inside: the one check.
    fn check(&self, x: &[f32], weights: &[f32], y: &[f32]) {
        let (source, target) = (&self.source, &self.target);
        assert!(self.images > 0 && target.channels > 0 && target.height > 0 && target.width > 0);
        assert!(target.end(self.images) <= y.len() && target.is_injective());
        let mut places: Vec<_> = self.phases.iter().map(|p| (p.first_row, p.first_column)).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() == self.phases.len() && places.iter().all(|&(r, c)| r < self.step && c < self.step));
        for phase in &self.phases {
            let (rows, columns) = (self.rows(phase), self.columns(phase));
            let Some(&last_tap) = phase.taps.iter().max() else {
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
            assert!(last < x.len(), "reads {last} of {}", x.len());
            assert!(phase.weights + target.blocks() * self.weights_per_block(phase) <= weights.len());
        }
        if source.column >= LANES {
            assert!(source.channels == LANES && source.channel == 1);
        }
    }

    /// Cuts the outputs into tasks, several per thread.
    fn tasks(&self, instructions: Instructions, threads: usize) -> Vec<Task> {
        let blocks = self.target.blocks();
        let group = match instructions {
            Instructions::Avx512 => blocks.min(2),
            _ => 1,
        };
        let steps = self.target.height.div_ceil(self.step);
        const PER_THREAD: usize = 4;
        let groups = self.images * blocks.div_ceil(group);
        let cuts = if threads == 1 {
            1
        } else {
            (PER_THREAD * threads).div_ceil(groups).min(steps)
        };
        let rows = steps.div_ceil(cuts);
        let mut tasks = Vec::new();
        for image in 0..self.images {
            for block in (0..blocks).step_by(group) {
                tasks.extend((0..steps).step_by(rows).map(|first_row| Task {
                    image,
                    block,
                    blocks: group.min(blocks - block),
                    first_row,
                    rows: rows.min(steps - first_row),
                }));
            }
        }
        tasks
    }

    /// Computes all outputs.
    ///
    /// # Panics
    /// if the job reaches beyond a slice.
    pub fn run(&self, x: &[f32], weights: &[f32], y: &mut [f32], instructions: Instructions) {
        self.check(x, weights, y);
        // Waking a second thread costs as much as a few hundred thousand multiplications.
        let threads = if self.work() < 1 << 20 {
            1
        } else {
            rayon::current_num_threads()
        };
        let y = Shared(y.as_mut_ptr(), PhantomData);
        let run = |task: &Task| {
            let y = &y;
            // SAFETY: `check` has compared all addresses with the slices; no two tasks write to the same element, because
            // the target is injective and each (image, block, row) belongs to one task; `instructions` are available.
            unsafe { self.outputs(*task, x.as_ptr(), weights.as_ptr(), y.0, instructions) }
        };
        let tasks = self.tasks(instructions, threads);
        match threads {
            1 => tasks.iter().for_each(run),
            _ => tasks.par_iter().for_each(run),
        }
    }

    /// # Safety
    /// [`Self::check`] has passed, nobody else uses the task's outputs, and the processor has the instructions.
    unsafe fn outputs(&self, task: Task, x: *const f32, w: *const f32, y: *mut f32, instructions: Instructions) {
        // SAFETY: passed on.
        unsafe {
            match (instructions, self.source.column) {
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 1) => avx512::<1>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 2) => avx512::<2>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 16) => avx512::<16>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx512, 32) => avx512::<32>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 1) => avx2::<1>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 2) => avx2::<2>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 16) => avx2::<16>(self, task, x, w, y),
                #[cfg(target_arch = "x86_64")]
                (Instructions::Avx2, 32) => avx2::<32>(self, task, x, w, y),
                (_, 1) => outputs::<Portable, 1>(self, task, x, w, y),
                (_, 2) => outputs::<Portable, 2>(self, task, x, w, y),
                (_, 16) => outputs::<Portable, 16>(self, task, x, w, y),
                (_, 32) => outputs::<Portable, 32>(self, task, x, w, y),
                (_, other) => unreachable!("no loop for columns {other} apart"),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const COLUMN: usize>(job: &Job, task: Task, x: *const f32, w: *const f32, y: *mut f32) {
    // SAFETY: passed on.
    unsafe { outputs::<x86::Avx512, COLUMN>(job, task, x, w, y) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const COLUMN: usize>(job: &Job, task: Task, x: *const f32, w: *const f32, y: *mut f32) {
    // SAFETY: passed on.
    unsafe { outputs::<x86::Avx2, COLUMN>(job, task, x, w, y) }
}

/// Sums of one tile: up to 2 blocks of 14 columns of 16 channels.
const MOST_SUMS: usize = 28;

/// # Safety
/// As [`Job::outputs`].
#[inline(always)]
unsafe fn outputs<L: Lanes, const COLUMN: usize>(job: &Job, task: Task, x: *const f32, w: *const f32, y: *mut f32) {
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
                // SAFETY: `Job::check`.
                unsafe {
                    let x = x.add(task.image * job.source.image + row * job.source.row + column * COLUMN);
                    let w = w.add(phase.weights + task.block * per_block);
                    let out = sums.as_mut_ptr().cast();
                    tile::<L, COLUMN>(&job.source, &phase.taps, (task.blocks, count), x, w, per_block, out);
                    let place = (phase.first_row + row * job.step, phase.first_column + column * job.step);
                    finish::<L>(job, task, place, count, &sums, y);
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
    // SAFETY: passed on.
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
    // SAFETY: `Job::check`.
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
    y: *mut f32,
) {
    let target = &job.target;
    for m in 0..task.blocks {
        let block = task.block + m;
        let at = target.offset + task.image * target.image + block * target.block + row * target.row;
        let sums = &sums[m * count..][..count];
        // SAFETY: `Job::check`.
        unsafe {
            let y = y.add(at + column * target.column);
            if target.in_blocks {
                for (n, sum) in sums.iter().enumerate() {
                    L::load(sum.as_ptr()).store(y.add(n * job.step * target.column));
                }
            } else {
                for lane in 0..LANES.min(target.channels - block * LANES) {
                    let y = y.add(lane * target.channel);
                    for (n, sum) in sums.iter().enumerate() {
                        *y.add(n * job.step * target.column) = sum[lane];
                    }
                }
            }
        }
    }
}

/// The gradient of a kernel, for one block of output channels: products of an output gradient's pixels with the pixels
/// that they saw, summed over positions.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    pub height: usize,
    pub width: usize,
    /// The gradient, in blocks: elements from row to row.
    pub gradient_row: usize,
    /// The input: elements from one window position to the next, down and to the right.
    pub row: usize,
    pub column: usize,
    pub runs: Vec<Run>,
}

/// Neighbouring values of the input, each of which belongs to a row of 16 weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Of the first value, for the first window position.
    pub start: usize,
    pub count: usize,
    /// The first value's row of weights.
    pub weights: usize,
    /// From one value's row of weights to the next one's.
    pub stride: usize,
}

impl Correlation {
    /// Adds one image's part to `sums`.
    ///
    /// # Panics
    /// if a run reaches beyond a slice.
    pub fn add(&self, x: &[f32], gradient: &[f32], sums: &mut [f32], instructions: Instructions) {
        assert!(self.height > 0 && self.width > 0);
        assert!((self.height - 1) * self.gradient_row + self.width * LANES <= gradient.len());
        let last = (self.height - 1) * self.row + (self.width - 1) * self.column;
        for run in &self.runs {
            assert!(run.count > 0 && last + run.start + run.count <= x.len());
            assert!(run.weights + (run.count - 1) * run.stride + LANES <= sums.len());
        }
        let (x, gradient, sums) = (x.as_ptr(), gradient.as_ptr(), sums.as_mut_ptr());
        // SAFETY: all addresses lie inside the slices, by the assertions; `instructions` are available.
        unsafe {
            match instructions {
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => correlate_avx512(self, x, gradient, sums),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => correlate_avx2(self, x, gradient, sums),
                _ => correlate::<Portable>(self, x, gradient, sums),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn correlate_avx512(job: &Correlation, x: *const f32, gradient: *const f32, sums: *mut f32) {
    // SAFETY: passed on.
    unsafe { correlate::<x86::Avx512>(job, x, gradient, sums) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn correlate_avx2(job: &Correlation, x: *const f32, gradient: *const f32, sums: *mut f32) {
    // SAFETY: passed on.
    unsafe { correlate::<x86::Avx2>(job, x, gradient, sums) }
}

/// # Safety
/// The assertions of [`Correlation::add`] hold, and the processor has the instructions.
#[inline(always)]
unsafe fn correlate<L: Lanes>(job: &Correlation, x: *const f32, gradient: *const f32, sums: *mut f32) {
    macro_rules! widths {
        ($count:expr, $x:expr, $sums:expr, $stride:expr; $($n:literal)*) => {
            match $count {
                $($n if $n <= L::PRODUCTS => products::<L, $n>(job, $x, gradient, $sums, $stride),)*
                _ => unreachable!("at most {} values at a time", L::PRODUCTS),
            }
        };
    }
    for run in &job.runs {
        let mut done = 0;
        while done < run.count {
            let left = run.count - done;
            let count = left.div_ceil(left.div_ceil(L::PRODUCTS));
            // SAFETY: passed on.
            unsafe {
                let (x, sums) = (x.add(run.start + done), sums.add(run.weights + done * run.stride));
                widths!(count, x, sums, run.stride; 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
            }
            done += count;
        }
    }
}

/// # Safety
/// As [`correlate`], for `N` values from `x` on.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // as above
unsafe fn products<L: Lanes, const N: usize>(
    job: &Correlation,
    x: *const f32,
    gradient: *const f32,
    sums: *mut f32,
    stride: usize,
) {
    // SAFETY: passed on.
    unsafe {
        let mut acc = [L::zero(); N];
        for (n, acc) in acc.iter_mut().enumerate() {
            *acc = L::load(sums.add(n * stride));
        }
        for row in 0..job.height {
            let mut x = x.add(row * job.row);
            let mut gradient = gradient.add(row * job.gradient_row);
            for _ in 0..job.width {
                let factor = L::load(gradient);
                for n in 0..N {
                    acc[n] = L::splat(x.add(n)).multiply_add(factor, acc[n]);
                }
                // One past the last pixel at most, or somewhere beyond it that is not read.
                x = x.wrapping_add(job.column);
                gradient = gradient.wrapping_add(LANES);
            }
        }
        for (n, acc) in acc.iter().enumerate() {
            acc.store(sums.add(n * stride));
        }
    }
}
