//! The affine autoencoder, whose minima are known in closed form. Letters: ev_j are the eigenvalues of the covariance
//! of the data, gamma is `noise_var` (the paper's lambda), kappa is `n_components`, d is `n_features` (docs/notation).

use crate::linalg::affine::ThinSvd;
use crate::problem::validate::check_matrix;
use crate::settings::{Checked, Settings, require};
use crate::{Error, Result, Status};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Parameters of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AffineVaeSettings {
    /// Columns of `W`; `None`, the default: as many as the data support. From 1 to the number of features.
    pub n_components: Option<usize>,
    /// Noise variance; `None`, the default: the optimal one. Finite and greater than 0.
    pub noise_var: Option<f64>,
}

impl Settings for AffineVaeSettings {
    fn validate(&self) -> Result<()> {
        let noise_var = self.noise_var.unwrap_or(1.0);
        let allowed = "\"auto\", or finite and greater than 0";
        require(noise_var.is_finite() && noise_var > 0.0, "noise_var", noise_var, allowed)
    }
}

/// A minimum of the energy, the one with orthogonal columns in falling order.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineFit {
    /// `W^T`, shape `(n_components, n_features)`; the rows beyond `n_active` are zero.
    pub components: Array2<f64>,
    /// `b`, the mean of the samples.
    pub mean: Array1<f64>,
    /// `gamma`.
    pub noise_var: f64,
    /// Eigenvalues of the covariance of the data along the components, falling.
    pub explained_variance: Vec<f64>,
    /// Nonzero columns of `W`: eigenvalues greater than `gamma`.
    pub n_active: usize,
    /// The energy, summed over samples; the same with a full and a diagonal covariance of the encoder.
    pub energy: f64,
    /// [`Status::Converged`], or [`Status::NoiseCollapsed`] if the noise variance that was to be found is zero.
    pub status: Status,
}

/// Minimises `sum_i (x_i - b)^T C^-1 (x_i - b) + n log |C|`, `C = W W^T + gamma I`, for the rows `x_i` of `x`, over `W`
/// with `n_components` columns, over `b`, and over `gamma` if it is not given.
///
/// With `b` the mean and eigenvalues `ev_j` of `(1/n) sum_i (x_i - b)(x_i - b)^T`, column `j` of `W` is eigenvector `j`
/// times `sqrt(max(ev_j - gamma, 0))`; the optimal `gamma` is the mean of the `d - kappa` smallest eigenvalues. (The
/// paper's soft threshold `sqrt(lambda)` is meant for the singular values of the covariance; those of the centred data
/// are compared with `sqrt(n lambda)`.) Without `n_components` a fixed `gamma` chooses their number itself; with an
/// optimal `gamma` the one of least Bayesian information criterion is taken, that of the transposed data where there are
/// no more samples than features.
///
/// # Errors
/// [`Error::Shape`] for less than two samples, [`Error::NonFinite`]; [`Error::InvalidParameter`] for a number of components
/// outside 1..=`n_features`, and where all samples are equal and no noise variance is given, or the data so large that
/// their squares overflow; [`Error::NoDecomposition`].
///
/// # Complexity
/// One thin SVD, `O(n_samples n_features min(n_samples, n_features))`.
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", Lemma 1, Theorem 2, Corollary 3.
/// Tipping and Bishop (1999), "Probabilistic Principal Component Analysis".
pub fn fit(x: ArrayView2<'_, f64>, settings: &Checked<AffineVaeSettings>) -> Result<AffineFit> {
    check_matrix("X", x)?;
    let (n, d) = x.dim();
    if n < 2 {
        return Err(Error::Shape {
            what: "X",
            expected: "at least 2 samples".to_owned(),
            found: format!("{:?}, n_samples = {n}", x.dim()),
        });
    }
    if let Some(count) = settings.n_components.filter(|count| !(1..=d).contains(count)) {
        return Err(Error::invalid("n_components", count, &format!("from 1 to the number of features, {d}")));
    }
    // Sums are taken in one order, whatever that of the memory.
    let x = x.as_standard_layout();
    // The mean of the offsets from the first sample: equal samples leave exact zeros.
    let first = x.row(0);
    let offsets = &x - &first;
    let mean_offset = offsets.mean_axis(Axis(0)).unwrap_or_default();
    let svd = ThinSvd::new((&offsets - &mean_offset).view(), "X")?;
    let mut spectrum: Vec<f64> = svd.singular.iter().map(|s| s * s / n as f64).collect();
    spectrum.resize(d, 0.0);
    let total: f64 = spectrum.iter().sum();
    if !total.is_finite() {
        return Err(Error::invalid("X", "so large that its variance overflows", "rescaled"));
    }
    // Rounding alone leaves so much.
    let floor = (n.max(d) as f64 * f64::EPSILON).powi(2) * spectrum[0];
    let (kappa, noise_var, status) = match settings.noise_var {
        Some(noise_var) => (settings.n_components.unwrap_or(n.min(d)), noise_var, Status::Converged),
        None if total == 0.0 => return Err(Error::invalid("noise_var", "\"auto\"", "a number: all samples are equal")),
        None => {
            let kappa = settings.n_components.unwrap_or_else(|| choose(&spectrum, n, floor));
            let optimal = optimal_noise_var(&spectrum, kappa);
            let status = if optimal > floor { Status::Converged } else { Status::NoiseCollapsed };
            (kappa, optimal.max(floor), status)
        }
    };
    let n_active = spectrum.iter().take(kappa).take_while(|&&ev| ev > noise_var).count();
    let mut components = Array2::zeros((kappa, d));
    for (j, mut row) in components.rows_mut().into_iter().take(n_active).enumerate() {
        let v = svd.right.row(j);
        // The sign is free: the largest entry is positive.
        let largest = v.iter().fold(0.0_f64, |a, &b| if b.abs() > a.abs() { b } else { a });
        row.assign(&(&v * ((spectrum[j] - noise_var).sqrt() * largest.signum())));
    }
    let energy = n as f64 * energy(&spectrum, n_active, noise_var);
    spectrum.truncate(kappa);
    let mean = mean_offset + first;
    Ok(AffineFit { components, mean, noise_var, explained_variance: spectrum, n_active, energy, status })
}

