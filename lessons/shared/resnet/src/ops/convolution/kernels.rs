//! The inner loops, and the only `unsafe` of this crate.
//!
//! A [`Job`] says where a convolution reads and writes. Its safe entry, [`Job::run`], compares every address that the job
//! can form with the slices it is given, once; below it, pointers are not checked again.
#![allow(unsafe_code)] // vector registers and the matrix product take pointers, and tasks write into one output

use std::marker::PhantomData;
use std::ptr::{null, null_mut};

use super::job::{Cut, Job, LANES, Source, Spread, Task};
use crate::ops::Instructions;
use crate::ops::element::Element;
use crate::ops::program::{Arguments, Notes, Piece, Place, Program, RunNotes, Step};
use crate::ops::steps::in_steps;

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
    /// `self · factor + summand`, rounded twice, as operations one after the other do.
    unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// 0 instead of what is negative; NaN stays.
    unsafe fn relu(self) -> Self;
    /// A bit for each value above 0.
    unsafe fn positive(self) -> u16;
    /// 0 where there is no bit.
    unsafe fn only(self, bits: u16) -> Self;
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
        #[inline(always)]
        unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self {
            unsafe { Self(_mm512_add_ps(_mm512_mul_ps(self.0, factor.0), summand.0)) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { Self(_mm512_add_ps(self.0, other.0)) }
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            unsafe { Self(_mm512_max_ps(_mm512_setzero_ps(), self.0)) } // the second where one is NaN
        }
        #[inline(always)]
        unsafe fn positive(self) -> u16 {
            unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps()) }
        }
        #[inline(always)]
        unsafe fn only(self, bits: u16) -> Self {
            unsafe { Self(_mm512_maskz_mov_ps(bits, self.0)) }
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
        #[inline(always)]
        unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self {
            unsafe {
                Self(
                    _mm256_add_ps(_mm256_mul_ps(self.0, factor.0), summand.0),
                    _mm256_add_ps(_mm256_mul_ps(self.1, factor.1), summand.1),
                )
            }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            unsafe {
                let zero = _mm256_setzero_ps();
                Self(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
            }
        }
        #[inline(always)]
        unsafe fn positive(self) -> u16 {
            unsafe {
                let zero = _mm256_setzero_ps();
                let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, zero));
                let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.1, zero));
                (low | high << 8) as u16
            }
        }
        #[inline(always)]
        unsafe fn only(self, bits: u16) -> Self {
            unsafe {
                let places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
                let low = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits & 0xff)), places);
                let high = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits >> 8)), places);
                let low = _mm256_castsi256_ps(_mm256_cmpeq_epi32(low, places));
                let high = _mm256_castsi256_ps(_mm256_cmpeq_epi32(high, places));
                Self(_mm256_and_ps(self.0, low), _mm256_and_ps(self.1, high))
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
    #[inline(always)]
    unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self {
        unsafe { self.multiply_add(factor, summand) } // there is no other way without fused multiplication
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self(self.0.map(|value| if value <= 0.0 { 0.0 } else { value }))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        (0..LANES).fold(0, |bits, i| bits | u16::from(self.0[i] > 0.0) << i)
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        Self(std::array::from_fn(
            |i| if bits >> i & 1 == 1 { self.0[i] } else { 0.0 },
        ))
    }
}

/// A pointer that several threads may write through, each to its own elements.
struct Shared<'a, T>(*mut T, PhantomData<&'a mut [T]>);
// SAFETY: every use below writes to elements that belong to one task alone, and to nothing that is read meanwhile.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<T> Shared<'_, T> {
    fn start(&self) -> *mut T {
        self.0
    }
}

/// The memory of one convolution, whose addresses have been compared with the job's.
#[derive(Clone, Copy)]
struct Operands {
    x: *const f32,
    weights: *const f32,
    y: *mut f32,
    /// Null pointers where nothing is to be done.
    scale: *const f32,
    shift: *const f32,
    residual: *const f32,
    relu: bool,
    keep: *mut u16,
    gate: *const u16,
}

