//! The one loop: schedule, kernel, update rule, stopping, hook.

use super::{em, mackay, mm};
use crate::linalg::{marginal::Marginal, packed::Packed};
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

impl Rule {
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
    /// Prior variances, one per column.
    pub w: Vec<f64>,
    /// Posterior means of the coefficients at the last step.
    pub u: Vec<f64>,
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
    /// Allocates everything that the steps need, and starts at `w`.
    pub fn new(design: &'a Packed, response: &'a [f64], w: Vec<f64>) -> Self {
        let n = design.n_cols();
        Self { design, response, w, u: vec![0.0; n], energies: Vec::new(), marginal: Marginal::new(design) }
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
        self.energies.push(self.marginal.quadratic() + self.marginal.log_det());
        self.u.iter_mut().zip(self.w.iter().zip(self.marginal.q())).for_each(|(u, (w, q))| *u = w * q);
        Ok(())
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
    /// `2 r^2 n + r^3 / 3` operations a step for a design `(r, n)`; no allocation within a step, but for the list of
    /// energies.
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
                rule.update(&mut self.w, self.marginal.q(), self.marginal.s());
            }
        }
        Ok(false)
    }
}
