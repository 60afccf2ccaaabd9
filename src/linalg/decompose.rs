//! Decompositions by faer, on this thread alone: what the other modules of `linalg` build upon.

use crate::{Error, Result};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{
    cholesky::llt, evd, householder, matmul::matmul, qr::no_pivoting::factor as qr, svd, triangular_inverse,
};
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par};
use ndarray::ArrayView2;

/// A copy of `x`, by columns.
pub(super) fn copy(x: &ArrayView2<'_, f64>) -> Mat<f64> {
    Mat::from_fn(x.nrows(), x.ncols(), |i, j| x[[i, j]])
}

/// `a b` on this thread alone.
pub(super) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    matmul(out.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    out
}

/// A Householder QR of a matrix with at least as many rows as columns.
#[derive(Debug, Clone)]
pub(super) struct Qr {
    /// `R` above the diagonal, the reflectors below.
    pub packed: Mat<f64>,
    coefficients: Mat<f64>,
}

impl Qr {
    pub fn new(mut matrix: Mat<f64>) -> Self {
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
    pub fn q(&self) -> Mat<f64> {
        self.columns_of_q(self.packed.ncols())
    }

    /// The first columns of the square `Q`.
    pub fn columns_of_q(&self, n_columns: usize) -> Mat<f64> {
        let mut q = Mat::identity(self.packed.nrows(), n_columns);
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
    pub fn apply_transpose(&self, matrix: MatMut<'_, f64>) {
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
    pub fn r(&self) -> MatRef<'_, f64> {
        self.packed.get(..self.packed.ncols(), ..)
    }
}

pub(super) struct Svd {
    pub u: Mat<f64>,
    pub s: Vec<f64>,
    pub v: Mat<f64>,
}

pub(super) fn thin_svd(matrix: MatRef<'_, f64>, what: &'static str) -> Result<Svd> {
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

/// The eigenvalues of a symmetric matrix, rising, and its eigenvectors as columns.
pub(super) fn eigen(matrix: MatRef<'_, f64>, what: &'static str) -> Result<(Vec<f64>, Mat<f64>)> {
    let size = matrix.nrows();
    let (mut values, mut vectors) = (faer::diag::Diag::zeros(size), Mat::zeros(size, size));
    let scratch = evd::self_adjoint_evd_scratch::<f64>;
    let mut stack = MemBuffer::new(scratch(size, evd::ComputeEigenvectors::Yes, Par::Seq, Default::default()));
    let stack = MemStack::new(&mut stack);
    evd::self_adjoint_evd(matrix, values.as_mut(), Some(vectors.as_mut()), Par::Seq, stack, Default::default())
        .map_err(|_| Error::NoDecomposition { what })?;
    Ok((values.column_vector().iter().copied().collect(), vectors))
}

/// The lower triangle of `X X^T`.
pub(super) fn gram(x: ArrayView2<'_, f64>) -> Option<Mat<f64>> {
    let rows = x.nrows();
    let mut gram = Mat::zeros(rows, rows);
    let dense = x.as_standard_layout();
    let wide = MatRef::from_row_major_slice(dense.as_slice()?, rows, x.ncols());
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    triangular::matmul(gram.as_mut(), lower, Accum::Replace, wide, full, wide.transpose(), full, 1.0, Par::Seq);
    Some(gram)
}

/// The symmetric inverse of `L L^T`.
pub(super) fn inverse(lower: MatRef<'_, f64>) -> Mat<f64> {
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
pub(super) fn cholesky(mut matrix: Mat<f64>) -> Option<Mat<f64>> {
    let params = Default::default();
    let mut stack = MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(matrix.nrows(), Par::Seq, params));
    let stack = MemStack::new(&mut stack);
    llt::factor::cholesky_in_place(matrix.as_mut(), Default::default(), Par::Seq, stack, params).ok()?;
    Some(matrix)
}

/// `tr (L L^T)^-1`, as the squared norm of `L^-1`, in `r^3 / 3` floating-point operations.
pub(super) fn inverse_trace(lower: MatRef<'_, f64>) -> f64 {
    let size = lower.nrows();
    let mut inverted = Mat::zeros(size, size);
    triangular_inverse::invert_lower_triangular(inverted.as_mut(), lower, Par::Seq);
    inverted.col_iter().enumerate().map(|(j, column)| column.subrows(j, size - j).squared_norm_l2()).sum()
}
