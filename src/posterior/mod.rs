//! How sure: the posterior over supports of noisy data.
//!
//! The model is `y = X b + X u + e`. An effect is a column with a normal coefficient; `b` is the sum of a few, `u` a
//! dense background of small coefficients, `e` noise. Given the support `A`, minus twice the log likelihood is the
//! marginal energy of the VAE with prior variances `s` on `A` and `tau / p` elsewhere: background and energy's own
//! annealing are the same device. All variances, and how many effects there are, have priors and are averaged over.

mod conditional;
mod coordinates;
mod projection;
mod sampler;
mod settings;
mod signal;
mod tolerances;

use crate::Result;
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::report::{Places, Posterior, Selection};
use crate::settings::Settings as _;
pub use settings::Settings;

use coordinates::{Coordinates, Levels, most_probable};
use ndarray::Array2;
use projection::{Average, Likely, project};
use sampler::{Averages, Place};
use std::collections::HashMap;
use tolerances::{CANDIDATES, CLEAR, LEAST_NOISE};

/// A support with its coefficients and what they leave, in the solver's units.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Columns, ascending.
    pub support: Vec<usize>,
    /// Their coefficients.
    pub coefficients: Vec<f64>,
    /// Noise variance.
    pub noise_var: f64,
}

/// Samples the posterior over supports of one response, from the columns `start` on, and chooses the columns that stand for it.
/// `noise_var`, in the caller's units, is that of the noise where it is known; `evidence` twice the log evidence of
/// `start` against no columns, if that is known.
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter);
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
    let unit = response.norm * response.norm / problem.freedom as f64;
    let coordinates = Coordinates::new(problem, response)?;
    let mut levels = Levels::new(&coordinates, settings.background);
    let known = noise_var.map(|v| (v / unit).max(LEAST_NOISE));
    let is_clear = known.is_some() || evidence > CLEAR;
    let largest = if is_clear {
        usize::MAX
    } else {
        signal::largest_size(problem, response, &coordinates, &levels, settings.seed, monitor)?
    };
    let start = coordinates.places(start);
    let averages = sampler::sample(&coordinates, &mut levels, &start, settings, known, monitor)?;
    let n = coordinates.n_columns();
    let candidates = most_probable(&averages.inclusion, CANDIDATES);
    let correlation = coordinates.correlation(&candidates);
    let Averages { inclusion, mut coef, score, background_var, size, draws, places: sweeps, .. } = averages;
    let mut background = vec![0.0; n];
    coordinates.multiply_transposed(&score, &mut background);
    coef.iter_mut().zip(background.iter().zip(&coordinates.share)).for_each(|(b, (u, share))| *b += share * u);

    let likely = Likely { columns: &candidates, correlation: correlation.view() };
    let average = Average { mean: &coef, draws: &draws, inclusion: &inclusion, likely };
    let projection = project(problem, &coordinates, &average, &start, largest, monitor)?;
    let features =
        |columns: &[usize]| columns.iter().map(|&j| problem.columns[coordinates.order[j]]).collect::<Vec<usize>>();
    let places = places(&sweeps, &candidates, features(&candidates), correlation);
    let selection = Selection {
        columns: projection.columns.iter().map(|columns| features(columns)).collect(),
        loss: projection.loss.into_iter().map(|loss| loss * unit).collect(),
        tolerance: projection.tolerance * unit,
    };
    let coefficients = coordinates.coefficients_to_problem(&projection.coefficients);
    let mut support: Vec<usize> = projection.support.into_iter().map(|j| coordinates.order[j]).collect();
    support.sort_unstable();
    let chosen = Chosen {
        coefficients: support.iter().map(|&j| coefficients[j]).collect(),
        support,
        noise_var: known.unwrap_or(averages.noise_var) / coordinates.freedom,
    };

    let all: Vec<usize> = (0..n).collect();
    let to_caller = |coef: &[f64]| problem.coef_to_caller(&all, &coordinates.coefficients_to_problem(coef), response);
    let mut coef_draws = Array2::zeros((draws.len(), n));
    let mut intercept_draws = Vec::with_capacity(draws.len());
    for (mut to, draw) in coef_draws.outer_iter_mut().zip(draws) {
        let (coef, intercept) = to_caller(&draw);
        to.iter_mut().zip(&problem.columns).for_each(|(to, &j)| *to = coef[j]);
        intercept_draws.extend(intercept);
    }
    let (coef, intercept) = to_caller(&coef);
    let posterior = Posterior {
        inclusion_prob: problem.to_features(&all, &coordinates.to_problem(&inclusion), 1),
        coef,
        intercept: intercept[0],
        drawn: problem.columns.clone(),
        coef_draws,
        intercept_draws,
        noise_var: noise_var.unwrap_or(averages.noise_var * unit),
        background_var: background_var * unit,
        n_effects: size,
        selection,
        places,
    };
    Ok((posterior, chosen))
}

/// A posterior without doubt: the effects are where `support` says, with these coefficients, and there is nothing else.
pub fn certain(problem: &Problem<'_>, support: &[usize], coef: &[f64], intercept: f64, noise_var: f64) -> Posterior {
    let mut inclusion_prob = vec![0.0; coef.len()];
    support.iter().for_each(|&j| inclusion_prob[j] = 1.0);
    let columns = problem.design.gather(&problem.places(support));
    let k = support.len();
    Posterior {
        inclusion_prob,
        coef: coef.to_vec(),
        intercept,
        drawn: support.to_vec(),
        coef_draws: Array2::from_shape_fn((1, k), |(_, i)| coef[support[i]]),
        intercept_draws: vec![intercept],
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
    }
}

/// Where effects were, sweep by sweep, of the columns `candidates` (features `features`) that credible sets may hold.
fn places(sweeps: &[Vec<Place>], candidates: &[usize], features: Vec<usize>, correlation: Array2<f64>) -> Places {
    let place: HashMap<usize, usize> = candidates.iter().enumerate().map(|(i, &j)| (j, i)).collect();
    let mut places = Places {
        n_sweeps: sweeps.len(),
        features,
        correlation,
        column: Vec::new(),
        probability: Vec::new(),
        start: vec![0],
        sweep: Vec::new(),
        times: Vec::new(),
    };
    let all = sweeps.iter().enumerate().flat_map(|(sweep, own)| own.iter().map(move |place| (sweep, place)));
    for (sweep, Place { probabilities, times }) in all {
        for (column, probability) in probabilities.iter().filter_map(|(j, p)| place.get(j).map(|i| (*i, *p))) {
            places.column.push(column);
            places.probability.push(probability);
        }
        if places.start.last() != Some(&places.column.len()) {
            places.start.push(places.column.len());
            places.sweep.push(sweep);
            places.times.push(*times);
        }
    }
    places
}
