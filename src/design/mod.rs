//! What the design `X` may be, and how solvers see it: centred and scaled without a copy.
//!
//! A kind of design is one implementation of [`Design`]: how its columns are read, and its product with vectors.
//! [`Standardised`] turns any of them into what solvers work on. Faer's matrices stay here and in `linalg`.

pub(crate) mod blocks;
pub(crate) mod centring;
mod compressed;
mod cross_products;
mod dense;
mod moments;
mod rows;
mod sparse;
mod standardised;
mod tall;

pub use compressed::CompressedColumns;
pub use dense::{Element, multiply_transposed};
pub use moments::{CONSTANT, Moment, Moments};
pub use rows::Rows;
pub use standardised::Standardised;

use crate::{Error, Result};
use ndarray::ArrayViewMut2;
use std::fmt::Debug;
use std::ops::Range;

/// Entries that are multiplied at a time: with twelve vectors that takes some 30 ms.
const SPAN: usize = 1 << 22;

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

    /// `out <- X[:, columns]^T vectors`: vectors of `n_samples` values one after the other, `columns.len()` values out for
    /// each.
    ///
    /// # Complexity
    /// `O(n_samples columns.len())` for each vector, on the threads that are lent.
    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]);

    /// Calls `each` with the row and the value of every entry of a column that may differ from 0, where only those are held; those of one
    /// row add up. `false`, and nothing is read, where zeros are held as others are.
    ///
    /// # Complexity
    /// `O(1)` for each entry.
    fn entries(&self, column: usize, each: &mut dyn FnMut(usize, f64)) -> bool {
        let _ = (column, each);
        false
    }

    /// What [`Moments::of`] would find by reading all columns, if they lie where they need not be read for it. Samples
    /// of weight 0 count for nothing there, wherever they are.
    fn moments(&self, _roots: &[f64], _centred: bool) -> Option<Moments> {
        None
    }

    /// Columns that are multiplied at a time where all are: between two such spans a call can be ended.
    fn span(&self) -> usize {
        (SPAN / self.shape().0.max(1)).max(1)
    }

    /// Whether several threads may read at once, each somewhere else, and lose nothing by it.
    fn is_shared(&self) -> bool {
        true
    }

    /// Gets ready to be gone over again and again: what is remote is kept once it has been read.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if it is too large for that.
    fn hold(&self) -> Result<()> {
        Ok(())
    }
}

/// Copies some samples, as [`Design::read_rows`] does.
///
/// # Errors
/// [`Error::InvalidParameter`] where that is no cheaper than to read all of them.
pub fn read_samples(x: &dyn Design, rows: Range<usize>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
    if x.read_rows(rows, out) {
        return Ok(());
    }
    Err(Error::invalid("X", "of columns that cannot be read a few samples at a time", "a dense array"))
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

    fn multiply_transposed(&self, columns: Range<usize>, vectors: &[f64], out: &mut [f64]) {
        (**self).multiply_transposed(columns, vectors, out);
    }

    fn entries(&self, column: usize, each: &mut dyn FnMut(usize, f64)) -> bool {
        (**self).entries(column, each)
    }

    fn moments(&self, roots: &[f64], centred: bool) -> Option<Moments> {
        (**self).moments(roots, centred)
    }

    fn span(&self) -> usize {
        (**self).span()
    }

    fn is_shared(&self) -> bool {
        (**self).is_shared()
    }

    fn hold(&self) -> Result<()> {
        (**self).hold()
    }
}
