//! The recovery certificate: a check, after the fact, that a noise-free solution is the sparsest one.
//!
//! If any `r` columns of the design are independent (`r` its rank), a solution of `X z = y` with fewer than `r`
//! nonzeros is, for almost every `z`, the sparsest one. In floating point "solves" means a residual within rounding of
//! the data, and three things can go wrong: a column may serve rounding alone, some other set of columns may come as
//! close by chance (many sets, few spare rows), and a near copy of a chosen column may do as well. The residual is
//! measured in the coordinates of the data, where rounding is known; chance and copies in coordinates where the rows of
//! the design are orthonormal, where no direction hides a misfit and rounding may be as large as the smallest singular
//! value allows.

use super::evidence::ln_choose;
use super::tolerances::{ACCIDENT, EXCHANGE_MARGIN, MATTERS, NEARLY, NOISE_MARGIN, ROUNDING};
use crate::design::Standardised;
use crate::linalg::least_squares::NestedLeastSquares;
use libm::lgamma;
use ndarray::{ArrayView2, Axis};

/// Columns that are projected onto a support at a time.
const PANEL: usize = 1 << 12;

/// What a certificate is checked against.
#[derive(Debug, Clone)]
pub struct Certifier<'a> {
    /// The design, columns of norm 1.
    pub design: &'a Standardised<'a>,
    /// The response in its coordinates; several one after the other.
    pub values: &'a [f64],
    /// The design in orthonormal coordinates of its row space, shape `(rank, n_cols)`.
    pub basis: ArrayView2<'a, f64>,
    /// The response in those coordinates; several one after the other.
    pub response: &'a [f64],
    /// Singular values of the responses in those coordinates, falling; the norm of a single one.
    pub spread: &'a [f64],
    /// Norm of the data that the response comes from, before their mean was taken away: its rounding is a share of it.
    pub response_size: f64,
    /// The same for each column.
    pub column_sizes: &'a [f64],
    /// Smallest singular value of the design.
    pub smallest_singular: f64,
    /// Unit roundoff of the data: `f64::EPSILON / 2`, or that of float32.
    pub precision: f64,
    /// Columns that supports are chosen from: more than the design has in a sub-problem of another one.
    pub n_choices: usize,
}

/// A solution to within rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// The solution.
    pub solution: Certified,
    /// What was proved of it.
    pub proof: Proof,
}

/// What is known of a solution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It solves the problem to within rounding, and is the sparsest one that does.
    Exact,
    /// It leaves more than rounding may, a thousandth of what any column explains at most, and no other support of its
    /// size leaves as little but by an accident.
    UpToNoise,
    /// It solves the problem to within rounding, perhaps as others do.
    None,
}

/// A certified solution.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// Columns with a nonzero coefficient, ascending.
    pub support: Vec<usize>,
    /// Their coefficients, response after response.
    pub coefficients: Vec<f64>,
}

