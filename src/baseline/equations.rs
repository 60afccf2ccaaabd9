//! What least squares says of coefficients: equations with orthonormal rows, which all pursuits solve.

use crate::Result;
use crate::linalg::affine::ThinSvd;
use crate::linalg::multiply_transposed;
use crate::linalg::packed_spd::{Rows, multiply};
use crate::monitor::Monitor;
use crate::problem::validate::{check_matrix, check_response, check_results};
use ndarray::{Array2, ArrayView2, Axis, s};

/// Operations between two looks at the monitor: some milliseconds.
pub(super) const LOOK: usize = 1 << 24;

/// `rows U = target`: what `U` solves if and only if it minimises `||Y - X U||`.
#[derive(Debug, Clone, PartialEq)]
pub struct Equations {
    /// Orthonormal rows, shape `(rank, n_features)`.
    pub rows: Array2<f64>,
    /// Right-hand sides, shape `(rank, n_responses)`.
    pub target: Array2<f64>,
    /// Singular values of `X` that are not rounding, falling.
    pub values: Vec<f64>,
    /// Takes multipliers of the equations to those of the samples; shape `(n_samples, rank)`.
    pub to_dual: Array2<f64>,
    /// Distance of `Y` from the column space of `X`, as a share of its norm.
    pub residual: f64,
}

impl Equations {
    /// The equations of the design `x` and the responses `y`, one a column.
    ///
    /// # Errors
    /// [`Error::Scales`](crate::Error::Scales) where a result is beyond the range of float64;
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite);
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition); [`Error::Interrupted`](crate::Error::Interrupted)
    /// where `monitor` is stopped.
    ///
    /// # Complexity
    /// An SVD, `O(n_samples n_features min(n_samples, n_features))`.
    pub fn new(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, monitor: &Monitor<'_>) -> Result<Self> {
        check_matrix("X", x)?;
        check_response(x.nrows(), y)?;
        let svd = ThinSvd::watched(x.to_owned(), "X", monitor)?;
        let rank = svd.rank(x.dim());
        let left = svd.left.slice(s![.., ..rank]);
        let (image, y) = (product(left.t(), y), y.to_owned());
        let length = norm(&y);
        let residual = if length > 0.0 { norm(&(y - product(left, image.view()))) / length } else { 0.0 };
        let values = svd.singular[..rank].to_vec();
        let (mut target, mut to_dual) = (image, left.to_owned());
        target.rows_mut().into_iter().zip(&values).for_each(|(mut row, s)| row /= *s);
        to_dual.columns_mut().into_iter().zip(&values).for_each(|(mut column, s)| column /= *s);
        let rows = svd.right.slice(s![..rank, ..]).to_owned();
        check_results("`X` and `y`", "a least-squares coefficient or the residual", target.iter().chain([&residual]))?;
        Ok(Self { rows, target, values, to_dual, residual })
    }

    /// Rank of the design.
    pub fn rank(&self) -> usize {
        self.values.len()
    }

    /// The solution of least norm.
    pub fn least_norm(&self) -> Array2<f64> {
        product(self.rows.t(), self.target.view())
    }
}

/// Responses as fewer columns, of which all that criteria of row norms ask is the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Compressed {
    /// As many columns as the responses have rank; one at least, where there are equations.
    pub factor: Array2<f64>,
    /// Orthonormal rows: `factor rotation` are the responses.
    pub rotation: Array2<f64>,
}

impl Compressed {
    /// Rotates the responses, one a column.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition), [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn new(responses: &Array2<f64>, monitor: &Monitor<'_>) -> Result<Self> {
        let svd = ThinSvd::watched(responses.clone(), "Y", monitor)?;
        let rank = svd.rank(responses.dim()).max(1).min(svd.singular.len());
        let mut factor = svd.left.slice(s![.., ..rank]).to_owned();
        factor.axis_iter_mut(Axis(1)).zip(&svd.singular).for_each(|(mut column, s)| column *= *s);
        Ok(Self { factor, rotation: svd.right.slice(s![..rank, ..]).to_owned() })
    }
}

/// `a b`, on this thread alone.
pub(super) fn product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    if out.is_empty() || b.is_empty() {
        return out;
    }
    let transposed = a.t().is_standard_layout() && !a.is_standard_layout();
    let (left, right) = (if transposed { a.t() } else { a }, b.as_standard_layout());
    let left = left.as_standard_layout();
    if let (Some(left_values), Some(right), Some(to)) = (left.as_slice(), right.as_slice(), out.as_slice_mut()) {
        let rows = Rows::new(left_values, left.ncols());
        multiply(if transposed { rows.t() } else { rows }, Rows::new(right, b.ncols()), to);
    }
    out
}

/// `X^T X`, a block of its rows at a time between two looks at the monitor.
pub(super) fn gram(x: ArrayView2<'_, f64>, monitor: &Monitor<'_>) -> Result<Array2<f64>> {
    let mut gram = Array2::zeros((x.ncols(), x.ncols()));
    let block = (LOOK / x.len().max(1)).max(1);
    for (columns, mut to) in x.axis_chunks_iter(Axis(1), block).zip(gram.axis_chunks_iter_mut(Axis(0), block)) {
        to.assign(&product(columns.t(), x));
        monitor.look()?;
    }
    Ok(gram)
}

/// How large a decomposition takes as long as some that costs `rows^2 columns`.
pub(super) fn cost((rows, columns): (usize, usize)) -> usize {
    (rows as f64 * rows as f64 * columns as f64).cbrt() as usize
}

/// `rows^T multipliers`, of which there are few columns.
pub(super) fn transposed_product(rows: ArrayView2<'_, f64>, multipliers: &[f64], n_responses: usize) -> Array2<f64> {
    let n = rows.ncols();
    let mut flat = vec![0.0; n * n_responses];
    multiply_transposed(rows, multipliers, &mut flat);
    Array2::from_shape_fn((n, n_responses), |(j, l)| flat[l * n + j])
}

/// The Frobenius norm.
pub(super) fn norm(matrix: &Array2<f64>) -> f64 {
    matrix.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The squared norm of each row.
pub(super) fn squared_rows(matrix: &Array2<f64>) -> Vec<f64> {
    matrix.rows().into_iter().map(|row| row.iter().map(|v| v * v).sum()).collect()
}
