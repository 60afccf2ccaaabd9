//! Decompositions around the kernel: the row space of a design, least squares on nested sets of columns, inverses.
//!
//! Views are ndarray outside and faer inside; nothing here runs in an inner loop.

use crate::{Error, Result};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::{
    cholesky::llt, householder, matmul::matmul, matmul::triangular, qr::no_pivoting::factor as qr, svd,
    triangular_solve,
};
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2};
use triangular::BlockStructure;

/// `x` as a faer view, whatever its strides.
fn view<'a>(x: &ArrayView2<'a, f64>) -> Mat<f64> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[[i, j]])
}

/// `a b` on this thread alone.
fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    matmul(out.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    out
}

/// A Householder QR of a matrix with at least as many rows as columns.
#[derive(Debug, Clone)]
struct Qr {
    /// `R` above the diagonal, the reflectors below.
    packed: Mat<f64>,
    coefficients: Mat<f64>,
}

impl Qr {
    fn new(mut matrix: Mat<f64>) -> Self {
        let (m, n) = matrix.shape();
        let block = qr::recommended_block_size::<f64>(m, n);
        let mut coefficients = Mat::zeros(block, n);
        let mut stack = MemBuffer::new(qr::qr_in_place_scratch::<f64>(m, n, block, Par::Seq, Default::default()));
        let stack = MemStack::new(&mut stack);
        qr::qr_in_place(matrix.as_mut(), coefficients.as_mut(), Par::Seq, stack, Default::default());
        Self { packed: matrix, coefficients }
    }

    fn scratch(&self, width: usize) -> MemBuffer {
        let (rows, block) = (self.packed.nrows(), self.coefficients.nrows());
        let left = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>;
        let transposed = householder::apply_block_householder_sequence_transpose_on_the_left_in_place_scratch::<f64>;
        MemBuffer::new(StackReq::any_of(&[left(rows, block, width), transposed(rows, block, width)]))
    }

    /// The thin `Q`.
    fn q(&self) -> Mat<f64> {
        let mut q = Mat::identity(self.packed.nrows(), self.packed.ncols());
        let mut stack = self.scratch(q.ncols());
        householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
            self.packed.as_ref(),
            self.coefficients.as_ref(),
            Conj::No,
            q.as_mut(),
            Par::Seq,
            MemStack::new(&mut stack),
        );
        q
    }

    /// `matrix <- Q^T matrix`, with the full square `Q`.
    fn apply_transpose(&self, matrix: MatMut<'_, f64>) {
        let mut stack = self.scratch(matrix.ncols());
        householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
            self.packed.as_ref(),
            self.coefficients.as_ref(),
            Conj::No,
            matrix,
            Par::Seq,
            MemStack::new(&mut stack),
        );
    }

    /// The square `R`; what lies below its diagonal is not part of it.
    fn r(&self) -> MatRef<'_, f64> {
        self.packed.get(..self.packed.ncols(), ..)
    }
}

struct Svd {
    u: Mat<f64>,
    s: Vec<f64>,
    v: Mat<f64>,
}

fn thin_svd(matrix: MatRef<'_, f64>, what: &'static str) -> Result<Svd> {
    let (m, n) = matrix.shape();
    let size = m.min(n);
    let (mut u, mut v, mut s) = (Mat::zeros(m, size), Mat::zeros(n, size), faer::diag::Diag::zeros(size));
    let thin = svd::ComputeSvdVectors::Thin;
    let mut stack = MemBuffer::new(svd::svd_scratch::<f64>(m, n, thin, thin, Par::Seq, Default::default()));
    let stack = MemStack::new(&mut stack);
    svd::svd(matrix, s.as_mut(), Some(u.as_mut()), Some(v.as_mut()), Par::Seq, stack, Default::default())
        .map_err(|_| Error::NoDecomposition { what })?;
    let s = s.column_vector().iter().copied().collect();
    Ok(Svd { u, s, v })
}

/// Orthonormal coordinates of the row space of a design `X = C B`: `B` has orthonormal rows, `C` as many columns as `X`
/// has rank.
#[derive(Debug, Clone)]
pub struct RowSpace {
    /// `B`, shape `(rank, n_cols)`.
    pub basis: Array2<f64>,
    coordinates: Coordinates,
}

#[derive(Debug, Clone)]
enum Coordinates {
    /// `X = R^T B`.
    Triangular(Mat<f64>),
    /// `X = U diag(s) B`.
    Singular { u: Mat<f64>, s: Vec<f64> },
}

/// Designs at least this many times as wide as high are tried with Cholesky factors first.
const WIDE: usize = 4;
/// Smallest ratio of diagonal entries of a Cholesky factor at which two passes still give orthonormal rows.
const CHOLESKY_LIMIT: f64 = 1e-5;

