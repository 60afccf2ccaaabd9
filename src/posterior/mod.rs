//! How sure: the posterior over supports of noisy data.
//!
//! The model is `y = X b + X u + e`. An effect is a column with a normal coefficient; `b` is the sum of a few, `u` a
//! dense background of small coefficients, `e` noise. Given the support `A`, minus twice the log likelihood is the
//! marginal energy of the VAE with prior variances `s` on `A` and `tau / p` elsewhere: background and energy's own
//! annealing are the same device. All variances, and how many effects there are, have priors and are averaged over.

mod conditional;
mod coordinates;
mod draws;
mod effects;
mod integrated;
mod mixing;
mod one_sided;
mod places;
mod projection;
mod sampler;
mod settings;
mod signal;
mod size;
mod tolerances;

use crate::Result;
use crate::monitor::Monitor;
use crate::problem::validate::check_results;
use crate::problem::{Problem, Response};
use crate::report::{Places, Posterior, Selection};
use crate::settings::Settings as _;
pub use settings::Settings;

use coordinates::{Coordinates, Levels, most_probable};
use ndarray::Array2;
use projection::{Average, Likely, project};
use sampler::{Averages, Prior};
use signal::Test;
use size::Inclusion;
use tolerances::{CANDIDATES, CLEAR, LEAST_NOISE, MOST_NOISE};

/// A support with its coefficients, axis after axis, and what they leave, in the solver's units.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Columns, ascending.
    pub support: Vec<usize>,
    /// Their coefficients.
    pub coefficients: Vec<f64>,
    /// Noise variance.
    pub noise_var: f64,
}

