//! The gradient of the kernel, directly: for each tap, the products of an output gradient's 16 channels with the 16
//! channels of the pixels under that tap, summed in registers over all positions of an image.

use rayon::prelude::*;

use super::general::sum_of_parts;
use super::geometry::Geometry;
use super::job::LANES;
use super::kernels::{Correlation, Run};
use super::packing::{self, Padded};
use crate::ops::Instructions;

/// What one block of output channels sums up.
fn correlation(g: &Geometry, input: &Padded, gradient: &Padded) -> Correlation {
    let side = g.window.kernel;
    let place = |tap: usize| tap as isize - g.window.padding as isize;
    let runs = if input.lanes == LANES {
        // Per block of input channels and tap: sixteen channels of a pixel.
        let taps = (0..input.planes()).flat_map(|block| (0..side * side).map(move |tap| (block, tap)));
        taps.map(|(block, tap)| Run {
            start: block * input.plane() + input.at(place(tap / side), place(tap % side)),
            count: LANES,
            weights: (block * side * side + tap) * LANES * LANES,
            stride: LANES,
        })
        .collect()
    } else {
        // Per channel and row of the window: neighbouring pixels.
        let rows = (0..g.in_channels).flat_map(|channel| (0..side).map(move |ky| (channel, ky)));
        rows.map(|(channel, ky)| Run {
            start: channel * input.plane() + input.at(place(ky), place(0)),
            count: side,
            weights: (ky * side * g.in_channels + channel) * LANES,
            stride: g.in_channels * LANES,
        })
        .collect()
    };
    Correlation {
        height: g.out_height,
        width: g.out_width,
        gradient_row: gradient.row(),
        row: g.window.stride * input.row(),
        column: g.window.stride * input.lanes,
        runs,
    }
}

pub(super) fn kernel_gradient(x: &[f32], gradient: &[f32], g: &Geometry) -> Vec<f32> {
    let input = Padded::input(g);
    let blocks = Padded::blocks_of(g.out_channels, g.out_height, g.out_width, 0);
    let (x, gradient) = (input.pack(x), blocks.pack(gradient));
    let job = correlation(g, &input, &blocks);
    let instructions = Instructions::chosen();
    // Few blocks of output channels: the batch is cut as well. The parts do not depend on the number of cores, and are
    // added in a fixed order, so neither does the result.
    const TASKS: usize = 16;
    let parts = TASKS.div_ceil(blocks.planes()).min(g.batch).max(1);
    let share = g.batch.div_ceil(parts).max(1);
    let length = packing::packed_length(g);
    let block_length = length / blocks.planes();
    let mut sums = vec![0.0; g.batch.div_ceil(share) * length];
    let task = |(task, sums): (usize, &mut [f32])| {
        let (part, block) = (task / blocks.planes(), task % blocks.planes());
        for image in part * share..g.batch.min((part + 1) * share) {
            let x = &x[image * input.len()..][..input.len()];
            let gradient = &gradient[image * blocks.len() + block * blocks.plane()..][..blocks.plane()];
            job.add(x, gradient, sums, instructions);
        }
    };
    if g.multiplications() < 1 << 20 {
        sums.chunks_mut(block_length).enumerate().for_each(task)
    } else {
        sums.par_chunks_mut(block_length).enumerate().for_each(task)
    }
    packing::unpack_kernel(&sum_of_parts(&sums, length), g)
}
