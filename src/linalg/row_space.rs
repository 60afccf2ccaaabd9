//! The row space of a design: orthonormal coordinates, and the response in them.

use super::coordinates::Coordinates;
use super::decompose::{Qr, Svd, cholesky, copy, gram, product, thin_svd};
#[cfg(doc)]
use crate::Error;
use crate::Result;
use faer::linalg::triangular_solve;
use faer::{Mat, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2};

/// Orthonormal coordinates of the row space of a design `X = C B`: `B` has orthonormal rows, `C` as many columns as `X`
/// has rank.
#[derive(Debug, Clone)]
pub struct RowSpace {
    /// `B`, shape `(rank, n_cols)`.
    pub basis: Array2<f64>,
    coordinates: Coordinates,
}

/// Designs at least this many times as wide as high are tried with Cholesky factors first. Chosen by hand;
/// it decides on speed alone.
const WIDE: usize = 4;
/// Smallest ratio of diagonal entries of a Cholesky factor at which two passes still give orthonormal rows: the first
/// errs by rounding over its square, about 1e-6, which the second mends. Chosen by hand, well above 1e-8, the root of
/// the rounding, where the first fails.
const CHOLESKY_LIMIT: f64 = 1e-5;

/// Smallest and largest magnitude on a diagonal.
fn extremes(matrix: MatRef<'_, f64>) -> (f64, f64) {
    let diagonal = matrix.diagonal().column_vector();
    diagonal.iter().fold((f64::INFINITY, 0.0), |(low, high), v| (low.min(v.abs()), high.max(v.abs())))
}

/// Directions whose singular value is smaller than this share of the largest are treated as absent. A few hundred units
/// of rounding, by which a decomposition misses singular values.
pub(super) const RANK_TOLERANCE: f64 = 1e-13;
/// A QR without pivots shows full rank where its smallest diagonal entry is this many times the tolerance. Chosen by
/// hand: the smallest singular value lies below that entry, and an SVD decides what is closer.
pub(super) const UNDOUBTED: f64 = 1e3;

impl RowSpace {
    /// Finds the row space of `x`, shape `(n_rows, n_cols)`.
    ///
    /// A wide design of full rank costs two Cholesky factors or one QR; any other one an SVD.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`] if the SVD does not converge.
    ///
    /// # Complexity
    /// `O(n_rows n_cols min(n_rows, n_cols))`.
    pub fn new(x: ArrayView2<'_, f64>) -> Result<Self> {
        Self::of(|| x.as_standard_layout().into_owned())
    }

    /// As [`new`](Self::new), of a design that `read` copies: the basis takes the place of the copy.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Complexity
    /// As [`new`](Self::new).
    pub fn of(read: impl Fn() -> Array2<f64>) -> Result<Self> {
        let mut x = read();
        if WIDE * x.nrows() <= x.ncols() {
            if let Some(space) = Self::by_cholesky(x) {
                return Ok(space);
            }
            x = read();
        }
        if x.nrows() <= x.ncols() {
            let qr = Qr::new(copy(&x.t()));
            let r = qr.r();
            let (smallest, largest) = extremes(r);
            if smallest > UNDOUBTED * RANK_TOLERANCE * largest {
                let q = qr.q();
                let basis = Array2::from_shape_fn(x.dim(), |(i, j)| q[(j, i)]);
                return Ok(Self { basis, coordinates: Coordinates::Triangular(r.to_owned()) });
            }
        }
        Self::by_svd(x.view())
    }

    /// By Cholesky factors of `X X^T`, twice: the second mends what the first lost, unless the design is ill
    /// conditioned (`None`).
    ///
    /// Products with few rows run several times faster than Householder reflections of many columns.
    fn by_cholesky(mut basis: Array2<f64>) -> Option<Self> {
        let rows = basis.nrows();
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
        let Svd { u, mut s, v } = thin_svd(copy(&x).as_ref(), "X")?;
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

    /// The responses `y`, one after the other, times the pseudo-inverse of `C`, and the norm of what lies off the
    /// range of the design (0 for a basis that was not found by the SVD).
    pub fn whiten(&self, y: &[f64]) -> (Vec<f64>, f64) {
        self.coordinates.whiten(y)
    }

    /// Frobenius norm of the pseudo-inverse of `C`: by how much [`whiten`](Self::whiten) enlarges white noise.
    ///
    /// # Complexity
    /// `O(rank^3)`, or nothing for a basis found by the SVD.
    pub fn inverse_norm(&self) -> f64 {
        self.coordinates.inverse_norm()
    }

    /// Multipliers of the rows of `B` as multipliers of those of the design: `y` with `X^T y = B^T v`, the one of least
    /// norm.
    pub fn multipliers(&self, v: &[f64]) -> Vec<f64> {
        self.coordinates.multipliers(v)
    }

    /// The responses in the coordinates of `C`'s column space, and the norm of what lies off it (for a basis found
    /// by the SVD).
    pub fn rotate(&self, y: &[f64]) -> (Vec<f64>, f64) {
        let (mut in_range, off_range) = self.whiten(y);
        if let Some(singular) = self.coordinates.singular() {
            for response in in_range.chunks_exact_mut(singular.len().max(1)) {
                response.iter_mut().zip(singular).for_each(|(v, s)| *v *= s);
            }
        }
        (in_range, off_range)
    }

    /// The smallest singular value of the design: exact for a basis found by the SVD, else a few steps of inverse
    /// iteration.
    pub fn smallest_singular(&self) -> f64 {
        self.coordinates.smallest_singular()
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
        self.coordinates.spectrum()
    }
}
