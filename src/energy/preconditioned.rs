//! The energy of the preconditioned model. Letters: w is `prior_var`, gamma is `noise_var`, p is `power`
//! (docs/notation).

use super::{Evaluation, check};
use crate::linalg::{decompose::RowSpace, marginal::Marginal, packed::Packed};
use crate::{Error, Result};
use ndarray::ArrayView2;

/// The marginal energy of `P X` and `P y` with `P = (X X^T + gamma I)^-power`, the same gamma in both places.
///
/// With the singular value decomposition `X = U diag(sigma) V^T`, `U^T P X = diag(sigma d) V^T` where `d = (sigma^2 +
/// gamma)^-power`, so the gradient in gamma runs through `P` at the cost of a sum: with `e = -power / (sigma^2 +
/// gamma)`, `a = Sigma^-1 P y`,
///
/// `dL/dgamma = tr Sigma^-1 - ||a||^2 + 2 sum_i e_i (1 + gamma (a_i^2 - (Sigma^-1)_ii))`.
///
/// Shapes as in [`marginal_energy`](super::marginal_energy); `power` is 1 in the paper.
///
/// # Errors
/// As [`marginal_energy`](super::marginal_energy), and [`Error::NoDecomposition`] if the singular value decomposition
/// fails.
///
/// # Complexity
/// `O(n_samples n_features min(n_samples, n_features))`.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 17 with its encoder at the optimum.
pub fn preconditioned_energy(
    x: ArrayView2<'_, f64>,
    y: &[f64],
    prior_var: &[f64],
    noise_var: f64,
    power: f64,
) -> Result<Evaluation> {
    check(x, y, prior_var, noise_var)?;
    if !power.is_finite() {
        return Err(Error::invalid("power", power, "finite"));
    }
    let space = RowSpace::by_svd(x)?;
    let (sigma, _) = space.spectrum()?;
    let (whitened, outside) = space.whiten(y);
    let absent = (x.nrows() - sigma.len()) as f64;

    let mut design = space.basis.clone();
    let mut response = whitened;
    for ((mut row, r), &s) in design.outer_iter_mut().zip(&mut response).zip(&sigma) {
        let d = (s * s + noise_var).powf(-power);
        row *= s * d;
        *r *= s * d;
    }
    let packed = Packed::new(design.view());
    let mut marginal = Marginal::new(&packed);
    marginal
        .evaluate(&packed, &response, prior_var, noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;

    // Directions that X does not reach: P is gamma^-power there, and Sigma is gamma.
    let outside_value = outside * outside * noise_var.powf(-2.0 * power - 1.0);
    let mut grad_noise_var = (absent - (2.0 * power + 1.0) * outside_value) / noise_var;
    let (a, inverse) = marginal.inverse();
    for ((a, i), s) in a.iter().zip(&inverse).zip(&sigma) {
        let e = -power / (s * s + noise_var);
        grad_noise_var += i - a * a + 2.0 * e * (1.0 + noise_var * (a * a - i));
    }
    Evaluation {
        value: marginal.quadratic() + marginal.log_det() + outside_value + absent * noise_var.ln(),
        grad_prior_var: marginal.s().iter().zip(marginal.q()).map(|(s, q)| s - q * q).collect(),
        grad_noise_var,
    }
    .finite()
}