/// Smallest and largest magnitude on a diagonal.
fn extremes(matrix: MatRef<'_, f64>) -> (f64, f64) {
    let diagonal = matrix.diagonal().column_vector();
    diagonal.iter().fold((f64::INFINITY, 0.0), |(low, high), v| (low.min(v.abs()), high.max(v.abs())))
}

/// The lower triangle of `X X^T`.
fn gram(x: ArrayView2<'_, f64>) -> Option<Mat<f64>> {
    let rows = x.nrows();
    let mut gram = Mat::zeros(rows, rows);
    let dense = x.as_standard_layout();
    let wide = MatRef::from_row_major_slice(dense.as_slice()?, rows, x.ncols());
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    triangular::matmul(gram.as_mut(), lower, Accum::Replace, wide, full, wide.transpose(), full, 1.0, Par::Seq);
    Some(gram)
}

/// Directions whose singular value is smaller than this share of the largest are treated as absent.
const RANK_TOLERANCE: f64 = 1e-13;

impl RowSpace {
    /// Finds the row space of `x`, shape `(n_rows, n_cols)`.
    ///
    /// A wide design of full rank costs one QR; any other one an SVD.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`] if the SVD does not converge.
    ///
    /// # Complexity
    /// `O(n_rows n_cols min(n_rows, n_cols))`.
    pub fn new(x: ArrayView2<'_, f64>) -> Result<Self> {
        if WIDE * x.nrows() <= x.ncols()
            && let Some(space) = Self::by_cholesky(x)
        {
            return Ok(space);
        }
        if x.nrows() <= x.ncols() {
            let qr = Qr::new(view(&x.t()));
            let r = qr.r();
            let (smallest, largest) = extremes(r);
            if smallest > 1e3 * RANK_TOLERANCE * largest {
                let q = qr.q();
                let basis = Array2::from_shape_fn(x.dim(), |(i, j)| q[(j, i)]);
                return Ok(Self { basis, coordinates: Coordinates::Triangular(r.to_owned()) });
            }
        }
        Self::by_svd(x)
    }

    /// By Cholesky factors of `X X^T`, twice: the second mends what the first lost, unless the design is ill conditioned (`None`).
    ///
    /// Products with few rows run several times faster than Householder reflections of many columns.
    fn by_cholesky(x: ArrayView2<'_, f64>) -> Option<Self> {
        let rows = x.nrows();
        let mut basis = x.as_standard_layout().into_owned();
        let mut total = Mat::identity(rows, rows);
        for _ in 0..2 {
            let lower = cholesky(gram(basis.view())?)?;
            let lower = Mat::from_fn(rows, rows, |i, j| if i >= j { lower[(i, j)] } else { 0.0 });
            let (smallest, largest) = extremes(lower.as_ref());
            if smallest < CHOLESKY_LIMIT * largest {
                return None;
            }
            let n = basis.ncols();
            let flat = MatMut::from_row_major_slice_mut(basis.as_slice_mut()?, rows, n);
            triangular_solve::solve_lower_triangular_in_place(lower.as_ref(), flat, Par::Seq);
            total = product(total.as_ref(), lower.as_ref());
        }
        Some(Self { basis, coordinates: Coordinates::Triangular(total.transpose().to_owned()) })
    }

    /// As [`new`](Self::new), always by the SVD: row `i` of the basis belongs to the `i`-th singular value.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Complexity
    /// As [`new`](Self::new), with a larger constant.
    pub fn by_svd(x: ArrayView2<'_, f64>) -> Result<Self> {
        let Svd { u, mut s, v } = thin_svd(view(&x).as_ref(), "X")?;
        let largest = s.first().copied().unwrap_or(0.0);
        let rank = s.iter().take_while(|&&v| v > RANK_TOLERANCE * largest).count();
        s.truncate(rank);
        let basis = Array2::from_shape_fn((rank, x.ncols()), |(i, j)| v[(j, i)]);
        Ok(Self { basis, coordinates: Coordinates::Singular { u: u.get(.., ..rank).to_owned(), s } })
    }

    /// Rank of the design.
    pub fn rank(&self) -> usize {
        self.basis.nrows()
    }

    /// The response whose product with the pseudo-inverse of `C` is returned, and the norm of what lies outside the
    /// column space.
    pub fn whiten(&self, y: &[f64]) -> (Vec<f64>, f64) {
        let mut column = Mat::from_fn(y.len(), 1, |i, _| y[i]);
        match &self.coordinates {
            Coordinates::Triangular(r) => {
                triangular_solve::solve_lower_triangular_in_place(r.transpose(), column.as_mut(), Par::Seq);
                (column.col(0).iter().copied().collect(), 0.0)
            }
            Coordinates::Singular { u, s } => {
                let mut inside = product(u.transpose(), column.as_ref());
                let outside = (&column - product(u.as_ref(), inside.as_ref())).norm_l2();
                for (i, s) in s.iter().enumerate() {
                    inside[(i, 0)] /= s;
                }
                (inside.col(0).iter().copied().collect(), outside)
            }
        }
    }

