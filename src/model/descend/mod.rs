//! Descent on the energy at a noise variance that is given or learned. Letters: w is `prior_var`, gamma is `noise_var`
//! (docs/notation).

use super::POSTERIOR_DEVIATIONS;
use super::finish::{AtMinimum, Found, finish, unit_energy};
use super::noisy::{Noisy, evidence};
use super::prepared::{Prepared, Response};
use super::settings::{Noise, Optimizer, Settings, SupportRule};
use crate::Result;
use crate::energy::Preconditioned;
use crate::linalg::row_space::RowSpace;
use crate::report::{FitReport, Hook, Status};
use crate::solver::Rule;
use crate::solver::restart::strongest_first;
use ndarray::Array2;

pub(super) mod minimise;
use minimise::{Minimum, Plain, minimise_preconditioned};

/// Noise given or to be learned, from `noise_var` in the caller's units: a minimum of the energy, then the support.
pub(super) fn descend(
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
    let (mut minimum, shift, design) = match settings.power {
        None => {
            let plain = Plain {
                design: prepared.design.view(),
                response: &response.values,
                outside: response.outside,
                freedom: prepared.freedom,
            };
            let found = plain.minimise(rule, noise_var / scale, learn, settings, hook)?;
            (found, unit_energy(prepared, response), None)
        }
        Some(power) => {
            let model = raw(prepared, response, power)?;
            let mut found = minimise_preconditioned(&model, rule, noise_var, learn, settings, hook)?;
            let unit = |j: usize| response.norm / prepared.norms[j];
            for j in 0..found.w.len() {
                found.u[j] /= unit(j);
                found.w[j] /= unit(j) * unit(j);
                found.variance[j] /= unit(j) * unit(j);
            }
            let (mut design, _) = model.at(found.noise_var);
            design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column /= *norm);
            found.noise_var /= scale;
            (found, 0.0, Some(design))
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
    let at = AtMinimum { w: minimum.w, noise_var: minimum.noise_var, energy, design };
    let mut report = finish(prepared, response, Found::Support(support), Some(at), status)?;
    (report.n_iter, report.n_rounds, report.energy_path) = (minimum.energies.len(), 1, minimum.energies);
    Ok(report)
}

/// Columns whose posterior mean is more than [`POSTERIOR_DEVIATIONS`] posterior standard deviations from 0, the
/// strongest `rows - 1`.
fn significant_means(minimum: &Minimum, rows: usize) -> Vec<usize> {
    let mut order = strongest_first(&minimum.u);
    order.retain(|&j| minimum.u[j].abs() > POSTERIOR_DEVIATIONS * minimum.variance[j].sqrt());
    order.truncate(rows.saturating_sub(1));
    order
}

/// The preconditioned problem in the caller's units: eq. 17 adds the noise variance to eigenvalues of `X X^T`, so units
/// matter.
fn raw(prepared: &Prepared, response: &Response, power: f64) -> Result<Preconditioned> {
    let y: Vec<f64> = response.values.iter().map(|v| v * response.norm).collect();
    let elsewhere = response.outside * response.norm;
    Preconditioned::new(scaled(prepared).view(), &y, prepared.freedom, elsewhere, power)
}

fn scaled(prepared: &Prepared) -> Array2<f64> {
    let mut design = prepared.design.clone();
    design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column *= *norm);
    design
}

/// Condition numbers of `X` and `P X`, without the directions that `X` does not reach. Lemma 4.3 of the paper bounds
/// the second by taking `sigma / (sigma^2 + gamma)` to keep the order of the singular values; it need not, so the true
/// extremes are reported.
pub(super) fn condition_numbers(
    prepared: &Prepared,
    settings: &Settings,
    power: f64,
    noise_var: f64,
) -> Result<(f64, f64)> {
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
