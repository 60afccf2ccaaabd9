//! Whether there is anything at all: an exact test against pure noise.

use super::coordinates::{Coordinates, Levels, squared};
use super::tolerances::{
    FALSE_ALARM, LONE_EFFECTS, NULL_DRAWS, NULL_DRAWS_OF_WHOLE, WEAK_SIZE, WHOLE_AT_ONCE, WRONG_SIZE,
};
use crate::monitor::Monitor;
use crate::problem::{Problem, Response};
use crate::{Error, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

/// A test of no effect and no background.
///
/// The statistic is a Bayes factor, with the noise variance integrated out: half of it for one effect at any column,
/// half for a background of any strength. Under noise alone its mean is 1, so that one above `1 / FALSE_ALARM` is rarer
/// than that (Markov); a smaller one is compared with those of drawn noise. In a sub-problem of another one
/// the effect may be at any column of that: columns that were chosen by the response say nothing by themselves. Where the
/// caller chose them, the bound alone decides.
pub(super) struct Test<'a> {
    pub problem: &'a Problem<'a>,
    pub coordinates: &'a Coordinates,
    pub levels: &'a Levels,
    /// Logarithm of the prior odds of each column over their mean; empty where all are the same.
    pub log_prior: &'a [f64],
}

impl Test<'_> {
    /// How many columns may be chosen: none unless the response differs from noise at the level [`FALSE_ALARM`], and
    /// few unless it does at the level [`WRONG_SIZE`].
    ///
    /// # Complexity
    /// `O(r n)` for each of at most [`NULL_DRAWS`] draws, for a design of rank `r` with `n` columns; of a sub-problem,
    /// `n` columns of the whole problem and at most [`NULL_DRAWS_OF_WHOLE`].
    pub fn largest_size(&self, response: &Response, seed: u64, monitor: &Monitor<'_>) -> Result<usize> {
        let Self { problem, coordinates, .. } = self;
        let observed = match problem.whole() {
            Some(whole) => {
                let values = response.in_whole();
                // All responses together have norm 1.
                let is_reached = whole.design.nrows() == whole.freedom;
                let off_range = if is_reached { 0.0 } else { (1.0 - squared(values)).max(0.0) };
                self.of_whole(whole, values, coordinates.n_axes, || off_range, monitor)?[0]
            }
            None => self.of_part(&coordinates.response, coordinates.off_range),
        };
        if observed > -WRONG_SIZE.ln() {
            return Ok(usize::MAX);
        }
        if observed > -FALSE_ALARM.ln() {
            return Ok(WEAK_SIZE);
        }
        if problem.is_screened() {
            // How large noise would look on the columns that were left out cannot be drawn.
            return Ok(0);
        }
        let (responses, mut rng) = (coordinates.n_responses, ChaCha8Rng::seed_from_u64(seed));
        let size = coordinates.spectrum.len() * responses;
        let reached = problem.whole().map_or(size, |whole| whole.design.nrows() * responses);
        let spare = coordinates.freedom * responses as f64 - reached as f64;
        let off_range = (spare >= 1.0).then(|| ChiSquared::new(spare)).transpose();
        let off_range = off_range.map_err(|error| Error::invalid("freedom", error, "at least 1"))?;
        let n_draws = if problem.whole().is_some() { NULL_DRAWS_OF_WHOLE } else { NULL_DRAWS };
        let too_many = (FALSE_ALARM * (n_draws + 1) as f64) as usize;
        let (mut drawn, mut as_large) = (0, 0);
        while drawn < n_draws {
            monitor.check()?;
            let values = match problem.whole() {
                Some(whole) => {
                    let at_once = (WHOLE_AT_ONCE / (whole.columns.len() * responses)).clamp(1, n_draws - drawn);
                    let drawn = noise(&mut rng, at_once * responses * whole.design.nrows());
                    let off_range = || off_range.map_or(0.0, |law| law.sample(&mut rng));
                    self.of_whole(whole, &drawn, responses, off_range, monitor)?
                }
                None => {
                    let in_range = noise(&mut rng, size);
                    let off_range = off_range.map_or(0.0, |law| law.sample(&mut rng));
                    vec![self.of_part(&in_range, off_range)]
                }
            };
            drawn += values.len();
            as_large += values.into_iter().filter(|value| *value >= observed).count();
            if as_large >= too_many {
                return Ok(0);
            }
        }
        Ok(WEAK_SIZE)
    }

    /// The statistic of responses in the coordinates, one after the other and of any scale, with `off_range` the squared
    /// norm of what no column reaches.
    fn of_part(&self, response: &[f64], off_range: f64) -> f64 {
        let (n, rank) = (self.coordinates.n_columns(), self.coordinates.spectrum.len());
        let mut products = vec![0.0; n * response.len() / rank.max(1)];
        self.coordinates.multiply_transposed(response, &mut products);
        let mut squares = vec![0.0; n];
        for q in products.chunks_exact(n.max(1)) {
            squares.iter_mut().zip(q).for_each(|(sum, q)| *sum += q * q);
        }
        let total = self.coordinates.freedom * (off_range + squared(response));
        squares.iter_mut().for_each(|square| *square /= total);
        self.log_bayes_factor(&squares, response, off_range)
    }

    /// That of each of some sets of `at_once` responses in the rows of `whole`, with an effect at any column of that; of
    /// each set, `off_range` tells the squared norm of what no column reaches.
    fn of_whole(
        &self,
        whole: &Problem<'_>,
        responses: &[f64],
        at_once: usize,
        mut off_range: impl FnMut() -> f64,
        monitor: &Monitor<'_>,
    ) -> Result<Vec<f64>> {
        let (rows, n) = whole.design.dim();
        let (spectral, own_rows) = (self.problem.spectral()?, self.problem.design.nrows().max(1));
        let own = self.problem.rotate_from_whole(responses, monitor)?;
        let mut squares = vec![0.0; responses.len() / rows / at_once * n];
        whole.design.products(responses, monitor, |columns, products| {
            for (l, products) in products.chunks_exact(columns.len()).enumerate() {
                let sums = &mut squares[l / at_once * n..][columns.clone()];
                sums.iter_mut().zip(products).for_each(|(sum, q)| *sum += *q * *q);
            }
        })?;
        let sets = responses.chunks_exact(at_once * rows).zip(own.chunks_exact(at_once * own_rows));
        let statistics = sets.zip(squares.chunks_exact_mut(n)).map(|((responses, own), squares)| {
            let total = squared(responses) + off_range();
            let seen: Vec<f64> = own.chunks_exact(own_rows).flat_map(|one| spectral.rotate(one)).collect();
            squares.iter_mut().for_each(|square| *square /= total);
            self.log_bayes_factor(squares, &seen, (total - squared(&seen)).max(0.0))
        });
        Ok(statistics.collect())
    }

    /// `explained` is the share of the responses that each column explains.
    fn log_bayes_factor(&self, explained: &[f64], response: &[f64], off_range: f64) -> f64 {
        let (freedom, responses) = (self.coordinates.freedom, self.coordinates.n_responses as f64);
        let half = freedom * responses / 2.0;
        let total = off_range + squared(response);
        let lone = LONE_EFFECTS.iter().flat_map(|variance| {
            let share = freedom * variance / (1.0 + freedom * variance);
            let occam = responses * (-share).ln_1p() / 2.0;
            let prior = self.log_prior.iter().copied().chain(std::iter::repeat(0.0));
            explained.iter().zip(prior).map(move |(e, log)| log + occam - half * (-share * e.min(1.0)).ln_1p())
        });
        let background = self.levels.all.iter().filter(|level| level.ratio > 0.0).map(|level| {
            let weighted = response.iter().zip(level.weights.iter().cycle()).map(|(y, w)| w * y * y);
            let left = off_range + weighted.sum::<f64>();
            -responses * level.log_det / 2.0 - half * (left / total).ln()
        });
        let (lone, background) = (log_mean(lone.collect()), log_mean(background.collect()));
        if self.problem.is_screened() {
            // The mean over all columns, of which those that were left out count as nothing.
            return lone + (explained.len() as f64 / self.coordinates.n_choices as f64).ln();
        }
        log_mean(vec![lone, background])
    }
}

fn noise(rng: &mut ChaCha8Rng, len: usize) -> Vec<f64> {
    (0..len).map(|_| StandardNormal.sample(rng)).collect()
}

/// Logarithm of the mean of what `logs` are the logarithms of; of none, that of 0.
fn log_mean(logs: Vec<f64>) -> f64 {
    if logs.is_empty() {
        return f64::NEG_INFINITY;
    }
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + (logs.iter().map(|log| (log - top).exp()).sum::<f64>() / logs.len() as f64).ln()
}
