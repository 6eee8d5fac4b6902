//! What happens between convolutions: the way into blocks and out of them, and max-pooling.

use crate::ops::convolution::job::LANES;
use crate::ops::convolution::kernels::{Pool, vectorize};
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
        vectorize(piece.instructions, || {
            to.pack_plane(channels, piece.y, piece.instructions)
        });
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
            to.pack_plane(channels, piece.y, piece.instructions);
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

/// One row, border or not, of one block of the pool's output.
pub(super) fn max_pool(pool: Pool) -> Function {
    Box::new(move |piece| {
        let output = pool.output();
        let Some((block, oy)) = block_and_row(piece.index, output) else {
            return;
        };
        let x = &piece.x[block * pool.input().plane()..];
        let y = &mut piece.y[output.border * LANES..];
        pool.row(oy, x, y, piece.written, piece.instructions);
    })
}

/// One row, border or not, of one block of the gradient of the pool's input.
pub(super) fn unpool(pool: Pool) -> Function {
    Box::new(move |piece| {
        let (input, output) = (pool.input(), pool.output());
        let Some((block, iy)) = block_and_row(piece.index, input) else {
            return;
        };
        let gradient = &piece.x[block * output.plane()..];
        let rows = output.height + 2 * output.border;
        let notes = &piece.read[(block * rows + output.border) * pool.notes_of_row()..];
        let dx = &mut piece.y[input.border * LANES..];
        pool.gradient_row(iy, gradient, notes, dx, piece.instructions);
    })
}

/// Which block and which row of it, if that is not border, a piece of one row is.
fn block_and_row(index: usize, layout: &Padded) -> Option<(usize, usize)> {
    let rows = layout.height + 2 * layout.border;
    let row = (index % rows).checked_sub(layout.border);
    Some((index / rows, row.filter(|&row| row < layout.height)?))
}
