//! Max-pooling of blocks of channels, and its gradient.

use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::Window;
use crate::ops::convolution::job::LANES;
use crate::ops::convolution::packing::Padded;
use crate::ops::{Chosen, Instructions};

/// A max-pool without dilation from one layout of blocks to another. The border counts as −∞; NaN wins; of equal maxima
/// the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pool {
    window: Window,
    input: Padded,
    output: Padded,
}

/// Taps of the largest window.
const MOST_TAPS: usize = 49;

impl Pool {
    /// # Panics
    /// if the window is dilated or has more than 7·7 taps, or a layout is not of blocks or does not belong to it.
    pub fn new(window: Window, input: Padded, output: Padded) -> Self {
        assert!(window.dilation == 1 && window.stride > 0 && window.kernel * window.kernel <= MOST_TAPS);
        assert!(input.lanes == LANES && output.lanes == LANES && 2 * window.padding <= window.kernel);
        for (length, positions) in [(input.height, output.height), (input.width, output.width)] {
            assert!(positions > 0 && window.positions(length).is_ok_and(|fit| fit == positions));
        }
        Self { window, input, output }
    }

    pub fn input(&self) -> &Padded {
        &self.input
    }

    pub fn output(&self) -> &Padded {
        &self.output
    }

    /// Notes of a row of outputs: for each pixel and tap a bit for each channel in which the tap was the maximum, and
    /// positive; else no gradient passes the ReLU before the pool.
    pub fn notes_of_row(&self) -> usize {
        self.output.width * self.taps()
    }

    fn taps(&self) -> usize {
        self.window.kernel * self.window.kernel
    }

    /// Row `oy` of a block's output, `[width, 16]`, and its notes, if that is not empty. `x` is the block's input.
    ///
    /// # Panics
    /// if a slice is too short.
    pub fn row(&self, oy: usize, x: &[f32], y: &mut [f32], notes: &mut [u16], instructions: Chosen) {
        assert!(oy < self.output.height && x.len() >= self.input.plane());
        assert!(y.len() >= self.output.width * LANES && (notes.is_empty() || notes.len() >= self.notes_of_row()));
        // SAFETY: `x` holds the whole block and `y` and the notes the whole row; the processor has what was `Chosen`.
        unsafe {
            match instructions.get() {
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => row_avx512(self, oy, x, y, notes),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => row_avx2(self, oy, x, y, notes),
                _ => row::<Portable>(self, oy, x, y, notes),
            }
        }
    }

