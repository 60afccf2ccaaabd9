//! Group basis pursuit: of all coefficients that reproduce the responses those of least sum of row norms, with the dual
//! that proves it. Letters: `U` coefficients, one row a feature; `F U = T` the equations.

use super::equations::{Compressed, Equations, norm, product, squared_rows};
use super::tolerances::group_pursuit::{CHANGES, HALVINGS, PERIOD, RATIO, RELAXATION};
use crate::linalg::least_squares::least_norm;
use crate::linalg::row_blocks::interruptible;
use crate::monitor::{Monitor, Progress, Stage};
use crate::settings::{Checked, Settings, require};
use crate::{Result, Status};
use ndarray::{Array2, ArrayView2, Axis, Zip};

/// Parameters of the pursuit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupPursuitSettings {
    /// Norm of the residual, at most; by default 0. Finite and not negative.
    pub tolerance: f64,
    /// Steps, at most; by default 20,000. At least 1.
    pub max_iter: usize,
    /// Duality gap at which the steps end, as a share of the sum of row norms; by default 1e-8. Finite and not negative.
    pub tol: f64,
    /// Share of the data that is rounding; by default 1e-9. Finite and not negative.
    pub rounding: f64,
}

impl Default for GroupPursuitSettings {
    fn default() -> Self {
        Self { tolerance: 0.0, max_iter: 20_000, tol: 1e-8, rounding: 1e-9 }
    }
}

impl Settings for GroupPursuitSettings {
    fn validate(&self) -> Result<()> {
        let shares = [("tolerance", self.tolerance), ("tol", self.tol), ("rounding", self.rounding)];
        for (name, value) in shares {
            require(value.is_finite() && value >= 0.0, name, value, "finite and not negative")?;
        }
        require(self.max_iter > 0, "max_iter", 0, "at least 1")
    }
}

/// Coefficients, and what they prove.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPursuit {
    /// Shape `(n_features, n_responses)`, with exact zero rows.
    pub coef: Array2<f64>,
    /// The certificate, shape `(n_samples, n_responses)`: no row of `X^T dual` is longer than 1.
    pub dual: Array2<f64>,
    /// What the sum of row norms can exceed the minimum by, as a share of itself.
    pub gap: f64,
    /// Distance of the responses from the column space of `X`, as a share of their norm.
    pub residual: f64,
    /// Rank of `X`.
    pub rank: usize,
    /// Steps.
    pub n_iter: usize,
    /// [`Status::Optimal`]; [`Status::IterationLimit`]; [`Status::Infeasible`]: the responses are farther from the column
    /// space than the tolerance, and what was solved is least squares of them.
    pub status: Status,
}

/// Solves `min sum_j ||u_j||` subject to `||Y - X U|| <= tolerance`, by alternating directions on orthonormal equations.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite);
/// [`Error::NoDecomposition`](crate::Error::NoDecomposition); [`Error::Interrupted`](crate::Error::Interrupted) where
/// `monitor` is stopped.
///
/// # Complexity
/// An SVD, and `O(n_samples n_features rank)` a step.
///
/// # References
/// Boyd et al. (2011), "Distributed Optimization and Statistical Learning via the Alternating Direction Method of
/// Multipliers", secs. 3.4, 6.2 and 6.4.
pub fn fit(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    settings: &Checked<GroupPursuitSettings>,
    monitor: &Monitor<'_>,
) -> Result<GroupPursuit> {
    let equations = Equations::new(x, y, monitor)?;
    let size = match y.iter().map(|v| v * v).sum::<f64>().sqrt() {
        0.0 => 1.0,
        size => size,
    };
    let outside = equations.residual * size;
    let feasible = outside <= settings.tolerance.max(settings.rounding * size);
    // Twice the norm of the data asks for zero as any more does, and has a square.
    let within = settings.tolerance.min(2.0 * size);
    let radius = (within * within - outside * outside).max(0.0).sqrt();
    let Compressed { factor, rotation } = Compressed::new(&equations.target, monitor)?;
    let pursuit = Pursuit::new(&equations, &factor, radius, settings.rounding);
    let (best, n_iter) = pursuit.run(settings, monitor)?;
    let reached = if best.gap <= settings.tol { Status::Optimal } else { Status::IterationLimit };
    Ok(GroupPursuit {
        coef: product(best.coef.view(), rotation.view()),
        dual: product(equations.to_dual.view(), product(best.dual.view(), rotation.view()).view()),
        gap: best.gap,
        residual: equations.residual,
        rank: equations.rank(),
        n_iter,
        status: if feasible { reached } else { Status::Infeasible },
    })
}

