//! All sizes of one convolution.

use candle_core::{Result, Shape, bail};

use crate::ops::Window;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub window: Window,
    pub batch: usize,
    pub in_channels: usize,
    pub height: usize,
    pub width: usize,
    pub out_channels: usize,
    pub out_height: usize,
    pub out_width: usize,
}

impl Geometry {
    pub fn new(x: &Shape, kernel: &Shape, window: Window) -> Result<Self> {
        let (batch, in_channels, height, width) = x.dims4()?;
        let (out_channels, kernel_channels, side, other_side) = kernel.dims4()?;
        if kernel_channels != in_channels {
            bail!(
                "conv2d: expected a kernel for {in_channels} input channels, got {:?}",
                kernel.dims()
            );
        }
        if side != window.kernel || other_side != window.kernel {
            bail!(
                "conv2d: expected a kernel of side {}, got {:?}",
                window.kernel,
                kernel.dims()
            );
        }
        let (out_height, out_width) = (window.positions(height)?, window.positions(width)?);
        Ok(Self {
            window,
            batch,
            in_channels,
            height,
            width,
            out_channels,
            out_height,
            out_width,
        })
    }

    pub fn area(&self) -> usize {
        self.height * self.width
    }

    pub fn out_area(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Taps of the window.
    pub fn taps(&self) -> usize {
        self.window.kernel * self.window.kernel
    }

    /// Multiplications per output value: input channels · side².
    pub fn depth(&self) -> usize {
        self.in_channels * self.taps()
    }

    pub fn padded_height(&self) -> usize {
        self.height + 2 * self.window.padding
    }

    pub fn padded_width(&self) -> usize {
        self.width + 2 * self.window.padding
    }

    pub fn in_shape(&self) -> Shape {
        Shape::from((self.batch, self.in_channels, self.height, self.width))
    }

    pub fn out_shape(&self) -> Shape {
        Shape::from((self.batch, self.out_channels, self.out_height, self.out_width))
    }

    pub fn kernel_shape(&self) -> Shape {
        let side = self.window.kernel;
        Shape::from((self.out_channels, self.in_channels, side, side))
    }

    pub fn multiplications(&self) -> usize {
        self.batch * self.out_channels * self.out_area() * self.depth()
    }

    /// The inputs of the taps that hit an axis of `length` input pixels in step with `phase`, for the gradient of the
    /// input: input pixel `stride · u + phase` receives tap `t` of output `u + offset`, as (t, offset), by offset.
    ///
    /// With `y = stride · o + t − padding`, that is `o = (y + padding − t) / stride` where it divides.
    pub fn taps_into(&self, phase: usize) -> impl Iterator<Item = (usize, isize)> + Clone + use<> {
        let Window {
            kernel,
            stride,
            padding,
            ..
        } = self.window;
        (0..kernel).rev().filter_map(move |tap| {
            let distance = (phase + padding) as isize - tap as isize;
            (distance.rem_euclid(stride as isize) == 0).then(|| (tap, distance.div_euclid(stride as isize)))
        })
    }
}
