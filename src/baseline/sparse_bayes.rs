//! Sparse Bayesian learning by expectation maximisation, with the exact posterior. Letters: `w` are prior variances.

use super::equations::gram;
use super::tolerances::sparse_bayes::{FIRST_NOISE, LEAST_NOISE};
use crate::linalg::covariance::Covariance;
use crate::linalg::least_squares::symmetric_inverse;
use crate::linalg::row_blocks::interruptible;
use crate::linalg::watched::Watched;
use crate::monitor::{Monitor, Progress, Stage};
use crate::problem::validate::{check_matrix, check_response, check_results};
use crate::settings::{Checked, Settings, require};
use crate::{Error, Result, Status};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use std::sync::Arc;

/// Parameters of expectation maximisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseBayesSettings {
    /// Variance of the noise as a share of the mean square of the response; `None`, the default: it is learned. Finite
    /// and greater than 0.
    pub noise_var: Option<f64>,
    /// Steps, at most; by default 1000. At least 1.
    pub max_iter: usize,
    /// Share of the largest prior variance, and of the noise variance, by which a step moves any at the end; by default
    /// 1e-6. Finite and not negative.
    pub tol: f64,
    /// Share of the largest coefficient up to which others are returned as 0, columns scaled to norm 1; by default 1e-4.
    /// Not negative, less than 1.
    pub prune: f64,
}

impl Default for SparseBayesSettings {
    fn default() -> Self {
        Self { noise_var: None, max_iter: 1000, tol: 1e-6, prune: 1e-4 }
    }
}

impl Settings for SparseBayesSettings {
    fn validate(&self) -> Result<()> {
        let noise = self.noise_var.unwrap_or(1.0);
        require(noise.is_finite() && noise > 0.0, "noise_var", noise, "None, or finite and greater than 0")?;
        require(self.max_iter > 0, "max_iter", 0, "at least 1")?;
        require(self.tol.is_finite() && self.tol >= 0.0, "tol", self.tol, "finite and not negative")?;
        require((0.0..1.0).contains(&self.prune), "prune", self.prune, "not negative and less than 1")
    }
}

/// What the steps have led to.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseBayes {
    /// Posterior means; exact zeros where they were pruned.
    pub coef: Vec<f64>,
    /// Prior variances.
    pub prior_var: Vec<f64>,
    /// Posterior variances at those.
    pub posterior_var: Vec<f64>,
    /// Variance of the noise as a share of the mean square of the response.
    pub noise_var: f64,
    /// Steps.
    pub n_iter: usize,
    /// What the last one moved: see [`SparseBayesSettings::tol`].
    pub step: f64,
    /// [`Status::Converged`] or [`Status::IterationLimit`].
    pub status: Status,
}

/// Means of the coefficients, and their variances as shares of those of the prior, from 0 to 1.
pub(super) struct Posterior {
    pub mean: Array1<f64>,
    pub share: Vec<f64>,
}

/// Columns of norm 1 and a response of mean square 1: then nothing depends on the units of the data.
pub(super) struct Scaled {
    pub x: Array2<f64>,
    pub y: Array1<f64>,
    /// Coefficients in the units of the data, over those here.
    units: Vec<f64>,
}

impl Scaled {
    pub fn new(x: ArrayView2<'_, f64>, y: ArrayView1<'_, f64>) -> Result<Self> {
        check_matrix("X", x)?;
        check_response(x.nrows(), y.insert_axis(Axis(1)))?;
        let or_one = |v: f64| if v > 0.0 { v } else { 1.0 };
        let size = or_one((y.dot(&y) / y.len() as f64).sqrt());
        let norms = x.columns().into_iter().map(|column| or_one(column.dot(&column).sqrt()));
        let norms: Array1<f64> = norms.collect();
        Ok(Self { x: &x / &norms, y: &y / size, units: norms.iter().map(|norm| size / norm).collect() })
    }
}

