//! The papers' training as a descent. Letters: w is `prior_var`, gamma is `noise_var` (docs/notation).

use super::minimise::{FLOOR, Minimum, Plain};
use super::{Outcome, raw};
use crate::energy::Preconditioned;
use crate::energy::elbo::{Elbo, triangle_row};
use crate::linalg::{least_squares::row_norms, marginal::Marginal, packed::Packed};
use crate::model::prepared::{Prepared, Response};
use crate::model::settings::Settings;
use crate::report::Hook;
use crate::solver::Structure;
use crate::solver::adam::{Start, train};
use crate::{Error, Result};
use ndarray::Array2;

/// Noise variance from which it is trained: the paper's, for coefficients of order 1.
const NOISE_VAR: f64 = 0.1;

/// Trains the evidence lower bound by Adam at the noise variance `given`, or from [`NOISE_VAR`] on.
///
/// In the caller's units, as all numbers of the training are: initial values, learning rates and noise do not follow
/// the data.
pub(super) fn minimise_bound(
    prepared: &Prepared,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    hook: &mut Hook<'_>,
) -> Result<Outcome> {
    let columns = raw(prepared);
    let values: Vec<f64> = response.values.iter().map(|v| v * response.norm).collect();
    let elsewhere = response.outside * response.norm;
    let model = Elbo::new(columns.view(), &values, prepared.freedom, elsewhere, settings.power)?;
    let mean_square = response.norm * response.norm / prepared.freedom as f64;
    let start = match given {
        Some(noise_var) => Start { noise_var, floor: None },
        None => Start { noise_var: NOISE_VAR, floor: Some(FLOOR * mean_square.min(NOISE_VAR)) },
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
    let unit = |j: usize| response.norm / prepared.norms[j];
    let variance = |j: usize| -> f64 {
        w[j] * parameters.encoder_factor[triangle_row(j)].iter().map(|s| s * s).sum::<f64>() / unit(j).powi(2)
    };
    let u: Vec<f64> = (0..w.len()).map(|j| parameters.decoder_scale[j] * trained.mean[j] / unit(j)).collect();
    let minimum = Minimum {
        norms: row_norms(&u, w.len()),
        u,
        variance: (0..w.len()).map(variance).collect(),
        w: (0..w.len()).map(|j| w[j] / unit(j).powi(2)).collect(),
        noise_var: gamma / (response.norm * response.norm),
        energy,
        energies: trained.energies,
        converged: trained.settled,
        collapsed: start.floor.is_some_and(|floor| gamma <= floor),
    };
    let design = design.map(|mut design: Array2<f64>| {
        design.columns_mut().into_iter().zip(&prepared.norms).for_each(|(mut column, norm)| column /= *norm);
        design
    });
    Ok(Outcome { minimum, shift: 0.0, design, gamma })
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
    let plain = Plain { design: design.view(), response, outside, freedom, structure: Structure::default() };
    Ok(kernel.quadratic() + kernel.log_det() + plain.lost(noise_var))
}
