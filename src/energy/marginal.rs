//! The marginal energy. Letters: w is `prior_var`, gamma is `noise_var` (docs/notation).

use super::{Evaluation, check};
use crate::linalg::{marginal::Marginal, packed::Packed};
use crate::{Error, Result};
use ndarray::ArrayView2;

/// `tr[Y Y^T Sigma_x^-1] + L log |Sigma_x|` with `Sigma_x = X diag(w) X^T + gamma I`, and its gradient: `L s_j -
/// ||q_j||^2` in `w_j`, `L tr Sigma_x^-1 - ||Sigma_x^-1 Y||^2` in gamma.
///
/// `x` has shape `(n_samples, n_features)`, `y` `L` responses of `n_samples` values, one after the other,
/// `prior_var` length `n_features`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] and [`Error::InvalidParameter`] for what cannot be evaluated;
/// [`Error::NotPositiveDefinite`] if `gamma` is too small for float64.
///
/// # Complexity
/// `O(n_samples^2 (n_samples + n_features) + n_samples n_features L)`.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 24; Wipf (2023), "Marginalization is not Marginal", eq. 18.
pub fn marginal_energy(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<Evaluation> {
    let n_responses = check(x, y, prior_var, noise_var)?;
    let packed = Packed::new(x);
    let mut marginal = Marginal::for_responses(&packed, n_responses);
    marginal
        .evaluate(&packed, y, prior_var, noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
    let (a, inverse) = marginal.inverse();
    let responses = n_responses as f64;
    let mut grad_prior_var: Vec<f64> = marginal.s().iter().map(|s| responses * s).collect();
    marginal.each_q().for_each(|q| grad_prior_var.iter_mut().zip(q).for_each(|(grad, q)| *grad -= q * q));
    Evaluation {
        value: marginal.quadratic() + responses * marginal.log_det(),
        grad_prior_var,
        grad_noise_var: responses * inverse.iter().sum::<f64>() - a.iter().map(|a| a * a).sum::<f64>(),
    }
    .finite()
}
