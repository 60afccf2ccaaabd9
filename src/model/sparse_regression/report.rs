//! From a support in the solver's units to a report in the caller's.

use super::noise_free::Solved;
use super::settings::Noise;
use super::tolerances::{DEPENDENT, NOISE_FREE_FLOOR};
use crate::energy::Responses;
use crate::linalg::least_squares::{NestedLeastSquares, independent, least_norm, posterior_covariance, row_norms};
use crate::posterior::Chosen;
use crate::problem::{Problem, Refit, Response};
use crate::report::{FitReport, Status};
use crate::solver::EncoderCovariance;
use crate::{Error, Result};
use ndarray::{Array1, Array2, Axis, concatenate};

/// What a search found, in the solver's units.
pub(super) enum Found {
    /// A certified solution.
    Certified(Solved),
    /// A support to refit by least squares.
    Support(Vec<usize>),
    /// A support with its coefficients and noise variance.
    Chosen(Chosen),
}

/// Prior variances and noise variance at a minimum of the energy, in the solver's units, with the energy there in the
/// caller's.
pub(super) struct AtMinimum {
    pub w: Vec<f64>,
    pub noise_var: f64,
    pub energy: f64,
    /// The design that the model sees, where it is not the problem one.
    pub design: Option<Array2<f64>>,
}

/// A support with its coefficients, response (or principal axis) after response, and what they leave.
struct Fitted {
    support: Vec<usize>,
    z: Vec<f64>,
    residual: f64,
}

/// Assembles a report. `minimum` is given where a descent ended at one; else prior variances follow from the posterior.
pub(super) fn assemble(
    problem: &Problem<'_>,
    response: &Response,
    found: Found,
    minimum: Option<AtMinimum>,
    encoder: EncoderCovariance,
    status: Status,
) -> Result<FitReport> {
    let mut report = empty(problem, response, status);
    report.certified = matches!(found, Found::Certified(_));
    let mut known_noise = minimum.as_ref().map(|minimum| minimum.noise_var);
    let (Fitted { support, z, residual }, exact) = match found {
        Found::Certified(Solved { solution, refit, .. }) => {
            (Fitted { support: solution.support, z: solution.coefficients, residual: 0.0 }, Some(refit))
        }
        Found::Support(support) => (refit(problem, response, support)?, None),
        Found::Chosen(Chosen { support, coefficients, noise_var }) => {
            known_noise = Some(noise_var);
            (Fitted { support, z: coefficients, residual: 0.0 }, None)
        }
    };

    // The noise variance: of the minimum or the average, else of the residual.
    let responses = response.n_responses() as f64;
    let spare = problem.freedom.saturating_sub(support.len()).max(1) as f64;
    let floor = NOISE_FREE_FLOOR / (problem.freedom as f64 * responses);
    let of_residual = residual * residual / (spare * responses);
    let noise_var = known_noise.unwrap_or(of_residual.max(floor));

    // Prior variances and the posterior covariance on the support.
    let columns = match minimum.as_ref().and_then(|m| m.design.as_ref()) {
        Some(design) => design.select(Axis(1), &support),
        None => problem.design.gather(&support),
    };
    let posterior = |prior_var: &[f64]| {
        let dependent = || Error::NotPositiveDefinite { step: 0, pivot: support.len() };
        posterior_covariance(columns.view(), prior_var, noise_var).ok_or_else(dependent)
    };
    let rotated = response.rotate_back(&z, support.len());
    let second_moments: Vec<f64> =
        row_norms(&rotated, support.len()).into_iter().map(|norm| norm * norm / response.n_given() as f64).collect();
    let on_support: Vec<f64> = match &minimum {
        // What the search of the support added has no prior variance there: its second moment stands in.
        Some(minimum) => {
            let moments = shared(problem, &support, second_moments);
            let own =
                support.iter().zip(moments).map(|(&j, moment)| if minimum.w[j] > 0.0 { minimum.w[j] } else { moment });
            own.map(|w| w.max(f64::MIN_POSITIVE)).collect()
        }
        None if report.certified => shared(problem, &support, second_moments),
        // The second moment of the posterior under a flat prior, which EM would take as its next step.
        None => {
            // Of dependent columns it is infinite, and rounding makes anything of that.
            let are_independent = independent(columns.view(), DEPENDENT).len() == support.len();
            let flat = are_independent.then(|| posterior(&vec![f64::INFINITY; support.len()]).ok()).flatten();
            let variance = |i: usize| flat.as_ref().map_or(0.0, |flat| flat[[i, i]]);
            let moments = second_moments.iter().enumerate().map(|(i, square)| square + variance(i)).collect();
            shared(problem, &support, moments)
        }
    };
    let covariance = posterior(&on_support)?;

    // To the caller's units.
    let (fitted, is_preconditioned) =
        (minimum.is_none(), minimum.as_ref().is_some_and(|minimum| minimum.design.is_some()));
    (report.prior_var, report.energy) = match minimum {
        Some(minimum) => (problem.prior_var_to_caller(minimum.w.into_iter().enumerate(), response), minimum.energy),
        None => {
            let (chosen, w) = whole_groups(problem, &support, on_support);
            let energy = energy(problem, response, encoder, &chosen, &w, noise_var);
            (problem.prior_var_to_caller(chosen.into_iter().zip(w), response), energy)
        }
    };
    (report.coef, report.intercept) = match exact {
        Some(Refit { coefficients, intercept, .. }) => {
            (problem.to_features(&support, &coefficients, response.n_given()), intercept)
        }
        None => problem.coef_to_caller(&support, &z, response),
    };
    let unit = |i: usize| problem.unit(response, support[i]);
    report.support_cov = covariance.indexed_iter().map(|((a, b), v)| v * unit(a) * unit(b)).collect();
    report.support = support.iter().map(|&j| problem.columns[j]).collect();
    report.support_mean = report.support.iter().map(|&j| problem.means[j]).collect();
    for (i, &j) in report.support.iter().enumerate() {
        report.coef_var[j] = report.support_cov[i * support.len() + i];
    }
    let square = response.norm * response.norm;
    report.noise_var = noise_var * square;
    report.response_noise_var = if is_preconditioned { of_residual.max(floor) * square } else { report.noise_var };
    check_range(report, fitted)
}

