//! The autoencoder with a concave penalty on its codes, in its reduced form: row-sparse coefficients of many responses.
//! Letters: `U` coefficients, `u_j` the row of feature `j`; `P` the penalty of a squared row norm; `F U = T` the
//! equations.

use super::equations::{Compressed, Equations, product, squared_rows, transposed_product};
use super::tolerances::row_penalty::{FACTOR, FRACTION, LEAST_SMOOTHING};
use crate::linalg::covariance::Covariance;
use crate::linalg::least_squares::least_norm;
use crate::linalg::row_blocks::interruptible;
use crate::linalg::watched::Watched;
use crate::monitor::{Monitor, Progress, Stage};
use crate::problem::validate::check_results;
use crate::settings::{Checked, Settings, require};
use crate::{Error, Result, Status};
use ndarray::{Array2, ArrayView2, Axis, concatenate};

/// Values and slopes of a penalty at squared row norms.
pub type GivenPenalty<'a> = dyn Fn(&[f64]) -> Result<(Vec<f64>, Vec<f64>)> + Sync + 'a;

/// A concave, increasing function of a squared row norm.
#[derive(Clone, Copy)]
pub enum Penalty<'a> {
    /// The logarithm.
    Log,
    /// This power of the row norm itself: greater than 0, at most 1.
    Power(f64),
    /// Any other.
    Given(&'a GivenPenalty<'a>),
}

/// Parameters of the descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowPenaltySettings {
    /// Variance of the noise; 0, the default: none. Finite and not negative.
    pub noise_var: f64,
    /// Weight of the penalty; by default 1. Finite and greater than 0.
    pub weight: f64,
    /// A unit of squared row norms, in which the penalty sees them; by default 1. Finite and greater than 0.
    pub unit: f64,
    /// Steps, at most; by default 1000. At least 1.
    pub max_iter: usize,
    /// Length of the last step, as a share of the coefficients; by default 1e-6. Finite and not negative.
    pub tol: f64,
    /// Share of the data that is rounding; by default 1e-9. Finite and not negative.
    pub rounding: f64,
}

impl Default for RowPenaltySettings {
    fn default() -> Self {
        Self { noise_var: 0.0, weight: 1.0, unit: 1.0, max_iter: 1000, tol: 1e-6, rounding: 1e-9 }
    }
}

impl Settings for RowPenaltySettings {
    fn validate(&self) -> Result<()> {
        for (name, value) in [("noise_var", self.noise_var), ("tol", self.tol), ("rounding", self.rounding)] {
            require(value.is_finite() && value >= 0.0, name, value, "finite and not negative")?;
        }
        for (name, value) in [("weight", self.weight), ("unit", self.unit)] {
            require(value.is_finite() && value > 0.0, name, value, "finite and greater than 0")?;
        }
        require(self.max_iter > 0, "max_iter", 0, "at least 1")
    }
}

/// What the steps have led to.
#[derive(Debug, Clone, PartialEq)]
pub struct RowPenaltyFit {
    /// Shape `(n_features, n_responses)`, with exact zero rows.
    pub coef: Array2<f64>,
    /// Inverse slopes of the penalty at the squared row norms; 0 off the support.
    pub prior_var: Vec<f64>,
    /// The smoothed objective before the first step and after each.
    pub path: Vec<f64>,
    /// Distance of the responses from the column space of `X`, as a share of their norm.
    pub residual: f64,
    /// Rank of `X`.
    pub rank: usize,
    /// Steps.
    pub n_iter: usize,
    /// Length of the last step, as a share of the coefficients.
    pub length: f64,
    /// The smoothing at the end, as a share of the largest squared row norm of the first solution.
    pub smoothing: f64,
    /// [`Status::Converged`]; [`Status::IterationLimit`]; [`Status::Infeasible`]: there is no noise, but the responses
    /// lie outside the column space of `X`.
    pub status: Status,
}

