//! Principal component pursuit. Letters: L is `low_rank`, S is `outliers`, Y holds the multipliers, mu is the penalty.

use crate::linalg::affine::ThinSvd;
use crate::linalg::rotation::product;
use crate::monitor::{Monitor, Progress, Stage};
use crate::problem::validate::{check_results, observed};
use crate::settings::{Checked, Settings, require};
use crate::{Result, Status};
use ndarray::{Array2, ArrayView2, Axis, Zip, s};

// The penalties are those of the authors' own program, inexact_alm_rpca of Lin, Chen and Ma.

/// Growth of the penalty from step to step.
const GROWTH: f64 = 1.5;
/// The penalty at the start, over the inverse of the spectral norm of the data.
const START: f64 = 1.25;
/// The penalty at most, over that at the start.
const MOST: f64 = 1e7;

/// Parameters of the pursuit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RobustPcaSettings {
    /// Weight of the outliers; `None`, the default: one over the square root of the larger side, as Candes et al. prove
    /// for. Finite and greater than 0.
    pub outlier_weight: Option<f64>,
    /// Norm of `X - L - S`, as a share of that of `X`, at which the steps end; by default 1e-7. Between 0 and 1, both
    /// excluded.
    pub tol: f64,
    /// Steps, at most; by default 500. At least 1.
    pub max_iter: usize,
}

impl Default for RobustPcaSettings {
    fn default() -> Self {
        Self { outlier_weight: None, tol: 1e-7, max_iter: 500 }
    }
}

impl Settings for RobustPcaSettings {
    fn validate(&self) -> Result<()> {
        let weight = self.outlier_weight.unwrap_or(1.0);
        let allowed = "None, or finite and greater than 0";
        require(weight.is_finite() && weight > 0.0, "outlier_weight", weight, allowed)?;
        require(self.tol > 0.0 && self.tol < 1.0, "tol", self.tol, "greater than 0 and less than 1")?;
        require(self.max_iter > 0, "max_iter", 0, "at least 1")
    }
}

/// `X = L + S`.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// `L`, of the shape of the data; what is missing is filled in.
    pub low_rank: Array2<f64>,
    /// `S`, with exact zeros; zero where entries are missing.
    pub outliers: Array2<f64>,
    /// Singular values of `L` that are not zero, falling.
    pub singular: Vec<f64>,
    /// Right singular vectors of `L`, shape `(rank, n_features)`.
    pub components: Array2<f64>,
    /// Steps, one SVD each.
    pub n_iter: usize,
    /// Norm of `X - L - S`, as a share of that of `X`.
    pub residual: f64,
    /// [`Status::Converged`] or [`Status::IterationLimit`].
    pub status: Status,
}

/// Solves `min ||L||_* + lambda ||S||_1` subject to `X = L + S` wherever `x` is not NaN, by the inexact augmented
/// Lagrangian method. NaN is refused unless `missing`.
///
/// # Errors
/// [`Error::Scales`](crate::Error::Scales) where a result is beyond the range of float64;
/// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite);
/// [`Error::InvalidParameter`](crate::Error::InvalidParameter) where nothing is observed;
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition); [`Error::Interrupted`](crate::Error::Interrupted) where
/// `monitor` is stopped.
///
/// # Complexity
/// One thin SVD a step, `O(n_samples n_features min(n_samples, n_features))`; 20 to 50 steps.
///
/// # References
/// Lin, Chen and Ma (2010), "The Augmented Lagrange Multiplier Method for Exact Recovery of Corrupted Low-Rank
/// Matrices", Algorithm 5; Candes, Li, Ma and Wright (2011), "Robust Principal Component Analysis?". Eq. 14 of Dai,
/// Wang, Aston, Hua and Wipf, "Hidden Talents of the Variational Autoencoder", is this with `n_samples` as the larger
/// side.
pub fn fit(
    x: ArrayView2<'_, f64>,
    missing: bool,
    settings: &Checked<RobustPcaSettings>,
    monitor: &Monitor<'_>,
) -> Result<Decomposition> {
    let data = observed(x, missing)?;
    let larger = x.nrows().max(x.ncols()) as f64;
    let weight = settings.outlier_weight.unwrap_or(1.0 / larger.sqrt());
    // Squares of any finite data are in range after this.
    let unit = data.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let mut found = Decomposition {
        low_rank: Array2::zeros(x.dim()),
        outliers: Array2::zeros(x.dim()),
        singular: Vec::new(),
        components: Array2::zeros((0, x.ncols())),
        n_iter: 0,
        residual: 0.0,
        status: Status::Converged,
    };
    if unit == 0.0 {
        return Ok(found);
    }
    pursue(&(data / unit), x, weight, settings, monitor, &mut found)?;
    found.low_rank *= unit;
    found.outliers *= unit;
    found.singular.iter_mut().for_each(|s| *s *= unit);
    let values = found.low_rank.iter().chain(&found.outliers).chain(&found.singular);
    check_results("entries of `X`", "an entry or a singular value", values)?;
    Ok(found)
}

fn pursue(
    data: &Array2<f64>,
    given: ArrayView2<'_, f64>,
    weight: f64,
    settings: &RobustPcaSettings,
    monitor: &Monitor<'_>,
    found: &mut Decomposition,
) -> Result<()> {
    let norm = data.iter().map(|v| v * v).sum::<f64>().sqrt();
    let spectral = ThinSvd::new(data.view(), "X")?.singular.first().copied().unwrap_or(0.0);
    let largest = data.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    let mut multipliers = data / spectral.max(largest / weight);
    let mut mu = START / spectral;
    let most = mu * MOST;
    found.status = Status::IterationLimit;
    while found.n_iter < settings.max_iter {
        let target = data - &found.outliers + &(&multipliers / mu);
        let svd = ThinSvd::new(target.view(), "X")?;
        found.singular = svd.singular.iter().map(|s| s - 1.0 / mu).take_while(|s| *s > 0.0).collect();
        let rank = found.singular.len();
        let mut scaled = svd.left.slice(s![.., ..rank]).to_owned();
        scaled.axis_iter_mut(Axis(1)).zip(&found.singular).for_each(|(mut column, s)| column *= *s);
        found.components = svd.right.slice(s![..rank, ..]).to_owned();
        found.low_rank = product(scaled.view(), found.components.view());
        let mut left = 0.0;
        Zip::from(&mut found.outliers).and(&mut multipliers).and(data).and(&found.low_rank).and(given).for_each(
            |s, y, x, l, given| {
                let t = x - l + *y / mu;
                if given.is_nan() {
                    // Whatever is missing is explained at no cost.
                    *s = x - l;
                } else {
                    *s = t.signum() * (t.abs() - weight / mu).max(0.0);
                    let gap = x - l - *s;
                    *y += mu * gap;
                    left += gap * gap;
                }
            },
        );
        mu = (mu * GROWTH).min(most);
        found.n_iter += 1;
        found.residual = left.sqrt() / norm;
        let progress = Progress::new(Stage::Steps, found.n_iter, settings.max_iter);
        monitor.step(&Progress { energy: found.residual, ..progress })?;
        if found.residual < settings.tol {
            found.status = Status::Converged;
            break;
        }
    }
    Zip::from(&mut found.outliers).and(given).for_each(|s, given| {
        if given.is_nan() {
            *s = 0.0;
        }
    });
    Ok(())
}
