//! The systems that users fit: which energy, which search, which noise.
//!
//! At zero noise the plain and the preconditioned energy have the same minima, and the searches for them are shared.
//! The energies part where the noise variance is given or learned, and in the path that an annealed descent takes.

mod descend;
mod finish;
mod noise_free;
mod noisy;
pub mod prepared;
pub mod settings;

#[cfg(doc)]
use crate::Error;
use crate::Result;
use crate::linalg::decompose::RowSpace;
use crate::report::{FitReport, Hook, Status};
use crate::solver::Rule;
use crate::support::search::Candidate;
use descend::{Minimum, Plain, Preconditioned};
use finish::{AtMinimum, Found, finish};
use ndarray::{Array2, ArrayView2};
use noise_free::{NoiseFree, Trace};
use noisy::{Noisy, evidence};
use prepared::{Prepared, Response};
use rayon::prelude::*;
use settings::{Noise, Optimizer, Settings, SupportRule};

/// Entries of a design from which the support path, a few products with it, is cheaper than one round of the noise-free
/// search.
const LARGE: usize = 100_000;
/// Share of the response below which what a support leaves may be rounding, for the certificate to judge.
const EXACT: f64 = 1e-10;
/// Share of the mean square of the response at which a learned noise variance starts.
const LEARN_FROM: f64 = 0.1;
/// Posterior standard deviations from 0 at which [`SupportRule::Posterior`] keeps a column.
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
    let prepared = Prepared::new(x, settings.fit_intercept)?;
    fit_prepared(&prepared, y, settings, hook)
}

/// Fits many responses, the columns of `y`, independently and side by side on rayon's current threads; the design is
/// prepared once.
///
/// `stop` is asked by every fit at every step. Results do not depend on the number of threads.
///
/// # Errors
/// As [`fit`]; of several, that of the first response.
///
/// # Complexity
/// As [`fit`] for each response, less the preparation.
pub fn fit_many(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    settings: &Settings,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<FitReport>> {
    settings.check()?;
    let prepared = Prepared::new(x, settings.fit_intercept)?;
    let columns: Vec<Vec<f64>> = y.columns().into_iter().map(|c| c.to_vec()).collect();
    let hook = |_: &_| if stop() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) };
    let fits: Vec<Result<FitReport>> =
        columns.par_iter().map(|y| fit_prepared(&prepared, y, settings, &mut { hook })).collect();
    fits.into_iter().collect()
}

/// Fits one response on a design that is ready.
///
/// # Errors
/// As [`fit`].
///
/// # Complexity
/// As [`fit`].
pub fn fit_prepared(prepared: &Prepared, y: &[f64], settings: &Settings, hook: &mut Hook<'_>) -> Result<FitReport> {
    let response = prepared.respond(y)?;
    let mut report = if response.norm == 0.0 {
        finish::empty(prepared, &response, Status::Certified)
    } else if prepared.columns.is_empty() {
        let mut report = finish::empty(prepared, &response, Status::Converged);
        report.noise_var = response.norm * response.norm / prepared.freedom.max(1) as f64;
        report
    } else {
        match settings.noise {
            Noise::Fixed(noise_var) => descend(prepared, &response, settings, noise_var, false, hook)?,
            Noise::Learn => {
                let start = LEARN_FROM * response.norm * response.norm / prepared.freedom as f64;
                descend(prepared, &response, settings, start, true, hook)?
            }
            Noise::Auto | Noise::Anneal => search(prepared, &response, settings, hook)?,
        }
    };
    if let Some(power) = settings.power
        && !prepared.columns.is_empty()
    {
        report.condition_number = Some(condition_numbers(prepared, settings, power, report.noise_var)?);
    }
    Ok(report)
}