    /// The response in the coordinates of `C`'s column space, and the norm of what lies outside it (for a basis found
    /// by the SVD).
    pub fn rotate(&self, y: &[f64]) -> (Vec<f64>, f64) {
        let (mut inside, outside) = self.whiten(y);
        if let Coordinates::Singular { s, .. } = &self.coordinates {
            inside.iter_mut().zip(s).for_each(|(v, s)| *v *= s);
        }
        (inside, outside)
    }

    /// The smallest singular value of the design: exact for a basis found by the SVD, else a few steps of inverse
    /// iteration.
    pub fn smallest_singular(&self) -> f64 {
        match &self.coordinates {
            Coordinates::Singular { s, .. } => s.last().copied().unwrap_or(0.0),
            Coordinates::Triangular(r) => {
                let mut v = Mat::from_fn(r.nrows(), 1, |i, _| if i % 2 == 0 { 1.0 } else { -0.7 });
                let mut growth = 1.0;
                for _ in 0..6 {
                    v /= faer::Scale(v.norm_l2());
                    triangular_solve::solve_lower_triangular_in_place(r.transpose(), v.as_mut(), Par::Seq);
                    triangular_solve::solve_upper_triangular_in_place(r.as_ref(), v.as_mut(), Par::Seq);
                    growth = v.norm_l2();
                }
                1.0 / growth.sqrt()
            }
        }
    }

    /// Singular values of the design, in falling order, and the rotation `W` with `C C^T`'s spectrum: `C^T = W diag(s)
    /// U^T`.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`] if the SVD does not converge.
    ///
    /// # Complexity
    /// `O(rank^3)`.
    pub fn spectrum(&self) -> Result<(Vec<f64>, Array2<f64>)> {
        match &self.coordinates {
            Coordinates::Triangular(r) => {
                let upper = Mat::from_fn(r.nrows(), r.ncols(), |i, j| if i <= j { r[(i, j)] } else { 0.0 });
                let svd = thin_svd(upper.as_ref(), "X")?;
                Ok((svd.s, Array2::from_shape_fn(upper.shape(), |(i, j)| svd.u[(i, j)])))
            }
            Coordinates::Singular { s, .. } => Ok((s.clone(), Array2::eye(s.len()))),
        }
    }
}

/// Least squares of one response on nested sets of columns: the first, the first two, and so on.
pub struct NestedLeastSquares {
    qr: Qr,
    rotated: Vec<f64>,
    /// `residual[k]` is the norm of what the first `k` columns leave; `k = 0..=n_cols`.
    pub residual: Vec<f64>,
}

impl NestedLeastSquares {
    /// Factorises the columns `chosen` of `x`, at most as many as `x` has rows, for the response `y`.
    ///
    /// # Complexity
    /// `O(n_rows k^2)`.
    pub fn new(x: ArrayView2<'_, f64>, chosen: &[usize], y: &[f64]) -> Self {
        let rows = x.nrows();
        let qr = Qr::new(Mat::from_fn(rows, chosen.len(), |i, j| x[[i, chosen[j]]]));
        let mut rotated = y.to_vec();
        qr.apply_transpose(MatMut::from_column_major_slice_mut(&mut rotated, rows, 1));
        let mut residual = vec![0.0; chosen.len() + 1];
        let mut sum: f64 = rotated[chosen.len()..].iter().map(|v| v * v).sum();
        for k in (0..=chosen.len()).rev() {
            residual[k] = sum.sqrt();
            if k > 0 {
                sum += rotated[k - 1] * rotated[k - 1];
            }
        }
        Self { qr, rotated, residual }
    }

    /// Coefficients on the first `k` columns; NaN or infinite where they are linearly dependent.
    pub fn coefficients(&self, k: usize) -> Vec<f64> {
        let mut z = self.rotated[..k].to_vec();
        let r = self.qr.r().get(..k, ..k);
        triangular_solve::solve_upper_triangular_in_place(
            r,
            MatMut::from_column_major_slice_mut(&mut z, k, 1),
            Par::Seq,
        );
        z
    }

    /// Every column of `x` on all chosen columns: the coefficients `(k, n_cols)` and the distances to their span.
    pub fn project(&self, x: ArrayView2<'_, f64>) -> (Array2<f64>, Vec<f64>) {
        let k = self.qr.packed.ncols();
        let mut rotated = view(&x);
        self.qr.apply_transpose(rotated.as_mut());
        let distance = (0..x.ncols()).map(|j| rotated.get(k.., j).norm_l2()).collect();
        let mut top = rotated.get(..k, ..).to_owned();
        triangular_solve::solve_upper_triangular_in_place(self.qr.r(), top.as_mut(), Par::Seq);
        (Array2::from_shape_fn((k, x.ncols()), |(i, j)| top[(i, j)]), distance)
    }
}

