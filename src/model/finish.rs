//! From a support in the solver's units to a report in the caller's.

use super::noisy::DEPENDENT;
use super::prepared::{Prepared, Response};
use super::settings::Noise;
use crate::linalg::least_squares::{NestedLeastSquares, independent, least_norm, posterior_covariance, row_norms};
use crate::linalg::{marginal::Marginal, packed::Packed};
use crate::report::{FitReport, Status};
use crate::support::certificate::Certified;
use crate::{Error, Result};
use ndarray::Array2;

/// Noise variance reported for noise-free data, as a share of the mean square of the response: what stands for 0 in the
/// energy.
const NOISE_FLOOR: f64 = 1e-12;

/// What a search found, in the solver's units.
pub(super) enum Found {
    /// A certified solution.
    Certified(Certified),
    /// A support to refit by least squares.
    Support(Vec<usize>),
}

/// Prior variances and noise variance at a minimum of the energy, in the solver's units, with the energy there in the
/// caller's.
pub(super) struct AtMinimum {
    pub w: Vec<f64>,
    pub noise_var: f64,
    pub energy: f64,
    /// The design that the model sees, where it is not the prepared one.
    pub design: Option<Array2<f64>>,
}

/// Assembles a report. `minimum` is given where a descent ended at one; else prior variances follow from the posterior.
pub(super) fn finish(
    prepared: &Prepared,
    response: &Response,
    found: Found,
    minimum: Option<AtMinimum>,
    status: Status,
) -> Result<FitReport> {
    let mut report = empty(prepared, response, status);
    let certified = matches!(found, Found::Certified(_));
    let responses = response.n_responses() as f64;
    let (support, z, residual) = match found {
        Found::Certified(Certified { support, coefficients }) => (support, coefficients, 0.0),
        Found::Support(mut support) => {
            support.sort_unstable();
            let independent = independent(prepared.design.view(), &support, DEPENDENT);
            let columns: Vec<usize> = independent.iter().map(|&i| support[i]).collect();
            let fit = NestedLeastSquares::new(prepared.design.view(), &columns, &response.values);
            let z = if columns.len() < support.len() {
                least_norm(prepared.design.view(), &support, &response.values, DEPENDENT)?
            } else {
                fit.coefficients(support.len())
            };
            let residual = fit.residual[columns.len()].hypot(response.outside);
            // A column that others make superfluous to the last bit is not chosen.
            let keep: Vec<bool> = row_norms(&z, support.len()).into_iter().map(|norm| norm != 0.0).collect();
            let z = z.into_iter().zip(keep.iter().cycle()).filter(|(_, keep)| **keep).map(|(z, _)| z).collect();
            let support: Vec<usize> =
                support.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(j, _)| j).collect();
            (support, z, residual)
        }
    };
    let z = response.rotate_back(&z, support.len());
    let mean_square: Vec<f64> = row_norms(&z, support.len()).into_iter().map(|norm| norm * norm / responses).collect();
    let spare = prepared.freedom.saturating_sub(support.len()).max(1) as f64;
    let floor = NOISE_FLOOR / (prepared.freedom as f64 * responses);
    let noise_var = minimum.as_ref().map_or((residual * residual / (spare * responses)).max(floor), |m| m.noise_var);

    let design = minimum.as_ref().and_then(|m| m.design.as_ref()).unwrap_or(&prepared.design).view();
    let posterior = |prior_var: &[f64]| {
        let dependent = || Error::NotPositiveDefinite { step: 0, pivot: support.len() };
        posterior_covariance(design, &support, prior_var, noise_var).ok_or_else(dependent)
    };
    let on_support: Vec<f64> = match &minimum {
        Some(minimum) => support.iter().map(|&j| minimum.w[j].max(f64::MIN_POSITIVE)).collect(),
        None if certified => mean_square,
        // The second moment of the posterior under a flat prior, which EM would take as its next step.
        None => {
            let flat = posterior(&vec![f64::INFINITY; support.len()]);
            let variance = |i: usize| flat.as_ref().map_or(0.0, |flat| flat[[i, i]]);
            mean_square.iter().enumerate().map(|(i, square)| square + variance(i)).collect()
        }
    };
    let covariance = posterior(&on_support)?;

    let fitted = minimum.is_none();
    let unit = |j: usize| response.norm / prepared.norms[j];
    match &minimum {
        Some(minimum) => {
            for (j, &w) in minimum.w.iter().enumerate() {
                report.prior_var[prepared.columns[j]] = w * unit(j) * unit(j);
            }
            report.energy = minimum.energy;
        }
        None => {
            for (&j, &w) in support.iter().zip(&on_support) {
                report.prior_var[prepared.columns[j]] = w * unit(j) * unit(j);
            }
            report.energy = energy(prepared, response, &support, &on_support, noise_var)?;
        }
    }
    let n_features = prepared.means.len();
    for (l, intercept) in report.intercept.iter_mut().enumerate() {
        for (&j, &z) in support.iter().zip(&z[l * support.len()..]) {
            report.coef[l * n_features + prepared.columns[j]] = z * unit(j);
            *intercept -= z * unit(j) * prepared.means[prepared.columns[j]];
        }
    }
    report.support_cov = covariance.indexed_iter().map(|((a, b), v)| v * unit(support[a]) * unit(support[b])).collect();
    report.support = support.into_iter().map(|j| prepared.columns[j]).collect();
    report.noise_var = noise_var * response.norm * response.norm;
    report.certified = certified;
    let single = [&report.noise_var, &report.energy];
    let values =
        report.coef.iter().chain(&report.intercept).chain(&report.prior_var).chain(&report.support_cov).chain(single);
    let overflow = values.copied().find(|v| !v.is_finite());
    // Squares underflow long before coefficients do, and a variance of 0 would be a lie.
    let is_zero = |j: usize| report.coef.iter().skip(j).step_by(n_features).all(|z| *z == 0.0);
    let vanished = |j: &usize| is_zero(*j) || (fitted && report.prior_var[*j] == 0.0);
    let underflow = (report.noise_var == 0.0 || report.support.iter().any(vanished)).then_some(0.0);
    overflow.or(underflow).map_or(Ok(report), |value| Err(out_of_range(value)))
}