/// Solves `min ||Y - X U||^2 / noise_var + weight sum_j P(||u_j||^2)` or, without noise, of all least-squares solutions
/// for that of the least penalty, by iteratively reweighted least squares with a smoothing that falls.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::Scales`] where a result is beyond the range of float64;
/// [`Error::InvalidParameter`] where a penalty that was given has no finite values and positive slopes, or a power is out
/// of range; [`Error::NoDecomposition`]; [`Error::NotPositiveDefinite`]; [`Error::Interrupted`] where `monitor` is stopped.
///
/// # Complexity
/// An SVD, and `O(n_samples^2 n_features)` a step.
///
/// # References
/// Wipf (2023), "Marginalization is not Marginal: No Bad VAE Local Minima when Learning Optimal Sparse Representations",
/// eqs. 8, 9 and 42 to 50, Lemmas D.1 and D.2; Chartrand and Yin (2008), "Iteratively reweighted algorithms for
/// compressive sensing".
pub fn fit(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    penalty: Penalty<'_>,
    settings: &Checked<RowPenaltySettings>,
    monitor: &Monitor<'_>,
) -> Result<RowPenaltyFit> {
    if let Penalty::Power(p) = penalty {
        require(p > 0.0 && p <= 1.0, "penalty", p, "greater than 0 and at most 1")?;
    }
    let equations = Equations::new(x, y, monitor)?;
    let Compressed { factor, rotation } = Compressed::new(&equations.target, monitor)?;
    let mut descent = Descent::new(&equations, &factor, penalty, settings, monitor)?;
    if factor.iter().any(|&v| v != 0.0) {
        descent.run(monitor)?;
    }
    let (coef, prior_var) = descent.finish(monitor)?;
    let noise = settings.noise_var;
    // What no coefficients reproduce, of which the objective has the square.
    let outside = equations.residual * equations.residual * y.iter().map(|v| v * v).sum::<f64>();
    let constant = if noise > 0.0 { outside / noise } else { 0.0 };
    let reached = if descent.ended { Status::Converged } else { Status::IterationLimit };
    let feasible = noise > 0.0 || equations.residual <= settings.rounding;
    let found = RowPenaltyFit {
        coef: product(coef.view(), rotation.view()),
        prior_var,
        path: descent.path.iter().map(|v| v + constant).collect(),
        residual: equations.residual,
        rank: equations.rank(),
        n_iter: descent.n_iter,
        length: descent.length,
        smoothing: descent.smoothing / descent.size,
        status: if feasible { reached } else { Status::Infeasible },
    };
    let values = found.coef.iter().chain(&found.prior_var).chain(&found.path);
    check_results("`X`, `Y`, `weight` and `unit`", "a coefficient or the objective", values)?;
    Ok(found)
}

/// Iteratively reweighted least squares in the coordinates of the equations, where the noise differs by equation.
struct Descent<'a> {
    rows: &'a Array2<f64>,
    target: &'a Array2<f64>,
    penalty: Penalty<'a>,
    settings: &'a RowPenaltySettings,
    /// Noise variance of each equation.
    noises: Vec<f64>,
    kernel: Watched,
    coef: Array2<f64>,
    smoothing: f64,
    /// The largest squared row norm of the first solution.
    size: f64,
    least: f64,
    n_iter: usize,
    length: f64,
    ended: bool,
    path: Vec<f64>,
}

