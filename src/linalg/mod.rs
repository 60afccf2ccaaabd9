//! The numerical kernel: `Sigma_x = X diag(w) X^T + gamma I` assembled, factorised and solved, and the few
//! decompositions around it.
//!
//! faer factorises; the two products, which cost `r^2 n` each, are register-tiled here (see [`mod@packed`]): on a
//! design of 100 x 200 they take 46 microseconds of a step's 60, where general routines took 62.

pub mod affine;
pub mod blockwise;
pub mod compression;
mod coordinates;
pub mod covariance;
mod decompose;
mod gram;
pub mod growing_cholesky;
pub mod least_squares;
pub mod packed;
pub mod packed_covariance;
pub mod packed_spd;
pub mod principal;
pub mod refined;
pub mod rotation;
pub mod row_blocks;
pub mod row_space;
mod solve;
pub mod spectral;
pub mod summary;
pub mod watched;

use crate::{Error, Result};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2};
use pulp::Simd;
use rayon::prelude::*;

pub use crate::design::multiply_transposed;

/// Zeros, as many as `rows` times `columns`, for work on a design of that size.
///
/// # Errors
/// [`Error::InvalidParameter`] with `what` if there is no room for them.
pub(crate) fn zeros(what: &'static str, rows: usize, columns: usize) -> Result<Vec<f64>> {
    let too_large = || {
        Error::invalid(what, format!("of a size that needs a table of {rows} x {columns}"), "small enough for memory")
    };
    let len = rows.checked_mul(columns).ok_or_else(too_large)?;
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| too_large())?;
    values.resize(len, 0.0);
    Ok(values)
}

/// Rows of a product that one thread computes at a time.
const BLOCK: usize = 256;

/// `X^T X`, shape `(n, n)`, on rayon's current threads; the same bits for any number of them.
///
/// # Complexity
/// `O(r n^2)` for `x` of shape `(r, n)`.
pub fn outer_product(x: ArrayView2<'_, f64>) -> Array2<f64> {
    let (r, n) = x.dim();
    let dense = x.as_standard_layout();
    let mut out = vec![0.0; n * n];
    if let Some(slice) = dense.as_slice() {
        let x = MatRef::from_row_major_slice(slice, r, n);
        out.par_chunks_mut(BLOCK * n.max(1)).enumerate().for_each(|(block, rows)| {
            let height = rows.len() / n;
            let left = x.subcols(block * BLOCK, height).transpose();
            let to = MatMut::from_row_major_slice_mut(rows, height, n);
            matmul(to, Accum::Replace, left, x, 1.0, Par::Seq);
        });
    }
    Array2::from_shape_vec((n, n), out).unwrap_or_default()
}

/// The inner product of two slices of equal length, for use within a dispatched loop.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_tail), (b, b_tail)) = (S::as_simd_f64s(a), S::as_simd_f64s(b));
    let ((a, a_rest), (b, b_rest)) = (pulp::as_arrays::<4, _>(a), pulp::as_arrays::<4, _>(b));
    let mut sums = [simd.splat_f64s(0.0); 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = simd.mul_add_f64s(*a, *b, *sum);
        }
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sums[0] = simd.mul_add_f64s(*a, *b, sums[0]);
    }
    let sum = simd.add_f64s(simd.add_f64s(sums[0], sums[1]), simd.add_f64s(sums[2], sums[3]));
    simd.reduce_sum_f64s(sum) + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f64>()
}