/// Least squares on a support, without columns that others make superfluous to the last bit.
fn refit(problem: &Problem<'_>, response: &Response, mut support: Vec<usize>) -> Result<Fitted> {
    support.sort_unstable();
    let columns = problem.design.gather(&support);
    let kept = independent(columns.view(), DEPENDENT);
    let fit = NestedLeastSquares::new(columns.select(Axis(1), &kept).view(), &response.values);
    let z = if kept.len() < support.len() {
        least_norm(columns.view(), &response.values, DEPENDENT)?
    } else {
        fit.coefficients(support.len())
    };
    let residual = fit.residual[kept.len()].hypot(response.off_range.norm);
    let keep: Vec<bool> = row_norms(&z, support.len()).into_iter().map(|norm| norm != 0.0).collect();
    let z = z.into_iter().zip(keep.iter().cycle()).filter(|(_, keep)| **keep).map(|(z, _)| z).collect();
    let support = support.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(j, _)| j).collect();
    Ok(Fitted { support, z, residual })
}

/// Refuses results beyond the range of float64.
fn check_range(report: FitReport, fitted: bool) -> Result<FitReport> {
    let single = [&report.noise_var, &report.energy];
    let values =
        report.coef.iter().chain(&report.intercept).chain(&report.prior_var).chain(&report.support_cov).chain(single);
    let overflow = values.copied().find(|v| !v.is_finite());
    // Squares underflow long before coefficients do, and a variance of 0 would be a lie.
    let n_features = report.prior_var.len();
    let is_zero = |j: usize| report.coef.iter().skip(j).step_by(n_features).all(|z| *z == 0.0);
    let vanished = |j: &usize| is_zero(*j) || (fitted && report.prior_var[*j] == 0.0);
    let underflow = (report.noise_var == 0.0 || report.support.iter().any(vanished)).then_some(0.0);
    overflow.or(underflow).map_or(Ok(report), |value| Err(out_of_range(value)))
}

/// Prior variances of a support, where columns of a group share the mean over the group.
fn shared(problem: &Problem<'_>, support: &[usize], own: Vec<f64>) -> Vec<f64> {
    if problem.groups.is_empty() {
        return own;
    }
    let mut groups = vec![(0.0, 0.0); problem.n_choices()];
    problem.groups.iter().for_each(|&g| groups[g].1 += 1.0);
    support.iter().zip(own).for_each(|(&j, w)| groups[problem.groups[j]].0 += w);
    support.iter().map(|&j| groups[problem.groups[j]].0 / groups[problem.groups[j]].1).collect()
}

