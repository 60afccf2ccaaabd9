//! The marginal energy and how it bends in every prior variance, of designs too large to be packed: block by block,
//! with no copy of the design.

use super::decompose::{cholesky, inverse, product};
use crate::{Error, Result};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_solve;
use faer::{Accum, Mat, Par};
use ndarray::ArrayView2;

/// Columns whose products are held at a time.
const BLOCK: usize = 512;

/// `s_j = x_j^T Sigma^-1 x_j` and the sum over responses of `q_j^2 = (x_j^T Sigma^-1 y)^2`, for chosen columns, with
/// `log |Sigma|` and the sum of `y^T Sigma^-1 y`.
#[derive(Debug, Clone, PartialEq)]
pub struct Curvature {
    /// `s`.
    pub s: Vec<f64>,
    /// The sums of `q^2`.
    pub q_squared: Vec<f64>,
    /// `log |Sigma|`.
    pub log_det: f64,
    /// `y^T Sigma^-1 y`, summed over the responses.
    pub quadratic: f64,
}

impl Curvature {
    /// Evaluates the columns `of` at `Sigma = X_A diag(w_A) X_A^T + ridge I` with `A` the columns `active` of `x`,
    /// shape `(r, n)`; `y` has `r` values per response, one after the other, and `w` one per column of `x`.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`].
    ///
    /// # Complexity
    /// `O(r^2 (r + n) + r n n_responses)` for `n` columns; a few hundred are held at a time.
    pub fn new(
        x: ArrayView2<'_, f64>,
        y: &[f64],
        of: &[usize],
        active: &[usize],
        w: &[f64],
        ridge: f64,
    ) -> Result<Self> {
        let (rows, n) = (x.nrows(), of.len());
        let mut sigma = Mat::zeros(rows, rows);
        let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        for block in active.chunks(BLOCK) {
            let scaled = Mat::from_fn(rows, block.len(), |i, k| x[[i, block[k]]] * w[block[k]].sqrt());
            let (a, b) = (scaled.as_ref(), scaled.transpose());
            triangular::matmul(sigma.as_mut(), lower, Accum::Add, a, full, b, full, 1.0, Par::Seq);
        }
        for i in 0..rows {
            sigma[(i, i)] += ridge;
        }
        let lower = cholesky(sigma).ok_or(Error::NotPositiveDefinite { step: 0, pivot: rows })?;
        let weights = inverse(lower.as_ref());
        let mut solved = Mat::from_fn(rows, y.len().checked_div(rows).unwrap_or(0), |i, l| y[l * rows + i]);
        triangular_solve::solve_lower_triangular_in_place(lower.as_ref(), solved.as_mut(), Par::Seq);
        let quadratic = solved.squared_norm_l2();
        let log_det = 2.0 * lower.diagonal().column_vector().iter().map(|v| v.ln()).sum::<f64>();
        triangular_solve::solve_upper_triangular_in_place(lower.transpose(), solved.as_mut(), Par::Seq);
        let (mut s, mut q_squared) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for block in of.chunks(BLOCK) {
            let columns = Mat::from_fn(rows, block.len(), |i, k| x[[i, block[k]]]);
            let turned = product(weights.as_ref(), columns.as_ref());
            let q = product(columns.transpose(), solved.as_ref());
            for (j, (column, turned)) in columns.col_iter().zip(turned.col_iter()).enumerate() {
                s.push(column.iter().zip(turned.iter()).map(|(a, b)| a * b).sum());
                q_squared.push(q.row(j).iter().map(|q| q * q).sum());
            }
        }
        Ok(Self { s, q_squared, log_det, quadratic })
    }
}
