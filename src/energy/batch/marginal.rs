//! The marginal energy and that of a diagonal encoder covariance. Letters: w is `prior_var`, gamma is `noise_var`, d and
//! n are the rows and columns of the design, L is the number of responses, A is `multipliers` (docs/notation).

use super::{Energy, Slopes, finite};
use crate::energy::check_columns;
use crate::linalg::{marginal::Marginal, multiply_transposed, packed::Packed};
use crate::{Error, Result};
use ndarray::{ArrayView1, ArrayView2, ArrayViewD, ArrayViewMut2, Axis, Ix1, Ix2, s};

/// [`marginal_energy`](crate::energy::marginal_energy), a function of prior variances, noise variance, design and
/// responses (`n_samples` values, or a matrix with one column a response).
///
/// With `A = Sigma^-1 Y` and `Q = X^T A` the derivative is `L s_j - ||q_j||^2` in `w_j`, `L tr Sigma^-1 - ||A||^2` in
/// gamma, `2 (L Sigma^-1 X - A Q^T) diag(w)` in `X`, and `2 A` in `Y`.
///
/// # Complexity
/// `d^2 n + d^3 / 3` floating-point operations; as many again for the derivative in `w`, and `2 d^2 n` for those in `X`
/// and `w` together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarginalEnergy;

/// [`separable_energy`](crate::energy::separable_energy), a function of the arguments of [`MarginalEnergy`].
///
/// In its derivatives `t_j = gamma + w_j ||x_j||^2` gives `||x_j||^2 / t_j` for `s_j`, `sum_j 1 / t_j + (d - n) /
/// gamma` for the trace, and `X diag(1 / t)` for `Sigma^-1 X`.
///
/// # Complexity
/// `d^2 n + d^3 / 3` floating-point operations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeparableEnergy;

impl Energy<4> for MarginalEnergy {
    fn evaluate(&self, arguments: [ArrayViewD<'_, f64>; 4], slopes: Slopes<'_, 4>) -> Result<f64> {
        checked(arguments, slopes, true)
    }
}

impl Energy<4> for SeparableEnergy {
    fn evaluate(&self, arguments: [ArrayViewD<'_, f64>; 4], slopes: Slopes<'_, 4>) -> Result<f64> {
        checked(arguments, slopes, false)
    }
}

fn checked(arguments: [ArrayViewD<'_, f64>; 4], mut slopes: Slopes<'_, 4>, full: bool) -> Result<f64> {
    let [prior_var, noise_var, x, y] = arguments;
    let problem = Problem::new(&prior_var, &noise_var, &x, &y)?;
    let value = evaluate(&problem, full, slopes.each_mut().map(|slope| slope.as_deref_mut()))?.0;
    finite(value, &slopes)
}

/// The arguments of one problem, checked.
pub(super) struct Problem<'a> {
    pub prior_var: Vec<f64>,
    pub noise_var: f64,
    pub x: ArrayView2<'a, f64>,
    /// Response after response.
    pub y: Vec<f64>,
    pub responses: usize,
}

impl<'a> Problem<'a> {
    pub fn new(
        prior_var: &ArrayViewD<'_, f64>,
        noise_var: &ArrayViewD<'_, f64>,
        x: &ArrayViewD<'a, f64>,
        y: &ArrayViewD<'_, f64>,
    ) -> Result<Self> {
        let x = x.clone().into_dimensionality::<Ix2>().map_err(|_| shape("X", "(n_samples, n_features)", x))?;
        let columns = if y.ndim() == 1 { y.clone().insert_axis(Axis(1)) } else { y.clone() };
        let wanted = "(n_samples,) or (n_samples, n_responses)";
        let y = columns.into_dimensionality::<Ix2>().map_err(|_| shape("y", wanted, y))?;
        let problem = Self {
            prior_var: vector("prior_var", "(n_features,)", prior_var)?.to_vec(),
            noise_var: number("noise_var", noise_var)?,
            x,
            y: y.t().iter().copied().collect(),
            responses: y.ncols(),
        };
        check_columns(x, y, &problem.prior_var, problem.noise_var)?;
        Ok(problem)
    }
}

pub(super) fn shape(what: &'static str, expected: &str, found: &ArrayViewD<'_, f64>) -> Error {
    Error::Shape { what, expected: expected.to_owned(), found: format!("{:?}", found.shape()) }
}

pub(super) fn vector<'a>(
    what: &'static str,
    expected: &str,
    values: &ArrayViewD<'a, f64>,
) -> Result<ArrayView1<'a, f64>> {
    values.clone().into_dimensionality::<Ix1>().map_err(|_| shape(what, expected, values))
}

pub(super) fn number(what: &'static str, value: &ArrayViewD<'_, f64>) -> Result<f64> {
    match value.first() {
        Some(number) if value.ndim() == 0 => Ok(*number),
        _ => Err(shape(what, "() for each problem", value)),
    }
}

/// Columns of the design that are solved for together: they stay in the second-level cache.
const BLOCK: usize = 128;

