use candle_core::{CpuStorage, Layout, Result, WithDType, bail};
use rayon::prelude::*;

/// The two element types of this crate: `f32` to run, `f64` to check gradients.
pub(crate) trait Element:
    WithDType + num_traits::Float + num_traits::NumAssign + std::iter::Sum + Send + Sync
{
    /// As an `f64`. candle's own conversion is a call for each element, which no loop is vectorized around.
    fn wide(self) -> f64;
}

impl Element for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

/// Calls a function generic over [`Element`] with the element type of a storage.
macro_rules! for_float {
    ($storage:expr, $name:literal, $function:ident($($argument:expr),*)) => {
        match $storage {
            candle_core::CpuStorage::F32(_) => $function::<f32>($($argument),*),
            candle_core::CpuStorage::F64(_) => $function::<f64>($($argument),*),
            other => candle_core::bail!(
                concat!($name, ": expected f32 or f64, got {:?}"),
                candle_core::backend::BackendStorage::dtype(other)
            ),
        }
    };
}
pub(crate) use for_float;

/// The elements of a contiguous tensor.
pub(crate) fn slice<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<T>()?[start..end]),
        None => bail!("expected a contiguous tensor, got strides {:?}", layout.stride()),
    }
}

/// Elements below which a second thread costs more than it saves.
const PARALLEL_FROM: usize = 1 << 17;

/// Fills `output` piece by piece, `piece` elements at a time, on all cores when there is enough to do.
pub(crate) fn for_each_piece<T: Send>(output: &mut [T], piece: usize, fill: impl Fn(usize, &mut [T]) + Sync + Send) {
    if output.is_empty() {
        return;
    }
    if output.len() < PARALLEL_FROM {
        output
            .chunks_mut(piece)
            .enumerate()
            .for_each(|(i, chunk)| fill(i, chunk));
    } else {
        output
            .par_chunks_mut(piece)
            .enumerate()
            .for_each(|(i, chunk)| fill(i, chunk));
    }
}
