//! Sparse coefficients and noise at a stated signal-to-noise ratio.

use super::{Purpose, fill, reserve, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array1, ArrayView1, Axis, s};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::HashMap;
use std::str::FromStr;

/// The law of the nonzero coefficients.
///
/// A draw that is exactly zero is drawn again, so that a chosen coefficient is never zero. This changes one law only:
/// the Poisson becomes the zero-truncated Poisson, with mean 1 / (1 - 1/e) = 1.582.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// Normal with mean 0 and variance 1.
    Gaussian,
    /// Rayleigh with scale 1: mean sqrt(pi / 2), positive.
    Rayleigh,
    /// Chi-squared with two degrees of freedom: mean 2, positive. One degree would put 2.5% of the coefficients below
    /// 0.001.
    ChiSquared,
    /// Uniform between 0 and 1.
    Uniform,
    /// Poisson with rate 1, zeros drawn again: positive integers.
    Poisson,
}

impl FromStr for Law {
    type Err = Error;

    /// The law of a snake-case name: `gaussian`, `rayleigh`, `chi_squared`, `uniform` or `poisson`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "gaussian" => Ok(Self::Gaussian),
            "rayleigh" => Ok(Self::Rayleigh),
            "chi_squared" => Ok(Self::ChiSquared),
            "uniform" => Ok(Self::Uniform),
            "poisson" => Ok(Self::Poisson),
            _ => Err(Error::invalid("law", name, "one of gaussian, rayleigh, chi_squared, uniform, poisson")),
        }
    }
}

impl Law {
    pub(super) fn sample_nonzero(self, rng: &mut ChaCha8Rng) -> f64 {
        loop {
            let value = self.sample(rng);
            if value != 0.0 {
                return value;
            }
        }
    }

    fn sample(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Gaussian => StandardNormal.sample(rng),
            Self::Rayleigh => (2.0 * exponential(rng)).sqrt(),
            Self::ChiSquared => 2.0 * exponential(rng),
            Self::Uniform => rng.random(),
            Self::Poisson => poisson_of_rate_one(rng),
        }
    }
}

/// Exponential with mean 1; a uniform draw of zero maps to zero, never to infinity.
fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    -(-rng.random::<f64>()).ln_1p()
}

/// The number of arrivals in unit time when gaps are exponential with mean 1, by products of uniforms.
fn poisson_of_rate_one(rng: &mut ChaCha8Rng) -> f64 {
    let limit = (-1.0_f64).exp();
    let mut count = 0.0;
    let mut product: f64 = rng.random();
    while product > limit {
        count += 1.0;
        product *= rng.random::<f64>();
    }
    count
}

/// `n_nonzero` distinct indices below `n_features`, uniform over all such sets, in increasing order.
///
/// # Errors
/// [`Error::InvalidParameter`] if `n_nonzero` exceeds `n_features`, or is too large for the result to fit in memory;
/// [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_nonzero`) time and memory.
pub fn sample_support(n_features: usize, n_nonzero: usize, seed: u64, monitor: &Monitor<'_>) -> Result<Vec<usize>> {
    if n_nonzero > n_features {
        return Err(Error::invalid("n_nonzero", n_nonzero, &format!("at most the number of features, {n_features}")));
    }
    drop(reserve::<usize>("n_nonzero", n_nonzero, n_nonzero)?);
    draw_subset(n_features, n_nonzero, stream(seed, Purpose::Support, 0), monitor)
}

/// `count` distinct indices below `n`, at least `count`, uniform over all such sets, in increasing order.
///
/// A shuffle of 0..`n` that remembers only what is not in its place.
pub(super) fn draw_subset(n: usize, count: usize, mut rng: ChaCha8Rng, monitor: &Monitor<'_>) -> Result<Vec<usize>> {
    let mut chosen = Vec::with_capacity(count);
    let mut moved = HashMap::new();
    fill(0..count, monitor, |i| {
        let j = rng.random_range(i..n);
        let own = moved.remove(&i).unwrap_or(i);
        chosen.push(if i == j { own } else { moved.insert(j, own).unwrap_or(j) });
    })?;
    chosen.sort_unstable();
    Ok(chosen)
}

