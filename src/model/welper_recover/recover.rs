//! Solutions of hard problems from components (Algorithm 1).

use super::tolerances::{CANCELLED, EXACT, MOST_MISSED, ROUNDING};
use super::{norm, sparser_than_chance};
use crate::l1::{Equations, Request, Solution};
use crate::linalg::least_squares::NestedLeastSquares;
use crate::linalg::rotation::product;
use crate::monitor::Monitor;
use crate::problem::validate::check_matrix;
use crate::{Error, Result, Status};
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

/// The solution of one problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The solution.
    pub coef: Array1<f64>,
    /// Coefficients of the components.
    pub combinator: Array1<f64>,
    /// Misfit of the solution, as a share of the norm of the right-hand side.
    pub residual: f64,
    /// [`Status::Recovered`], [`Status::Dense`] or [`Status::Infeasible`].
    pub status: Status,
    /// Bound on the nonzeros of the training solutions behind the components; 0 without components.
    pub max_nonzero: usize,
}

/// Components, and what is known of them.
#[derive(Debug, Clone, Copy)]
pub struct Components<'a> {
    /// Columns of norm 1, shape `(n, n_components)`.
    pub columns: ArrayView2<'a, f64>,
    /// Error of a component, as a share of its norm.
    pub error: f64,
    /// Bound on the nonzeros of the training solutions that they come from.
    pub max_nonzero: usize,
}

pub(super) fn check_components(a: ArrayView2<'_, f64>, components: &Components<'_>) -> Result<()> {
    check_matrix("components_", components.columns)?;
    if components.columns.nrows() == a.ncols() {
        return Ok(());
    }
    Err(Error::Shape {
        what: "components_",
        expected: format!("({}, n_components), one row for each column of `A`", a.ncols()),
        found: format!("{:?}", components.columns.dim()),
    })
}

/// Solves `A x = b_l`, for the columns of `b`, by sparse combinations of components (Algorithm 1): `min ||z||_1` subject
/// to `A X z = b_l`; then least squares on the nonzeros of `X z`, where they are fewer than chance would have, frees the
/// solution of the errors of the components.
///
/// # Errors
/// As [`recover`](super::recover), but `A` and the components were checked before.
pub(super) fn recover_by(
    a: ArrayView2<'_, f64>,
    rank: usize,
    components: &Components<'_>,
    b: ArrayView2<'_, f64>,
    tol: f64,
    monitor: &Monitor<'_>,
) -> Result<Vec<Recovery>> {
    let images = product(a, components.columns);
    let equations = Equations::new(images.view(), b.ncols())?;
    let sizes = components.columns.map_axis(Axis(1), |row| row.iter().map(|v| v.abs()).sum::<f64>());
    let request = Request { tolerance: tol.max(components.error), most_nonzeros: None };
    let solutions = equations.solve_many(b, request, monitor)?;
    // As many members as images have dimensions: of many such combinations one, or what any right-hand side has.
    let ambiguous = equations.rank() < components.columns.ncols() || equations.rank() >= rank;
    let found = solutions.into_iter().zip(b.columns()).map(|(solution, b)| {
        let (coef, combinator) = combine(components, &sizes, &solution);
        let (coef, residual) = polish(a, b, coef, sparser_than_chance(rank), tol);
        let proves_nothing = ambiguous && solution.support.len() >= equations.rank();
        // NaN is no recovery.
        let solved = residual <= tol;
        let status = match (solved, proves_nothing) {
            (false, _) => Status::Infeasible,
            (true, true) => Status::Dense,
            (true, false) => Status::Recovered,
        };
        Recovery { coef, combinator, residual, status, max_nonzero: components.max_nonzero }
    });
    Ok(found.collect())
}

/// `X z`, with exact zeros where components cancel, and `z`; `sizes` are the l1 norms of the rows of `X`.
fn combine(components: &Components<'_>, sizes: &Array1<f64>, solution: &Solution) -> (Array1<f64>, Array1<f64>) {
    let mut combinator = Array1::zeros(components.columns.ncols());
    solution.support.iter().zip(&solution.values).for_each(|(&k, v)| combinator[k] = *v);
    let mut coef = components.columns.dot(&combinator);
    let largest = solution.values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    coef.zip_mut_with(sizes, |v, size| *v = if v.abs() <= CANCELLED * largest * size { 0.0 } else { *v });
    (coef, combinator)
}

fn misfit(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>, coef: &Array1<f64>) -> f64 {
    let size = norm(b);
    if size > 0.0 { norm(&(&b - &a.dot(coef))) / size } else { 0.0 }
}

/// The solution `coef`, or least squares on its support where that is better, and the misfit.
fn polish(
    a: ArrayView2<'_, f64>,
    b: ArrayView1<'_, f64>,
    coef: Array1<f64>,
    max_nonzero: usize,
    tol: f64,
) -> (Array1<f64>, f64) {
    let residual = misfit(a, b, &coef);
    let support: Vec<usize> = (0..coef.len()).filter(|&j| coef[j] != 0.0).collect();
    if residual > ROUNDING && support.len() <= max_nonzero {
        let refitted = refit(a, b, support, max_nonzero, tol);
        if refitted.1 < residual {
            return refitted;
        }
    }
    (coef, residual)
}

/// Least squares on some columns, and its misfit. Where it does not solve the equations, columns that its residual is
/// most correlated with are added one by one, for small entries of a component may have been missed: but only an exact
/// solution with at most `max_nonzero` nonzeros is believed then.
fn refit(
    a: ArrayView2<'_, f64>,
    b: ArrayView1<'_, f64>,
    mut support: Vec<usize>,
    max_nonzero: usize,
    tol: f64,
) -> (Array1<f64>, f64) {
    let fit = |support: &[usize]| {
        let values =
            NestedLeastSquares::new(a.select(Axis(1), support).view(), &b.to_vec()).coefficients(support.len());
        let mut coef = Array1::zeros(a.ncols());
        support.iter().zip(values).for_each(|(&j, v)| coef[j] = v);
        let residual = misfit(a, b, &coef);
        (coef, residual)
    };
    let first = fit(&support);
    let mut last = first.clone();
    for _ in 0..MOST_MISSED {
        if last.1 <= tol || support.len() >= max_nonzero {
            break;
        }
        let left = &b - &a.dot(&last.0);
        let correlation = |j: &usize| {
            let column = a.column(*j);
            let size = norm(column);
            if size > 0.0 { (column.dot(&left) / size).abs() } else { 0.0 }
        };
        let inactive = (0..a.ncols()).filter(|&j| last.0[j] == 0.0);
        let Some(next) = inactive.max_by(|i, j| correlation(i).total_cmp(&correlation(j))) else { break };
        support.push(next);
        last = fit(&support);
    }
    if last.1 <= tol.min(EXACT) { last } else { first }
}
