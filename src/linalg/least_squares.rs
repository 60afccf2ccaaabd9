//! Least squares on chosen columns, and what it leaves uncertain.

use super::decompose::{Qr, Svd, cholesky, copy, inverse, product, thin_svd};
use crate::Result;
use crate::design::Standardised;
use faer::linalg::triangular_solve;
use faer::{Mat, MatMut, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView2};

/// Share of its mean diagonal that is added to `X X^T` before it is inverted. Chosen by hand, above the rounding of its
/// entries.
const JITTER: f64 = 1e-13;

/// Least squares of one or more responses on nested sets of columns: the first, the first two, and so on.
pub struct NestedLeastSquares {
    qr: Qr,
    rotated: Vec<f64>,
    /// `residual[k]` is the norm of what the first `k` columns leave, over all responses; `k = 0..=n_cols`.
    pub residual: Vec<f64>,
}

impl NestedLeastSquares {
    /// Factorises `columns`, a copy of those that are nested, at most as many as rows, for the responses `y`, one after
    /// the other.
    ///
    /// # Complexity
    /// `O(n_rows k (k + n_responses))`.
    pub fn new(columns: ArrayView2<'_, f64>, y: &[f64]) -> Self {
        let (rows, size) = columns.dim();
        let qr = Qr::new(copy(&columns));
        let mut rotated = y.to_vec();
        let n_responses = y.len().checked_div(rows).unwrap_or(0);
        qr.apply_transpose(MatMut::from_column_major_slice_mut(&mut rotated, rows, n_responses));
        let mut residual = vec![0.0; size + 1];
        let each = || rotated.chunks_exact(rows.max(1));
        let mut sum: f64 = each().flat_map(|y| &y[size..]).map(|v| v * v).sum();
        for k in (0..=size).rev() {
            residual[k] = sum.sqrt();
            if k > 0 {
                sum += each().map(|y| y[k - 1] * y[k - 1]).sum::<f64>();
            }
        }
        Self { qr, rotated, residual }
    }

    /// Coefficients on the first `k` columns, response after response; NaN or infinite where the columns are linearly
    /// dependent.
    pub fn coefficients(&self, k: usize) -> Vec<f64> {
        let each = self.rotated.chunks_exact(self.qr.packed.nrows().max(1));
        let n_responses = each.len();
        let mut z: Vec<f64> = each.flat_map(|y| &y[..k]).copied().collect();
        let right = MatMut::from_column_major_slice_mut(&mut z, k, n_responses);
        triangular_solve::solve_upper_triangular_in_place(self.qr.r().get(..k, ..k), right, Par::Seq);
        z
    }

    /// Logarithm of the volume that all columns span.
    pub fn log_volume(&self) -> f64 {
        self.qr.r().diagonal().column_vector().iter().map(|v| v.abs().ln()).sum()
    }

    /// The columns and the responses in coordinates of the columns' range, `R` and `Q^T Y` of `X = Q R`.
    pub fn compressed(&self) -> (Array2<f64>, Vec<f64>) {
        let (r, (rows, k)) = (self.qr.r(), self.qr.packed.shape());
        let triangle = Array2::from_shape_fn((k, k), |(i, j)| if i <= j { r[(i, j)] } else { 0.0 });
        (triangle, self.rotated.chunks_exact(rows.max(1)).flat_map(|y| &y[..k]).copied().collect())
    }

    /// `Q` of `X = Q R`, shape `(n_rows, n_cols)`.
    pub fn basis(&self) -> Array2<f64> {
        let q = self.qr.q();
        Array2::from_shape_fn(q.shape(), |(i, j)| q[(i, j)])
    }

    /// Norms over the responses of the coefficients on the first `k` columns.
    pub fn norms(&self, k: usize) -> Vec<f64> {
        row_norms(&self.coefficients(k), k)
    }

    /// Distance of each column to the span of the others.
    ///
    /// # Complexity
    /// `O(k^3)`.
    pub fn distances(&self) -> Vec<f64> {
        let k = self.qr.packed.ncols();
        let mut inverse = Mat::<f64>::identity(k, k);
        triangular_solve::solve_upper_triangular_in_place(self.qr.r(), inverse.as_mut(), Par::Seq);
        (0..k).map(|i| 1.0 / inverse.row(i).norm_l2()).collect()
    }

