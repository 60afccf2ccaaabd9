//! From a support in the solver's units to a report in the caller's.

use super::descend::minimise::Plain;
use super::noisy::DEPENDENT;
use super::prepared::{Prepared, Response};
use super::settings::Noise;
use crate::linalg::least_squares::{NestedLeastSquares, independent, least_norm, posterior_covariance, row_norms};
use crate::report::{FitReport, Status};
use crate::solver::{Covariance, Structure};
use crate::support::certificate::Certified;
use crate::{Error, Result};
use ndarray::{Array2, Axis};

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
    encoder: Covariance,
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
        // What the search of the support added has no prior variance there: its second moment stands in.
        Some(minimum) => {
            let moments = shared(prepared, &support, mean_square);
            let own =
                support.iter().zip(moments).map(|(&j, moment)| if minimum.w[j] > 0.0 { minimum.w[j] } else { moment });
            own.map(|w| w.max(f64::MIN_POSITIVE)).collect()
        }
        None if certified => shared(prepared, &support, mean_square),
        // The second moment of the posterior under a flat prior, which EM would take as its next step.
        None => {
            let flat = posterior(&vec![f64::INFINITY; support.len()]);
            let variance = |i: usize| flat.as_ref().map_or(0.0, |flat| flat[[i, i]]);
            let moments = mean_square.iter().enumerate().map(|(i, square)| square + variance(i)).collect();
            shared(prepared, &support, moments)
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
            let (chosen, w) = whole_groups(prepared, &support, on_support);
            for (&j, &w) in chosen.iter().zip(&w) {
                report.prior_var[prepared.columns[j]] = w * unit(j) * unit(j);
            }
            report.energy = energy(prepared, response, encoder, &chosen, w, noise_var)?;
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

/// Prior variances of a support, where columns of a group share the mean over the group.
fn shared(prepared: &Prepared, support: &[usize], own: Vec<f64>) -> Vec<f64> {
    if prepared.groups.is_empty() {
        return own;
    }
    let mut groups = vec![(0.0, 0.0); prepared.n_choices()];
    prepared.groups.iter().for_each(|&g| groups[g].1 += 1.0);
    support.iter().zip(own).for_each(|(&j, w)| groups[prepared.groups[j]].0 += w);
    support.iter().map(|&j| groups[prepared.groups[j]].0 / groups[prepared.groups[j]].1).collect()
}

/// The columns of a support, or of the groups that it touches, with their prior variances.
fn whole_groups(prepared: &Prepared, support: &[usize], on_support: Vec<f64>) -> (Vec<usize>, Vec<f64>) {
    if prepared.groups.is_empty() {
        return (support.to_vec(), on_support);
    }
    let mut of_group = vec![0.0; prepared.n_choices()];
    support.iter().zip(on_support).for_each(|(&j, w)| of_group[prepared.groups[j]] = w);
    let columns = prepared.groups.iter().enumerate();
    columns.map(|(j, &g)| (j, of_group[g])).filter(|(_, w)| *w > 0.0).unzip()
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

/// Energy of the centred data in the caller's units, at the prior variances `w` of the columns `chosen` and 0
/// elsewhere.
fn energy(
    prepared: &Prepared,
    response: &Response,
    covariance: Covariance,
    chosen: &[usize],
    w: Vec<f64>,
    noise_var: f64,
) -> Result<f64> {
    let design = prepared.design.select(Axis(1), chosen);
    let structure = Structure { n_responses: response.n_responses(), covariance, groups: &[] };
    let (values, outside, freedom) = (&response.values, response.outside, prepared.freedom);
    let plain = Plain { design: design.view(), response: values, outside, freedom, structure };
    Ok(plain.energy(&w, noise_var)? + unit_energy(prepared, response))
}

/// What the change of units adds to an energy in the solver's: the response was divided by its norm.
pub(super) fn unit_energy(prepared: &Prepared, response: &Response) -> f64 {
    2.0 * (prepared.freedom * response.n_responses()) as f64 * response.norm.ln()
}
