//! Sparse regression: which energy, which search, which noise.
//!
//! At zero noise the plain and the preconditioned energy have the same minima, and the searches for them are shared.
//! The energies part where the noise variance is given or learned, and in the path that an annealed descent takes.

mod active;
mod average;
mod encoded;
mod encoder;
mod given_noise;
mod minimise;
mod noise_free;
mod noisy;
mod report;
mod residuals;
pub mod settings;
mod strategy;
pub(crate) mod tolerances;
mod train;
mod wide;

use crate::design::{Design, Rows};
use crate::linalg::summary::Summary;
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::report::{FitReport, PackedReport, Status};
use crate::settings::Settings as _;
use crate::{Error, Result};
use average::{add_average, is_sampled_whole};
use given_noise::{condition_numbers, descend};
use ndarray::{ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;
use settings::{Noise, Optimizer, Settings, Start};
pub use tolerances::LARGE_DESIGN;

/// Fits one response: `x` of shape `(n_samples, n_features)`, `y` of length `n_samples`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`], [`Error::InvalidParameter`] for bad input; [`Error::NotPositiveDefinite`]
/// where float64 does not suffice; [`Error::Interrupted`] where the monitor was stopped.
///
/// # Complexity
/// A step of the search costs `O(r^2 n)` for a design of rank `r`; easy problems take a handful, hopeless ones
/// `max_iter`.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use sparsevae::model::sparse_regression::{fit, settings::Settings};
/// use sparsevae::monitor::Monitor;
///
/// let x = array![[1.0, 0.5, 0.1], [0.2, 1.0, 0.7]];
/// let settings = Settings { fit_intercept: false, ..Settings::default() };
/// let report = fit(x.view(), &[2.0, 0.4], &settings, &Monitor::default())?;
/// assert_eq!(report.support, [0]);
/// # Ok::<(), sparsevae::Error>(())
/// ```
pub fn fit(x: impl Design, y: &[f64], settings: &Settings, monitor: &Monitor<'_>) -> Result<FitReport> {
    fit_simultaneous(x, ArrayView1::from(y).insert_axis(Axis(1)), settings, monitor)
}

/// Calls `fit` without the samples of weight 0.
fn with_used_samples<T>(
    x: &dyn Design,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    fit: impl FnOnce(&dyn Design, ArrayView2<'_, f64>, &Settings) -> Result<T>,
) -> Result<T> {
    settings.validate()?;
    let used = Rows::used(x, &settings.sample_weight).filter(|_| y.nrows() == x.shape().0);
    let Some(rows) = used else { return fit(x, y, settings) };
    let own = Settings { sample_weight: rows.of_weights(&settings.sample_weight), ..settings.clone() };
    fit(&rows, rows.of(y).view(), &own).map_err(|error| rows.counted_among_all(error))
}

/// Fits the samples that repeat no other one, response included: a copy has the same noise in it, and would make the
/// noise look smaller than it is.
fn fit_distinct(
    x: &dyn Design,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    settings.validate()?;
    let rows = Rows::distinct(x, y, &settings.sample_weight);
    let Settings { fit_intercept, groups, sample_weight, n_choices, .. } = settings;
    match &rows {
        Some(rows) => {
            let problem = Problem::new(rows, *fit_intercept, groups, &rows.of_weights(sample_weight), monitor)?
                .screened_from(*n_choices)?;
            fit_problem(&problem, rows.of(y).view(), settings, monitor)
        }
        None => {
            let problem = Problem::new(x, *fit_intercept, groups, sample_weight, monitor)?.screened_from(*n_choices)?;
            fit_problem(&problem, y, settings, monitor)
        }
    }
}

/// Fits many responses, the columns of `y`, independently and side by side on rayon's current threads; the design is
/// prepared once. The reports are packed: of each response and column, zeros take no memory.
///
/// `starts` is empty, or has one for each response in place of the one in `settings`. `monitor`
/// can stop all of them. Results do not depend on the number of threads.
///
/// # Errors
/// As [`fit`]; of several, that of the first response. [`Error::Shape`] for another number of starts.
///
/// # Complexity
/// As [`fit`] for each response, less the preparation.
pub fn fit_many(
    x: impl Design,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    starts: &[Start],
    monitor: &Monitor<'_>,
) -> Result<Vec<PackedReport>> {
    if !starts.is_empty() && starts.len() != y.ncols() {
        return Err(Error::Shape {
            what: "prior_var_init",
            expected: format!("({}, {}), one row per column of `y`", y.ncols(), x.shape().1),
            found: format!("({}, {})", starts.len(), starts[0].prior_var.len()),
        });
    }
    with_used_samples(&x, y, settings, |x, y, settings| fit_each(x, y, settings, starts, monitor))
}

/// Fits the columns of `y` side by side.
fn fit_each(
    x: &dyn Design,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    starts: &[Start],
    monitor: &Monitor<'_>,
) -> Result<Vec<PackedReport>> {
    let Settings { fit_intercept, groups, sample_weight, n_choices, .. } = settings;
    let problem = Problem::new(x, *fit_intercept, groups, sample_weight, monitor)?.screened_from(*n_choices)?;
    monitor.check()?;
    // Where samples repeat in the design, each response has its own ones that repeat.
    let repeated = Rows::distinct(x, y.slice(s![.., ..0]), sample_weight).is_some();
    let responses: Vec<_> = y.axis_chunks_iter(Axis(1), 1).enumerate().collect();
    let fit_one = |(i, y): (usize, ArrayView2<'_, f64>)| {
        let own = starts.get(i).map(|start| Settings { start: Some(start.clone()), ..settings.clone() });
        let settings = own.as_ref().unwrap_or(settings);
        settings.validate()?;
        let monitor = monitor.inner();
        let report = match repeated {
            true => fit_distinct(x, y, settings, &monitor),
            false => fit_problem(&problem, y, settings, &monitor),
        };
        report.map(PackedReport::from)
    };
    let fits: Vec<Result<PackedReport>> = responses.into_par_iter().map(fit_one).collect();
    fits.into_iter().collect()
}

/// Fits responses, the columns of `y` of shape `(n_samples, n_responses)`, that share their support.
///
/// # Errors
/// As [`fit`].
///
/// # Complexity
/// As [`fit`], and `3 r n` operations a step for each response (or principal axis of them) after the first.
pub fn fit_simultaneous(
    x: impl Design,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    with_used_samples(&x, y, settings, |x, y, settings| fit_distinct(x, y, settings, monitor))
}

/// Fits responses that share their support on a design that is ready.
///
/// # Errors
/// As [`fit`].
///
/// # Complexity
/// As [`fit`].
pub fn fit_problem(
    problem: &Problem<'_>,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    // A design that is read on demand may have ended the call, and is worth nothing then.
    monitor.check()?;
    let response = problem.respond(y, settings.precision, monitor)?;
    fit_response(problem, &response, settings, monitor)
}

/// Fits responses of which blocks of samples came one after the other: what a fit of all samples finds, of `columns` of the
/// design. Samples that repeat others count as often as they came, and nothing is certified.
///
/// # Errors
/// As [`fit`]; [`Error::Shape`] if there are no more samples than columns.
///
/// # Complexity
/// As [`fit`] of a square design of these columns.
pub fn fit_summary(
    summary: &mut Summary,
    columns: &[usize],
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    settings.validate()?;
    let Settings { fit_intercept, groups, n_choices, precision, .. } = settings;
    let mut table = summary.table(columns, *fit_intercept, monitor)?;
    let means = std::mem::take(&mut table.y_means);
    let problem = Problem::of_table(&table, *fit_intercept, groups, monitor)?.screened_from(*n_choices)?;
    let response = Response { means, ..problem.respond(table.y.view(), *precision, monitor)? };
    let mut report = fit_response(&problem, &response, settings, monitor)?;
    if report.certified {
        // Responses are constant.
        (report.certified, report.status) = (false, Status::Converged);
    }
    Ok(report)
}

/// Fits responses in the solver's units.
fn fit_response(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<FitReport> {
    if let Some(power) = settings.power
        && response.n_given() > 1
    {
        return Err(Error::invalid("power", power, "None for several responses"));
    }
    if !settings.positive.is_empty() && response.n_given() > 1 {
        return Err(Error::invalid("positive", "given", "None for several responses"));
    }
    let n_features = problem.means.len();
    for (what, length) in [("prior_odds", settings.prior_odds.len()), ("positive", settings.positive.len())] {
        if length > 0 && length != n_features {
            let expected = format!("({n_features},), one value per column of `X`");
            return Err(Error::Shape { what, expected, found: format!("({length},)") });
        }
    }
    let before = settings.start.as_ref().map_or(0, |start| start.steps);
    let rest = (before > 0)
        .then(|| Settings { max_iter: settings.max_iter.saturating_sub(before).max(1), ..settings.clone() });
    let settings = rest.as_ref().unwrap_or(settings);
    let mut report = if response.norm == 0.0 || problem.columns.is_empty() {
        report::trivial(problem, response, settings.noise)?
    } else {
        // The condition numbers need all columns in the end: a design that is too large is refused before the search.
        if settings.power.is_some()
            || settings.optimizer == Optimizer::Adam
            || matches!(settings.noise, Noise::Fixed(_) | Noise::Learn)
        {
            problem.design.hold()?;
        }
        match (settings.optimizer, settings.noise) {
            (Optimizer::Auto, Noise::Fixed(_)) if goes_without_minimum(problem, response, settings) => {
                strategy::search(problem, response, settings, monitor)?
            }
            (_, Noise::Fixed(noise_var)) => descend(problem, response, settings, Some(noise_var), monitor)?,
            (_, Noise::Learn) | (Optimizer::Adam, _) => descend(problem, response, settings, None, monitor)?,
            _ => wide::search(problem, response, settings, monitor)?,
        }
    };
    report.n_iter += before;
    add_average(&mut report, problem, response, settings, monitor)?;
    if let Some(power) = settings.power
        && report.condition_number.is_none()
        && !problem.columns.is_empty()
    {
        report.condition_number = Some(condition_numbers(&problem.row_space()?.spectrum()?.0, power, 0.0));
    }
    Ok(report)
}

/// Whether, at a given noise variance, the posterior over supports is all that is asked for, and no minimum of the energy.
/// Several responses are those of source imaging, where the minimum is the answer.
fn goes_without_minimum(problem: &Problem<'_>, response: &Response, settings: &Settings) -> bool {
    let is_lone = response.n_responses() == 1 && settings.power.is_none() && settings.start.is_none();
    is_lone && is_sampled_whole(problem, settings)
}
