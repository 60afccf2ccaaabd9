//! The marginal covariance `Sigma_x = X diag(w) X^T + ridge I`: what energies ask of it, whichever kernel holds it.

/// The row whose pivot was not positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedPivot(pub usize);

impl FailedPivot {
    /// The error that a caller sees, at this update step.
    pub fn at(self, step: usize) -> crate::Error {
        crate::Error::NotPositiveDefinite { step, pivot: self.0 }
    }
}

/// Columns in the form that a kernel reads.
///
/// Responses have one value per row and stand one after the other.
pub trait Kernel: Sync {
    /// Scratch and results of an evaluation.
    type Covariance: Covariance;

    /// Number of rows.
    fn n_rows(&self) -> usize;

    /// Number of columns.
    fn n_cols(&self) -> usize;

    /// Squared norm of each column.
    fn squares(&self) -> Vec<f64>;

    /// Scratch for `n_responses` responses.
    fn covariance(&self, n_responses: usize) -> Self::Covariance;

    /// Assembles and factorises the covariance at `w` (one variance per column) and `ridge`, and solves for the
    /// responses `y`; [`Covariance::s`] and [`Covariance::add_q_squared`] are not to be asked after it.
    ///
    /// # Errors
    /// [`FailedPivot`] where the covariance is not numerically positive definite.
    fn factorise(&self, y: &[f64], w: &[f64], ridge: f64, covariance: &mut Self::Covariance)
    -> Result<(), FailedPivot>;

    /// As [`factorise`](Self::factorise), with `s` and `q`.
    ///
    /// # Errors
    /// As [`factorise`](Self::factorise).
    fn evaluate(&self, y: &[f64], w: &[f64], ridge: f64, covariance: &mut Self::Covariance) -> Result<(), FailedPivot>;
}

/// A factorised marginal covariance, and its solutions for the responses.
pub trait Covariance {
    /// `log |Sigma_x|`.
    fn log_det(&self) -> f64;

    /// `y^T Sigma_x^-1 y`, summed over the responses.
    fn quadratic(&self) -> f64;

    /// `s_j = x_j^T Sigma_x^-1 x_j`, one value per column.
    fn s(&self) -> &[f64];

    /// Adds `(x_j^T Sigma_x^-1 y)^2`, summed over the responses, to the value of each column.
    fn add_q_squared(&self, to: &mut [f64]);

    /// `Sigma_x^-1 y`, response after response.
    fn multipliers(&self) -> Vec<f64>;

    /// `tr Sigma_x^-1`.
    fn inverse_trace(&self) -> f64;
}

impl<K: Kernel> Kernel for &K {
    type Covariance = K::Covariance;

    fn n_rows(&self) -> usize {
        (**self).n_rows()
    }

    fn n_cols(&self) -> usize {
        (**self).n_cols()
    }

    fn squares(&self) -> Vec<f64> {
        (**self).squares()
    }

    fn covariance(&self, n_responses: usize) -> Self::Covariance {
        (**self).covariance(n_responses)
    }

    fn factorise(
        &self,
        y: &[f64],
        w: &[f64],
        ridge: f64,
        covariance: &mut Self::Covariance,
    ) -> Result<(), FailedPivot> {
        (**self).factorise(y, w, ridge, covariance)
    }

    fn evaluate(&self, y: &[f64], w: &[f64], ridge: f64, covariance: &mut Self::Covariance) -> Result<(), FailedPivot> {
        (**self).evaluate(y, w, ridge, covariance)
    }
}
