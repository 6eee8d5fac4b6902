//! Convolution as matrix multiplication, on tiles small enough for the cache.
//!
//! Small maps: the pixels under each window position become a column ("im2col"), the kernels are the rows, and one
//! product gives all outputs. Several images share a tile.
//!
//! Large maps: the columns are made for one row of the window only. The window's other rows see the same columns,
//! shifted by whole image rows, so one product per window row, added up, gives the outputs, and `kernel` times fewer
//! pixels are copied. See [`RowColumns`].
//!
//! The gradient with respect to the input of a convolution with stride 1 is a convolution of the output's gradient
//! with the flipped kernel; with a larger stride it is the transposed product, added back pixel by pixel ("col2im").

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::Window;
use super::element::{Element, for_each_piece, for_float, slice};

/// Cross-correlation of `x`, `[batch, in_channels, height, width]`, with `kernel`,
/// `[out_channels, in_channels, side, side]`: what deep learning calls a convolution. No bias.
///
/// Returns `[batch, out_channels, out_height, out_width]`. The kernel's gradient is computed only if the kernel is a
/// `Var` or depends on one, the input's likewise.
///
/// **Errors** if a rank, the number of channels or the kernel's side disagree, if the window does not fit, or on
/// another dtype than `f32` or `f64`.
pub fn conv2d(x: &Tensor, kernel: &Tensor, window: Window) -> Result<Tensor> {
    if x.rank() != 4 || kernel.rank() != 4 {
        bail!(
            "conv2d: expected input [batch, channels, height, width] and kernel [out, in, side, side], got {:?} and {:?}",
            x.dims(),
            kernel.dims()
        );
    }
    if x.dtype() != kernel.dtype() {
        bail!(
            "conv2d: expected one dtype, got {:?} and {:?}",
            x.dtype(),
            kernel.dtype()
        );
    }
    x.contiguous()?.apply_op2(&kernel.contiguous()?, Conv2d(window))
}

/// All sizes of one convolution.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    window: Window,
    batch: usize,
    in_channels: usize,
    height: usize,
    width: usize,
    out_channels: usize,
    out_height: usize,
    out_width: usize,
}

