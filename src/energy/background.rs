//! The energy of a sparse model with a dense background of small coefficients. Letters: w is `prior_var`, tau is
//! `background_var`, gamma is `noise_var` (docs/notation).

use super::in_data::InData;
use super::interface::{Energy, Point};
use super::marginal::{Marginal, MarginalScratch};
use crate::linalg::covariance::{FailedPivot, Kernel};
use crate::linalg::packed::Packed;
use crate::problem::Responses;
use crate::{Error, Result};
use ndarray::ArrayView2;

/// The [`Marginal`] energy with `Sigma = X (diag(w) + tau I) X^T + gamma I`: every coefficient has a variance tau beside
/// its own. Its derivative in tau is the sum of those in all `w_j`.
///
/// Without noise, EM while tau falls is the annealing of a design whitened by `(X X^T)^-1/2`, with no decomposition.
#[derive(Debug, Clone, Copy)]
pub struct Background<'a, K: Kernel = Packed> {
    marginal: Marginal<'a, K>,
    background_var: f64,
}

/// Memory of a [`Background`] energy.
pub struct BackgroundScratch<C> {
    marginal: MarginalScratch<C>,
    total: Vec<f64>,
}

impl<'a, K: Kernel> Background<'a, K> {
    /// The energy of these columns and responses.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a variance that is negative or not finite.
    pub fn new(marginal: Marginal<'a, K>, background_var: f64) -> Result<Self> {
        if !(background_var.is_finite() && background_var >= 0.0) {
            return Err(Error::invalid("background_var", background_var, "finite and not negative"));
        }
        Ok(Self { marginal, background_var })
    }
}

impl<'a> Background<'a> {
    /// The energy of a design that is not packed yet.
    pub(super) fn for_data(x: ArrayView2<'_, f64>, responses: Responses<'a>, background_var: f64) -> Result<Self> {
        Self::new(Marginal::for_data(x, responses, f64::NAN)?, background_var)
    }
}

impl<K: Kernel> Background<'_, K> {
    /// The point of the marginal energy.
    fn shifted<'s>(&self, at: Point<'_>, total: &'s mut [f64]) -> Point<'s> {
        total.iter_mut().zip(at.prior_var).for_each(|(total, w)| *total = w + self.background_var);
        Point { prior_var: total, ..at }
    }
}

impl<K: Kernel> Energy for Background<'_, K> {
    type Scratch = BackgroundScratch<K::Covariance>;

    fn scratch(&self) -> Self::Scratch {
        BackgroundScratch { marginal: self.marginal.scratch(), total: vec![0.0; self.n_columns()] }
    }

    fn n_columns(&self) -> usize {
        self.marginal.n_columns()
    }

    fn responses(&self) -> &Responses<'_> {
        &self.marginal.responses
    }

    fn n_samples(&self) -> usize {
        self.marginal.n_samples()
    }

    fn value(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot> {
        self.marginal.value(self.shifted(at, &mut scratch.total), &mut scratch.marginal)
    }

    fn evaluate(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot> {
        self.marginal.evaluate(self.shifted(at, &mut scratch.total), &mut scratch.marginal)
    }

    fn q_squared<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64] {
        self.marginal.q_squared(&scratch.marginal)
    }

    fn s<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64] {
        self.marginal.s(&scratch.marginal)
    }

    fn slope_in_noise(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64 {
        self.marginal.slope_in_noise(at, &scratch.marginal)
    }

    fn slope_in_parameter(&self, scratch: &Self::Scratch) -> Option<f64> {
        let responses = self.marginal.responses.n_responses as f64;
        Some(self.s(scratch).iter().zip(self.q_squared(scratch)).map(|(s, q)| responses * s - q).sum())
    }

    fn residual(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64 {
        self.marginal.residual(at, &scratch.marginal)
    }
}

impl InData for Background<'_> {
    const SOLVES_FOR_S: bool = true;

    fn multipliers(&self, scratch: &Self::Scratch) -> Vec<f64> {
        self.marginal.multipliers(&scratch.marginal)
    }

    fn variance(&self, at: Point<'_>, j: usize) -> f64 {
        at.prior_var[j] + self.background_var
    }

    fn solve(&self, at: Point<'_>, first: usize, columns: &mut [f64], s: &mut [f64], scratch: &Self::Scratch) {
        self.marginal.solve(at, first, columns, s, &scratch.marginal);
    }
}
