//! Gibbs moves of single effects.
//!
//! A move takes one effect away and draws its column anew from its conditional over all columns and none, so that it
//! moves freely among columns that are alike, where flipping one column at a time does not. The conditionals
//! themselves are averaged (Rao and Blackwell). It is the sampling counterpart of the updates of SuSiE (Wang, Sarkar,
//! Carbonetto and Stephens, 2020).

use super::conditional::Conditional;
use super::coordinates::{Coordinates, Levels};
use super::draws::{Background, Draw, Draws, gamma, normal, one_of};
use super::effects::{Effect, least_squares, log_prior_of_one_more, variances};
use super::integrated::Integrated;
use super::mixing::Mixing;
use super::one_sided;
use super::places::Record;
use super::settings::Settings;
use super::tolerances::{
    DRAWN, FEW, LEVEL_EVERY, NEGLIGIBLE, REFRESH_EVERY, SLAB_RANGE, SMALLEST, SPARE_EFFECTS, START,
};
use crate::Result;
use crate::monitor::{Monitor, Progress};
use ndarray::{Axis, aview1};
use pulp::Arch;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the sweeps leave, in the units of [`Coordinates`].
#[derive(Default)]
pub(super) struct Averages {
    /// Probability of each column.
    pub inclusion: Vec<f64>,
    /// Mean of its coefficient, axis after axis.
    pub coef: Vec<f64>,
    /// The background's mean coefficients are `X^T score`, times the share of each column; axis after axis.
    pub score: Vec<f64>,
    pub noise_var: f64,
    pub background_var: f64,
    pub n_sweeps: usize,
    /// Mean number of effects, and how many there may be.
    pub size: f64,
    pub most: usize,
    pub places: Record,
    /// Draws of all coefficients, background included, axis after axis.
    pub draws: Vec<Draw>,
    /// Whether the sweeps ended before they were as many, or worth as many draws, as was wanted.
    pub is_cut_off: bool,
}

/// What is known of columns beforehand, in the order of [`Coordinates`].
#[derive(Clone, Copy)]
pub(super) struct Prior<'a> {
    /// Logarithm of the prior odds of each column over their mean; empty where all are the same.
    pub log_odds: &'a [f64],
    /// The sign that the coefficient of a column must have, 0 for any; empty where all may have any.
    pub sign: &'a [f64],
}

struct Chain<'a> {
    coordinates: &'a Coordinates,
    levels: &'a mut Levels,
    arch: Arch,
    rng: ChaCha8Rng,
    given_noise: Option<f64>,
    effects: Vec<Option<Effect>>,
    /// The effect, of these, that residual and products do not know of yet; and the products of all columns with its
    /// own.
    waiting: Option<usize>,
    waiting_row: Vec<f64>,
    /// Axis after axis, as what follows.
    residual: Vec<f64>,
    /// `X^T diag(weights) residual`.
    q: Vec<f64>,
    /// Of each column, the sum over axes of `q^2`; always that of `q` as it is.
    squares: Vec<f64>,
    level: usize,
    noise_var: f64,
    /// Variance of effects over that of the noise.
    slab_ratio: f64,
    /// Odds that an effect is not there.
    absence: f64,
    prior: Prior<'a>,
    /// Of each column: the log Bayes factor of an effect there is `offset + scale |q|^2`, its mean `shrink q`.
    offset: Vec<f64>,
    scale: Vec<f64>,
    shrink: Vec<f64>,
    conditional: Conditional,
    /// Columns that are not improbable in it.
    likely: Vec<usize>,
    background: Background,
    /// Of this sweep: probability of each column, as the sum of those of the effects; mean of coefficients.
    inclusion: Vec<f64>,
    mean: Vec<f64>,
    sums: Averages,
}