impl<'a> Descent<'a> {
    fn new(
        equations: &'a Equations,
        target: &'a Array2<f64>,
        penalty: Penalty<'a>,
        settings: &'a RowPenaltySettings,
        monitor: &Monitor<'_>,
    ) -> Result<Self> {
        let (rows, values) = (&equations.rows, &equations.values);
        let noises: Vec<f64> = values.iter().map(|s| settings.noise_var / (s * s)).collect();
        let flat: Vec<f64> = target.t().iter().copied().collect();
        let kernel = match settings.noise_var > 0.0 {
            // The noise of each equation is a column of its own.
            true => Watched::new(with_identity(rows).view(), &flat),
            false => Watched::new(rows.view(), &flat),
        };
        let explained = squared_rows(target).iter().zip(values).map(|(square, s)| square * s * s).sum::<f64>();
        let or_one = |v: f64| if v > 0.0 { v } else { 1.0 };
        let mut descent = Self {
            rows,
            target,
            penalty,
            settings,
            noises,
            kernel,
            coef: Array2::zeros((rows.ncols(), target.ncols())),
            // Ridge regression, equal variances explaining all of the responses; without noise the solution of least norm.
            smoothing: or_one(explained / values.iter().map(|s| s * s).sum::<f64>()),
            size: 1.0,
            least: 0.0,
            n_iter: 0,
            length: 0.0,
            // Nothing is to be done where all responses are zero.
            ended: true,
            path: Vec::new(),
        };
        let misfit = descent.step(monitor)?;
        descent.size = or_one(squared_rows(&descent.coef).into_iter().fold(0.0, f64::max));
        descent.smoothing = descent.size;
        descent.least = LEAST_SMOOTHING.max(settings.rounding * settings.rounding) * descent.size;
        descent.path.push(misfit + descent.smoothed()?.0);
        Ok(descent)
    }

    /// The sum of the penalties of squared row norms, and the slope of each, with the weight of the penalty.
    fn penalise(&self, squares: &[f64]) -> Result<(f64, Vec<f64>)> {
        let RowPenaltySettings { weight, unit, .. } = *self.settings;
        let (values, slopes): (Vec<f64>, Vec<f64>) = match self.penalty {
            Penalty::Log => squares.iter().map(|s| (s.ln() + unit.ln(), 1.0 / s)).unzip(),
            Penalty::Power(p) => {
                let unit = unit.powf(0.5 * p);
                squares.iter().map(|s| (unit * s.powf(0.5 * p), 0.5 * p * unit * s.powf(0.5 * p - 1.0))).unzip()
            }
            Penalty::Given(function) => {
                let squares: Vec<f64> = squares.iter().map(|s| unit * s).collect();
                let (values, mut slopes) = function(&squares)?;
                for ((square, value), slope) in squares.iter().zip(&values).zip(&slopes) {
                    if !(value.is_finite() && slope.is_finite() && *slope > 0.0) {
                        let found = format!("{value:e} with slope {slope:e} at {square:e}");
                        return Err(Error::invalid("penalty", found, "finite, with a slope greater than 0"));
                    }
                }
                slopes.iter_mut().for_each(|slope| *slope *= unit);
                (values, slopes)
            }
        };
        Ok((weight * values.iter().sum::<f64>(), slopes.into_iter().map(|slope| weight * slope).collect()))
    }

    fn smoothed(&self) -> Result<(f64, Vec<f64>)> {
        self.penalise(&squared_rows(&self.coef).iter().map(|square| square + self.smoothing).collect::<Vec<f64>>())
    }

    /// Takes a step; the squared misfit over the variance of the noise.
    fn step(&mut self, monitor: &Monitor<'_>) -> Result<f64> {
        if self.noises.is_empty() {
            // A design of nothing but zeros.
            return Ok(0.0);
        }
        let w: Vec<f64> = self.smoothed()?.1.iter().map(|slope| 1.0 / slope).collect();
        let noises: &[f64] = if self.settings.noise_var > 0.0 { &self.noises } else { &[] };
        let covariance = self.kernel.at(&[&w, noises].concat(), 0.0, false, self.n_iter, monitor)?;
        let dual = covariance.multipliers();
        self.coef = transposed_product(self.rows.view(), &dual, self.target.ncols());
        self.coef.rows_mut().into_iter().zip(&w).for_each(|(mut row, w)| row *= *w);
        // The residual is the variance of the noise times the dual.
        let squares = dual.chunks_exact(self.noises.len()).flat_map(|dual| dual.iter().zip(&self.noises));
        Ok(squares.map(|(v, noise)| v * v * noise).sum())
    }

