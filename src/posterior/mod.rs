//! How sure: the posterior over supports of noisy data.
//!
//! The model is `y = X b + X u + e`. An effect is a column with a normal coefficient; `b` is the sum of a few, `u` a
//! dense background of small coefficients, `e` noise. Given the support `A`, minus twice the log likelihood is the
//! marginal energy of the VAE with prior variances `s` on `A` and `tau / p` elsewhere: background and energy's own
//! annealing are the same device. All variances, and how many effects there are, have priors and are averaged over.

mod conditional;
mod coordinates;
mod sampler;
mod tolerances;

use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::settings::require;
use crate::{Result, settings};
use coordinates::Coordinates;
use ndarray::Array2;
use sampler::{Averages, Place};
use std::collections::HashMap;
use tolerances::CANDIDATES;

/// What the sampler takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Effects, at most; at least 1.
    pub n_effects: usize,
    /// Sweeps over all effects before the averages begin.
    pub n_burn_in: usize,
    /// Sweeps that are averaged; at least 1.
    pub n_sweeps: usize,
    /// Draws of all coefficients that are kept, at most as many as sweeps.
    pub n_draws: usize,
    /// Whether there may be a background.
    pub background: bool,
    /// Seed of the sampler.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_effects: 20, n_burn_in: 100, n_sweeps: 400, n_draws: 100, background: true, seed: 0 }
    }
}

impl settings::Settings for Settings {
    fn validate(&self) -> Result<()> {
        require(self.n_effects > 0, "n_effects", self.n_effects, "at least 1")?;
        require(self.n_sweeps > 0, "n_sweeps", self.n_sweeps, "at least 1")?;
        require(self.n_draws <= self.n_sweeps, "n_draws", self.n_draws, "at most `n_sweeps`")
    }
}

/// The posterior over supports of one response, in the caller's units.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Probability that each feature has an effect.
    pub inclusion_prob: Vec<f64>,
    /// Mean of each coefficient, background included, and the intercept that belongs to it.
    pub coef: Vec<f64>,
    /// See `coef`.
    pub intercept: f64,
    /// Draws of the coefficients, shape `(n_draws, n_features)`, and of the intercept.
    pub coef_draws: Array2<f64>,
    /// See `coef_draws`.
    pub intercept_draws: Vec<f64>,
    /// Mean of the noise variance.
    pub noise_var: f64,
    /// Mean of the variance that the background gives to the response.
    pub background_var: f64,
    /// Mean number of effects.
    pub n_effects: f64,
    /// What credible sets are made of.
    pub places: Places,
}

/// Where effects may be, sweep by sweep: an effect is at the columns `column[i]` with probabilities `probability[i]`,
/// `i` from `start[e]` up to `start[e + 1]`; `times[e]` effects of sweep `sweep[e]` are alike in this.
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// How many sweeps there are.
    pub n_sweeps: usize,
    /// The features that are considered, the most probable first; columns are counted in this order.
    pub features: Vec<usize>,
    /// Their correlations.
    pub correlation: Array2<f64>,
    /// See above.
    pub column: Vec<usize>,
    /// See above.
    pub probability: Vec<f64>,
    /// See above.
    pub start: Vec<usize>,
    /// See above.
    pub sweep: Vec<usize>,
    /// See above.
    pub times: Vec<usize>,
}

/// Samples the posterior over supports of one response. `noise_var`, in the caller's units, is that of the noise where
/// it is known.
///
/// # Errors
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter);
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition);
/// [`Error::Interrupted`](crate::Error::Interrupted).
///
/// # Complexity
/// `O(r^2 (r + n))` once for a design of rank `r` with `n` columns, and a copy of it; then `O(r n)` for each move of an
/// effect to another column, `O(n)` for others. The same bits for any number of threads.
pub fn posterior(
    problem: &Problem<'_>,
    response: &Response,
    noise_var: Option<f64>,
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<Posterior> {
    settings::Settings::validate(settings)?;
    let unit = response.norm * response.norm / problem.freedom as f64;
    let coordinates = Coordinates::new(problem, response)?;
    let averages = sampler::sample(&coordinates, settings, noise_var.map(|v| v / unit), monitor)?;
    let n = coordinates.n_columns();
    let places = places(problem, &coordinates, &averages);
    let Averages { inclusion, mut coef, score, noise_var, background_var, size, draws, .. } = averages;
    let score: Vec<f64> = score.iter().map(|s| s / n as f64).collect();
    let mut background = vec![0.0; n];
    coordinates.multiply_transposed(&score, &mut background);
    coef.iter_mut().zip(background).for_each(|(b, u)| *b += u);

    let all: Vec<usize> = (0..n).collect();
    let (coef, intercept) = problem.coef_to_caller(&all, &coef, response);
    let mut coef_draws = Array2::zeros((draws.len(), coef.len()));
    let mut intercept_draws = Vec::with_capacity(draws.len());
    for (mut to, draw) in coef_draws.outer_iter_mut().zip(draws) {
        let (coef, intercept) = problem.coef_to_caller(&all, &draw, response);
        to.assign(&ndarray::aview1(&coef));
        intercept_draws.extend(intercept);
    }
    Ok(Posterior {
        inclusion_prob: problem.to_features(&all, &inclusion, 1),
        coef,
        intercept: intercept[0],
        coef_draws,
        intercept_draws,
        noise_var: noise_var * unit,
        background_var: background_var * unit,
        n_effects: size,
        places,
    })
}

/// A posterior without doubt: the effects are where `support` says, with these coefficients, and there is nothing else.
pub fn certain(problem: &Problem<'_>, support: &[usize], coef: &[f64], intercept: f64, noise_var: f64) -> Posterior {
    let mut inclusion_prob = vec![0.0; coef.len()];
    support.iter().for_each(|&j| inclusion_prob[j] = 1.0);
    let place: HashMap<usize, usize> = problem.columns.iter().enumerate().map(|(i, &j)| (j, i)).collect();
    let own: Vec<usize> = support.iter().filter_map(|j| place.get(j).copied()).collect();
    let columns = problem.design.gather(&own);
    let k = support.len();
    Posterior {
        inclusion_prob,
        coef: coef.to_vec(),
        intercept,
        coef_draws: Array2::from_shape_fn((1, coef.len()), |(_, j)| coef[j]),
        intercept_draws: vec![intercept],
        noise_var,
        background_var: 0.0,
        n_effects: k as f64,
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

/// Places of the columns that credible sets may hold.
fn places(problem: &Problem<'_>, coordinates: &Coordinates, averages: &Averages) -> Places {
    let inclusion = &averages.inclusion;
    let mut candidates: Vec<usize> = (0..inclusion.len()).filter(|&j| inclusion[j] > CANDIDATES.0).collect();
    candidates.sort_by(|&a, &b| inclusion[b].total_cmp(&inclusion[a]).then(a.cmp(&b)));
    candidates.truncate(CANDIDATES.1);
    let place: HashMap<usize, usize> = candidates.iter().enumerate().map(|(i, &j)| (j, i)).collect();
    let mut places = Places {
        n_sweeps: averages.places.len(),
        features: candidates.iter().map(|&j| problem.columns[j]).collect(),
        correlation: coordinates.correlation(&candidates),
        column: Vec::new(),
        probability: Vec::new(),
        start: vec![0],
        sweep: Vec::new(),
        times: Vec::new(),
    };
    let all = averages.places.iter().enumerate().flat_map(|(sweep, own)| own.iter().map(move |place| (sweep, place)));
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