/// Draws supports in turn, from that with effects at the columns `start` on, and averages what follows from them.
pub(super) fn sample(
    coordinates: &Coordinates,
    levels: &mut Levels,
    start: &[usize],
    prior: Prior<'_>,
    settings: &Settings,
    given_noise: Option<f64>,
    monitor: &Monitor<'_>,
) -> Result<Averages> {
    let mut mixing = Mixing::default();
    let mut chain = Chain::new(coordinates, levels, start, prior, settings, given_noise);
    chain.draw_variances(0)?;
    let width = coordinates.n_columns() * coordinates.n_axes;
    let (n_burn_in, n_sweeps, n_more) = settings.sweeps(width * chain.effects.len());
    let room = (DRAWN.0 / width).max(DRAWN.1).min(2 * settings.n_draws);
    let mut draws = Draws::new(n_sweeps.div_ceil(settings.n_draws.max(1)), room);
    let mut is_cut_off = n_sweeps < settings.n_sweeps;
    for sweep in 0..n_burn_in + n_sweeps + n_more {
        let kept = sweep.checked_sub(n_burn_in);
        chain.sweep(kept.is_some());
        chain.draw_variances(sweep)?;
        if let Some(kept) = kept {
            chain.keep();
            if draws.wants(kept) {
                draws.push(chain.draw_coefficients());
            }
            mixing.add(&chain.coordinates.response, &chain.residual);
            if mixing.effective_size().is_some_and(|size| size >= settings.enough) {
                is_cut_off = false;
                break;
            }
        }
        monitor.step(&Progress::of_round(0, sweep))?;
    }
    Ok(Averages { draws: draws.into_inner(), is_cut_off, ..chain.averages() })
}

impl<'a> Chain<'a> {
    fn new(
        coordinates: &'a Coordinates,
        levels: &'a mut Levels,
        start: &[usize],
        prior: Prior<'a>,
        settings: &Settings,
        given_noise: Option<f64>,
    ) -> Self {
        let (n, axes, rank) = (coordinates.n_columns(), coordinates.n_axes, coordinates.spectrum.len());
        let zeros = || vec![0.0; n];
        let sums = Averages {
            inclusion: zeros(),
            coef: vec![0.0; n * axes],
            score: vec![0.0; rank * axes],
            ..Averages::default()
        };
        let (there, residual) = least_squares(coordinates, start, prior.sign);
        let (noise_var, slab_ratio) = variances(coordinates, &there, &residual, given_noise);
        let spare = if there.is_empty() { 0 } else { SPARE_EFFECTS.min(rank.saturating_sub(there.len())) };
        let most = settings.n_effects.min(n).max(there.len() + spare);
        let effects = there.into_iter().map(Some).chain(std::iter::repeat_with(|| None)).take(most).collect();
        Self {
            coordinates,
            level: levels.all.len() / 2,
            levels,
            arch: Arch::new(),
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            given_noise,
            effects,
            waiting: None,
            waiting_row: zeros(),
            residual,
            q: vec![0.0; n * axes],
            squares: zeros(),
            noise_var,
            slab_ratio,
            absence: START,
            prior,
            offset: zeros(),
            scale: zeros(),
            shrink: zeros(),
            conditional: Conditional::new(n),
            likely: Vec::with_capacity(n),
            background: Background::new(),
            inclusion: zeros(),
            mean: vec![0.0; n * axes],
            sums,
        }
    }

    /// Products of the columns with the residual, from the start.
    fn refresh(&mut self) {
        let weights = &self.levels.all[self.level].weights;
        let weighted: Vec<f64> = self.residual.iter().zip(weights.iter().cycle()).map(|(r, w)| r * w).collect();
        self.coordinates.multiply_transposed(&weighted, &mut self.q);
        let Self { arch, q, squares, .. } = self;
        arch.dispatch(|| {
            squares.fill(0.0);
            for q in q.chunks_exact(squares.len().max(1)) {
                squares.iter_mut().zip(q).for_each(|(square, q)| *square += q * q);
            }
        });
    }

    /// Log Bayes factors as functions of `q`.
    fn tabulate(&mut self) {
        let Self { coordinates, levels, arch, offset, scale, shrink, prior, noise_var, slab_ratio, .. } = self;
        let axes = coordinates.n_responses as f64;
        let squares = levels.squares(coordinates, self.level, *arch);
        let ratio = 1.0 / *slab_ratio;
        for (((offset, scale), shrink), square) in offset.iter_mut().zip(scale).zip(shrink).zip(squares) {
            *shrink = 1.0 / (square + ratio);
            *scale = *shrink / (2.0 * *noise_var);
            *offset = axes * (ratio * *shrink).ln() / 2.0;
        }
        offset.iter_mut().zip(prior.log_odds).for_each(|(offset, log)| *offset += *log);
    }

