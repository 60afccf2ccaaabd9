//! Noise unknown or absent: certified recovery if it can be had, else the best support.
//!
//! Small designs begin with one round of the noise-free search, which certifies easy problems in a handful of steps;
//! for large ones the support path, a few products with the design, comes first. Restarts, which cost most, wait for
//! the verdict that the data do not look noisy.

use super::POSTERIOR_DEVIATIONS;
use super::descend::learn;
use super::finish::{Found, finish};
use super::noise_free::{NoiseFree, Trace};
use super::noisy::{DEPENDENT, Noisy, evidence};
use super::prepared::{Prepared, Response};
use super::settings::{Noise, Optimizer, Settings, SupportRule};
use crate::Result;
use crate::linalg::least_squares::{NestedLeastSquares, independent, posterior_covariance};
use crate::report::{FitReport, Hook, Status};
use crate::solver::{Covariance, Rule};
use crate::support::search::Candidate;

/// Entries of a design from which the support path is cheaper than one round of the noise-free search.
const LARGE: usize = 100_000;
/// Steps of the descent that learns the noise from several responses.
const LEARNING: usize = 300;
/// Share of the response below which what a support leaves may be rounding, for the certificate to judge.
pub(super) const EXACT: f64 = 1e-10;
/// The candidate that explains nothing.
const NOTHING: Candidate = Candidate { support: Vec::new(), rss: 1.0, criterion: 0.0 };

/// Runs the search and reports.
pub(super) fn search(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    hook: &mut Hook<'_>,
) -> Result<FitReport> {
    let mut trace = Trace::default();
    let report = |found, status, trace: Trace| {
        let mut report = finish(prepared, response, found, None, settings.covariance, status)?;
        (report.n_iter, report.n_rounds, report.energy_path) = (trace.steps, trace.rounds, trace.energies);
        Ok(report)
    };
    let noise_free = || NoiseFree::new(prepared, response, settings);
    if let Some(start) = &settings.start {
        let w = prepared.start(start, response)?;
        if let Some(search) = noise_free()?
            && let Some(found) = search.attempt(&w)?
        {
            return report(Found::Certified(found), Status::Certified, trace);
        }
    }
    let tall = prepared.design.nrows() >= prepared.columns.len();
    let large = prepared.design.len() > LARGE && !tall;
    if !large && let Some(search) = noise_free()? {
        if let Some(unique) = search.unique()? {
            return report(Found::Certified(unique), Status::Certified, trace);
        }
        if let Some(found) = search.search(0..1, &mut trace, hook)? {
            return report(Found::Certified(found), Status::Certified, trace);
        }
    }

    let noisy = Noisy { prepared, response, evidence: evidence(prepared, response, settings, None) };
    // A path over single columns serves neither groups nor the other energy.
    let plain = settings.covariance == Covariance::Full && prepared.groups.is_empty();
    let candidates = if plain { noisy.path(&mut trace.steps, hook)? } else { Vec::new() };
    for exact in candidates.iter().filter(|c| c.rss < EXACT) {
        if let Some(search) = noise_free()?
            && let Some(found) = search.certify(&exact.support)?
        {
            return report(Found::Certified(found), Status::Certified, trace);
        }
    }
    let path: Vec<f64> = candidates.iter().map(|c| c.criterion).collect();
    let mut best = candidates.into_iter().min_by(|a, b| a.criterion.total_cmp(&b.criterion)).unwrap_or(NOTHING);
    if plain && response.n_responses() > 1 {
        // A path cannot see a sum of many columns that none explains alone; several responses teach the noise, and a
        // descent with them.
        let learned = Settings { max_iter: LEARNING.min(settings.max_iter), ..settings.clone() };
        let minimum = learn(prepared, response, &learned, &mut trace.steps, hook)?;
        let other = noisy.local(&noisy.prefix(&minimum.norms).support, &mut trace.steps, hook)?;
        if other.criterion < best.criterion {
            best = other;
        }
    }
    let mut noisy_data = noisy.is_noisy(&best);
    let doubtful = !(noisy_data && noisy.is_quiet(&best));
    if doubtful
        && large
        && let Some(search) = noise_free()?
        && let Some(found) = search.search(0..1, &mut trace, hook)?
    {
        return report(Found::Certified(found), Status::Certified, trace);
    }
    if prepared.design.nrows() > 1 && (!plain || !tall && doubtful) {
        let rule = if let Optimizer::Rule(rule) = settings.optimizer { rule } else { Rule::Em };
        if let Some(start) = noisy.descent_start(rule, settings, &mut trace.steps, hook)? {
            let full = settings.covariance == Covariance::Full;
            let other = if full { noisy.local(&start.support, &mut trace.steps, hook)? } else { start };
            if other.rss < EXACT
                && let Some(search) = noise_free()?
                && let Some(found) = search.certify(&other.support)?
            {
                return report(Found::Certified(found), Status::Certified, trace);
            }
            if other.criterion < best.criterion {
                best = other;
                noisy_data = noisy.is_noisy(&best);
            }
        }
    }
    if settings.noise == Noise::Anneal || !noisy_data {
        match noise_free()? {
            Some(search) => {
                let rest = trace.rounds..settings.n_restarts.saturating_add(1);
                if let Some(found) = search.search(rest, &mut trace, hook)? {
                    return report(Found::Certified(found), Status::Certified, trace);
                }
                if let Some(support) = trace.unproved.take() {
                    best.support = support;
                }
            }
            None => noisy_data = true,
        }
    }
    let status = if noisy_data && settings.noise == Noise::Auto { Status::Converged } else { Status::IterationLimit };
    trace.energies = path;
    let support = match settings.support_rule {
        SupportRule::Criterion(_) => best.support,
        SupportRule::Posterior => significant(prepared, response, best.support),
    };
    report(Found::Support(support), status, trace)
}

/// Of a support, the columns whose least-squares coefficient is more than [`POSTERIOR_DEVIATIONS`] standard deviations
/// from 0.
fn significant(prepared: &Prepared, response: &Response, support: Vec<usize>) -> Vec<usize> {
    let kept = independent(prepared.design.view(), &support, DEPENDENT);
    let support: Vec<usize> = kept.into_iter().map(|i| support[i]).collect();
    let fit = NestedLeastSquares::new(prepared.design.view(), &support, &response.values);
    let rss = fit.residual[support.len()].powi(2) + response.outside.powi(2);
    let responses = response.n_responses() as f64;
    let noise_var = rss / (prepared.freedom.saturating_sub(support.len()).max(1) as f64 * responses);
    let flat = vec![f64::INFINITY; support.len()];
    let Some(covariance) = posterior_covariance(prepared.design.view(), &support, &flat, noise_var) else {
        return support;
    };
    let norms = fit.norms(support.len());
    let keep = |i: &usize| norms[*i] / responses.sqrt() > POSTERIOR_DEVIATIONS * covariance[[*i, *i]].sqrt();
    (0..support.len()).filter(keep).map(|i| support[i]).collect()
}
