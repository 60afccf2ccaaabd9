//! Expectation propagation for noise-free data: the annealed search's fast replacement, on the same kernel.
//!
//! A step of EM and a step here compute the same `s` and `q`. EM then sets each variance from the posterior moments of
//! its column; expectation propagation sets it, and a prior mean, from the moments of the column under a prior that
//! knows sparsity: a spike at zero and a mixture of Gaussian slabs whose weights and variances are learned on the way.
//! Rounds differ by a random tilt of the prior odds of each column. Whether a round succeeded is for the certificate to
//! say, never for the prior.
//!
//! No noise enters, so the iteration does not change under left multiplication of design and response: preconditioning
//! cannot help it.
//!
//! Several responses share the odds, the slabs and the variances of a column; each has a mean of its own. They are
//! given as an orthonormal basis of their span: only the span says which columns are nonzero, and its weak directions
//! say as much as the strong ones.
//!
//! Letters: `a`, `b` are precision and precision times mean of a site; `m` the posterior mean; `R`, `S` mean and
//! variance of a cavity.

pub(crate) mod tolerances;

use crate::Result;
use crate::energy::{Energy, Marginal, MarginalScratch, Point, Responses};
use crate::linalg::covariance::Covariance;
use crate::linalg::least_squares::row_norms;
use crate::linalg::packed::Packed;
use crate::linalg::packed_covariance::PackedCovariance;
use crate::monitor::{Monitor, Progress};
use ndarray::ArrayView2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tolerances::{
    DECIDED, DENSEST, EARLY, EXPECTED, JOINT, LEAST_COUNT, LEAST_SHARE, LEAST_WEIGHT, MOST_DENSE, MOST_SLABS,
    NARROWEST_SLAB, Plan, ROUNDING, SHARPEST, SINGLE, TILT, UNCONDITIONAL, WEAKEST_SITE, WIDEST_CAVITY,
};

/// A noise-free problem in coordinates where the rows of the design are orthonormal.
pub struct ExpectationPropagation<'a> {
    basis: ArrayView2<'a, f64>,
    packed: &'a Packed,
    /// One or more, response after response, as all else that has one value per response.
    responses: &'a [f64],
    plan: Plan,
    scratch: MarginalScratch<PackedCovariance>,
    energy: f64,
    /// Energy at every step of the last round.
    pub energies: Vec<f64>,
    seed: u64,
    /// Share of columns expected to be nonzero at first.
    density: f64,
    /// Scale of a slab.
    unit: f64,
    precision: Vec<f64>,
    shift: Vec<f64>,
    tilt: Vec<f64>,
    variance: Vec<f64>,
    residual: Vec<f64>,
    means: Vec<f64>,
    cavity_mean: Vec<f64>,
    cavity_var: Vec<f64>,
    /// The means of one column.
    column: Vec<f64>,
    prior: Prior,
}

/// Spike and slabs: the spike has the odds that the slabs leave.
struct Prior {
    density: f64,
    weights: Vec<f64>,
    variances: Vec<f64>,
}

impl Prior {
    fn start(slabs: &[f64], density: f64, unit: f64) -> Self {
        let variances = slabs.iter().map(|v| unit * v).collect();
        Self { density, weights: vec![1.0 / slabs.len() as f64; slabs.len()], variances }
    }

    fn variance(&self) -> f64 {
        self.weights.iter().zip(&self.variances).map(|(w, v)| w * v).sum()
    }

    /// Mean (in the place of the cavity's, one per response) and variance of one column under the prior times its
    /// cavity.
    ///
    /// `odds` is scratch, one value per slab; `counts` and `moments` gather responsibilities and second moments.
    fn tilted(
        &self,
        means: &mut [f64],
        variance: f64,
        tilt: f64,
        odds: &mut [f64],
        counts: &mut [f64],
        moments: &mut [f64],
    ) -> f64 {
        let responses = means.len() as f64;
        let half_square: f64 = means.iter().map(|mean| 0.5 * mean * mean).sum();
        let base = (self.density / (1.0 - self.density)).ln() + tilt;
        let mut largest = 0.0_f64;
        for (o, (w, v)) in odds.iter_mut().zip(self.weights.iter().zip(&self.variances)) {
            // The share of the slab in slab plus cavity, and its complement without cancellation.
            let (gain, rest) = (v / (v + variance), variance / (v + variance));
            *o = base + w.ln() + 0.5 * responses * rest.max(LEAST_SHARE).ln() + half_square * gain / variance;
            largest = largest.max(*o);
        }
        let spike = (-largest).exp();
        let mut total = spike;
        for o in odds.iter_mut() {
            *o = (*o - largest).exp();
            total += *o;
        }
        odds.iter_mut().for_each(|o| *o /= total);
        let gain = |v: f64| v / (v + variance);
        let mut second = 0.0;
        for (c, (o, &v)) in odds.iter().zip(&self.variances).enumerate() {
            let square: f64 = means.iter().map(|mean| (gain(v) * mean) * (gain(v) * mean)).sum();
            counts[c] += o;
            moments[c] += o * (square / responses + gain(v) * variance);
        }
        for mean in means.iter_mut() {
            let first: f64 = odds.iter().zip(&self.variances).map(|(o, &v)| o * (gain(v) * *mean)).sum();
            second += spike / total * first * first;
            for (o, &v) in odds.iter().zip(&self.variances) {
                second += o * ((gain(v) * *mean - first) * (gain(v) * *mean - first) + gain(v) * variance);
            }
            *mean = first;
        }
        second / responses
    }

