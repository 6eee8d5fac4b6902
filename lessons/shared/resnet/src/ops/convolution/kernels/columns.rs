//! From planes to blocks.

use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};
use crate::ops::convolution::job::LANES;
use crate::ops::{Chosen, Instructions};

/// A row of sixteen channels that lie `area` apart, channel by channel in each pixel: `pixels` holds sixteen values for each
/// pixel of the row.
///
/// # Panics
/// if the planes are shorter than that.
pub(crate) fn pixels_of_planes(planes: &[f32], area: usize, pixels: &mut [f32], instructions: Chosen) {
    let count = pixels.len() / LANES;
    if count == 0 {
        return;
    }
    assert!((LANES - 1) * area + count <= planes.len() && pixels.len() == count * LANES);
    let (planes, pixels) = (planes.as_ptr(), pixels.as_mut_ptr());
    // SAFETY: all addresses lie inside the slices, by the assertion; the processor has what was `Chosen`.
    unsafe {
        match instructions.get() {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => pixels_avx512(planes, area, count, pixels),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => pixels_avx2(planes, area, count, pixels),
            _ => pixels_by::<Portable>(planes, area, count, pixels),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn pixels_avx512(planes: *const f32, area: usize, count: usize, pixels: *mut f32) {
    // SAFETY: the caller has checked the addresses, and calls this where the processor has the instructions.
    unsafe { pixels_by::<Avx512>(planes, area, count, pixels) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn pixels_avx2(planes: *const f32, area: usize, count: usize, pixels: *mut f32) {
    // SAFETY: the caller has checked the addresses, and calls this where the processor has the instructions.
    unsafe { pixels_by::<Avx2>(planes, area, count, pixels) }
}

/// # Safety
/// The assertion of [`pixels_of_planes`] holds, and the processor has the instructions.
#[inline(always)]
unsafe fn pixels_by<L: Lanes>(planes: *const f32, area: usize, count: usize, pixels: *mut f32) {
    for first in (0..count).step_by(LANES) {
        // SAFETY: the caller has promised the same.
        unsafe {
            L::load_columns(
                planes.add(first),
                area,
                LANES.min(count - first),
                pixels.add(LANES * first),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand on every set of instructions: rows of 1 to 40 pixels, planes with a gap between them.
    #[test]
    fn each_channel_of_a_pixel_is_that_of_its_plane() {
        for instructions in Instructions::available() {
            instructions.with(|| {
                for count in 1..=40 {
                    let area = count + 3;
                    let planes: Vec<f32> = (0..LANES * area).map(|value| value as f32 + 1.0).collect();
                    let mut pixels = vec![0.0; count * LANES];
                    pixels_of_planes(&planes, area, &mut pixels, Instructions::chosen());
                    for (index, &value) in pixels.iter().enumerate() {
                        assert_eq!(
                            value,
                            planes[index % LANES * area + index / LANES],
                            "{count} pixels: {index}"
                        );
                    }
                }
            });
        }
    }
}
