//! Coefficients of many responses that share one support, and noise on many responses.

use super::signal::noise_var_at;
use super::{Law, Purpose, check_finite, column_norms, divide, fill, sample_support, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, ArrayView2, Axis};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::str::FromStr;

/// The norms of [`RowScale::Jeffreys`] lie between this number and its reciprocal.
pub const JEFFREYS_RANGE: f64 = 0.01;

/// The Euclidean norms of the nonzero rows of U0, the coefficients of one feature in all responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowScale {
    /// As drawn.
    None,
    /// All equal to 1.
    Unit,
    /// Independent with density -1 / (2 log(a) nu) for nu between a and 1/a, a = [`JEFFREYS_RANGE`].
    Jeffreys,
}

impl FromStr for RowScale {
    type Err = Error;

    /// The scale of a lower-case name: `none`, `unit` or `jeffreys`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::None),
            "unit" => Ok(Self::Unit),
            "jeffreys" => Ok(Self::Jeffreys),
            _ => Err(Error::invalid("row_scale", name, "one of none, unit, jeffreys")),
        }
    }
}

/// Coefficients of shape (`n_responses`, `n_features`), the transpose of U0, nonzero in `n_nonzero` columns.
///
/// The columns are those of [`sample_support`] under the same seed. Without `rank` their entries are independent
/// standard normals; with it they are the sum over t = 1..`rank` of b_t a_t^T, with a_t (`n_nonzero`) and b_t
/// (`n_responses`) independent standard normals, so that the result has the rank
/// min(`rank`, `n_nonzero`, `n_responses`). Last, each nonzero column is scaled to the norm that `row_scale` states.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the result does not fit in memory, `n_nonzero` exceeds `n_features`,
/// or `rank` is zero or larger than `n_features` or `n_responses`; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_nonzero` x `n_responses` x `rank`) time beyond the size of the result.
///
/// # References
/// Wipf, "Marginalization is not Marginal", ICML 2023, app. A: factors, unit norms, and Jeffreys norms with a = 0.01.
pub fn make_row_sparse_coef(
    n_features: usize,
    n_responses: usize,
    n_nonzero: usize,
    rank: Option<usize>,
    row_scale: RowScale,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    let mut coef = zeros(("n_responses", n_responses), ("n_features", n_features))?;
    let support = sample_support(n_features, n_nonzero, seed, monitor)?;
    let largest = n_features.min(n_responses);
    if let Some(rank) = rank.filter(|rank| !(1..=largest).contains(rank)) {
        return Err(Error::invalid("rank", rank, &format!("from 1 to {largest}, the largest rank of this shape")));
    }
    if support.is_empty() {
        return Ok(coef);
    }
    let mut block = match rank {
        None => normals(Purpose::Coefficient, ("n_responses", n_responses), n_nonzero, seed, monitor)?,
        Some(rank) => product(rank, n_responses, n_nonzero, seed, monitor)?,
    };
    if row_scale != RowScale::None {
        let norms = column_norms(&block, monitor)?;
        divide(&mut block, &norms, monitor)?;
    }
    if row_scale == RowScale::Jeffreys {
        let mut rng = stream(seed, Purpose::RowNorm, 0);
        for mut column in block.axis_iter_mut(Axis(1)) {
            column *= libm::exp(JEFFREYS_RANGE.ln() * (1.0 - 2.0 * rng.random::<f64>()));
        }
    }
    for (column, j) in block.axis_iter(Axis(1)).zip(support) {
        coef.column_mut(j).assign(&column);
        monitor.advance()?;
    }
    Ok(coef)
}

/// The sum of `rank` outer products b_t a_t^T, shape (`n_responses`, `n_nonzero`).
fn product(rank: usize, n_responses: usize, n_nonzero: usize, seed: u64, monitor: &Monitor<'_>) -> Result<Array2<f64>> {
    let features = normals(Purpose::FeatureFactor, ("rank", rank), n_nonzero, seed, monitor)?;
    let responses = normals(Purpose::ResponseFactor, ("rank", rank), n_responses, seed, monitor)?;
    let mut sum = zeros(("n_responses", n_responses), ("n_nonzero", n_nonzero))?;
    for (a, b) in features.rows().into_iter().zip(responses.rows()) {
        for (mut row, &scale) in sum.rows_mut().into_iter().zip(b) {
            row.scaled_add(scale, &a);
            monitor.advance()?;
        }
    }
    Ok(sum)
}

/// Independent standard normals, each row from a stream of its own.
fn normals(
    purpose: Purpose,
    rows: (&'static str, usize),
    n_columns: usize,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    let mut out = zeros(rows, ("n_nonzero", n_columns))?;
    for (i, mut row) in out.rows_mut().into_iter().enumerate() {
        let mut rng = stream(seed, purpose, i);
        fill(&mut row, monitor, |value| *value = Law::Gaussian.sample_nonzero(&mut rng))?;
    }
    Ok(out)
}

/// Responses with noise, and how much.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyResponses {
    /// Signal plus noise, shape (n_samples, n_responses).
    pub y: Array2<f64>,
    /// Variance of the law that the noise was drawn from, in squared units of the signal.
    pub noise_var: f64,
}

/// Adds independent normal noise of one variance to `signal`, shape (n_samples, n_responses), at `snr_db` decibels.
///
/// The noise variance is m / 10^(`snr_db` / 10), with m the mean of the squared entries, not centred, so that
/// `snr_db` = 10 log10(m / noise_var) holds exactly; the variance of the noise drawn scatters about it. The noise of
/// each response comes from a stream of its own.
///
/// # Errors
/// [`Error::NonFinite`] if `signal` holds NaN or infinity; [`Error::InvalidParameter`] if `snr_db` is not finite, or if
/// the mean square of the signal or the variance of the noise is zero or infinite in float64; [`Error::Interrupted`]
/// where the caller asks to stop.
///
/// # Complexity
/// O(n_samples x n_responses) time and memory.
///
/// # References
/// Wipf, "Marginalization is not Marginal", ICML 2023, app. A, adds noise of 20 dB and does not define the ratio.
pub fn add_response_noise(
    signal: ArrayView2<'_, f64>,
    snr_db: f64,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<NoisyResponses> {
    check_finite("signal", signal)?;
    let power = signal.mapv(|value| value * value).mean().unwrap_or(0.0);
    let noise_var = noise_var_at("mean(signal^2)", power, snr_db)?;
    let scale = noise_var.sqrt();
    let mut y = signal.to_owned();
    for (index, mut column) in y.axis_iter_mut(Axis(1)).enumerate() {
        let mut rng = stream(seed, Purpose::Noise, index);
        fill(&mut column, monitor, |value| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            *value += scale * noise;
        })?;
    }
    Ok(NoisyResponses { y, noise_var })
}