/// Coefficients and multipliers of the equations, both feasible, and the gap between what they prove.
struct Pair {
    coef: Array2<f64>,
    dual: Array2<f64>,
    gap: f64,
}

/// Least squares under the constraint, and thresholds of the row norms, in turn.
struct Pursuit<'a> {
    rows: &'a Array2<f64>,
    target: &'a Array2<f64>,
    values: Vec<f64>,
    radius: f64,
    rounding: f64,
    /// Norm of the responses, in units of the data.
    length: f64,
}

impl<'a> Pursuit<'a> {
    fn new(equations: &'a Equations, target: &'a Array2<f64>, radius: f64, rounding: f64) -> Self {
        let (rows, values) = (&equations.rows, equations.values.clone());
        let length = norm(&weighted(target.clone(), &values));
        Self { rows, target, values, radius, rounding, length }
    }

    /// `F^T multipliers`.
    fn transposed(&self, multipliers: &Array2<f64>) -> Array2<f64> {
        product(self.rows.t(), multipliers.view())
    }

    /// The best pair that was found, and the steps.
    fn run(&self, settings: &GroupPursuitSettings, monitor: &Monitor<'_>) -> Result<(Pair, usize)> {
        let least = self.transposed(self.target);
        let nothing = Array2::zeros(self.target.dim());
        if self.length <= self.radius {
            return Ok((Pair { coef: Array2::zeros(least.dim()), dual: nothing, gap: 0.0 }, 0));
        }
        let mut threshold = squared_rows(&least).iter().map(|v| v.sqrt()).sum::<f64>() / least.nrows() as f64;
        let (mut sparse, mut scaled) = (least.clone(), Array2::<f64>::zeros(least.dim()));
        let mut best = Pair { coef: least, dual: nothing, gap: 1.0 };
        let mut n_iter = 0;
        while n_iter < settings.max_iter && best.gap > settings.tol {
            let near = &sparse - &scaled;
            let image = product(self.rows.view(), near.view());
            let fit = self.nearest_fit(&image);
            let mut relaxed = self.transposed(&(&fit - &image));
            let (mut primal, mut dual) = (0.0, 0.0);
            let rows = relaxed.rows_mut().into_iter().zip(near.rows()).zip(sparse.rows_mut()).zip(scaled.rows_mut());
            for (((mut relaxed, near), mut sparse), mut scaled) in rows {
                let mut square = 0.0;
                Zip::from(&mut relaxed).and(&near).and(&sparse).and(&mut scaled).for_each(|v, near, sparse, scaled| {
                    *v = RELAXATION * (near + *v) + (1.0 - RELAXATION) * sparse;
                    *scaled += *v;
                    square += *scaled * *scaled;
                });
                let factor = (1.0 - threshold / square.sqrt().max(f64::MIN_POSITIVE)).max(0.0);
                Zip::from(&relaxed).and(&mut sparse).and(&mut scaled).for_each(|relaxed, sparse, scaled| {
                    let next = *scaled * factor;
                    *scaled -= next;
                    primal += (relaxed - next) * (relaxed - next);
                    dual += (next - *sparse) * (next - *sparse);
                    *sparse = next;
                });
            }
            n_iter += 1;
            if n_iter % PERIOD == 0 || n_iter == settings.max_iter {
                let pair = self.certify(&sparse, &(&scaled / threshold), &fit, monitor)?;
                if pair.gap < best.gap {
                    best = pair;
                }
                let (primal, dual): (f64, f64) = (f64::sqrt(primal), f64::sqrt(dual));
                if n_iter <= PERIOD * CHANGES && primal.max(dual) > RATIO * primal.min(dual) {
                    let factor = if primal > dual { 0.5 } else { 2.0 };
                    threshold *= factor;
                    scaled *= factor;
                }
            }
            let progress = Progress::new(Stage::Steps, n_iter, settings.max_iter);
            monitor.step(&Progress { energy: best.gap, ..progress })?;
        }
        Ok((best, n_iter))
    }

