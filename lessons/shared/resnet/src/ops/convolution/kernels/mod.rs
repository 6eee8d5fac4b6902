//! The inner loops, and the only `unsafe` of this crate.
//!
//! - [`lanes`] is what they ask of a processor; [`avx512`], [`avx2`] and [`portable`] answer;
//! - [`sums`] are the outputs of a convolution and its input's gradient, [`correlation`] the gradient of a kernel,
//!   [`spread`] that of an image, [`pool`] max-pooling, [`product`] the matrix product of the general path;
//! - [`columns`] brings planes into blocks;
//! - [`run`] takes a program's steps through its memory, [`vectorize`] compiles a plain loop for the instructions.
//!
//! A safe function here compares every address that it can form with the slices it is given, once, and takes the
//! instructions as a [`Chosen`](crate::ops::Chosen), which the processor has; below it, in `unsafe` functions, neither
//! is checked again.
#![allow(unsafe_code)] // vector registers and the matrix product take pointers, and tasks write into one output

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod columns;
mod correlation;
mod lanes;
mod pool;
mod portable;
mod product;
mod run;
mod spread;
mod sums;
mod vectorize;

use std::marker::PhantomData;

pub(crate) use columns::pixels_of_planes;
pub(crate) use correlation::{Correlation, Run};
pub(crate) use pool::Pool;
pub(crate) use product::{Matrix, MatrixMut, multiply};
pub(crate) use vectorize::vectorize;

/// A pointer that several threads may write through, each to its own elements.
struct Shared<'a, T>(*mut T, PhantomData<&'a mut [T]>);
// SAFETY: every use below writes to elements that belong to one task alone, and to nothing that is read meanwhile.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<T> Shared<'_, T> {
    fn start(&self) -> *mut T {
        self.0
    }
}
