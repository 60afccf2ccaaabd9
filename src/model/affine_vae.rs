//! The affine autoencoder, whose minima are known in closed form. Letters: ev_j are the eigenvalues of the covariance
//! of the data, gamma is `noise_var` (the paper's lambda), kappa is `n_components`, d is `n_features` (docs/notation).

use crate::design::{Design, read_samples};
use crate::linalg::packed_spd::{Rows, multiply};
use crate::linalg::row_blocks::{Axes, RowGram, RowTriangle, orthonormal};
use crate::linalg::summary::Summary;
use crate::monitor::Monitor;
use crate::problem::validate::{check_results, check_shape};
use crate::settings::{Checked, Settings, require};
use crate::{Error, Result, Status};
use ndarray::{Array1, Array2, Zip, s};

/// Entries that are read at a time, 512 KiB of float64.
const BLOCK: usize = 1 << 16;
/// Rows that are taken at a time at the least: with fewer, a product reads its result as often as its factors.
const LEAST: usize = 256;
/// The least noise variance, as a share of the largest eigenvalue, for which eigenvalues come from the covariance. Rounding
/// moves those by about 1e-16 of the largest: above this they have ten digits.
const CONDITIONED: f64 = 1e-6;

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
/// their squares overflow; [`Error::Scales`] where those vanish; [`Error::NoDecomposition`].
///
/// # Complexity
/// Two passes over `x` and `n_samples n_features min(n_samples, n_features)` operations, for the Gram matrix of the shorter
/// side; where digits would be lost in it, three times as many, for a QR decomposition of blocks. On rayon's current
/// threads; the same bits for any number of them, and for any order of `x` in memory.
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", Lemma 1, Theorem 2, Corollary 3.
/// Tipping and Bishop (1999), "Probabilistic Principal Component Analysis".
pub fn fit(x: &dyn Design, settings: &Checked<AffineVaeSettings>, monitor: &Monitor<'_>) -> Result<AffineFit> {
    let (n, d) = x.shape();
    check_size(n, d)?;
    minimum(&Centred::new(x, monitor)?, n, settings, monitor)
}

/// The same for samples that came in blocks, of any number of features.
///
/// # Errors
/// As [`fit`].
///
/// # Complexity
/// `O(n_features^3)`.
pub fn fit_summary(
    summary: &mut Summary,
    settings: &Checked<AffineVaeSettings>,
    monitor: &Monitor<'_>,
) -> Result<AffineFit> {
    let (n, d) = summary.shape();
    check_size(n, d)?;
    let table = summary.table(&(0..d).collect::<Vec<usize>>(), true, monitor)?;
    let mean = Array1::from_vec(table.x_means);
    let centred = Centred { x: &table.x, first: Array1::zeros(d), offset: Array1::zeros(d) };
    Ok(AffineFit { mean, ..minimum(&centred, n, settings, monitor)? })
}

/// Refuses less than two samples, and none of any feature.
fn check_size(n: usize, d: usize) -> Result<()> {
    check_shape("X", n, d)?;
    if n < 2 {
        return Err(Error::Shape {
            what: "X",
            expected: "at least 2 samples".to_owned(),
            found: format!("{:?}, n_samples = {n}", (n, d)),
        });
    }
    Ok(())
}

/// The minimum for centred rows whose products are those of `n` samples.
fn minimum(
    centred: &Centred<'_>,
    n: usize,
    settings: &Checked<AffineVaeSettings>,
    monitor: &Monitor<'_>,
) -> Result<AffineFit> {
    let d = centred.x.shape().1;
    if let Some(count) = settings.n_components.filter(|count| !(1..=d).contains(count)) {
        return Err(Error::invalid("n_components", count, &format!("from 1 to the number of features, {d}")));
    }
    let mut axes = centred.gram(monitor)?;
    let is_conditioned = |values: &[f64]| {
        let least = match (settings.noise_var, settings.n_components) {
            (Some(noise_var), _) => noise_var,
            (None, Some(kappa)) => optimal_noise_var(values, kappa),
            // Centred samples have one dimension less than there are.
            (None, None) => values[(n - 1).min(d) - 1],
        };
        least >= CONDITIONED * values[0]
    };
    let eigenvalues = |axes: &Axes| {
        let mut values: Vec<f64> = axes.values.iter().map(|value| value / n as f64).collect();
        values[(n - 1).min(d)..].fill(0.0);
        values.resize(d, 0.0);
        values
    };
    let mut spectrum = eigenvalues(&axes);
    if !is_conditioned(&spectrum) {
        axes = centred.triangle(monitor)?;
        spectrum = eigenvalues(&axes);
    }
    let total: f64 = spectrum.iter().sum();
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
    let principal = centred.principal(axes, n_active, monitor)?;
    for (j, (mut row, v)) in components.outer_iter_mut().zip(principal.outer_iter()).enumerate() {
        // The sign is free: the largest entry is positive.
        let largest = v.iter().fold(0.0_f64, |a, &b| if b.abs() > a.abs() { b } else { a });
        row.assign(&(&v * ((spectrum[j] - noise_var).sqrt() * largest.signum())));
    }
    let energy = n as f64 * energy(&spectrum, n_active, noise_var);
    check_results("entries of `X`", "the energy", [&energy])?;
    spectrum.truncate(kappa);
    let (mean, explained_variance) = (centred.mean(), spectrum);
    Ok(AffineFit { components, mean, noise_var, explained_variance, n_active, energy, status })
}

