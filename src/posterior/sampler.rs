//! Gibbs moves of single effects.
//!
//! A move takes one effect away and draws its column anew from its conditional over all columns and none, so that it
//! moves freely among columns that are alike, where flipping one column at a time does not. The conditionals
//! themselves are averaged (Rao and Blackwell). It is the sampling counterpart of the updates of SuSiE (Wang, Sarkar,
//! Carbonetto and Stephens, 2020).

use super::conditional::Conditional;
use super::coordinates::{Coordinates, Levels};
use super::settings::Settings;
use super::tolerances::{
    BATCH, DRAWN_AT_ONCE, LEAST_NOISE, LEVEL_EVERY, NO_BACKGROUND, SLAB, SLAB_RANGE, SMALLEST, SPARE_EFFECTS, START,
};
use crate::linalg::least_squares::NestedLeastSquares;
use crate::monitor::{Monitor, Progress};
use crate::{Error, Result};
use ndarray::{Array2, Axis, aview1};
use pulp::Arch;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, StandardNormal};

/// An effect that is there.
#[derive(Debug, Clone, Copy)]
struct Effect {
    column: usize,
    coefficient: f64,
}

/// Where an effect may be in one sweep, given all others.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Columns with their probabilities, but for those that are too small.
    pub probabilities: Vec<(usize, f64)>,
    /// Effects that are alike in this.
    pub times: usize,
}

/// What the sweeps leave, in the units of [`Coordinates`].
#[derive(Default)]
pub(super) struct Averages {
    /// Probability of each column, and mean of its coefficient.
    pub inclusion: Vec<f64>,
    pub coef: Vec<f64>,
    /// The background's mean coefficients are `X^T score`, times the share of each column.
    pub score: Vec<f64>,
    pub noise_var: f64,
    pub background_var: f64,
    /// Mean number of effects.
    pub size: f64,
    /// One list for each sweep.
    pub places: Vec<Vec<Place>>,
    /// Draws of all coefficients, background included.
    pub draws: Vec<Vec<f64>>,
}

struct Chain<'a> {
    coordinates: &'a Coordinates,
    levels: &'a mut Levels,
    arch: Arch,
    rng: ChaCha8Rng,
    given_noise: Option<f64>,
    effects: Vec<Option<Effect>>,
    residual: Vec<f64>,
    /// `X^T diag(weights) residual`.
    q: Vec<f64>,
    level: usize,
    noise_var: f64,
    slab_var: f64,
    /// Probability that an effect is there.
    presence: f64,
    /// Of each column: the log Bayes factor of an effect there is `offset + scale q^2`, its mean `shrink q`.
    offset: Vec<f64>,
    scale: Vec<f64>,
    shrink: Vec<f64>,
    conditional: Conditional,
    /// Normal numbers of each column's share of variance for the background of the next draws, a row for each, and `X`
    /// times them.
    normals: Array2<f64>,
    reached: Array2<f64>,
    /// Of this sweep: probability that no effect is at a column; mean of coefficients.
    absent: Vec<f64>,
    mean: Vec<f64>,
    sums: Averages,
}

/// Draws supports in turn, from that with effects at the columns `start` on, and averages what follows from them.
pub(super) fn sample(
    coordinates: &Coordinates,
    levels: &mut Levels,
    start: &[usize],
    settings: &Settings,
    given_noise: Option<f64>,
    monitor: &Monitor<'_>,
) -> Result<Averages> {
    let mut mixing = Mixing::default();
    let mut chain = Chain::new(coordinates, levels, start, settings, given_noise);
    chain.draw_variances(true)?;
    let draw_every = settings.n_sweeps.div_ceil(settings.n_draws.max(1));
    for sweep in 0..settings.n_burn_in + settings.n_sweeps {
        let kept = sweep.checked_sub(settings.n_burn_in);
        chain.sweep(kept.is_some());
        chain.draw_variances(sweep % LEVEL_EVERY == 0)?;
        if let Some(kept) = kept {
            chain.keep();
            if kept % draw_every == draw_every - 1 {
                let draw = chain.draw_coefficients();
                chain.sums.draws.push(draw);
            }
            mixing.add(&chain.coordinates.response, &chain.residual);
            if mixing.effective_size().is_some_and(|size| size >= settings.enough) {
                break;
            }
        }
        monitor.step(&Progress::of_round(0, sweep))?;
    }
    Ok(chain.averages())
}