    /// Every column of `x` on all chosen columns: the coefficients `(k, n_cols)` and the distances to their span.
    pub fn project(&self, x: ArrayView2<'_, f64>) -> (Array2<f64>, Vec<f64>) {
        let k = self.qr.packed.ncols();
        let mut rotated = copy(&x);
        self.qr.apply_transpose(rotated.as_mut());
        let distance = (0..x.ncols()).map(|j| rotated.get(k.., j).norm_l2()).collect();
        let mut top = rotated.get(..k, ..).to_owned();
        triangular_solve::solve_upper_triangular_in_place(self.qr.r(), top.as_mut(), Par::Seq);
        (Array2::from_shape_fn((k, x.ncols()), |(i, j)| top[(i, j)]), distance)
    }
}

/// Positions of the columns farther than `tolerance` from the span of those before them, at most as many as rows.
///
/// # Complexity
/// `O(n_rows k^2)` for `k` columns.
pub fn independent(columns: ArrayView2<'_, f64>, tolerance: f64) -> Vec<usize> {
    let mut directions: Vec<Array1<f64>> = Vec::new();
    let mut kept = Vec::new();
    for (i, column) in columns.columns().into_iter().enumerate() {
        let mut left = column.to_owned();
        // Twice: the first pass leaves rounding of the size of what it took away.
        for _ in 0..2 {
            for direction in &directions {
                let share = direction.dot(&left);
                left.scaled_add(-share, direction);
            }
        }
        let distance = left.dot(&left).sqrt();
        if distance > tolerance && directions.len() < columns.nrows() {
            directions.push(left / distance);
            kept.push(i);
        }
    }
    kept
}

/// The least-squares coefficients of least norm on `columns`, response after response, where columns may be linearly
/// dependent: directions whose singular value is below `tolerance` of the largest are left out.
///
/// # Errors
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition).
///
/// # Complexity
/// An SVD of the columns.
pub fn least_norm(columns: ArrayView2<'_, f64>, y: &[f64], tolerance: f64) -> Result<Vec<f64>> {
    let rows = columns.nrows();
    let Svd { u, s, v } = thin_svd(copy(&columns).as_ref(), "X")?;
    let right = Mat::from_fn(rows, y.len().checked_div(rows).unwrap_or(0), |i, l| y[l * rows + i]);
    let mut inside = product(u.transpose(), right.as_ref());
    let largest = s.first().copied().unwrap_or(0.0);
    for (i, &s) in s.iter().enumerate() {
        let factor = if s > tolerance * largest { 1.0 / s } else { 0.0 };
        inside.row_mut(i).iter_mut().for_each(|v| *v *= factor);
    }
    Ok(product(v.as_ref(), inside.as_ref()).col_iter().flat_map(|z| z.iter()).copied().collect())
}

/// Least squares on some columns, and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Vertex {
    /// The coefficients.
    pub coefficients: Vec<f64>,
    /// The vector of least norm whose products with the columns are given signs.
    pub multipliers: Vec<f64>,
    /// Frobenius norm of the pseudo-inverse of the columns: by how much they enlarge white noise.
    pub inverse_norm: f64,
}

impl Vertex {
    /// For `y` and `signs` on the columns `chosen` of `x`; NaN or infinite where they are linearly dependent.
    ///
    /// # Complexity
    /// `O(n_rows k^2)`.
    pub fn new(x: ArrayView2<'_, f64>, chosen: &[usize], y: &[f64], signs: &[f64]) -> Self {
        let (rows, k) = (x.nrows(), chosen.len());
        let qr = Qr::new(Mat::from_fn(rows, k, |i, j| x[[i, chosen[j]]]));
        let q = qr.q();
        let mut inverse = Mat::<f64>::identity(k, k);
        triangular_solve::solve_upper_triangular_in_place(qr.r(), inverse.as_mut(), Par::Seq);
        let mut coefficients = product(q.transpose(), MatRef::from_column_major_slice(y, rows, 1));
        triangular_solve::solve_upper_triangular_in_place(qr.r(), coefficients.as_mut(), Par::Seq);
        let mut inside = Mat::from_fn(k, 1, |i, _| signs[i]);
        triangular_solve::solve_lower_triangular_in_place(qr.r().transpose(), inside.as_mut(), Par::Seq);
        let flat = |matrix: Mat<f64>| matrix.col_iter().flat_map(|column| column.iter()).copied().collect();
        Self {
            coefficients: flat(coefficients),
            multipliers: flat(product(q.as_ref(), inside.as_ref())),
            inverse_norm: inverse.norm_l2(),
        }
    }
}

