//! The energy of the preconditioned model. Letters: w is `prior_var`, gamma is `noise_var`, p is `power`
//! (docs/notation).

use super::interface::{Energy, Point};
use super::marginal::{Marginal, MarginalScratch};
use crate::linalg::covariance::{Covariance, FailedPivot};
use crate::linalg::packed::Packed;
use crate::linalg::packed_covariance::PackedCovariance;
use crate::linalg::row_space::RowSpace;
use crate::problem::{OffRange, Responses};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2};

/// The marginal energy of `P X` and `P y` with `P = (X X^T + gamma I)^-power`, the same gamma in both places.
///
/// With the singular value decomposition `X = U diag(sigma) V^T`, found once for every gamma, `U^T P X = diag(sigma d) V^T`
/// where `d = (sigma^2 + gamma)^-power`, so the gradient in gamma runs through `P` at the cost of a sum: with `e = -power /
/// (sigma^2 + gamma)`, `a = Sigma^-1 P y`,
///
/// `dL/dgamma = tr Sigma^-1 - ||a||^2 + 2 sum_i e_i (1 + gamma (a_i^2 - (Sigma^-1)_ii))`.
///
/// For one response; `power` is 1 in the paper.
///
/// # References
/// Pratihar and Mukhopadhyay (2025), "Be a Goldfish", eq. 17 with its encoder at the optimum.
#[derive(Debug, Clone)]
pub struct Preconditioned<'a> {
    /// Right singular vectors of the design, one per row.
    basis: Array2<f64>,
    /// Singular values of the design, without those directions that it does not reach.
    singular: Vec<f64>,
    /// The response in the basis of the left singular vectors, over the singular values.
    whitened: Vec<f64>,
    responses: Responses<'a>,
    power: f64,
}

/// Memory of a [`Preconditioned`] energy: the design at the noise variance that was asked for last.
pub struct PreconditionedScratch {
    noise_var: f64,
    columns: Packed,
    response: Vec<f64>,
    marginal: MarginalScratch<PackedCovariance>,
}

impl<'a> Preconditioned<'a> {
    /// Decomposes `x`, shape `(rows, n_features)`.
    ///
    /// # Errors
    /// [`Error::NoDecomposition`]; [`Error::InvalidParameter`] for several responses.
    ///
    /// # Complexity
    /// One singular value decomposition.
    pub fn new(x: ArrayView2<'_, f64>, responses: Responses<'a>, power: f64) -> Result<Self> {
        if responses.n_responses > 1 {
            return Err(Error::invalid("power", power, "None for several responses"));
        }
        let space = RowSpace::by_svd(x)?;
        let (singular, _) = space.spectrum()?;
        let (whitened, off_range) = space.whiten(responses.values);
        let before = responses.off_range;
        let directions = before.directions + x.nrows() - singular.len();
        let responses =
            Responses { off_range: OffRange { directions, norm: off_range.hypot(before.norm) }, ..responses };
        Ok(Self { basis: space.basis, singular, whitened, responses, power })
    }

    /// As [`new`](Self::new), with the power in its range.
    pub(super) fn for_data(x: ArrayView2<'_, f64>, responses: Responses<'a>, power: f64) -> Result<Self> {
        if !power.is_finite() {
            return Err(Error::invalid("power", power, "finite"));
        }
        Self::new(x, responses, power)
    }

    /// Right singular vectors of the design, one per row, and the response in the basis of the left ones, over the
    /// singular values.
    pub(super) fn decomposition(&self) -> (&Array2<f64>, &[f64]) {
        (&self.basis, &self.whitened)
    }

    /// The power of the preconditioner.
    pub fn power(&self) -> f64 {
        self.power
    }

