//! Descent on the energy at a noise variance that is given or learned. Letters: w is `prior_var`, gamma is `noise_var`
//! (docs/notation).

use super::finish::{AtMinimum, Found, finish, unit_energy};
use super::noise_free::NoiseFree;
use super::noisy::{DEPENDENT, Noisy, evidence};
use super::prepared::{Prepared, Response};
use super::search::EXACT;
use super::settings::{Noise, Optimizer, Settings, SupportRule};
use super::{LEARN_FROM, POSTERIOR_DEVIATIONS};
use crate::Result;
use crate::energy::Preconditioned;
use crate::linalg::least_squares::independent;
use crate::linalg::row_space::RowSpace;
use crate::report::{FitReport, Hook, Status};
use crate::solver::restart::strongest_first;
use crate::solver::{Covariance, Rule};
use ndarray::Array2;

mod active;
pub(super) mod minimise;
mod train;
use active::{LARGE, minimise_active};
use minimise::{Minimum, Plain, minimise_preconditioned};
use train::minimise_bound;

/// Where a descent ended.
struct Outcome {
    /// In the solver's units, but for the energies.
    minimum: Minimum,
    /// What its energies lack to be those of the caller's units.
    shift: f64,
    /// The design that the model sees, where it is not the prepared one.
    design: Option<Array2<f64>>,
    /// The noise variance in the caller's units, the number in the preconditioner.
    gamma: f64,
}

/// Noise `given`, in the caller's units, or to be learned: a minimum of the energy, then the support.
pub(super) fn descend(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    hook: &mut Hook<'_>,
) -> Result<FitReport> {
    let trained = settings.optimizer == Optimizer::Adam;
    let Outcome { minimum, shift, design, gamma } = if trained {
        minimise_bound(prepared, response, settings, given, hook)?
    } else {
        minimise_energy(prepared, response, settings, given, hook)?
    };
    let known = given.filter(|_| settings.power.is_none());
    let noisy = Noisy { prepared, response, evidence: evidence(prepared, response, settings, known) };
    let mut steps = minimum.energies.len();
    let mut certified = None;
    let support = match settings.support_rule {
        SupportRule::Posterior => significant_means(prepared, response, &minimum),
        SupportRule::Criterion(_) => {
            let start = noisy.prefix(&minimum.norms);
            let best = if settings.covariance == Covariance::Full {
                noisy.local(&start.support, &mut steps, hook)?
            } else {
                start
            };
            let exact = if best.rss < EXACT { NoiseFree::new(prepared, response, settings)? } else { None };
            match exact.map(|search| search.certify(&best.support)).transpose()?.flatten() {
                Some(found) if settings.noise == Noise::Auto => {
                    certified = Some(found);
                    Vec::new()
                }
                // Noise was said to be there, so nothing is certified; but columns that explain nothing are dropped.
                Some(found) => found.support,
                None => best.support,
            }
        }
    };
    let status = match (&certified, minimum.collapsed, minimum.converged) {
        (Some(_), _, _) => Status::Certified,
        (_, true, _) => Status::NoiseCollapsed,
        (_, _, true) => Status::Converged,
        _ => Status::IterationLimit,
    };
    let found = certified.map_or(Found::Support(support), Found::Certified);
    let at = AtMinimum { w: minimum.w, noise_var: minimum.noise_var, energy: minimum.energy + shift, design };
    let mut report = finish(prepared, response, found, Some(at), settings.covariance, status)?;
    if let Some(noise_var) = given {
        report.noise_var = noise_var;
    }
    (report.n_iter, report.n_rounds) = (minimum.energies.len(), 1);
    report.energy_path = minimum.energies.into_iter().map(|energy| energy + shift).collect();
    if let Some(encoded) = &minimum.encoded {
        let (n, n_features) = (prepared.columns.len(), prepared.means.len());
        let mut mean = vec![0.0; n_features * response.n_responses()];
        for (to, u) in mean.chunks_exact_mut(n_features).zip(response.rotate_back(encoded, n).chunks_exact(n)) {
            for (j, u) in u.iter().enumerate() {
                to[prepared.columns[j]] = u * response.norm / prepared.norms[j];
            }
        }
        report.posterior_mean = Some(mean);
    }
    if let Some(power) = settings.power {
        report.condition_number =
            Some(condition_numbers(&RowSpace::by_svd(raw(prepared).view())?.spectrum()?.0, power, gamma));
    }
    Ok(report)
}