    /// The point nearest to `image` whose residual, in units of the data, is within the radius.
    fn nearest_fit(&self, image: &Array2<f64>) -> Array2<f64> {
        if self.radius == 0.0 {
            return self.target.clone();
        }
        let left = self.target - image;
        // One equation a row, which shrinks by 1 / (1 + multiplier value^2).
        let squares = squared_rows(&weighted(left.clone(), &self.values));
        let total: f64 = squares.iter().sum();
        if total <= self.radius * self.radius {
            return image.clone();
        }
        let curvature = || self.values.iter().map(|v| v * v);
        let outside = |log_multiplier: f64| {
            let multiplier = log_multiplier.exp();
            let kept = squares.iter().zip(curvature()).map(|(square, c)| square / (1.0 + multiplier * c).powi(2));
            kept.sum::<f64>() > self.radius * self.radius
        };
        // Between the multipliers that shrink the steepest and the flattest equation to the radius.
        let ratio = (total.sqrt() / self.radius - 1.0).ln();
        let (flattest, steepest) = curvature().fold((f64::INFINITY, 0.0_f64), |(a, b), c| (a.min(c), b.max(c)));
        let (mut low, mut high) = (ratio - steepest.ln(), ratio - flattest.ln());
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if outside(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let multiplier = high.exp();
        let shrunk: Vec<f64> = curvature().map(|c| 1.0 / (1.0 + multiplier * c)).collect();
        self.target - weighted(left, &shrunk)
    }

    /// Makes both sides feasible: the coefficients by least squares on their support, the multipliers by a factor.
    fn certify(
        &self,
        sparse: &Array2<f64>,
        directions: &Array2<f64>,
        fit: &Array2<f64>,
        monitor: &Monitor<'_>,
    ) -> Result<Pair> {
        let (mut coef, mut norms) = (sparse.clone(), squared_rows(sparse));
        // Once more without the rows that turn out to be rounding errors.
        for least in [0.0, self.rounding] {
            let largest = norms.iter().fold(0.0_f64, |most, v| most.max(*v));
            let support: Vec<usize> = (0..norms.len()).filter(|&j| norms[j] > least * largest).collect();
            if least > 0.0 && support.len() == norms.iter().filter(|&&v| v != 0.0).count() {
                break;
            }
            coef = self.repaired(&coef, &support, fit, monitor)?;
            norms = squared_rows(&coef).iter().map(|v| v.sqrt()).collect();
        }
        let left = self.target - product(self.rows.view(), coef.view());
        let misfit = norm(&weighted(left, &self.values));
        let mut dual = product(self.rows.view(), directions.view());
        let longest = squared_rows(&self.transposed(&dual)).iter().fold(0.0_f64, |most, v| most.max(*v)).sqrt();
        dual /= longest.max(1.0);
        let value: f64 = squared_rows(&coef).iter().map(|v| v.sqrt()).sum();
        let inverse: Vec<f64> = self.values.iter().map(|v| 1.0 / v).collect();
        let bound = (self.target * &dual).sum() - self.radius * norm(&weighted(dual.clone(), &inverse));
        let feasible = misfit <= self.radius + self.rounding * self.length && value > 0.0;
        Ok(Pair { coef, dual, gap: if feasible { (value - bound).abs() / value } else { f64::INFINITY } })
    }

    /// The coefficients nearest to those on the support that reproduce `fit`, in units of the data.
    fn repaired(
        &self,
        coef: &Array2<f64>,
        support: &[usize],
        fit: &Array2<f64>,
        monitor: &Monitor<'_>,
    ) -> Result<Array2<f64>> {
        let start = coef.select(Axis(0), support);
        let columns = weighted(self.rows.select(Axis(1), support), &self.values);
        let left = weighted(fit.clone(), &self.values) - product(columns.view(), start.view());
        let left: Vec<f64> = left.t().iter().copied().collect();
        let (rows, count) = columns.dim();
        let tolerance = rows.max(count) as f64 * f64::EPSILON;
        let change = interruptible(rows.min(count), monitor, move || least_norm(columns.view(), &left, tolerance))??;
        let mut repaired = Array2::zeros(coef.dim());
        for (place, (&j, start)) in support.iter().zip(start.rows()).enumerate() {
            let row = start.iter().enumerate().map(|(l, v)| v + change[l * count + place]);
            repaired.row_mut(j).iter_mut().zip(row).for_each(|(to, v)| *to = v);
        }
        Ok(repaired)
    }
}

/// Each row times its weight.
fn weighted(mut matrix: Array2<f64>, weights: &[f64]) -> Array2<f64> {
    matrix.rows_mut().into_iter().zip(weights).for_each(|(mut row, weight)| row *= *weight);
    matrix
}
