//! AVX-512: sixteen values are one register, of 32.

use std::arch::x86_64::*;

use super::lanes::Lanes;

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
}
