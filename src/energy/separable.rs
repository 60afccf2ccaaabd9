//! The energy of a diagonal encoder covariance. Letters: w is `prior_var`, gamma is `noise_var`, d and n are the rows
//! and columns of the design, L is the number of responses (docs/notation).

use super::in_data::InData;
use super::interface::{Energy, Point};
use super::marginal::{Marginal, MarginalScratch};
use crate::Result;
use crate::linalg::covariance::{Covariance, FailedPivot, Kernel};
use crate::linalg::packed::Packed;
use crate::problem::Responses;
use ndarray::ArrayView2;

/// `tr[Y Y^T Sigma_x^-1] + L sum_j log(gamma + w_j ||x_j||^2) + L (d - n) log gamma`.
///
/// An upper bound of the [`Marginal`] energy (Hadamard), equal to it where the columns are orthogonal, without its
/// smoothing of minima; the last term, which the paper leaves out, is what makes it one. With `t_j = gamma + w_j
/// ||x_j||^2` the sparsity factor is `||x_j||^2 / t_j`, and the trace in the derivative in gamma `sum_j 1 / t_j + (d - n)
/// / gamma`.
///
/// # References
/// Wipf (2023), "Marginalization is not Marginal", eq. 50.
#[derive(Debug, Clone)]
pub struct Separable<'a, K: Kernel = Packed> {
    marginal: Marginal<'a, K>,
    squares: Vec<f64>,
}

/// Memory of a [`Separable`] energy.
pub struct SeparableScratch<C> {
    marginal: MarginalScratch<C>,
    s: Vec<f64>,
}

impl<'a> Separable<'a> {
    /// The energy of a design that is not packed yet; it has no parameter.
    pub(super) fn for_data(x: ArrayView2<'_, f64>, responses: Responses<'a>, parameter: f64) -> Result<Self> {
        Ok(Self::new(Marginal::for_data(x, responses, parameter)?))
    }
}

impl<'a, K: Kernel> Separable<'a, K> {
    /// The energy of these columns and responses.
    pub fn new(marginal: Marginal<'a, K>) -> Self {
        let squares = marginal.kernel.squares();
        Self { marginal, squares }
    }

    /// Variance along the direction of a column from its prior variance and the noise, `t_j`.
    fn spread(&self, at: Point<'_>) -> impl Iterator<Item = f64> {
        at.prior_var.iter().zip(&self.squares).map(move |(w, square)| at.noise_var + w * square)
    }

    /// Directions beyond one for each column: of all samples, `d - n`.
    fn spare(&self) -> f64 {
        self.marginal.n_samples() as f64 - self.squares.len() as f64
    }

    /// From the covariance to the energy.
    fn value_at(&self, at: Point<'_>, covariance: &K::Covariance) -> f64 {
        let Responses { n_responses, off_range, .. } = self.marginal.responses;
        let log_det = self.spread(at).map(f64::ln).sum::<f64>() + self.spare() * at.noise_var.ln();
        covariance.quadratic() + off_range.norm * off_range.norm / at.noise_var + n_responses as f64 * log_det
    }
}

impl<K: Kernel> Energy for Separable<'_, K> {
    type Scratch = SeparableScratch<K::Covariance>;

    fn scratch(&self) -> Self::Scratch {
        SeparableScratch { marginal: self.marginal.scratch(), s: vec![0.0; self.squares.len()] }
    }

    fn n_columns(&self) -> usize {
        self.squares.len()
    }

    fn responses(&self) -> &Responses<'_> {
        &self.marginal.responses
    }

    fn n_samples(&self) -> usize {
        self.marginal.n_samples()
    }

    fn value(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot> {
        self.marginal.value(at, &mut scratch.marginal)?;
        Ok(self.value_at(at, &scratch.marginal.covariance))
    }

    fn evaluate(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot> {
        self.marginal.evaluate(at, &mut scratch.marginal)?;
        scratch.s.iter_mut().zip(self.squares.iter().zip(self.spread(at))).for_each(|(s, (square, t))| *s = square / t);
        Ok(self.value_at(at, &scratch.marginal.covariance))
    }

    fn q_squared<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64] {
        self.marginal.q_squared(&scratch.marginal)
    }

    fn s<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64] {
        &scratch.s
    }

    fn slope_in_noise(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64 {
        let Responses { n_responses, .. } = self.marginal.responses;
        let trace = self.spread(at).map(f64::recip).sum::<f64>() + self.spare() / at.noise_var;
        n_responses as f64 * trace - self.residual(at, scratch) / (at.noise_var * at.noise_var)
    }

    fn residual(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64 {
        self.marginal.residual(at, &scratch.marginal)
    }
}

/// `X diag(1 / t)` stands for `Sigma^-1 X`.
impl InData for Separable<'_> {
    const SOLVES_FOR_S: bool = false;

    fn multipliers(&self, scratch: &Self::Scratch) -> Vec<f64> {
        self.marginal.multipliers(&scratch.marginal)
    }

    fn solve(&self, at: Point<'_>, first: usize, columns: &mut [f64], s: &mut [f64], _scratch: &Self::Scratch) {
        let rows = columns.len() / s.len();
        for ((column, s), t) in columns.chunks_exact_mut(rows).zip(s).zip(self.spread(at).skip(first)) {
            *s = column.iter().map(|v| v * v).sum::<f64>() / t;
            column.iter_mut().for_each(|v| *v /= t);
        }
    }
}
