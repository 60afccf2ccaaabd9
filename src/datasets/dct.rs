//! Designs of a few rows of the discrete cosine transform.

use super::signal::draw_subset;
use super::{Purpose, column_norms, divide, fill, stream, zeros};
use crate::monitor::Monitor;
use crate::{Error, Result};
use ndarray::Array2;
use std::f64::consts::PI;
use std::str::FromStr;

/// Which rows of the transform a design keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DctRows {
    /// Drawn without replacement, all sets being equally likely: well conditioned in the sense of the restricted
    /// isometry property.
    Random,
    /// Those of the lowest frequencies: neighbouring columns are nearly parallel.
    Low,
}

impl FromStr for DctRows {
    type Err = Error;

    /// The rows of a lower-case name: `random` or `low`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "random" => Ok(Self::Random),
            "low" => Ok(Self::Low),
            _ => Err(Error::invalid("rows", name, "one of random, low")),
        }
    }
}

/// `n_samples` rows of the orthonormal DCT-II of size n = `n_features`, by increasing frequency.
///
/// Row k and column j, counted from 0, have the entry c_k cos(pi k (2 j + 1) / (2 n)) with c_0 = sqrt(1 / n) and
/// otherwise c_k = sqrt(2 / n), so that the rows are orthonormal; with `unit_norm` each column is then divided by its
/// Euclidean norm. `Low` uses no random numbers.
///
/// # Errors
/// [`Error::InvalidParameter`] if a size is zero, the design does not fit in memory, `n_samples` exceeds `n_features`,
/// or with `unit_norm` if all the rows drawn are zero in one column: of an odd size, for example, all odd frequencies
/// are zero in the middle column; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// O(`n_samples` x `n_features`) time, one cosine an entry.
///
/// # References
/// Ahmed, Natarajan and Rao, "Discrete cosine transform", IEEE Transactions on Computers, 1974.
pub fn make_partial_dct_design(
    n_samples: usize,
    n_features: usize,
    rows: DctRows,
    unit_norm: bool,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    let mut x = zeros(("n_samples", n_samples), ("n_features", n_features))?;
    if n_samples > n_features {
        let allowed = format!("at most the size of the transform, `n_features`, which is {n_features}");
        return Err(Error::invalid("n_samples", n_samples, &allowed));
    }
    let frequencies = match rows {
        DctRows::Random => draw_subset(n_features, n_samples, stream(seed, Purpose::Frequency, 0), monitor)?,
        DctRows::Low => (0..n_samples).collect(),
    };
    for (mut row, k) in x.rows_mut().into_iter().zip(frequencies) {
        let scale = (if k == 0 { 1.0 } else { 2.0 } / n_features as f64).sqrt();
        fill(row.iter_mut().enumerate(), monitor, |(j, value)| *value = scale * cosine(k, j, n_features))?;
    }
    if unit_norm {
        let norms = column_norms(&x, monitor)?;
        if let Some(j) = norms.iter().position(|&norm| norm == 0.0) {
            return Err(Error::invalid(
                "unit_norm",
                true,
                &format!("false: the rows drawn are all zero in column {j}"),
            ));
        }
        divide(&mut x, &norms, monitor)?;
    }
    Ok(x)
}

/// cos(pi k (2 j + 1) / (2 n)), with the multiples of half a turn taken off in integers and exact zeros.
fn cosine(k: usize, j: usize, n: usize) -> f64 {
    let (numerator, n) = (k as u128 * (2 * j as u128 + 1), n as u128);
    let (turns, rest) = (numerator / (2 * n), numerator % (2 * n));
    if rest == n {
        return 0.0;
    }
    let sign = if turns % 2 == 0 { 1.0 } else { -1.0 };
    sign * libm::cos(PI * rest as f64 / (2 * n) as f64)
}
