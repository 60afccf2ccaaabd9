//! The marginal energy. Letters: w is `prior_var`, gamma is `noise_var`, L is the number of responses (docs/notation).

use super::in_data::InData;
use super::interface::{Energy, Point};
use crate::Result;
use crate::linalg::covariance::{Covariance, FailedPivot, Kernel};
use crate::linalg::packed::Packed;
use crate::problem::Responses;
use ndarray::ArrayView2;

/// `tr[Y Y^T Sigma_x^-1] + L log |Sigma_x|` with `Sigma_x = X diag(w) X^T + gamma I`; its derivative is `L s_j - ||q_j||^2`
/// in `w_j` and `L tr Sigma_x^-1 - ||Sigma_x^-1 Y||^2` in gamma.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 24; Wipf (2023), "Marginalization is not Marginal", eq. 18.
#[derive(Debug, Clone, Copy)]
pub struct Marginal<'a, K: Kernel = Packed> {
    /// The columns.
    pub kernel: K,
    /// The responses.
    pub responses: Responses<'a>,
}

/// Memory of an energy whose covariance is `Sigma_x`.
pub struct MarginalScratch<C> {
    /// The covariance at the point that was evaluated last.
    pub covariance: C,
    q_squared: Vec<f64>,
}

impl<C> MarginalScratch<C> {
    /// `q^2` of each column, summed over the responses.
    pub fn q_squared(&self) -> &[f64] {
        &self.q_squared
    }
}

impl<'a> Marginal<'a> {
    /// The energy of a design that is not packed yet; it has no parameter.
    pub(super) fn for_data(x: ArrayView2<'_, f64>, responses: Responses<'a>, _parameter: f64) -> Result<Self> {
        Ok(Self { kernel: Packed::new(x), responses })
    }
}

impl<K: Kernel> Energy for Marginal<'_, K> {
    type Scratch = MarginalScratch<K::Covariance>;

    fn scratch(&self) -> Self::Scratch {
        let n_axes = self.responses.n_axes(self.kernel.n_rows());
        MarginalScratch { covariance: self.kernel.covariance(n_axes), q_squared: vec![0.0; self.kernel.n_cols()] }
    }

    fn n_columns(&self) -> usize {
        self.kernel.n_cols()
    }

    fn responses(&self) -> &Responses<'_> {
        &self.responses
    }

    fn n_samples(&self) -> usize {
        self.kernel.n_rows() + self.responses.off_range.directions
    }

    fn value(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot> {
        self.kernel.factorise(self.responses.values, at.prior_var, at.noise_var, &mut scratch.covariance)?;
        Ok(self.value_at(&scratch.covariance, at.noise_var))
    }

    fn evaluate(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot> {
        let MarginalScratch { covariance, q_squared } = scratch;
        self.kernel.evaluate(self.responses.values, at.prior_var, at.noise_var, covariance)?;
        q_squared.fill(0.0);
        covariance.add_q_squared(q_squared);
        Ok(self.value_at(covariance, at.noise_var))
    }

    fn q_squared<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64] {
        &scratch.q_squared
    }

    fn s<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64] {
        scratch.covariance.s()
    }

    fn slope_in_noise(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64 {
        let Responses { n_responses, off_range, .. } = self.responses;
        n_responses as f64 * scratch.covariance.inverse_trace() - squared(&scratch.covariance.multipliers())
            + off_range.slope(n_responses, at.noise_var)
    }

    /// `Y - X U = gamma Sigma^-1 Y`.
    fn residual(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64 {
        let inside = at.noise_var * at.noise_var * squared(&scratch.covariance.multipliers());
        inside + self.responses.off_range.norm * self.responses.off_range.norm
    }
}

impl<K: Kernel> Marginal<'_, K> {
    fn value_at(&self, covariance: &K::Covariance, noise_var: f64) -> f64 {
        let Responses { n_responses, off_range, .. } = self.responses;
        let value = covariance.quadratic() + n_responses as f64 * covariance.log_det();
        // Nothing is added where nothing was taken away: at a noise variance of 0 it would be NaN.
        if off_range.directions == 0 && off_range.norm == 0.0 {
            return value;
        }
        value + off_range.energy(n_responses, noise_var)
    }
}

fn squared(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

impl InData for Marginal<'_> {
    const SOLVES_FOR_S: bool = true;

    fn multipliers(&self, scratch: &Self::Scratch) -> Vec<f64> {
        scratch.covariance.multipliers()
    }

    fn solve(&self, _at: Point<'_>, _first: usize, columns: &mut [f64], s: &mut [f64], scratch: &Self::Scratch) {
        scratch.covariance.solve_lower(columns);
        let rows = columns.len() / s.len();
        let each = s.iter_mut().zip(columns.chunks_exact(rows));
        each.for_each(|(s, column)| *s = squared(column));
        scratch.covariance.solve_transposed(columns);
    }
}
