//! What the inner loops ask of a set of instructions.

use crate::ops::convolution::job::LANES;

/// Sixteen `f32` in registers.
///
/// # Safety
/// All methods: the processor must have the instructions that the implementation is named after. `load` and `store`: sixteen
/// values must lie at the pointer; `splat`: one; `store_columns` and `load_columns`: those that they name.
pub(super) trait Lanes: Copy {
    /// Output columns, for [`BLOCKS`](Self::BLOCKS) blocks of output channels, whose sums fit into the registers.
    const COLUMNS: usize;
    /// The same for one block.
    const ALONE: usize;
    /// Blocks of output channels at a time.
    const BLOCKS: usize;
    /// Values of one pixel whose products with sixteen others fit into the registers, for the kernel's gradient.
    const PRODUCTS: usize;

    unsafe fn zero() -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(from: *const f32) -> Self;
    /// `self · factor + sum`
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
    /// `self · factor + summand`, rounded twice, as operations one after the other do.
    unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// 0 instead of what is negative; NaN stays.
    unsafe fn relu(self) -> Self;
    /// A bit for each value above 0.
    unsafe fn positive(self) -> u16;
    /// 0 where there is no bit.
    unsafe fn only(self, bits: u16) -> Self;
    /// The larger of two, and NaN where either is.
    unsafe fn or_larger(self, other: Self) -> Self;
    /// A bit for each value that is larger than the other, or NaN where the other is not.
    unsafe fn beats(self, other: Self) -> u16;

    /// Writes up to sixteen pixels of sixteen channels as planes: of the first `channels`, channel `c` of pixel `n` from
    /// `pixels + 16·n + c` to `planes + stride·c + n`.
    #[inline(always)]
    unsafe fn store_columns(pixels: *const f32, count: usize, planes: *mut f32, stride: usize, channels: usize) {
        for channel in 0..channels {
            for pixel in 0..count {
                // SAFETY: the caller has promised these values.
                unsafe { *planes.add(stride * channel + pixel) = *pixels.add(LANES * pixel + channel) }
            }
        }
    }

    /// The inverse, of sixteen channels: from `planes + stride·c + n` to `pixels + 16·n + c`.
    #[inline(always)]
    unsafe fn load_columns(planes: *const f32, stride: usize, count: usize, pixels: *mut f32) {
        for pixel in 0..count {
            for channel in 0..LANES {
                // SAFETY: the caller has promised these values.
                unsafe { *pixels.add(LANES * pixel + channel) = *planes.add(stride * channel + pixel) }
            }
        }
    }
}