impl Geometry {
    fn new(x: &Shape, kernel: &Shape, window: Window) -> Result<Self> {
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

    fn out_area(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Rows of the column matrix: input channels · side².
    fn depth(&self) -> usize {
        self.in_channels * self.window.kernel * self.window.kernel
    }

    fn padded_height(&self) -> usize {
        self.height + 2 * self.window.padding
    }

    fn padded_width(&self) -> usize {
        self.width + 2 * self.window.padding
    }

    fn out_shape(&self) -> Shape {
        Shape::from((self.batch, self.out_channels, self.out_height, self.out_width))
    }

    /// A 1×1 convolution with stride 1 and no padding: the image already is its column matrix.
    fn is_pointwise(&self) -> bool {
        self.window.kernel == 1 && self.window.stride == 1 && self.window.padding == 0
    }

    /// Cores worth using: waking a second one costs as much as a few million multiplications.
    fn threads(&self) -> usize {
        const WORTH_WAKING: usize = 16_000_000;
        let multiplications = self.batch * self.out_channels * self.out_area() * self.depth();
        if multiplications < WORTH_WAKING {
            1
        } else {
            rayon::current_num_threads()
        }
    }

    /// Whether columns are made for one row of the window at a time.
    fn is_by_rows(&self) -> bool {
        self.window.kernel > 1 && self.out_area() >= 256
    }

    /// Output rows a tile holds, so that its columns take about `TILE` elements.
    fn tile_rows(&self) -> usize {
        const TILE: usize = 1 << 16; // 256 KiB of f32
        if self.is_pointwise() {
            self.out_height
        } else if self.is_by_rows() {
            let row = self.in_channels * self.window.kernel * self.window.stride * self.out_width;
            (TILE / row).clamp(4, self.out_height.max(4))
        } else {
            (TILE / (self.depth() * self.out_width)).clamp(1, self.batch * self.out_height)
        }
    }

    /// The output rows of the whole batch in tiles, as (first row, rows). Only tiles of small maps reach over images.
    fn tiles(&self, most_rows: usize) -> Vec<(usize, usize)> {
        let cut = |start: usize, length: usize| {
            (0..length)
                .step_by(most_rows)
                .map(move |at| (start + at, most_rows.min(length - at)))
        };
        if self.is_pointwise() || self.is_by_rows() {
            (0..self.batch)
                .flat_map(|image| cut(image * self.out_height, self.out_height))
                .collect()
        } else {
            cut(0, self.batch * self.out_height).collect()
        }
    }

    /// For each of a tile's output rows: its image and its row there.
    fn rows(&self, start: usize, count: usize) -> impl Iterator<Item = (usize, usize)> + Clone + use<> {
        let out_height = self.out_height;
        (start..start + count).map(move |row| (row / out_height, row % out_height))
    }

    /// Where tap (`channel`, `ky`, `kx`) of output row `oy` begins in the padded images.
    fn padded_start(&self, image: usize, channel: usize, oy: usize, ky: usize, kx: usize) -> usize {
        let row = oy * self.window.stride + ky * self.window.dilation;
        ((image * self.in_channels + channel) * self.padded_height() + row) * self.padded_width()
            + kx * self.window.dilation
    }

    /// The taps of the window over all channels, in the order of the kernel's memory.
    fn taps(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (channels, side) = (self.in_channels, self.window.kernel);
        (0..channels).flat_map(move |c| (0..side).flat_map(move |ky| (0..side).map(move |kx| (c, ky, kx))))
    }
}

/// A matrix in memory: where it starts and how far apart rows and columns are.
#[derive(Clone, Copy)]
struct Matrix<P> {
    start: P,
    row_stride: usize,
    column_stride: usize,
}

fn matrix<T>(values: &[T], row_stride: usize, column_stride: usize) -> Matrix<*const T> {
    Matrix {
        start: values.as_ptr(),
        row_stride,
        column_stride,
    }
}

/// `output = left · right`, or `output += left · right`.
///
/// # Safety
/// `left` (`rows` × `depth`), `right` (`depth` × `columns`) and `output` (`rows` × `columns`) must lie inside live
/// allocations, and nothing else may touch `output` meanwhile.
#[allow(unsafe_code)] // the matrix kernel takes pointers: its strided operands are no slices
unsafe fn multiply<T: Element>(
    (rows, depth, columns): (usize, usize, usize),
    left: Matrix<*const T>,
    right: Matrix<*const T>,
    output: Matrix<*mut T>,
    accumulate: bool,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            output.start,
            output.column_stride as isize,
            output.row_stride as isize,
            accumulate,
            left.start,
            left.column_stride as isize,
            left.row_stride as isize,
            right.start,
            right.column_stride as isize,
            right.row_stride as isize,
            if accumulate { T::one() } else { T::zero() },
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// [`multiply`] into a slice that holds the whole output, row by row.
fn multiply_into<T: Element>(
    (rows, depth, columns): (usize, usize, usize),
    left: Matrix<*const T>,
    right: Matrix<*const T>,
    output: &mut [T],
    accumulate: bool,
) {
    assert!(output.len() >= rows * columns);
    let output = Matrix {
        start: output.as_mut_ptr(),
        row_stride: columns,
        column_stride: 1,
    };
    // SAFETY: the output is exclusively borrowed and large enough; the operands are borrowed by the caller.
    #[allow(unsafe_code)]
    unsafe {
        multiply((rows, depth, columns), left, right, output, accumulate)
    }
}

/// The images with a border of zeros, or the images themselves if there is no border.
fn pad<'a, T: Element>(x: &'a [T], g: &Geometry) -> std::borrow::Cow<'a, [T]> {
    let padding = g.window.padding;
    if padding == 0 {
        return x.into();
    }
    let (area, width) = (g.padded_height() * g.padded_width(), g.padded_width());
    let mut padded = vec![T::zero(); g.batch * g.in_channels * area];
    for_each_piece(&mut padded, area, |plane, padded| {
        let rows = x[plane * g.height * g.width..].chunks_exact(g.width).take(g.height);
        for (row, target) in rows.zip(padded.chunks_exact_mut(width).skip(padding)) {
            target[padding..padding + g.width].copy_from_slice(row);
        }
    });
    padded.into()
}

/// Writes the column matrix of some output rows, `[depth, rows · out_width]`.
fn columns_of<T: Element>(padded: &[T], g: &Geometry, start: usize, rows: usize, columns: &mut Vec<T>) {
    columns.clear();
    columns.reserve(g.depth() * rows * g.out_width);
    let row_starts: Vec<usize> = g
        .rows(start, rows)
        .map(|(image, oy)| g.padded_start(image, 0, oy, 0, 0))
        .collect();
    for (channel, ky, kx) in g.taps() {
        let tap = g.padded_start(0, channel, 0, ky, kx);
        for row in &row_starts {
            let source = &padded[row + tap..];
            match g.window.stride {
                1 => columns.extend_from_slice(&source[..g.out_width]),
                2 => extend_every(columns, source, 2, g.out_width), // a constant the compiler can vectorize
                stride => extend_every(columns, source, stride, g.out_width),
            }
        }
    }
}

/// Appends `count` elements of `source`, `stride` apart.
#[inline(always)]
fn extend_every<T: Element>(target: &mut Vec<T>, source: &[T], stride: usize, count: usize) {
    let start = target.len();
    target.resize(start + count, T::zero());
    for (target, &value) in target[start..].iter_mut().zip(source.iter().step_by(stride)) {
        *target = value;
    }
}

/// The columns of some output rows of one image for a single row of the window, `[channels · side, phases, rows, out_width]`.
///
/// Row `r` of phase `p` holds the pixels of padded image row `(first output row + r) · stride + p`. Window row `ky` reads
/// phase `ky·dilation mod stride` from row `ky·dilation / stride` on: one contiguous run per channel and `kx`.
struct RowColumns<'a> {
    g: &'a Geometry,
    image: usize,
    first: usize,
    /// Rows per phase: the tile's output rows and what the window reaches beyond them.
    rows: usize,
}