/// The symmetric inverse of `L L^T`.
fn inverse(lower: MatRef<'_, f64>) -> Mat<f64> {
    let r = lower.nrows();
    let mut inverse = Mat::zeros(r, r);
    let mut stack = MemBuffer::new(llt::inverse::inverse_scratch::<f64>(r, Par::Seq));
    llt::inverse::inverse(inverse.as_mut(), lower, Par::Seq, MemStack::new(&mut stack));
    // Only the lower triangle was written.
    for j in 0..r {
        for i in 0..j {
            inverse[(i, j)] = inverse[(j, i)];
        }
    }
    inverse
}

/// `matrix <- its Cholesky factor` (lower triangle); `None` if it is not positive definite.
fn cholesky(mut matrix: Mat<f64>) -> Option<Mat<f64>> {
    let params = Default::default();
    let mut stack = MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(matrix.nrows(), Par::Seq, params));
    let stack = MemStack::new(&mut stack);
    llt::factor::cholesky_in_place(matrix.as_mut(), Default::default(), Par::Seq, stack, params).ok()?;
    Some(matrix)
}

/// `Sigma^-1 x` and the diagonal of `Sigma^-1`, given `L` and `b = L^-1 x`.
pub(super) fn inverse_parts(lower: MatRef<'_, f64>, b: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut a = b.to_vec();
    let column = MatMut::from_column_major_slice_mut(&mut a, b.len(), 1);
    triangular_solve::solve_upper_triangular_in_place(lower.transpose(), column, Par::Seq);
    (a, inverse(lower).diagonal().column_vector().iter().copied().collect())
}

/// `N = K - K B (B^T K B)^-1 B^T K` with `K = (X X^T)^-1` (and a jitter of `1e-13` of its mean diagonal) and `B` the columns
/// `chosen` of `x`: the inverse of `X X^T` on what these columns do not reach. `None` if it does not exist numerically.
///
/// # Complexity
/// `O(r^2 (r + n))` for `x` of shape `(r, n)`.
pub fn inverse_without(x: ArrayView2<'_, f64>, chosen: &[usize]) -> Option<Array2<f64>> {
    let rows = x.nrows();
    let mut gram = gram(x)?;
    let trace: f64 = gram.diagonal().column_vector().iter().sum();
    for i in 0..rows {
        gram[(i, i)] += 1e-13 * trace / rows as f64;
    }
    let mut left = inverse(cholesky(gram)?.as_ref());
    if !chosen.is_empty() {
        let b = Mat::from_fn(rows, chosen.len(), |i, k| x[[i, chosen[k]]]);
        let mut c = product(left.as_ref(), b.as_ref());
        let inner = cholesky(product(b.transpose(), c.as_ref()))?;
        // With B^T K B = M M^T: C M^-T has the outer product that is to go.
        triangular_solve::solve_lower_triangular_in_place(inner.as_ref(), c.as_mut().transpose_mut(), Par::Seq);
        left -= product(c.as_ref(), c.transpose());
    }
    Some(Array2::from_shape_fn((rows, rows), |(i, j)| left[(i, j)]))
}

/// Posterior covariance of the coefficients of the columns `chosen`: `(X_A^T X_A / noise_var + diag(1 /
/// prior_var))^-1`.
///
/// `None` if the columns are linearly dependent and the prior does not tell them apart.
///
/// # Complexity
/// `O(k^2 (n_rows + k))`.
pub fn posterior_covariance(
    x: ArrayView2<'_, f64>,
    chosen: &[usize],
    prior_var: &[f64],
    noise_var: f64,
) -> Option<Array2<f64>> {
    let k = chosen.len();
    // The factor of the precision by QR: a product would square the condition number.
    let qr = Qr::new(Mat::from_fn(x.nrows() + k, k, |i, j| match i.checked_sub(x.nrows()) {
        None => x[[i, chosen[j]]],
        Some(row) if row == j => (noise_var / prior_var[j]).sqrt(),
        Some(_) => 0.0,
    }));
    let mut inverse = Mat::identity(k, k);
    triangular_solve::solve_upper_triangular_in_place(qr.r(), inverse.as_mut(), Par::Seq);
    let covariance = product(inverse.as_ref(), inverse.transpose());
    let covariance = Array2::from_shape_fn((k, k), |(i, j)| noise_var * covariance[(i, j)]);
    covariance.iter().all(|v| v.is_finite()).then_some(covariance)
}
