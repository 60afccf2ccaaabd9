//! The systems that users fit: which energy, which search, which noise.
//!
//! At zero noise the plain and the preconditioned energy have the same minima, and the searches for them are shared.
//! The energies part where the noise variance is given or learned, and in the path that an annealed descent takes.

pub mod affine_vae;
mod descend;
mod finish;
mod noise_free;
mod noisy;
pub mod prepared;
pub mod robust_vae;
mod search;
pub mod settings;
pub mod welper_recover;

use crate::report::{FitReport, Hook};
use crate::{Error, Result};
use descend::{condition_numbers, descend};
use ndarray::{ArrayView1, ArrayView2, Axis};
use prepared::Prepared;
use rayon::prelude::*;
use search::search;
use settings::{Noise, Optimizer, Settings, Start};
use std::ops::ControlFlow;

/// Share of the mean square of the response at which a learned noise variance starts.
const LEARN_FROM: f64 = 0.1;
/// Posterior standard deviations from 0 at which [`settings::SupportRule::Posterior`] keeps a column.
const POSTERIOR_DEVIATIONS: f64 = 3.0;

/// Fits one response: `x` of shape `(n_samples, n_features)`, `y` of length `n_samples`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`], [`Error::InvalidParameter`] for bad input; [`Error::NotPositiveDefinite`]
/// where float64 does not suffice; [`Error::Interrupted`] where the hook breaks.
///
/// # Complexity
/// A step of the search costs `O(r^2 n)` for a design of rank `r`; easy problems take a handful, hopeless ones
/// `max_iter`.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use sparsevae::model::{fit, settings::Settings};
///
/// let x = array![[1.0, 0.5, 0.1], [0.2, 1.0, 0.7]];
/// let settings = Settings { fit_intercept: false, ..Settings::default() };
/// let report = fit(x.view(), &[2.0, 0.4], &settings, &mut |_| std::ops::ControlFlow::Continue(()))?;
/// assert_eq!(report.support, [0]);
/// # Ok::<(), sparsevae::Error>(())
/// ```
pub fn fit(x: ArrayView2<'_, f64>, y: &[f64], settings: &Settings, hook: &mut Hook<'_>) -> Result<FitReport> {
    settings.check()?;
    let prepared = Prepared::new(x, settings.fit_intercept, &settings.groups)?;
    fit_prepared(&prepared, ArrayView1::from(y).insert_axis(Axis(1)), settings, hook)
}

/// Fits many responses, the columns of `y`, independently and side by side on rayon's current threads; the design is
/// prepared once.
///
/// `starts` is empty, or has one for each response in place of the one in `settings`. `stop` is asked by every fit at
/// every step. Results do not depend on the number of threads.
///
/// # Errors
/// As [`fit`]; of several, that of the first response. [`Error::Shape`] for another number of starts.
///
/// # Complexity
/// As [`fit`] for each response, less the preparation.
pub fn fit_many(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    starts: &[Start],
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<FitReport>> {
    settings.check()?;
    if !starts.is_empty() && starts.len() != y.ncols() {
        return Err(Error::Shape {
            what: "prior_var_init",
            expected: format!("({}, {}), one row per column of `y`", y.ncols(), x.ncols()),
            found: format!("({}, {})", starts.len(), starts[0].prior_var.len()),
        });
    }
    let prepared = Prepared::new(x, settings.fit_intercept, &settings.groups)?;
    let responses: Vec<_> = y.axis_chunks_iter(Axis(1), 1).enumerate().collect();
    let hook = |_: &_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let fit_one = |(i, y): (usize, ArrayView2<'_, f64>)| {
        let Some(start) = starts.get(i) else { return fit_prepared(&prepared, y, settings, &mut { hook }) };
        let own = Settings { start: Some(start.clone()), ..settings.clone() };
        own.check()?;
        fit_prepared(&prepared, y, &own, &mut { hook })
    };
    let fits: Vec<Result<FitReport>> = responses.into_par_iter().map(fit_one).collect();
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
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    hook: &mut Hook<'_>,
) -> Result<FitReport> {
    settings.check()?;
    let prepared = Prepared::new(x, settings.fit_intercept, &settings.groups)?;
    fit_prepared(&prepared, y, settings, hook)
}

/// Fits responses that share their support on a design that is ready.
///
/// # Errors
/// As [`fit`].
///
/// # Complexity
/// As [`fit`].
pub fn fit_prepared(
    prepared: &Prepared,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    hook: &mut Hook<'_>,
) -> Result<FitReport> {
    let response = prepared.respond(y, settings.precision)?;
    if let Some(power) = settings.power
        && response.n_responses() > 1
    {
        return Err(Error::invalid("power", power, "None for several responses"));
    }
    let before = settings.start.as_ref().map_or(0, |start| start.steps);
    let rest = (before > 0)
        .then(|| Settings { max_iter: settings.max_iter.saturating_sub(before).max(1), ..settings.clone() });
    let settings = rest.as_ref().unwrap_or(settings);
    let mut report = if response.norm == 0.0 || prepared.columns.is_empty() {
        finish::trivial(prepared, &response, settings.noise)?
    } else {
        match (settings.optimizer, settings.noise) {
            (_, Noise::Fixed(noise_var)) => descend(prepared, &response, settings, Some(noise_var), hook)?,
            (_, Noise::Learn) | (Optimizer::Adam, _) => descend(prepared, &response, settings, None, hook)?,
            _ => search(prepared, &response, settings, hook)?,
        }
    };
    report.n_iter += before;
    if let Some(power) = settings.power
        && report.condition_number.is_none()
        && !prepared.columns.is_empty()
    {
        report.condition_number = Some(condition_numbers(&prepared.row_space()?.spectrum()?.0, power, 0.0));
    }
    Ok(report)
}