impl<'a> RowColumns<'a> {
    fn new(g: &'a Geometry, start: usize, rows: usize) -> Self {
        let reach = g.window.dilation * (g.window.kernel - 1) / g.window.stride;
        Self {
            g,
            image: start / g.out_height,
            first: start % g.out_height,
            rows: rows + reach,
        }
    }

    /// Rows of the matrix: one per channel and horizontal tap.
    fn depth(&self) -> usize {
        self.g.in_channels * self.g.window.kernel
    }

    /// Elements from one row of the matrix to the next.
    fn stride(&self) -> usize {
        self.g.window.stride * self.rows * self.g.out_width
    }

    /// Where the columns of window row `ky` begin.
    fn offset(&self, ky: usize) -> usize {
        let down = ky * self.g.window.dilation;
        (down % self.g.window.stride * self.rows + down / self.g.window.stride) * self.g.out_width
    }

    /// For each run of `out_width` elements, in order: where it begins in the padded images of `channels` channels,
    /// `None` for a row below the image, which no output reads.
    fn runs(&self, image: usize, channels: std::ops::Range<usize>) -> impl Iterator<Item = Option<usize>> + use<> {
        let (g, first, rows) = (*self.g, self.first, self.rows);
        let taps = channels.flat_map(move |c| (0..g.window.kernel).map(move |kx| (c, kx)));
        taps.flat_map(move |(channel, kx)| {
            let plane = g.padded_start(image, channel, 0, 0, kx);
            (0..g.window.stride).flat_map(move |phase| {
                (first..first + rows).map(move |row| {
                    let y = row * g.window.stride + phase;
                    (y < g.padded_height()).then_some(plane + y * g.padded_width())
                })
            })
        })
    }

    fn fill<T: Element>(&self, padded: &[T], columns: &mut Vec<T>) {
        columns.clear();
        columns.reserve(self.depth() * self.stride());
        let width = self.g.out_width;
        for run in self.runs(self.image, 0..self.g.in_channels) {
            match (run, self.g.window.stride) {
                (None, _) => columns.resize(columns.len() + width, T::zero()),
                (Some(start), 1) => columns.extend_from_slice(&padded[start..start + width]),
                (Some(start), 2) => extend_every(columns, &padded[start..], 2, width), // a constant vectorizes
                (Some(start), stride) => extend_every(columns, &padded[start..], stride, width),
            }
        }
    }
}

/// The kernel as one matrix per window row: `[side, out, in, side]` with the vertical tap first.
fn by_window_row<T: Element>(kernel: &[T], g: &Geometry) -> Vec<T> {
    let side = g.window.kernel;
    let rows = kernel.len() / side;
    let mut sorted = vec![T::zero(); kernel.len()];
    for (from, values) in kernel.chunks_exact(side).enumerate() {
        let (plane, ky) = (from / side, from % side);
        sorted[(ky * rows / side + plane) * side..][..side].copy_from_slice(values);
    }
    sorted
}

