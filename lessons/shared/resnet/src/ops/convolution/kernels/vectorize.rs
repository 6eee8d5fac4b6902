//! Loops that the compiler brings into vector registers by itself.

use crate::ops::{Chosen, Instructions};

/// Runs `f`, compiled for these instructions where it is inlined.
pub(crate) fn vectorize<T>(instructions: Chosen, f: impl FnOnce() -> T) -> T {
    match instructions.get() {
        // SAFETY: the processor has what was `Chosen`.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512 => unsafe { vectorize_avx512(f) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { vectorize_avx2(f) },
        _ => f(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn vectorize_avx512<T>(f: impl FnOnce() -> T) -> T {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn vectorize_avx2<T>(f: impl FnOnce() -> T) -> T {
    f()
}
