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
    log_prior: &[f64],
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<usize> {
    let statistic = |response: &[f64], off_range| log_bayes_factor(coordinates, levels, log_prior, response, off_range);
    let observed = statistic(&coordinates.response, coordinates.off_range);
    if observed > -FALSE_ALARM.ln() {
        return Ok(usize::MAX);
    }
    let (responses, mut rng) = (coordinates.n_responses, ChaCha8Rng::seed_from_u64(seed));
    let size = coordinates.spectrum.len() * responses;
    let spare = coordinates.freedom * responses as f64 - size as f64;
    let off_range = (spare >= 1.0).then(|| ChiSquared::new(spare)).transpose();
    let off_range = off_range.map_err(|error| Error::invalid("freedom", error, "at least 1"))?;
    let too_many = (FALSE_ALARM * (NULL_DRAWS + 1) as f64) as usize;
    let mut as_large = 0;
    for _ in 0..NULL_DRAWS {
        monitor.check()?;
        let noise: Vec<f64> = (0..size).map(|_| StandardNormal.sample(&mut rng)).collect();
        let off_range = off_range.map_or(0.0, |law| law.sample(&mut rng));
        if statistic(&noise, off_range) >= observed {
            as_large += 1;
        }
        if as_large == too_many {
            return Ok(0);
        }
    }
    Ok(if as_large == 0 { usize::MAX } else { WEAK_SIZE })
}

/// Of responses one after the other, with `off_range` the squared norm of what no column reaches; of any scale.
fn log_bayes_factor(
    coordinates: &Coordinates,
    levels: &Levels,
    log_prior: &[f64],
    response: &[f64],
    off_range: f64,
) -> f64 {
    let (n, rank, responses) = (coordinates.n_columns(), coordinates.spectrum.len(), coordinates.n_responses as f64);
    let half = coordinates.freedom * responses / 2.0;
    let total = off_range + response.iter().map(|y| y * y).sum::<f64>();
    let axes = response.len() / rank.max(1);
    let mut products = vec![0.0; n * axes];
    coordinates.multiply_transposed(response, &mut products);
    let mut explained = vec![0.0; n];
    for q in products.chunks_exact(n.max(1)) {
        explained.iter_mut().zip(q).for_each(|(sum, q)| *sum += q * q / (coordinates.freedom * total));
    }
    let lone = LONE_EFFECTS.iter().flat_map(|variance| {
        let share = coordinates.freedom * variance / (1.0 + coordinates.freedom * variance);
        let occam = responses * (-share).ln_1p() / 2.0;
        let prior = log_prior.iter().copied().chain(std::iter::repeat(0.0));
        explained.iter().zip(prior).map(move |(e, log)| log + occam - half * (-share * e.min(1.0)).ln_1p())
    });
    let background = levels.all.iter().filter(|level| level.ratio > 0.0).map(|level| {
        let weighted = response.iter().zip(level.weights.iter().cycle()).map(|(y, w)| w * y * y);
        let left = off_range + weighted.sum::<f64>();
        -responses * level.log_det / 2.0 - half * (left / total).ln()
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
