//! Decompositions of tall matrices whose rows come a block at a time: by their Gram matrix, or by QR where that would
//! lose too many digits.

use super::decompose::{Qr, Svd, cholesky, copy, eigen, thin_svd};
use crate::Result;
use crate::monitor::Monitor;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;

/// Rows of a Gram matrix that one thread computes at a time.
const PANEL: usize = 96;
/// Times as many rows as columns that are decomposed at a time. Chosen by hand: with more there is more to hold, with
/// fewer the triangle before them is decomposed more often.
const STACKED: usize = 2;
/// Sizes from which a decomposition takes so long, 10 ms, that it is left to a thread of its own.
const LARGE: usize = 192;

/// The eigenvalues of `B^T B`, falling, and its eigenvectors as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    /// Not negative.
    pub values: Vec<f64>,
    /// Shape `(size, size)`.
    pub vectors: Array2<f64>,
}

/// Calls `work` on this thread, or on another where it is long enough to be interrupted.
pub(crate) fn interruptible<T: Send + 'static>(
    size: usize,
    monitor: &Monitor<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if size < LARGE { Ok(work()) } else { monitor.leave(work) }
}

/// `B^T B`, of which the lower triangle is kept, row after row.
#[derive(Debug, Clone)]
pub struct RowGram {
    size: usize,
    lower: Vec<f64>,
}

impl RowGram {
    /// Of no rows yet, with `size` columns of `what`.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`](crate::Error::InvalidParameter) if there is no room.
    pub fn new(what: &'static str, size: usize) -> Result<Self> {
        Ok(Self { size, lower: super::zeros(what, size, size)? })
    }

    /// Adds rows, one after the other, on rayon's current threads; the same bits for any number of them.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `n_rows size^2` operations.
    pub fn add(&mut self, rows: &[f64], monitor: &Monitor<'_>) -> Result<()> {
        let size = self.size;
        let x = MatRef::from_row_major_slice(rows, rows.len().checked_div(size).unwrap_or(0), size);
        self.lower.par_chunks_mut((PANEL * size).max(1)).enumerate().try_for_each(|(panel, to)| {
            monitor.check()?;
            let (first, height) = (panel * PANEL, to.len() / size);
            let to = MatMut::from_row_major_slice_mut(to, height, size).subcols_mut(0, first + height);
            let left = x.subcols(first, height).transpose();
            matmul(to, Accum::Add, left, x.subcols(0, first + height), 1.0, Par::Seq);
            Ok(())
        })
    }

    /// The sum of the eigenvalues.
    pub fn trace(&self) -> f64 {
        self.lower.iter().step_by(self.size + 1).sum()
    }

    fn symmetric(&self, entry: impl Fn(f64, bool) -> f64) -> Mat<f64> {
        let Self { size, lower } = self;
        Mat::from_fn(*size, *size, |i, j| entry(lower[i.max(j) * size + i.min(j)], i == j))
    }

    /// Its eigenvalues, what rounding has made negative as 0, and eigenvectors.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition) with `what`, [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(size^3)`, on one thread.
    pub fn axes(&self, what: &'static str, monitor: &Monitor<'_>) -> Result<Axes> {
        let matrix = self.symmetric(|v, _| v);
        let (values, vectors) = interruptible(self.size, monitor, move || eigen(matrix.as_ref(), what))??;
        let size = self.size;
        let vectors = Array2::from_shape_fn((size, size), |(k, j)| vectors[(j, size - 1 - k)]);
        Ok(Axes { values: values.into_iter().rev().map(|value| value.max(0.0)).collect(), vectors })
    }