/// A pointer that several threads may write through, each to its own elements.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);
// SAFETY: every use below writes to elements that belong to one task alone.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Shared<T> {}
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    fn at(self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

fn forward<T: Element>(x: &[T], kernel: &[T], g: &Geometry) -> Vec<T> {
    let mut output = vec![T::zero(); g.batch * g.out_channels * g.out_area()];
    let padded = pad(x, g);
    let sorted = if g.is_by_rows() {
        by_window_row(kernel, g)
    } else {
        Vec::new()
    };
    let threads = g.threads();
    // Every core gets a tile, unless that would make tiles too narrow for the product; then the channels are split.
    let share = (g.batch * g.out_height).div_ceil(threads);
    let most_rows = if share * g.out_width >= 64 {
        g.tile_rows().min(share)
    } else {
        g.tile_rows()
    };
    let tiles = g.tiles(most_rows);
    let blocks = if tiles.len() < threads {
        threads.min(g.out_channels)
    } else {
        1
    };
    let block = g.out_channels.div_ceil(blocks);
    let shared = Shared(output.as_mut_ptr());
    let run = |(columns, products): &mut (Vec<T>, Vec<T>), task: usize| {
        let (start, rows) = tiles[task / blocks];
        let first = (task % blocks) * block;
        let channels = first..g.out_channels.min(first + block);
        if channels.is_empty() {
            return;
        }
        let (image, oy) = (start / g.out_height, start % g.out_height);
        let count = rows * g.out_width;
        let target = |channel: usize| {
            let offset = (image * g.out_channels + channel) * g.out_area() + oy * g.out_width;
            Matrix {
                start: shared.at(offset),
                row_stride: g.out_area(),
                column_stride: 1,
            }
        };
        if g.is_by_rows() {
            let of_row = RowColumns::new(g, start, rows);
            of_row.fill(&padded, columns);
            for ky in 0..g.window.kernel {
                let depth = of_row.depth();
                let left = matrix(&sorted[(ky * g.out_channels + channels.start) * depth..], depth, 1);
                let right = matrix(&columns[of_row.offset(ky)..], of_row.stride(), 1);
                // SAFETY: these rows and channels of this image belong to this task alone.
                #[allow(unsafe_code)]
                unsafe {
                    multiply((channels.len(), depth, count), left, right, target(first), ky > 0)
                }
            }
            return;
        }
        let left = matrix(&kernel[first * g.depth()..], g.depth(), 1);
        let sizes = (channels.len(), g.depth(), count);
        if g.is_pointwise() {
            let right = matrix(
                &x[image * g.in_channels * g.out_area() + oy * g.out_width..],
                g.out_area(),
                1,
            );
            // SAFETY: as above.
            #[allow(unsafe_code)]
            unsafe {
                multiply(sizes, left, right, target(first), false)
            }
            return;
        }
        columns_of(&padded, g, start, rows, columns);
        products.resize(channels.len() * count, T::zero());
        multiply_into(sizes, left, matrix(columns, count, 1), products, false);
        for (channel, product) in channels.zip(products.chunks_exact(count)) {
            for ((image, oy), row) in g.rows(start, rows).zip(product.chunks_exact(g.out_width)) {
                let plane = image * g.out_channels + channel;
                let target = shared.at(plane * g.out_area() + oy * g.out_width);
                // SAFETY: as above; `row` is `out_width` long and lies in another allocation.
                #[allow(unsafe_code)]
                unsafe {
                    std::ptr::copy_nonoverlapping(row.as_ptr(), target, g.out_width)
                }
            }
        }
    };
    let tasks = 0..tiles.len() * blocks;
    let buffers = || (Vec::new(), Vec::new());
    if threads == 1 {
        let mut buffers = buffers();
        tasks.for_each(|task| run(&mut buffers, task));
    } else {
        tasks.into_par_iter().for_each_init(buffers, run);
    }
    output
}

/// The gradient of the input for stride 1: the output's gradient, convolved with the flipped kernel.
fn input_gradient_by_flip<T: Element>(gradient: &[T], kernel: &[T], g: &Geometry) -> Vec<T> {
    let area = g.window.kernel * g.window.kernel;
    // [out, in, side, side] → [in, out, side, side], each plane turned by 180°.
    let mut flipped = vec![T::zero(); kernel.len()];
    for (plane, values) in kernel.chunks_exact(area).enumerate() {
        let (out, input) = (plane / g.in_channels, plane % g.in_channels);
        let target = &mut flipped[(input * g.out_channels + out) * area..][..area];
        target
            .iter_mut()
            .zip(values.iter().rev())
            .for_each(|(target, &value)| *target = value);
    }
    let back = Geometry {
        window: g.window.padding(g.window.extent() - 1 - g.window.padding),
        in_channels: g.out_channels,
        height: g.out_height,
        width: g.out_width,
        out_channels: g.in_channels,
        out_height: g.height,
        out_width: g.width,
        ..*g
    };
    forward(gradient, &flipped, &back)
}

/// The gradient of the input for any stride: the transposed product, added back to the pixels it came from. Made for one
/// row of the window at a time, as in [`RowColumns`].
fn input_gradient_by_scatter<T: Element>(gradient: &[T], kernel: &[T], g: &Geometry) -> Vec<T> {
    let padded_area = g.padded_height() * g.padded_width();
    let sorted = by_window_row(kernel, g);
    let threads = g.threads();
    let blocks = if g.batch < threads {
        threads.min(g.in_channels)
    } else {
        1
    };
    let block = g.in_channels.div_ceil(blocks);
    let mut padded = vec![T::zero(); g.batch * g.in_channels * padded_area];
    // One task per image and block of input channels, so that no two tasks add to the same pixel.
    let mut tasks: Vec<(usize, usize, &mut [T])> = Vec::new();
    for (image, planes) in padded.chunks_mut(g.in_channels * padded_area).enumerate() {
        let blocks = planes.chunks_mut(block * padded_area).enumerate();
        tasks.extend(blocks.map(|(index, planes)| (image, index * block, planes)));
    }
    let most_rows = g.tile_rows().min(g.out_height);
    tasks
        .into_par_iter()
        .for_each_init(Vec::new, |columns: &mut Vec<T>, (image, first_channel, planes)| {
            let channels = planes.len() / padded_area;
            let depth = channels * g.window.kernel;
            for oy in (0..g.out_height).step_by(most_rows) {
                let rows = most_rows.min(g.out_height - oy);
                let of_row = RowColumns::new(g, image * g.out_height + oy, rows);
                columns.clear();
                columns.resize(depth * of_row.stride(), T::zero());
                for ky in 0..g.window.kernel {
                    let first = ky * g.out_channels * of_row.depth() + first_channel * g.window.kernel;
                    let left = matrix(&sorted[first..], 1, of_row.depth()); // transposed
                    let offset = image * g.out_channels * g.out_area() + oy * g.out_width;
                    let right = matrix(&gradient[offset..], g.out_area(), 1);
                    let start = columns[of_row.offset(ky)..].as_mut_ptr();
                    let target = Matrix {
                        start,
                        row_stride: of_row.stride(),
                        column_stride: 1,
                    };
                    // SAFETY: the last row's last column lies inside `columns`, which is exclusively borrowed.
                    #[allow(unsafe_code)]
                    unsafe {
                        multiply((depth, g.out_channels, rows * g.out_width), left, right, target, true)
                    }
                }
                let runs = of_row.runs(0, 0..channels).zip(columns.chunks_exact(g.out_width));
                for (start, source) in runs.filter_map(|(start, source)| Some((start?, source))) {
                    for (target, &value) in planes[start..].iter_mut().step_by(g.window.stride).zip(source) {
                        *target += value;
                    }
                }
            }
        });
    unpad(padded, g)
}

fn unpad<T: Element>(padded: Vec<T>, g: &Geometry) -> Vec<T> {
    let padding = g.window.padding;
    if padding == 0 {
        return padded;
    }
    let (area, padded_area) = (g.height * g.width, g.padded_height() * g.padded_width());
    let mut planes = vec![T::zero(); g.batch * g.in_channels * area];
    for_each_piece(&mut planes, area, |plane, target| {
        let rows = padded[plane * padded_area..]
            .chunks_exact(g.padded_width())
            .skip(padding);
        for (target, row) in target.chunks_exact_mut(g.width).zip(rows) {
            target.copy_from_slice(&row[padding..padding + g.width]);
        }
    });
    planes
}

/// The gradient of the kernel: each image's output gradient times its transposed column matrix, added up.
fn kernel_gradient<T: Element>(x: &[T], gradient: &[T], g: &Geometry) -> Vec<T> {
    // A fixed number of partial sums, added in a fixed order: the result does not depend on the number of cores.
    const PARTS: usize = 4;
    let padded = pad(x, g);
    let images_per_part = g.batch.div_ceil(PARTS);
    let tile_rows = g.tile_rows().min(g.out_height);
    let parts: Vec<Vec<T>> = (0..g.batch.div_ceil(images_per_part))
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![T::zero(); g.out_channels * g.depth()];
            let mut columns = Vec::new();
            let first = part * images_per_part;
            for image in first..g.batch.min(first + images_per_part) {
                for start in (0..g.out_height).step_by(tile_rows) {
                    let rows = tile_rows.min(g.out_height - start);
                    let count = rows * g.out_width;
                    columns_of(&padded, g, image * g.out_height + start, rows, &mut columns);
                    let offset = image * g.out_channels * g.out_area() + start * g.out_width;
                    let left = matrix(&gradient[offset..], g.out_area(), 1);
                    let right = matrix(&columns, 1, count); // the columns, transposed
                    multiply_into((g.out_channels, count, g.depth()), left, right, &mut sum, true);
                }
            }
            sum
        })
        .collect();
    let mut total = vec![T::zero(); g.out_channels * g.depth()];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, value)| *total += value);
    }
    total
}

