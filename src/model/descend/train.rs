//! The papers' training as a descent. Letters: w is `prior_var`, gamma is `noise_var` (docs/notation).

use super::minimise::{FLOOR, Minimum, Plain};
use super::{Outcome, raw};
use crate::energy::Preconditioned;
use crate::energy::elbo::{Elbo, triangle_row};
use crate::linalg::{marginal::Marginal, packed::Packed};
use crate::model::prepared::{Prepared, Response};
use crate::model::settings::Settings;
use crate::report::Hook;
use crate::solver::adam::{Start, train};
use crate::{Error, Result};
use ndarray::Array2;

/// Mean square that the response is scaled to, with columns of norm 1: initialisation, learning rate and noise are
/// numbers, and this is the size of the data that the paper chose them for.
const MEAN_SQUARE: f64 = 0.25;
/// Noise variance, at that scale, from which it is trained.
const NOISE_VAR: f64 = 0.1;

/// Trains the evidence lower bound by Adam at the noise variance `given`, in the caller's units, or from
/// [`NOISE_VAR`] on.
///
/// A preconditioned model whose noise variance is given keeps the caller's units, in which eq. 17 adds that number to
/// eigenvalues of `X X^T`.
pub(super) fn minimise_bound(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    hook: &mut Hook<'_>,
) -> Result<Outcome> {
    let units = settings.power.is_some() && given.is_some();
    let freedom = prepared.freedom as f64;
    let factor = if units { response.norm } else { (MEAN_SQUARE * freedom).sqrt() };
    let scale = factor / response.norm;
    let columns = if units { raw(prepared) } else { prepared.design.clone() };
    let values: Vec<f64> = response.values.iter().map(|v| v * factor).collect();
    let elsewhere = response.outside * factor;
    let model = Elbo::new(columns.view(), &values, prepared.freedom, elsewhere, settings.power)?;
    let start = match given {
        Some(noise_var) => Start { noise_var: noise_var * scale * scale, floor: None },
        None => Start { noise_var: NOISE_VAR, floor: Some(FLOOR * MEAN_SQUARE) },
    };
    let trained = train(&model, &settings.training, start, settings.seed, hook)?;

    let parameters = trained.parameters;
    let gamma = parameters.noise_var;
    let w: Vec<f64> = parameters.decoder_scale.iter().map(|w| w * w).collect();
    let (energy, design) = match settings.power {
        None => (marginal(&columns, &values, elsewhere, prepared.freedom, &w, gamma)?, None),
        Some(power) => {
            let exact = Preconditioned::new(columns.view(), &values, prepared.freedom, elsewhere, power)?;
            (exact.evaluate(&w, gamma)?.value, Some(exact.at(gamma).0))
        }
    };
    let unit = |j: usize| factor / if units { prepared.norms[j] } else { 1.0 };
    let variance = |j: usize| -> f64 {
        w[j] * parameters.encoder_factor[triangle_row(j)].iter().map(|s| s * s).sum::<f64>() / unit(j).powi(2)
    };
    let design = design.map(|mut design| {
        if units {
            design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column /= *norm);
        }
        design
    });
    let minimum = Minimum {
        u: (0..w.len()).map(|j| parameters.decoder_scale[j] * trained.mean[j] / unit(j)).collect(),
        variance: (0..w.len()).map(variance).collect(),
        w: (0..w.len()).map(|j| w[j] / unit(j).powi(2)).collect(),
        noise_var: gamma / (factor * factor),
        energy,
        energies: trained.energies,
        converged: trained.settled,
        collapsed: start.floor.is_some_and(|floor| gamma <= floor),
    };
    Ok(Outcome { minimum, shift: -2.0 * freedom * scale.ln(), design, preconditioner: (gamma, units) })
}

fn marginal(
    design: &Array2<f64>,
    response: &[f64],
    outside: f64,
    freedom: usize,
    w: &[f64],
    noise_var: f64,
) -> Result<f64> {
    let packed = Packed::new(design.view());
    let mut kernel = Marginal::new(&packed);
    kernel
        .evaluate(&packed, response, w, noise_var)
        .map_err(|pivot| Error::NotPositiveDefinite { step: 0, pivot: pivot.0 })?;
    let plain = Plain { design: design.view(), response, outside, freedom };
    Ok(kernel.quadratic() + kernel.log_det() + plain.lost(noise_var))
}
