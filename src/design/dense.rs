//! Dense arrays of any strides, the caller's or our own.

use super::Design;
use crate::threads;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder, s};
use pulp::Arch;
use std::fmt::Debug;
use std::ops::Range;

/// Sums that are taken side by side: one running sum would be one long chain.
const LANES: usize = 16;
/// Columns whose products are held in the first-level cache, where rows are read one after the other.
const TILE: usize = 1 << 10;
/// Entries that one thread multiplies at a time: some 100 microseconds a vector, a hundred times what sharing costs.
const PART: usize = 1 << 18;
/// Entries that one thread copies at a time: some 100 microseconds, where each is in another line of memory.
const COPIED: usize = 1 << 15;
/// Parts are of whole groups of so many columns, as kernels take them.
const GROUP: usize = 16;
/// Entries that are converted to float64 at a time: they stay in the second-level cache.
const CONVERTED: usize = 1 << 15;
/// Vectors from which on entries are converted once for all of them, not once for each.
const MANY_VECTORS: usize = 3;

/// A real number that an array may hold.
pub trait Element: Copy + Send + Sync + Debug {
    /// As float64; integers beyond 2^53 are rounded.
    fn to_f64(self) -> f64;

    /// `out <- x[:, columns]^T vectors`: vectors one after the other, converted and summed in float64.
    fn multiply_transposed(x: ArrayView2<'_, Self>, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        by_columns(x.nrows(), columns.len(), out, |part, out| {
            let x = x.slice(s![.., columns.start + part.start..columns.start + part.end]);
            if out.ncols() < MANY_VECTORS {
                multiply_one_by_one(x, vectors, out);
            } else {
                multiply_converted(x, vectors, out);
            }
        });
    }
}

/// Calls `multiply` with one block of the columns after the other, and the rows of `out` that are theirs: side by side if
/// threads are lent. `per_column` entries are to be read in each column.
pub(super) fn by_columns(
    per_column: usize,
    n_columns: usize,
    out: &mut [f64],
    multiply: impl Fn(Range<usize>, MatMut<'_, f64>) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let n_vectors = out.len() / n_columns;
    let mut rest = MatMut::from_column_major_slice_mut(out, n_columns, n_vectors);
    let width = (PART / per_column.max(1)).next_multiple_of(GROUP).max(GROUP);
    let mut parts = Vec::with_capacity(n_columns.div_ceil(width));
    let mut start = 0;
    while rest.nrows() > width {
        let (part, after) = rest.split_at_row_mut(width);
        parts.push((start, part));
        (start, rest) = (start + width, after);
    }
    parts.push((start, rest));
    threads::map(parts, |(start, part)| multiply(start..start + part.nrows(), part));
}

fn multiply_one_by_one<T: Element>(x: ArrayView2<'_, T>, vectors: &[f64], mut out: MatMut<'_, f64>) {
    let (rows, n) = x.dim();
    let arch = Arch::new();
    let is_by_row = x.outer_iter().next().is_some_and(|row| row.as_slice().is_some());
    let mut products = vec![0.0; n];
    for (l, vector) in vectors.chunks_exact(rows.max(1)).enumerate() {
        if is_by_row {
            arch.dispatch(|| add_rows(x, vector, &mut products));
        } else {
            for (out, column) in products.iter_mut().zip(x.columns()) {
                match column.as_slice() {
                    Some(column) => *out = arch.dispatch(|| product(column, vector)),
                    None => *out = column.iter().zip(vector).map(|(x, v)| x.to_f64() * v).sum(),
                }
            }
        }
        products.iter().enumerate().for_each(|(j, product)| out[(j, l)] = *product);
    }
}

/// As a matrix product of a few columns at a time, which are converted for it.
fn multiply_converted<T: Element>(x: ArrayView2<'_, T>, vectors: &[f64], mut out: MatMut<'_, f64>) {
    let (rows, n) = x.dim();
    let vectors = MatRef::from_column_major_slice(vectors, rows, out.ncols());
    let width = (CONVERTED / rows.max(1)).next_multiple_of(GROUP).min(n);
    let is_by_column = x.strides()[1].abs() > x.strides()[0].abs();
    let mut converted = Array2::zeros((rows, width).set_f(is_by_column));
    for start in (0..n).step_by(width.max(1)) {
        let count = width.min(n - start);
        let mut panel = converted.slice_mut(s![.., ..count]);
        let columns: Vec<usize> = (start..start + count).collect();
        x.read(&columns, panel.view_mut());
        let values = converted.as_slice_memory_order().unwrap_or_default();
        let panel = match is_by_column {
            true => MatRef::from_column_major_slice(values, rows, width),
            false => MatRef::from_row_major_slice(values, rows, width),
        };
        let to = out.as_mut().subrows_mut(start, count);
        matmul(to, Accum::Replace, panel.subcols(0, count).transpose(), vectors, 1.0, Par::Seq);
    }
}

/// Rows times their entry of `vector`, a few columns at a time.
#[inline(always)]
fn add_rows<T: Element>(x: ArrayView2<'_, T>, vector: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    for (i, out) in out.chunks_mut(TILE).enumerate() {
        for (row, &v) in x.outer_iter().zip(vector) {
            let row = row.to_slice().unwrap_or_default();
            out.iter_mut().zip(&row[i * TILE..]).for_each(|(out, x)| *out += x.to_f64() * v);
        }
    }
}

