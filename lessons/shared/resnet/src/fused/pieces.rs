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
    Box::new(move |piece| {
        let rows = output.height + 2 * output.border;
        let (block, row) = (piece.index / rows, piece.index % rows);
        let Some(oy) = row.checked_sub(output.border).filter(|&oy| oy < output.height) else {
            return;
        };
        let x = &piece.x[block * input.plane()..][..input.plane()];
        let y = &mut piece.y[output.border * LANES..][..output.width * LANES];
        vectorize(piece.instructions, || match piece.written.is_empty() {
            true => pool_row(window, &input, x, oy, y),
            false => pool_row_with_notes(window, &input, x, oy, y, piece.written),
        });
    })
}

/// The input pixels along one axis under window position `position`, as (tap, pixel).
#[inline(always)]
fn under(window: Window, position: usize, length: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
    (0..window.kernel).filter_map(move |tap| {
        let pixel = (position * window.stride + tap * window.dilation).checked_sub(window.padding)?;
        (pixel < length).then_some((tap, pixel))
    })
}

#[inline(always)]
fn pixel(x: &[f32], at: usize) -> &[f32; LANES] {
    x[at..at + LANES].try_into().expect("sixteen channels")
}

#[inline(always)]
fn pool_row(window: Window, input: &Padded, x: &[f32], oy: usize, y: &mut [f32]) {
    for (ox, target) in y.chunks_exact_mut(LANES).enumerate() {
        let mut best = [f32::NEG_INFINITY; LANES];
        for (_, iy) in under(window, oy, input.height) {
            for (_, ix) in under(window, ox, input.width) {
                let values = pixel(x, input.at(iy as isize, ix as isize));
                for (best, &value) in best.iter_mut().zip(values) {
                    *best = if value > *best || value.is_nan() { value } else { *best };
                }
            }
        }
        target.copy_from_slice(&best);
    }
}

#[inline(always)]
fn pool_row_with_notes(window: Window, input: &Padded, x: &[f32], oy: usize, y: &mut [f32], notes: &mut [u16]) {
    let rows = y.chunks_exact_mut(LANES).zip(notes.chunks_exact_mut(LANES));
    for (ox, (target, notes)) in rows.enumerate() {
        let mut best = [f32::NEG_INFINITY; LANES];
        let mut chosen = [0u32; LANES];
        for (ky, iy) in under(window, oy, input.height) {
            for (kx, ix) in under(window, ox, input.width) {
                let tap = (ky * window.kernel + kx) as u32;
                let values = pixel(x, input.at(iy as isize, ix as isize));
                for lane in 0..LANES {
                    let value = values[lane];
                    let wins = value > best[lane] || (value.is_nan() && !best[lane].is_nan());
                    best[lane] = if wins { value } else { best[lane] };
                    chosen[lane] = if wins { tap } else { chosen[lane] };
                }
            }
        }
        target.copy_from_slice(&best);
        for lane in 0..LANES {
            notes[lane] = if best[lane] > 0.0 { chosen[lane] as u16 } else { NONE };
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
fn over(window: Window, pixel: usize, positions: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
    (0..window.kernel).filter_map(move |tap| {
        let distance = (pixel + window.padding).checked_sub(tap * window.dilation)?;
        let position = distance / window.stride;
        (distance.is_multiple_of(window.stride) && position < positions).then_some((tap, position))
    })
}

#[inline(always)]
fn unpool_row(window: Window, output: &Padded, gradient: &[f32], notes: &[u16], iy: usize, dx: &mut [f32]) {
    for (ix, target) in dx.chunks_exact_mut(LANES).enumerate() {
        let mut sum = [0.0; LANES];
        for (ky, oy) in over(window, iy, output.height) {
            for (kx, ox) in over(window, ix, output.width) {
                let tap = (ky * window.kernel + kx) as u16;
                let values = pixel(gradient, output.at(oy as isize, ox as isize));
                let at = (oy + output.border) * notes_of_row(output) + ox * LANES;
                let notes: &[u16; LANES] = notes[at..at + LANES].try_into().expect("sixteen notes");
                for lane in 0..LANES {
                    sum[lane] += if notes[lane] == tap { values[lane] } else { 0.0 };
                }
            }
        }
        target.copy_from_slice(&sum);
    }
}
