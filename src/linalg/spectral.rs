//! A design in the eigenvectors of `X X^T`, where a background of small coefficients is diagonal.

use super::decompose::{copy, eigen, gram};
use super::row_blocks::interruptible;
use crate::monitor::Monitor;
use crate::{Error, Result};
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2};

/// Eigenvalues of `X X^T` below this share of the largest are rounding: directions that `X` does not reach.
const RANK_TOLERANCE: f64 = 1e-9;

/// `X X^T = U diag(values) U^T` on the range of `X`, and `X` in its eigenvectors.
#[derive(Debug, Clone)]
pub struct Spectral {
    /// The eigenvalues that are not 0, ascending; of a background of fewer columns than `X` has rows, all of them.
    pub values: Vec<f64>,
    /// `U^T X`, a row for each column of `X`: shape `(n_cols, rank)`.
    pub columns: Array2<f64>,
    vectors: Mat<f64>,
}

impl Spectral {
    /// Decomposes `x`, shape `(n_rows, n_cols)`; where there is a `background`, the eigenvectors are its own.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`] if the eigenvalues do not converge.
    ///
    /// # Complexity
    /// `O(n_rows^2 (n_rows + n_cols))`, on this thread alone.
    pub fn new(x: ArrayView2<'_, f64>, background: Option<ArrayView2<'_, f64>>) -> Result<Self> {
        let failed = || Error::NoDecomposition { what: "X" };
        let (rows, n) = x.dim();
        let product = gram(background.unwrap_or(x)).ok_or_else(failed)?;
        let (mut all, mut values) = (Mat::zeros(rows, rows), Diag::zeros(rows));
        let scratch = self_adjoint_evd_scratch::<f64>(rows, ComputeEigenvectors::Yes, Par::Seq, Default::default());
        let mut stack = MemBuffer::new(scratch);
        let stack = MemStack::new(&mut stack);
        self_adjoint_evd(product.as_ref(), values.as_mut(), Some(all.as_mut()), Par::Seq, stack, Default::default())
            .map_err(|_| failed())?;
        let values: Vec<f64> = values.column_vector().iter().map(|v| v.max(0.0)).collect();
        let largest = values.last().copied().unwrap_or(0.0);
        // What few columns do not reach others may.
        let is_partial = background.is_some_and(|background| background.ncols() < rows);
        let dropped = if is_partial { 0 } else { values.partition_point(|&v| v <= RANK_TOLERANCE * largest) };
        let vectors = all.get(.., dropped..).to_owned();
        let rank = rows - dropped;
        let mut columns = Array2::zeros((n, rank));
        let dense = x.as_standard_layout();
        if let (Some(from), Some(to)) = (dense.as_slice(), columns.as_slice_mut()) {
            let x = MatRef::from_row_major_slice(from, rows, n);
            let to = MatMut::from_row_major_slice_mut(to, n, rank);
            matmul(to, Accum::Replace, x.transpose(), vectors.as_ref(), 1.0, Par::Seq);
        }
        Ok(Self { values: values[dropped..].to_vec(), columns, vectors })
    }

    /// `U^T vector`.
    pub fn rotate(&self, vector: &[f64]) -> Vec<f64> {
        self.vectors.col_iter().map(|u| u.iter().zip(vector).map(|(u, v)| u * v).sum()).collect()
    }
}

/// The eigenvalues of a symmetric matrix, called `what` in errors, rising, and its eigenvectors as columns.
///
/// # Errors
/// [`Error::NoDecomposition`]; [`Error::Interrupted`], once `monitor` is stopped.
///
/// # Complexity
/// `O(size^3)`, on one thread.
pub fn symmetric_eigen(
    matrix: Array2<f64>,
    what: &'static str,
    monitor: &Monitor<'_>,
) -> Result<(Vec<f64>, Array2<f64>)> {
    let (values, vectors) =
        interruptible(matrix.nrows(), monitor, move || eigen(copy(&matrix.view()).as_ref(), what))??;
    Ok((values, Array2::from_shape_fn(vectors.shape(), |(i, j)| vectors[(i, j)])))
}