/// Samples about their mean, read a block at a time along the longer side: the rows of a tall matrix are samples, or
/// features where there are more of these.
struct Centred<'a> {
    x: &'a dyn Design,
    /// The first sample: offsets from it are exact zeros where all samples are equal.
    first: Array1<f64>,
    /// The mean of the offsets from it.
    offset: Array1<f64>,
}

impl<'a> Centred<'a> {
    /// Finds the mean; refuses NaN and infinity.
    fn new(x: &'a dyn Design, monitor: &Monitor<'_>) -> Result<Self> {
        let (n, d) = x.shape();
        let mut first = Array2::zeros((1, d));
        read_samples(x, 0..1, first.view_mut())?;
        let first = first.row(0).to_owned();
        let mut total = Array1::zeros(d);
        let mut buffer = Array2::zeros(((BLOCK / d).clamp(1, n), d));
        for start in (0..n).step_by(buffer.nrows()) {
            monitor.check()?;
            let count = (n - start).min(buffer.nrows());
            let mut rows = buffer.slice_mut(s![..count, ..]);
            read_samples(x, start..start + count, rows.view_mut())?;
            let mut sum = Array1::<f64>::zeros(d);
            rows.outer_iter().for_each(|row| Zip::from(&mut sum).and(row).and(&first).for_each(|s, v, f| *s += v - f));
            // Sums of what is finite may overflow: the spectrum tells.
            if !sum.iter().all(|v| v.is_finite()) {
                let bad = rows.indexed_iter().find(|(_, v)| !v.is_finite());
                if let Some(((i, j), _)) = bad {
                    return Err(Error::NonFinite { what: "X", index: vec![start + i, j] });
                }
            }
            total += &sum;
        }
        Ok(Self { x, first, offset: total / n as f64 })
    }

    fn mean(&self) -> Array1<f64> {
        &self.first + &self.offset
    }

    fn is_wide(&self) -> bool {
        self.x.shape().0 < self.x.shape().1
    }

    /// Columns of the tall matrix.
    fn short(&self) -> usize {
        self.x.shape().0.min(self.x.shape().1)
    }

    /// Calls `work` with the rows of the tall matrix, at least `least` at a time unless there are less.
    fn each_block(&self, least: usize, mut work: impl FnMut(&[f64]) -> Result<()>) -> Result<()> {
        let (n, d) = self.x.shape();
        let (long, short) = (n.max(d), self.short());
        let mut buffer = Array2::zeros(((BLOCK / short).max(least).min(long), short));
        let most = buffer.nrows();
        for start in (0..long).step_by(most) {
            let mut rows = buffer.slice_mut(s![..most.min(long - start), ..]);
            if self.is_wide() {
                let (mut columns, own) = (rows.view_mut().reversed_axes(), start..start + most.min(long - start));
                self.x.read(&own.clone().collect::<Vec<usize>>(), columns.view_mut());
                columns.outer_iter_mut().for_each(|mut row| {
                    row -= &self.first.slice(s![own.clone()]);
                    row -= &self.offset.slice(s![own.clone()]);
                });
            } else {
                read_samples(self.x, start..start + rows.nrows(), rows.view_mut())?;
                rows.outer_iter_mut().for_each(|mut row| {
                    row -= &self.first;
                    row -= &self.offset;
                });
            }
            work(rows.as_slice().unwrap_or_default())?;
        }
        Ok(())
    }

    /// Eigenvalues and axes of `T^T T` for the tall matrix `T`.
    fn gram(&self, monitor: &Monitor<'_>) -> Result<Axes> {
        let mut gram = RowGram::new("X", self.short())?;
        self.each_block(LEAST, |rows| gram.add(rows, monitor))?;
        if !gram.trace().is_finite() {
            return Err(Error::invalid("X", "so large that its variance overflows", "rescaled"));
        }
        gram.axes("X", monitor)
    }

    /// The same to the digits of a singular value decomposition of `T`.
    fn triangle(&self, monitor: &Monitor<'_>) -> Result<Axes> {
        let (n, d) = self.x.shape();
        let mut triangle = RowTriangle::new(self.short(), n.max(d));
        self.each_block(LEAST, |rows| triangle.add(rows, monitor))?;
        triangle.axes("X", monitor)
    }

    /// The first principal axes of the samples, as orthonormal rows; but for their sign.
    fn principal(&self, axes: Axes, count: usize, monitor: &Monitor<'_>) -> Result<Array2<f64>> {
        let vectors = axes.vectors.slice_move(s![..count, ..]);
        if !self.is_wide() || count == 0 {
            return Ok(vectors);
        }
        let (n, d) = self.x.shape();
        let vectors = vectors.as_standard_layout();
        let weights = Rows::new(vectors.as_slice().unwrap_or_default(), n).t();
        let mut images = Array2::zeros((d, count));
        let mut start = 0;
        self.each_block(1, |rows| {
            monitor.check()?;
            let stop = start + rows.len() / n;
            if let Some(to) = images.slice_mut(s![start..stop, ..]).as_slice_mut() {
                multiply(Rows::new(rows, n), weights, to);
            }
            start = stop;
            Ok(())
        })?;
        // Images of a small eigenvalue are orthogonal to few digits only.
        orthonormal(images.t(), monitor)
    }
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
