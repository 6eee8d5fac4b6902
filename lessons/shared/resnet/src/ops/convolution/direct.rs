//! The direct convolution, for `f32` without dilation: outputs are summed up in registers, and nothing is copied but the
//! border. Which pixels meet which weights, for the forward pass and for the gradient of the input; the sums themselves
//! are [`kernels`](super::kernels).

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Geometry;
use super::job::{Job, LANES, Phase, Source, Spread, SpreadPhase, Tap, Target};
use super::packing::{self, FEW_CHANNELS, Padded};
use crate::ops::{Instructions, Window};

/// Windows that the inner loops know.
pub(crate) fn suits(window: Window) -> bool {
    window.dilation == 1 && window.stride <= 2 && window.kernel <= 7
}

/// Whether few enough channels of a block would be zeros.
pub(super) fn fills_blocks(channels: usize) -> bool {
    channels >= LANES / 2
}

impl Source {
    /// Window positions over images that lie like `padded`, `stride` pixels apart.
    fn new(padded: &Padded, stride: usize) -> Self {
        let few = padded.lanes == 1;
        Self {
            blocks: if few { 1 } else { padded.planes() },
            channels: if few { padded.channels } else { LANES },
            image: padded.len(),
            block: padded.plane(),
            channel: if few { padded.plane() } else { 1 },
            row: stride * padded.row(),
            column: stride * padded.lanes,
        }
    }
}

impl Target {
    /// `[images, channels, height, width]`, as candle has it.
    pub fn planes(channels: usize, height: usize, width: usize) -> Self {
        Self {
            in_blocks: false,
            channels,
            height,
            width,
            offset: 0,
            image: channels * height * width,
            channel: height * width,
            block: LANES * height * width,
            row: width,
            column: 1,
        }
    }

    /// In blocks.
    pub fn blocks_like(padded: &Padded) -> Self {
        Self {
            in_blocks: true,
            channels: padded.channels,
            height: padded.height,
            width: padded.width,
            offset: padded.at(0, 0),
            image: padded.len(),
            channel: 1,
            block: padded.plane(),
            row: padded.row(),
            column: LANES,
        }
    }
}

/// Taps, `(row, column)` seen from the first output, over images that lie like `input`, for rows of `columns` outputs,
/// `stride` pixels apart.
fn placed(taps: &[(isize, isize)], input: &Padded, stride: usize, columns: usize) -> Vec<Tap> {
    let last = (columns.max(1) - 1) * stride;
    let place = |&(y, x): &(isize, isize)| Tap {
        offset: input.at(y, x),
        left: x < 0,
        right: x + last as isize >= input.width as isize,
    };
    taps.iter().map(place).collect()
}

/// For each of `rows` outputs, `stride` pixels apart, the taps that lie on an image of this height. Taps are in order of
/// their rows.
fn on_image(taps: &[(isize, isize)], height: usize, stride: usize, rows: usize) -> Vec<Range<usize>> {
    let below = |row: usize, limit: isize| taps.partition_point(|&(y, _)| y + ((row * stride) as isize) < limit);
    (0..rows)
        .map(|row| below(row, 0)..below(row, height as isize))
        .collect()
}

/// The forward convolution of images that lie like `input`, whose border may be wider than the padding.
pub(crate) fn forward_job(g: &Geometry, input: &Padded, target: Target) -> Job {
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = g.window;
    let place = |tap: usize| tap as isize - padding as isize;
    let taps: Vec<_> = (0..kernel)
        .flat_map(|ky| (0..kernel).map(move |kx| (place(ky), place(kx))))
        .collect();
    Job {
        images: g.batch,
        source: Source::new(input, stride),
        target,
        step: 1,
        phases: vec![Phase {
            first_row: 0,
            first_column: 0,
            taps: placed(&taps, input, stride, g.out_width),
            rows: on_image(&taps, input.height, stride, g.out_height),
            weights: 0,
        }],
    }
}

/// The taps that hit each phase of the input, and the offsets of the outputs they come from.
struct Hits {
    phase: (usize, usize),
    taps: Vec<(usize, usize)>,
    offsets: Vec<(isize, isize)>,
}

fn hits(g: &Geometry) -> Vec<Hits> {
    let stride = g.window.stride;
    let phases = (0..stride).flat_map(|py| (0..stride).map(move |px| (py, px)));
    phases
        .map(|(py, px)| {
            let pairs = g.taps_into(py).flat_map(|y| g.taps_into(px).map(move |x| (y, x)));
            let (taps, offsets) = pairs.map(|((ky, oy), (kx, ox))| ((ky, kx), (oy, ox))).unzip();
            Hits {
                phase: (py, px),
                taps,
                offsets,
            }
        })
        .collect()
}

/// The border that [`input_gradient_job`] needs around the output's gradient.
pub(crate) fn gradient_border(g: &Geometry) -> usize {
    let along = |length: usize, out_length: usize| {
        (0..g.window.stride).flat_map(move |phase| {
            g.taps_into(phase).map(move |(_, offset)| {
                let last = length.saturating_sub(phase).div_ceil(g.window.stride) as isize - 1 + offset;
                (-offset).max(last - (out_length as isize - 1))
            })
        })
    };
    let widest = along(g.height, g.out_height).chain(along(g.width, g.out_width)).max();
    widest.unwrap_or(0).max(0) as usize
}

