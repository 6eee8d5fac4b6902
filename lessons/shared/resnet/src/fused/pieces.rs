//! What happens between convolutions: the way into blocks and out of them, and max-pooling.

use crate::Window;
use crate::ops::convolution::job::LANES;
use crate::ops::convolution::kernels::vectorize;
use crate::ops::convolution::packing::Padded;
use crate::ops::program::Function;

/// One plane of `[channels, height, width]` into a layout.
pub(super) fn pack(to: Padded) -> Function {
    Box::new(move |piece| {
        let area = to.height * to.width;
        let channels = piece
            .x
            .chunks(to.lanes * area)
            .nth(piece.index)
            .expect("a plane's channels");
        vectorize(piece.instructions, || to.pack_plane(channels, piece.y));
    })
}

/// [`pack`], with 0 where the notes say that the output was not positive.
pub(super) fn pack_gated(to: Padded) -> Function {
    Box::new(move |piece| {
        let area = to.height * to.width;
        let channels = piece
            .x
            .chunks(LANES * area)
            .nth(piece.index)
            .expect("a plane's channels");
        let notes = &piece.read[piece.index * area..][..area];
        vectorize(piece.instructions, || {
            to.pack_plane(channels, piece.y);
            for y in 0..to.height {
                let row = &mut piece.y[to.at(y as isize, 0)..][..to.width * LANES];
                for (pixel, &bits) in row.chunks_exact_mut(LANES).zip(&notes[y * to.width..]) {
                    for (lane, value) in pixel.iter_mut().enumerate() {
                        *value = if bits >> lane & 1 == 1 { *value } else { 0.0 };
                    }
                }
            }
        });
    })
}

/// One channel out of blocks.
pub(super) fn unpack(from: Padded) -> Function {
    Box::new(move |piece| {
        let (block, lane) = (piece.index / LANES, piece.index % LANES);
        for (y, target) in piece.y.chunks_exact_mut(from.width).enumerate() {
            let row = &piece.x[block * from.plane() + from.at(y as isize, 0)..][..from.width * LANES];
            for (value, pixel) in target.iter_mut().zip(row.chunks_exact(LANES)) {
                *value = pixel[lane];
            }
        }
    })
}

/// One channel out of blocks into a layout of planes.
pub(super) fn to_planes(from: Padded, to: Padded) -> Function {
    Box::new(move |piece| {
        let (block, lane) = (piece.index / LANES, piece.index % LANES);
        for y in 0..from.height {
            let target = &mut piece.y[to.at(y as isize, 0)..][..from.width];
            let row = &piece.x[block * from.plane() + from.at(y as isize, 0)..][..from.width * LANES];
            for (value, pixel) in target.iter_mut().zip(row.chunks_exact(LANES)) {
                *value = pixel[lane];
            }
        }
    })
}

/// Notes that a pool makes per row of its output: which tap of the window was the maximum, for each pixel and channel.
pub(super) fn notes_of_row(output: &Padded) -> usize {
    output.width * LANES
}

/// No tap: the maximum was not positive, so no gradient passes the ReLU before the pool.
const NONE: u16 = u16::MAX;

/// One row, border or not, of one block of the pool's output. NaN wins; of equal maxima the first.
pub(super) fn max_pool(window: Window, input: Padded, output: Padded) -> Function {
    assert_eq!(window.dilation, 1, "the pool of a stem has no dilation");
    Box::new(move |piece| {
        let rows = output.height + 2 * output.border;
        let (block, row) = (piece.index / rows, piece.index % rows);
        let Some(oy) = row.checked_sub(output.border).filter(|&oy| oy < output.height) else {
            return;
        };
        let x = &piece.x[block * input.plane()..][..input.plane()];
        let y = &mut piece.y[output.border * LANES..][..output.width * LANES];
        vectorize(piece.instructions, || {
            if piece.written.is_empty() {
                pool_row(window, &input, x, oy, y)
            } else {
                pool_row_with_notes(window, &input, x, oy, y, piece.written)
            }
        });
    })
}

#[inline(always)]
fn pixel(x: &[f32], at: usize) -> &[f32; LANES] {
    x[at..at + LANES].try_into().expect("sixteen channels")
}

/// The taps along one axis under window position `position` that lie inside `length` pixels. No dilation.
#[inline(always)]
fn taps(window: Window, position: usize, length: usize) -> std::ops::Range<usize> {
    let start = position * window.stride;
    window.padding.saturating_sub(start)..(length + window.padding - start).min(window.kernel)
}