struct Conv2d(Window);

impl CustomOp2 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Element>(
            (x, x_layout): (&CpuStorage, &Layout),
            (kernel, kernel_layout): (&CpuStorage, &Layout),
            g: &Geometry,
        ) -> Result<CpuStorage> {
            let (x, kernel) = (slice::<T>(x, x_layout)?, slice::<T>(kernel, kernel_layout)?);
            Ok(T::to_cpu_storage_owned(forward(x, kernel, g)))
        }
        let g = Geometry::new(x_layout.shape(), kernel_layout.shape(), self.0)?;
        Ok((
            for_float!(x, "conv2d", run((x, x_layout), (kernel, kernel_layout), &g))?,
            g.out_shape(),
        ))
    }

    fn bwd(
        &self,
        x: &Tensor,
        kernel: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let g = Geometry::new(x.shape(), kernel.shape(), self.0)?;
        let of_input = || gradient.apply_op2_no_bwd(kernel, &InputGradient(g));
        let of_kernel = || x.apply_op2_no_bwd(&gradient, &KernelGradient(g));
        Ok((
            x.track_op().then(of_input).transpose()?,
            kernel.track_op().then(of_kernel).transpose()?,
        ))
    }
}

struct InputGradient(Geometry);

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "conv2d-input-gradient"
    }

    fn cpu_fwd(
        &self,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Element>(
            (gradient, gradient_layout): (&CpuStorage, &Layout),
            (kernel, kernel_layout): (&CpuStorage, &Layout),
            g: &Geometry,
        ) -> Result<CpuStorage> {
            let (gradient, kernel) = (
                slice::<T>(gradient, gradient_layout)?,
                slice::<T>(kernel, kernel_layout)?,
            );
            let by_flip = g.window.stride == 1 && g.window.padding < g.window.extent();
            let dx = if by_flip {
                input_gradient_by_flip(gradient, kernel, g)
            } else {
                input_gradient_by_scatter(gradient, kernel, g)
            };
            Ok(T::to_cpu_storage_owned(dx))
        }
        let g = &self.0;
        let dx = for_float!(
            gradient,
            "conv2d",
            run((gradient, gradient_layout), (kernel, kernel_layout), g)
        )?;
        Ok((dx, Shape::from((g.batch, g.in_channels, g.height, g.width))))
    }
}

struct KernelGradient(Geometry);

impl CustomOp2 for KernelGradient {
    fn name(&self) -> &'static str {
        "conv2d-kernel-gradient"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Element>(
            (x, x_layout): (&CpuStorage, &Layout),
            (gradient, gradient_layout): (&CpuStorage, &Layout),
            g: &Geometry,
        ) -> Result<CpuStorage> {
            let (x, gradient) = (slice::<T>(x, x_layout)?, slice::<T>(gradient, gradient_layout)?);
            Ok(T::to_cpu_storage_owned(kernel_gradient(x, gradient, g)))
        }
        let g = &self.0;
        let dk = for_float!(x, "conv2d", run((x, x_layout), (gradient, gradient_layout), g))?;
        Ok((
            dk,
            Shape::from((g.out_channels, g.in_channels, g.window.kernel, g.window.kernel)),
        ))
    }
}
