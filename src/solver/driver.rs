//! The one loop: schedule, kernel, update rule, stopping, hook.

use super::{em, mackay, mm};
use crate::linalg::{least_squares::row_norms, marginal::Marginal, packed::Packed};
use crate::report::{Hook, IterInfo};
use crate::{Error, Result};
use std::ops::ControlFlow;

/// An update of the prior variances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Expectation maximisation: slow, and the best at staying out of bad minima while the noise is annealed.
    Em,
    /// Majorisation: fast, prunes early.
    Mm,
    /// MacKay's fixed point: fastest, no guarantee of descent.
    MacKay,
}

/// What a model makes of its columns and responses, beyond design and noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Structure<'a> {
    /// Responses that the data had before they were compressed to their principal axes: they weigh the log-determinant.
    pub n_responses: usize,
    /// The encoder covariance.
    pub covariance: Covariance,
    /// Columns that share one prior variance: the group of each column, counted from 0. Empty: each has its own.
    pub groups: &'a [usize],
}

/// The covariance of the encoder, optimised out of the energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covariance {
    /// Full: `log |Sigma_x|`.
    Full,
    /// Diagonal: `sum_j log(gamma + w_j ||x_j||^2)` in its place, larger (Hadamard), and without its smoothing of
    /// minima.
    Diagonal,
}

impl Default for Structure<'_> {
    fn default() -> Self {
        Self { n_responses: 1, covariance: Covariance::Full, groups: &[] }
    }
}

impl Structure<'_> {
    /// The group of a column.
    pub(crate) fn group(&self, j: usize) -> usize {
        self.groups.get(j).copied().unwrap_or(j)
    }

    /// Sums over each group of two quantities, given for `columns`; for each column where there are no groups.
    pub(crate) fn sums(&self, columns: &[usize], a: &[f64], b: &[f64]) -> Vec<(f64, f64)> {
        let last = if self.groups.is_empty() { columns.iter().max() } else { self.groups.iter().max() };
        let mut sums = vec![(0.0, 0.0); last.map_or(0, |last| last + 1)];
        for (&j, (a, b)) in columns.iter().zip(a.iter().zip(b)) {
            sums[self.group(j)].0 += a;
            sums[self.group(j)].1 += b;
        }
        sums
    }

    /// Gives every column of a group the value of the first.
    pub(crate) fn tie(&self, values: &mut [f64]) {
        let mut first = vec![usize::MAX; values.len()];
        for (j, &g) in self.groups.iter().enumerate() {
            first[g] = first[g].min(j);
            values[j] = values[first[g]];
        }
    }

    /// Gives every column of a group the sum over the group.
    pub(super) fn add_up(&self, values: &mut [f64]) {
        if !self.groups.is_empty() {
            let mut totals = vec![0.0; values.len()];
            self.groups.iter().zip(values.iter()).for_each(|(&g, v)| totals[g] += v);
            self.groups.iter().zip(values).for_each(|(&g, v)| *v = totals[g]);
        }
    }
}

impl Rule {
    /// `q` is the root of the mean over responses (and over a group) of `q^2`, `s` the derivative of the
    /// log-determinant in `w`, or its mean over a group.
    fn update(self, w: &mut [f64], q: &[f64], s: &[f64]) {
        fn each(w: &mut [f64], q: &[f64], s: &[f64], rule: impl Fn(f64, f64, f64) -> f64) {
            w.iter_mut().zip(q.iter().zip(s)).for_each(|(w, (&q, &s))| *w = rule(*w, q, s));
        }
        match self {
            Self::Em => each(w, q, s, em::update),
            Self::Mm => each(w, q, s, mm::update),
            Self::MacKay => each(w, q, s, mackay::update),
        }
    }
}

/// A problem in the coordinates that a descent runs in, with its scratch.
pub struct Descent<'a> {
    design: &'a Packed,
    response: &'a [f64],
    structure: Structure<'a>,
    /// Squared norm of each column; only for the diagonal covariance.
    squares: Vec<f64>,
    /// Columns in each group.
    group_sizes: Vec<f64>,
    /// Prior variances, one per column.
    pub w: Vec<f64>,
    /// Posterior means of the coefficients at the last step, response after response.
    pub u: Vec<f64>,
    /// Root mean square over the responses of `q`, and `s`; over a group, for each of its columns.
    q: Vec<f64>,
    s: Vec<f64>,
    /// Energy at every step.
    pub energies: Vec<f64>,
    /// The kernel, as the last step left it.
    pub marginal: Marginal,
}

/// What a descent tells its caller after each step.
pub enum Next {
    /// Go on.
    Continue,
    /// Enough: what was looked for is found.
    Stop,
}

impl<'a> Descent<'a> {
    /// Allocates everything that the steps need, and starts at `w`; `response` has one value per row, response after
    /// response.
    pub fn new(design: &'a Packed, response: &'a [f64], w: Vec<f64>, structure: Structure<'a>) -> Self {
        let n = design.n_cols();
        let columns = response.len().checked_div(design.n_rows()).unwrap_or(1).max(1);
        let squares = if structure.covariance == Covariance::Diagonal { design.squares() } else { Vec::new() };
        let mut group_sizes = vec![0.0; structure.groups.iter().max().map_or(0, |last| last + 1)];
        structure.groups.iter().for_each(|&g| group_sizes[g] += 1.0);
        Self {
            design,
            response,
            structure,
            squares,
            group_sizes,
            w,
            u: vec![0.0; columns * n],
            q: vec![0.0; n],
            s: vec![0.0; n],
            energies: Vec::new(),
            marginal: Marginal::for_responses(design, columns),
        }
    }