/// Norms over the responses of `n` coefficients each, stored response after response.
pub fn row_norms(coefficients: &[f64], n: usize) -> Vec<f64> {
    if coefficients.len() == n {
        return coefficients.iter().map(|z| z.abs()).collect();
    }
    let mut squares = vec![0.0; n];
    for z in coefficients.chunks_exact(n.max(1)) {
        squares.iter_mut().zip(z).for_each(|(sum, z)| *sum += z * z);
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// `N = K - K B (B^T K B)^-1 B^T K` with `K = (X X^T)^-1` of the columns `background` (and a jitter of `1e-13` of its mean
/// diagonal) and `B` the columns `chosen` of `x`: the inverse of `X X^T` on what these columns do not reach. `None` if it
/// does not exist numerically.
///
/// # Complexity
/// `O(r^2 (r + n))` for `n` columns `background` of `r` rows.
pub fn inverse_without(x: &Standardised<'_>, background: &[usize], chosen: &[usize]) -> Option<Array2<f64>> {
    let rows = x.nrows();
    let mut gram = x.weighted_gram(background, &vec![1.0; background.len()]);
    let trace: f64 = gram.diagonal().column_vector().iter().sum();
    for i in 0..rows {
        gram[(i, i)] += JITTER * trace / rows as f64;
    }
    let mut left = inverse(cholesky(gram)?.as_ref());
    if !chosen.is_empty() {
        let b = copy(&x.gather(chosen).view());
        let mut c = product(left.as_ref(), b.as_ref());
        let inner = cholesky(product(b.transpose(), c.as_ref()))?;
        // With B^T K B = M M^T: C M^-T has the outer product that is to go.
        triangular_solve::solve_lower_triangular_in_place(inner.as_ref(), c.as_mut().transpose_mut(), Par::Seq);
        left -= product(c.as_ref(), c.transpose());
    }
    Some(Array2::from_shape_fn((rows, rows), |(i, j)| left[(i, j)]))
}

/// Posterior covariance of the coefficients of `columns`: `(X_A^T X_A / noise_var + diag(1 / prior_var))^-1`.
///
/// `None` if the columns are linearly dependent and the prior does not tell them apart.
///
/// # Complexity
/// `O(k^2 (n_rows + k))`.
pub fn posterior_covariance(columns: ArrayView2<'_, f64>, prior_var: &[f64], noise_var: f64) -> Option<Array2<f64>> {
    let (rows, k) = columns.dim();
    // The factor of the precision by QR: a product would square the condition number.
    let qr = Qr::new(Mat::from_fn(rows + k, k, |i, j| match i.checked_sub(rows) {
        None => columns[[i, j]],
        Some(row) if row == j => (noise_var / prior_var[j]).sqrt(),
        Some(_) => 0.0,
    }));
    let mut inverse = Mat::identity(k, k);
    triangular_solve::solve_upper_triangular_in_place(qr.r(), inverse.as_mut(), Par::Seq);
    let covariance = product(inverse.as_ref(), inverse.transpose());
    let covariance = Array2::from_shape_fn((k, k), |(i, j)| noise_var * covariance[(i, j)]);
    covariance.iter().all(|v| v.is_finite()).then_some(covariance)
}

/// The inverse of a symmetric matrix; `None` if that is not positive definite.
pub fn symmetric_inverse(matrix: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    let inverse = inverse(cholesky(copy(&matrix))?.as_ref());
    Some(Array2::from_shape_fn(matrix.dim(), |(i, j)| inverse[(i, j)]))
}