fn out_of_range(value: f64) -> Error {
    let scales = format!("scaled so far apart that a result is {value}");
    Error::invalid("X and y", scales, "rescaled to within 1e100 of each other")
}

/// The report where there is nothing to choose: a response that is constant, or a design that is.
///
/// The energy of a constant response without noise is minus infinity.
pub(super) fn trivial(prepared: &Prepared, response: &Response, noise: Noise) -> Result<FitReport> {
    let square = response.norm * response.norm;
    let freedom = (prepared.freedom * response.n_responses()) as f64;
    let status = match noise {
        Noise::Auto | Noise::Anneal if square == 0.0 => Status::Certified,
        Noise::Learn if square == 0.0 => Status::NoiseCollapsed,
        _ => Status::Converged,
    };
    let mut report = empty(prepared, response, status);
    report.noise_var = if let Noise::Fixed(value) = noise { value } else { square / freedom.max(1.0) };
    report.energy = match (prepared.freedom, square > 0.0) {
        (0, _) => 0.0,
        (_, false) => freedom * report.noise_var.ln(),
        (_, true) => freedom * report.noise_var.ln() + square / report.noise_var,
    };
    if report.noise_var.is_finite() && report.energy < f64::INFINITY { Ok(report) } else { Err(out_of_range(square)) }
}

/// A report of zero coefficients.
fn empty(prepared: &Prepared, response: &Response, status: Status) -> FitReport {
    let n_features = prepared.means.len();
    FitReport {
        coef: vec![0.0; n_features * response.n_responses()],
        intercept: response.means.clone(),
        support: Vec::new(),
        prior_var: vec![0.0; n_features],
        support_cov: Vec::new(),
        noise_var: 0.0,
        energy: f64::NAN,
        energy_path: Vec::new(),
        n_iter: 0,
        n_rounds: 0,
        status,
        certified: status == Status::Certified,
        posterior_mean: None,
        condition_number: None,
    }
}

/// Marginal energy of the centred data in the caller's units.
pub(super) fn energy(
    prepared: &Prepared,
    response: &Response,
    support: &[usize],
    w: &[f64],
    noise_var: f64,
) -> Result<f64> {
    let rows = prepared.design.nrows();
    let chosen = Array2::from_shape_fn((rows, support.len()), |(i, k)| prepared.design[[i, support[k]]]);
    let packed = Packed::new(chosen.view());
    let mut kernel = Marginal::for_responses(&packed, response.values.len().checked_div(rows).unwrap_or(0).max(1));
    kernel
        .evaluate(&packed, &response.values, w, noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
    let log_det = kernel.log_det() + (prepared.freedom - rows) as f64 * noise_var.ln();
    let quadratic = kernel.quadratic() + response.outside.powi(2) / noise_var;
    Ok(quadratic + response.n_responses() as f64 * log_det + unit_energy(prepared, response))
}

/// What the change of units adds to an energy in the solver's: the response was divided by its norm.
pub(super) fn unit_energy(prepared: &Prepared, response: &Response) -> f64 {
    2.0 * (prepared.freedom * response.n_responses()) as f64 * response.norm.ln()
}
