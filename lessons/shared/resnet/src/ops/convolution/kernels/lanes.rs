//! What the inner loops ask of a set of instructions.

/// Sixteen `f32` in registers.
///
/// # Safety
/// All methods: the processor must have the instructions that the implementation is named after. `load` and `store`: sixteen
/// values must lie at the pointer; `splat`: one.
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
}
