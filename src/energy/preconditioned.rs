//! The energy of the preconditioned model. Letters: w is `prior_var`, gamma is `noise_var`, p is `power`
//! (docs/notation).

use super::{Evaluation, check};
use crate::linalg::{marginal::Marginal, packed::Packed, row_space::RowSpace};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};

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
    Preconditioned::new(x, y, x.nrows(), 0.0, power)?.evaluate(prior_var, noise_var)
}

/// A preconditioned problem, decomposed once for every noise variance.
#[derive(Debug, Clone)]
pub struct Preconditioned {
    /// Right singular vectors of the design, one per row.
    basis: Array2<f64>,
    /// Singular values of the design, not of those directions that it does not reach.
    singular: Vec<f64>,
    /// The response in the basis of the left singular vectors, over the singular values.
    whitened: Vec<f64>,
    /// Norm of the response outside of the column space.
    outside: f64,
    /// Directions outside of the column space.
    absent: f64,
    power: f64,
}

impl Preconditioned {
    /// Decomposes `x`, shape `(rows, n_features)`, where `samples - rows` directions that no column reaches may have
    /// been taken away before, and with them a part of the response of norm `elsewhere`.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`].
    ///
    /// # Complexity
    /// One singular value decomposition.
    pub fn new(x: ArrayView2<'_, f64>, y: &[f64], samples: usize, elsewhere: f64, power: f64) -> Result<Self> {
        let space = RowSpace::by_svd(x)?;
        let (singular, _) = space.spectrum()?;
        let (whitened, outside) = space.whiten(y);
        let absent = (samples - singular.len()) as f64;
        Ok(Self { basis: space.basis, singular, whitened, outside: outside.hypot(elsewhere), absent, power })
    }

    /// `P X` and `P y` at this noise variance, rotated.
    pub fn at(&self, noise_var: f64) -> (Array2<f64>, Vec<f64>) {
        let (mut design, mut response) = (self.basis.clone(), self.whitened.clone());
        for ((mut row, r), s) in design.outer_iter_mut().zip(&mut response).zip(&self.singular) {
            let factor = s * (s * s + noise_var).powf(-self.power);
            row *= factor;
            *r *= factor;
        }
        (design, response)
    }

    /// The part of the energy that no prior variance changes: P is `gamma^-power` where X does not reach, and Sigma is
    /// gamma.
    pub fn unreached(&self, noise_var: f64) -> f64 {
        self.absent * noise_var.ln() + self.outside * self.outside * noise_var.powf(-2.0 * self.power - 1.0)
    }

    /// The energy and its gradient.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`]; [`Error::InvalidParameter`] beyond the range of float64.
    ///
    /// # Complexity
    /// `O(r^2 (r + n))` for rank `r`.
    pub fn evaluate(&self, prior_var: &[f64], noise_var: f64) -> Result<Evaluation> {
        let (design, response) = self.at(noise_var);
        let packed = Packed::new(design.view());
        let mut marginal = Marginal::new(&packed);
        marginal
            .evaluate(&packed, &response, prior_var, noise_var)
            .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
        let outside = self.outside * self.outside * noise_var.powf(-2.0 * self.power - 1.0);
        let mut grad_noise_var = (self.absent - (2.0 * self.power + 1.0) * outside) / noise_var;
        let (a, inverse) = marginal.inverse();
        for ((a, i), s) in a.iter().zip(&inverse).zip(&self.singular) {
            let e = -self.power / (s * s + noise_var);
            grad_noise_var += i - a * a + 2.0 * e * (1.0 + noise_var * (a * a - i));
        }
        Evaluation {
            value: marginal.quadratic() + marginal.log_det() + self.unreached(noise_var),
            grad_prior_var: marginal.s().iter().zip(marginal.q()).map(|(s, q)| s - q * q).collect(),
            grad_noise_var,
        }
        .finite()
    }

    /// Mean square of the part of the response that columns reach, over all samples.
    pub fn mean_square(&self) -> f64 {
        let total: f64 = self.whitened.iter().zip(&self.singular).map(|(v, s)| (v * s).powi(2)).sum();
        total / (self.absent + self.singular.len() as f64)
    }
}
