//! The product of two matrices, for the general path.

use crate::ops::element::Element;

/// A matrix in memory: where it starts and how far apart rows and columns are.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    values: &'a [T],
    row_stride: usize,
    column_stride: usize,
}

/// A matrix to write into.
pub(crate) struct MatrixMut<'a, T> {
    values: &'a mut [T],
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    pub fn new(values: &'a [T], row_stride: usize, column_stride: usize) -> Self {
        Self {
            values,
            row_stride,
            column_stride,
        }
    }
}

impl<'a, T> MatrixMut<'a, T> {
    /// Rows follow each other: no element stands in two places.
    pub fn new(values: &'a mut [T], row_stride: usize, column_stride: usize) -> Self {
        Self {
            values,
            row_stride,
            column_stride,
        }
    }
}

/// `output = left · right`, or `output += left · right`, for `left` of `rows` × `depth` and `right` of `depth` × `columns`.
///
/// # Panics
/// if a matrix does not lie inside its slice, or if rows of `output` overlap.
pub(crate) fn multiply<T: Element>(
    (rows, depth, columns): (usize, usize, usize),
    left: Matrix<T>,
    right: Matrix<T>,
    output: &mut MatrixMut<T>,
    accumulate: bool,
) {
    if rows == 0 || columns == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, row_stride: usize, column_stride: usize| {
        rows.saturating_sub(1) * row_stride + columns.saturating_sub(1) * column_stride
    };
    if depth > 0 {
        assert!(last(rows, depth, left.row_stride, left.column_stride) < left.values.len());
        assert!(last(depth, columns, right.row_stride, right.column_stride) < right.values.len());
    }
    assert!(last(rows, columns, output.row_stride, output.column_stride) < output.values.len());
    assert!(output.column_stride == 1 && (output.row_stride >= columns || rows == 1));
    // SAFETY: the last element of each matrix lies inside its slice, by the assertions above, so all do; `output` is
    // borrowed exclusively, and its rows do not overlap.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            output.values.as_mut_ptr(),
            output.column_stride as isize,
            output.row_stride as isize,
            accumulate,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
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