#[inline(always)]
fn product<T: Element>(column: &[T], vector: &[f64]) -> f64 {
    let ((x, x_rest), (v, v_rest)) = (column.as_chunks::<LANES>(), vector.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (x, v) in x.iter().zip(v) {
        for l in 0..LANES {
            sums[l] += x[l].to_f64() * v[l];
        }
    }
    sums.iter().sum::<f64>() + x_rest.iter().zip(v_rest).map(|(x, v)| x.to_f64() * v).sum::<f64>()
}

/// Elements that float64 holds, or nearly so.
macro_rules! elements {
    ($convert:expr; $($type:ty),+) => {
        $(impl Element for $type {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                $convert(self)
            }
        })+
    };
}
elements!(f64::from; bool, i8, i16, i32, u8, u16, u32, f32);
elements!(|value| value as f64; i64, u64);

impl Element for f64 {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    fn multiply_transposed(x: ArrayView2<'_, f64>, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        let (rows, n) = x.dim();
        let transposed = x.t();
        let as_matrix = match (x.as_slice(), transposed.as_slice()) {
            (Some(values), _) => Some(MatRef::from_row_major_slice(values, rows, n)),
            (_, Some(values)) => Some(MatRef::from_column_major_slice(values, rows, n)),
            _ => None,
        };
        by_columns(rows, columns.len(), out, |part, to| match as_matrix {
            Some(x) => {
                let right = MatRef::from_column_major_slice(vectors, rows, to.ncols());
                let x = x.subcols(columns.start + part.start, part.len());
                matmul(to, Accum::Replace, x.transpose(), right, 1.0, Par::Seq);
            }
            None => {
                let x = x.slice(s![.., columns.start + part.start..columns.start + part.end]);
                multiply_one_by_one(x, vectors, to);
            }
        });
    }
}

/// `out <- x^T vectors`, on the threads that are lent; one or more vectors, one after the other.
///
/// # Complexity
/// `O(n_rows n_cols)` for each vector; arrays in C and in Fortran order are read as they lie, others entry by entry.
pub fn multiply_transposed(x: ArrayView2<'_, f64>, vectors: &[f64], out: &mut [f64]) {
    f64::multiply_transposed(x, 0..x.ncols(), vectors, out);
}

impl<T: Element> Design for ArrayView2<'_, T> {
    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn read(&self, columns: &[usize], mut out: ArrayViewMut2<'_, f64>) {
        let &[by_row, by_column] = self.strides() else { return };
        if by_column.abs() > by_row.abs() {
            for (mut to, &j) in out.columns_mut().into_iter().zip(columns) {
                to.iter_mut().zip(self.column(j)).for_each(|(to, v)| *to = v.to_f64());
            }
            return;
        }
        let adjacent = columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let height = (COPIED / columns.len().max(1)).max(1);
        let parts = out.axis_chunks_iter_mut(Axis(0), height).zip(self.axis_chunks_iter(Axis(0), height));
        threads::map(parts.collect(), |(mut out, x)| {
            for (mut to, row) in out.outer_iter_mut().zip(x.outer_iter()) {
                match (columns.first(), row.as_slice(), to.as_slice_mut()) {
                    // Of slices alone the compiler makes a copy of blocks.
                    (Some(&first), Some(values), Some(to)) if adjacent => {
                        to.iter_mut().zip(&values[first..]).for_each(|(to, v)| *to = v.to_f64());
                    }
                    _ => to.iter_mut().zip(columns).for_each(|(to, &j)| *to = row[j].to_f64()),
                }
            }
        });
    }

    fn read_rows(&self, rows: Range<usize>, out: ArrayViewMut2<'_, f64>) -> bool {
        let all: Vec<usize> = (0..self.ncols()).collect();
        self.slice(s![rows, ..]).read(&all, out);
        true
    }

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        T::multiply_transposed(self.view(), columns, vectors, out);
    }
}

impl<T: Element> Design for Array2<T> {
    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>) {
        self.view().read(columns, out);
    }

    fn read_rows(&self, rows: Range<usize>, out: ArrayViewMut2<'_, f64>) -> bool {
        self.view().read_rows(rows, out)
    }

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        T::multiply_transposed(self.view(), columns, vectors, out);
    }
}
