//! The constants that decide in the robust autoencoder. The paper has none: it leaves open how the energy is minimised.
//! All but the cut of outliers were chosen by hand, for the reasons given; no sensitivity to them was measured.

/// Noise variances that the annealing starts from, as a share of the mean square of the data: half of it may be noise, so
/// that nothing is an outlier yet.
pub(super) const START: f64 = 0.5;

/// Eigenvalues of the data, as a share of the mean square, from which a direction is a component at the start: half of what
/// the noise is taken to have there.
pub(super) const PRINCIPAL: f64 = 0.25;

/// Columns that are taken in together over those that stand out of the noise, at least, where these alone are the start.
/// Near the limits of recovery the columns of noise that are taken in beside them lead to lower energies; elsewhere they
/// are left out again, but each costs as much as all others.
pub(super) const CLEAR: usize = 2;

/// The least eigenvalue that stands out over the next one, at least, for that: others may be hidden in the noise where the
/// step is less.
pub(super) const GAP: f64 = 10.0;

/// Eigenvalues of data of `ratio` times as many features as samples, over their median, up to which they may be those of
/// noise (Gavish and Donoho 2014, "The optimal hard threshold for singular values is 4/sqrt(3)", eq. 5), and a quarter more
/// where outliers are few.
pub(super) fn noise(ratio: f64) -> f64 {
    1.25 * (0.56 * ratio.powi(3) - 0.95 * ratio.powi(2) + 1.82 * ratio + 1.43).powi(2)
}

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