/// How well the sweeps mix, told by what the effects fit.
#[derive(Default)]
struct Mixing {
    sweeps: usize,
    /// Sums, over all sweeps, of the fit and of its square.
    sum: Vec<f64>,
    square: f64,
    /// Sum over the batches that are complete of the squared norm of their means; the sum of the one that is not.
    of_batches: f64,
    batch: Vec<f64>,
}

impl Mixing {
    fn add(&mut self, response: &[f64], residual: &[f64]) {
        self.sum.resize(response.len(), 0.0);
        self.batch.resize(response.len(), 0.0);
        self.sweeps += 1;
        let fit = response.iter().zip(residual).map(|(y, r)| y - r);
        for ((sum, batch), fit) in self.sum.iter_mut().zip(&mut self.batch).zip(fit) {
            *sum += fit;
            *batch += fit;
            self.square += fit * fit;
        }
        if self.sweeps.is_multiple_of(BATCH) {
            self.of_batches += squared(&self.batch) / (BATCH * BATCH) as f64;
            self.batch.fill(0.0);
        }
    }

    /// How many independent draws the sweeps are worth, by the means of batches; known after each but the first.
    fn effective_size(&self) -> Option<f64> {
        let (sweeps, batches) = (self.sweeps as f64, (self.sweeps / BATCH) as f64);
        if self.sweeps < 2 * BATCH || !self.sweeps.is_multiple_of(BATCH) {
            return None;
        }
        let mean = squared(&self.sum) / (sweeps * sweeps);
        let of_sweeps = (self.square / sweeps - mean) * sweeps / (sweeps - 1.0);
        let of_mean = (self.of_batches / batches - mean) / (batches - 1.0);
        // Sweeps that all fit the same leave nothing to mix.
        Some(if of_sweeps > 0.0 { of_sweeps / of_mean.max(f64::MIN_POSITIVE) } else { f64::INFINITY })
    }
}

