//! Convolution as matrix multiplication, for any window and for `f64`: the pixels under each window position become a
//! column ("im2col"), the kernels are the rows, and one product gives the outputs of some rows of one image.
//!
//! The gradients are the transposed products; that of the input is added back pixel by pixel ("col2im").

use rayon::prelude::*;

use super::geometry::Geometry;
use super::kernels::{Matrix, MatrixMut, multiply};
use crate::ops::element::{Element, for_each_piece};

/// Output rows whose columns take about 256 KiB of f32, of one image.
fn tile_rows(g: &Geometry) -> usize {
    const TILE: usize = 1 << 16;
    (TILE / (g.depth() * g.out_width).max(1)).clamp(1, g.out_height)
}

/// Whether a second thread is worth waking.
fn is_large(g: &Geometry) -> bool {
    g.multiplications() >= 16_000_000
}

/// Calls `f` with each task, on all cores if there is enough to do.
fn for_each_task<T: Send>(tasks: Vec<T>, is_large: bool, f: impl Fn(T) + Sync + Send) {
    if is_large {
        tasks.into_par_iter().for_each(f)
    } else {
        tasks.into_iter().for_each(f)
    }
}

/// The images with a border of zeros, or the images themselves if there is no border.
fn pad<'a, T: Element>(x: &'a [T], g: &Geometry) -> std::borrow::Cow<'a, [T]> {
    let padding = g.window.padding;
    if padding == 0 {
        return x.into();
    }
    let (area, width) = (g.padded_height() * g.padded_width(), g.padded_width());
    let mut padded = vec![T::zero(); g.batch * g.in_channels * area];
    for_each_piece(&mut padded, area, |plane, padded| {
        let rows = x[plane * g.area()..].chunks_exact(g.width).take(g.height);
        for (row, target) in rows.zip(padded.chunks_exact_mut(width).skip(padding)) {
            target[padding..padding + g.width].copy_from_slice(row);
        }
    });
    padded.into()
}

fn unpad<T: Element>(padded: Vec<T>, g: &Geometry) -> Vec<T> {
    let padding = g.window.padding;
    if padding == 0 {
        return padded;
    }
    let padded_area = g.padded_height() * g.padded_width();
    let mut planes = vec![T::zero(); g.batch * g.in_channels * g.area()];
    for_each_piece(&mut planes, g.area(), |plane, target| {
        let rows = padded[plane * padded_area..]
            .chunks_exact(g.padded_width())
            .skip(padding);
        for (target, row) in target.chunks_exact_mut(g.width).zip(rows) {
            target.copy_from_slice(&row[padding..padding + g.width]);
        }
    });
    planes
}

/// For each row of the column matrix and each output row from `start` on: where its pixels begin in a padded image, in
/// the order of the columns' memory. They are `stride` apart.
fn runs(g: &Geometry, start: usize, rows: usize) -> impl Iterator<Item = usize> + use<> {
    let g = *g;
    let side = g.window.kernel;
    let taps = (0..g.in_channels).flat_map(move |c| (0..side).flat_map(move |ky| (0..side).map(move |kx| (c, ky, kx))));
    taps.flat_map(move |(channel, ky, kx)| {
        (start..start + rows).map(move |oy| {
            let row = oy * g.window.stride + ky * g.window.dilation;
            (channel * g.padded_height() + row) * g.padded_width() + kx * g.window.dilation
        })
    })
}

/// Writes the column matrix of some output rows of one padded image, `[depth, rows · out_width]`.
fn columns_of<T: Element>(padded: &[T], g: &Geometry, start: usize, rows: usize, columns: &mut Vec<T>) {
    columns.clear();
    columns.reserve(g.depth() * rows * g.out_width);
    for run in runs(g, start, rows) {
        let pixels = padded[run..].iter().step_by(g.window.stride);
        columns.extend(pixels.take(g.out_width));
    }
}

/// An output in pieces: for each image and each block of its `channels` channels of `area` pixels, the image, the first
/// channel and the planes. A single image falls into several blocks, one per core.
fn pieces<T>(
    output: &mut [T],
    images: usize,
    channels: usize,
    area: usize,
    split: bool,
) -> Vec<(usize, usize, &mut [T])> {
    let blocks = if split {
        rayon::current_num_threads().div_ceil(images.max(1)).min(channels)
    } else {
        1
    };
    let block = channels.div_ceil(blocks);
    let images = output.chunks_mut((channels * area).max(1)).enumerate();
    images
        .flat_map(|(image, planes)| {
            let blocks = planes.chunks_mut(block * area).enumerate();
            blocks.map(move |(index, planes)| (image, index * block, planes))
        })
        .collect()
}

