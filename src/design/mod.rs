//! What the design `X` may be, and how solvers see it: centred and scaled without a copy.
//!
//! A kind of design is one implementation of [`Design`]: how its columns are read, and its product with vectors.
//! [`Standardised`] makes of any of them what solvers work on. Faer's matrices stay here and in `linalg`.

mod blocks;
mod compressed;
mod dense;
mod moments;
mod rows;
mod standardised;
mod tall;

pub use compressed::CompressedColumns;
pub use dense::{Element, multiply_transposed};
pub use rows::Rows;
pub use standardised::CONSTANT;
pub use standardised::Standardised;

use ndarray::ArrayViewMut2;
use std::fmt::Debug;
use std::ops::Range;

/// A matrix of real numbers, shape `(n_samples, n_features)`, that is read where it lies.
pub trait Design: Sync + Debug {
    /// Number of samples and of features.
    fn shape(&self) -> (usize, usize);

    /// Copies some columns, in this order, into `out` of shape `(n_samples, columns.len())`.
    ///
    /// # Complexity
    /// `O(n_samples columns.len())`.
    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>);

    /// Copies the samples `rows`, all columns of them, into `out` of shape `(rows.len(), n_features)`; `false`, and nothing
    /// is read, where that is no cheaper than to read all samples.
    ///
    /// # Complexity
    /// `O(rows.len() n_features)`.
    fn read_rows(&self, rows: Range<usize>, out: ArrayViewMut2<'_, f64>) -> bool {
        let _ = (rows, out);
        false
    }

    /// `out <- X^T vectors`: vectors of `n_samples` values one after the other, `n_features` values out for each.
    ///
    /// # Complexity
    /// `O(n_samples n_features)` for each vector, on this thread alone.
    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]);
}

impl<D: Design + ?Sized> Design for &D {
    fn shape(&self) -> (usize, usize) {
        (**self).shape()
    }

    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>) {
        (**self).read(columns, out);
    }

    fn read_rows(&self, rows: Range<usize>, out: ArrayViewMut2<'_, f64>) -> bool {
        (**self).read_rows(rows, out)
    }

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        (**self).multiply_transposed(vectors, out);
    }
}
