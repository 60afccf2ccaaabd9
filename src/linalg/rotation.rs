//! Rotations, dual bases, and products of matrices.

use super::decompose::{self, Qr, Svd, copy, thin_svd};
use crate::Result;
use faer::linalg::triangular_solve;
use faer::{Mat, Par};
use ndarray::{Array2, ArrayView2};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn array(matrix: &Mat<f64>) -> Array2<f64> {
    Array2::from_shape_fn(matrix.shape(), |(i, j)| matrix[(i, j)])
}

/// `a b`, on this thread alone.
pub fn product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    array(&decompose::product(copy(&a).as_ref(), copy(&b).as_ref()))
}

/// An orthogonal matrix of the given size.
pub fn random_rotation(size: usize, seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    array(&Qr::new(Mat::from_fn(size, size, |_, _| StandardNormal.sample(&mut rng))).q())
}

/// The orthogonal matrix nearest to a square one, in the Frobenius norm: `U V^T` of `U S V^T`.
///
/// # Errors
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition).
///
/// # Complexity
/// `O(size^3)`.
pub fn nearest_rotation(matrix: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let Svd { u, v, .. } = thin_svd(copy(&matrix).as_ref(), "combinators")?;
    Ok(array(&decompose::product(u.as_ref(), v.transpose())))
}

/// The dual of linearly independent vectors, the columns of `vectors`, completed to a basis: row `k` has product 1 with
/// vector `k` and 0 with the others; the rows beyond are orthonormal, and orthogonal to all vectors.
///
/// # Complexity
/// `O(size^3)` for vectors of that size.
pub fn dual_basis(vectors: ArrayView2<'_, f64>) -> Array2<f64> {
    let (size, count) = vectors.dim();
    let qr = Qr::new(copy(&vectors));
    let mut rows = qr.columns_of_q(size);
    let thin = rows.as_mut().subcols_mut(0, count);
    // The dual is R^-1 Q^T: solve for its transpose from the right.
    triangular_solve::solve_upper_triangular_in_place(qr.r(), thin.transpose_mut(), Par::Seq);
    array(&rows).reversed_axes()
}
