//! Low-rank matrices, some of their entries replaced by outliers, some missing.

use super::{Purpose, fill, reserve, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::{Array2, Axis};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// What a matrix of low rank with outliers is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LowRankSettings {
    /// Rows.
    pub n_samples: usize,
    /// Columns.
    pub n_features: usize,
    /// Rank without outliers.
    pub rank: usize,
    /// Probability of an entry to be replaced.
    pub outlier_share: f64,
    /// Standard deviation of what replaces it.
    pub magnitude: f64,
    /// Probability of an entry to be missing.
    pub missing_share: f64,
}

/// A matrix with outliers, and the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRankOutliers {
    /// The data; NaN where an entry is missing.
    pub x: Array2<f64>,
    /// The matrix of low rank.
    pub low_rank: Array2<f64>,
    /// What replacing entries added to it, missing or not; exactly 0 where nothing was replaced.
    pub outliers: Array2<f64>,
    /// Which entries were replaced, missing or not.
    pub outlier_mask: Array2<bool>,
    /// Which entries are missing.
    pub missing_mask: Array2<bool>,
}

/// `U V / sqrt(rank)` with standard normal `U` and `V`, so that entries have variance 1, each entry replaced, with
/// probability `outlier_share`, by a normal number of standard deviation `magnitude`, and missing with probability
/// `missing_share`, all independently.
///
/// Every row of `U`, of the outliers and of what is missing, and every column of `V`, comes from a stream of its own:
/// the first samples and features do not change when more are asked for, nor outliers with the share of what is
/// missing, nor the entries that are replaced with the magnitude; those replaced at a lower share are also replaced at
/// a higher one.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the result does not fit in memory, `rank` exceeds a side, a share is
/// outside [0, 1], `missing_share` is 1, or `magnitude` is not positive and finite; [`Error::Interrupted`] where the
/// caller asks to stop.
///
/// # Complexity
/// `O(n_samples n_features rank)`.
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", sec. 5.1, where the magnitude is 1.
pub fn make_low_rank_outliers(settings: &LowRankSettings, seed: u64, monitor: &Monitor<'_>) -> Result<LowRankOutliers> {
    let LowRankSettings { n_samples, n_features, rank, outlier_share, magnitude, missing_share } = *settings;
    let mut low_rank = zeros(("n_samples", n_samples), ("n_features", n_features))?;
    let most = n_samples.min(n_features);
    if !(1..=most).contains(&rank) {
        return Err(Error::invalid("rank", rank, &format!("from 1 to the shorter side, {most}")));
    }
    if !(0.0..=1.0).contains(&outlier_share) {
        return Err(Error::invalid("outlier_share", outlier_share, "at least 0 and at most 1"));
    }
    if !(0.0..1.0).contains(&missing_share) {
        return Err(Error::invalid("missing_share", missing_share, "at least 0 and less than 1"));
    }
    if !(magnitude.is_finite() && magnitude > 0.0) {
        return Err(Error::invalid("magnitude", magnitude, "finite and greater than 0"));
    }
    let normals = |purpose, count: usize| -> Result<Array2<f64>> {
        let mut rows = zeros(("n_samples", count), ("rank", rank))?;
        for (index, mut row) in rows.axis_iter_mut(Axis(0)).enumerate() {
            let mut rng = stream(seed, purpose, index);
            fill(&mut row, monitor, |value| *value = StandardNormal.sample(&mut rng))?;
        }
        Ok(rows)
    };
    let (u, v) = (normals(Purpose::SampleFactor, n_samples)?, normals(Purpose::ColumnFactor, n_features)?);
    // Sums in the order of the factors, which no size changes.
    for (u, mut row) in u.rows().into_iter().zip(low_rank.rows_mut()) {
        fill(row.iter_mut().zip(v.rows()), monitor, |(value, v)| {
            *value = u.iter().zip(v).map(|(a, b)| a * b).sum::<f64>() / (rank as f64).sqrt();
        })?;
    }
    let mut x = zeros(("n_samples", n_samples), ("n_features", n_features))?;
    let mut outliers = zeros(("n_samples", n_samples), ("n_features", n_features))?;
    drop(reserve::<bool>("n_features", n_features, 2 * x.len())?);
    let mut outlier_mask = Array2::from_elem(x.dim(), false);
    let mut missing_mask = outlier_mask.clone();
    for (i, mut row) in x.axis_iter_mut(Axis(0)).enumerate() {
        let (mut place, mut value) = (stream(seed, Purpose::OutlierPlace, i), stream(seed, Purpose::OutlierValue, i));
        let mut missing = stream(seed, Purpose::MissingPlace, i);
        row.assign(&low_rank.row(i));
        fill(row.iter_mut().enumerate(), monitor, |(j, entry)| {
            let drawn: f64 = StandardNormal.sample(&mut value);
            if place.random::<f64>() < outlier_share {
                outliers[[i, j]] = magnitude * drawn - *entry;
                *entry = magnitude * drawn;
                outlier_mask[[i, j]] = true;
            }
            if missing.random::<f64>() < missing_share {
                *entry = f64::NAN;
                missing_mask[[i, j]] = true;
            }
        })?;
    }
    Ok(LowRankOutliers { x, low_rank, outliers, outlier_mask, missing_mask })
}
