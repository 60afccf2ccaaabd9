//! The l1 homotopy: `min ||x||_1` subject to equations, by the path of `min lambda ||x||_1 + ||misfit||^2 / 2` from
//! the `lambda` at which a first coefficient turns nonzero down to 0.
//!
//! Letters: `G` Gram matrix of the equations, `c` correlations of their columns with the right-hand side, `S` the active
//! columns, `s` their signs. Between two events `x_S = a - lambda d`, and the correlations with the misfit are
//! `e + lambda u`, with `G_SS a = c_S`, `G_SS d = s`, `e = c - G_S a`, `u = G_S d`. All four are computed anew in each
//! step, so that rounding does not add up. Where `e` is 0 and `a` has the signs `s`, the path is at its end, and `u` are
//! the reduced costs of the linear program.

use super::gram::Gram;
use crate::Result;
use crate::linalg::growing_cholesky::GrowingCholesky;
use crate::linalg::multiply_transposed;
use crate::monitor::Monitor;
use ndarray::ArrayView2;

/// A column with no more of its square outside the span of the active ones is a combination of them.
const DEPENDENT: f64 = 1e-13;
/// Correlations with the misfit, and coefficients, below this share of the largest are rounding.
const ROUNDING: f64 = 1e-13;
/// Steps in a row that do not lower `lambda` before ties are taken for a cycle.
const MOST_TIES: usize = 40;

/// Where to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Active columns.
    pub n_active: usize,
    /// Steps.
    pub n_steps: usize,
    /// Misfit of least squares on the active columns, as a share of the norm of the right-hand side.
    pub misfit: f64,
}

/// Why a path ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The equations hold, to the misfit that was allowed.
    Solved,
    /// A limit came first.
    Limit,
    /// Ties that one step at a time does not resolve.
    Tied,
}

/// The end of a path.
#[derive(Debug)]
pub(crate) struct Path {
    /// Active columns, in the order in which they came.
    pub active: Vec<usize>,
    /// Their signs.
    pub signs: Vec<f64>,
    /// Their coefficients at `lambda = 0`.
    pub values: Vec<f64>,
    /// Steps.
    pub n_steps: usize,
    /// Why it ended.
    pub end: End,
}

enum Event {
    Join { column: usize, sign: f64 },
    Leave { place: usize },
}

/// Follows the path for the correlations `c = F^T b` where `G = F^T F`, of `F` with orthonormal rows.
///
/// # Errors
/// [`Error::Interrupted`](crate::Error::Interrupted) where `monitor` is stopped.
///
/// # Complexity
/// A step costs `O(n k)` with `k` active columns, and what a column of `G` costs where one joins. There are about as
/// many steps as columns at the end, and a few times as many for correlated columns.
pub(crate) fn follow(gram: Gram<'_>, correlations: &[f64], limits: Limits, monitor: &Monitor<'_>) -> Result<Path> {
    let n = gram.size();
    let norm = correlations.iter().map(|c| c * c).sum::<f64>().sqrt();
    let largest = correlations.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
    let mut path = Path { active: vec![], signs: vec![], values: vec![], n_steps: 0, end: End::Solved };
    let mut slopes: Vec<f64> = vec![];
    let (mut factor, mut columns) = (GrowingCholesky::default(), Vec::<f64>::new());
    // Columns that may not join: active, or a combination of active ones.
    let mut barred = vec![false; n];
    let mut lines = [correlations, &vec![0.0; n]].concat();
    let (mut lambda, mut n_ties) = (largest, 0);
    loop {
        let (e, u) = lines.split_at(n);
        let mut next: Option<(f64, Event)> = None;
        // F^T is an isometry: this is the norm of the misfit itself.
        if e.iter().map(|e| e * e).sum::<f64>().sqrt() > limits.misfit * norm {
            for (j, ((&e, &u), &barred)) in e.iter().zip(u).zip(&barred).enumerate() {
                let slack = 1.0 - e.signum() * u;
                let at = e.abs() / slack;
                if !barred && e.abs() > ROUNDING * largest && slack > ROUNDING && next.as_ref().is_none_or(|n| at > n.0)
                {
                    next = Some((at, Event::Join { column: j, sign: e.signum() }));
                }
            }
        }
        // A coefficient that ends at 0 has to stay: it holds its column's reduced cost at 1.
        let negligible = ROUNDING * path.values.iter().fold(0.0, |most: f64, a| most.max(a.abs()));
        for (i, ((a, d), s)) in path.values.iter().zip(&slopes).zip(&path.signs).enumerate() {
            let at = a / d;
            if a * s < -negligible && at > 0.0 && next.as_ref().is_none_or(|n| at > n.0) {
                next = Some((at, Event::Leave { place: i }));
            }
        }
        let Some((at, event)) = next else { return Ok(path) };
        monitor.check()?;
        n_ties = if at < lambda * (1.0 - ROUNDING) { 0 } else { n_ties + 1 };
        lambda = at.min(lambda);
        path.end = match event {
            _ if n_ties > MOST_TIES => End::Tied,
            Event::Join { .. } if path.active.len() >= limits.n_active => End::Limit,
            _ if path.n_steps >= limits.n_steps => End::Limit,
            _ => End::Solved,
        };
        if path.end != End::Solved {
            return Ok(path);
        }
        path.n_steps += 1;
        match event {
            Event::Join { column, sign } => {
                barred[column] = true;
                let start = columns.len();
                columns.resize(start + n, 0.0);
                gram.column(column, &mut columns[start..]);
                let row = path.active.iter().chain([&column]).map(|&i| columns[start + i]).collect();
                if factor.push(row, DEPENDENT) {
                    path.active.push(column);
                    path.signs.push(sign);
                } else {
                    columns.truncate(start);
                    continue;
                }
            }
            Event::Leave { place } => {
                path.active.remove(place);
                path.signs.remove(place);
                factor.remove(place);
                columns.drain(place * n..(place + 1) * n);
                barred.fill(false);
                path.active.iter().for_each(|&j| barred[j] = true);
            }
        }
        let k = path.active.len();
        path.values = path.active.iter().map(|&j| correlations[j]).collect();
        slopes = path.signs.clone();
        factor.solve(&mut path.values);
        factor.solve(&mut slopes);
        let weights = [path.values.as_slice(), &slopes].concat();
        let Ok(active) = ArrayView2::from_shape((k, n), &columns) else { return Ok(path) };
        multiply_transposed(active, &weights, &mut lines);
        lines.iter_mut().zip(correlations).for_each(|(line, c)| *line = c - *line);
    }
}
