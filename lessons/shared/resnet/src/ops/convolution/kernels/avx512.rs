//! AVX-512: sixteen values are one register, of 32.

use std::arch::x86_64::*;

use super::lanes::Lanes;
use crate::ops::convolution::job::LANES;

#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY: each body asks for no more than its method's own condition; the intrinsics have no other.
impl Lanes for Avx512 {
    const COLUMNS: usize = 14;
    const ALONE: usize = 16;
    const BLOCKS: usize = 2;
    const PRODUCTS: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Self(_mm512_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe { Self(_mm512_set1_ps(*from)) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, sum.0)) }
    }
    #[inline(always)]
    unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self {
        unsafe { Self(_mm512_add_ps(_mm512_mul_ps(self.0, factor.0), summand.0)) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        unsafe { Self(_mm512_max_ps(_mm512_setzero_ps(), self.0)) } // the second where one is NaN
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        unsafe { Self(_mm512_maskz_mov_ps(bits, self.0)) }
    }
    #[inline(always)]
    unsafe fn or_larger(self, other: Self) -> Self {
        unsafe {
            // The second where one is NaN: right if that is the other.
            let larger = _mm512_max_ps(self.0, other.0);
            let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
            Self(_mm512_mask_mov_ps(larger, is_nan, self.0))
        }
    }
    #[inline(always)]
    unsafe fn beats(self, other: Self) -> u16 {
        unsafe {
            let larger = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(self.0, other.0); // or either is NaN
            larger & _mm512_cmp_ps_mask::<_CMP_ORD_Q>(other.0, other.0)
        }
    }
    #[inline(always)]
    unsafe fn store_columns(pixels: *const f32, count: usize, planes: *mut f32, stride: usize, channels: usize) {
        unsafe {
            let mut tile = [_mm512_setzero_ps(); LANES];
            for (pixel, value) in tile.iter_mut().enumerate().take(count) {
                *value = _mm512_loadu_ps(pixels.add(LANES * pixel));
            }
            let mask = first(count);
            for (channel, values) in transpose(tile).into_iter().enumerate().take(channels) {
                _mm512_mask_storeu_ps(planes.add(stride * channel), mask, values);
            }
        }
    }
    #[inline(always)]
    unsafe fn load_columns(planes: *const f32, stride: usize, count: usize, pixels: *mut f32) {
        unsafe {
            let mut tile = [_mm512_setzero_ps(); LANES];
            let mask = first(count);
            for (channel, values) in tile.iter_mut().enumerate() {
                *values = _mm512_maskz_loadu_ps(mask, planes.add(stride * channel));
            }
            for (pixel, value) in transpose(tile).into_iter().enumerate().take(count) {
                _mm512_storeu_ps(pixels.add(LANES * pixel), value);
            }
        }
    }
}

/// The first of sixteen values.
fn first(count: usize) -> u16 {
    u16::MAX >> (LANES - count.clamp(1, LANES))
}

/// Rows to columns: pairs of rows first, then pairs of pairs, then quarters of registers.
#[inline(always)]
unsafe fn transpose(rows: [__m512; LANES]) -> [__m512; LANES] {
    // SAFETY: the caller has promised the instructions.
    unsafe {
        let mut pairs = rows;
        for i in (0..LANES).step_by(2) {
            pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
        }
        // Of four rows each: quarter j of `fours[4g + k]` is column 4j + k of the rows from 4g on.
        let low = |a: __m512, b: __m512| _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
        let high =
            |a: __m512, b: __m512| _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
        let mut fours = pairs;
        for g in (0..LANES).step_by(4) {
            fours[g] = low(pairs[g], pairs[g + 2]);
            fours[g + 1] = high(pairs[g], pairs[g + 2]);
            fours[g + 2] = low(pairs[g + 1], pairs[g + 3]);
            fours[g + 3] = high(pairs[g + 1], pairs[g + 3]);
        }
        const EVEN: i32 = 0b10_00_10_00;
        const ODD: i32 = 0b11_01_11_01;
        let mut columns = fours;
        for k in 0..4 {
            let even = _mm512_shuffle_f32x4::<EVEN>(fours[k], fours[k + 4]);
            let odd = _mm512_shuffle_f32x4::<ODD>(fours[k], fours[k + 4]);
            let even_below = _mm512_shuffle_f32x4::<EVEN>(fours[k + 8], fours[k + 12]);
            let odd_below = _mm512_shuffle_f32x4::<ODD>(fours[k + 8], fours[k + 12]);
            columns[k] = _mm512_shuffle_f32x4::<EVEN>(even, even_below);
            columns[k + 4] = _mm512_shuffle_f32x4::<EVEN>(odd, odd_below);
            columns[k + 8] = _mm512_shuffle_f32x4::<ODD>(even, even_below);
            columns[k + 12] = _mm512_shuffle_f32x4::<ODD>(odd, odd_below);
        }
        columns
    }
}
