//! Dense arrays of any strides, the caller's or our own.

use super::Design;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use pulp::Arch;
use std::fmt::Debug;
use std::ops::Range;

/// Sums that are taken side by side: one running sum would be one long chain.
const LANES: usize = 16;
/// Columns whose products are held in the first-level cache, where rows are read one after the other.
const TILE: usize = 1 << 10;

/// A real number that an array may hold.
pub trait Element: Copy + Send + Sync + Debug {
    /// As float64; integers beyond 2^53 are rounded.
    fn to_f64(self) -> f64;

    /// `out <- x^T vectors`: vectors one after the other, converted and summed in float64.
    fn multiply_transposed(x: ArrayView2<'_, Self>, vectors: &[f64], out: &mut [f64]) {
        let (rows, n) = x.dim();
        let arch = Arch::new();
        for (vector, out) in vectors.chunks_exact(rows.max(1)).zip(out.chunks_exact_mut(n.max(1))) {
            if x.outer_iter().next().is_some_and(|row| row.as_slice().is_some()) {
                arch.dispatch(|| add_rows(x, vector, out));
            } else {
                let each = out.iter_mut().zip(x.columns());
                each.for_each(|(out, column)| match column.as_slice() {
                    Some(column) => *out = arch.dispatch(|| product(column, vector)),
                    None => *out = column.iter().zip(vector).map(|(x, v)| x.to_f64() * v).sum(),
                });
            }
        }
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

    fn multiply_transposed(x: ArrayView2<'_, f64>, vectors: &[f64], out: &mut [f64]) {
        multiply_transposed(x, vectors, out);
    }
}

/// `out <- x^T vectors`, on this thread alone; one or more vectors, one after the other.
///
/// # Complexity
/// `O(n_rows n_cols)` for each vector; arrays in C and in Fortran order are read as they lie, others entry by entry.
pub fn multiply_transposed(x: ArrayView2<'_, f64>, vectors: &[f64], out: &mut [f64]) {
    let (rows, n) = x.dim();
    let width = out.len().checked_div(n).unwrap_or(0);
    let transposed = x.t();
    let as_matrix = match (x.as_slice(), transposed.as_slice()) {
        (Some(values), _) => Some(MatRef::from_row_major_slice(values, rows, n)),
        (_, Some(values)) => Some(MatRef::from_column_major_slice(values, rows, n)),
        _ => None,
    };
    if let Some(x) = as_matrix {
        let right = MatRef::from_column_major_slice(vectors, rows, width);
        let to = MatMut::from_column_major_slice_mut(out, n, width);
        matmul(to, Accum::Replace, x.transpose(), right, 1.0, Par::Seq);
        return;
    }
    for (vector, out) in vectors.chunks_exact(rows.max(1)).zip(out.chunks_exact_mut(n.max(1))) {
        let each = out.iter_mut().zip(x.columns());
        each.for_each(|(o, x)| *o = x.iter().zip(vector).map(|(a, b)| a * b).sum());
    }
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
        for (mut to, row) in out.outer_iter_mut().zip(self.outer_iter()) {
            match (columns.first(), row.as_slice(), to.as_slice_mut()) {
                // Of slices alone the compiler makes a copy of blocks.
                (Some(&first), Some(values), Some(to)) if adjacent => {
                    to.iter_mut().zip(&values[first..]).for_each(|(to, v)| *to = v.to_f64());
                }
                _ => to.iter_mut().zip(columns).for_each(|(to, &j)| *to = row[j].to_f64()),
            }
        }
    }

    fn read_rows(&self, rows: Range<usize>, out: ArrayViewMut2<'_, f64>) -> bool {
        let all: Vec<usize> = (0..self.ncols()).collect();
        self.slice(s![rows, ..]).read(&all, out);
        true
    }

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        T::multiply_transposed(self.view(), vectors, out);
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

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        T::multiply_transposed(self.view(), vectors, out);
    }
}
