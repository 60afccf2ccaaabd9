//! Constants that tell ties from numbers in general position, and where each comes from.

/// Largest numerator and denominator of coefficients that count as multiples of each other.
pub(crate) const MULTIPLES: i32 = 12;
/// How near, as a share, two numbers are that should be one. Chosen by hand: numbers in general position come so near
/// once in a hundred million times.
pub(crate) const SAME: f64 = 1e-10;
/// Share of the nonzero entries of a support that may repeat another one in designs in general position. Chosen by
/// hand.
pub(crate) const REPEATED: f64 = 0.02;
