//! The numerical kernel: `Sigma_x = X diag(w) X^T + gamma I` assembled, factorised and solved, and the few
//! decompositions around it.
//!
//! faer factorises; the two products, which cost `r^2 n` each, are register-tiled here (see [`mod@packed`]): on a
//! design of 100 x 200 they take 46 microseconds of a step's 60, where general routines took 62.

mod decompose;
mod gram;
pub mod least_squares;
pub mod marginal;
pub mod packed;
pub mod row_space;
mod solve;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::ArrayView2;

/// `out <- design^T vector`, on this thread alone.
pub fn multiply_transposed(design: ArrayView2<'_, f64>, vector: &[f64], out: &mut [f64]) {
    let (r, n) = design.dim();
    match design.as_slice() {
        Some(x) => {
            let (to, x) = (MatMut::from_column_major_slice_mut(out, n, 1), MatRef::from_row_major_slice(x, r, n));
            matmul(to, Accum::Replace, x.transpose(), MatRef::from_column_major_slice(vector, r, 1), 1.0, Par::Seq);
        }
        None => {
            out.iter_mut().zip(design.columns()).for_each(|(o, x)| *o = x.iter().zip(vector).map(|(a, b)| a * b).sum());
        }
    }
}
