//! The covariance `W W^T + gamma I` of an affine decoder, factorised, and the SVD that its minima come from.

use super::decompose::{Svd, cholesky, copy, inverse, product, thin_svd};
use super::row_blocks::interruptible;
use crate::Result;
use crate::monitor::Monitor;
use faer::linalg::triangular_solve;
use faer::{Mat, Par};
use ndarray::{Array2, ArrayView2};

/// `X = U diag(s) V^T` with `min(n_rows, n_cols)` singular values, falling.
#[derive(Debug, Clone, PartialEq)]
pub struct ThinSvd {
    /// `U`, shape `(n_rows, size)`.
    pub left: Array2<f64>,
    /// `s`.
    pub singular: Vec<f64>,
    /// `V^T`, shape `(size, n_cols)`.
    pub right: Array2<f64>,
}

impl ThinSvd {
    /// Decomposes `x`, called `what` in errors, on this thread alone.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition).
    ///
    /// # Complexity
    /// `O(n_rows n_cols min(n_rows, n_cols))`.
    pub fn new(x: ArrayView2<'_, f64>, what: &'static str) -> Result<Self> {
        let Svd { u, s, v } = thin_svd(copy(&x).as_ref(), what)?;
        let left = Array2::from_shape_fn(u.shape(), |(i, k)| u[(i, k)]);
        let right = Array2::from_shape_fn((v.ncols(), v.nrows()), |(k, j)| v[(j, k)]);
        Ok(Self { left, singular: s, right })
    }

    /// As [`new`](Self::new), with an eye on `monitor`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Interrupted`](crate::Error::Interrupted).
    ///
    /// # Complexity
    /// As [`new`](Self::new).
    pub fn watched(x: Array2<f64>, what: &'static str, monitor: &Monitor<'_>) -> Result<Self> {
        interruptible(x.nrows().min(x.ncols()), monitor, move || Self::new(x.view(), what))?
    }

    /// How many singular values of a matrix of this shape are not rounding.
    pub fn rank(&self, (rows, columns): (usize, usize)) -> usize {
        let largest = self.singular.first().copied().unwrap_or(0.0);
        let least = rows.max(columns) as f64 * f64::EPSILON * largest;
        self.singular.iter().take_while(|&&s| s > least).count()
    }
}

/// The Cholesky factor of `W W^T + gamma I`.
#[derive(Debug, Clone)]
pub struct AffineCovariance {
    lower: Mat<f64>,
}

impl AffineCovariance {
    /// Factorises, given `W^T` of shape `(n_components, n_features)`; `None` if float64 does not suffice.
    ///
    /// # Complexity
    /// `O(n_features^2 (n_features + n_components))`.
    pub fn new(components: ArrayView2<'_, f64>, noise_var: f64) -> Option<Self> {
        let w = copy(&components);
        let mut covariance = product(w.transpose(), w.as_ref());
        for j in 0..covariance.nrows() {
            covariance[(j, j)] += noise_var;
        }
        cholesky(covariance).map(|lower| Self { lower })
    }

    /// Logarithm of the determinant.
    pub fn log_det(&self) -> f64 {
        2.0 * self.lower.diagonal().column_vector().iter().map(|v| v.ln()).sum::<f64>()
    }

    /// Trace of the inverse.
    pub fn inverse_trace(&self) -> f64 {
        inverse(self.lower.as_ref()).diagonal().column_vector().iter().sum()
    }

    /// The inverse times each row of `rows`, as rows.
    pub fn solve(&self, rows: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut right = copy(&rows.t());
        triangular_solve::solve_lower_triangular_in_place(self.lower.as_ref(), right.as_mut(), Par::Seq);
        triangular_solve::solve_upper_triangular_in_place(self.lower.transpose(), right.as_mut(), Par::Seq);
        Array2::from_shape_fn(rows.dim(), |(i, j)| right[(j, i)])
    }
}
