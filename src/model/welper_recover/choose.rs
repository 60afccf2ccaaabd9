//! The choice among levels: what a training as a whole has shown, and the sparsest of the solutions that the levels give
//! (Algorithm 3).

use super::recover::{Components, Recovery, check_components, recover_by};
use super::tolerances::NEGLIGIBLE;
use super::{WelperSettings, norm};
use crate::factorization::Factorization;
use crate::l1::Solution;
use crate::linalg::least_squares::NestedLeastSquares;
use crate::monitor::Monitor;
use crate::problem::validate::check_matrix;
use crate::settings::Checked;
use crate::{Result, Status};
use ndarray::{Array1, Array2, ArrayView2};

/// Components from the solutions that keep one bound on their nonzeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The bound on the nonzeros.
    pub max_nonzero: usize,
    /// Training problems whose solutions keep it, ascending.
    pub kept: Vec<usize>,
    /// The factor of these solutions.
    pub factor: Factorization,
}

/// Whether the best of the levels has as many sparse components as dimensions, and as many as were expected.
pub(super) fn training_status(levels: &[Level], n_components: Option<usize>) -> Status {
    let Some(Level { factor, .. }) = levels.first() else { return Status::NoEasyProblems };
    match n_components.unwrap_or(factor.rank) {
        expected if factor.rank < expected => Status::TooFew,
        expected if factor.rank > expected => Status::TooMany,
        _ if factor.is_complete() => Status::Complete,
        _ => Status::Incomplete,
    }
}

/// Coefficients of the components of a level for the solutions that it keeps, by least squares; shape `(n_components,
/// n_kept)`.
pub(super) fn combinators(n: usize, level: &Level, solutions: &[Solution]) -> Array2<f64> {
    let components = level.factor.to_dense(n);
    let all: Vec<usize> = (0..components.ncols()).collect();
    let mut kept = vec![0.0; n * level.kept.len()];
    for (column, &l) in kept.chunks_exact_mut(n.max(1)).zip(&level.kept) {
        solutions[l].support.iter().zip(&solutions[l].values).for_each(|(&j, v)| column[j] = *v);
    }
    let found = NestedLeastSquares::new(components.view(), &kept).coefficients(all.len());
    let mut found = Array2::from_shape_vec((level.kept.len(), all.len()), found).unwrap_or_default().reversed_axes();
    for (mut column, &l) in found.columns_mut().into_iter().zip(&level.kept) {
        let largest = solutions[l].values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        let rounding = level.factor.error.max(NEGLIGIBLE) * largest;
        column.mapv_inplace(|v| if v.abs() <= rounding { 0.0 } else { v });
    }
    found
}

/// Solves `A x = b_l`, for the columns of `b`, by sparse combinations of components: of what the levels give, the sparsest
/// solution (Algorithm 3). Where none is one, the nearest to one; without components, zeros.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) or [`Error::NonFinite`](crate::Error::NonFinite), naming `A`, `B` or
/// `components_`; [`Error::NoDecomposition`](crate::Error::NoDecomposition);
/// [`Error::Interrupted`](crate::Error::Interrupted) where `monitor` is stopped.
///
/// # Complexity
/// For each level one product `A X` and, for each problem, one basis pursuit with as many columns as components, and
/// `O(m k^2)` for a solution with `k` nonzeros.
pub fn recover(
    a: ArrayView2<'_, f64>,
    rank: usize,
    levels: &[Components<'_>],
    b: ArrayView2<'_, f64>,
    settings: &Checked<WelperSettings>,
    monitor: &Monitor<'_>,
) -> Result<Vec<Recovery>> {
    check_matrix("A", a)?;
    levels.iter().try_for_each(|level| check_components(a, level))?;
    let n_components = levels.iter().map(|level| level.columns.ncols()).max().unwrap_or(0);
    let nothing = |size: f64| Recovery {
        coef: Array1::zeros(a.ncols()),
        combinator: Array1::zeros(n_components),
        residual: if size > 0.0 { 1.0 } else { 0.0 },
        status: Status::Infeasible,
        max_nonzero: 0,
    };
    let mut best: Vec<(f64, Recovery)> = b.columns().into_iter().map(|b| (f64::INFINITY, nothing(norm(b)))).collect();
    for level in levels {
        let found = recover_by(a, rank, level, b, settings.tol, monitor)?;
        for (best, mut found) in best.iter_mut().zip(found) {
            let cost = cost(&found);
            if cost < best.0 {
                let padding = vec![0.0; n_components - found.combinator.len()];
                found.combinator = found.combinator.into_iter().chain(padding).collect();
                *best = (cost, found);
            }
        }
    }
    Ok(best.into_iter().map(|(_, found)| found).collect())
}

/// Nonzeros; of what any right-hand side may have more than any solution, and of no solution more still.
fn cost(found: &Recovery) -> f64 {
    let (nonzeros, n) = (found.coef.iter().filter(|v| **v != 0.0).count() as f64, found.coef.len() as f64);
    match found.status {
        Status::Infeasible => nonzeros + n * (1.0 + found.residual),
        Status::Dense => nonzeros + n,
        _ => nonzeros,
    }
}