    fn learn(&mut self, counts: &[f64], moments: &[f64], n_cols: usize, most: f64, unit: f64) {
        let total: f64 = counts.iter().sum();
        self.density = (total / n_cols as f64).clamp(2.0 / n_cols.max(3) as f64, most);
        for (c, (weight, variance)) in self.weights.iter_mut().zip(&mut self.variances).enumerate() {
            *weight = (counts[c] / total).max(LEAST_WEIGHT);
            *variance = (moments[c] / counts[c].max(LEAST_COUNT)).max(NARROWEST_SLAB * unit);
        }
    }
}

impl<'a> ExpectationPropagation<'a> {
    /// Allocates all scratch. `basis` and `packed` are the same design, `(rank, n_cols)` with orthonormal rows;
    /// `responses` is one response of any norm or several of norm 1, orthogonal to each other.
    pub fn new(basis: ArrayView2<'a, f64>, packed: &'a Packed, responses: &'a [f64], seed: u64) -> Self {
        let (rank, n) = basis.dim();
        let n_responses = (responses.len() / rank.max(1)).max(1);
        let plan = if n_responses == 1 { SINGLE } else { JOINT };
        let density = DENSEST.min(EXPECTED * rank as f64 / n as f64);
        // The solution of least norm has about `rank / n` of the square of a sparse one, which has `density * n`
        // nonzeros. Nearly square designs are taken for half as high as wide: a wider slab does better there.
        let square = responses.iter().map(|v| v * v).sum::<f64>() / n_responses as f64;
        let unit = square / (density * rank.min(n / 2).max(1) as f64);
        Self {
            basis,
            packed,
            responses,
            scratch: Marginal { kernel: packed, responses: Responses::new(responses, 1) }.scratch(),
            energy: f64::NAN,
            energies: Vec::new(),
            seed,
            unit,
            precision: vec![0.0; n],
            shift: vec![0.0; n_responses * n],
            tilt: vec![0.0; n],
            variance: vec![0.0; n],
            residual: vec![0.0; n_responses * rank],
            means: vec![0.0; n_responses * n],
            cavity_mean: vec![0.0; n_responses * n],
            cavity_var: vec![0.0; n],
            column: vec![0.0; n_responses],
            density,
            prior: Prior::start(plan.slabs[0], density, unit),
            plan,
        }
    }

    fn start(&mut self, round: usize) {
        self.energies.clear();
        self.prior = Prior::start(in_turn(self.plan.slabs, round), self.density, self.unit);
        self.precision.fill(1.0 / (self.prior.density * self.prior.variance()));
        self.shift.fill(0.0);
        draw_tilts(self.seed, round, &mut self.tilt);
    }

    /// The kernel: posterior means in `means`; false where the covariance is not positive definite.
    fn evaluate(&mut self) -> bool {
        let Self { variance, precision, shift, residual, .. } = self;
        let (rank, n) = self.basis.dim();
        variance.iter_mut().zip(precision.iter()).for_each(|(v, a)| *v = 1.0 / a);
        for ((left, y), shift) in
            residual.chunks_exact_mut(rank).zip(self.responses.chunks_exact(rank)).zip(shift.chunks_exact(n))
        {
            for ((left, y), row) in left.iter_mut().zip(y).zip(self.basis.outer_iter()) {
                *left = y - row.iter().zip(shift.iter().zip(variance.iter())).map(|(x, (b, v))| x * b * v).sum::<f64>();
            }
        }
        // The energy of one response: several are directions of a span, which have no weight of their own.
        let energy = Marginal { kernel: self.packed, responses: Responses::new(residual, 1) };
        let at = Point { prior_var: variance, noise_var: 0.0 };
        let Ok(value) = energy.evaluate(at, &mut self.scratch) else { return false };
        self.energy = value;
        for ((means, shift), q) in
            self.means.chunks_exact_mut(n).zip(shift.chunks_exact(n)).zip(self.scratch.covariance.each_q())
        {
            for (m, ((b, v), q)) in means.iter_mut().zip(shift.iter().zip(variance.iter()).zip(q)) {
                *m = v * (b + q);
            }
        }
        self.means.iter().all(|m| m.is_finite())
    }

