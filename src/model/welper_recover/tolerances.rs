//! The constants that decide in Welper's recovery. None is in the paper, whose theorems are about exact arithmetic.
//!
//! Bounds on rounding are a few thousand units of it, because errors of about `sqrt(n)` additions go through systems of
//! moderate condition. What was chosen by hand says so; no sensitivity to it was measured.

/// Nonzeros of a solution that is trusted, at most, as a share of the rank of `A`: a vertex in general position has as many
/// as the rank, so that fewer are a sign of structure. How many fewer was chosen by hand.
pub(super) const SPARSER_THAN_CHANCE: f64 = 0.9;

/// Distance from the span of components, as a share of its norm, at which a solution counts as their combination. Chosen
/// by hand: far above rounding, far below an entry of a component that was missed.
pub(super) const IN_SPAN: f64 = 1e-6;

/// Distance from the span of other solutions, as a share of its norm, at which a solution enlarges it. Chosen by hand:
/// the square root of the unit roundoff, in round numbers.
pub(super) const INDEPENDENT: f64 = 1e-8;

/// A sum of components is zero if it is below this share of the largest that they could give: rounding.
pub(super) const CANCELLED: f64 = 1e-12;

/// A coefficient of a component is zero if it is below this share of the largest entry of the solution: rounding of least
/// squares.
pub(super) const NEGLIGIBLE: f64 = 1e-12;

/// Misfits below this share of the right-hand side are rounding.
pub(super) const ROUNDING: f64 = 1e-13;

/// Entries of components that may be missed and found again, at most. Chosen by hand: each costs a least-squares fit.
pub(super) const MOST_MISSED: usize = 8;

/// Misfit, as a share of the right-hand side, at which a solution with entries found again is believed. Chosen by hand:
/// exact solutions leave rounding, and with noise a column that was added proves nothing.
pub(super) const EXACT: f64 = 1e-7;

/// Nonzeros of a path, at most, for a solution with `most`: on its way it may have a few more than at its end. Chosen by
/// hand; a path that is cut short makes a problem hard that is not.
pub(super) fn path_length(most: usize) -> usize {
    most.saturating_mul(5) / 4 + 8
}
