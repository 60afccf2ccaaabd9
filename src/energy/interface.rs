//! What an energy is to those who minimise, differentiate and report it.

use crate::linalg::covariance::FailedPivot;
use crate::problem::Responses;
use crate::problem::validate::{check_matrix, check_response};
use crate::{Error, Result};
use ndarray::{ArrayView1, ArrayView2, Axis};

/// Where an energy is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Point<'a> {
    /// Prior variances, one per column.
    pub prior_var: &'a [f64],
    /// The noise variance.
    pub noise_var: f64,
}

/// An energy in the prior variances and the noise variance. Its derivative in `w_j` is `L s_j - q_j^2`, for `L`
/// responses.
///
/// Scratch is the caller's: made once, it holds what the last evaluation found.
pub trait Energy {
    /// Memory that evaluations need, and their results.
    type Scratch;

    /// Memory for evaluations.
    fn scratch(&self) -> Self::Scratch;

    /// Number of columns.
    fn n_columns(&self) -> usize;

    /// The responses.
    fn responses(&self) -> &Responses<'_>;

    /// Samples of each response, with those directions that were taken away.
    fn n_samples(&self) -> usize;

    /// The energy alone; what [`q_squared`](Self::q_squared) and [`s`](Self::s) give after it has no meaning.
    ///
    /// # Errors
    /// [`FailedPivot`] where the covariance is not numerically positive definite.
    fn value(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot>;

    /// The energy, with `q` and `s`.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    fn evaluate(&self, at: Point<'_>, scratch: &mut Self::Scratch) -> Result<f64, FailedPivot>;

    /// Quality factors of the columns at the point that was evaluated last: `q_j^2 = (x_j^T Sigma^-1 y)^2`, summed over
    /// the responses.
    fn q_squared<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64];

    /// Sparsity factors of the columns at the point that was evaluated last: the derivative of the log-determinant (or
    /// of what stands in its place) in each prior variance, for one response.
    fn s<'s>(&self, scratch: &'s Self::Scratch) -> &'s [f64];

    /// Derivative in the noise variance at the point whose value or evaluation came last.
    fn slope_in_noise(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64;

    /// Derivative in the parameter of the energy, if it has one in which it is differentiated, at the point that was
    /// evaluated last.
    fn slope_in_parameter(&self, _scratch: &Self::Scratch) -> Option<f64> {
        None
    }

    /// The squared norm of what the posterior means leave of the responses, at the point whose value or evaluation came
    /// last: the expected noise of EM, less its share from the posterior variances.
    fn residual(&self, at: Point<'_>, scratch: &Self::Scratch) -> f64;
}

/// An energy and its gradient at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The energy.
    pub value: f64,
    /// Derivative in each prior variance.
    pub grad_prior_var: Vec<f64>,
    /// Derivative in the noise variance.
    pub grad_noise_var: f64,
    /// Derivative in the parameter of the energy, if it has one in which it is differentiated.
    pub grad_parameter: Option<f64>,
}

/// An energy with its gradient, in scratch of its own.
///
/// # Errors
/// [`Error::NotPositiveDefinite`]; [`Error::InvalidParameter`] where the energy or a derivative is beyond the range of
/// float64.
///
/// # Complexity
/// That of the energy, and `O(r^3)` for `r` rows.
pub fn gradient<E: Energy>(energy: &E, at: Point<'_>) -> Result<Evaluation> {
    let mut scratch = energy.scratch();
    let value = energy.evaluate(at, &mut scratch).map_err(|pivot| pivot.at(0))?;
    let factors = energy.s(&scratch).iter().copied().zip(energy.q_squared(&scratch).iter().copied());
    Evaluation::new(energy, at, &scratch, value, factors)
}

impl Evaluation {
    /// From the value at a point that was evaluated, and `s` and `q^2` of each column.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] where the energy or a derivative is beyond the range of float64.
    pub(super) fn new<E: Energy>(
        energy: &E,
        at: Point<'_>,
        scratch: &E::Scratch,
        value: f64,
        factors: impl Iterator<Item = (f64, f64)>,
    ) -> Result<Self> {
        let responses = energy.responses().n_responses as f64;
        let evaluation = Self {
            value,
            grad_prior_var: factors.map(|(s, q_squared)| responses * s - q_squared).collect(),
            grad_noise_var: energy.slope_in_noise(at, scratch),
            grad_parameter: energy.slope_in_parameter(scratch),
        };
        let numbers = evaluation.grad_prior_var.iter().chain([&evaluation.value, &evaluation.grad_noise_var]);
        let infinite = numbers.chain(&evaluation.grad_parameter).copied().find(|v| !v.is_finite());
        match infinite {
            None => Ok(evaluation),
            Some(value) => Err(Error::scales("`X`, `y`, `prior_var` and `noise_var`", value)),
        }
    }
}

/// Checks design, responses (one a column) and the point of an energy.
pub(super) fn check(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, prior_var: &[f64], noise_var: f64) -> Result<()> {
    check_matrix("X", x)?;
    check_response(x.nrows(), y)?;
    if prior_var.len() != x.ncols() {
        return Err(Error::Shape {
            what: "prior_var",
            expected: format!("({},), one value per column of `X`", x.ncols()),
            found: format!("({},)", prior_var.len()),
        });
    }
    if let Some(w) = prior_var.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        return Err(Error::invalid("prior_var", w, "finite and not negative, in every entry"));
    }
    if !(noise_var.is_finite() && noise_var > 0.0) {
        return Err(Error::invalid("noise_var", noise_var, "finite and greater than 0"));
    }
    Ok(())
}

/// As [`check`], of responses that stand one after the other; their number.
pub(super) fn check_stacked(x: ArrayView2<'_, f64>, y: &[f64], prior_var: &[f64], noise_var: f64) -> Result<usize> {
    if x.is_empty() {
        return check_matrix("X", x).map(|()| 0);
    }
    let n_responses = if y.len().is_multiple_of(x.nrows()) { (y.len() / x.nrows()).max(1) } else { 1 };
    let columns: Vec<_> = y.chunks(y.len().div_ceil(n_responses).max(1)).map(ArrayView1::from).collect();
    let columns = ndarray::stack(Axis(1), &columns).unwrap_or_default();
    check(x, columns.view(), prior_var, noise_var)?;
    Ok(n_responses)
}
