//! Descent on the energy at a noise variance that is given or learned. Letters: w is `prior_var`, gamma is `noise_var`
//! (docs/notation).

use super::active::ActiveSet;
use super::encoder::with_energy;
use super::minimise::{Limits, Minimum, Noise as NoiseVar, NoiseStep, Outcome, equal_parts, minimise};
use super::noise_free::NoiseFree;
use super::noisy::{Noisy, evidence};
use super::report::{AtMinimum, Found, assemble};
use super::settings::{Noise, Optimizer, Settings, SupportRule};
use super::tolerances::{BLOCKWISE, DEPENDENT, EXACT, LEARN_FROM, NOISE_LEARNING_FLOOR, POSTERIOR_DEVIATIONS};
use super::train::minimise_bound;
use crate::Result;
use crate::energy::{Marginal, Preconditioned, Separable};
use crate::linalg::blockwise::Blockwise;
use crate::linalg::covariance::Kernel;
use crate::linalg::least_squares::independent;
use crate::linalg::packed::Packed;
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::report::{FitReport, Status};
use crate::solver::EncoderCovariance;
use crate::solver::descent::restart::strongest_first;
use crate::solver::descent::{Groups, Rule};

/// Noise `given`, in the caller's units, or to be learned: a minimum of the energy, then the support.
pub(super) fn descend(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    let trained = settings.optimizer == Optimizer::Adam;
    let Outcome { minimum, shift, design, gamma, singular } = if trained {
        minimise_bound(problem, response, settings, given, monitor)?
    } else {
        minimise_energy(problem, response, settings, given, monitor)?
    };
    let known = given.filter(|_| settings.power.is_none());
    let (evidence, sizes) = (evidence(problem, response, settings, known), settings.sizes());
    let noisy = Noisy { problem, response, evidence, sizes };
    let mut steps = minimum.energies.len();
    let mut certified = None;
    let support = match settings.support_rule {
        SupportRule::Posterior => significant_means(problem, response, &minimum),
        SupportRule::Criterion(_) | SupportRule::Projection => {
            let start = noisy.prefix(&minimum.norms);
            let best = if settings.covariance == EncoderCovariance::Full {
                noisy.local(&start.support, &mut steps, monitor)?
            } else {
                start
            };
            let exact = if best.rss < EXACT { NoiseFree::new(problem, response, settings)? } else { None };
            match exact.map(|search| search.certify(&best.support)).transpose()?.flatten() {
                Some(found) if !sizes.allow(found.solution.support.len()) => best.support,
                Some(found) if settings.noise == Noise::Auto && found.certified => {
                    certified = Some(found);
                    Vec::new()
                }
                // Noise was said to be there, so nothing is certified; but columns that explain nothing are dropped.
                Some(found) => found.solution.support,
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
    let mut report = assemble(problem, response, found, Some(at), settings.covariance, status)?;
    if let Some(noise_var) = given {
        report.noise_var = noise_var;
        if settings.power.is_none() {
            report.response_noise_var = noise_var;
        }
    }
    (report.n_iter, report.n_rounds) = (minimum.energies.len(), 1);
    report.energy_path = minimum.energies.into_iter().map(|energy| energy + shift).collect();
    if let Some(encoded) = minimum.encoded {
        encoded.report(problem, response, &mut report);
    }
    if let (Some(power), Some(singular)) = (settings.power, singular) {
        report.condition_number = Some(condition_numbers(&singular, power, gamma));
    }
    Ok(report)
}

/// A minimum of the plain energy whose noise is learned by EM; from `last` on, where that was on the way to it.
pub(super) fn learn(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    last: Option<&Minimum>,
    steps: &mut usize,
    monitor: &Monitor<'_>,
) -> Result<Minimum> {
    let from = LEARN_FROM / (problem.freedom * response.n_responses()) as f64;
    let (w, from) = last.map_or((None, from), |last| (Some(last.w.clone()), last.noise_var));
    let minimum = minimise_plain(problem, response, settings, Rule::Em, w, from, true, monitor)?;
    *steps += minimum.energies.len();
    Ok(minimum)
}

fn minimise_energy(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    monitor: &Monitor<'_>,
) -> Result<Outcome> {
    let scale = response.norm * response.norm;
    let learn = given.is_none();
    let noise_var = given.unwrap_or(LEARN_FROM * scale / (problem.freedom * response.n_responses()) as f64);
    let rule = match settings.optimizer {
        Optimizer::Rule(rule) => rule,
        _ if learn => Rule::Em,
        _ => Rule::Mm,
    };
    if let Some(power) = settings.power {
        return minimise_preconditioned(problem, response, settings, rule, power, noise_var, learn, monitor);
    }
    let w = settings.start.as_ref().map(|start| problem.prior_var_to_solver(&start.prior_var, response)).transpose()?;
    let minimum = minimise_plain(problem, response, settings, rule, w, noise_var / scale, learn, monitor)?;
    let gamma = minimum.noise_var * scale;
    Ok(Outcome { minimum, shift: problem.energy_shift(response), design: None, gamma, singular: None })
}

/// A minimum of the energy of the encoder covariance, in the solver's units.
#[expect(clippy::too_many_arguments, reason = "what is known of the noise and of the start, beside the problem")]
fn minimise_plain(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    rule: Rule,
    w: Option<Vec<f64>>,
    noise_var: f64,
    learn: bool,
    monitor: &Monitor<'_>,
) -> Result<Minimum> {
    let (responses, groups) = (response.responses(), Groups::new(&problem.groups));
    let total = responses.values.iter().map(|v| v * v).sum::<f64>() / response.n_responses() as f64;
    let w = w.unwrap_or_else(|| {
        let all = (0..problem.columns.len()).collect();
        let mut w = equal_parts(&Blockwise::new(&problem.design, all).squares(), total);
        groups.tie(&mut w);
        w
    });
    let limits = Limits { max_iter: settings.max_iter, tol: settings.tol };
    let auto = settings.optimizer == Optimizer::Auto && settings.covariance == EncoderCovariance::Full && !learn;
    if auto && (response.n_responses() > 1 || problem.design.len() > BLOCKWISE) {
        return ActiveSet { design: &problem.design, responses, groups: &groups, noise_var, limits }
            .minimise(w, monitor);
    }
    let floor = NOISE_LEARNING_FLOOR * responses.square() / (problem.freedom * response.n_responses()) as f64;
    let noise = NoiseVar { start: noise_var, learned: learn.then_some((NoiseStep::Expectation, floor)) };
    let columns = Packed::new(problem.design.copied());
    let marginal = Marginal { kernel: &columns, responses };
    with_energy!(settings.covariance, marginal, |energy| minimise(energy, &groups, rule, w, &noise, limits, monitor))
}

/// A minimum of the preconditioned energy, found in the caller's units.
#[expect(clippy::too_many_arguments, reason = "as `minimise_plain`, and the power")]
fn minimise_preconditioned(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    rule: Rule,
    power: f64,
    noise_var: f64,
    learn: bool,
    monitor: &Monitor<'_>,
) -> Result<Outcome> {
    let (columns, in_units) = problem.in_caller_units(response);
    let model = Preconditioned::new(columns.view(), in_units.responses(), power)?;
    let floor = NOISE_LEARNING_FLOOR * model.mean_square();
    let noise = NoiseVar { start: noise_var, learned: learn.then_some((NoiseStep::Slope, floor)) };
    let (design, seen) = model.at(noise_var.max(if learn { floor } else { 0.0 }));
    let w = equal_parts(&Packed::new(design.view()).squares(), seen.iter().map(|v| v * v).sum());
    let limits = Limits { max_iter: settings.max_iter, tol: settings.tol };
    let mut found = minimise(&model, &Groups::default(), rule, w, &noise, limits, monitor)?;
    for j in 0..found.w.len() {
        let unit = problem.unit(response, j);
        found.column_norms[j] /= unit;
        found.norms[j] /= unit;
        found.w[j] /= unit * unit;
        found.variance[j] /= unit * unit;
    }
    let gamma = found.noise_var;
    found.noise_var /= response.norm * response.norm;
    let design = Some(model.at(gamma).0 / ndarray::aview1(&problem.norms));
    Ok(Outcome { minimum: found, shift: 0.0, design, gamma, singular: Some(model.singular().to_vec()) })
}

/// Columns whose posterior mean, in the root mean square over responses, is more than [`POSTERIOR_DEVIATIONS`]
/// posterior standard deviations from 0, the strongest `rows - 1`; none in the span of stronger ones.
fn significant_means(problem: &Problem<'_>, response: &Response, minimum: &Minimum) -> Vec<usize> {
    let norms = &minimum.column_norms;
    let mut order = strongest_first(norms);
    let root = (response.n_responses() as f64).sqrt();
    order.retain(|&j| norms[j] / root > POSTERIOR_DEVIATIONS * minimum.variance[j].sqrt());
    order.truncate(problem.design.nrows().saturating_sub(1));
    independent(problem.design.gather(&order).view(), DEPENDENT).into_iter().map(|i| order[i]).collect()
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
