//! The gradient of an image.

use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::ops::convolution::job::{LANES, Spread};
use crate::ops::{Chosen, Instructions};

impl Spread {
    /// Row `y` of an image's gradient, `[3, width]`, from the planes of the output's gradient.
    ///
    /// # Panics
    /// if the row reaches beyond a slice.
    pub fn row(&self, y: usize, planes: &[f32], weights: &[f32], row: &mut [f32], instructions: Chosen) {
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
        // SAFETY: all reads lie inside the slices, by the assertions; the processor has what was `Chosen`.
        unsafe {
            match instructions.get() {
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
    // SAFETY: the caller has checked the addresses, and calls this where the processor has the instructions.
    unsafe { spread::<Avx512, 4>(job, y, planes, weights, row) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn spread_avx2(job: &Spread, y: usize, planes: *const f32, weights: *const f32, row: &mut [f32]) {
    // SAFETY: the caller has checked the addresses, and calls this where the processor has the instructions.
    unsafe { spread::<Avx2, 2>(job, y, planes, weights, row) }
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
            // SAFETY: `Spread::row` has checked all taps up to whole registers; a tile ends at the next multiple of 16 columns at most.
            unsafe {
                let (planes, weights) = (planes.add(start), weights.add(phase.weights));
                let sums = sums.as_mut_ptr().cast();
                if width == V {
                    spread_tile::<L, V>(job, &phase.taps, planes, weights, sums);
                } else {
                    spread_tile::<L, 1>(job, &phase.taps, planes, weights, sums);
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
    // SAFETY: `Spread::row` has checked the planes and the weights; `sums` is the caller's, of 3 · V registers.
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