/// Noise unknown or absent: certified recovery if it can be had, else the best support.
fn search(prepared: &Prepared, response: &Response, settings: &Settings, hook: &mut Hook<'_>) -> Result<FitReport> {
    let mut trace = Trace::default();
    let report = |found, status, trace: Trace| {
        let mut report = finish(prepared, response, found, None, status)?;
        (report.n_iter, report.n_rounds, report.energy_path) = (trace.steps, trace.rounds, trace.energies);
        Ok(report)
    };
    let noise_free = || NoiseFree::new(prepared, response, settings);
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
    let candidates = noisy.path(&mut trace.steps, hook)?;
    for exact in candidates.iter().filter(|c| c.rss < EXACT) {
        if let Some(search) = noise_free()?
            && let Some(found) = search.certify(&exact.support)?
        {
            return report(Found::Certified(found), Status::Certified, trace);
        }
    }
    let path: Vec<f64> = candidates.iter().map(|c| c.criterion).collect();
    let mut best = candidates.into_iter().min_by(|a, b| a.criterion.total_cmp(&b.criterion)).unwrap_or(NOTHING);
    let mut noisy_data = noisy.is_noisy(&best);
    let doubtful = !(noisy_data && noisy.is_quiet(&best));
    if doubtful
        && large
        && let Some(search) = noise_free()?
        && let Some(found) = search.search(0..1, &mut trace, hook)?
    {
        return report(Found::Certified(found), Status::Certified, trace);
    }
    if prepared.design.nrows() > 1 && !tall && doubtful {
        let rule = if let Optimizer::Rule(rule) = settings.optimizer { rule } else { Rule::Em };
        if let Some(start) = noisy.descent_start(rule, &mut trace.steps, hook)? {
            let other = noisy.local(&start, &mut trace.steps, hook)?;
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
    if (settings.noise == Noise::Anneal || !noisy_data)
        && let Some(search) = noise_free()?
        && let Some(found) = search.search(1..settings.n_restarts.saturating_add(1), &mut trace, hook)?
    {
        return report(Found::Certified(found), Status::Certified, trace);
    }
    let status = if noisy_data && settings.noise == Noise::Auto { Status::Converged } else { Status::IterationLimit };
    trace.energies = path;
    let support = match settings.support_rule {
        SupportRule::Criterion(_) => best.support,
        SupportRule::Posterior => significant(prepared, response, best.support),
    };
    report(Found::Support(support), status, trace)
}

const NOTHING: Candidate = Candidate { support: Vec::new(), rss: 1.0, criterion: 0.0 };

/// Of a support, the columns whose least-squares coefficient is more than [`POSTERIOR_DEVIATIONS`] standard deviations
/// from 0.
fn significant(prepared: &Prepared, response: &Response, support: Vec<usize>) -> Vec<usize> {
    use crate::linalg::decompose::{NestedLeastSquares, posterior_covariance};
    let fit = NestedLeastSquares::new(prepared.design.view(), &support, &response.values);
    let rss = fit.residual[support.len()].powi(2) + response.outside.powi(2);
    let noise_var = rss / prepared.freedom.saturating_sub(support.len()).max(1) as f64;
    let flat = vec![f64::INFINITY; support.len()];
    let Some(covariance) = posterior_covariance(prepared.design.view(), &support, &flat, noise_var) else {
        return support;
    };
    let z = fit.coefficients(support.len());
    let keep = |i: &usize| z[*i].abs() > POSTERIOR_DEVIATIONS * covariance[[*i, *i]].sqrt();
    (0..support.len()).filter(keep).map(|i| support[i]).collect()
}

/// Noise given or to be learned, from `noise_var` in the caller's units: a minimum of the energy, then the support.
fn descend(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    noise_var: f64,
    learn: bool,
    hook: &mut Hook<'_>,
) -> Result<FitReport> {
    let scale = response.norm * response.norm;
    let rule = match settings.optimizer {
        Optimizer::Rule(rule) => rule,
        Optimizer::Auto if learn => Rule::Em,
        Optimizer::Auto => Rule::Mm,
    };
    let (mut minimum, shift) = match settings.power {
        None => {
            let plain = Plain {
                design: prepared.design.view(),
                response: &response.values,
                outside: response.outside,
                freedom: prepared.freedom,
            };
            (plain.minimise(rule, noise_var / scale, learn, settings, hook)?, finish::unit_energy(prepared, response))
        }
        Some(power) => {
            let mut found = raw(prepared, response, power)?.minimise(rule, noise_var, learn, settings, hook)?;
            let unit = |j: usize| response.norm / prepared.norms[j];
            for j in 0..found.w.len() {
                found.u[j] /= unit(j);
                found.w[j] /= unit(j) * unit(j);
                found.variance[j] /= unit(j) * unit(j);
            }
            found.noise_var /= scale;
            (found, 0.0)
        }
    };
    minimum.energies.iter_mut().for_each(|energy| *energy += shift);

    let known = (settings.power.is_none() && !learn).then_some(noise_var);
    let noisy = Noisy { prepared, response, evidence: evidence(prepared, response, settings, known) };
    let mut steps = minimum.energies.len();
    let support = match settings.support_rule {
        SupportRule::Posterior => significant_means(&minimum, prepared.design.nrows()),
        SupportRule::Criterion(_) => {
            let (_, start) = noisy.prefix(&minimum.u);
            noisy.local(&start, &mut steps, hook)?.support
        }
    };
    let status = match (minimum.collapsed, minimum.converged) {
        (true, _) => Status::NoiseCollapsed,
        (_, true) => Status::Converged,
        _ => Status::IterationLimit,
    };
    let energy = minimum.energies.last().copied().unwrap_or(f64::NAN);
    let at = AtMinimum { w: minimum.w, noise_var: minimum.noise_var, energy };
    let mut report = finish(prepared, response, Found::Support(support), Some(at), status)?;
    (report.n_iter, report.n_rounds, report.energy_path) = (minimum.energies.len(), 1, minimum.energies);
    Ok(report)
}

/// Columns whose posterior mean is more than [`POSTERIOR_DEVIATIONS`] posterior standard deviations from 0, the
/// strongest `rows - 1`.
fn significant_means(minimum: &Minimum, rows: usize) -> Vec<usize> {
    let mut order = crate::solver::restart::strongest_first(&minimum.u);
    order.retain(|&j| minimum.u[j].abs() > POSTERIOR_DEVIATIONS * minimum.variance[j].sqrt());
    order.truncate(rows.saturating_sub(1));
    order
}

/// The preconditioned problem in the caller's units: eq. 17 adds the noise variance to eigenvalues of `X X^T`, so units
/// matter.
fn raw(prepared: &Prepared, response: &Response, power: f64) -> Result<Preconditioned> {
    let design = scaled(prepared);
    let space = RowSpace::by_svd(design.view())?;
    let (singular, _) = space.spectrum()?;
    let y: Vec<f64> = response.values.iter().map(|v| v * response.norm).collect();
    let (whitened, outside) = space.whiten(&y);
    let outside = outside.hypot(response.outside * response.norm);
    Ok(Preconditioned { basis: space.basis, singular, whitened, outside, freedom: prepared.freedom, power })
}

fn scaled(prepared: &Prepared) -> Array2<f64> {
    let mut design = prepared.design.clone();
    design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column *= *norm);
    design
}

/// Condition numbers of `X` and `P X`, without the directions that `X` does not reach. Lemma 4.3 of the paper bounds
/// the second by taking `sigma / (sigma^2 + gamma)` to keep the order of the singular values; it need not, so the true
/// extremes are reported.
fn condition_numbers(prepared: &Prepared, settings: &Settings, power: f64, noise_var: f64) -> Result<(f64, f64)> {
    let modelled = matches!(settings.noise, Noise::Fixed(_) | Noise::Learn);
    let (singular, gamma) = if modelled {
        (RowSpace::by_svd(scaled(prepared).view())?.spectrum()?.0, noise_var)
    } else {
        (prepared.row_space()?.spectrum()?.0, 0.0)
    };
    let spread = |values: &dyn Fn(f64) -> f64| {
        let (low, high) =
            singular.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &s| (low.min(values(s)), high.max(values(s))));
        high / low
    };
    Ok((spread(&|s| s), spread(&|s| s * (s * s + gamma).powf(-power))))
}