impl Job {
    /// Computes all outputs.
    ///
    /// # Panics
    /// if the job reaches beyond a slice.
    pub fn run(&self, x: &[f32], weights: &[f32], y: &mut [f32], instructions: Instructions) {
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
            // the target is injective and each (image, block, row) belongs to one task; `instructions` are available.
            unsafe { self.outputs(self.task(&cut, task), operands, instructions) }
        });
    }

    /// # Safety
    /// [`Self::check`] has passed for the operands, nobody else uses the task's outputs, and the processor has the
    /// instructions.
    unsafe fn outputs(&self, task: Task, operands: Operands, instructions: Instructions) {
        // SAFETY: passed on.
        unsafe {
            match (instructions, self.source.column) {
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

impl Program {
    /// Runs the steps in order.
    ///
    /// # Panics
    /// if the arguments are not of the sizes that the program was made for.
    pub fn run(&self, arguments: Arguments, instructions: Instructions, threads: usize) {
        self.check_arguments(&arguments);
        let cuts = self.cuts(instructions, threads);
        let tasks: Vec<usize> = cuts.iter().map(Cut::tasks).collect();
        let Arguments {
            input,
            output,
            memory,
            notes,
            weights,
            affine,
        } = arguments;
        let (output, memory) = (
            Shared(output.as_mut_ptr(), PhantomData),
            Shared(memory.as_mut_ptr(), PhantomData),
        );
        // Read-only notes are written by no step, as `check_arguments` has seen.
        let notes = Shared(
            match notes {
                RunNotes::None => null_mut(),
                RunNotes::Write(notes) => notes.as_mut_ptr(),
                RunNotes::Read(notes) => notes.as_ptr().cast_mut(),
            },
            PhantomData::<&mut [u16]>,
        );
        let read = |place: Place| match place {
            Place::Input => (input.as_ptr(), input.len()),
            Place::Output => unreachable!("the output is not read"),
            Place::Memory(start, length) => (memory.start().wrapping_add(start).cast_const(), length),
        };
        let written = |place: Place| match place {
            Place::Input => unreachable!("the input is not written"),
            Place::Output => output.start(),
            Place::Memory(start, _) => memory.start().wrapping_add(start),
        };
        in_steps(threads, &tasks, |step, task| match &self.steps()[step] {
            Step::Convolve(step_of) => {
                let finish = &step_of.finish;
                let (scale, shift) = match finish.affine {
                    None => (null(), null()),
                    Some(index) => (affine[index].0.as_ptr(), affine[index].1.as_ptr()),
                };
                let operands = Operands {
                    x: read(step_of.x).0,
                    weights: weights[step_of.weights].as_ptr(),
                    y: written(step_of.y),
                    scale,
                    shift,
                    residual: finish.residual.map_or(null(), |place| read(place).0),
                    relu: finish.relu,
                    keep: finish
                        .keep
                        .map_or(null_mut(), |start| notes.start().wrapping_add(start)),
                    gate: finish
                        .gate
                        .map_or(null(), |start| notes.start().wrapping_add(start).cast_const()),
                };
                let task = step_of.job.task(&cuts[step], task);
                // SAFETY: `Program::new` and `check_arguments` have compared all addresses with the memory; steps run one
                // after the other, a step does not read what it writes, and its tasks write different elements.
                unsafe { step_of.job.outputs(task, operands, instructions) }
            }
            Step::Pieces(step_of) => {
                let (x, length) = read(step_of.x);
                let (mut written_notes, mut read_notes) = ((null_mut(), 0), (null(), 0));
                match step_of.notes {
                    Notes::None => {}
                    Notes::Write(start, length) => {
                        written_notes = (notes.start().wrapping_add(start + task * length), length);
                    }
                    Notes::Read(start, length) => {
                        read_notes = (notes.start().wrapping_add(start).cast_const(), length);
                    }
                }
                // SAFETY: as above; each piece, of the output and of written notes, belongs to one task.
                let piece = unsafe {
                    Piece {
                        index: task,
                        x: std::slice::from_raw_parts(x, length),
                        y: std::slice::from_raw_parts_mut(
                            written(step_of.y).wrapping_add(task * step_of.piece),
                            step_of.piece,
                        ),
                        weights: step_of.weights.map_or(&[], |index| weights[index]),
                        written: match written_notes {
                            (_, 0) => &mut [],
                            (start, length) => std::slice::from_raw_parts_mut(start, length),
                        },
                        read: match read_notes {
                            (_, 0) => &[],
                            (start, length) => std::slice::from_raw_parts(start, length),
                        },
                        instructions,
                    }
                };
                (step_of.function)(piece);
            }
        });
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512<const COLUMN: usize>(job: &Job, task: Task, operands: Operands) {
    // SAFETY: passed on.
    unsafe { outputs::<x86::Avx512, COLUMN>(job, task, operands) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const COLUMN: usize>(job: &Job, task: Task, operands: Operands) {
    // SAFETY: passed on.
    unsafe { outputs::<x86::Avx2, COLUMN>(job, task, operands) }
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
                // SAFETY: `Job::check`.
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
    operands: Operands,
) {
    let target = &job.target;
    for m in 0..task.blocks {
        let block = task.block + m;
        let at = target.offset + task.image * target.image + block * target.block + row * target.row;
        let first = at + column * target.column;
        let sums = &sums[m * count..][..count];
        // SAFETY: `Job::check`.
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

impl Spread {
    /// Row `y` of an image's gradient, `[3, width]`, from the planes of the output's gradient.
    ///
    /// # Panics
    /// if the row reaches beyond a slice.
    pub fn row(&self, y: usize, planes: &[f32], weights: &[f32], row: &mut [f32], instructions: Instructions) {
        assert!(y < self.height && self.planes > 0 && row.len() == Self::CHANNELS * self.width);
        assert!(self.phases.len() == self.step * self.step);
        let of_row = &self.phases[y % self.step * self.step..][..self.step];
        for (first, phase) in of_row.iter().enumerate() {
            let columns = self
                .width
                .saturating_sub(first)
                .div_ceil(self.step)
                .next_multiple_of(LANES);
            assert!(phase.weights + self.planes * phase.taps.len() * Self::CHANNELS <= weights.len());
            if let Some(last) = phase.taps.iter().max() {
                assert!((self.planes - 1) * self.plane + y / self.step * self.row + last + columns <= planes.len());
            }
        }
        let (planes, weights) = (planes.as_ptr(), weights.as_ptr());
        // SAFETY: all reads lie inside the slices, by the assertions; `instructions` are available.
        unsafe {
            match instructions {
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => spread_avx512(self, y, planes, weights, row),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => spread_avx2(self, y, planes, weights, row),
                _ => spread::<Portable, 1>(self, y, planes, weights, row),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn spread_avx512(job: &Spread, y: usize, planes: *const f32, weights: *const f32, row: &mut [f32]) {
    // SAFETY: passed on.
    unsafe { spread::<x86::Avx512, 4>(job, y, planes, weights, row) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn spread_avx2(job: &Spread, y: usize, planes: *const f32, weights: *const f32, row: &mut [f32]) {
    // SAFETY: passed on.
    unsafe { spread::<x86::Avx2, 2>(job, y, planes, weights, row) }
}

/// `V` registers of columns at a time.
///
/// # Safety
/// The assertions of [`Spread::row`] hold, and the processor has the instructions.
#[inline(always)]
unsafe fn spread<L: Lanes, const V: usize>(
    job: &Spread,
    y: usize,
    planes: *const f32,
    weights: *const f32,
    row: &mut [f32],
) {
    let of_row = &job.phases[y % job.step * job.step..][..job.step];
    for (first, phase) in of_row.iter().enumerate() {
        let columns = job.width.saturating_sub(first).div_ceil(job.step);
        let mut column = 0;
        while column < columns {
            let start = y / job.step * job.row + column;
            let width = if columns - column > (V - 1) * LANES { V } else { 1 };
            let mut sums = [[0f32; LANES]; 12];
            // SAFETY: passed on; a tile ends at the next multiple of 16 columns at most.
            unsafe {
                let (planes, weights) = (planes.add(start), weights.add(phase.weights));
                let sums = sums.as_mut_ptr().cast();
                match width == V {
                    true => spread_tile::<L, V>(job, &phase.taps, planes, weights, sums),
                    false => spread_tile::<L, 1>(job, &phase.taps, planes, weights, sums),
                }
            }
            let count = (width * LANES).min(columns - column);
            for channel in 0..Spread::CHANNELS {
                let sums = sums[channel * width..][..width].as_flattened();
                let from = channel * job.width + first + column * job.step;
                for (n, sum) in sums[..count].iter().enumerate() {
                    row[from + n * job.step] = *sum;
                }
            }
            column += count;
        }
    }
}

/// # Safety
/// As [`spread`]; `sums` holds `3 · V` registers.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // as above
unsafe fn spread_tile<L: Lanes, const V: usize>(
    job: &Spread,
    taps: &[usize],
    planes: *const f32,
    weights: *const f32,
    sums: *mut f32,
) {
    // SAFETY: passed on.
    unsafe {
        let mut acc = [[L::zero(); V]; Spread::CHANNELS];
        let mut weights = weights;
        for plane in 0..job.planes {
            let planes = planes.add(plane * job.plane);
            for &tap in taps {
                let mut values = [L::zero(); V];
                for v in 0..V {
                    values[v] = L::load(planes.add(tap + v * LANES));
                }
                for channel in 0..Spread::CHANNELS {
                    let weight = L::splat(weights.add(channel));
                    for v in 0..V {
                        acc[channel][v] = values[v].multiply_add(weight, acc[channel][v]);
                    }
                }
                weights = weights.add(Spread::CHANNELS);
            }
        }
        for channel in 0..Spread::CHANNELS {
            for v in 0..V {
                acc[channel][v].store(sums.add((channel * V + v) * LANES));
            }
        }
    }
}

/// Runs `f`, compiled for these instructions where it is inlined.
pub(crate) fn vectorize<T>(instructions: Instructions, f: impl FnOnce() -> T) -> T {
    match instructions {
        // SAFETY: `instructions` are available.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { vectorize_avx512(f) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { vectorize_avx2(f) },
        _ => f(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn vectorize_avx512<T>(f: impl FnOnce() -> T) -> T {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn vectorize_avx2<T>(f: impl FnOnce() -> T) -> T {
    f()
}
