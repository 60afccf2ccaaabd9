//! The constants that decide in basis pursuit. Bounds on rounding are a few hundred to a few thousand units of it, since
//! each number is a sum over rows or columns; what was chosen by hand says so, and no sensitivity to it was measured.

/// By how much a certificate may fail: reduced costs beyond 1, and the gap as a share of the norm. Chosen by hand,
/// between rounding and the slack of a basis that is not optimal.
pub const CERTIFICATE: f64 = 1e-9;

/// Contributions to the right-hand side below this share of it are rounding.
pub(super) const NO_CONTRIBUTION: f64 = 1e-12;

/// Share of the right-hand side, in orthonormal coordinates, that may be noise. Chosen by hand: of more, zero is as good a
/// solution as any.
pub(super) const MOST_NOISE: f64 = 0.5;

/// Steps of a path for each equation, at most. Chosen by hand: a path takes about one for each nonzero, and a few for
/// correlated columns (see [`follow`](super::homotopy::follow)).
pub(super) const STEPS: usize = 20;

/// A column with no more of its square off the span of the active ones is a combination of them: rounding.
pub(super) const DEPENDENT: f64 = 1e-13;

/// Correlations with the misfit, and coefficients, below this share of the largest are rounding.
pub(super) const ROUNDING: f64 = 1e-13;

/// Steps in a row that do not lower `lambda` before ties are taken for a cycle. Chosen by hand: the simplex method, which
/// takes over, solves a path that was given up too early as well.
pub(super) const MOST_TIES: usize = 40;

/// The simplex method, whose tableau is updated step by step, so that rounding adds up.
pub(super) mod simplex {
    /// Shift of the coefficients against ties, as a share of the largest. Chosen by hand; no size changes which bases are
    /// optimal.
    pub const SHIFT: f64 = 1e-7;

    /// By how much a reduced cost may exceed 1: rounding, below what the certificate allows.
    pub const ROUNDING: f64 = 1e-11;

    /// Distance from the span of those before at which a column of orthonormal equations may join the first basis. Chosen
    /// by hand, as a bound of 1e6 on what a basis enlarges errors by.
    pub const DEPENDENT: f64 = 1e-6;

    /// Entries of the tableau below this cannot be pivots. Chosen by hand, for the same reason.
    pub const PIVOT: f64 = 1e-7;
}