/// Calls `see(tap, values)` for every pixel under window position (`oy`, `ox`), row by row.
#[inline(always)]
fn for_each_under(
    window: Window,
    input: &Padded,
    x: &[f32],
    (oy, ox): (usize, usize),
    mut see: impl FnMut(u32, &[f32; LANES]),
) {
    for ky in taps(window, oy, input.height) {
        let row = &x[input.at((oy * window.stride + ky - window.padding) as isize, 0)..][..input.width * LANES];
        for kx in taps(window, ox, input.width) {
            let tap = (ky * window.kernel + kx) as u32;
            see(tap, pixel(row, (ox * window.stride + kx - window.padding) * LANES));
        }
    }
}

#[inline(always)]
fn pool_row(window: Window, input: &Padded, x: &[f32], oy: usize, y: &mut [f32]) {
    for (ox, target) in y.chunks_exact_mut(LANES).enumerate() {
        let mut best = [f32::NEG_INFINITY; LANES];
        for_each_under(window, input, x, (oy, ox), |_, values| {
            for (best, &value) in best.iter_mut().zip(values) {
                *best = if value > *best || value.is_nan() { value } else { *best };
            }
        });
        target.copy_from_slice(&best);
    }
}

#[inline(always)]
fn pool_row_with_notes(window: Window, input: &Padded, x: &[f32], oy: usize, y: &mut [f32], notes: &mut [u16]) {
    let pixels = y.chunks_exact_mut(LANES).zip(notes.chunks_exact_mut(LANES));
    for (ox, (target, notes)) in pixels.enumerate() {
        let mut best = [f32::NEG_INFINITY; LANES];
        let mut chosen = [0u32; LANES];
        for_each_under(window, input, x, (oy, ox), |tap, values| {
            for ((best, chosen), &value) in best.iter_mut().zip(&mut chosen).zip(values) {
                let wins = (value > *best) | (value.is_nan() & !best.is_nan());
                *best = if wins { value } else { *best };
                *chosen = if wins { tap } else { *chosen };
            }
        });
        target.copy_from_slice(&best);
        for ((note, &best), &chosen) in notes.iter_mut().zip(&best).zip(&chosen) {
            *note = if best > 0.0 { chosen as u16 } else { NONE };
        }
    }
}

/// One row, border or not, of one block of the gradient of the pool's input: from each window that covers a pixel, the
/// output's gradient if the pixel was the maximum.
pub(super) fn unpool(window: Window, input: Padded, output: Padded) -> Function {
    Box::new(move |piece| {
        let rows = input.height + 2 * input.border;
        let (block, row) = (piece.index / rows, piece.index % rows);
        let Some(iy) = row.checked_sub(input.border).filter(|&iy| iy < input.height) else {
            return;
        };
        let gradient = &piece.x[block * output.plane()..][..output.plane()];
        let notes_of_block = notes_of_row(&output) * (output.height + 2 * output.border);
        let notes = &piece.read[block * notes_of_block..][..notes_of_block];
        let dx = &mut piece.y[input.border * LANES..][..input.width * LANES];
        vectorize(piece.instructions, || {
            unpool_row(window, &output, gradient, notes, iy, dx)
        });
    })
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

#[inline(always)]
fn unpool_row(window: Window, output: &Padded, gradient: &[f32], notes: &[u16], iy: usize, dx: &mut [f32]) {
    let Window { kernel, padding, .. } = window;
    match window.stride {
        2 => unpool_row_of((kernel, 2, padding), output, gradient, notes, iy, dx), // no division by a constant
        stride => unpool_row_of((kernel, stride, padding), output, gradient, notes, iy, dx),
    }
}

#[inline(always)]
fn unpool_row_of(
    sizes: (usize, usize, usize),
    output: &Padded,
    gradient: &[f32],
    notes: &[u16],
    iy: usize,
    dx: &mut [f32],
) {
    for (ix, target) in dx.chunks_exact_mut(LANES).enumerate() {
        let mut sum = [0.0; LANES];
        for (ky, oy) in over(sizes, iy, output.height) {
            let gradient = &gradient[output.at(oy as isize, 0)..][..output.width * LANES];
            let notes = &notes[(oy + output.border) * output.width * LANES..][..output.width * LANES];
            for (kx, ox) in over(sizes, ix, output.width) {
                let tap = (ky * sizes.0 + kx) as u16;
                let notes: &[u16; LANES] = notes[ox * LANES..][..LANES].try_into().expect("sixteen notes");
                for ((sum, &note), &value) in sum.iter_mut().zip(notes).zip(pixel(gradient, ox * LANES)) {
                    *sum += if note == tap { value } else { 0.0 };
                }
            }
        }
        target.copy_from_slice(&sum);
    }
}
