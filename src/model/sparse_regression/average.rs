//! Averages over supports, where the search does not come to them by itself.

use super::settings::{Noise, Settings};
use super::tolerances::EXACT;
use crate::Result;
use crate::monitor::Monitor;
use crate::posterior;
use crate::problem::{Problem, Response};
use crate::report::{FitReport, Posterior};

/// The posterior over supports that the search has left to do: it is without doubt where a solution leaves nothing, and
/// sampled if averages are asked for.
pub(super) fn average(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    report: &FitReport,
    monitor: &Monitor<'_>,
) -> Result<Option<Posterior>> {
    if response.n_responses() > 1 {
        return Ok(None);
    }
    let square = response.norm * response.norm;
    let is_exact = report.certified || report.noise_var * problem.freedom as f64 <= EXACT * square;
    if is_exact || problem.columns.is_empty() {
        let FitReport { support, coef, intercept, noise_var, .. } = report;
        return Ok(Some(posterior::certain(problem, support, coef, intercept[0], *noise_var)));
    }
    if !settings.model_averaging {
        return Ok(None);
    }
    // The noise of a preconditioned decoder is not that of the response.
    let noise_var = match settings.noise {
        Noise::Fixed(noise_var) if settings.power.is_none() => Some(noise_var),
        _ => None,
    };
    let sampling = posterior::Settings { seed: settings.seed, ..posterior::Settings::default() };
    let start = problem.places(&report.support);
    let (sampled, _) = posterior::posterior(problem, response, noise_var, &start, 0.0, &sampling, monitor)?;
    Ok(Some(sampled))
}