    /// The eigenvalues above `limit` with their eigenvectors, falling.
    ///
    /// # Errors
    /// As [`axes`](Self::axes).
    ///
    /// # Complexity
    /// A Cholesky factor, and `O(size^3)` where there are any.
    pub fn axes_above(&self, limit: f64, what: &'static str, monitor: &Monitor<'_>) -> Result<Vec<(f64, Array1<f64>)>> {
        // With all below the limit, the difference is positive definite: a factor is cheaper than a decomposition.
        let difference = self.symmetric(|v, diagonal| if diagonal { limit - v } else { -v });
        if interruptible(self.size, monitor, move || cholesky(difference).is_some())? {
            return Ok(Vec::new());
        }
        let Axes { values, vectors } = self.axes(what, monitor)?;
        let above = values.into_iter().zip(vectors.outer_iter()).take_while(|(value, _)| *value > limit);
        Ok(above.map(|(value, vector)| (value, vector.to_owned())).collect())
    }
}

/// The triangle of `B = Q R`, which has the digits of small eigenvalues that `B^T B` loses: of the first rows, then of that
/// triangle with the rows that follow, and so on.
///
/// # References
/// Demmel, Grigori, Hoemmen and Langou, "Communication-optimal parallel and sequential QR and LU factorizations", SIAM
/// Journal on Scientific Computing 34, 2012.
#[derive(Debug, Clone)]
pub struct RowTriangle {
    size: usize,
    /// The triangle, zeros at first, and below it the rows that it does not know of yet.
    stack: Mat<f64>,
    filled: usize,
}

impl RowTriangle {
    /// Of no rows yet, with `size` columns; there will be `n_rows`.
    pub fn new(size: usize, n_rows: usize) -> Self {
        Self { size, stack: Mat::zeros(size + (STACKED * size).min(n_rows), size), filled: size }
    }

    /// Adds rows, one after the other.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `3 n_rows size^2` operations, on one thread.
    pub fn add(&mut self, rows: &[f64], monitor: &Monitor<'_>) -> Result<()> {
        for row in rows.chunks_exact(self.size.max(1)) {
            if self.filled == self.stack.nrows() {
                self.decompose(monitor)?;
            }
            row.iter().enumerate().for_each(|(j, v)| self.stack[(self.filled, j)] = *v);
            self.filled += 1;
        }
        Ok(())
    }

    fn decompose(&mut self, monitor: &Monitor<'_>) -> Result<()> {
        let stack = std::mem::replace(&mut self.stack, Mat::new());
        self.stack = interruptible(self.size, monitor, move || Qr::new(stack).packed)?;
        for (j, column) in self.stack.col_iter_mut().enumerate() {
            column.iter_mut().skip(j + 1).for_each(|v| *v = 0.0);
        }
        self.filled = self.size;
        Ok(())
    }

    /// `R`, shape `(size, size)`, with zeros below its diagonal.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// As to add the last rows.
    pub(crate) fn upper(mut self, monitor: &Monitor<'_>) -> Result<Mat<f64>> {
        self.decompose(monitor)?;
        Ok(self.stack.subrows(0, self.size).to_owned())
    }

    /// Eigenvalues and eigenvectors of `B^T B`, by the singular values of `R`.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition) with `what`, [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// `O(size^3)`, on one thread.
    pub fn axes(self, what: &'static str, monitor: &Monitor<'_>) -> Result<Axes> {
        let (size, upper) = (self.size, self.upper(monitor)?);
        let Svd { s, v, .. } = interruptible(size, monitor, move || thin_svd(upper.as_ref(), what))??;
        let vectors = Array2::from_shape_fn((v.ncols(), size), |(k, j)| v[(j, k)]);
        Ok(Axes { values: s.into_iter().map(|s| s * s).collect(), vectors })
    }
}

/// An orthonormal basis, as rows, of the space of the rows of `rows`, in their order: each but for its sign the part of a
/// row that those before it leave.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted).
///
/// # Complexity
/// `O(n_rows^2 n_cols)`, on one thread; no more rows than columns.
pub fn orthonormal(rows: ArrayView2<'_, f64>, monitor: &Monitor<'_>) -> Result<Array2<f64>> {
    let columns = copy(&rows.t());
    let q = interruptible(rows.ncols(), monitor, move || Qr::new(columns).q())?;
    Ok(Array2::from_shape_fn(rows.dim(), |(k, j)| q[(j, k)]))
}