    /// Moves every effect once, in random order.
    fn sweep(&mut self, kept: bool) {
        self.tabulate();
        self.inclusion.fill(0.0);
        self.mean.fill(0.0);
        let mut order: Vec<usize> = (0..self.effects.len()).collect();
        order.shuffle(&mut self.rng);
        if !kept {
            // Of two columns that are alike the better one should be moved to, not joined: joint effects of both, as large
            // as they like if they cancel each other, are hard to leave one by one.
            order.sort_by_key(|&l| self.effects[l].is_none());
        }
        // Effects that are nowhere have one conditional until another one moves: how many have drawn from it.
        let mut times = 0;
        for l in order {
            let before = self.effects[l].take();
            let was_there = before.is_some();
            if let Some(before) = before {
                self.record(kept, &mut times);
                self.exchange(Some(&before));
            }
            if times == 0 {
                self.exchange(None);
                self.condition();
            }
            times += 1;
            let drawn = self.conditional.at(self.rng.random());
            if was_there || drawn.is_some() {
                self.record(kept, &mut times);
            }
            if let Some(column) = drawn {
                let coefficients = self.draw_effect(column);
                self.effects[l] = Some(Effect { column, coefficients });
                self.waiting = Some(l);
                self.waiting_row.copy_from_slice(self.levels.row(self.coordinates, self.level, column));
            }
        }
        self.record(kept, &mut times);
        self.exchange(None);
        if kept {
            self.sums.places.end_sweep();
        }
    }

    /// The distribution of the column of one effect, given the others, whose columns it cannot be at.
    fn condition(&mut self) {
        let Self { coordinates, arch, conditional, offset, scale, shrink, q, squares, .. } = self;
        let (prior, noise_var) = (self.prior, self.noise_var);
        conditional.tabulate(*arch, offset, scale, squares);
        for (j, sign) in prior.sign.iter().enumerate().filter(|(_, sign)| **sign != 0.0) {
            conditional.weights[j] += one_sided::log_twice_share(sign * q[j] * (shrink[j] / noise_var).sqrt());
        }
        let others = self.effects.iter().flatten().map(|effect| conditional.weights[effect.column] = f64::NEG_INFINITY);
        let others = others.count();
        let free = coordinates.n_choices.saturating_sub(others).max(1) as f64;
        conditional.normalise(*arch, (self.absence * free).ln() - log_prior_of_one_more(others, self.slab_ratio));
    }

    /// Coefficients of an effect at `column`.
    fn draw_effect(&mut self, column: usize) -> Vec<f64> {
        let Self { q, shrink, squares, prior, noise_var, rng, .. } = self;
        let (shrink, n) = (shrink[column], squares.len());
        let deviation = (*noise_var * shrink).sqrt();
        let sign = prior.sign.get(column).copied().unwrap_or(0.0);
        if sign != 0.0 {
            return vec![sign * deviation * one_sided::draw(sign * shrink * q[column] / deviation, rng)];
        }
        q.iter().skip(column).step_by(n).map(|q| shrink * q + deviation * normal(rng)).collect()
    }

    /// Adds the present conditional to what the sweep knows, once for each of the `times` effects that drew from it.
    fn record(&mut self, kept: bool, times: &mut usize) {
        let times = std::mem::take(times);
        if times == 0 || !kept {
            return;
        }
        let Self { arch, conditional, likely, inclusion, mean, shrink, q, prior, noise_var, sums, .. } = self;
        let (share, n) = (1.0 / conditional.total, inclusion.len());
        let weights = &conditional.weights;
        let are_few = conditional.likely(*arch, NEGLIGIBLE, (FEW * n as f64) as usize, likely);
        let axes = mean.chunks_exact_mut(n).zip(q.chunks_exact(n));
        if are_few {
            likely.iter().for_each(|&j| inclusion[j] += times as f64 * share * weights[j]);
            for (mean, q) in axes {
                likely.iter().for_each(|&j| mean[j] += times as f64 * share * weights[j] * shrink[j] * q[j]);
            }
        } else {
            arch.dispatch(|| {
                for (inclusion, weight) in inclusion.iter_mut().zip(weights) {
                    *inclusion += times as f64 * share * weight;
                }
                for (mean, q) in axes {
                    for ((mean, q), (weight, shrink)) in mean.iter_mut().zip(q).zip(weights.iter().zip(&*shrink)) {
                        *mean += times as f64 * share * weight * shrink * q;
                    }
                }
            });
        }
        for (j, sign) in prior.sign.iter().enumerate().filter(|(_, sign)| **sign != 0.0) {
            let (weight, deviation) = (times as f64 * share * conditional.weights[j], (*noise_var * shrink[j]).sqrt());
            let free = shrink[j] * q[j];
            mean[j] += weight * (sign * deviation * one_sided::mean(sign * free / deviation) - free);
        }
        conditional.likely(*arch, SMALLEST, n, likely);
        sums.places.push(likely.iter().map(|&j| (j, weights[j] * share)), times);
    }

