//! The one loop: schedule, energy, update rule, stopping criterion, monitor.

use super::{Groups, Rule};
use crate::Result;
use crate::energy::{Energy, Point};
use crate::monitor::{Monitor, Progress};

/// An energy on its way to a minimum, with the memory of its evaluations.
pub struct Descent<'a, E: Energy> {
    energy: &'a E,
    groups: &'a Groups<'a>,
    /// What the last evaluation found.
    pub scratch: E::Scratch,
    /// Prior variances, one per column.
    pub w: Vec<f64>,
    /// Root mean square over the responses of `q`, for the update.
    q: Vec<f64>,
    /// Means of `s` over the groups, where there are any.
    shared_s: Vec<f64>,
    /// Energy at every step.
    pub energies: Vec<f64>,
}

/// What the caller of a descent wants after each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Update, and go on.
    Continue,
    /// Go on without an update: another noise variance comes first.
    Hold,
    /// Enough: what was looked for is found.
    Stop,
}

impl<'a, E: Energy> Descent<'a, E> {
    /// Allocates everything that the steps need, and starts at `w`.
    pub fn new(energy: &'a E, w: Vec<f64>, groups: &'a Groups<'a>) -> Self {
        let n = energy.n_columns();
        let shared_s = if groups.is_empty() { Vec::new() } else { vec![0.0; n] };
        Self { energy, groups, scratch: energy.scratch(), w, q: vec![0.0; n], shared_s, energies: Vec::new() }
    }

    /// Norms over the responses of the posterior means of the coefficients, `w_j |q_j|`.
    pub fn column_norms(&self) -> Vec<f64> {
        let q_squared = self.energy.q_squared(&self.scratch);
        self.w.iter().zip(q_squared).map(|(w, q)| w * q.sqrt()).collect()
    }

    /// The same over a group, for each of its columns.
    pub fn norms(&self) -> Vec<f64> {
        let mut norms = self.column_norms();
        if !self.groups.is_empty() {
            norms.iter_mut().for_each(|u| *u *= *u);
            self.groups.share(&mut norms, |total, _| f64::sqrt(total));
        }
        norms
    }

    /// Share of each column (or group) in its own direction of the covariance, `w_j s_j`.
    pub fn weights(&self) -> Vec<f64> {
        let mut weights: Vec<f64> = self.w.iter().zip(self.s()).map(|(w, s)| w * s).collect();
        if !self.groups.is_empty() {
            self.groups.add_up(&mut weights);
        }
        weights
    }

    /// Sparsity factors of the columns.
    pub fn s(&self) -> &[f64] {
        self.energy.s(&self.scratch)
    }

    /// Evaluates the energy at the present `w`, and appends it.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite).
    pub fn evaluate(&mut self, noise_var: f64) -> Result<()> {
        let step = self.energies.len() + 1;
        let at = Point { prior_var: &self.w, noise_var };
        self.energies.push(self.energy.evaluate(at, &mut self.scratch).map_err(|pivot| pivot.at(step))?);
        Ok(())
    }

    /// Updates `w` by a rule, from what the last evaluation found.
    pub fn update(&mut self, rule: Rule) {
        let responses = self.energy.responses().n_responses as f64;
        let (q_squared, mut s) = (self.energy.q_squared(&self.scratch), self.energy.s(&self.scratch));
        self.q.copy_from_slice(q_squared);
        if !self.groups.is_empty() {
            self.groups.share(&mut self.q, |total, size| total / size);
            self.shared_s.copy_from_slice(s);
            self.groups.share(&mut self.shared_s, |total, size| total / size);
            s = &self.shared_s;
        }
        self.q.iter_mut().for_each(|q| *q = (*q / responses).sqrt());
        rule.update(&mut self.w, &self.q, s);
    }

    /// Steps along `noise_var` until `each` stops them or `len` are done; returns whether `each` stopped them.
    ///
    /// `each` runs after the evaluation and before the update, so that it sees posterior means and `w` that belong
    /// together. So does the caller at the end: no update follows the last evaluation.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`](crate::Error::NotPositiveDefinite); [`Error::Interrupted`](crate::Error::Interrupted) where the monitor was stopped.
    ///
    /// # Complexity
    /// `2 r^2 n + r^3 / 3` operations a step for packed columns `(r, n)`, and `3 r n` for each response after the first;
    /// no allocation within a step, but for the list of energies and the totals of groups.
    pub fn run(
        &mut self,
        rule: Rule,
        len: usize,
        noise_var: impl Fn(usize) -> f64,
        before: Progress,
        monitor: &Monitor<'_>,
        mut each: impl FnMut(&mut Self, usize) -> Result<Next>,
    ) -> Result<bool> {
        for step in 0..len {
            let noise_var = noise_var(step);
            self.evaluate(noise_var)?;
            let done = before.done + step + 1;
            let energy = self.energies.last().copied().unwrap_or(f64::NAN);
            monitor.step(&Progress { done, energy, noise_var, ..before })?;
            match each(self, step)? {
                Next::Stop => return Ok(true),
                Next::Continue if step + 1 < len => self.update(rule),
                Next::Continue | Next::Hold => {}
            }
        }
        Ok(false)
    }
}