/// Samples the posterior over supports, which several responses share, from the columns `start` on, and chooses the
/// columns that stand for it. Draws of coefficients are those of the principal axes, where responses are several.
/// `noise_var`, in the caller's units, is that of the noise where it is known; `evidence` twice the log evidence of
/// `start` against no columns, if that is known.
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter); [`Error::Scales`](crate::Error::Scales) where a
/// result is beyond the range of float64;
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition);
/// [`Error::Interrupted`](crate::Error::Interrupted).
///
/// # Complexity
/// `O(r^2 (r + n))` once for a design of rank `r` with `n` columns, and two copies of it; then `O(r n)` for each move of an
/// effect to another column, `O(n)` for others. The same bits for any number of threads.
pub fn posterior(
    problem: &Problem<'_>,
    response: &Response,
    noise_var: Option<f64>,
    start: &[usize],
    evidence: f64,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<(Posterior, Chosen)> {
    settings.validate()?;
    let (n_responses, norm) = (response.n_responses() as f64, response.norm);
    let unit = norm * norm / (problem.freedom as f64 * n_responses);
    let coordinates = Coordinates::new(problem, response)?;
    let feature = |j: usize| problem.columns[coordinates.order[j]];
    let n = coordinates.n_columns();
    let is_free = !problem.columns.iter().any(|&j| settings.positive.get(j) == Some(&true));
    // Columns that were chosen by the response look like it: a background of them would be found where there is none.
    let mut levels = Levels::new(&coordinates, settings.background && is_free && !problem.is_screened());
    let sign = if is_free { Vec::new() } else { coordinates.signs_of(|j| settings.positive[problem.columns[j]]) };
    let log_prior = log_relative((0..n).filter_map(|j| settings.prior_odds.get(feature(j)).copied()).collect());
    let known = noise_var.map(|v| (v / unit).clamp(LEAST_NOISE, MOST_NOISE));
    let is_clear = known.is_some() || evidence > CLEAR;
    let mut sizes = settings.sizes;
    if !is_clear && sizes.least == 0 {
        let test = Test { problem, coordinates: &coordinates, levels: &levels, log_prior: &log_prior };
        sizes.most = sizes.most.min(test.largest_size(response, settings.seed, monitor)?);
    }
    let start = coordinates.places(start);
    let prior = Prior { log_odds: &log_prior, sign: &sign };
    let averages = sampler::sample(&coordinates, &mut levels, &start, prior, settings, known, monitor)?;
    let candidates = most_probable(&averages.inclusion, CANDIDATES);
    let correlation = coordinates.correlation(&candidates);
    let Averages { inclusion, mut coef, score, background_var, size, most, draws, places, is_cut_off, .. } = averages;
    let mut background = vec![0.0; coef.len()];
    coordinates.multiply_transposed(&score, &mut background);
    coef.iter_mut()
        .zip(background.iter().zip(coordinates.share.iter().cycle()))
        .for_each(|(b, (u, share))| *b += share * u);

    let likely = Likely { columns: &candidates, correlation: correlation.view() };
    let n_choices = coordinates.n_choices;
    let columns = Inclusion { probability: &inclusion, log_prior: &log_prior, n_choices, size, most };
    let average = Average { mean: &coef, draws: &draws, inclusion: columns, likely, sign: &sign };
    let projection = project(problem, &coordinates, &average, &start, sizes, monitor)?;
    let features = |columns: &[usize]| columns.iter().map(|&j| feature(j)).collect::<Vec<usize>>();
    let places = places.among(&candidates, features(&candidates), correlation);
    let selection = Selection {
        columns: projection.columns.iter().map(|columns| features(columns)).collect(),
        loss: projection.loss.into_iter().map(|loss| loss * unit).collect(),
        tolerance: projection.tolerance * unit,
    };
    let coefficients = coordinates.coefficients_to_problem(&projection.coefficients);
    let mut support: Vec<usize> = projection.support.into_iter().map(|j| coordinates.order[j]).collect();
    support.sort_unstable();
    let chosen = Chosen {
        coefficients: coefficients.chunks_exact(n).flat_map(|axis| support.iter().map(|&j| axis[j])).collect(),
        support,
        noise_var: known.unwrap_or(averages.noise_var) / (coordinates.freedom * n_responses),
    };

    let all: Vec<usize> = (0..n).collect();
    let axes = coordinates.n_axes;
    let (coef, intercept) = problem.coef_to_caller(&all, &coordinates.coefficients_to_problem(&coef), response);
    let units: Vec<f64> = (0..n).map(|j| problem.unit(response, j)).collect();
    let means: Vec<f64> = problem.columns.iter().map(|&j| problem.means[j]).collect();
    // The mean of an axis is that of no response, and drops out of all deviations.
    let own = if axes == 1 { response.means[0] } else { 0.0 };
    let (n_draws, mut coef_draws, mut intercept_draws) = (draws.len(), Vec::new(), Vec::new());
    for draw in draws {
        let mut draw = coordinates.coefficients_to_problem(&draw.coef);
        for axis in draw.chunks_exact_mut(n) {
            axis.iter_mut().zip(&units).for_each(|(b, unit)| *b *= unit);
            intercept_draws.push(own - axis.iter().zip(&means).map(|(b, mean)| b * mean).sum::<f64>());
        }
        coef_draws.extend(draw);
    }
    let table = |values, width| Array2::from_shape_vec((n_draws, width), values).unwrap_or_default();
    let posterior = Posterior {
        inclusion_prob: problem.to_features(&all, &coordinates.to_problem(&inclusion), 1),
        coef,
        intercept,
        drawn: problem.columns.clone(),
        coef_draws: table(coef_draws, axes * n),
        intercept_draws: table(intercept_draws, axes),
        noise_var: noise_var.unwrap_or(averages.noise_var * unit),
        background_var: background_var * unit,
        n_effects: size,
        selection,
        places,
        is_cut_off,
    };
    let averages =
        posterior.coef.iter().chain(&posterior.intercept).chain([&posterior.noise_var, &posterior.background_var]);
    let draws = posterior.coef_draws.iter().chain(&posterior.intercept_draws);
    check_results("`X` and `y`", "an average over supports", averages.chain(draws))?;
    Ok((posterior, chosen))
}

/// Logarithms of odds over their mean; none where all are the same.
fn log_relative(odds: Vec<f64>) -> Vec<f64> {
    let largest = odds.iter().copied().fold(0.0, f64::max);
    if odds.iter().all(|value| *value == largest) {
        return Vec::new();
    }
    let mean = odds.iter().map(|value| value / largest).sum::<f64>() / odds.len() as f64;
    odds.into_iter().map(|value| (value / largest / mean).ln()).collect()
}

/// A posterior without doubt: the effects are where `support` says, with these coefficients, response after response, and
/// there is nothing else.
pub fn certain(problem: &Problem<'_>, support: &[usize], coef: &[f64], intercept: &[f64], noise_var: f64) -> Posterior {
    let mut inclusion_prob = vec![0.0; problem.means.len()];
    support.iter().for_each(|&j| inclusion_prob[j] = 1.0);
    let columns = problem.design.gather(&problem.places(support));
    let k = support.len();
    Posterior {
        inclusion_prob,
        coef: coef.to_vec(),
        intercept: intercept.to_vec(),
        drawn: Vec::new(),
        coef_draws: Array2::zeros((0, 0)),
        intercept_draws: Array2::zeros((0, intercept.len())),
        noise_var,
        background_var: 0.0,
        n_effects: k as f64,
        selection: Selection { columns: vec![support.to_vec()], loss: vec![0.0], tolerance: 0.0 },
        places: Places {
            n_sweeps: 1,
            features: support.to_vec(),
            correlation: columns.t().dot(&columns),
            column: (0..k).collect(),
            probability: vec![1.0; k],
            start: (0..=k).collect(),
            sweep: vec![0; k],
            times: vec![1; k],
        },
        is_cut_off: false,
    }
}
