//! The recovery certificate: a check, after the fact, that a noise-free solution is the sparsest one.
//!
//! If any `r` columns of the design are independent (`r` its rank), a solution of `X z = y` with fewer than `r`
//! nonzeros is, for almost every `z`, the sparsest one. In floating point "solves" means a residual within rounding,
//! and three things can go wrong: rounding may be large (an ill-conditioned design), some other set of columns may come
//! as close by chance (many sets, few spare rows), and a near copy of a chosen column may do as well. All three are
//! checked, in coordinates where the rows of the design are orthonormal, so that no direction hides a misfit.

use super::evidence::ln_choose;
use super::tolerances::{ACCIDENT, EXCHANGE_MARGIN, ROUNDING};
use crate::linalg::least_squares::NestedLeastSquares;
use libm::lgamma;
use ndarray::{ArrayView2, Axis};

/// What a certificate is checked against.
#[derive(Debug, Clone)]
pub struct Certifier<'a> {
    /// The design in orthonormal coordinates, shape `(rank, n_cols)`.
    pub basis: ArrayView2<'a, f64>,
    /// The response in the same coordinates; several one after the other.
    pub response: &'a [f64],
    /// Singular values of the responses in these coordinates, falling; the norm of a single one.
    pub spread: &'a [f64],
    /// Norm of the response before whitening, over all responses, in units in which columns have norm 1.
    pub response_norm: f64,
    /// Smallest singular value of the design with columns of norm 1.
    pub smallest_singular: f64,
    /// Unit roundoff of the data: `f64::EPSILON / 2`, or that of float32.
    pub precision: f64,
}

/// A solution to within rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// The solution.
    pub solution: Certified,
    /// Whether it was proved to be the sparsest one.
    pub proved: bool,
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
    /// The smallest misfit that means anything, for coefficients whose norms over the responses have this sum.
    pub(crate) fn tolerance(&self, l1_norm: f64) -> f64 {
        ROUNDING * self.precision * (self.response_norm + l1_norm) / self.smallest_singular
    }

    /// The certified solution among those that [`exact`](Self::exact) finds.
    ///
    /// # Complexity
    /// As [`exact`](Self::exact).
    pub fn attempt(&self, score: &[f64]) -> Option<Certified> {
        self.exact(score).filter(|exact| exact.proved).map(|exact| exact.solution)
    }

    /// Tries the columns in falling order of `score` (at most `rank - 1` of them, and none of score 0).
    ///
    /// # Complexity
    /// One QR of `rank x rank`, two more and `O(rank^2 n_cols)` on success.
    pub fn exact(&self, score: &[f64]) -> Option<Exact> {
        let rank = self.basis.nrows();
        let mut order: Vec<usize> = (0..score.len()).filter(|&j| score[j] > 0.0).collect();
        order.sort_unstable_by(|&a, &b| score[b].total_cmp(&score[a]).then(a.cmp(&b)));
        order.truncate(rank.saturating_sub(1));

        // Shrink to the shortest prefix that fits, order it by its coefficients, and shrink again.
        for _ in 0..2 {
            let fit = NestedLeastSquares::new(self.basis.select(Axis(1), &order).view(), self.response);
            let tolerance = self.tolerance(fit.norms(order.len()).iter().sum());
            let size = fit.residual.iter().position(|&residual| residual <= tolerance)?;
            let norms = fit.norms(size);
            let mut ranked: Vec<usize> = (0..size).collect();
            ranked.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
            order = ranked.into_iter().map(|i| order[i]).collect();
        }

        let fit = NestedLeastSquares::new(self.basis.select(Axis(1), &order).view(), self.response);
        let norms = fit.norms(order.len());
        let tolerance = self.tolerance(norms.iter().sum());
        let fits = fit.residual[order.len()] <= tolerance && norms.iter().all(|norm| norm.is_finite());
        if !fits {
            return None;
        }
        let proved =
            self.accident_is_ruled_out(order.len(), tolerance) && self.exchange_fails(&fit, &order, &norms, tolerance);
        let z = fit.coefficients(order.len());
        let mut ascending: Vec<usize> = (0..order.len()).collect();
        ascending.sort_unstable_by_key(|&i| order[i]);
        let each = z.chunks_exact(order.len().max(1));
        let coefficients = each.flat_map(|z| ascending.iter().map(|&i| z[i])).collect();
        let support = ascending.iter().map(|&i| order[i]).collect();
        Some(Exact { solution: Certified { support, coefficients }, proved })
    }

    /// A response in general position comes within `t = tolerance / ||response||` of the span of a given set of `k`
    /// columns with probability at most `t^m / (m/2 B(k/2, m/2))`, `m = rank - k`; there are `n choose k` sets.
    ///
    /// Of several responses, the second direction has the same chance in the `rank - 1` dimensions that the first left
    /// (`k - 1` of them in the span), and so on, each against its own share of the norm.
    fn accident_is_ruled_out(&self, k: usize, tolerance: f64) -> bool {
        let (rank, n) = self.basis.dim();
        let half = |i: usize| 0.5 * i as f64;
        let spare = rank - k;
        let chance = |(taken, norm): (usize, &f64)| {
            let volume = match k.saturating_sub(taken) {
                0 => 0.0,
                k => lgamma(half(k + spare)) - lgamma(half(k)) - lgamma(half(spare) + 1.0),
            };
            (volume + spare as f64 * (tolerance / norm).ln()).min(0.0)
        };
        ln_choose(n, k) + self.spread.iter().enumerate().map(chance).sum::<f64>() < ACCIDENT.ln()
    }

    /// With `x_j = X_S a + e`, putting column `j` in the place of column `i` leaves a misfit of `|z_i| ||e|| / |a_i|`.
    fn exchange_fails(&self, fit: &NestedLeastSquares, order: &[usize], norms: &[f64], tolerance: f64) -> bool {
        let (a, distance) = fit.project(self.basis);
        let mut inside = vec![false; distance.len()];
        order.iter().for_each(|&j| inside[j] = true);
        (0..distance.len()).filter(|&j| !inside[j]).all(|j| {
            norms.iter().zip(a.column(j)).all(|(z, a)| z * distance[j] > EXCHANGE_MARGIN * tolerance * a.abs())
        })
    }
}
