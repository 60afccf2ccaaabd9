//! The autoencoder that tells outliers from a low-rank signal: an affine decoder without offset, and a free noise
//! variance for every entry.

use crate::linalg::affine::eigenvalues_above;
use crate::monitor::{Monitor, Progress, Stage};
use crate::problem::observed;
use crate::solver::robust_em::{RobustEm, Samples};
use crate::{Error, Result, Status};
use ndarray::{Array1, Array2, ArrayView2};

/// Noise variances that the annealing starts from, as a share of the mean square of the data.
const START: f64 = 0.5;
/// Eigenvalues of the data, as a share of the mean square, from which a direction is a component at the start.
const PRINCIPAL: f64 = 0.25;
/// Squares of a column, as a share of the floor, at which it is left out.
const NEGLIGIBLE: f64 = 0.1;
/// Columns that are taken in together, at most, over the square root of the number of features: their second moments
/// then take a few times the memory of the data.
const AT_ONCE: f64 = 4.0;
/// Noise variances, as a share of the floor, from which an entry is an outlier.
const OUTLYING: f64 = 4.0;

/// How a decomposition is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Components, at most; `None` for as many as the shorter side.
    pub n_components: Option<usize>,
    /// Least noise variance of an entry, as a share of the mean square of the data.
    pub floor: f64,
    /// Steps in which the floor falls.
    pub n_anneal: usize,
    /// Steps, at most.
    pub max_iter: usize,
    /// Change of the energy, per entry, at which the steps end.
    pub tol: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { n_components: None, floor: 1e-7, n_anneal: 100, max_iter: 300, tol: 1e-4 }
    }
}

impl Settings {
    fn check(&self) -> Result<()> {
        if self.n_components == Some(0) {
            return Err(Error::invalid("n_components", 0, "None or at least 1"));
        }
        if !(self.floor > 0.0 && self.floor < START) {
            return Err(Error::invalid("floor", self.floor, "greater than 0 and less than 0.5"));
        }
        if self.max_iter == 0 {
            return Err(Error::invalid("max_iter", 0, "at least 1"));
        }
        if !(self.tol.is_finite() && self.tol >= 0.0) {
            return Err(Error::invalid("tol", self.tol, "finite and at least 0"));
        }
        Ok(())
    }

    /// The floor at a step.
    fn floor_at(&self, step: usize) -> f64 {
        let share = step as f64 / self.n_anneal.max(1) as f64;
        if step < self.n_anneal { START * libm::pow(self.floor / START, share) } else { self.floor }
    }
}

/// `X = L + S`.
#[derive(Debug, Clone, PartialEq)]
pub struct RobustFit {
    /// `L`, of the shape of the data; what is missing is filled in.
    pub low_rank: Array2<f64>,
    /// Variance of each entry about `L`; NaN where it is missing.
    pub outlier_var: Array2<f64>,
    /// Which entries are outliers: a variance well above the floor.
    pub outlier_mask: Array2<bool>,
    /// `W^T`, shape `(rank, n_features)`, orthogonal rows in falling order.
    pub components: Array2<f64>,
    /// Root mean square of the observed entries.
    pub unit: f64,
    /// The energy at each step, per observed entry, the data divided by `unit`.
    pub energy_path: Vec<f64>,
    /// Steps.
    pub n_iter: usize,
    /// [`Status::Converged`] or [`Status::IterationLimit`].
    pub status: Status,
}

