//! What this machine could do at most: multiply-adds in registers, and nothing else.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use pulp::{Simd, WithSimd};

/// Independent sums: more than the two or four steps a multiply-add takes, few enough for sixteen registers.
const SUMS: usize = 12;
const STEPS: usize = 4_000_000;
const TRIES: usize = 5;

/// Multiply-adds of f32 per second on so many threads at once, in the widest vectors that may be used.
pub fn multiply_adds_per_second(threads: usize, avx2: bool) -> f64 {
    let once = || {
        let start = Instant::now();
        let done: usize = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(move || count(avx2))).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().expect("a loop does not panic"))
                .sum()
        });
        done as f64 / start.elapsed().as_secs_f64()
    };
    (0..TRIES).map(|_| once()).fold(0.0, f64::max)
}

fn count(avx2: bool) -> usize {
    #[cfg(target_arch = "x86_64")]
    if avx2 && let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, Loop);
    }
    let _ = avx2;
    pulp::Arch::new().dispatch(Loop)
}

struct Loop;

impl WithSimd for Loop {
    /// How many multiply-adds were done.
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let (factor, term) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(0.001)));
        let mut sums = [simd.splat_f32s(0.5); SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, term);
            }
        }
        let total = sums.into_iter().fold(term, |a, b| simd.add_f32s(a, b));
        black_box(simd.reduce_sum_f32s(total));
        STEPS * SUMS * S::F32_LANES
    }
}