pub(super) fn forward<T: Element>(x: &[T], kernel: &[T], g: &Geometry) -> Vec<T> {
    let mut output = vec![T::zero(); g.batch * g.out_channels * g.out_area()];
    let padded = pad(x, g);
    let image_length = g.in_channels * g.padded_height() * g.padded_width();
    let tasks = pieces(&mut output, g.batch, g.out_channels, g.out_area(), is_large(g));
    for_each_task(tasks, is_large(g), |(image, first, planes)| {
        let padded = &padded[image * image_length..][..image_length];
        let channels = planes.len() / g.out_area();
        let kernel = Matrix::new(&kernel[first * g.depth()..], g.depth(), 1);
        let mut columns = Vec::new();
        for start in (0..g.out_height).step_by(tile_rows(g)) {
            let rows = tile_rows(g).min(g.out_height - start);
            let count = rows * g.out_width;
            columns_of(padded, g, start, rows, &mut columns);
            let mut target = MatrixMut::new(&mut planes[start * g.out_width..], g.out_area(), 1);
            let sizes = (channels, g.depth(), count);
            multiply(sizes, kernel, Matrix::new(&columns, count, 1), &mut target, false);
        }
    });
    output
}

pub(super) fn input_gradient<T: Element>(gradient: &[T], kernel: &[T], g: &Geometry) -> Vec<T> {
    let padded_area = g.padded_height() * g.padded_width();
    let mut padded = vec![T::zero(); g.batch * g.in_channels * padded_area];
    let tasks = pieces(&mut padded, g.batch, g.in_channels, padded_area, is_large(g));
    for_each_task(tasks, is_large(g), |(image, first, planes)| {
        let channels = planes.len() / padded_area;
        let of_block = Geometry {
            in_channels: channels,
            ..*g
        };
        let gradient = &gradient[image * g.out_channels * g.out_area()..][..g.out_channels * g.out_area()];
        let kernel = Matrix::new(&kernel[first * g.taps()..], 1, g.depth()); // transposed
        let mut columns = Vec::new();
        for start in (0..g.out_height).step_by(tile_rows(g)) {
            let rows = tile_rows(g).min(g.out_height - start);
            let count = rows * g.out_width;
            columns.clear();
            columns.resize(of_block.depth() * count, T::zero());
            let right = Matrix::new(&gradient[start * g.out_width..], g.out_area(), 1);
            let sizes = (of_block.depth(), g.out_channels, count);
            multiply(sizes, kernel, right, &mut MatrixMut::new(&mut columns, count, 1), false);
            for (run, source) in runs(&of_block, start, rows).zip(columns.chunks_exact(g.out_width)) {
                for (target, &value) in planes[run..].iter_mut().step_by(g.window.stride).zip(source) {
                    *target += value;
                }
            }
        }
    });
    unpad(padded, g)
}

/// The gradient of the kernel: each image's output gradient times its transposed column matrix, added up.
pub(super) fn kernel_gradient<T: Element>(x: &[T], gradient: &[T], g: &Geometry) -> Vec<T> {
    // A fixed number of partial sums, added in a fixed order: the result does not depend on the number of cores.
    const PARTS: usize = 4;
    let padded = pad(x, g);
    let image_length = g.in_channels * g.padded_height() * g.padded_width();
    let length = g.out_channels * g.depth();
    let images_per_part = g.batch.div_ceil(PARTS).max(1);
    let mut parts = vec![T::zero(); length * g.batch.div_ceil(images_per_part)];
    let tasks: Vec<_> = parts.chunks_mut(length).enumerate().collect();
    for_each_task(tasks, is_large(g), |(part, sum)| {
        let mut columns = Vec::new();
        let first = part * images_per_part;
        for image in first..g.batch.min(first + images_per_part) {
            let padded = &padded[image * image_length..][..image_length];
            for start in (0..g.out_height).step_by(tile_rows(g)) {
                let rows = tile_rows(g).min(g.out_height - start);
                let count = rows * g.out_width;
                columns_of(padded, g, start, rows, &mut columns);
                let offset = image * g.out_channels * g.out_area() + start * g.out_width;
                let left = Matrix::new(&gradient[offset..], g.out_area(), 1);
                let right = Matrix::new(&columns, 1, count); // the columns, transposed
                let sizes = (g.out_channels, count, g.depth());
                multiply(sizes, left, right, &mut MatrixMut::new(sum, g.depth(), 1), true);
            }
        }
    });
    sum_of_parts(&parts, length)
}

/// Adds the parts in their order.
pub(super) fn sum_of_parts<T: Element>(parts: &[T], length: usize) -> Vec<T> {
    let mut total = vec![T::zero(); length];
    for part in parts.chunks_exact(length.max(1)) {
        total.iter_mut().zip(part).for_each(|(total, &value)| *total += value);
    }
    total
}
