use candle_core::{Result, bail};

/// A square window that slides over height and width: the geometry of a convolution or a pool.
///
/// All lengths are in pixels of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Side of the window.
    pub kernel: usize,
    /// Distance between neighbouring window positions.
    pub stride: usize,
    /// Pixels added on each of the four sides.
    pub padding: usize,
    /// Distance between neighbouring taps inside the window; 1 is an ordinary, dense window.
    pub dilation: usize,
}

impl Window {
    /// A window of side `kernel` with stride 1, no padding and dilation 1.
    pub const fn new(kernel: usize) -> Self {
        Self {
            kernel,
            stride: 1,
            padding: 0,
            dilation: 1,
        }
    }

    /// The same window with another stride.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same window with another padding.
    pub const fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    /// The same window with another dilation.
    pub const fn dilation(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// Pixels from the first to the last tap, both counted.
    pub(crate) fn extent(&self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }

    /// Positions of the window along an axis of `length` pixels.
    pub(crate) fn positions(&self, length: usize) -> Result<usize> {
        if self.kernel == 0 || self.stride == 0 || self.dilation == 0 {
            bail!("expected kernel, stride and dilation of at least 1, got {self:?}");
        }
        let padded = length + 2 * self.padding;
        if length == 0 || padded < self.extent() {
            bail!(
                "expected an input of at least {} pixels a side with the padding, got {length} + 2·{}",
                self.extent(),
                self.padding
            );
        }
        Ok((padded - self.extent()) / self.stride + 1)
    }
}
