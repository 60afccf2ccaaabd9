//! Dense float64 arrays of any strides, the caller's or our own.

use super::Design;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

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

impl Design for ArrayView2<'_, f64> {
    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn read(&self, columns: &[usize], mut out: ArrayViewMut2<'_, f64>) {
        let &[by_row, by_column] = self.strides() else { return };
        if by_column.abs() > by_row.abs() {
            for (mut to, &j) in out.columns_mut().into_iter().zip(columns) {
                to.assign(&self.column(j));
            }
            return;
        }
        let adjacent = columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
        for (mut to, row) in out.outer_iter_mut().zip(self.outer_iter()) {
            match (columns.first(), row.as_slice(), to.as_slice_mut()) {
                // Of slices alone the compiler makes a copy of blocks.
                (Some(&first), Some(values), Some(to)) if adjacent => {
                    to.iter_mut().zip(&values[first..]).for_each(|(to, v)| *to = *v);
                }
                _ => to.iter_mut().zip(columns).for_each(|(to, &j)| *to = row[j]),
            }
        }
    }

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        multiply_transposed(self.view(), vectors, out);
    }
}

impl Design for Array2<f64> {
    fn shape(&self) -> (usize, usize) {
        self.dim()
    }

    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>) {
        self.view().read(columns, out);
    }

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        multiply_transposed(self.view(), vectors, out);
    }
}
