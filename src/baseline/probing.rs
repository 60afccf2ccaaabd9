//! Sparse Bayesian learning without a covariance: posterior means by conjugate gradients, variances by random signs.

use super::equations::LOOK;
use super::sparse_bayes::{Posterior, Scaled, SparseBayes, SparseBayesSettings, maximise};
use crate::linalg::packed_spd::{Rows, add_product, multiply};
use crate::monitor::Monitor;
use crate::settings::{Checked, Settings, require};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Parameters of the estimate of the posterior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbingSettings {
    /// Random signs for each coefficient and step; by default 10. At least 1.
    pub n_probes: usize,
    /// Steps of conjugate gradients, at most; by default 400. At least 1.
    pub cg_max_iter: usize,
    /// Share of the right-hand side that conjugate gradients leave at the end; by default 1e-4. Between 0 and 1, both
    /// excluded.
    pub cg_tol: f64,
    /// Seed of the signs; by default 0.
    pub seed: u64,
}

impl Default for ProbingSettings {
    fn default() -> Self {
        Self { n_probes: 10, cg_max_iter: 400, cg_tol: 1e-4, seed: 0 }
    }
}

impl Settings for ProbingSettings {
    fn validate(&self) -> Result<()> {
        require(self.n_probes > 0, "n_probes", 0, "at least 1")?;
        require(self.cg_max_iter > 0, "cg_max_iter", 0, "at least 1")?;
        require(self.cg_tol > 0.0 && self.cg_tol < 1.0, "cg_tol", self.cg_tol, "greater than 0 and less than 1")
    }
}

/// What the steps have led to, and the work that they were.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// As of the exact posterior.
    pub found: SparseBayes,
    /// Steps of conjugate gradients.
    pub n_cg_iter: usize,
    /// Posteriors for which these were too few.
    pub n_unsolved: usize,
}

/// As [`sparse_bayes::fit`](super::sparse_bayes::fit), with `Sigma = D M^-1 D`, `D = diag(w)^1/2`, `M = I + D X^T X D /
/// noise`, of which the diagonal is estimated from products with random signs.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::InvalidParameter`] where the probes do not fit in memory;
/// [`Error::Interrupted`] where `monitor` is stopped.
///
/// # Complexity
/// `O(n_samples n_features n_probes)` for a step of conjugate gradients.
///
/// # References
/// Lin, Song, Bilgic and Ba (2022), "Covariance-Free Sparse Bayesian Learning"; Bekas, Kokiopoulou and Saad (2007), "An
/// estimator for the diagonal of a matrix".
pub fn fit(
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    settings: &Checked<SparseBayesSettings>,
    probing: &Checked<ProbingSettings>,
    monitor: &Monitor<'_>,
) -> Result<Probed> {
    let data = Scaled::new(x, y)?;
    let columns = data.x.t().as_standard_layout().into_owned();
    let image = columns.dot(&data.y);
    let squares: Vec<f64> = columns.rows().into_iter().map(|column| column.dot(&column)).collect();
    let (count, width) = (probing.n_probes, probing.n_probes + 1);
    let mut rng = ChaCha8Rng::seed_from_u64(probing.seed);
    let (mut n_cg_iter, mut n_unsolved) = (0, 0);
    // All that conjugate gradients hold is seven times this.
    let room = width.checked_mul(7 * x.ncols()).and_then(|len| Vec::<f64>::new().try_reserve_exact(len).ok());
    room.ok_or_else(|| Error::invalid("n_probes", count, "few enough for their products to fit in memory"))?;
    let found = maximise(&data, settings, monitor, |w, noise, _| {
        let root: Vec<f64> = w.iter().map(|w| w.sqrt()).collect();
        let mut right = Vec::with_capacity(w.len() * width);
        for (root, image) in root.iter().zip(&image) {
            right.push(root * image / noise);
            right.extend((0..count).map(|_| if rng.next_u32() >> 31 == 0 { 1.0 } else { -1.0 }));
        }
        let diagonal: Vec<f64> = squares.iter().zip(w).map(|(square, w)| 1.0 + square * w / noise).collect();
        let system = System { columns: &columns, root: &root, noise, width, monitor };
        let solved = system.solve(&right, &diagonal, probing)?;
        n_cg_iter += solved.n_iter;
        n_unsolved += usize::from(!solved.done);
        let both = || solved.values.chunks_exact(width).zip(right.chunks_exact(width));
        let mean = root.iter().zip(both()).map(|(root, (solved, _))| root * solved[0]).collect();
        // A variance is positive and below that of the prior.
        let estimate = |(a, b): (&[f64], &[f64])| a[1..].iter().zip(&b[1..]).map(|(a, b)| a * b).sum::<f64>();
        Ok(Posterior { mean, share: both().map(|rows| (estimate(rows) / count as f64).clamp(0.0, 1.0)).collect() })
    })?;
    Ok(Probed { found, n_cg_iter, n_unsolved })
}

