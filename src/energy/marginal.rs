//! The marginal energy. Letters: w is `prior_var`, gamma is `noise_var` (docs/notation).

use super::{Evaluation, check};
use crate::linalg::{marginal::Marginal, packed::Packed};
use crate::{Error, Result};
use ndarray::ArrayView2;

/// `L(w, gamma) = y^T Sigma_x^-1 y + log |Sigma_x|` with `Sigma_x = X diag(w) X^T + gamma I`, and its gradient
/// `dL/dw_j = s_j - q_j^2`, `dL/dgamma = tr Sigma_x^-1 - ||Sigma_x^-1 y||^2`.
///
/// `x` has shape `(n_samples, n_features)`, `y` length `n_samples`, `prior_var` length `n_features`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] and [`Error::InvalidParameter`] for what cannot be evaluated;
/// [`Error::NotPositiveDefinite`] if `gamma` is too small for float64.
///
/// # Complexity
/// `O(n_samples^2 (n_samples + n_features))`.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 24.
pub fn marginal_energy(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<Evaluation> {
    check(x, y, prior_var, noise_var)?;
    let packed = Packed::new(x);
    let mut marginal = Marginal::new(&packed);
    marginal
        .evaluate(&packed, y, prior_var, noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
    let (a, inverse) = marginal.inverse();
    Evaluation {
        value: marginal.quadratic() + marginal.log_det(),
        grad_prior_var: marginal.s().iter().zip(marginal.q()).map(|(s, q)| s - q * q).collect(),
        grad_noise_var: inverse.iter().sum::<f64>() - a.iter().map(|a| a * a).sum::<f64>(),
    }
    .finite()
}