    /// Moves from one set of effects to another: without `off`, and with the one that waits. In one pass over the products.
    fn exchange(&mut self, off: Option<&Effect>) {
        let Self { coordinates, levels, arch, effects, waiting, waiting_row, residual, q, squares, .. } = self;
        let on = waiting.take().and_then(|l| effects[l].as_ref());
        // A single one stands for both, once with coefficients of 0.
        let Some((column_on, column_off)) = on.or(off).zip(off.or(on)).map(|(on, off)| (on.column, off.column)) else {
            return;
        };
        let row_off = levels.row(coordinates, self.level, column_off);
        let row_on = if on.is_some() { waiting_row.as_slice() } else { row_off };
        let (x_on, x_off, n) = (coordinates.column(column_on), coordinates.column(column_off), squares.len());
        let of = |effect: Option<&Effect>, l: usize| effect.map_or(0.0, |effect| effect.coefficients[l]);
        arch.dispatch(|| {
            squares.fill(0.0);
            let axes = residual.chunks_exact_mut(x_on.len().max(1)).zip(q.chunks_exact_mut(n));
            for (l, (residual, q)) in axes.enumerate() {
                let (on, off) = (of(on, l), of(off, l));
                residual.iter_mut().zip(x_on.iter().zip(x_off)).for_each(|(r, (a, b))| *r += off * b - on * a);
                for ((q, square), (a, b)) in q.iter_mut().zip(squares.iter_mut()).zip(row_on.iter().zip(row_off)) {
                    *q += off * b - on * a;
                    *square += *q * *q;
                }
            }
        });
    }

    /// Draws the variances and the probability that an effect is there.
    fn draw_variances(&mut self, sweep: usize) -> Result<()> {
        let is_drawn = sweep.is_multiple_of(LEVEL_EVERY) && self.draw_level()?;
        let Self { coordinates, levels, rng, residual, .. } = self;
        let responses = coordinates.n_responses as f64;
        let present = || self.effects.iter().flatten();
        let explained: f64 = present().flat_map(|effect| &effect.coefficients).map(|b| b * b).sum();
        let (k, most) = (present().count() as f64, self.effects.len() as f64);
        if self.given_noise.is_none() && !is_drawn {
            let weights = levels.all[self.level].weights.iter().cycle();
            let left: f64 = residual.iter().zip(weights).map(|(r, w)| r * r * w).sum();
            // Effects are in units of the noise, and tell its variance as well.
            let sum = coordinates.least() + coordinates.off_range + left + explained / self.slab_ratio;
            self.noise_var = sum / (2.0 * gamma(rng, (coordinates.freedom + k) * responses / 2.0)?);
        }
        let (there, not_there) = (gamma(rng, 1.0 + k)?, gamma(rng, 1.0 + most - k)?);
        self.absence = not_there.max(f64::MIN_POSITIVE) / there.max(f64::MIN_POSITIVE);
        // That share is uniform where `ratio` is inverse gamma of shape 1, and its scale exponential of rate `k`.
        let scale = gamma(rng, 2.0)? / (k.max(1.0) + 1.0 / self.slab_ratio) + explained / (2.0 * self.noise_var);
        let ratio = scale / gamma(rng, 1.0 + k * responses / 2.0)?;
        self.slab_ratio = ratio.clamp(SLAB_RANGE.0, SLAB_RANGE.1);
        if is_drawn || sweep.is_multiple_of(REFRESH_EVERY) {
            self.refresh();
        }
        Ok(())
    }