impl Certifier<'_> {
    /// The rounding of the data: the smallest misfit that means anything, for columns with coefficients of these norms
    /// over the responses.
    pub(crate) fn rounding(&self, columns: &[usize], norms: &[f64]) -> f64 {
        let products = columns.iter().zip(norms).map(|(&j, z)| self.column_sizes[j] * z).sum::<f64>();
        ROUNDING * self.precision * (self.response_size + products)
    }

    /// Tries the columns in falling order of `score` (at most `rank - 1` of them, and none of score 0).
    ///
    /// # Complexity
    /// One QR of `n_rows x rank`, three more and `O(rank^2 n_cols)` on success.
    pub fn exact(&self, score: &[f64]) -> Option<Exact> {
        let rank = self.basis.nrows();
        let mut order: Vec<usize> = (0..score.len()).filter(|&j| score[j] > 0.0).collect();
        order.sort_unstable_by(|&a, &b| score[b].total_cmp(&score[a]).then(a.cmp(&b)));
        order.truncate(rank.saturating_sub(1));

        // Shrink to the shortest prefix that fits, order it by its coefficients, and shrink again.
        for _ in 0..2 {
            let fit = NestedLeastSquares::new(self.design.gather(&order).view(), self.values);
            let size = self.fitting_size(&fit, &order)?;
            let norms = fit.norms(size);
            let mut ranked: Vec<usize> = (0..size).collect();
            ranked.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
            order = ranked.into_iter().map(|i| order[i]).collect();
        }

        let fit = NestedLeastSquares::new(self.design.gather(&order).view(), self.values);
        let norms = fit.norms(order.len());
        if norms.iter().any(|norm| !norm.is_finite()) {
            return None;
        }
        let (rounding, residual) = (self.rounding(&order, &norms), fit.residual[order.len()]);
        let fits = residual <= rounding;
        let tolerance = if fits { rounding } else { NOISE_MARGIN * residual };
        let proved = fit.distances().iter().zip(&norms).all(|(d, z)| z * d > MATTERS * tolerance)
            && self.is_unrivalled(&order, tolerance / self.smallest_singular);
        let proof = match (fits, proved) {
            (true, true) => Proof::Exact,
            (false, true) => Proof::UpToNoise,
            (true, false) => Proof::None,
            (false, false) => return None,
        };
        let z = fit.coefficients(order.len());
        let mut ascending: Vec<usize> = (0..order.len()).collect();
        ascending.sort_unstable_by_key(|&i| order[i]);
        let each = z.chunks_exact(order.len().max(1));
        let coefficients = each.flat_map(|z| ascending.iter().map(|&i| z[i])).collect();
        let support = ascending.iter().map(|&i| order[i]).collect();
        Some(Exact { solution: Certified { support, coefficients }, proof })
    }

    /// Columns in the shortest prefix that leaves rounding alone; else in the one where the residual falls most, if it
    /// falls steeply and to little.
    fn fitting_size(&self, fit: &NestedLeastSquares, order: &[usize]) -> Option<usize> {
        let little = |k: &usize| fit.residual[*k] <= NEARLY * self.response_size;
        let fits = |k: &usize| fit.residual[*k] <= self.rounding(&order[..*k], &fit.norms(*k));
        let fall = |k: usize| fit.residual[k - 1] / fit.residual[k].max(f64::MIN_POSITIVE);
        (0..=order.len()).filter(little).find(fits).or_else(|| {
            let steepest = (1..=order.len()).filter(little).max_by(|&a, &b| fall(a).total_cmp(&fall(b)))?;
            (fall(steepest) > MATTERS).then_some(steepest)
        })
    }

    /// Whether neither an accident nor an exchange explains as much, up to a misfit of `tolerance` in orthonormal
    /// coordinates.
    fn is_unrivalled(&self, order: &[usize], tolerance: f64) -> bool {
        let fit = NestedLeastSquares::new(self.basis.select(Axis(1), order).view(), self.response);
        let norms = fit.norms(order.len());
        let distances = fit.distances();
        let least = norms.iter().zip(&distances).map(|(z, d)| z * d).fold(f64::INFINITY, f64::min);
        self.accident_is_ruled_out(order.len(), tolerance, least) && self.exchange_fails(&fit, order, &norms, tolerance)
    }

    /// A response in general position comes within `t = tolerance / ||response||` of the span of a given set of `k`
    /// columns with probability at most `t^m / (m/2 B(k/2, m/2))`, `m = rank - k`; there are `n choose k` sets.
    ///
    /// In general position is at least what the support leaves without one of its columns, of norm `least`: were that
    /// column to serve noise, the noise would have been in its way by accident.
    ///
    /// Of several responses, the second direction has the same chance in the `rank - 1` dimensions that the first left
    /// (`k - 1` of them in the span), and so on, each against its own share of the norm.
    fn accident_is_ruled_out(&self, k: usize, tolerance: f64, least: f64) -> bool {
        let (rank, n) = (self.basis.nrows(), self.n_choices);
        let half = |i: usize| 0.5 * i as f64;
        let spare = rank - k;
        let chance = |(taken, norm): (usize, &f64)| {
            let volume = match k.saturating_sub(taken) {
                0 => 0.0,
                k => lgamma(half(k + spare)) - lgamma(half(k)) - lgamma(half(spare) + 1.0),
            };
            (volume + spare as f64 * (tolerance / norm.min(least)).ln()).min(0.0)
        };
        ln_choose(n, k) + self.spread.iter().enumerate().map(chance).sum::<f64>() < ACCIDENT.ln()
    }

    /// With `x_j = X_S a + e`, putting column `j` in the place of column `i` leaves a misfit of `|z_i| ||e|| / |a_i|`.
    fn exchange_fails(&self, fit: &NestedLeastSquares, order: &[usize], norms: &[f64], tolerance: f64) -> bool {
        let mut is_chosen = vec![false; self.basis.ncols()];
        order.iter().for_each(|&j| is_chosen[j] = true);
        self.basis.axis_chunks_iter(Axis(1), PANEL).zip(is_chosen.chunks(PANEL)).all(|(panel, is_chosen)| {
            let (a, distance) = fit.project(panel);
            (0..distance.len()).filter(|&j| !is_chosen[j]).all(|j| {
                norms.iter().zip(a.column(j)).all(|(z, a)| z * distance[j] > EXCHANGE_MARGIN * tolerance * a.abs())
            })
        })
    }
}
