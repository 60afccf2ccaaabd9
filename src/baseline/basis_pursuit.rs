//! Basis pursuit with weights, which learn from the last solution or leave some coordinates free.

use super::equations::{Equations, cost, gram, norm, product};
use super::peeling::{Peeling, peel};
use crate::l1;
use crate::linalg::affine::ThinSvd;
use crate::linalg::least_squares::{Vertex, least_norm};
use crate::linalg::multiply_transposed;
use crate::linalg::row_blocks::interruptible;
use crate::monitor::{Monitor, Progress, Stage};
use crate::settings::{Checked, Settings, require};
use crate::{Error, Result, Status};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// Parameters of reweighted basis pursuit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReweightedSettings {
    /// What is added to coefficients, as a share of the largest of basis pursuit; by default 0.1. Finite and greater than
    /// 0.
    pub epsilon: f64,
    /// Rounds after the first, at most; by default 20. At least 1.
    pub max_iter: usize,
    /// Share of the largest coefficient by which a round moves any at the end; by default 1e-6. Finite and not negative.
    pub tol: f64,
    /// Share of the data that is rounding; by default 1e-9. Finite and not negative.
    pub rounding: f64,
}

impl Default for ReweightedSettings {
    fn default() -> Self {
        Self { epsilon: 0.1, max_iter: 20, tol: 1e-6, rounding: 1e-9 }
    }
}

impl Settings for ReweightedSettings {
    fn validate(&self) -> Result<()> {
        let epsilon = self.epsilon;
        require(epsilon.is_finite() && epsilon > 0.0, "epsilon", epsilon, "finite and greater than 0")?;
        require(self.max_iter > 0, "max_iter", 0, "at least 1")?;
        for (name, value) in [("tol", self.tol), ("rounding", self.rounding)] {
            require(value.is_finite() && value >= 0.0, name, value, "finite and not negative")?;
        }
        Ok(())
    }
}

/// The solution of the last round.
#[derive(Debug, Clone, PartialEq)]
pub struct Reweighted {
    /// With exact zeros.
    pub coef: Vec<f64>,
    /// Weights of the last round.
    pub weights: Vec<f64>,
    /// Distance of the response from the column space of `X`, as a share of its norm.
    pub residual: f64,
    /// Rank of `X`.
    pub rank: usize,
    /// Rounds after the first.
    pub n_iter: usize,
    /// By how much the last moved any coefficient, as a share of the largest.
    pub step: f64,
    /// [`Status::Converged`]; [`Status::IterationLimit`]; [`Status::Infeasible`]: what was solved is least squares;
    /// [`Status::Unsolved`]: a linear program.
    pub status: Status,
}

/// Basis pursuit, and again with weights `epsilon / (|z| + epsilon)` from its last solution `z`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`]; [`Error::Interrupted`] where `monitor` is stopped.
///
/// # Complexity
/// An SVD, and a linear program each round: see [`l1::Equations`].
///
/// # References
/// Candes, Wakin and Boyd (2008), "Enhancing Sparsity by Reweighted l1 Minimization", sec. 2.2.
pub fn reweighted(
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    settings: &Checked<ReweightedSettings>,
    monitor: &Monitor<'_>,
) -> Result<Reweighted> {
    let equations = Equations::new(x, y.insert_axis(Axis(1)), monitor)?;
    let programs = Programs::new(&equations, settings.rounding);
    let mut found = Reweighted {
        coef: vec![0.0; x.ncols()],
        weights: vec![1.0; x.ncols()],
        residual: equations.residual,
        rank: equations.rank(),
        n_iter: 0,
        step: f64::INFINITY,
        status: Status::Unsolved,
    };
    let Some(first) = programs.solve(&found.weights, monitor)? else { return Ok(found) };
    let epsilon = settings.epsilon * largest(&first);
    found.coef = first;
    if epsilon == 0.0 {
        found.step = 0.0;
    }
    while found.n_iter < settings.max_iter && found.step > settings.tol {
        found.weights = found.coef.iter().map(|v| 1.0 / (1.0 + v.abs() / epsilon)).collect();
        let next = match programs.proved(&found.coef, &found.weights) {
            true => Some(found.coef.clone()),
            false => programs.solve(&found.weights, monitor)?,
        };
        let Some(next) = next else { return Ok(found) };
        let moved = next.iter().zip(&found.coef).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        found.step = moved / largest(&next);
        found.coef = next;
        found.n_iter += 1;
        monitor.step(&Progress::new(Stage::Programs, found.n_iter, settings.max_iter))?;
    }
    let ended = if found.step <= settings.tol { Status::Converged } else { Status::IterationLimit };
    found.status = if equations.residual > settings.rounding { Status::Infeasible } else { ended };
    Ok(found)
}