    /// Lets the smoothing fall until the steps are short at the least.
    fn run(&mut self, monitor: &Monitor<'_>) -> Result<()> {
        let (settings, squared) = (self.settings, |m: &Array2<f64>| m.iter().map(|v| v * v).sum::<f64>());
        self.ended = false;
        while self.n_iter < settings.max_iter && !self.ended {
            let last = self.coef.clone();
            let misfit = self.step(monitor)?;
            let objective = misfit + self.smoothed()?.0;
            self.path.push(objective);
            self.n_iter += 1;
            let size = squared(&self.coef);
            self.length = (squared(&(&self.coef - &last)) / if size > 0.0 { size } else { 1.0 }).sqrt();
            if self.smoothing <= self.least {
                self.ended = self.length <= settings.tol;
            } else if self.length <= (FRACTION * (self.smoothing / self.size).sqrt()).max(settings.tol) {
                self.smoothing = (FACTOR * self.smoothing).max(self.least);
            }
            let progress = Progress::new(Stage::Steps, self.n_iter, settings.max_iter);
            monitor.step(&Progress { energy: objective, ..progress })?;
        }
        Ok(())
    }

    /// Solves for the rows above the smoothing at their variances; coefficients, and variances.
    fn finish(&self, monitor: &Monitor<'_>) -> Result<(Array2<f64>, Vec<f64>)> {
        let squares = squared_rows(&self.coef);
        let support: Vec<usize> = (0..squares.len()).filter(|&j| squares[j] > self.smoothing).collect();
        let (mut coef, mut prior_var) = (Array2::zeros(self.coef.dim()), vec![0.0; squares.len()]);
        if support.is_empty() {
            return Ok((coef, prior_var));
        }
        let kept: Vec<f64> = support.iter().map(|&j| squares[j]).collect();
        let root: Vec<f64> = self.penalise(&kept)?.1.iter().map(|slope| 1.0 / slope.sqrt()).collect();
        let mut scaled = self.rows.select(Axis(1), &support);
        scaled.columns_mut().into_iter().zip(&root).for_each(|(mut column, root)| column *= *root);
        let mut target = self.target.clone();
        if self.settings.noise_var > 0.0 {
            // Ridge regression of unit weight, as least squares with one more equation for each row.
            for (i, noise) in self.noises.iter().enumerate() {
                scaled.row_mut(i).map_inplace(|v| *v /= noise.sqrt());
                target.row_mut(i).map_inplace(|v| *v /= noise.sqrt());
            }
            scaled = stacked(&scaled, &Array2::eye(support.len()));
            target = stacked(&target, &Array2::zeros((support.len(), target.ncols())));
        }
        let right: Vec<f64> = target.t().iter().copied().collect();
        let (rows, count) = scaled.dim();
        let tolerance = rows.max(count) as f64 * f64::EPSILON;
        let solved = interruptible(rows.min(count), monitor, move || least_norm(scaled.view(), &right, tolerance))??;
        for (place, (&j, root)) in support.iter().zip(&root).enumerate() {
            coef.row_mut(j).indexed_iter_mut().for_each(|(l, v)| *v = root * solved[l * count + place]);
        }
        let kept: Vec<f64> = squared_rows(&coef.select(Axis(0), &support));
        for (&j, slope) in support.iter().zip(self.penalise(&kept)?.1) {
            prior_var[j] = 1.0 / slope;
        }
        Ok((coef, prior_var))
    }
}

/// `[rows, I]`.
fn with_identity(rows: &Array2<f64>) -> Array2<f64> {
    let identity = Array2::eye(rows.nrows());
    concatenate(Axis(1), &[rows.view(), identity.view()]).unwrap_or_default()
}

/// One matrix above another of as many columns.
fn stacked(above: &Array2<f64>, below: &Array2<f64>) -> Array2<f64> {
    concatenate(Axis(0), &[above.view(), below.view()]).unwrap_or_default()
}
