//! AVX2 with fused multiply-add: sixteen values are two registers, of 16.

use std::arch::x86_64::*;

use super::lanes::Lanes;

#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

// SAFETY: each body asks for no more than its method's own condition; the intrinsics have no other.
impl Lanes for Avx2 {
    const COLUMNS: usize = 6;
    const ALONE: usize = 6;
    const BLOCKS: usize = 1;
    const PRODUCTS: usize = 6;

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Self(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe {
            let value = _mm256_broadcast_ss(&*from);
            Self(value, value)
        }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        unsafe {
            Self(
                _mm256_fmadd_ps(self.0, factor.0, sum.0),
                _mm256_fmadd_ps(self.1, factor.1, sum.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self {
        unsafe {
            Self(
                _mm256_add_ps(_mm256_mul_ps(self.0, factor.0), summand.0),
                _mm256_add_ps(_mm256_mul_ps(self.1, factor.1), summand.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        unsafe {
            let zero = _mm256_setzero_ps();
            Self(_mm256_max_ps(zero, self.0), _mm256_max_ps(zero, self.1))
        }
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        unsafe {
            let zero = _mm256_setzero_ps();
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.0, zero));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self.1, zero));
            (low | high << 8) as u16
        }
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        unsafe {
            let places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let low = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits & 0xff)), places);
            let high = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits >> 8)), places);
            let low = _mm256_castsi256_ps(_mm256_cmpeq_epi32(low, places));
            let high = _mm256_castsi256_ps(_mm256_cmpeq_epi32(high, places));
            Self(_mm256_and_ps(self.0, low), _mm256_and_ps(self.1, high))
        }
    }
    #[inline(always)]
    unsafe fn or_larger(self, other: Self) -> Self {
        unsafe {
            let larger = |a: __m256, b: __m256| {
                // The second where one is NaN: right if that is the other.
                _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
            };
            Self(larger(self.0, other.0), larger(self.1, other.1))
        }
    }
    #[inline(always)]
    unsafe fn beats(self, other: Self) -> u16 {
        unsafe {
            let beats = |a: __m256, b: __m256| {
                let larger = _mm256_cmp_ps::<_CMP_NLE_UQ>(a, b); // or either is NaN
                _mm256_movemask_ps(_mm256_and_ps(larger, _mm256_cmp_ps::<_CMP_ORD_Q>(b, b)))
            };
            (beats(self.0, other.0) | beats(self.1, other.1) << 8) as u16
        }
    }
}