/// Parameters of basis pursuit with coordinates left out of the norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AugmentedSettings {
    /// Nonzeros that are expected; by default 5. At least 1.
    pub n_nonzero: usize,
    /// Eigenvalues of the covariance below this are small; by default 0.1. Not negative.
    pub threshold: f64,
    /// Share of the data that is rounding; by default 1e-9. Finite and not negative.
    pub rounding: f64,
}

impl Default for AugmentedSettings {
    fn default() -> Self {
        Self { n_nonzero: 5, threshold: 0.1, rounding: 1e-9 }
    }
}

impl Settings for AugmentedSettings {
    fn validate(&self) -> Result<()> {
        require(self.n_nonzero > 0, "n_nonzero", 0, "at least 1")?;
        require(self.threshold >= 0.0, "threshold", self.threshold, "not negative")?;
        let rounding = self.rounding;
        require(rounding.is_finite() && rounding >= 0.0, "rounding", rounding, "finite and not negative")
    }
}

/// The solution, and what was left out of the norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmented {
    /// With exact zeros.
    pub coef: Vec<f64>,
    /// The coordinates of near-dependencies.
    pub peeling: Peeling,
    /// Distance of the response from the column space of `X`, as a share of its norm.
    pub residual: f64,
    /// Rank of `X`.
    pub rank: usize,
    /// Whether the columns of free coordinates reproduce every response.
    pub unpenalised: bool,
    /// [`Status::Optimal`]; [`Status::Infeasible`]: what was solved is least squares; [`Status::Unsolved`]: a linear
    /// program.
    pub status: Status,
}

/// Basis pursuit without the coordinates of near-dependencies in its norm; `covariance` of the features, or that of the
/// samples.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`]; [`Error::NoDecomposition`]; [`Error::Interrupted`] where `monitor` is stopped.
///
/// # Complexity
/// An eigendecomposition, `O(n_features^3)`, an SVD a round of peeling, and a linear program: see [`l1::Equations`].
///
/// # References
/// Kelner, Koehler, Meka and Rohatgi (2023), "Feature Adaptation for Sparse Linear Regression".
pub fn augmented(
    x: ArrayView2<'_, f64>,
    y: ArrayView1<'_, f64>,
    covariance: Option<ArrayView2<'_, f64>>,
    settings: &Checked<AugmentedSettings>,
    monitor: &Monitor<'_>,
) -> Result<Augmented> {
    let (d, n) = x.dim();
    if let Some(covariance) = covariance.filter(|covariance| covariance.dim() != (n, n)) {
        let (expected, found) = (format!("({n}, {n}) to match `X`"), format!("{:?}", covariance.dim()));
        return Err(Error::Shape { what: "covariance", expected, found });
    }
    let equations = Equations::new(x, y.insert_axis(Axis(1)), monitor)?;
    let covariance = match covariance {
        Some(given) => given.to_owned(),
        None => gram(x, monitor)? / d as f64,
    };
    let peeling = peel(covariance, settings.threshold, settings.n_nonzero, monitor)?;
    let mut weights = vec![1.0; n];
    peeling.chosen.iter().for_each(|&j| weights[j] = 0.0);
    let rank = equations.rank();
    let unpenalised = !peeling.chosen.is_empty() && rank < n && {
        let free = equations.rows.select(Axis(1), &peeling.chosen);
        let shape = free.dim();
        ThinSvd::watched(free, "X", monitor)?.rank(shape) == rank
    };
    let coef = Programs::new(&equations, settings.rounding).solve(&weights, monitor)?;
    let status = match coef {
        None => Status::Unsolved,
        Some(_) if equations.residual > settings.rounding => Status::Infeasible,
        Some(_) => Status::Optimal,
    };
    let coef = coef.unwrap_or_else(|| vec![0.0; n]);
    Ok(Augmented { coef, peeling, residual: equations.residual, rank, unpenalised, status })
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}

/// `min sum_j weight_j |z_j|` subject to equations with orthonormal rows, for one weighting after the other.
struct Programs<'a> {
    equations: &'a Equations,
    rounding: f64,
}

impl<'a> Programs<'a> {
    fn new(equations: &'a Equations, rounding: f64) -> Self {
        Self { equations, rounding }
    }

