//! Updates of the prior variances, one a file (docs/notation: w is the prior variance of a column, q and s are its
//! quality and sparsity factors).
//!
//! A rule is a function of `w`, of the root mean square of `q` over the responses (and over a group), and of `s` (its
//! mean over a group); one line below makes it known.

mod em;
mod mackay;
mod mm;

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
    /// Updates all prior variances.
    pub(super) fn update(self, w: &mut [f64], q: &[f64], s: &[f64]) {
        match self {
            Self::Em => each(w, q, s, em::update),
            Self::Mm => each(w, q, s, mm::update),
            Self::MacKay => each(w, q, s, mackay::update),
        }
    }
}

/// Statically dispatched: the loop over the columns is compiled for each rule.
fn each(w: &mut [f64], q: &[f64], s: &[f64], rule: impl Fn(f64, f64, f64) -> f64) {
    w.iter_mut().zip(q.iter().zip(s)).for_each(|(w, (&q, &s))| *w = rule(*w, q, s));
}
