//! How activations and kernels lie in memory for the direct convolution.
//!
//! Activations: blocks of 16 channels with a border of zeros, `[blocks, height + 2·border, width + 2·border, 16]`, so that
//! the 16 products of a pixel's channel with 16 kernels need one broadcast and one register. Images of at most
//! [`FEW_CHANNELS`] channels stay as they are, with a border: `[channels, height + 2·border, width + 2·border]`.
//!
//! Kernels: `[out blocks, in blocks, taps, 16 in, 16 out]`, in the order in which the inner loop reads them.

use super::geometry::Geometry;
use super::job::LANES;
use super::kernels::{pixels_of_planes, vectorize};
use crate::ops::element::for_each_piece;
use crate::ops::{Chosen, Instructions};

/// Images of so few channels would fill a block with zeros mostly.
pub(crate) const FEW_CHANNELS: usize = 3;

/// The shape of one image in blocks, or of one with few channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Padded {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub border: usize,
    /// Channels that lie beside each other: 16, or 1 where there are few.
    pub lanes: usize,
}

impl Padded {
    /// In blocks.
    pub fn blocks_of(channels: usize, height: usize, width: usize, border: usize) -> Self {
        Self {
            channels,
            height,
            width,
            border,
            lanes: LANES,
        }
    }

    /// What a convolution reads: blocks, unless there are few channels.
    pub fn input(g: &Geometry) -> Self {
        let lanes = if g.in_channels <= FEW_CHANNELS { 1 } else { LANES };
        Self {
            lanes,
            ..Self::blocks_of(g.in_channels, g.height, g.width, g.window.padding)
        }
    }

    /// Blocks, or channels where there are few.
    pub fn planes(&self) -> usize {
        self.channels.div_ceil(self.lanes)
    }

    /// Elements from row to row.
    pub fn row(&self) -> usize {
        (self.width + 2 * self.border) * self.lanes
    }

    /// Elements from plane to plane.
    pub fn plane(&self) -> usize {
        (self.height + 2 * self.border) * self.row()
    }

    /// Elements of an image.
    pub fn len(&self) -> usize {
        self.planes() * self.plane()
    }

    /// Where a pixel of the first plane lies; the border has negative coordinates.
    #[inline(always)]
    pub fn at(&self, y: isize, x: isize) -> usize {
        let (y, x) = (y + self.border as isize, x + self.border as isize);
        assert!(y >= 0 && x >= 0, "outside the border");
        y as usize * self.row() + x as usize * self.lanes
    }

    /// Copies images, `[images, channels, height, width]`, into this layout.
    pub fn pack(&self, images: &[f32]) -> Vec<f32> {
        let area = self.height * self.width;
        let count = images.len() / (self.channels * area).max(1);
        let mut packed = vec![0.0; count * self.len()];
        let instructions = Instructions::chosen();
        for_each_piece(&mut packed, self.plane(), |index, target| {
            let (image, plane) = (index / self.planes(), index % self.planes());
            let first = plane * self.lanes;
            let lanes = self.lanes.min(self.channels - first);
            let channels = &images[(image * self.channels + first) * area..][..lanes * area];
            vectorize(instructions, || self.pack_plane(channels, target, instructions));
        });
        packed
    }

    /// Copies the channels of one plane.
    #[inline(always)]
    pub fn pack_plane(&self, channels: &[f32], target: &mut [f32], instructions: Chosen) {
        let area = self.height * self.width;
        for y in 0..self.height {
            let target = &mut target[self.at(y as isize, 0)..][..self.width * self.lanes];
            if self.lanes == 1 {
                target.copy_from_slice(&channels[y * self.width..][..self.width]);
                continue;
            }
            if channels.len() == LANES * area {
                pixels_of_planes(&channels[y * self.width..], area, target, instructions);
                continue;
            }
            for (c, channel) in channels.chunks_exact(area).enumerate() {
                let row = &channel[y * self.width..][..self.width];
                for (pixel, &value) in target.chunks_exact_mut(LANES).zip(row) {
                    pixel[c] = value;
                }
            }
        }
    }
}

/// A packed kernel: `[out blocks, in blocks, taps, lanes in, 16 out]`.
#[derive(Debug, Clone, Copy)]
struct Packing {
    outputs: usize,
    inputs: usize,
    taps: usize,
    lanes: usize,
}