    /// The solution for weights that are not negative; none where a linear program was not solved.
    fn solve(&self, weights: &[f64], monitor: &Monitor<'_>) -> Result<Option<Vec<f64>>> {
        let (rank, n) = self.equations.rows.dim();
        if rank == 0 || rank == n || self.equations.target.iter().all(|&v| v == 0.0) {
            // One solution, or zero.
            return Ok(Some(self.equations.least_norm().into_raw_vec_and_offset().0));
        }
        let (free, priced): (Vec<usize>, Vec<usize>) = (0..n).partition(|&j| weights[j] == 0.0);
        let mut coef = vec![0.0; n];
        let mut left = self.equations.target.clone();
        let columns = self.equations.rows.select(Axis(1), &free);
        let (mut rows, mut right) = (self.equations.rows.select(Axis(1), &priced), left.clone());
        let mut free_rank = 0;
        if !free.is_empty() {
            // What the free columns do not reach is left to the others.
            let svd = ThinSvd::watched(columns.clone(), "X", monitor)?;
            free_rank = svd.rank(columns.dim());
            let span = svd.left.slice_move(ndarray::s![.., ..free_rank]);
            for matrix in [&mut rows, &mut right] {
                *matrix -= &product(span.view(), product(span.t(), matrix.view()).view());
            }
        }
        if free_rank < rank && norm(&right) > self.rounding * norm(&self.equations.target) {
            for (mut column, &j) in rows.columns_mut().into_iter().zip(&priced) {
                column /= weights[j];
            }
            let Some(found) = least_l1(rows, &right, monitor)? else { return Ok(None) };
            for (j, v) in found {
                coef[priced[j]] = v / weights[priced[j]];
                left.column_mut(0).scaled_add(-coef[priced[j]], &self.equations.rows.column(priced[j]));
            }
        }
        if free_rank > 0 && free_rank < free.len() {
            let Some(found) = least_l1(columns, &left, monitor)? else { return Ok(None) };
            found.into_iter().for_each(|(j, v)| coef[free[j]] = v);
        } else if free_rank > 0 {
            let right = left.column(0).to_vec();
            let found = least_norm(columns.view(), &right, rank as f64 * f64::EPSILON)?;
            free.iter().zip(found).for_each(|(&j, v)| coef[j] = v);
        }
        self.refined(&coef, monitor).map(Some)
    }

    /// Whether the multipliers of least norm for the signs of `coef` prove it to be optimal at positive weights.
    fn proved(&self, coef: &[f64], weights: &[f64]) -> bool {
        let support: Vec<usize> = (0..coef.len()).filter(|&j| coef[j] != 0.0).collect();
        if support.len() > self.equations.rows.nrows() {
            return false;
        }
        let slopes: Vec<f64> = support.iter().map(|&j| weights[j] * coef[j].signum()).collect();
        let right = self.equations.target.column(0).to_vec();
        let vertex = Vertex::new(self.equations.rows.view(), &support, &right, &slopes);
        let mut costs = vec![0.0; coef.len()];
        multiply_transposed(self.equations.rows.view(), &vertex.multipliers, &mut costs);
        costs.iter().zip(weights).all(|(cost, weight)| cost.abs() <= weight * (1.0 + l1::CERTIFICATE))
    }

    /// Least squares on the support, to the last digit, without contributions that are rounding.
    fn refined(&self, coef: &[f64], monitor: &Monitor<'_>) -> Result<Vec<f64>> {
        let columns = self.equations.rows.columns().into_iter();
        let sizes: Vec<f64> = columns.zip(coef).map(|(column, v)| v.abs() * column.dot(&column).sqrt()).collect();
        let least = self.rounding * largest(&sizes);
        let support: Vec<usize> = (0..coef.len()).filter(|&j| sizes[j] > least).collect();
        let (basis, right) = (self.equations.rows.select(Axis(1), &support), self.equations.target.column(0).to_vec());
        let (rows, count) = basis.dim();
        let tolerance = rows.max(count) as f64 * f64::EPSILON;
        let found = interruptible(count, monitor, move || least_norm(basis.view(), &right, tolerance))??;
        let mut refined = vec![0.0; coef.len()];
        support.iter().zip(found).for_each(|(&j, v)| refined[j] = v);
        Ok(refined)
    }
}

/// The nonzero coefficients of least l1 norm, with their places; none without a certificate.
fn least_l1(
    rows: Array2<f64>,
    right: &Array2<f64>,
    monitor: &Monitor<'_>,
) -> Result<Option<impl Iterator<Item = (usize, f64)> + use<>>> {
    let equations = interruptible(cost(rows.dim()), monitor, move || l1::Equations::new(rows.view(), 1))??;
    let found = equations.solve_many(right.view(), l1::Request::default(), &monitor.inner())?;
    let solved = found.into_iter().find(|solution| solution.status == Status::Optimal);
    Ok(solved.map(|solution| solution.support.into_iter().zip(solution.values)))
}
