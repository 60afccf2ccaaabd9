//! The posterior over supports: whether it is sampled, how, and where the search does not come to it by itself.

use super::settings::{Noise, Settings, SupportRule};
use super::tolerances::{DECOMPOSED, EXACT, FEW_COLUMNS, SAMPLED};
use crate::Result;
use crate::design::Standardised;
use crate::monitor::Monitor;
use crate::posterior::{self, Chosen};
use crate::problem::{Problem, Response};
use crate::report::{FitReport, Posterior};
use crate::settings::Sizes;
use crate::solver::EncoderCovariance;
use crate::support::working_set::WorkingSet;

/// Whether the posterior over supports answers where nothing is proved: it knows neither groups nor the other energy.
pub(super) fn is_sampled(problem: &Problem<'_>, settings: &Settings) -> bool {
    let is_plain = settings.covariance == EncoderCovariance::Full && problem.groups.is_empty();
    settings.support_rule == SupportRule::Projection && is_plain
}

/// Whether it is sampled, and on all columns.
pub(super) fn is_sampled_whole(problem: &Problem<'_>, settings: &Settings) -> bool {
    is_sampled(problem, settings) && takes_all(problem, settings)
}

/// Whether all columns take part: that costs little enough, or all are asked for.
fn takes_all(problem: &Problem<'_>, settings: &Settings) -> bool {
    let is_asked = settings.model_averaging || !settings.prior_odds.is_empty() || !settings.positive.is_empty();
    is_asked || costs_little(problem.design.dim())
}

/// Whether a design of this shape can be decomposed in short time and space.
pub(super) fn costs_little((rows, n): (usize, usize)) -> bool {
    rows * n <= SAMPLED && rows * rows * (rows + n) <= DECOMPOSED
}

/// Samples the posterior over supports, as [`posterior::posterior`] does; on few columns where it would cost much on all.
/// As much as averages need if these are wanted, or a choice of columns.
pub(super) fn sample(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    (noise_var, start, evidence): (Option<f64>, &[usize], f64),
    averages: bool,
    monitor: &Monitor<'_>,
) -> Result<(Posterior, Chosen)> {
    let sampling = &sampling(settings, averages);
    if takes_all(problem, settings) {
        return posterior::posterior(problem, response, noise_var, start, evidence, sampling, monitor);
    }
    let (columns, background) = few_columns(problem, response, start);
    let place = |j: &usize| columns.binary_search(j).ok();
    let sparse = problem.design.sparse_part(&columns);
    let products = sparse.as_ref().and_then(|own| own.sparse_products(&(0..columns.len()).collect::<Vec<usize>>()));
    let own = sparse.unwrap_or_else(|| Standardised::as_it_is(problem.design.gather(&columns)));
    let background = background.iter().filter_map(place).collect();
    let part = problem.part(&columns, own, products.as_ref().map(|products| products.view()), background, monitor)?;
    let response = part.respond_in_part(response, monitor)?;
    let start: Vec<usize> = start.iter().filter_map(place).collect();
    let (posterior, mut chosen) =
        posterior::posterior(&part, &response, noise_var, &start, evidence, sampling, monitor)?;
    chosen.support.iter_mut().for_each(|j| *j = columns[*j]);
    Ok((posterior, chosen))
}

/// The columns that are worth most beside those of `start`, and some of all ranks, which stand for all where all count
/// alike: both together, and the latter alone, ascending.
fn few_columns(problem: &Problem<'_>, response: &Response, start: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut set = WorkingSet::new(&problem.design, &response.values, response.responses().square());
    start.iter().for_each(|&j| {
        if set.admits(j) {
            set.add(j);
        }
    });
    let spare = (problem.freedom.saturating_sub(set.len()) * response.n_responses()).max(1);
    // A column has to bring twice the noise variance for each unit of the logarithm of how many there are.
    let price = 2.0 * set.rss() / spare as f64 * (problem.n_choices() as f64).ln();
    let mut worth = set.worth(price);
    start.iter().for_each(|&j| worth[j] = f64::INFINITY);
    let by_worth = |a: &usize, b: &usize| worth[*b].total_cmp(&worth[*a]).then(a.cmp(b));
    let mut order: Vec<usize> = (0..worth.len()).collect();
    order.sort_unstable_by(by_worth);
    let mut all = problem.background().into_owned();
    all.sort_unstable_by(by_worth);
    let mut background = evenly(&all, FEW_COLUMNS.1);
    order.truncate(FEW_COLUMNS.0.max(start.len()));
    order.extend(&background);
    order.sort_unstable();
    order.dedup();
    background.sort_unstable();
    (order, background)
}

/// From the middle of each of `count` ranges of `all`, one; all, if these are fewer.
pub(super) fn evenly(all: &[usize], count: usize) -> Vec<usize> {
    let count = count.min(all.len());
    (0..count).map(|i| all[(2 * i + 1) * all.len() / (2 * count)]).collect()
}

/// How many columns the supports along the path may have: any, where they only start the posterior, which is that over all
/// supports.
pub(super) fn path_sizes(problem: &Problem<'_>, settings: &Settings) -> Sizes {
    if is_sampled(problem, settings) { Sizes::ANY } else { settings.sizes() }
}

/// Settings of the sampler: as much as averages need, or a choice of columns.
fn sampling(settings: &Settings, averages: bool) -> posterior::Settings {
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

/// Adds the posterior over supports that the search has left to do: it is without doubt where a solution leaves nothing
/// or there is nothing to explain, and sampled if averages are asked for.
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
    if is_exact || square == 0.0 || problem.columns.is_empty() {
        let FitReport { support, coef, intercept, noise_var, .. } = &*report;
        report.posterior = Some(posterior::certain(problem, support, coef, intercept, *noise_var));
    } else if settings.model_averaging {
        // The noise of a preconditioned decoder is not that of the response.
        let noise_var = match settings.noise {
            Noise::Fixed(noise_var) if settings.power.is_none() => Some(noise_var),
            _ => None,
        };
        let start = problem.places(&report.support);
        let (sampled, _) = sample(problem, response, settings, (noise_var, &start, 0.0), true, monitor)?;
        report.hold(sampled);
    }
    Ok(())
}
