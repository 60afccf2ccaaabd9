//! Constants that decide in expectation propagation, and where each comes from. "Swept" are those that
//! `benches/calibration/propagation.py` varies, one at a time: its README beside it has the rates.

/// What the rounds of a search try.
pub(crate) struct Plan {
    /// Slab variances that rounds start from, in turn, relative to the scale of the problem.
    pub slabs: &'static [&'static [f64]],
    /// Share of a new site that a step takes, by round, in turn.
    pub damping: &'static [f64],
    /// Steps in a round.
    pub len: usize,
    /// From step [`DECIDED`] on, a round whose expected number of nonzeros exceeds this share of the rank is given up.
    pub crowded: f64,
    /// Largest share of the rank that the prior expects to be nonzero; no share of the columns beyond [`MOST_DENSE`].
    pub most: f64,
    /// A slab this much wider than the scale of the problem ends a round.
    pub runaway: f64,
    /// Means are worth a look once those outside the `rank - 1` largest hold less than this share of the norm.
    pub tail: f64,
}

/// One response. Slabs, damping and `crowded` were swept; the others were chosen by hand.
pub(crate) const SINGLE: Plan = Plan {
    slabs: &[&[0.03, 0.3, 3.0], &[0.1, 1.0], &[1.0], &[0.1, 1.0], &[1e-4, 1e-2, 0.1, 1.0, 6.0]],
    damping: &[0.5, 0.3, 0.4, 0.6],
    len: 60,
    crowded: 0.9,
    most: f64::INFINITY,
    runaway: 20.0,
    tail: 0.01,
};
/// Several: nearly as many nonzeros as rows can be found, at smaller steps, and rows may differ by orders of magnitude.
/// Slabs, damping and `crowded` were swept; `len` and `most` are from the trials of docs/what_was_tried.md; the others were
/// chosen by hand.
pub(crate) const JOINT: Plan = Plan {
    slabs: &[&[0.03, 0.3, 3.0], DECADES, MORE_DECADES],
    damping: &[0.3, 0.15, 0.2, 0.4],
    len: 150,
    crowded: f64::INFINITY,
    most: 1.0,
    runaway: 1e3,
    tail: 0.01,
};
/// One slab a decade: .92 at 97 rows where six slabs two decades apart have .50 (docs/what_was_tried.md).
const DECADES: &[f64] = &[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];
const MORE_DECADES: &[f64] = &[1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0];
/// Nonzeros expected at first, as a share of the rank; at most [`DENSEST`] of the columns. Swept.
pub(crate) const EXPECTED: f64 = 0.6;
/// Largest share of columns expected to be nonzero at first. Swept.
pub(crate) const DENSEST: f64 = 0.3;
/// Standard deviation of the tilt of the prior log-odds. Swept.
pub(crate) const TILT: f64 = 0.6;
/// Steps before a round can be given up for being crowded. Chosen by hand: the first steps overshoot.
pub(crate) const DECIDED: usize = 8;
/// Largest share of columns that the prior expects to be nonzero. Chosen by hand; short of 1, where the odds are
/// infinite.
pub(crate) const MOST_DENSE: f64 = 0.95;
/// Room for the weights of a round: the most slabs of a plan.
pub(crate) const MOST_SLABS: usize = 11;

/// Up to step `EARLY`, every second step is due for a look at the means, later every third. Chosen by hand: a look
/// costs about what a step does.
pub(crate) const EARLY: usize = 6;
/// Up to this step, means are looked at whatever their tail holds: easy problems are solved by then. Chosen by hand.
pub(crate) const UNCONDITIONAL: usize = 4;

/// Variances of cavities and sites stay within this share of the prior's: rounding.
pub(crate) const ROUNDING: f64 = 1e-14;
/// The reciprocal of [`ROUNDING`].
pub(crate) const SHARPEST: f64 = 1e14;
/// Widest cavity, relative to the scale of the problem: beyond, the data say nothing of a column. Chosen by hand.
pub(crate) const WIDEST_CAVITY: f64 = 1e8;
/// Least precision of a site, relative to that of the widest slab. Chosen by hand; a site of negative precision has no
/// prior variance.
pub(crate) const WEAKEST_SITE: f64 = 1e-2;
/// Least share of a slab in a cavity: rounding of 1.
pub(crate) const LEAST_SHARE: f64 = 1e-16;
/// Least weight of a slab, so that none is lost for good. Chosen by hand.
pub(crate) const LEAST_WEIGHT: f64 = 1e-6;
/// Least expected number of columns in a slab, as a divisor. Chosen by hand; a slab of fewer has no weight.
pub(crate) const LEAST_COUNT: f64 = 1e-9;
/// Narrowest slab, relative to the scale of the problem. Chosen by hand, below the narrowest of the plans' slabs.
pub(crate) const NARROWEST_SLAB: f64 = 1e-10;