    /// Norms over the responses of the posterior means; over a group, for each of its columns.
    pub fn norms(&self) -> Vec<f64> {
        let mut norms = row_norms(&self.u, self.w.len());
        if !self.structure.groups.is_empty() {
            norms.iter_mut().for_each(|u| *u *= *u);
            self.share(&mut norms, |total, _| f64::sqrt(total));
        }
        norms
    }

    /// Share of each column (or group) in its own direction of the covariance, `w_j s_j`.
    pub fn weights(&self) -> Vec<f64> {
        let mut weights: Vec<f64> = self.w.iter().zip(&self.s).map(|(w, s)| w * s).collect();
        if !self.structure.groups.is_empty() {
            self.share(&mut weights, |total, _| total);
        }
        weights
    }

    /// Derivative of the log-determinant, or of what stands in its place, in each prior variance.
    pub fn sensitivity(&self) -> &[f64] {
        &self.s
    }

    /// Gives every column of a group `of(sum over the group, size of the group)`.
    fn share(&self, values: &mut [f64], of: impl Fn(f64, f64) -> f64) {
        let mut totals = vec![0.0; self.group_sizes.len()];
        for (v, &g) in values.iter().zip(self.structure.groups) {
            totals[g] += v;
        }
        for (v, &g) in values.iter_mut().zip(self.structure.groups) {
            *v = of(totals[g], self.group_sizes[g]);
        }
    }

    /// The kernel at the present `w`: posterior means in `u`, energy appended.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`].
    pub fn evaluate(&mut self, noise_var: f64) -> Result<()> {
        let step = self.energies.len() + 1;
        self.marginal
            .evaluate(self.design, self.response, &self.w, noise_var)
            .map_err(|pivot| Error::NotPositiveDefinite { step, pivot: pivot.0 })?;
        let n = self.w.len();
        let log_det = match self.structure.covariance {
            Covariance::Full => {
                self.s.copy_from_slice(self.marginal.s());
                self.marginal.log_det()
            }
            Covariance::Diagonal => {
                let spread = |w: f64, square: f64| noise_var + w * square;
                for (s, (w, square)) in self.s.iter_mut().zip(self.w.iter().zip(&self.squares)) {
                    *s = square / spread(*w, *square);
                }
                let columns: f64 = self.w.iter().zip(&self.squares).map(|(w, x)| spread(*w, *x).ln()).sum();
                columns + (self.design.n_rows() as f64 - n as f64) * noise_var.ln()
            }
        };
        let responses = self.structure.n_responses as f64;
        self.energies.push(self.marginal.quadratic() + responses * log_det);
        self.q.fill(0.0);
        for (u, q) in self.u.chunks_exact_mut(n.max(1)).zip(self.marginal.each_q()) {
            u.iter_mut().zip(self.w.iter().zip(q)).for_each(|(u, (w, q))| *u = w * q);
            self.q.iter_mut().zip(q).for_each(|(sum, q)| *sum += q * q);
        }
        Ok(())
    }

    fn update(&mut self, rule: Rule) {
        let responses = self.structure.n_responses as f64;
        let mut q = std::mem::take(&mut self.q);
        let mut s = std::mem::take(&mut self.s);
        if !self.structure.groups.is_empty() {
            self.share(&mut q, |total, size| total / size);
            self.share(&mut s, |total, size| total / size);
        }
        q.iter_mut().for_each(|q| *q = (*q / responses).sqrt());
        rule.update(&mut self.w, &q, &s);
        (self.q, self.s) = (q, s);
    }

    /// Steps along `noise_var` until `each` stops them or `len` are done; returns whether `each` stopped them.
    ///
    /// `each` runs after the kernel and before the update, so that it sees `u` and `w` that belong together. So does
    /// the caller at the end: no update follows the last evaluation.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`]; [`Error::Interrupted`] where the hook breaks.
    ///
    /// # Complexity
    /// `2 r^2 n + r^3 / 3` operations a step for a design `(r, n)`, and `3 r n` for each response after the first; no
    /// allocation within a step, but for the list of energies and the totals of groups.
    pub fn run(
        &mut self,
        rule: Rule,
        len: usize,
        noise_var: impl Fn(usize) -> f64,
        before: IterInfo,
        hook: &mut Hook<'_>,
        mut each: impl FnMut(&mut Self, usize) -> Result<Next>,
    ) -> Result<bool> {
        for step in 0..len {
            let noise_var = noise_var(step);
            self.evaluate(noise_var)?;
            let done = before.step + step + 1;
            let energy = self.energies.last().copied().unwrap_or(f64::NAN);
            let info = IterInfo { step: done, energy, noise_var, ..before };
            if let ControlFlow::Break(()) = hook(&info) {
                return Err(Error::Interrupted { step: done });
            }
            if let Next::Stop = each(self, step)? {
                return Ok(true);
            }
            if step + 1 < len {
                self.update(rule);
            }
        }
        Ok(false)
    }
}
