//! The constants that decide in a sparse factorisation. Bounds on rounding are some thousand units of it; what was chosen
//! by hand says so, and no sensitivity to it was measured.

/// Singular values below this share of the largest are rounding, of data that are solutions of equations.
pub(super) const RANK: f64 = 1e-10;

/// Entries below this share of the largest are rounding.
pub(super) const ROUNDING: f64 = 1e-12;

/// Distance from the span of sparser vectors, as a share of its norm, at which a vector is independent of them. Chosen by
/// hand, as a bound of 1e6 on the coefficients of a combination.
pub(super) const INDEPENDENT: f64 = 1e-6;

/// Misfit of a program that may be put down to the tilt of the span, in units of it. Chosen by hand, as three
/// standard deviations.
pub(super) const TILTS: f64 = 3.0;

/// Rounds of programs that look for what is missing or mixed, at most: they end by themselves, since vectors only get
/// sparser.
pub(super) const MOST_ROUNDS: usize = 20;

/// Pairs of rows at a time, at least. Chosen by hand: enough to occupy all threads.
pub(super) const LEAST_PAIRS: usize = 32;

/// Steps towards an orthonormal basis of largest 4-norm, at most. Chosen by hand: it takes some tens.
pub(super) const MOST_STEPS: usize = 300;

/// Change of all entries of a rotation at which it has converged. Chosen by hand: convergence is cubic, and the programs
/// that follow need only a direction.
pub(super) const CONVERGED: f64 = 1e-8;

/// Active columns of a path, at most, for a vector with `most` nonzeros: on its way it may have a few more than at its end,
/// and a mixture that is mended later more than its parts. Chosen by hand.
pub(super) fn path_length(most: usize) -> usize {
    most * 3 / 2 + 8
}
