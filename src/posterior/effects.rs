//! Single effects, and those that a chain begins with.

use super::coordinates::{Coordinates, squared};
use super::tolerances::{LEAST_NOISE, SLAB_RANGE};
use crate::linalg::least_squares::NestedLeastSquares;
use ndarray::{Axis, aview1};

/// An effect that is there, with its coefficient for each axis of the responses.
#[derive(Debug)]
pub(super) struct Effect {
    pub column: usize,
    pub coefficients: Vec<f64>,
}

/// Effects at the columns `start` by least squares, without those whose coefficient has a sign that it must not have; and
/// what they leave.
pub(super) fn least_squares(coordinates: &Coordinates, start: &[usize], sign: &[f64]) -> (Vec<Effect>, Vec<f64>) {
    // Beyond the rank columns depend on each other; the strongest come first.
    let mut start: Vec<usize> = start.iter().copied().take(coordinates.spectrum.len()).collect();
    loop {
        let columns = coordinates.columns.select(Axis(0), &start);
        let (k, rank) = columns.dim();
        let fit = NestedLeastSquares::new(columns.t(), &coordinates.response);
        let z = fit.coefficients(k);
        let allowed: Vec<usize> =
            (0..k).filter(|&i| sign.get(start[i]).is_none_or(|sign| sign * z[i] >= 0.0)).collect();
        if allowed.len() < k {
            start = allowed.into_iter().map(|i| start[i]).collect();
            continue;
        }
        let mut residual = coordinates.response.clone();
        for (residual, z) in residual.chunks_exact_mut(rank.max(1)).zip(z.chunks_exact(k.max(1))) {
            residual.iter_mut().zip(aview1(z).dot(&columns)).for_each(|(r, fitted)| *r -= fitted);
        }
        let coefficients = |i: usize| z.iter().skip(i).step_by(k).copied().collect();
        return (
            start.iter().enumerate().map(|(i, &column)| Effect { column, coefficients: coefficients(i) }).collect(),
            residual,
        );
    }
}

/// The noise variance after `effects` by least squares, if none is `given`, and the variance of effects over it. What is
/// left has one degree of freedom less for each column. Where there is no effect yet, one may explain a half.
pub(super) fn variances(
    coordinates: &Coordinates,
    effects: &[Effect],
    residual: &[f64],
    given: Option<f64>,
) -> (f64, f64) {
    let (k, responses) = (effects.len() as f64, coordinates.n_responses as f64);
    let left = coordinates.off_range + squared(residual);
    let noise_var = given.unwrap_or((left / ((coordinates.freedom - k).max(1.0) * responses)).max(LEAST_NOISE));
    if effects.is_empty() {
        return (noise_var, 1.0);
    }
    let explained: f64 = effects.iter().map(|effect| squared(&effect.coefficients)).sum();
    (noise_var, (explained / (k * responses * noise_var)).clamp(SLAB_RANGE.0, SLAB_RANGE.1))
}

/// Logarithm of the prior density of `ratio` where one effect joins `k` others, over that without it. The share
/// `k ratio / (1 + k ratio)` of the variance that `k` effects explain is uniform (Guan and Stephens, 2011); that of none is
/// taken for one.
pub(super) fn log_prior_of_one_more(k: usize, ratio: f64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let log_density = |k: f64| k.ln() - 2.0 * (k * ratio).ln_1p();
    log_density((k + 1) as f64) - log_density(k as f64)
}