/// Minimises `sum_i x_i^T C_i^-1 x_i + log |C_i|`, `C_i = W W^T + D_i`, over `W` and diagonal `D_i >= alpha` for the
/// rows `x_i` of `x`, by expectation maximisation while `alpha` falls to `floor` times the mean square of `x`. NaN
/// stands for what is missing, and is refused unless `missing`.
///
/// A plain iteration on the full `W W^T` costs `n_features^3` a sample; here `W` keeps only the columns that matter at
/// the present `alpha`, and those that begin to matter as it falls are looked for (see [`RobustEm::births`]).
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::InvalidParameter`] for settings out of range and where nothing is
/// observed; [`Error::NotPositiveDefinite`] and [`Error::NoDecomposition`] where float64 does not suffice;
/// [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// A step costs `O(n_samples n_features k^2)` for `k` present components, and until the floor is reached
/// `O(n_samples n_features min(n_samples, n_features))` more; memory for `5 n_samples n_features + n_samples k^2 / 2`
/// numbers. On rayon's current threads; the same bits for any number of them.
///
/// # References
/// Dai, Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", eq. 11, Theorem 4.
pub fn fit(x: ArrayView2<'_, f64>, missing: bool, settings: &Settings, monitor: &Monitor<'_>) -> Result<RobustFit> {
    settings.check()?;
    let filled = observed(x, missing)?;
    if let Some(count) = settings.n_components.filter(|&count| count > x.ncols()) {
        let allowed = format!("None or from 1 to the number of features, {}", x.ncols());
        return Err(Error::invalid("n_components", count, &allowed));
    }
    let n_observed = x.iter().filter(|v| !v.is_nan()).count() as f64;
    let largest = filled.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let relative = filled.iter().map(|v| (v / largest).powi(2)).sum::<f64>() / n_observed;
    let unit = if largest > 0.0 { largest * relative.sqrt() } else { 1.0 };
    let samples = Samples::new(x, unit);
    let most = settings.n_components.unwrap_or(usize::MAX).min(x.nrows()).min(x.ncols());
    let scaled = filled * ((x.ncols() as f64 / n_observed).sqrt() / unit);
    let mut principal = eigenvalues_above(scaled.view(), PRINCIPAL, "X")?;
    drop(scaled);
    let at_once = ((AT_ONCE * (x.ncols() as f64).sqrt()) as usize).max(1);
    principal.truncate(most.min(at_once));
    let columns: Vec<Array1<f64>> = principal.into_iter().map(|(value, vector)| vector * value.sqrt()).collect();
    let mut em = RobustEm::new(&samples, &columns, 1.0);
    let mut energy_path: Vec<f64> = Vec::new();
    let mut status = Status::IterationLimit;
    for step in 0..settings.max_iter {
        let floor = settings.floor_at(step);
        let mut energy = em.expectation(floor, step, monitor)? / n_observed;
        let room = most.saturating_sub(em.decoder.n_components).min(at_once);
        if step < settings.n_anneal && room > 0 {
            let births = em.births(room)?;
            if !births.is_empty() {
                em.append(births);
                energy = em.expectation(floor, step, monitor)? / n_observed;
            }
        }
        let before = energy_path.last().copied().unwrap_or(f64::INFINITY);
        energy_path.push(energy);
        if step > settings.n_anneal && (before - energy).abs() <= settings.tol {
            status = Status::Converged;
            break;
        }
        em.maximise(NEGLIGIBLE * floor, step)?;
        monitor.step(&Progress { energy, ..Progress::new(Stage::Steps, step + 1, settings.max_iter) })?;
    }
    let n_iter = energy_path.len();
    em.expectation(settings.floor, n_iter, monitor)?;
    let (n, d) = x.dim();
    let components = components(&em, d) * unit;
    let low_rank = latent(&em, n).dot(&components);
    let precision = Array2::from_shape_vec((n, d), em.beliefs.precision).unwrap_or_default();
    let outlier_var = precision.mapv(|p| if p > 0.0 { unit * unit / p } else { f64::NAN });
    let outlier_mask = precision.mapv(|p| p > 0.0 && p * OUTLYING * settings.floor < 1.0);
    Ok(RobustFit { low_rank, outlier_var, outlier_mask, components, unit, energy_path, n_iter, status })
}

fn components(em: &RobustEm<'_>, n_features: usize) -> Array2<f64> {
    let shape = (n_features, em.decoder.n_components);
    Array2::from_shape_vec(shape, em.decoder.weights.clone())
        .unwrap_or_default()
        .reversed_axes()
        .as_standard_layout()
        .into_owned()
}

fn latent(em: &RobustEm<'_>, n_samples: usize) -> Array2<f64> {
    Array2::from_shape_vec((n_samples, em.decoder.n_components), em.beliefs.latent.clone()).unwrap_or_default()
}

/// The means of the latent variables of other samples, shape `(n_samples, rank)`, under a decoder that is known: the
/// same iteration, in which the noise variances alone are free.
///
/// `components` has shape `(rank, n_features)`, `unit` is that of the fit.
///
/// # Errors
/// As [`fit`]; samples in which nothing is observed have latent variables of zero.
///
/// # Complexity
/// `max_iter` steps of `O(n_samples n_features rank^2)`, at most.
pub fn encode(
    x: ArrayView2<'_, f64>,
    missing: bool,
    (components, unit): (ArrayView2<'_, f64>, f64),
    settings: &Settings,
    monitor: &Monitor<'_>,
) -> Result<Array2<f64>> {
    settings.check()?;
    crate::problem::check_matrix("X", x.mapv(|v| if missing && v.is_nan() { 0.0 } else { v }).view())?;
    let samples = Samples::new(x, unit);
    let columns: Vec<Array1<f64>> = components.rows().into_iter().map(|row| &row / unit).collect();
    let mut em = RobustEm::new(&samples, &columns, 1.0);
    // The steps of one sample must not depend on those of others.
    for step in 0..settings.n_anneal + HOLD {
        em.expectation(settings.floor_at(step), step, monitor)?;
        em.advance();
    }
    em.expectation(settings.floor, settings.n_anneal + HOLD, monitor)?;
    Ok(latent(&em, x.nrows()))
}

/// Steps at the last floor in which other samples settle.
const HOLD: usize = 50;
