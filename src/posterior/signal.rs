//! Whether there is anything at all: an exact test against pure noise.

use super::coordinates::{Coordinates, Levels};
use super::tolerances::{FALSE_ALARM, LONE_EFFECTS, NULL_DRAWS, NULL_DRAWS_OF_WHOLE, WEAK_SIZE, WHOLE_AT_ONCE};
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

/// How many columns may be chosen: none unless the response is told from noise at the level [`FALSE_ALARM`], and few
/// unless it is beyond doubt.
///
/// The statistic is a Bayes factor, with the noise variance integrated out: half of it for one effect at any column,
/// half for a background of any strength. Under noise alone its mean is 1, so that one above `1 / FALSE_ALARM` is rarer
/// than that (Markov); a smaller one is compared with those of drawn noise. Where the problem is a part of another one,
/// the effect may be at any column of that: columns that were chosen by the response say nothing by themselves.
///
/// # Complexity
/// `O(r n)` for each of at most [`NULL_DRAWS`] draws, for a design of rank `r` with `n` columns; of a part, `n` columns
/// of the whole and at most [`NULL_DRAWS_OF_WHOLE`].
pub(super) fn largest_size(
    problem: &Problem<'_>,
    response: &Response,
    coordinates: &Coordinates,
    levels: &Levels,
    seed: u64,
    monitor: &Monitor<'_>,
) -> Result<usize> {
    let mut test = Test { coordinates, levels, products: Vec::new() };
    let observed = match problem.whole() {
        Some(whole) => test.of_whole(problem, whole, &response.values)?[0],
        None => test.of_part(&coordinates.response, coordinates.off_range),
    };
    if observed > -FALSE_ALARM.ln() {
        return Ok(usize::MAX);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rank = coordinates.spectrum.len();
    let spare = coordinates.freedom - rank as f64;
    let off_range = (spare >= 1.0).then(|| ChiSquared::new(spare)).transpose();
    let off_range = off_range.map_err(|error| Error::invalid("freedom", error, "at least 1"))?;
    let n_draws = if problem.whole().is_some() { NULL_DRAWS_OF_WHOLE } else { NULL_DRAWS };
    let too_many = (FALSE_ALARM * (n_draws + 1) as f64) as usize;
    let (mut drawn, mut as_large) = (0, 0);
    while drawn < n_draws {
        monitor.check()?;
        let values = match problem.whole() {
            Some(whole) => {
                let at_once = (WHOLE_AT_ONCE / whole.columns.len()).clamp(1, n_draws - drawn);
                test.of_whole(problem, whole, &noise(&mut rng, at_once * whole.design.nrows()))?
            }
            None => {
                let in_range = noise(&mut rng, rank);
                let off_range = off_range.map_or(0.0, |law| law.sample(&mut rng));
                vec![test.of_part(&in_range, off_range)]
            }
        };
        drawn += values.len();
        as_large += values.into_iter().filter(|value| *value >= observed).count();
        if as_large >= too_many {
            return Ok(0);
        }
    }
    Ok(if as_large == 0 { usize::MAX } else { WEAK_SIZE })
}

/// The statistic, of responses of any scale.
struct Test<'a> {
    coordinates: &'a Coordinates,
    levels: &'a Levels,
    products: Vec<f64>,
}

impl Test<'_> {
    /// Of a response in the coordinates, with `off_range` the squared norm of what no column reaches.
    fn of_part(&mut self, response: &[f64], off_range: f64) -> f64 {
        let Self { coordinates, products, .. } = self;
        products.resize(coordinates.n_columns(), 0.0);
        coordinates.multiply_transposed(response, products);
        let total = coordinates.freedom * (off_range + squared(response));
        self.log_bayes_factor(&self.products, total, response, off_range)
    }

    /// Of responses in the rows of the design, one after the other, with an effect at any column of `whole`.
    fn of_whole(&mut self, problem: &Problem<'_>, whole: &Problem<'_>, responses: &[f64]) -> Result<Vec<f64>> {
        let (rows, n) = whole.design.dim();
        self.products.resize(n * responses.len() / rows, 0.0);
        whole.design.multiply_transposed(responses, &mut self.products);
        let spectral = problem.spectral()?;
        let each = responses.chunks_exact(rows).zip(self.products.chunks_exact(n)).map(|(response, products)| {
            let (total, in_range) = (squared(response), spectral.rotate(response));
            self.log_bayes_factor(products, total, &in_range, (total - squared(&in_range)).max(0.0))
        });
        Ok(each.collect())
    }

    /// `products` are those of the columns with the response, whose squares are shares of `square`.
    fn log_bayes_factor(&self, products: &[f64], square: f64, response: &[f64], off_range: f64) -> f64 {
        let freedom = self.coordinates.freedom;
        let total = off_range + squared(response);
        let lone = LONE_EFFECTS.iter().flat_map(|variance| {
            let share = freedom * variance / (1.0 + freedom * variance);
            let occam = (-share).ln_1p() / 2.0;
            products.iter().map(move |q| occam - freedom / 2.0 * (-share * (q * q / square).min(1.0)).ln_1p())
        });
        let background = self.levels.all.iter().filter(|level| level.ratio > 0.0).map(|level| {
            let left = off_range + response.iter().zip(&level.weights).map(|(y, w)| w * y * y).sum::<f64>();
            -level.log_det / 2.0 - freedom / 2.0 * (left / total).ln()
        });
        let (lone, background) = (log_mean(lone.collect()), log_mean(background.collect()));
        log_mean(vec![lone, background])
    }
}

fn noise(rng: &mut ChaCha8Rng, len: usize) -> Vec<f64> {
    (0..len).map(|_| StandardNormal.sample(rng)).collect()
}

fn squared(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

/// Logarithm of the mean of what `logs` are the logarithms of; of none, that of 0.
fn log_mean(logs: Vec<f64>) -> f64 {
    if logs.is_empty() {
        return f64::NEG_INFINITY;
    }
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + (logs.iter().map(|log| (log - top).exp()).sum::<f64>() / logs.len() as f64).ln()
}
