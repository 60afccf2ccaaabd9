//! The posterior over supports: whether it is sampled, how, and where the search does not come to it by itself.

use super::settings::{Noise, Settings, SupportRule};
use super::tolerances::{DECOMPOSED, EXACT, SAMPLED};
use crate::Result;
use crate::monitor::Monitor;
use crate::posterior;
use crate::problem::{Problem, Response};
use crate::report::FitReport;
use crate::settings::Sizes;
use crate::solver::EncoderCovariance;

/// Whether the posterior over supports answers where nothing is proved: it knows neither groups nor the other energy, and
/// costs little enough, or is asked for.
pub(super) fn is_sampled(problem: &Problem<'_>, settings: &Settings) -> bool {
    let is_plain = settings.covariance == EncoderCovariance::Full && problem.groups.is_empty();
    let (rows, n) = problem.design.dim();
    let is_small = rows * n <= SAMPLED && rows * rows * (rows + n) <= DECOMPOSED;
    let is_asked = settings.model_averaging || !settings.prior_odds.is_empty() || !settings.positive.is_empty();
    settings.support_rule == SupportRule::Projection && is_plain && (is_small || is_asked)
}

/// How many columns the supports along the path may have: any, where they only start the posterior, which is that over all
/// supports.
pub(super) fn path_sizes(problem: &Problem<'_>, settings: &Settings) -> Sizes {
    if is_sampled(problem, settings) { Sizes::ANY } else { settings.sizes() }
}

/// Settings of the sampler: as much as averages need, or a choice of columns.
pub(super) fn sampling(settings: &Settings, averages: bool) -> posterior::Settings {
    let Settings { prior_odds, positive, seed, max_iter, .. } = settings;
    let brief = posterior::Settings::brief(*seed);
    posterior::Settings {
        sizes: settings.sizes(),
        max_sweeps: *max_iter,
        prior_odds: prior_odds.clone(),
        positive: positive.clone(),
        ..if averages { posterior::Settings { seed: *seed, ..posterior::Settings::default() } } else { brief }
    }
}

/// Adds the posterior over supports that the search has left to do: it is without doubt where a solution leaves nothing,
/// and sampled if averages are asked for.
pub(super) fn add_average(
    report: &mut FitReport,
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<()> {
    if report.posterior.is_some() {
        return Ok(());
    }
    let square = response.norm * response.norm;
    let values = (problem.freedom * response.n_responses()) as f64;
    let is_exact = report.certified || report.noise_var * values <= EXACT * square;
    if is_exact || problem.columns.is_empty() {
        let FitReport { support, coef, intercept, noise_var, .. } = &*report;
        report.posterior = Some(posterior::certain(problem, support, coef, intercept, *noise_var));
    } else if settings.model_averaging {
        // The noise of a preconditioned decoder is not that of the response.
        let noise_var = match settings.noise {
            Noise::Fixed(noise_var) if settings.power.is_none() => Some(noise_var),
            _ => None,
        };
        let start = problem.places(&report.support);
        let (sampled, _) =
            posterior::posterior(problem, response, noise_var, &start, 0.0, &sampling(settings, true), monitor)?;
        report.hold(sampled);
    }
    Ok(())
}