/// The gradient of the input: for stride 1 a convolution of the output's gradient with the flipped kernel; for stride 2
/// four of them, one for each phase of rows and columns, because a phase of the input meets every other tap.
pub(crate) fn input_gradient_job(g: &Geometry, gradient: &Padded, target: Target) -> Job {
    let mut weights = 0;
    let phases = hits(g).into_iter().map(|hits| {
        let start = weights;
        weights += packing::transposed_length(g, hits.taps.len());
        let along = |length: usize, phase: usize| length.saturating_sub(phase).div_ceil(g.window.stride);
        Phase {
            first_row: hits.phase.0,
            first_column: hits.phase.1,
            taps: placed(&hits.offsets, gradient, 1, along(target.width, hits.phase.1)),
            rows: on_image(&hits.offsets, gradient.height, 1, along(target.height, hits.phase.0)),
            weights: start,
        }
    });
    let phases = phases.collect();
    Job {
        images: g.batch,
        source: Source::new(gradient, 1),
        target,
        step: g.window.stride,
        phases,
    }
}

/// The kernel as [`forward_job`] reads it.
pub(crate) fn forward_weights(kernel: &[f32], g: &Geometry) -> Vec<f32> {
    packing::pack_kernel(kernel, g)
}

/// The kernel as [`input_gradient_job`] reads it.
pub(crate) fn gradient_weights(kernel: &[f32], g: &Geometry) -> Vec<f32> {
    if is_image(g.in_channels) {
        return spread_weights(kernel, g);
    }
    let taps: Vec<_> = hits(g).into_iter().map(|hits| hits.taps).collect();
    packing::pack_transposed(kernel, g, &taps)
}

/// Whether images of so few channels are read as they are.
pub(crate) fn is_image(channels: usize) -> bool {
    channels <= FEW_CHANNELS
}

pub(super) fn forward(x: &[f32], weights: &[f32], g: &Geometry) -> Vec<f32> {
    let input = Padded::input(g);
    let target = Target::planes(g.out_channels, g.out_height, g.out_width);
    let mut y = vec![0.0; g.batch * target.image];
    forward_job(g, &input, target).run(&input.pack(x), weights, &mut y, Instructions::chosen());
    y
}

pub(super) fn input_gradient(gradient: &[f32], weights: &[f32], g: &Geometry) -> Vec<f32> {
    if is_image(g.in_channels) {
        return image_gradient(gradient, weights, g);
    }
    let padded = Padded::blocks_of(g.out_channels, g.out_height, g.out_width, gradient_border(g));
    let target = Target::planes(g.in_channels, g.height, g.width);
    let mut dx = vec![0.0; g.batch * target.image];
    input_gradient_job(g, &padded, target).run(&padded.pack(gradient), weights, &mut dx, Instructions::chosen());
    dx
}

impl Spread {
    /// For a gradient that lies like `planes`, with a border of at least [`gradient_border`].
    pub fn new(g: &Geometry, planes: &Padded) -> Self {
        let mut weights = 0;
        let phases = hits(g).into_iter().map(|hits| {
            let start = weights;
            weights += g.out_channels * hits.taps.len() * g.in_channels;
            SpreadPhase {
                taps: hits.offsets.iter().map(|&(y, x)| planes.at(y, x)).collect(),
                weights: start,
            }
        });
        let phases = phases.collect();
        Self {
            step: g.window.stride,
            height: g.height,
            width: g.width,
            planes: g.out_channels,
            plane: planes.plane(),
            row: planes.row(),
            phases,
        }
    }
}

/// The kernel as [`Spread`] reads it: for each phase `[out channels, taps, 3]`.
pub(crate) fn spread_weights(kernel: &[f32], g: &Geometry) -> Vec<f32> {
    let mut weights = Vec::with_capacity(kernel.len());
    for hits in hits(g) {
        for output in 0..g.out_channels {
            for &(ky, kx) in &hits.taps {
                let tap = ky * g.window.kernel + kx;
                weights
                    .extend((0..g.in_channels).map(|input| kernel[(output * g.in_channels + input) * g.taps() + tap]));
            }
        }
    }
    weights
}

/// [`input_gradient`] for images of three channels.
fn image_gradient(gradient: &[f32], weights: &[f32], g: &Geometry) -> Vec<f32> {
    let planes = Padded {
        lanes: 1,
        ..Padded::blocks_of(g.out_channels, g.out_height, g.out_width, gradient_border(g))
    };
    let spread = Spread::new(g, &planes);
    let mut packed = planes.pack(gradient);
    packed.resize(packed.len() + Spread::BEYOND, 0.0);
    let length = g.in_channels * g.area();
    let mut dx = vec![0.0; g.batch * length];
    let instructions = Instructions::chosen();
    let of_image = |(image, dx): (usize, &mut [f32])| {
        let packed = &packed[image * planes.len()..][..planes.len() + Spread::BEYOND];
        let mut row = vec![0.0; g.in_channels * g.width];
        for y in 0..g.height {
            spread.row(y, packed, weights, &mut row, instructions);
            for (channel, row) in row.chunks_exact(g.width).enumerate() {
                dx[channel * g.area() + y * g.width..][..g.width].copy_from_slice(row);
            }
        }
    };
    if g.multiplications() < 1 << 20 {
        dx.chunks_mut(length).enumerate().for_each(of_image)
    } else {
        dx.par_chunks_mut(length).enumerate().for_each(of_image)
    }
    dx
}