/// A minimum of the plain energy whose noise is learned by EM.
pub(super) fn learn(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    steps: &mut usize,
    hook: &mut Hook<'_>,
) -> Result<Minimum> {
    let plain = Plain::new(prepared, response, settings);
    let from = LEARN_FROM / (prepared.freedom * response.n_responses()) as f64;
    let minimum = plain.minimise(Rule::Em, None, from, true, settings, hook)?;
    *steps += minimum.energies.len();
    Ok(minimum)
}

fn minimise_energy(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    hook: &mut Hook<'_>,
) -> Result<Outcome> {
    let scale = response.norm * response.norm;
    let learn = given.is_none();
    let noise_var = given.unwrap_or(LEARN_FROM * scale / (prepared.freedom * response.n_responses()) as f64);
    let rule = match settings.optimizer {
        Optimizer::Rule(rule) => rule,
        _ if learn => Rule::Em,
        _ => Rule::Mm,
    };
    let Some(power) = settings.power else {
        let plain = Plain::new(prepared, response, settings);
        let start = settings.start.as_ref().map(|start| prepared.start(start, response)).transpose()?;
        let auto = settings.optimizer == Optimizer::Auto && settings.covariance == Covariance::Full && !learn;
        let minimum = if auto && (response.n_responses() > 1 || prepared.design.len() > LARGE) {
            let start = start.unwrap_or_else(|| plain.start());
            minimise_active(&plain, start, noise_var / scale, settings.max_iter, settings.tol, hook)?
        } else {
            plain.minimise(rule, start, noise_var / scale, learn, settings, hook)?
        };
        let gamma = minimum.noise_var * scale;
        return Ok(Outcome { minimum, shift: unit_energy(prepared, response), design: None, gamma });
    };
    let y: Vec<f64> = response.values.iter().map(|v| v * response.norm).collect();
    let elsewhere = response.outside * response.norm;
    let model = Preconditioned::new(raw(prepared).view(), &y, prepared.freedom, elsewhere, power)?;
    let mut found = minimise_preconditioned(&model, rule, noise_var, learn, settings, hook)?;
    let unit = |j: usize| response.norm / prepared.norms[j];
    for j in 0..found.w.len() {
        found.column_norms[j] /= unit(j);
        found.norms[j] /= unit(j);
        found.w[j] /= unit(j) * unit(j);
        found.variance[j] /= unit(j) * unit(j);
    }
    let gamma = found.noise_var;
    let (mut design, _) = model.at(gamma);
    design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column /= *norm);
    found.noise_var /= scale;
    Ok(Outcome { minimum: found, shift: 0.0, design: Some(design), gamma })
}

/// Columns whose posterior mean, in the root mean square over responses, is more than [`POSTERIOR_DEVIATIONS`]
/// posterior standard deviations from 0, the strongest `rows - 1`; none in the span of stronger ones.
fn significant_means(prepared: &Prepared, response: &Response, minimum: &Minimum) -> Vec<usize> {
    let norms = &minimum.column_norms;
    let mut order = strongest_first(norms);
    let root = (response.n_responses() as f64).sqrt();
    order.retain(|&j| norms[j] / root > POSTERIOR_DEVIATIONS * minimum.variance[j].sqrt());
    order.truncate(prepared.design.nrows().saturating_sub(1));
    independent(prepared.design.view(), &order, DEPENDENT).into_iter().map(|i| order[i]).collect()
}

/// The design in the caller's units, in which eq. 17 adds the noise variance to eigenvalues of `X X^T`.
fn raw(prepared: &Prepared) -> Array2<f64> {
    let mut design = prepared.design.clone();
    design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column *= *norm);
    design
}

/// Condition numbers of `X` and `P X` from the singular values of `X`, without the directions that `X` does not reach.
/// Lemma 4.3 of the paper bounds the second by taking `sigma / (sigma^2 + gamma)` to keep the order of the singular
/// values; it need not, so the true extremes are reported.
pub(super) fn condition_numbers(singular: &[f64], power: f64, noise_var: f64) -> (f64, f64) {
    let spread = |values: &dyn Fn(f64) -> f64| {
        let (low, high) =
            singular.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &s| (low.min(values(s)), high.max(values(s))));
        high / low
    };
    (spread(&|s| s), spread(&|s| s * (s * s + noise_var).powf(-power)))
}
