//! What the design `X` may be, and how solvers see it: centred and scaled without a copy.
//!
//! A kind of design is one implementation of [`Design`]: how its columns are read, and its product with vectors.
//! [`Standardised`] makes of any of them what solvers work on. Faer's matrices stay here and in `linalg`.

mod compressed;
mod dense;
mod rows;
mod standardised;

pub use compressed::CompressedColumns;
pub use dense::{Element, multiply_transposed};
pub use rows::Rows;
pub use standardised::{CONSTANT, Moment, Moments, Standardised};

use crate::Result;
use ndarray::ArrayViewMut2;
use std::fmt::Debug;

/// A matrix of real numbers, shape `(n_samples, n_features)`, that is read where it lies.
pub trait Design: Sync + Debug {
    /// Number of samples and of features.
    fn shape(&self) -> (usize, usize);

    /// Copies some columns, in this order, into `out` of shape `(n_samples, columns.len())`.
    ///
    /// # Complexity
    /// `O(n_samples columns.len())`.
    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>);

    /// `out <- X^T vectors`: vectors of `n_samples` values one after the other, `n_features` values out for each.
    ///
    /// # Complexity
    /// `O(n_samples n_features)` for each vector, on this thread alone.
    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]);

    /// What [`Moments::of`] would find by reading all columns, if they lie where they need not be read for it. Samples
    /// of weight 0 count for nothing there, wherever they are.
    fn moments(&self, _roots: &[f64], _centred: bool) -> Option<Moments> {
        None
    }

    /// Whether columns lie so far away that a product with all vectors at once is worth the memory that it takes.
    fn is_remote(&self) -> bool {
        false
    }

    /// Gets ready to be gone over again and again: what is remote is kept once it has been read.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if it is too large for that.
    fn hold(&self) -> Result<()> {
        Ok(())
    }
}

impl<D: Design + ?Sized> Design for &D {
    fn shape(&self) -> (usize, usize) {
        (**self).shape()
    }

    fn read(&self, columns: &[usize], out: ArrayViewMut2<'_, f64>) {
        (**self).read(columns, out);
    }

    fn multiply_transposed(&self, vectors: &[f64], out: &mut [f64]) {
        (**self).multiply_transposed(vectors, out);
    }

    fn moments(&self, roots: &[f64], centred: bool) -> Option<Moments> {
        (**self).moments(roots, centred)
    }

    fn is_remote(&self) -> bool {
        (**self).is_remote()
    }

    fn hold(&self) -> Result<()> {
        (**self).hold()
    }
}
