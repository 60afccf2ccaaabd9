//! Solutions of hard problems from components (Algorithm 1).

use super::{check_tolerance, norm, sparser_than_chance};
use crate::l1::{Equations, Request};
use crate::linalg::least_squares::NestedLeastSquares;
use crate::linalg::rotation::product;
use crate::monitor::Monitor;
use crate::problem::check_matrix;
use crate::{Error, Result};
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

/// A sum of members is zero if it is below this share of the largest that they could give.
const CANCELLED: f64 = 1e-12;
/// Entries of components that may be lost and found again.
const MOST_LOST: usize = 8;
/// Misfit, as a share of the right-hand side, at which a solution with entries found again is believed.
const EXACT: f64 = 1e-7;
/// Misfits below this share of the right-hand side are rounding.
const ROUNDING: f64 = 1e-13;

/// How a recovery ended. None of these is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// A sparse combination of components solves the problem.
    Recovered,
    /// The combination has as many members as there are independent equations, and proves nothing: any right-hand side
    /// in their range has one.
    Dense,
    /// No combination of components solves it.
    Infeasible,
}

impl Finding {
    /// The name that Python shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::Dense => "dense",
            Self::Infeasible => "infeasible",
        }
    }
}

/// The solution of one problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The solution.
    pub coef: Array1<f64>,
    /// Coefficients of the components.
    pub combinator: Array1<f64>,
    /// Misfit of the solution, as a share of the norm of the right-hand side.
    pub residual: f64,
    /// How it ended.
    pub finding: Finding,
}

/// Components, and what is known of them and their matrix.
#[derive(Debug, Clone, Copy)]
pub struct Components<'a> {
    /// Columns of norm 1, shape `(n, n_components)`.
    pub columns: ArrayView2<'a, f64>,
    /// Error of a component, as a share of its norm.
    pub error: f64,
    /// Rank of `A`, see [`Training`](super::Training).
    pub rank: usize,
}

/// Solves `A x = b_l`, for the columns of `b`, by sparse combinations of components (Algorithm 1): `min ||z||_1` subject
/// to `A X z = b_l`; then least squares on the nonzeros of `X z`, where they are fewer than chance would have, frees the
/// solution of the errors of the components.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NonFinite`], naming `A`, `B` or `components_`; [`Error::InvalidParameter`] for a tolerance
/// outside (0, 1); [`Error::NoDecomposition`]; [`Error::Interrupted`] where the caller asks to stop.
///
/// # Complexity
/// One product `A X` and, for each problem, one basis pursuit with as many columns as components, and `O(m k^2)` for a
/// solution with `k` nonzeros.
pub fn recover(
    a: ArrayView2<'_, f64>,
    components: Components<'_>,
    b: ArrayView2<'_, f64>,
    tolerance: f64,
    monitor: &Monitor<'_>,
) -> Result<Vec<Recovery>> {
    check_tolerance(tolerance)?;
    check_matrix("A", a)?;
    check_matrix("components_", components.columns)?;
    if components.columns.nrows() != a.ncols() {
        return Err(Error::Shape {
            what: "components_",
            expected: format!("({}, n_components), one row for each column of `A`", a.ncols()),
            found: format!("{:?}", components.columns.dim()),
        });
    }
    let images = product(a, components.columns);
    let equations = Equations::new(images.view(), b.ncols())?;
    let sizes = components.columns.map_axis(Axis(1), |row| row.iter().map(|v| v.abs()).sum::<f64>());
    let request = Request { tolerance: tolerance.max(components.error), most_nonzeros: None };
    let solutions = equations.solve_many(b, request, monitor)?;
    let found = solutions.into_iter().zip(b.columns()).map(|(solution, b)| {
        let mut combinator = Array1::zeros(components.columns.ncols());
        solution.support.iter().zip(&solution.values).for_each(|(&k, v)| combinator[k] = *v);
        let mut coef = components.columns.dot(&combinator);
        // Where members cancel, the zero is exact.
        let largest = solution.values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        coef.zip_mut_with(&sizes, |v, size| *v = if v.abs() <= CANCELLED * largest * size { 0.0 } else { *v });
        let mut residual = misfit(a, b, &coef);
        let support: Vec<usize> = (0..coef.len()).filter(|&j| coef[j] != 0.0).collect();
        if residual > ROUNDING && support.len() <= sparser_than_chance(components.rank) {
            let (polished, left) = polish(a, b, support, sparser_than_chance(components.rank), tolerance);
            if left < residual {
                (coef, residual) = (polished, left);
            }
        }
        // As many members as images have dimensions: of many such combinations one, or what any right-hand side has.
        let ambiguous = equations.rank() < components.columns.ncols() || equations.rank() >= components.rank;
        let any = solution.support.len() >= equations.rank() && ambiguous;
        // NaN is no recovery.
        let solved = residual <= tolerance;
        let finding = match (solved, any) {
            (false, _) => Finding::Infeasible,
            (true, true) => Finding::Dense,
            (true, false) => Finding::Recovered,
        };
        Recovery { coef, combinator, residual, finding }
    });
    Ok(found.collect())
}

fn misfit(a: ArrayView2<'_, f64>, b: ArrayView1<'_, f64>, coef: &Array1<f64>) -> f64 {
    let size = norm(b);
    if size > 0.0 { norm(&(&b - &a.dot(coef))) / size } else { 0.0 }
}

/// Least squares on some columns, and its misfit. Where it does not solve the equations, columns that its residual points at
/// are added one by one, for small entries of a component may be lost: but only an exact solution with at most
/// `most_nonzeros` nonzeros is believed then.
fn polish(
    a: ArrayView2<'_, f64>,
    b: ArrayView1<'_, f64>,
    mut support: Vec<usize>,
    most_nonzeros: usize,
    tolerance: f64,
) -> (Array1<f64>, f64) {
    let fit = |support: &[usize]| {
        let values = NestedLeastSquares::new(a, support, &b.to_vec()).coefficients(support.len());
        let mut coef = Array1::zeros(a.ncols());
        support.iter().zip(values).for_each(|(&j, v)| coef[j] = v);
        let residual = misfit(a, b, &coef);
        (coef, residual)
    };
    let first = fit(&support);
    let mut last = first.clone();
    for _ in 0..MOST_LOST {
        if last.1 <= tolerance || support.len() >= most_nonzeros {
            break;
        }
        let left = &b - &a.dot(&last.0);
        let pull = |j: &usize| {
            let column = a.column(*j);
            let size = norm(column);
            if size > 0.0 { (column.dot(&left) / size).abs() } else { 0.0 }
        };
        let outside = (0..a.ncols()).filter(|&j| last.0[j] == 0.0);
        let Some(next) = outside.max_by(|i, j| pull(i).total_cmp(&pull(j))) else { break };
        support.push(next);
        last = fit(&support);
    }
    if last.1 <= tolerance.min(EXACT) { last } else { first }
}
