//! The energy of a diagonal encoder covariance. Letters: w is `prior_var`, gamma is `noise_var`, d and n are the rows
//! and columns of the design, L is the number of responses (docs/notation).

use super::{Evaluation, check};
use crate::linalg::{marginal::Marginal, packed::Packed};
use crate::{Error, Result};
use ndarray::ArrayView2;

/// `tr[Y Y^T Sigma_x^-1] + L sum_j log(gamma + w_j ||x_j||^2) + L (d - n) log gamma` and its gradient.
///
/// Shapes and errors as in [`marginal_energy`](super::marginal_energy), of which it is an upper bound, equal where the
/// columns are orthogonal; the last term, which the paper leaves out, is what makes it one.
///
/// # Errors
/// As [`marginal_energy`](super::marginal_energy).
///
/// # Complexity
/// As [`marginal_energy`](super::marginal_energy).
///
/// # References
/// Wipf (2023), "Marginalization is not Marginal", eq. 50.
pub fn separable_energy(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<Evaluation> {
    let n_responses = check(x, y, prior_var, noise_var)?;
    let packed = Packed::new(x);
    let mut marginal = Marginal::for_responses(&packed, n_responses);
    marginal
        .evaluate(&packed, y, prior_var, noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
    let responses = n_responses as f64;
    let squares = packed.squares();
    let mut grad_prior_var = vec![0.0; x.ncols()];
    let (mut log_det, mut slope) = (0.0, 0.0);
    for ((grad, w), square) in grad_prior_var.iter_mut().zip(prior_var).zip(&squares) {
        let spread = noise_var + w * square;
        *grad = responses * square / spread;
        log_det += spread.ln();
        slope += 1.0 / spread;
    }
    marginal.each_q().for_each(|q| grad_prior_var.iter_mut().zip(q).for_each(|(grad, q)| *grad -= q * q));
    let unreached = x.nrows() as f64 - x.ncols() as f64;
    let (a, _) = marginal.inverse();
    Evaluation {
        value: marginal.quadratic() + responses * (log_det + unreached * noise_var.ln()),
        grad_prior_var,
        grad_noise_var: responses * (slope + unreached / noise_var) - a.iter().map(|a| a * a).sum::<f64>(),
    }
    .finite()
}