    /// Draws the ratio of background to noise, the variance of the noise and all coefficients, given the columns of the
    /// effects; `false` if there is no choice of ratios, or columns depend on each other.
    fn draw_level(&mut self) -> Result<bool> {
        let Self { coordinates, levels, rng, effects, residual, slab_ratio, .. } = self;
        if levels.all.len() == 1 {
            return Ok(false);
        }
        let chosen: Vec<usize> = effects.iter().flatten().map(|effect| effect.column).collect();
        let columns = coordinates.columns.select(Axis(0), &chosen);
        let each = levels.all.iter().map(|level| Integrated::new(coordinates, level, &columns, *slab_ratio));
        let Some(each) = each.collect::<Option<Vec<Integrated>>>() else {
            return Ok(false);
        };
        let half = coordinates.freedom * coordinates.n_responses as f64 / 2.0;
        let logs = levels.all.iter().zip(&each).map(|(level, Integrated { sum, log_det, .. })| {
            let fit = self.given_noise.map_or_else(|| half * sum.ln(), |noise_var| sum / (2.0 * noise_var));
            levels.log_prior(level) - log_det / 2.0 - fit
        });
        self.level = one_of(rng, &logs.collect::<Vec<f64>>());
        let drawn = &each[self.level];
        if self.given_noise.is_none() {
            self.noise_var = drawn.sum / (2.0 * gamma(rng, half)?);
        }
        let (k, rank) = columns.dim();
        let coefficients = drawn.draw(self.noise_var, k, rng);
        for (i, effect) in effects.iter_mut().flatten().enumerate() {
            effect.coefficients = coefficients.iter().skip(i).step_by(k).copied().collect();
        }
        residual.copy_from_slice(&coordinates.response);
        for (residual, b) in residual.chunks_exact_mut(rank.max(1)).zip(coefficients.chunks_exact(k.max(1))) {
            residual.iter_mut().zip(aview1(b).dot(&columns)).for_each(|(r, fitted)| *r -= fitted);
        }
        Ok(true)
    }

    fn keep(&mut self) {
        let Self { sums, levels, residual, .. } = self;
        sums.n_sweeps += 1;
        sums.inclusion.iter_mut().zip(&self.inclusion).for_each(|(sum, own)| *sum += own);
        sums.coef.iter_mut().zip(&self.mean).for_each(|(sum, mean)| *sum += mean);
        let level = &levels.all[self.level];
        let score = sums.score.iter_mut().zip(residual.iter().zip(level.weights.iter().cycle()));
        score.for_each(|(sum, (r, w))| *sum += level.ratio * w * r);
        sums.noise_var += self.noise_var;
        sums.background_var += level.ratio * self.noise_var;
        sums.size += self.effects.iter().flatten().count() as f64;
    }

    /// Coefficients of the effects as they are, and of the background given them.
    fn draw_coefficients(&mut self) -> Draw {
        let Self { coordinates, levels, rng, residual, background, .. } = self;
        let (level, n) = (&levels.all[self.level], coordinates.n_columns());
        let fit = coordinates.response.iter().zip(&*residual).map(|(y, r)| y - r).collect();
        let mut draw = Draw { coef: vec![0.0; n * coordinates.n_axes], fit };
        background.draw(coordinates, level, self.noise_var, residual, rng, &mut draw);
        for Effect { column, coefficients } in self.effects.iter().flatten() {
            draw.coef.iter_mut().skip(*column).step_by(n).zip(coefficients).for_each(|(draw, b)| *draw += b);
        }
        draw
    }

    fn averages(mut self) -> Averages {
        let sums = &mut self.sums;
        sums.most = self.effects.len();
        let n_sweeps = sums.n_sweeps as f64;
        for sum in [&mut sums.inclusion, &mut sums.coef, &mut sums.score] {
            sum.iter_mut().for_each(|value| *value /= n_sweeps);
        }
        // Sums of conditionals that were drawn one after the other may be above 1, by sampling error.
        sums.inclusion.iter_mut().for_each(|probability| *probability = probability.min(1.0));
        for sum in [&mut sums.noise_var, &mut sums.background_var, &mut sums.size] {
            *sum /= n_sweeps;
        }
        self.sums
    }
}