impl Packing {
    /// Of the forward convolution.
    fn forward(g: &Geometry) -> Self {
        Self {
            outputs: g.out_channels,
            inputs: g.in_channels,
            taps: g.taps(),
            lanes: if g.in_channels <= FEW_CHANNELS {
                g.in_channels
            } else {
                LANES
            },
        }
    }

    /// Of the input's gradient, for a phase of so many taps.
    fn transposed(g: &Geometry, taps: usize) -> Self {
        Self {
            outputs: g.in_channels,
            inputs: g.out_channels,
            taps,
            lanes: LANES,
        }
    }

    fn len(&self) -> usize {
        self.outputs.div_ceil(LANES) * LANES * self.inputs.div_ceil(self.lanes) * self.lanes * self.taps
    }

    /// Elements of one block of outputs.
    fn block(&self) -> usize {
        LANES * self.inputs.div_ceil(self.lanes) * self.lanes * self.taps
    }

    /// The input and the tap of each row of 16 weights within a block of outputs; the input may be one too many.
    fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        let Self {
            inputs, taps, lanes, ..
        } = *self;
        let of_tap = move |block: usize, tap: usize| (0..lanes).map(move |lane| (block * lanes + lane, tap));
        (0..inputs.div_ceil(lanes)).flat_map(move |block| (0..taps).flat_map(move |tap| of_tap(block, tap)))
    }

    /// A packed kernel of the weights that lie at `place(input, tap) + output · stride` of `kernel`.
    fn pack(self, kernel: &[f32], stride: usize, place: impl Fn(usize, usize) -> usize + Sync + Send) -> Vec<f32> {
        let mut packed = vec![0.0; self.len()];
        for_each_piece(&mut packed, self.block(), |block, packed| {
            let first = block * LANES;
            let kernel = &kernel[first * stride..];
            for ((input, tap), row) in self.rows().zip(packed.chunks_exact_mut(LANES)) {
                if input < self.inputs {
                    let weights = kernel[place(input, tap)..].iter().step_by(stride);
                    let outputs = row.iter_mut().take(self.outputs - first);
                    outputs.zip(weights).for_each(|(to, &weight)| *to = weight);
                }
            }
        });
        packed
    }
}

/// A kernel for the forward convolution.
pub(super) fn pack_kernel(kernel: &[f32], g: &Geometry) -> Vec<f32> {
    let g = *g;
    Packing::forward(&g).pack(kernel, g.depth(), move |input, tap| input * g.taps() + tap)
}

/// The inverse of [`pack_kernel`].
pub(super) fn unpack_kernel(packed: &[f32], g: &Geometry) -> Vec<f32> {
    let packing = Packing::forward(g);
    let mut kernel = vec![0.0; g.out_channels * g.depth()];
    for_each_piece(&mut kernel, LANES * g.depth(), |block, kernel| {
        let packed = packed[block * packing.block()..].chunks_exact(LANES);
        for ((input, tap), row) in packing.rows().zip(packed) {
            if input < packing.inputs {
                let outputs = kernel[input * g.taps() + tap..].iter_mut().step_by(g.depth());
                outputs.zip(row).for_each(|(to, &weight)| *to = weight);
            }
        }
    });
    kernel
}

/// Elements of a packed kernel.
pub(super) fn packed_length(g: &Geometry) -> usize {
    Packing::forward(g).len()
}

/// For the gradient of the input, one part per phase: inputs and outputs change places, and of the taps, `(ky, kx)`,
/// only those that hit the phase are there.
pub(super) fn pack_transposed(kernel: &[f32], g: &Geometry, phases: &[Vec<(usize, usize)>]) -> Vec<f32> {
    let g = *g;
    let of_phase = |taps: &Vec<(usize, usize)>| {
        Packing::transposed(&g, taps.len()).pack(kernel, g.taps(), |input, tap| {
            let (ky, kx) = taps[tap];
            input * g.depth() + ky * g.window.kernel + kx
        })
    };
    match phases {
        [taps] => of_phase(taps),
        phases => phases.iter().flat_map(of_phase).collect(),
    }
}

/// Elements of one phase of [`pack_transposed`].
pub(super) fn transposed_length(g: &Geometry, taps: usize) -> usize {
    Packing::transposed(g, taps).len()
}