/// The columns of a support, or of the groups that it touches, with their prior variances.
fn whole_groups(problem: &Problem<'_>, support: &[usize], on_support: Vec<f64>) -> (Vec<usize>, Vec<f64>) {
    if problem.groups.is_empty() {
        return (support.to_vec(), on_support);
    }
    let mut of_group = vec![0.0; problem.n_choices()];
    support.iter().zip(on_support).for_each(|(&j, w)| of_group[problem.groups[j]] = w);
    let columns = problem.groups.iter().enumerate();
    columns.map(|(j, &g)| (j, of_group[g])).filter(|(_, w)| *w > 0.0).unzip()
}

fn out_of_range(value: f64) -> Error {
    Error::Scales { what: "`X`, `y` and a given `noise_var`", result: "a result", value }
}

/// The report where there is nothing to choose: a response that is constant, or a design that is.
///
/// The energy of a constant response without noise is minus infinity.
pub(super) fn trivial(problem: &Problem<'_>, response: &Response, noise: Noise) -> Result<FitReport> {
    let square = response.norm * response.norm;
    let freedom = (problem.freedom * response.n_responses()) as f64;
    let status = match noise {
        Noise::Auto | Noise::Anneal if square == 0.0 => Status::Certified,
        Noise::Learn if square == 0.0 => Status::NoiseCollapsed,
        _ => Status::Converged,
    };
    let mut report = empty(problem, response, status);
    report.noise_var = if let Noise::Fixed(value) = noise { value } else { square / freedom.max(1.0) };
    report.response_noise_var = report.noise_var;
    report.energy = match (problem.freedom, square > 0.0) {
        (0, _) => 0.0,
        (_, false) => freedom * report.noise_var.ln(),
        (_, true) => freedom * report.noise_var.ln() + square / report.noise_var,
    };
    if report.noise_var.is_finite() && report.energy < f64::INFINITY { Ok(report) } else { Err(out_of_range(square)) }
}

/// A report of zero coefficients.
fn empty(problem: &Problem<'_>, response: &Response, status: Status) -> FitReport {
    let n_features = problem.means.len();
    FitReport {
        coef: vec![0.0; n_features * response.n_given()],
        intercept: response.means.clone(),
        support: Vec::new(),
        prior_var: vec![0.0; n_features],
        support_cov: Vec::new(),
        coef_var: vec![0.0; n_features],
        support_mean: Vec::new(),
        noise_var: 0.0,
        response_noise_var: 0.0,
        energy: f64::NAN,
        energy_path: Vec::new(),
        n_iter: 0,
        n_rounds: 0,
        n_passes: 0,
        status,
        certified: status == Status::Certified,
        posterior_mean: None,
        trained: None,
        posterior: None,
        condition_number: None,
    }
}

/// Energy of the centred data in the caller's units, at the prior variances `w` of the columns `chosen` and 0
/// elsewhere.
///
/// By `Y^T Sigma^-1 Y = min_Z ||Y - X Z||^2 / gamma + ||diag(w)^-1/2 Z||^2`, least squares with `k` more rows, whose
/// triangle also has `log |Sigma| = log |X^T X + gamma diag(w)^-1| + log |diag(w)| + (d - k) log gamma`: a covariance is
/// rounded to one that is not positive definite where columns are dependent and the noise is rounding.
fn energy(
    problem: &Problem<'_>,
    response: &Response,
    encoder: EncoderCovariance,
    chosen: &[usize],
    w: &[f64],
    noise_var: f64,
) -> f64 {
    let columns = problem.design.gather(chosen);
    let Responses { values, n_responses, off_range } = response.responses();
    let (rows, k) = columns.dim();
    let ridge: Array1<f64> = w.iter().map(|w| (noise_var / w.max(f64::MIN_POSITIVE)).sqrt()).collect();
    let stacked = concatenate![Axis(0), columns, Array2::from_diag(&ridge)];
    let padded: Vec<f64> =
        values.chunks_exact(rows.max(1)).flat_map(|y| y.iter().copied().chain(std::iter::repeat_n(0.0, k))).collect();
    let fit = NestedLeastSquares::new(stacked.view(), &padded);
    let log_det = match encoder {
        EncoderCovariance::Full => 2.0 * fit.log_volume() + w.iter().map(|w| w.ln()).sum::<f64>(),
        EncoderCovariance::Diagonal => {
            columns.columns().into_iter().zip(w).map(|(x, w)| (noise_var + w * x.dot(&x)).ln()).sum()
        }
    };
    let spare = (rows + off_range.directions) as f64 - k as f64;
    let misfit = fit.residual[k].hypot(off_range.norm);
    misfit * misfit / noise_var
        + n_responses as f64 * (log_det + spare * noise_var.ln())
        + problem.energy_shift(response)
}