    /// Row `iy` of the gradient of a block's input, `[width, 16]`: of each window that covers a pixel, the output's gradient
    /// where the pixel was the maximum. `gradient` is that of the block's output, `notes` are those of all of its rows.
    ///
    /// # Panics
    /// if a slice is too short.
    pub fn gradient_row(&self, iy: usize, gradient: &[f32], notes: &[u16], dx: &mut [f32], instructions: Chosen) {
        assert!(iy < self.input.height && gradient.len() >= self.output.plane());
        assert!(dx.len() >= self.input.width * LANES && notes.len() >= self.output.height * self.notes_of_row());
        // SAFETY: `gradient` and the notes hold the whole block and `dx` the whole row; the processor has what was `Chosen`.
        unsafe {
            match instructions.get() {
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx512 => gradient_row_avx512(self, iy, gradient, notes, dx),
                #[cfg(target_arch = "x86_64")]
                Instructions::Avx2 => gradient_row_avx2(self, iy, gradient, notes, dx),
                _ => gradient_row::<Portable>(self, iy, gradient, notes, dx),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn row_avx512(pool: &Pool, oy: usize, x: &[f32], y: &mut [f32], notes: &mut [u16]) {
    // SAFETY: the caller has checked the slices, and calls this where the processor has the instructions.
    unsafe { row::<Avx512>(pool, oy, x, y, notes) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn row_avx2(pool: &Pool, oy: usize, x: &[f32], y: &mut [f32], notes: &mut [u16]) {
    // SAFETY: the caller has checked the slices, and calls this where the processor has the instructions.
    unsafe { row::<Avx2>(pool, oy, x, y, notes) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn gradient_row_avx512(pool: &Pool, iy: usize, gradient: &[f32], notes: &[u16], dx: &mut [f32]) {
    // SAFETY: the caller has checked the slices, and calls this where the processor has the instructions.
    unsafe { gradient_row::<Avx512>(pool, iy, gradient, notes, dx) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn gradient_row_avx2(pool: &Pool, iy: usize, gradient: &[f32], notes: &[u16], dx: &mut [f32]) {
    // SAFETY: the caller has checked the slices, and calls this where the processor has the instructions.
    unsafe { gradient_row::<Avx2>(pool, iy, gradient, notes, dx) }
}

/// The taps along one axis under window position `position` that lie inside `length` pixels.
#[inline(always)]
fn inside(window: Window, position: usize, length: usize) -> std::ops::Range<usize> {
    let start = position * window.stride;
    window.padding.saturating_sub(start)..(length + window.padding - start).min(window.kernel)
}

/// # Safety
/// The assertions of [`Pool::row`] hold, and the processor has the instructions.
#[inline(always)]
unsafe fn row<L: Lanes>(pool: &Pool, oy: usize, x: &[f32], y: &mut [f32], notes: &mut [u16]) {
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = pool.window;
    let down = inside(pool.window, oy, pool.input.height);
    let first_row = pool.input.at((oy * stride + down.start - padding) as isize, 0);
    for ox in 0..pool.output.width {
        let across = inside(pool.window, ox, pool.input.width);
        let first = first_row + (ox * stride + across.start - padding) * LANES;
        // SAFETY: `down` and `across` are taps inside of the image, which lies inside of the block; there is at least one,
        // for the padding is at most half the window.
        unsafe {
            let first = x.as_ptr().add(first);
            let largest = if notes.is_empty() {
                largest::<L>(first, pool.input.row(), down.len(), across.len())
            } else {
                let notes = &mut notes[ox * kernel * kernel..][..kernel * kernel];
                largest_with_notes::<L>(first, pool.input.row(), &down, &across, kernel, notes)
            };
            largest.store(y.as_mut_ptr().add(ox * LANES));
        }
    }
}

/// # Safety
/// So many rows and columns of pixels, of 16 channels each, lie from `first` on.
#[inline(always)]
unsafe fn largest<L: Lanes>(first: *const f32, row: usize, rows: usize, columns: usize) -> L {
    // SAFETY: the caller has promised the pixels.
    unsafe {
        let mut best = L::load(first);
        for ky in 0..rows {
            let first = first.add(ky * row);
            if columns == 3 {
                // Nearly always, and without a loop.
                for kx in 0..3 {
                    best = L::load(first.add(kx * LANES)).or_larger(best);
                }
            } else {
                for kx in 0..columns {
                    best = L::load(first.add(kx * LANES)).or_larger(best);
                }
            }
        }
        best
    }
}

/// # Safety
/// As [`largest`]; the taps are less than `kernel`, and there are `kernel²` notes.
#[inline(always)]
unsafe fn largest_with_notes<L: Lanes>(
    first: *const f32,
    row: usize,
    down: &std::ops::Range<usize>,
    across: &std::ops::Range<usize>,
    kernel: usize,
    notes: &mut [u16],
) -> L {
    notes.fill(0);
    // SAFETY: the caller has promised the pixels.
    unsafe {
        let mut best = L::load(first);
        notes[down.start * kernel + across.start] = u16::MAX;
        for ky in down.clone() {
            let first = first.add((ky - down.start) * row);
            for kx in across.clone() {
                let value = L::load(first.add((kx - across.start) * LANES));
                notes[ky * kernel + kx] |= value.beats(best);
                best = value.or_larger(best);
            }
        }
        // The last that was better than those before it is the maximum.
        let mut open = best.positive();
        for note in notes.iter_mut().rev() {
            let won = *note & open;
            open &= !won;
            *note = won;
        }
        best
    }
}

/// The window positions along one axis that cover `pixel`, as (tap, position).
#[inline(always)]
fn over(
    (kernel, stride, padding): (usize, usize, usize),
    pixel: usize,
    positions: usize,
) -> impl Iterator<Item = (usize, usize)> + Clone {
    let taps = (pixel + padding) % stride..kernel.min(pixel + padding + 1);
    taps.step_by(stride)
        .map(move |tap| (tap, (pixel + padding - tap) / stride))
        .filter(move |&(_, position)| position < positions)
}

/// # Safety
/// The assertions of [`Pool::gradient_row`] hold, and the processor has the instructions.
#[inline(always)]
unsafe fn gradient_row<L: Lanes>(pool: &Pool, iy: usize, gradient: &[f32], notes: &[u16], dx: &mut [f32]) {
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = pool.window;
    // SAFETY: the caller has promised the same.
    unsafe {
        match stride {
            2 => gradient_row_of::<L>(pool, (kernel, 2, padding), iy, gradient, notes, dx), // no division by a variable
            stride => gradient_row_of::<L>(pool, (kernel, stride, padding), iy, gradient, notes, dx),
        }
    }
}

/// # Safety
/// As [`gradient_row`]; `sizes` are those of the window.
#[inline(always)]
unsafe fn gradient_row_of<L: Lanes>(
    pool: &Pool,
    sizes: (usize, usize, usize),
    iy: usize,
    gradient: &[f32],
    notes: &[u16],
    dx: &mut [f32],
) {
    let taps = pool.taps();
    for ix in 0..pool.input.width {
        // SAFETY: `over` gives positions inside of the output, whose gradient and notes the slices hold.
        unsafe {
            let mut sum = L::zero();
            for (ky, oy) in over(sizes, iy, pool.output.height) {
                let row = pool.output.at(oy as isize, 0);
                for (kx, ox) in over(sizes, ix, pool.output.width) {
                    let won = *notes
                        .as_ptr()
                        .add((oy * pool.output.width + ox) * taps + ky * sizes.0 + kx);
                    sum = sum.add(L::load(gradient.as_ptr().add(row + ox * LANES)).only(won));
                }
            }
            sum.store(dx.as_mut_ptr().add(ix * LANES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of all instructions against a loop over windows, with ties, negative values and NaN.
    #[test]
    fn the_maximum_and_who_it_was() {
        let windows = [
            (2, 2, 0),
            (3, 2, 1),
            (3, 1, 1),
            (3, 3, 1),
            (5, 2, 2),
            (7, 4, 3),
            (1, 2, 0),
        ];
        for (kernel, stride, padding) in windows {
            let window = Window::new(kernel).stride(stride).padding(padding);
            for (height, width) in [(7, 9), (8, 8), (4, 11)] {
                if window.positions(height.min(width)).is_err() {
                    continue;
                }
                let input = Padded::blocks_of(LANES, height, width, 1);
                let (out_height, out_width) = (window.positions(height).unwrap(), window.positions(width).unwrap());
                let output = Padded::blocks_of(LANES, out_height, out_width, 1);
                let pool = Pool::new(window, input, output);
                let mut x = vec![f32::MAX; input.plane()]; // a border that nobody may read
                let mut state = 1u32;
                for y in 0..height {
                    for at in 0..width * LANES {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let value = (state >> 28) as f32 - 8.0;
                        x[input.at(y as isize, 0) + at] = if state >> 20 & 63 == 0 { f32::NAN } else { value };
                    }
                }
                let mut gradient = vec![0.0; output.plane()];
                for (i, value) in gradient.iter_mut().enumerate() {
                    *value = 1.0 + i as f32;
                }
                for instructions in Instructions::available() {
                    instructions.with(|| check(&pool, &x, &gradient, Instructions::chosen()));
                }
            }
        }
    }

    fn check(pool: &Pool, x: &[f32], gradient: &[f32], chosen: Chosen) {
        let Pool { window, input, output } = *pool;
        let mut notes = vec![7u16; output.height * pool.notes_of_row()];
        let mut expected_dx = vec![0.0; input.height * input.width * LANES];
        for oy in 0..output.height {
            let (mut y, mut again) = (vec![0.0; output.width * LANES], vec![0.0; output.width * LANES]);
            pool.row(oy, x, &mut y, &mut [], chosen);
            let notes = &mut notes[oy * pool.notes_of_row()..][..pool.notes_of_row()];
            pool.row(oy, x, &mut again, notes, chosen);
            assert!(y.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
            for ox in 0..output.width {
                for lane in 0..LANES {
                    let mut best: Option<(f32, usize)> = None;
                    for ky in 0..window.kernel {
                        for kx in 0..window.kernel {
                            let (iy, ix) = (oy * window.stride + ky, ox * window.stride + kx);
                            let (Some(iy), Some(ix)) = (iy.checked_sub(window.padding), ix.checked_sub(window.padding))
                            else {
                                continue;
                            };
                            if iy >= input.height || ix >= input.width {
                                continue;
                            }
                            let value = x[input.at(iy as isize, ix as isize) + lane];
                            let wins = best.is_none_or(|(best, _)| value > best || value.is_nan() && !best.is_nan());
                            if wins {
                                best = Some((value, (iy * input.width + ix) * LANES + lane));
                            }
                        }
                    }
                    let (value, place) = best.expect("a pixel under each window");
                    let got = y[ox * LANES + lane];
                    assert!(
                        got == value || got.is_nan() && value.is_nan(),
                        "{window:?}: {got} for {value}"
                    );
                    if value > 0.0 {
                        expected_dx[place] += gradient[output.at(oy as isize, ox as isize) + lane];
                    }
                }
            }
        }
        for iy in 0..input.height {
            let mut dx = vec![0.0; input.width * LANES];
            pool.gradient_row(iy, gradient, &notes, &mut dx, chosen);
            assert_eq!(
                dx,
                expected_dx[iy * input.width * LANES..][..input.width * LANES],
                "{window:?}"
            );
        }
    }
}
