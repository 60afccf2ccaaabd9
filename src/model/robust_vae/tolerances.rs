//! The constants that decide in the robust autoencoder. The paper has none: it leaves open how the energy is minimised.
//! All but the cut of outliers were chosen by hand, for the reasons given; no sensitivity to them was measured.

/// Noise variances that the annealing starts from, as a share of the mean square of the data: half of it may be noise, so
/// that nothing is an outlier yet.
pub(super) const START: f64 = 0.5;

/// Eigenvalues of the data, as a share of the mean square, from which a direction is a component at the start: half of what
/// the noise is taken to have there.
pub(super) const PRINCIPAL: f64 = 0.25;

/// Squares of a column, as a share of the floor, at which it is left out: its share in the covariance of a sample is then
/// below the least noise.
pub(super) const NEGLIGIBLE: f64 = 0.1;

/// Columns that are taken in together, at most, over the square root of the number of features: their second moments
/// then take half of the memory of the data. Four times as many recover no more.
pub(super) const AT_ONCE: f64 = 1.0;

/// Noise variances, as a share of the floor, from which one of so many entries is an outlier. Normal noise exceeds `t`
/// standard deviations with a probability of at most `exp(-t^2 / 2)`: less than one entry is expected above the square
/// root of this cut, Donoho and Johnstone's (1994) universal threshold, if the floor is the variance of the noise.
pub(super) fn outlying(n_observed: f64) -> f64 {
    2.0 * (1.0 + n_observed).ln()
}

/// Steps at the last floor in which samples that were not fitted settle.
pub(super) const HOLD: usize = 50;