    /// One update of all sites; false where the solution is not going to be sparse.
    fn update(&mut self, step: usize, damping: f64) -> bool {
        let Self {
            prior,
            scratch,
            precision,
            shift,
            tilt,
            variance,
            means,
            cavity_mean,
            cavity_var,
            column,
            unit,
            plan,
            ..
        } = self;
        let (rank, n) = self.basis.dim();
        let marginal = &scratch.covariance;
        let (scale, slabs) = (prior.variance(), prior.variances.len());
        let (mut odds, mut counts, mut moments) = ([0.0; MOST_SLABS], [0.0; MOST_SLABS], [0.0; MOST_SLABS]);
        for ((cavity, shift), q) in cavity_mean.chunks_exact_mut(n).zip(shift.chunks_exact(n)).zip(marginal.each_q()) {
            for (j, (&q, &s)) in q.iter().zip(marginal.s()).enumerate() {
                cavity[j] = shift[j] * variance[j] + q / s;
            }
        }
        for (j, &s) in marginal.s().iter().enumerate() {
            cavity_var[j] = (1.0 / s - variance[j]).clamp(ROUNDING * scale, WIDEST_CAVITY * *unit);
            let (odds, counts, moments) = (&mut odds[..slabs], &mut counts[..slabs], &mut moments[..slabs]);
            column.iter_mut().zip(cavity_mean[j..].iter().step_by(n)).for_each(|(to, m)| *to = *m);
            variance[j] = prior.tilted(column, cavity_var[j], tilt[j], odds, counts, moments);
            means[j..].iter_mut().step_by(n).zip(column.iter()).for_each(|(to, m)| *to = *m);
        }
        let most = MOST_DENSE.min(plan.most * rank as f64 / n as f64).max(2.0 / n.max(3) as f64);
        prior.learn(&counts[..slabs], &moments[..slabs], n, most, *unit);
        let scale = prior.variance();
        let crowded = step > DECIDED && prior.density * n as f64 > plan.crowded * rank as f64;
        // Written so that NaN ends the round too.
        let in_bounds = scale <= plan.runaway * *unit;
        if crowded || !in_bounds {
            return false;
        }
        let weakest = WEAKEST_SITE / prior.variances.iter().copied().fold(0.0, f64::max);
        for j in 0..n {
            let spread = variance[j].max(ROUNDING * scale);
            let site = (1.0 / spread - 1.0 / cavity_var[j]).clamp(weakest, SHARPEST / scale);
            precision[j] = ((1.0 - damping) * precision[j].ln() + damping * site.ln()).exp();
            for i in (j..means.len()).step_by(n) {
                let moved = means[i] * (site + 1.0 / cavity_var[j]) - cavity_mean[i] / cavity_var[j];
                shift[i] = (1.0 - damping) * shift[i] + damping * moved;
            }
        }
        true
    }

    /// Steps in a round.
    pub fn round_len(&self) -> usize {
        self.plan.len
    }

    /// One round: `attempt` sees the norms over the responses of the posterior means, at the steps where they are worth
    /// a look, and returns its result.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) where the monitor was stopped.
    ///
    /// # Complexity
    /// At most `len` steps of `2 r^2 n + r^3 / 3` operations and `5 r n` for each response; a failed
    /// factorisation ends the round.
    pub fn round<T>(
        &mut self,
        round: usize,
        len: usize,
        steps: &mut usize,
        monitor: &Monitor<'_>,
        mut attempt: impl FnMut(&[f64]) -> Option<T>,
    ) -> Result<Option<T>> {
        self.start(round);
        let (rank, n) = self.basis.dim();
        let mut looked_at: Vec<usize> = Vec::new();
        for step in 1..=len {
            *steps += 1;
            let usable = self.evaluate();
            self.energies.push(self.energy);
            monitor.step(&Progress { energy: self.energy, noise_var: 0.0, ..Progress::of_round(round, *steps) })?;
            if !usable {
                return Ok(None);
            }
            if step <= EARLY && step % 2 == 0 || step > EARLY && step % 3 == 0 {
                let norms = row_norms(&self.means, n);
                let (top, tail) = strongest(&norms, rank.saturating_sub(1));
                if (step <= UNCONDITIONAL || tail < self.plan.tail) && top != looked_at {
                    looked_at = top;
                    if let Some(found) = attempt(&norms) {
                        return Ok(Some(found));
                    }
                }
            }
            if !self.update(step, in_turn(self.plan.damping, round)) {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

/// What a round adds to the prior log-odds of each column; nothing in the first.
pub fn draw_tilts(seed: u64, round: usize, tilts: &mut [f64]) {
    tilts.fill(0.0);
    if round > 0 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(round as u64);
        for tilt in tilts {
            let normal: f64 = StandardNormal.sample(&mut rng);
            *tilt = TILT * normal;
        }
    }
}

fn in_turn<T: Copy>(values: &[T], round: usize) -> T {
    values[round % values.len()]
}

/// The `k` entries of largest magnitude, ascending by index, and the norm of the others relative to that of all.
fn strongest(means: &[f64], k: usize) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..means.len()).collect();
    if k < order.len() {
        order.select_nth_unstable_by(k, |&a, &b| means[b].abs().total_cmp(&means[a].abs()).then(a.cmp(&b)));
    }
    let square = |part: &[usize]| part.iter().map(|&j| means[j] * means[j]).sum::<f64>();
    let (inside, outside) = order.split_at(k.min(order.len()));
    let tail = (square(outside) / (square(inside) + square(outside)).max(f64::MIN_POSITIVE)).sqrt();
    let mut top = inside.to_vec();
    top.sort_unstable();
    (top, tail)
}