fn squared(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

impl<'a> Chain<'a> {
    fn new(
        coordinates: &'a Coordinates,
        levels: &'a mut Levels,
        start: &[usize],
        settings: &Settings,
        given_noise: Option<f64>,
    ) -> Self {
        let n = coordinates.n_columns();
        let (noise_var, slab_var, presence) = START;
        let zeros = || vec![0.0; n];
        let sums = Averages {
            inclusion: zeros(),
            coef: zeros(),
            score: vec![0.0; coordinates.spectrum.len()],
            ..Averages::default()
        };
        let (columns, rank) = (coordinates.columns.select(Axis(0), start), coordinates.spectrum.len());
        let fit = NestedLeastSquares::new(columns.t(), &coordinates.response);
        let coefficients = fit.coefficients(start.len());
        let fitted = aview1(&coefficients).dot(&columns);
        let residual: Vec<f64> = coordinates.response.iter().zip(fitted).map(|(y, f)| y - f).collect();
        let there = start.iter().zip(coefficients).map(|(&column, coefficient)| Some(Effect { column, coefficient }));
        let spare = if start.is_empty() { 0 } else { SPARE_EFFECTS.min(rank.saturating_sub(start.len())) };
        let most = settings.n_effects.max(start.len() + spare);
        let effects = there.chain(std::iter::repeat(None)).take(most).collect();
        Self {
            coordinates,
            level: levels.all.len() / 2,
            levels,
            arch: Arch::new(),
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            given_noise,
            effects,
            residual,
            q: zeros(),
            noise_var: given_noise.unwrap_or(noise_var),
            slab_var,
            presence,
            offset: zeros(),
            scale: zeros(),
            shrink: zeros(),
            conditional: Conditional::new(n),
            normals: Array2::zeros((0, n)),
            reached: Array2::zeros((0, rank)),
            absent: zeros(),
            mean: zeros(),
            sums,
        }
    }

    /// Products of the columns with the residual, from the start.
    fn refresh(&mut self) {
        let weights = &self.levels.all[self.level].weights;
        let weighted: Vec<f64> = self.residual.iter().zip(weights).map(|(r, w)| r * w).collect();
        self.coordinates.multiply_transposed(&weighted, &mut self.q);
    }

    /// Log Bayes factors as functions of `q`.
    fn tabulate(&mut self) {
        let Self { coordinates, levels, arch, offset, scale, shrink, noise_var, slab_var, .. } = self;
        let squares = levels.squares(coordinates, self.level, *arch);
        let ratio = *noise_var / *slab_var;
        for (((offset, scale), shrink), square) in offset.iter_mut().zip(scale).zip(shrink).zip(squares) {
            *shrink = 1.0 / (square + ratio);
            *scale = *shrink / (2.0 * *noise_var);
            *offset = (ratio * *shrink).ln() / 2.0;
        }
    }

    /// Moves every effect once, in random order.
    fn sweep(&mut self, kept: bool) {
        self.tabulate();
        self.absent.fill(1.0);
        self.mean.fill(0.0);
        if kept {
            self.sums.places.push(Vec::new());
        }
        let log_none = ((1.0 - self.presence) / self.presence * self.coordinates.n_choices as f64).ln();
        let mut order: Vec<usize> = (0..self.effects.len()).collect();
        order.shuffle(&mut self.rng);
        // Effects that are nowhere have one conditional until another one moves: how many have drawn from it.
        let mut times = 0;
        for l in order {
            let before = self.effects[l].take();
            if let Some(Effect { column, coefficient }) = before {
                self.record(kept, &mut times);
                self.shift(column, coefficient);
            }
            if times == 0 {
                self.conditional.update(self.arch, &self.offset, &self.scale, &self.q, log_none);
            }
            times += 1;
            let drawn = self.conditional.at(self.rng.random());
            if before.is_some() || drawn.is_some() {
                self.record(kept, &mut times);
            }
            if let Some(column) = drawn {
                let normal: f64 = StandardNormal.sample(&mut self.rng);
                let shrink = self.shrink[column];
                let coefficient = shrink * self.q[column] + (self.noise_var * shrink).sqrt() * normal;
                self.effects[l] = Some(Effect { column, coefficient });
                self.shift(column, -coefficient);
            }
        }
        self.record(kept, &mut times);
    }

    /// Adds the present conditional to what the sweep knows, once for each of the `times` effects that drew from it.
    fn record(&mut self, kept: bool, times: &mut usize) {
        let times = std::mem::take(times);
        if times == 0 || !kept {
            return;
        }
        let Self { arch, conditional, absent, mean, shrink, q, .. } = self;
        let share = 1.0 / conditional.total;
        arch.dispatch(|| {
            let terms = conditional.weights.iter().zip(shrink.iter().zip(q.iter()));
            for ((absent, mean), (weight, (shrink, q))) in absent.iter_mut().zip(mean.iter_mut()).zip(terms) {
                let probability = share * weight;
                *absent *= power(1.0 - probability, times);
                *mean += times as f64 * probability * shrink * q;
            }
        });
        let large = conditional.weights.iter().enumerate().filter(|(_, weight)| **weight * share > SMALLEST);
        let probabilities: Vec<_> = large.map(|(j, weight)| (j, weight * share)).collect();
        if let (false, Some(sweep)) = (probabilities.is_empty(), self.sums.places.last_mut()) {
            sweep.push(Place { probabilities, times });
        }
    }

    /// `residual <- residual + coefficient x_j`.
    fn shift(&mut self, column: usize, coefficient: f64) {
        let Self { coordinates, levels, arch, residual, q, level, .. } = self;
        let row = levels.row(coordinates, *level, column);
        let x = coordinates.column(column);
        arch.dispatch(|| {
            residual.iter_mut().zip(x).for_each(|(r, x)| *r += coefficient * x);
            q.iter_mut().zip(row).for_each(|(q, g)| *q += coefficient * g);
        });
    }

    /// Draws the variances and the probability that an effect is there; the ratio of background to noise with the noise
    /// integrated out.
    fn draw_variances(&mut self, with_level: bool) -> Result<()> {
        let Self { coordinates, levels, rng, residual, .. } = self;
        let squares: Vec<f64> = residual.iter().map(|r| r * r).collect();
        let floor = coordinates.freedom * LEAST_NOISE + coordinates.off_range;
        let sum = |weights: &[f64]| floor + squares.iter().zip(weights).map(|(r, w)| r * w).sum::<f64>();
        let half = coordinates.freedom / 2.0;
        if with_level && levels.all.len() > 1 {
            let none = (NO_BACKGROUND / (1.0 - NO_BACKGROUND) * (levels.all.len() - 1) as f64).ln();
            let given = self.given_noise;
            let logs = levels.all.iter().map(|level| {
                let (prior, sum) = (if level.ratio == 0.0 { none } else { 0.0 }, sum(&level.weights));
                prior - level.log_det / 2.0 - given.map_or_else(|| half * sum.ln(), |noise_var| sum / (2.0 * noise_var))
            });
            let logs: Vec<f64> = logs.collect();
            let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = logs.iter().map(|log| (log - top).exp()).collect();
            let mut left = rng.random::<f64>() * weights.iter().sum::<f64>();
            let drawn = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            self.level = drawn.unwrap_or(self.level);
        }
        if self.given_noise.is_none() {
            self.noise_var = sum(&levels.all[self.level].weights) / (2.0 * gamma(rng, half)?);
        }
        let present: Vec<f64> = self.effects.iter().flatten().map(|effect| effect.coefficient.powi(2)).collect();
        let (k, most) = (present.len() as f64, self.effects.len() as f64);
        let (there, not_there) = (gamma(rng, 1.0 + k)?, gamma(rng, 1.0 + most - k)?);
        self.presence = (there / (there + not_there)).clamp(0.5 / most, 1.0 - 0.5 / most);
        let scale = SLAB.1 + present.iter().sum::<f64>() / 2.0;
        self.slab_var = (scale / gamma(rng, SLAB.0 + k / 2.0)?).clamp(SLAB_RANGE.0, SLAB_RANGE.1);
        if with_level {
            self.refresh();
        }
        Ok(())
    }

    fn keep(&mut self) {
        let Self { sums, levels, residual, .. } = self;
        sums.inclusion.iter_mut().zip(&self.absent).for_each(|(sum, absent)| *sum += 1.0 - absent);
        sums.coef.iter_mut().zip(&self.mean).for_each(|(sum, mean)| *sum += mean);
        let level = &levels.all[self.level];
        let score = sums.score.iter_mut().zip(residual.iter().zip(&level.weights));
        score.for_each(|(sum, (r, w))| *sum += level.ratio * w * r);
        sums.noise_var += self.noise_var;
        sums.background_var += level.ratio * self.noise_var;
        sums.size += self.effects.iter().flatten().count() as f64;
    }

    /// Coefficients of the effects as they are, and of the background given them: a draw `u` from its prior, moved by
    /// what its sum `X u + e` lacks of the residual (Matheron's rule).
    fn draw_coefficients(&mut self) -> Vec<f64> {
        let Self { coordinates, levels, rng, residual, noise_var, normals, reached, sums, .. } = self;
        let (level, n, index) = (&levels.all[self.level], coordinates.n_columns(), sums.draws.len() % DRAWN_AT_ONCE);
        if index == 0 {
            let share = &coordinates.share;
            *normals = Array2::from_shape_fn((DRAWN_AT_ONCE, n), |(_, j)| share[j].sqrt() * normal(rng));
            *reached = normals.dot(&coordinates.columns);
        }
        let mut draw = vec![0.0; n];
        if level.ratio > 0.0 {
            let deviation = (level.ratio * *noise_var).sqrt();
            let lacking =
                reached.row(index).into_iter().zip(residual.iter().zip(&level.weights)).map(|(seen, (r, w))| {
                    let noise = noise_var.sqrt() * normal(rng);
                    level.ratio * w * (r - deviation * seen - noise)
                });
            coordinates.multiply_transposed(&lacking.collect::<Vec<f64>>(), &mut draw);
            let own = coordinates.share.iter().zip(normals.row(index));
            draw.iter_mut().zip(own).for_each(|(u, (share, z))| *u = share * *u + deviation * z);
        }
        for Effect { column, coefficient } in self.effects.iter().flatten() {
            draw[*column] += coefficient;
        }
        draw
    }

    fn averages(mut self) -> Averages {
        let sums = &mut self.sums;
        let n_sweeps = sums.places.len() as f64;
        for sum in [&mut sums.inclusion, &mut sums.coef, &mut sums.score] {
            sum.iter_mut().for_each(|value| *value /= n_sweeps);
        }
        for sum in [&mut sums.noise_var, &mut sums.background_var, &mut sums.size] {
            *sum /= n_sweeps;
        }
        self.sums
    }
}

/// `base^exponent`, by squares: `powi` calls a function, which no loop over it is vectorised with.
#[inline(always)]
fn power(mut base: f64, exponent: usize) -> f64 {
    let mut power = 1.0;
    for bit in 0..usize::BITS - exponent.leading_zeros() {
        power *= if exponent >> bit & 1 == 1 { base } else { 1.0 };
        base *= base;
    }
    power
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn gamma(rng: &mut ChaCha8Rng, shape: f64) -> Result<f64> {
    let law = Gamma::new(shape, 1.0).map_err(|error| Error::invalid("shape", error, "greater than 0"))?;
    Ok(law.sample(rng))
}