/// `M` at some variances, for `width` right-hand sides at a time.
struct System<'a> {
    /// `X^T`.
    columns: &'a Array2<f64>,
    root: &'a [f64],
    noise: f64,
    width: usize,
    monitor: &'a Monitor<'a>,
}

/// Solutions, and whether they are some.
struct Solved {
    values: Vec<f64>,
    n_iter: usize,
    done: bool,
}

impl System<'_> {
    /// `out <- M values`; `inner`, as many values as samples for each right-hand side, is overwritten.
    fn multiply(&self, values: &[f64], inner: &mut [f64], out: &mut [f64]) -> Result<()> {
        let ((_, d), width) = (self.columns.dim(), self.width);
        let flat = self.columns.as_slice().unwrap_or_default();
        let part = (LOOK / (d * width)).max(1);
        for ((out, values), root) in out.chunks_exact_mut(width).zip(values.chunks_exact(width)).zip(self.root) {
            out.iter_mut().zip(values).for_each(|(out, v)| *out = root * v);
        }
        inner.fill(0.0);
        for (columns, scaled) in flat.chunks(part * d).zip(out.chunks(part * width)) {
            add_product(Rows::new(columns, d).t(), Rows::new(scaled, width), inner);
            self.monitor.look()?;
        }
        for (columns, out) in flat.chunks(part * d).zip(out.chunks_mut(part * width)) {
            multiply(Rows::new(columns, d), Rows::new(inner, width), out);
            self.monitor.look()?;
        }
        for ((out, values), root) in out.chunks_exact_mut(width).zip(values.chunks_exact(width)).zip(self.root) {
            out.iter_mut().zip(values).for_each(|(out, v)| *out = v + root / self.noise * *out);
        }
        Ok(())
    }

    /// Conjugate gradients for all right-hand sides in one recurrence, preconditioned by `diagonal`.
    fn solve(&self, right: &[f64], diagonal: &[f64], settings: &ProbingSettings) -> Result<Solved> {
        let width = self.width;
        let mut values = vec![0.0; right.len()];
        let mut left = right.to_vec();
        let goal: Vec<f64> =
            products(&left, &left, width).iter().map(|v| settings.cg_tol * settings.cg_tol * v).collect();
        let mut conditioned = vec![0.0; right.len()];
        let condition = |left: &[f64], conditioned: &mut [f64]| {
            let rows = conditioned.chunks_exact_mut(width).zip(left.chunks_exact(width)).zip(diagonal);
            rows.for_each(|((to, left), by)| to.iter_mut().zip(left).for_each(|(to, v)| *to = v / by));
        };
        condition(&left, &mut conditioned);
        let mut direction = conditioned.clone();
        let mut product = vec![0.0; right.len()];
        let mut inner = vec![0.0; self.columns.ncols() * width];
        let mut size = products(&left, &direction, width);
        for n_iter in 1..=settings.cg_max_iter {
            self.multiply(&direction, &mut inner, &mut product)?;
            // Columns that are solved to the last bit have no direction any more.
            let length = ratios(&size, &products(&direction, &product, width));
            add(&mut values, &direction, &length, 1.0);
            add(&mut left, &product, &length, -1.0);
            if products(&left, &left, width).iter().zip(&goal).all(|(left, goal)| left <= goal) {
                return Ok(Solved { values, n_iter, done: true });
            }
            condition(&left, &mut conditioned);
            let next = products(&left, &conditioned, width);
            let share = ratios(&next, &size);
            size = next;
            let rows = direction.chunks_exact_mut(width).zip(conditioned.chunks_exact(width));
            for (direction, conditioned) in rows {
                let each = direction.iter_mut().zip(conditioned).zip(&share);
                each.for_each(|((direction, v), share)| *direction = v + share * *direction);
            }
        }
        Ok(Solved { values, n_iter: settings.cg_max_iter, done: false })
    }
}

/// The product of each column of `a` with the same of `b`, stored row after row.
fn products(a: &[f64], b: &[f64], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums
}

/// Quotients; 0 where there is nothing to divide by.
fn ratios(above: &[f64], below: &[f64]) -> Vec<f64> {
    above.iter().zip(below).map(|(a, b)| if *b > 0.0 { a / b } else { 0.0 }).collect()
}

/// Adds to each column of `to` that of `from`, `sign` times its own length.
fn add(to: &mut [f64], from: &[f64], length: &[f64], sign: f64) {
    for (to, from) in to.chunks_exact_mut(length.len()).zip(from.chunks_exact(length.len())) {
        to.iter_mut().zip(from).zip(length).for_each(|((to, from), length)| *to += sign * length * from);
    }
}
