//! Coordinates in which the rows of a matrix are orthonormal, and the ways in and out of them.

use super::decompose::{product, thin_svd};
use crate::Result;
use faer::linalg::triangular_solve;
use faer::{Mat, MatMut, MatRef, Par};
use ndarray::Array2;

/// The factor `C` of a matrix `C B` whose `B` has orthonormal rows, with as many columns as the matrix has rank.
#[derive(Debug, Clone)]
pub(super) enum Coordinates {
    /// `C = R^T`, with `R` upper triangular; what lies below its diagonal is not part of it.
    Triangular(Mat<f64>),
    /// `C = U diag(s)`.
    Singular { u: Mat<f64>, s: Vec<f64> },
}

fn flat(values: &Mat<f64>) -> Vec<f64> {
    values.col_iter().flat_map(|column| column.iter()).copied().collect()
}

impl Coordinates {
    /// Number of rows of `C`.
    fn nrows(&self) -> usize {
        match self {
            Self::Triangular(r) => r.nrows(),
            Self::Singular { u, .. } => u.nrows(),
        }
    }

    /// The responses `y`, one after the other, times the pseudo-inverse of `C`, and the norm of what lies off the range
    /// of `C`.
    pub fn whiten(&self, y: &[f64]) -> (Vec<f64>, f64) {
        let rows = self.nrows();
        let columns = y.len().checked_div(rows).unwrap_or(0);
        let right = MatRef::from_column_major_slice(y, rows, columns);
        match self {
            Self::Triangular(r) => {
                let mut right = right.to_owned();
                triangular_solve::solve_lower_triangular_in_place(r.transpose(), right.as_mut(), Par::Seq);
                (flat(&right), 0.0)
            }
            Self::Singular { u, s } => {
                let mut in_range = product(u.transpose(), right);
                let off_range = (right - product(u.as_ref(), in_range.as_ref())).norm_l2();
                for (i, s) in s.iter().enumerate() {
                    in_range.row_mut(i).iter_mut().for_each(|v| *v /= s);
                }
                (flat(&in_range), off_range)
            }
        }
    }

    /// The transposed pseudo-inverse of `C` times vectors, one after the other.
    pub fn multipliers(&self, vectors: &[f64]) -> Vec<f64> {
        match self {
            Self::Triangular(r) => {
                let (mut out, rank) = (vectors.to_vec(), r.ncols());
                let columns = vectors.len().checked_div(rank).unwrap_or(0);
                let right = MatMut::from_column_major_slice_mut(&mut out, rank, columns);
                triangular_solve::solve_upper_triangular_in_place(r.as_ref(), right, Par::Seq);
                out
            }
            Self::Singular { u, s } => {
                let columns = vectors.len().checked_div(s.len()).unwrap_or(0);
                let scaled = Mat::from_fn(s.len(), columns, |i, l| vectors[l * s.len() + i] / s[i]);
                flat(&product(u.as_ref(), scaled.as_ref()))
            }
        }
    }

    /// Singular values that are known: all, in falling order.
    pub fn singular(&self) -> Option<&[f64]> {
        match self {
            Self::Triangular(_) => None,
            Self::Singular { s, .. } => Some(s),
        }
    }

    /// Frobenius norm of the pseudo-inverse of `C`.
    ///
    /// # Complexity
    /// `O(rank^3)`, or nothing where singular values are known.
    pub fn inverse_norm(&self) -> f64 {
        match self {
            Self::Triangular(r) => {
                let mut inverse = Mat::<f64>::identity(r.nrows(), r.ncols());
                triangular_solve::solve_upper_triangular_in_place(r.as_ref(), inverse.as_mut(), Par::Seq);
                inverse.norm_l2()
            }
            Self::Singular { s, .. } => s.iter().map(|s| 1.0 / (s * s)).sum::<f64>().sqrt(),
        }
    }

    /// The smallest singular value of `C`: exact where singular values are known, else a few steps of inverse iteration.
    pub fn smallest_singular(&self) -> f64 {
        match self {
            Self::Singular { s, .. } => s.last().copied().unwrap_or(0.0),
            Self::Triangular(r) => {
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

    /// Singular values of `C`, in falling order, and the rotation `W` of `C^T = W diag(s) U^T`.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`](crate::Error::NoDecomposition) if the SVD does not converge.
    ///
    /// # Complexity
    /// `O(rank^3)`.
    pub fn spectrum(&self) -> Result<(Vec<f64>, Array2<f64>)> {
        match self {
            Self::Triangular(r) => {
                let svd = thin_svd(upper(r.as_ref()).as_ref(), "X")?;
                Ok((svd.s, Array2::from_shape_fn(r.shape(), |(i, j)| svd.u[(i, j)])))
            }
            Self::Singular { s, .. } => Ok((s.clone(), Array2::eye(s.len()))),
        }
    }
}

/// A triangular matrix without what lies below its diagonal.
fn upper(r: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(r.nrows(), r.ncols(), |i, j| if i <= j { r[(i, j)] } else { 0.0 })
}