/// A coefficient vector of length `n_features` with exactly `n_nonzero` nonzero entries.
///
/// Their positions are those of [`sample_support`] under the same seed; their values are independent draws from `law`.
///
/// # Errors
/// [`Error::InvalidParameter`] if `n_nonzero` exceeds `n_features`, or is too large for the result to fit in memory;
/// [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_features`) time and memory.
///
/// # References
/// Pratihar and Mukhopadhyay, ICML 2025, app. D.2: the five laws. The paper names no parameters; [`Law`] states ours.
pub fn make_sparse_coef(
    n_features: usize,
    n_nonzero: usize,
    law: Law,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array1<f64>> {
    let support = sample_support(n_features, n_nonzero, seed, monitor)?;
    let mut rng = stream(seed, Purpose::Coefficient, 0);
    let mut coef = zeros(("coef", 1), ("n_features", n_features.max(1)))?.remove_axis(Axis(0));
    coef.slice_collapse(s![..n_features]);
    fill(support, monitor, |j| coef[j] = law.sample_nonzero(&mut rng))?;
    Ok(coef)
}

/// A signal with noise, and how much.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisySignal {
    /// Signal plus noise, shape (n_samples,).
    pub y: Array1<f64>,
    /// Variance of the law that the noise was drawn from, in squared units of the signal.
    pub noise_var: f64,
}

/// Adds independent normal noise to `signal`, shape (n_samples,), at `snr_db` decibels.
///
/// The noise variance is Var(signal) / 10^(`snr_db` / 10), with the variance over the samples about their mean (divisor
/// n_samples), so that `snr_db` = 10 log10(Var(signal) / noise_var) holds exactly; the variance of the noise drawn
/// scatters about it.
///
/// # Errors
/// [`Error::NonFinite`] if `signal` holds NaN or infinity; [`Error::InvalidParameter`] if `snr_db` is not finite, or if
/// the variance of the signal or of the noise is zero or infinite in float64 (a constant signal has no signal-to-noise
/// ratio); [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(n_samples) time and memory.
///
/// # References
/// Pratihar and Mukhopadhyay, ICML 2025, app. D.3.
pub fn add_noise(signal: ArrayView1<'_, f64>, snr_db: f64, seed: u64, monitor: &Monitor<'_>) -> Result<NoisySignal> {
    if let Some(index) = signal.iter().position(|value| !value.is_finite()) {
        return Err(Error::NonFinite { what: "signal", index: vec![index] });
    }
    let signal_var = if signal.is_empty() { 0.0 } else { signal.var(0.0) };
    let noise_var = noise_var_at("Var(signal)", signal_var, snr_db)?;
    let scale = noise_var.sqrt();
    let mut rng = stream(seed, Purpose::Noise, 0);
    let mut y = signal.to_owned();
    fill(&mut y, monitor, |value| {
        let noise: f64 = StandardNormal.sample(&mut rng);
        *value += scale * noise;
    })?;
    Ok(NoisySignal { y, noise_var })
}

/// The noise variance `snr_db` decibels below `power`; `what` is the name of `power`.
pub(super) fn noise_var_at(what: &'static str, power: f64, snr_db: f64) -> Result<f64> {
    if !snr_db.is_finite() {
        return Err(Error::invalid("snr_db", snr_db, "finite; leave the noise out for an infinite ratio"));
    }
    if !is_positive(power) {
        return Err(Error::invalid(what, power, "positive and finite for a signal-to-noise ratio"));
    }
    let noise_var = power / 10.0_f64.powf(snr_db / 10.0);
    if !is_positive(noise_var) {
        return Err(Error::invalid("snr_db", snr_db, "such that the noise variance is a positive float64"));
    }
    Ok(noise_var)
}

fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}
