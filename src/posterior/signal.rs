//! Whether there is anything at all: an exact test against pure noise.

use super::coordinates::{Coordinates, Levels};
use super::tolerances::{FALSE_ALARM, LONE_EFFECTS, NULL_DRAWS, WEAK_SIZE};
use crate::monitor::Monitor;
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

/// How many columns may be chosen: none unless the response is told from noise at the level [`FALSE_ALARM`], and few
/// unless it is beyond doubt.
///
/// The statistic is a Bayes factor, with the noise variance integrated out: half of it for one effect at any column,
/// half for a background of any strength. Under noise alone its mean is 1, so that one above `1 / FALSE_ALARM` is rarer
/// than that (Markov); a smaller one is compared with those of drawn noise.
///
/// # Complexity
/// `O(r n)` for each of at most [`NULL_DRAWS`] draws, for a design of rank `r` with `n` columns.
pub(super) fn largest_size(
    coordinates: &Coordinates,
    levels: &Levels,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<usize> {
    let mut products = vec![0.0; coordinates.n_columns()];
    let observed = log_bayes_factor(coordinates, levels, &coordinates.response, coordinates.off_range, &mut products);
    if observed > -FALSE_ALARM.ln() {
        return Ok(usize::MAX);
    }
    let (rank, mut rng) = (coordinates.spectrum.len(), ChaCha8Rng::seed_from_u64(seed));
    let spare = coordinates.freedom - rank as f64;
    let off_range = (spare >= 1.0).then(|| ChiSquared::new(spare)).transpose();
    let off_range = off_range.map_err(|error| Error::invalid("freedom", error, "at least 1"))?;
    let too_many = (FALSE_ALARM * (NULL_DRAWS + 1) as f64) as usize;
    let mut as_large = 0;
    for _ in 0..NULL_DRAWS {
        monitor.check()?;
        let noise: Vec<f64> = (0..rank).map(|_| StandardNormal.sample(&mut rng)).collect();
        let off_range = off_range.map_or(0.0, |law| law.sample(&mut rng));
        if log_bayes_factor(coordinates, levels, &noise, off_range, &mut products) >= observed {
            as_large += 1;
        }
        if as_large == too_many {
            return Ok(0);
        }
    }
    Ok(if as_large == 0 { usize::MAX } else { WEAK_SIZE })
}

/// Of `response`, with `off_range` the squared norm of what no column reaches; of any scale.
fn log_bayes_factor(
    coordinates: &Coordinates,
    levels: &Levels,
    response: &[f64],
    off_range: f64,
    products: &mut [f64],
) -> f64 {
    let freedom = coordinates.freedom;
    let total = off_range + response.iter().map(|y| y * y).sum::<f64>();
    coordinates.multiply_transposed(response, products);
    let lone = LONE_EFFECTS.iter().flat_map(|variance| {
        let share = freedom * variance / (1.0 + freedom * variance);
        let occam = (-share).ln_1p() / 2.0;
        products.iter().map(move |q| occam - freedom / 2.0 * (-share * (q * q / (freedom * total)).min(1.0)).ln_1p())
    });
    let background = levels.all.iter().filter(|level| level.ratio > 0.0).map(|level| {
        let left = off_range + response.iter().zip(&level.weights).map(|(y, w)| w * y * y).sum::<f64>();
        -level.log_det / 2.0 - freedom / 2.0 * (left / total).ln()
    });
    let (lone, background) = (log_mean(lone.collect()), log_mean(background.collect()));
    log_mean(vec![lone, background])
}

/// Logarithm of the mean of what `logs` are the logarithms of; of none, that of 0.
fn log_mean(logs: Vec<f64>) -> f64 {
    if logs.is_empty() {
        return f64::NEG_INFINITY;
    }
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + (logs.iter().map(|log| (log - top).exp()).sum::<f64>() / logs.len() as f64).ln()
}
