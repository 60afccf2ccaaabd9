//! The simplex method for `min ||x||_1` subject to `F x = z`, for what ties keep the homotopy from solving.
//!
//! Coefficients are free in sign, so that every basis is feasible: `x_B = v - T x_N` with `T = F_B^-1 F_N`. A column
//! enters where its reduced cost `u = s_B^T T` exceeds 1 in size, and moves on past all coefficients that change sign for
//! as long as the norm falls. A small random shift of `v` keeps ties apart; it moves the vertex, but not the reduced
//! costs of a basis, so that the last basis is optimal without it, too.

use super::tolerances::simplex::{DEPENDENT, PIVOT, ROUNDING, SHIFT};
use crate::Result;
use crate::linalg::least_squares::NestedLeastSquares;
use crate::monitor::Monitor;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A basis that is optimal, and the signs of its coefficients.
pub(crate) struct Vertex {
    pub basis: Vec<usize>,
    pub signs: Vec<f64>,
    pub n_steps: usize,
}

/// Solves from a basis that has as many of the columns `start` as are independent; `None` after `limit` steps. The rows of `f` are orthonormal.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) where `monitor` is stopped.
///
/// # Complexity
/// `O(m^2 n)` to begin, `O(m n)` a step, for `f` of shape `(m, n)`.
pub(crate) fn minimise(
    f: ArrayView2<'_, f64>,
    z: &[f64],
    start: &[usize],
    limit: usize,
    monitor: &Monitor<'_>,
) -> Result<Option<Vertex>> {
    let m = f.nrows();
    let mut basis = first_basis(f, start);
    if basis.len() < m {
        return Ok(None);
    }
    let solver = NestedLeastSquares::new(f.select(Axis(1), &basis).view(), z);
    let (mut tableau, _) = solver.project(f);
    let mut values = shifted(solver.coefficients(m));
    for n_steps in 0..limit {
        let signs: Vec<f64> = values.iter().map(|v| v.signum()).collect();
        let costs = reduced_costs(&tableau, &signs);
        let (entering, cost) = costs.iter().enumerate().fold((0, 0.0), |most: (usize, f64), (j, &u)| {
            if u.abs() > most.1.abs() && !basis.contains(&j) { (j, u) } else { most }
        });
        if cost.abs() <= 1.0 + ROUNDING {
            return Ok(Some(Vertex { basis, signs, n_steps }));
        }
        monitor.check()?;
        let Some((leaving, length)) = line_search(&tableau, &values, entering, cost) else { break };
        exchange(&mut tableau, &mut values, entering, leaving, length);
        basis[leaving] = entering;
    }
    Ok(None)
}

/// As many columns as `f` has rows, well apart from each other: of `start` first, then of all.
fn first_basis(f: ArrayView2<'_, f64>, start: &[usize]) -> Vec<usize> {
    let (m, n) = f.dim();
    let mut left = f.to_owned();
    let mut squares = left.map_axis(Axis(0), |column| column.dot(&column));
    let mut basis = Vec::with_capacity(m);
    let all: Vec<usize> = (0..n).collect();
    for candidates in [start, &all] {
        while basis.len() < m {
            let farthest = candidates.iter().copied().max_by(|&i, &j| squares[i].total_cmp(&squares[j]));
            let Some(column) = farthest.filter(|&j| squares[j] > DEPENDENT * DEPENDENT) else { break };
            let direction = &left.column(column) / squares[column].sqrt();
            let shares: Array1<f64> = direction.dot(&left);
            for (mut row, along) in left.rows_mut().into_iter().zip(&direction) {
                row.scaled_add(-along, &shares);
            }
            squares = left.map_axis(Axis(0), |column| column.dot(&column));
            squares[column] = 0.0;
            basis.push(column);
        }
    }
    basis
}

/// A generator from a fixed seed: the same problem, the same steps.
fn shifted(mut values: Vec<f64>) -> Vec<f64> {
    let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for value in &mut values {
        let size: f64 = rng.random_range(0.5..1.0);
        *value += SHIFT * largest * if rng.next_u32() % 2 == 0 { size } else { -size };
    }
    values
}

fn reduced_costs(tableau: &Array2<f64>, signs: &[f64]) -> Vec<f64> {
    let mut costs = vec![0.0; tableau.ncols()];
    for (row, sign) in tableau.rows().into_iter().zip(signs) {
        costs.iter_mut().zip(row).for_each(|(cost, entry)| *cost += sign * entry);
    }
    costs
}

/// The basic coefficient that is 0 where the norm is least along the entering column, and the signed distance.
fn line_search(tableau: &Array2<f64>, values: &[f64], entering: usize, cost: f64) -> Option<(usize, f64)> {
    let direction = cost.signum();
    let mut kinks: Vec<(f64, usize)> = Vec::new();
    for (i, (&entry, value)) in tableau.column(entering).iter().zip(values).enumerate() {
        let at = value / (direction * entry);
        if entry.abs() > PIVOT && at > 0.0 {
            kinks.push((at, i));
        }
    }
    kinks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut slope = 1.0 - cost.abs();
    for (at, i) in kinks {
        slope += 2.0 * tableau[[i, entering]].abs();
        if slope >= 0.0 {
            return Some((i, direction * at));
        }
    }
    None
}

fn exchange(tableau: &mut Array2<f64>, values: &mut [f64], entering: usize, leaving: usize, length: f64) {
    let pivot = tableau[[leaving, entering]];
    tableau.row_mut(leaving).mapv_inplace(|entry| entry / pivot);
    let row = tableau.row(leaving).to_owned();
    for (i, value) in values.iter_mut().enumerate() {
        if i == leaving {
            *value = length;
            continue;
        }
        let share = tableau[[i, entering]];
        *value -= share * length;
        tableau.row_mut(i).scaled_add(-share, &row);
    }
}
