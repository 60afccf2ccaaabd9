//! The papers' training as a descent. Letters: w is `prior_var`, gamma is `noise_var` (docs/notation).

use super::encoded::Encoded;
use super::encoder::with_energy;
use super::minimise::{Minimum, Outcome};
use super::settings::Settings;
use super::tolerances::{ADAM_NOISE_VAR, NOISE_LEARNING_FLOOR};
use crate::Result;
use crate::energy::elbo::{Elbo, triangle_row};
use crate::energy::{Energy, Marginal, Point, Preconditioned, Separable};
use crate::linalg::least_squares::row_norms;
use crate::linalg::packed::Packed;
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::solver::adam::{Start, Structure, train};
use crate::solver::descent::Groups;

/// Trains the evidence lower bound by Adam at the noise variance `given`, or from [`ADAM_NOISE_VAR`] on.
///
/// In the caller's units, as all numbers of the training are: initial values, learning rates and noise do not follow
/// the data.
pub(super) fn minimise_bound(
    problem: &Problem<'_>,
    response: &Response,
    settings: &Settings,
    given: Option<f64>,
    monitor: &Monitor<'_>,
) -> Result<Outcome> {
    let (columns, in_units) = problem.in_caller_units(response);
    let responses = in_units.responses();
    let preconditioned =
        settings.power.map(|power| Preconditioned::new(columns.view(), responses, power)).transpose()?;
    let bound = match &preconditioned {
        Some(model) => Elbo::of_preconditioned(columns.view(), model),
        None => Elbo::new(columns.view(), responses, None)?,
    };
    let n_responses = response.n_responses();
    let structure = Structure { n_responses, covariance: settings.covariance, groups: Groups::new(&problem.groups) };
    let mean_square = response.norm * response.norm / (problem.freedom * n_responses) as f64;
    let start = match given {
        Some(noise_var) => Start { noise_var, floor: None },
        None => {
            let floor = Some(NOISE_LEARNING_FLOOR * mean_square.min(ADAM_NOISE_VAR));
            Start { noise_var: ADAM_NOISE_VAR, floor }
        }
    };
    let trained = train(&bound, &settings.training, start, &structure, settings.seed, monitor)?;

    let singular = preconditioned.as_ref().map(|model| model.singular().to_vec());
    let parameters = trained.parameters;
    let gamma = parameters.noise_var;
    let w: Vec<f64> = parameters.decoder_scale.iter().map(|w| w * w).collect();
    let at = Point { prior_var: &w, noise_var: gamma };
    let energy = match &preconditioned {
        Some(model) => model.value(at, &mut model.scratch()),
        None => {
            let marginal = Marginal { kernel: Packed::new(columns.view()), responses };
            with_energy!(settings.covariance, marginal, |energy| energy.value(at, &mut energy.scratch()))
        }
    };
    let energy = energy.map_err(|pivot| pivot.at(1))?;
    let unit = |j: usize| problem.unit(response, j);
    let variance = |j: usize| -> f64 {
        w[j] * parameters.encoder_factor[triangle_row(j)].iter().map(|s| s * s).sum::<f64>() / unit(j).powi(2)
    };
    let n = w.len();
    let mean = trained.mean.iter().enumerate();
    let u: Vec<f64> = mean.map(|(k, mean)| parameters.decoder_scale[k % n] * mean / unit(k % n)).collect();
    let norms = row_norms(&u, w.len());
    let variance = (0..w.len()).map(variance).collect();
    let minimum = Minimum {
        column_norms: norms.clone(),
        norms,
        encoded: Some(Encoded { means: u, parameters }),
        variance,
        w: (0..w.len()).map(|j| w[j] / unit(j).powi(2)).collect(),
        noise_var: gamma / (response.norm * response.norm),
        energy,
        energies: trained.energies,
        converged: trained.settled,
        collapsed: start.floor.is_some_and(|floor| gamma <= floor),
    };
    let preconditioned = preconditioned.map(|model| model.at(gamma).0 / ndarray::aview1(&problem.norms));
    Ok(Outcome { minimum, shift: 0.0, design: preconditioned, gamma, singular })
}
