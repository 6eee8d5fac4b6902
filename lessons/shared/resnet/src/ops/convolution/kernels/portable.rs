//! What the compiler makes of plain loops.

use super::lanes::Lanes;
use crate::ops::convolution::job::LANES;

#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

// SAFETY: the pointers are read and written where the trait's callers promise values.
impl Lanes for Portable {
    const COLUMNS: usize = 2;
    const ALONE: usize = 2;
    const BLOCKS: usize = 1;
    const PRODUCTS: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; LANES])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(*from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { *to.cast() = self.0 }
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        unsafe { Self([*from; LANES]) }
    }
    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        let mut result = sum;
        for i in 0..LANES {
            result.0[i] += self.0[i] * factor.0[i];
        }
        result
    }
    #[inline(always)]
    unsafe fn multiply_then_add(self, factor: Self, summand: Self) -> Self {
        unsafe { self.multiply_add(factor, summand) } // there is no other way without fused multiplication
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self(self.0.map(|value| if value <= 0.0 { 0.0 } else { value }))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        (0..LANES).fold(0, |bits, i| bits | u16::from(self.0[i] > 0.0) << i)
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        Self(std::array::from_fn(
            |i| if bits >> i & 1 == 1 { self.0[i] } else { 0.0 },
        ))
    }
    #[inline(always)]
    unsafe fn or_larger(self, other: Self) -> Self {
        let larger = |a: f32, b: f32| if a > b || a.is_nan() { a } else { b };
        Self(std::array::from_fn(|i| larger(self.0[i], other.0[i])))
    }
    #[inline(always)]
    unsafe fn beats(self, other: Self) -> u16 {
        let beats = |a: f32, b: f32| a > b || a.is_nan() && !b.is_nan();
        (0..LANES).fold(0, |bits, i| bits | u16::from(beats(self.0[i], other.0[i])) << i)
    }
}