/// The energy of a full or a diagonal encoder covariance, with its derivatives; the factor of the covariance, and the
/// multipliers where a derivative needed them.
pub(super) fn evaluate(
    problem: &Problem<'_>,
    full: bool,
    [to_prior_var, to_noise_var, to_x, to_y]: Slopes<'_, 4>,
) -> Result<(f64, Marginal, Vec<f64>)> {
    let Problem { prior_var, noise_var, x, y, .. } = problem;
    let (d, responses) = (x.nrows(), problem.responses as f64);
    let packed = Packed::new(*x);
    let mut marginal = Marginal::for_responses(&packed, problem.responses);
    // The kernel's s and q, unless a pass for the derivative in the design makes them on its way.
    let by_kernel = full && to_prior_var.is_some() && to_x.is_none();
    let solve = if by_kernel { Marginal::evaluate } else { Marginal::factorise };
    solve(&mut marginal, &packed, y, prior_var, *noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
    let separate = if full { None } else { Some(Separate::new(problem, &packed.squares())) };
    let log_det = separate.as_ref().map_or_else(|| marginal.log_det(), |separate| separate.log_det);
    let value = marginal.quadratic() + responses * log_det;

    let inner = to_x.is_some() || (to_prior_var.is_some() && !by_kernel);
    let needed = inner || to_noise_var.is_some() || to_y.is_some();
    let multipliers = if needed { marginal.multipliers() } else { Vec::new() };
    if let Some(to) = to_y {
        let columns = multipliers.chunks_exact(d).enumerate();
        columns.for_each(|(l, a)| (0..d).for_each(|i| to[i * problem.responses + l] = 2.0 * a[i]));
    }
    if let Some(to) = to_noise_var {
        let trace = separate.as_ref().map_or_else(|| marginal.inverse_trace(), |separate| separate.trace);
        to[0] = responses * trace - multipliers.iter().map(|a| a * a).sum::<f64>();
    }
    if by_kernel {
        if let Some(to) = to_prior_var {
            to.iter_mut().zip(marginal.s()).for_each(|(to, s)| *to = responses * s);
            marginal.each_q().for_each(|q| subtract_squares(to, q));
        }
    } else if inner {
        let mut q = vec![0.0; problem.responses * x.ncols()];
        multiply_transposed(*x, &multipliers, &mut q);
        let mut s = separate.as_ref().map_or_else(|| vec![0.0; x.ncols()], |separate| separate.s.clone());
        if let Some(to) = to_x {
            let inverse = separate.as_ref().map(|separate| separate.inverse.as_slice());
            slope_in_design(problem, &marginal, inverse, (&multipliers, &q), &mut s, to);
        }
        if let Some(to) = to_prior_var {
            to.iter_mut().zip(&s).for_each(|(to, s)| *to = responses * s);
            q.chunks_exact(x.ncols()).for_each(|q| subtract_squares(to, q));
        }
    }
    Ok((value, marginal, multipliers))
}

fn subtract_squares(from: &mut [f64], q: &[f64]) {
    from.iter_mut().zip(q).for_each(|(from, q)| *from -= q * q);
}

/// What the diagonal covariance has in the place of determinant, trace, `s` and `Sigma^-1 X`.
struct Separate {
    log_det: f64,
    trace: f64,
    s: Vec<f64>,
    inverse: Vec<f64>,
}

impl Separate {
    fn new(problem: &Problem<'_>, squares: &[f64]) -> Self {
        let gamma = problem.noise_var;
        let spread: Vec<f64> = problem.prior_var.iter().zip(squares).map(|(w, square)| gamma + w * square).collect();
        let unreached = problem.x.nrows() as f64 - problem.x.ncols() as f64;
        Self {
            log_det: spread.iter().map(|t| t.ln()).sum::<f64>() + unreached * gamma.ln(),
            trace: spread.iter().map(|t| 1.0 / t).sum::<f64>() + unreached / gamma,
            s: spread.iter().zip(squares).map(|(t, square)| square / t).collect(),
            inverse: spread.iter().map(|t| 1.0 / t).collect(),
        }
    }
}

/// `to <- 2 (L Sigma^-1 X - A Q^T) diag(w)`, and `s`; with `inverse`, `X diag(inverse)` for `Sigma^-1 X`, and `s` is
/// left alone.
fn slope_in_design(
    problem: &Problem<'_>,
    marginal: &Marginal,
    inverse: Option<&[f64]>,
    (multipliers, q): (&[f64], &[f64]),
    s: &mut [f64],
    to: &mut [f64],
) {
    let ((d, n), responses) = (problem.x.dim(), problem.responses as f64);
    let Ok(mut to) = ArrayViewMut2::from_shape((d, n), to) else { return };
    let mut scratch = vec![0.0; BLOCK.min(n) * d];
    for first in (0..n).step_by(BLOCK) {
        let last = (first + BLOCK).min(n);
        let columns = &mut scratch[..(last - first) * d];
        if let Ok(mut columns) = ArrayViewMut2::from_shape((last - first, d), columns) {
            columns.assign(&problem.x.slice(s![.., first..last]).t());
        }
        if inverse.is_none() {
            marginal.solve_lower(columns);
            let each = s[first..last].iter_mut().zip(columns.chunks_exact(d));
            each.for_each(|(s, column)| *s = column.iter().map(|v| v * v).sum());
            marginal.solve_transposed(columns);
        }
        for (j, column) in (first..).zip(columns.chunks_exact_mut(d)) {
            let scale = responses * inverse.map_or(1.0, |inverse| inverse[j]);
            column.iter_mut().for_each(|v| *v *= scale);
            for (a, q) in multipliers.chunks_exact(d).zip(q.chunks_exact(n)) {
                column.iter_mut().zip(a).for_each(|(v, a)| *v -= a * q[j]);
            }
            let scale = 2.0 * problem.prior_var[j];
            column.iter_mut().for_each(|v| *v *= scale);
        }
        if let Ok(columns) = ArrayView2::from_shape((last - first, d), columns) {
            to.slice_mut(s![.., first..last]).assign(&columns.t());
        }
    }
}