/// Expectation maximisation; `expectation` is the posterior at prior variances and a noise variance, step by step.
pub(super) fn maximise(
    data: &Scaled,
    settings: &SparseBayesSettings,
    monitor: &Monitor<'_>,
    mut expectation: impl FnMut(&[f64], f64, usize) -> Result<Posterior>,
) -> Result<SparseBayes> {
    let (d, n) = data.x.dim();
    // A prior that explains all of the response; nothing explains a constant one.
    let first = if data.y.iter().any(|&v| v != 0.0) { d as f64 / n as f64 } else { 0.0 };
    let mut w = vec![first; n];
    let mut noise = settings.noise_var.unwrap_or(FIRST_NOISE);
    let (mut n_iter, mut step) = (0, f64::INFINITY);
    let posterior = loop {
        let posterior = expectation(&w, noise, n_iter)?;
        if n_iter == settings.max_iter || step <= settings.tol {
            break posterior;
        }
        let (mut moved, mut largest) = (0.0_f64, 0.0_f64);
        for ((w, mean), share) in w.iter_mut().zip(&posterior.mean).zip(&posterior.share) {
            let next = mean * mean + *w * share;
            (moved, largest) = (moved.max((next - *w).abs()), largest.max(next));
            *w = next;
        }
        step = if largest > 0.0 { moved / largest } else { moved };
        if settings.noise_var.is_none() {
            let left = &data.y - &data.x.dot(&posterior.mean);
            // The shares that the data determine, one minus those of the prior, count the degrees of freedom.
            let determined: f64 = posterior.share.iter().map(|share| 1.0 - share).sum();
            let next = ((left.dot(&left) + noise * determined) / d as f64).max(LEAST_NOISE);
            step = step.max((next - noise).abs() / next);
            noise = next;
        }
        n_iter += 1;
        let progress = Progress::new(Stage::Steps, n_iter, settings.max_iter);
        monitor.step(&Progress { noise_var: noise, ..progress })?;
    };
    let least = settings.prune * posterior.mean.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let coef = posterior.mean.iter().zip(&data.units).map(|(v, unit)| if v.abs() > least { v * unit } else { 0.0 });
    let var = w.iter().zip(&posterior.share).map(|(w, share)| w * share).zip(&data.units);
    let found = SparseBayes {
        coef: coef.collect(),
        posterior_var: var.map(|(v, unit)| v * unit * unit).collect(),
        prior_var: w.iter().zip(&data.units).map(|(w, unit)| w * unit * unit).collect(),
        noise_var: noise,
        n_iter,
        step,
        status: if step <= settings.tol { Status::Converged } else { Status::IterationLimit },
    };
    let values = found.coef.iter().chain(&found.prior_var).chain(&found.posterior_var).chain([&found.noise_var, &step]);
    check_results("`X` and `y`", "a coefficient or a variance", values)?;
    Ok(found)
}

/// Learns the prior variances of the coefficients of `x`, and the variance of the noise unless it is given.
///
/// # Errors
/// [`Error::Scales`] where a result is beyond the range of float64;
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NotPositiveDefinite`] where `noise_var` is too small for float64;
/// [`Error::Interrupted`] where `monitor` is stopped.
///
/// # Complexity
/// A step costs `O(n_samples^2 n_features)` by the covariance of the samples where these are no more than the features,
/// else `O(n_features^3)`.
///
/// # References
/// Tipping (2001), "Sparse Bayesian Learning and the Relevance Vector Machine", eqs. 12 and 13, app. A.
pub fn fit(
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    settings: &Checked<SparseBayesSettings>,
    monitor: &Monitor<'_>,
) -> Result<SparseBayes> {
    let data = Scaled::new(x, y)?;
    if x.nrows() > x.ncols() {
        let (gram, image) = (Arc::new(gram(data.x.view(), monitor)?), data.x.t().dot(&data.y));
        return maximise(&data, settings, monitor, |w, noise, step| {
            by_features(&gram, &image, w, noise, step, monitor)
        });
    }
    let mut kernel = Watched::new(data.x.view(), data.y.as_slice().unwrap_or_default());
    maximise(&data, settings, monitor, |w, noise, step| {
        let covariance = kernel.at(w, noise, true, step, monitor)?;
        let q = covariance.each_q().next().unwrap_or_default();
        let mean = w.iter().zip(q).map(|(w, q)| w * q).collect();
        Ok(Posterior { mean, share: w.iter().zip(covariance.s()).map(|(w, s)| (1.0 - w * s).max(0.0)).collect() })
    })
}

/// By the precision of the coefficients, scaled by the prior to `I + W^1/2 X^T X W^1/2 / noise`.
fn by_features(
    gram: &Arc<Array2<f64>>,
    image: &Array1<f64>,
    w: &[f64],
    noise: f64,
    step: usize,
    monitor: &Monitor<'_>,
) -> Result<Posterior> {
    let root: Array1<f64> = w.iter().map(|w| w.sqrt()).collect();
    let (gram, scale) = (Arc::clone(gram), root.clone());
    let inverse = interruptible(w.len(), monitor, move || {
        let mut precision = &*gram * &scale * (&scale / noise).insert_axis(Axis(1));
        precision.diag_mut().iter_mut().for_each(|v| *v += 1.0);
        symmetric_inverse(precision.view())
    })?;
    let inverse = inverse.ok_or(Error::NotPositiveDefinite { step, pivot: w.len() })?;
    let mean = &root * &inverse.dot(&(&root * image)) / noise;
    Ok(Posterior { mean, share: inverse.diag().to_vec() })
}
