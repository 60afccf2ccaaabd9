//! The papers' training as a descent. Letters: w is `prior_var`, gamma is `noise_var` (docs/notation).

use super::minimise::{FLOOR, Minimum, Plain};
use super::{Outcome, raw};
use crate::Result;
use crate::energy::Preconditioned;
use crate::energy::elbo::{Elbo, triangle_row};
use crate::linalg::least_squares::row_norms;
use crate::model::noise_free::structure;
use crate::model::prepared::{Prepared, Response};
use crate::model::settings::Settings;
use crate::report::Hook;
use crate::solver::adam::{Start, train};
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
    let n_responses = response.n_responses();
    let model = Elbo::for_responses(columns.view(), &values, prepared.freedom, elsewhere, settings.power, n_responses)?;
    let structure = structure(prepared, response, settings);
    let mean_square = response.norm * response.norm / (prepared.freedom * n_responses) as f64;
    let start = match given {
        Some(noise_var) => Start { noise_var, floor: None },
        None => Start { noise_var: NOISE_VAR, floor: Some(FLOOR * mean_square.min(NOISE_VAR)) },
    };
    let trained = train(&model, &settings.training, start, structure, settings.seed, hook)?;

    let parameters = trained.parameters;
    let gamma = parameters.noise_var;
    let w: Vec<f64> = parameters.decoder_scale.iter().map(|w| w * w).collect();
    let (energy, design) = match settings.power {
        None => {
            let plain = Plain {
                design: columns.view(),
                response: &values,
                outside: elsewhere,
                freedom: prepared.freedom,
                structure,
            };
            (plain.energy(&w, gamma)?, None)
        }
        Some(power) => {
            let exact = Preconditioned::new(columns.view(), &values, prepared.freedom, elsewhere, power)?;
            (exact.evaluate(&w, gamma)?.value, Some(exact.at(gamma).0))
        }
    };
    let unit = |j: usize| response.norm / prepared.norms[j];
    let variance = |j: usize| -> f64 {
        w[j] * parameters.encoder_factor[triangle_row(j)].iter().map(|s| s * s).sum::<f64>() / unit(j).powi(2)
    };
    let n = w.len();
    let mean = trained.mean.iter().enumerate();
    let u: Vec<f64> = mean.map(|(k, mean)| parameters.decoder_scale[k % n] * mean / unit(k % n)).collect();
    let norms = row_norms(&u, w.len());
    let minimum = Minimum {
        column_norms: norms.clone(),
        norms,
        encoded: Some(u),
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
