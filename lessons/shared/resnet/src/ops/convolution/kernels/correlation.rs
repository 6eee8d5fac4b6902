//! The gradient of a kernel.

use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::ops::convolution::job::LANES;
use crate::ops::{Chosen, Instructions};

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
    pub fn add(&self, x: &[f32], gradient: &[f32], sums: &mut [f32], instructions: Chosen) {
        assert!(self.height > 0 && self.width > 0);
        assert!((self.height - 1) * self.gradient_row + self.width * LANES <= gradient.len());
        let last = (self.height - 1) * self.row + (self.width - 1) * self.column;
        for run in &self.runs {
            assert!(run.count > 0 && last + run.start + run.count <= x.len());
            assert!(run.weights + (run.count - 1) * run.stride + LANES <= sums.len());
        }
        let (x, gradient, sums) = (x.as_ptr(), gradient.as_ptr(), sums.as_mut_ptr());
        // SAFETY: all addresses lie inside the slices, by the assertions; the processor has what was `Chosen`.
        unsafe {
            match instructions.get() {
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
    // SAFETY: the caller has checked the addresses, and calls this where the processor has the instructions.
    unsafe { correlate::<Avx512>(job, x, gradient, sums) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn correlate_avx2(job: &Correlation, x: *const f32, gradient: *const f32, sums: *mut f32) {
    // SAFETY: the caller has checked the addresses, and calls this where the processor has the instructions.
    unsafe { correlate::<Avx2>(job, x, gradient, sums) }
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
            // SAFETY: `count` values from `done` on are part of a run that `Correlation::add` has checked.
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
    // SAFETY: `Correlation::add` has checked each window position of each value, and the rows of weights.
    unsafe {
        let mut acc = [L::zero(); N];
        // One addition each: longer bodies are unrolled too late for `acc` to stay in registers.
        let mut at = sums;
        for n in 0..N {
            acc[n] = L::load(at);
            at = at.wrapping_add(stride);
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
        let mut at = sums;
        for n in 0..N {
            acc[n].store(at);
            at = at.wrapping_add(stride);
        }
    }
}