    /// Singular values of the design, falling.
    pub fn singular(&self) -> &[f64] {
        &self.singular
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

    /// Mean square of the part of the response that columns reach, over all samples.
    pub fn mean_square(&self) -> f64 {
        let total: f64 = self.whitened.iter().zip(&self.singular).map(|(v, s)| (v * s).powi(2)).sum();
        total / self.n_samples() as f64
    }

    /// The response off the range, times `P`, over the noise: there P is `gamma^-power` and Sigma is gamma.
    fn off_range(&self, noise_var: f64) -> f64 {
        let norm = self.responses.off_range.norm;
        norm * norm * noise_var.powf(-2.0 * self.power - 1.0)
    }

    /// The plain energy that this one is at the noise variance of `scratch`, and its memory.
    fn plain<'s>(
        scratch: &'s mut PreconditionedScratch,
    ) -> (Marginal<'s, &'s Packed>, &'s mut MarginalScratch<PackedCovariance>) {
        let PreconditionedScratch { columns, response, marginal, .. } = scratch;
        (Marginal { kernel: columns, responses: Responses::new(response, 1) }, marginal)
    }

    fn move_to(&self, noise_var: f64, scratch: &mut PreconditionedScratch) {
        if noise_var != scratch.noise_var {
            let (design, response) = self.at(noise_var);
            (scratch.columns, scratch.response, scratch.noise_var) = (Packed::new(design.view()), response, noise_var);
        }
    }

    fn add_off_range(&self, value: f64, noise_var: f64) -> f64 {
        value + (self.responses.off_range.directions as f64 * noise_var.ln() + self.off_range(noise_var))
    }
}

impl Energy for Preconditioned<'_> {
    type Scratch = PreconditionedScratch;

    fn scratch(&self) -> PreconditionedScratch {
        let (design, response) = self.at(1.0);
        let columns = Packed::new(design.view());
        let marginal = Marginal { kernel: &columns, responses: Responses::new(&response, 1) }.scratch();
        PreconditionedScratch { noise_var: 1.0, columns, response, marginal }
    }

    fn n_columns(&self) -> usize {
        self.basis.ncols()
    }

    fn responses(&self) -> &Responses<'_> {
        &self.responses
    }

    fn n_samples(&self) -> usize {
        self.singular.len() + self.responses.off_range.directions
    }

    fn value(&self, at: Point<'_>, scratch: &mut PreconditionedScratch) -> Result<f64, FailedPivot> {
        self.move_to(at.noise_var, scratch);
        let (plain, memory) = Self::plain(scratch);
        Ok(self.add_off_range(plain.value(at, memory)?, at.noise_var))
    }

    /// A new noise variance costs a copy of the design.
    fn evaluate(&self, at: Point<'_>, scratch: &mut PreconditionedScratch) -> Result<f64, FailedPivot> {
        self.move_to(at.noise_var, scratch);
        let (plain, memory) = Self::plain(scratch);
        Ok(self.add_off_range(plain.evaluate(at, memory)?, at.noise_var))
    }

    fn q_squared<'s>(&self, scratch: &'s PreconditionedScratch) -> &'s [f64] {
        scratch.marginal.q_squared()
    }

    fn s<'s>(&self, scratch: &'s PreconditionedScratch) -> &'s [f64] {
        scratch.marginal.covariance.s()
    }

    fn slope_in_noise(&self, at: Point<'_>, scratch: &PreconditionedScratch) -> f64 {
        let gamma = at.noise_var;
        let directions = self.responses.off_range.directions as f64;
        let mut slope = (directions - (2.0 * self.power + 1.0) * self.off_range(gamma)) / gamma;
        let covariance = &scratch.marginal.covariance;
        let parts = covariance.multipliers().into_iter().zip(covariance.inverse_diagonal());
        for ((a, i), s) in parts.zip(&self.singular) {
            let e = -self.power / (s * s + gamma);
            slope += i - a * a + 2.0 * e * (1.0 + gamma * (a * a - i));
        }
        slope
    }

    fn residual(&self, at: Point<'_>, scratch: &PreconditionedScratch) -> f64 {
        let inside: f64 = scratch.marginal.covariance.multipliers().iter().map(|a| a * a).sum();
        at.noise_var * at.noise_var * inside + self.off_range(at.noise_var) * at.noise_var
    }
}
