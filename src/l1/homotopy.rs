//! The l1 homotopy: `min ||x||_1` subject to equations, by the path of `min lambda ||x||_1 + ||misfit||^2 / 2` from
//! the `lambda` at which a first coefficient turns nonzero down to 0.
//!
//! Letters: `G` Gram matrix of the equations, `c` correlations of their columns with the right-hand side, `S` the active
//! columns, `s` their signs. Between two events `x_S = a - lambda d`, and the correlations with the misfit are
//! `e + lambda u`, with `G_SS a = c_S`, `G_SS d = s`, `e = c - G_S a`, `u = G_S d`. All four are computed anew in each
//! step, so that rounding does not add up. Where `e` is 0 and `a` has the signs `s`, the path is at its end, and `u` are
//! the reduced costs of the linear program.

use super::gram::Gram;
use super::tolerances::{DEPENDENT, MOST_TIES, ROUNDING};
use crate::Result;
use crate::linalg::growing_cholesky::GrowingCholesky;
use crate::linalg::multiply_transposed;
use crate::monitor::Monitor;
use ndarray::ArrayView2;

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

/// The active columns of the Gram matrix, its factor on them, and the lines along which coefficients and correlations
/// move until the next event.
struct Lines<'a> {
    gram: Gram<'a>,
    correlations: &'a [f64],
    /// The largest correlation with the right-hand side.
    largest: f64,
    factor: GrowingCholesky,
    columns: Vec<f64>,
    /// Columns that may not join: active, or a combination of active ones.
    barred: Vec<bool>,
    /// `d`.
    slopes: Vec<f64>,
    /// `e` and `u`.
    ends: Vec<f64>,
}

impl<'a> Lines<'a> {
    fn new(gram: Gram<'a>, correlations: &'a [f64]) -> Self {
        let n = gram.size();
        let largest = correlations.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
        let ends = [correlations, &vec![0.0; n]].concat();
        let (factor, barred) = (GrowingCholesky::default(), vec![false; n]);
        Self { gram, correlations, largest, factor, columns: vec![], barred, slopes: vec![], ends }
    }

    /// The event of the largest `lambda`, and that; none where the equations hold to `misfit`, a norm, and all
    /// coefficients have their signs.
    fn next_event(&self, path: &Path, misfit: f64) -> Option<(f64, Event)> {
        let (e, u) = self.ends.split_at(self.gram.size());
        let mut next: Option<(f64, Event)> = None;
        // F^T is an isometry: this is the norm of the misfit itself.
        if e.iter().map(|e| e * e).sum::<f64>().sqrt() > misfit {
            for (j, ((&e, &u), &barred)) in e.iter().zip(u).zip(&self.barred).enumerate() {
                let slack = 1.0 - e.signum() * u;
                let at = e.abs() / slack;
                let moves = e.abs() > ROUNDING * self.largest && slack > ROUNDING;
                if !barred && moves && next.as_ref().is_none_or(|n| at > n.0) {
                    next = Some((at, Event::Join { column: j, sign: e.signum() }));
                }
            }
        }
        // A coefficient that ends at 0 has to stay: it holds its column's reduced cost at 1.
        let negligible = ROUNDING * path.values.iter().fold(0.0, |most: f64, a| most.max(a.abs()));
        for (i, ((a, d), s)) in path.values.iter().zip(&self.slopes).zip(&path.signs).enumerate() {
            let at = a / d;
            if a * s < -negligible && at > 0.0 && next.as_ref().is_none_or(|n| at > n.0) {
                next = Some((at, Event::Leave { place: i }));
            }
        }
        next
    }

    /// Lets a column join or leave; whether the active columns are others now.
    fn exchange(&mut self, path: &mut Path, event: Event) -> bool {
        let n = self.gram.size();
        match event {
            Event::Join { column, sign } => {
                self.barred[column] = true;
                let start = self.columns.len();
                self.columns.resize(start + n, 0.0);
                self.gram.column(column, &mut self.columns[start..]);
                let row = path.active.iter().chain([&column]).map(|&i| self.columns[start + i]).collect();
                if !self.factor.push(row, DEPENDENT) {
                    self.columns.truncate(start);
                    return false;
                }
                path.active.push(column);
                path.signs.push(sign);
            }
            Event::Leave { place } => {
                path.active.remove(place);
                path.signs.remove(place);
                self.factor.remove(place);
                self.columns.drain(place * n..(place + 1) * n);
                self.barred.fill(false);
                path.active.iter().for_each(|&j| self.barred[j] = true);
            }
        }
        true
    }

    /// Computes the lines anew for other active columns.
    fn turn(&mut self, path: &mut Path) {
        path.values = path.active.iter().map(|&j| self.correlations[j]).collect();
        self.slopes.clone_from(&path.signs);
        self.factor.solve(&mut path.values);
        self.factor.solve(&mut self.slopes);
        let weights = [path.values.as_slice(), &self.slopes].concat();
        if let Ok(active) = ArrayView2::from_shape((path.active.len(), self.gram.size()), &self.columns) {
            multiply_transposed(active, &weights, &mut self.ends);
        }
        self.ends.iter_mut().zip(self.correlations).for_each(|(line, c)| *line = c - *line);
    }
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
    let misfit = limits.misfit * correlations.iter().map(|c| c * c).sum::<f64>().sqrt();
    let mut path = Path { active: vec![], signs: vec![], values: vec![], n_steps: 0, end: End::Solved };
    let mut lines = Lines::new(gram, correlations);
    let (mut lambda, mut n_ties) = (lines.largest, 0);
    while let Some((at, event)) = lines.next_event(&path, misfit) {
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
            break;
        }
        path.n_steps += 1;
        if lines.exchange(&mut path, event) {
            lines.turn(&mut path);
        }
    }
    Ok(path)
}