/// The mean of the eigenvalues that `kappa` components leave; where they leave none, any value up to the smallest is
/// optimal, and the smallest needs fewest components.
fn optimal_noise_var(spectrum: &[f64], kappa: usize) -> f64 {
    let left = &spectrum[kappa.min(spectrum.len() - 1)..];
    left.iter().sum::<f64>() / left.len() as f64
}

/// The energy of one sample, on average.
fn energy(spectrum: &[f64], n_active: usize, noise_var: f64) -> f64 {
    let (active, left) = spectrum.split_at(n_active);
    active.iter().map(|ev| 1.0 + ev.ln()).sum::<f64>()
        + left.iter().map(|ev| ev / noise_var + noise_var.ln()).sum::<f64>()
}

/// The number of components of least Bayesian information criterion, at least 1, that leaves some noise: energy plus
/// `log n` for each parameter of the covariance. Directions of which rounding alone is left are not counted.
///
/// Where samples are not more than features, components could explain them all, and the energy falls without bound as
/// what is left vanishes. The criterion is then that of the transposed data, in which the `d` features are samples of as
/// many dimensions as there are eigenvalues.
fn choose(spectrum: &[f64], n: usize, floor: f64) -> usize {
    let d = spectrum.len();
    let rank = spectrum.iter().take_while(|&&ev| ev > floor).count();
    let (spectrum, n) = if n > d { (spectrum, n) } else { (&spectrum[..rank], d) };
    let d = spectrum.len();
    let cost = |kappa: usize| {
        let noise_var = optimal_noise_var(spectrum, kappa).max(f64::MIN_POSITIVE);
        let n_parameters = (d * kappa) as f64 - (kappa * kappa.saturating_sub(1)) as f64 / 2.0;
        n as f64 * energy(spectrum, kappa.min(d - 1), noise_var) + n_parameters * (n as f64).ln()
    };
    (1..rank.max(2)).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(1)
}
